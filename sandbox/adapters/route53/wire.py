"""DNS messages as they are on the wire (RFC 1035, with the sizes of RFC 6891): questions read, answers written."""

from __future__ import annotations

import ipaddress
import re
import struct
from collections.abc import Sequence
from dataclasses import dataclass

NOERROR, FORMERR, NXDOMAIN, NOTIMP, REFUSED = 0, 1, 3, 4, 5
TYPES = {"A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "MX": 15, "TXT": 16, "AAAA": 28}
INTERNET = 1
_OPT = 41
_SMALLEST, _LARGEST = 512, 4096
_HEADER = struct.Struct("!6H")
_RESPONSE, _RECURSION_DESIRED, _RECURSION_AVAILABLE, _TRUNCATED = 0x8000, 0x0100, 0x0080, 0x0200
_OPCODE = 0x7800
_LONGEST_LABEL = 63
_STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')
_ESCAPED = re.compile(r"\\([0-7]{3}|.)", re.DOTALL)


class MalformedError(ValueError):
    """A message is no question; it may have an id to answer to."""


@dataclass(frozen=True)
class Question:
    """A question.

    Attributes:
        id: The message's id.
        flags: The header's flags.
        name: The name, without a dot at its end.
        type: The number of the type.
        kind: The number of the class.
        asked: The question as it was written.
        size: How long the answer may be, 0 if the question did not say.
    """

    id: int
    flags: int
    name: str
    type: int
    kind: int
    asked: bytes
    size: int

    @property
    def is_standard(self) -> bool:
        """Whether it is a question, and no notification or update."""
        return not self.flags & _OPCODE


@dataclass(frozen=True)
class Resource:
    """A record of an answer.

    Attributes:
        name: Its name.
        type: Its type's number.
        ttl: How long it may be kept, in seconds.
        data: Its data.
    """

    name: str
    type: int
    ttl: int
    data: bytes


def question(message: bytes) -> Question:
    """Read a question.

    Args:
        message: The message.

    Raises:
        MalformedError: If it is none.
    """
    try:
        id, flags, questions, _, _, additional = _HEADER.unpack_from(message)
        if flags & _RESPONSE or questions != 1:
            raise MalformedError(f"one question is needed, got {questions} and flags {flags:#x}")
        labels, at = [], _HEADER.size
        while length := message[at]:
            if length > _LONGEST_LABEL:
                raise MalformedError("a question's name cannot be compressed")
            labels.append(message[at + 1 : at + 1 + length].decode("ascii"))
            at += 1 + length
        type, kind = struct.unpack_from("!2H", message, at + 1)
        end = at + 5
        size = 0
        if additional and len(message) > end + 4 and message[end] == 0:
            is_opt, size = struct.unpack_from("!2H", message, end + 1)
            size = max(size, _SMALLEST) if is_opt == _OPT else 0
    except (IndexError, UnicodeDecodeError, struct.error) as error:
        raise MalformedError(str(error)) from error
    return Question(id, flags, ".".join(labels), type, kind, message[_HEADER.size : end], size)


def answer(asked: Question, code: int, records: Sequence[Resource] = (), authority: Sequence[Resource] = ()) -> bytes:
    """Write an answer; without records if they are too many for it.

    Args:
        asked: The question.
        code: The response's code.
        records: The answer.
        authority: Who says that there is no answer.
    """
    flags = _RESPONSE | _RECURSION_AVAILABLE | (asked.flags & (_OPCODE | _RECURSION_DESIRED)) | code
    options = b"\0" + struct.pack("!2HIH", _OPT, _LARGEST, 0, 0) if asked.size else b""
    sections = b"".join(_written(one) for one in (*records, *authority))
    counts = len(records), len(authority)
    if _HEADER.size + len(asked.asked) + len(sections) + len(options) > min(asked.size or _SMALLEST, _LARGEST):
        flags, sections, counts = flags | _TRUNCATED, b"", (0, 0)
    header = _HEADER.pack(asked.id, flags, 1, *counts, bool(options))
    return header + asked.asked + sections + options


def refusal(message: bytes) -> bytes:
    """What a message that is no question is answered with; nothing if it has no id.

    Args:
        message: The message.
    """
    if len(message) < _HEADER.size or message[2] & 0x80:
        return b""
    kept = (message[2] << 8) & (_OPCODE | _RECURSION_DESIRED)
    return message[:2] + struct.pack("!5H", _RESPONSE | _RECURSION_AVAILABLE | kept | FORMERR, 0, 0, 0, 0)


def data(type: str, value: str) -> bytes:
    """A record's data.

    Args:
        type: Its type, one of :data:`TYPES`.
        value: Its value, as Route 53 has it.
    """
    if type in ("A", "AAAA"):
        return ipaddress.ip_address(value).packed
    if type == "TXT":
        strings = [_unescaped(one) for one in _STRING.findall(value)]
        return b"".join(bytes([len(one)]) + one for one in strings)
    *numbers, last = value.split() if type == "MX" else [value]
    if type == "SOA":
        server, mailbox, *times = value.split()
        return name(server) + name(mailbox) + struct.pack("!5I", *map(int, times))
    return b"".join(struct.pack("!H", int(one)) for one in numbers) + name(last)


def name(text: str) -> bytes:
    """A name on the wire.

    Args:
        text: The name.
    """
    labels = [label.encode() for label in text.rstrip(".").split(".") if label]
    return b"".join(bytes([len(label)]) + label for label in labels) + b"\0"


def _unescaped(text: str) -> bytes:
    """A character string without Route 53's escapes, which are octal or of one character."""

    def plain(found: re.Match[str]) -> str:
        return chr(int(found[1], 8)) if len(found[1]) > 1 else found[1]

    return _ESCAPED.sub(plain, text).encode("latin-1", "replace")


def _written(record: Resource) -> bytes:
    numbers = struct.pack("!2HIH", record.type, INTERNET, record.ttl, len(record.data))
    return name(record.name) + numbers + record.data
