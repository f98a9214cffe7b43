"""Undoes base64 where text comes of it, be it wrapped, of the alphabet for URLs, or of text of two bytes a letter."""

import binascii
import codecs
import re
import string
from typing import NamedTuple

SHORTEST = 27
"""What the shortest credential, an id of 20 characters, is in base64 without padding."""

_SHORTEST_WRAPPED = 40
_OF_A_SECRET = 40
_FOR_URLS = bytes.maketrans(b"-_", b"+/")
_PROBE = 32
_TEXT = string.printable.encode() + b"\x1b"
_BEYOND_ASCII = bytes(range(0x80, 0x100))
_ONWARDS = re.compile(rb"[ \t\r\n\"'\\,;|>#*+]{1,60}([A-Za-z0-9+/_-]{2,})")


class Decoded(NamedTuple):
    """What base64 held.

    Attributes:
        text: It.
        end: Where the base64 ends.
    """

    text: bytes
    end: int


def decoded(text: bytes, start: int, end: int) -> Decoded | None:
    """Return the text that a run of base64 is, with the lines that go on with it; None if no text comes of it.

    Args:
        text: The text that the run is in.
        start: Where the run begins.
        end: Where it ends.
    """
    if not _begins_text(_bytes_of(text[start : min(start + _PROBE, end)])):
        return None
    parts, width = [text[start:end]], end - start
    while width >= _SHORTEST_WRAPPED and (more := _ONWARDS.match(text, end)) and len(more[1]) <= width:
        if len(more[1]) == _OF_A_SECRET and not _begins_text(_bytes_of(more[1][:_PROBE])):
            break
        parts.append(more[1])
        end = more.end()
        if len(more[1]) < width:
            break
    return Decoded(_bytes_of(b"".join(parts)), end)


def _bytes_of(base64: bytes) -> bytes:
    base64 = base64.translate(_FOR_URLS)
    rest = len(base64) % 4
    if rest == 1:
        base64, rest = base64[:-1], 0
    return binascii.a2b_base64(base64 + b"=" * (-rest % 4))


def _begins_text(head: bytes) -> bool:
    odd = head.translate(None, _TEXT)
    if not odd:
        return True
    if b"\0" in odd:
        return _is_utf16(head, "utf-16-le") or _is_utf16(head, "utf-16-be")
    return not odd.translate(None, _BEYOND_ASCII) and _is_utf8(head)


def _is_utf16(head: bytes, codec: str) -> bool:
    letters = head[: len(head) // 2 * 2].decode(codec, "replace")
    # By chance one in 500 is ASCII.
    return sum(letter.isascii() and (letter.isprintable() or letter.isspace()) for letter in letters) * 3 > len(letters)


def _is_utf8(head: bytes) -> bool:
    try:
        letters = codecs.getincrementaldecoder("utf-8-sig")().decode(head)
    except UnicodeDecodeError:
        return False
    return all(letter.isprintable() or letter.isspace() for letter in letters)
