"""Asks a DNS resolver for the texts of a name, as clients do; the standard library has nothing for it."""

import secrets
import socket
import struct
import time
from collections.abc import Callable
from functools import partial

Resolver = tuple[str, int]
"""The IPv4 address and the port of a resolver."""

Name = tuple[bytes, ...]
"""The labels of a name in lower case."""

CNAME, TXT, INTERNET = 5, 16, 1
NO_ERROR, NO_SUCH_NAME = 0, 3
HEADER = struct.Struct("!6H")
IS_ANSWER, OPCODE, TRUNCATED, RECURSION_DESIRED, RCODE = 0x8000, 0x7800, 0x0200, 0x0100, 0x000F
LONGEST_NAME = 255


class DnsError(Exception):
    """Why there is no answer, or none that can be read."""


def texts(name: str, resolver: Resolver, seconds: float = 3, tries: int = 2) -> list[str]:
    """Return the texts of a name, of which there are none if the name does not exist.

    Args:
        name: The name.
        resolver: Who is asked.
        seconds: How long an answer may take.
        tries: How often is asked when there is no answer, because packets get lost.

    Raises:
        DnsError: If the resolver gave no answer, an error, or what is no answer to the question.
    """
    try:
        return _asked(name, resolver, time.monotonic() + seconds)
    except TimeoutError as error:
        if tries > 1:
            return texts(name, resolver, seconds, tries - 1)
        raise DnsError(f"{resolver[0]}:{resolver[1]} must answer in {seconds} s, and did not") from error
    except OSError as error:
        raise DnsError(f"{resolver[0]}:{resolver[1]} must be there to be asked: {error}") from error


def system_resolver(path: str = "/etc/resolv.conf") -> Resolver:
    """Return the resolver that the system asks first.

    Args:
        path: The file that names it.

    Raises:
        DnsError: If it names none with an IPv4 address.
    """
    with open(path, encoding="utf-8") as file:
        for words in map(str.split, file):
            if len(words) > 1 and words[0] == "nameserver" and ":" not in words[1]:
                return words[1], 53
    raise DnsError(f"{path} must name a nameserver with an IPv4 address, got none")


def _asked(name: str, resolver: Resolver, deadline: float) -> list[str]:
    wanted = _labels(name)
    # Nobody who cannot read the question knows the number, nor the port that the system chose.
    number = secrets.randbelow(0x10000)
    question = b"".join(bytes([len(label)]) + label for label in (*wanted, b"")) + struct.pack("!2H", TXT, INTERNET)
    query = HEADER.pack(number, RECURSION_DESIRED, 1, 0, 0, 0) + question
    reply = _by_udp(query, resolver, deadline, partial(_records_at, number=number, wanted=wanted))
    if HEADER.unpack_from(reply)[1] & TRUNCATED:
        reply = _by_tcp(query, resolver, deadline)
    return _texts_in(reply, number, wanted)


def _labels(name: str) -> Name:
    try:
        labels = tuple(name.rstrip(".").lower().encode("ascii").split(b"."))
    except UnicodeEncodeError as error:
        raise DnsError(f"name must be ASCII, got {name!r}") from error
    if not all(0 < len(label) < 64 for label in labels) or sum(map(len, labels)) + len(labels) + 1 > LONGEST_NAME:
        raise DnsError(f"name must be one that DNS can have, got {name!r}")
    return labels


def _by_udp(query: bytes, resolver: Resolver, deadline: float, records_at: Callable[[bytes], int | None]) -> bytes:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
        # What others than the resolver send does not arrive.
        udp.connect(resolver)
        udp.send(query)
        while True:
            udp.settimeout(_left(deadline))
            reply = udp.recv(0xFFFF)
            # What answers no question of ours may be late or forged; ours may still come.
            if records_at(reply) is not None:
                return reply


def _by_tcp(query: bytes, resolver: Resolver, deadline: float) -> bytes:
    with socket.create_connection(resolver, timeout=_left(deadline)) as tcp:
        tcp.sendall(struct.pack("!H", len(query)) + query)
        (length,) = struct.unpack("!H", _exactly(tcp, 2, deadline))
        return _exactly(tcp, length, deadline)


def _exactly(tcp: socket.socket, length: int, deadline: float) -> bytes:
    data = b""
    while len(data) < length:
        tcp.settimeout(_left(deadline))
        more = tcp.recv(length - len(data))
        if not more:
            raise DnsError(f"answer must be {length} bytes, got {len(data)}")
        data += more
    return data


def _left(deadline: float) -> float:
    left = deadline - time.monotonic()
    if left <= 0:
        raise TimeoutError
    return left


def _records_at(reply: bytes, number: int, wanted: Name) -> int | None:
    """Return the place of the first record; None if this answers no question of ours."""
    if len(reply) < HEADER.size:
        return None
    got, flags, questions, _, _, _ = HEADER.unpack_from(reply)
    if got != number or not flags & IS_ANSWER or flags & OPCODE or questions != 1:
        return None
    try:
        owner, place = _name_at(reply, HEADER.size)
        kind, space = struct.unpack_from("!2H", reply, place)
    except (DnsError, IndexError, struct.error):
        return None
    return place + 4 if (owner, kind, space) == (wanted, TXT, INTERNET) else None


def _texts_in(reply: bytes, number: int, wanted: Name) -> list[str]:
    place = _records_at(reply, number, wanted)
    if place is None:
        raise DnsError(f"answer must be to our question, got {len(reply)} bytes: {reply[: HEADER.size].hex()}")
    _, flags, _, count, _, _ = HEADER.unpack_from(reply)
    if flags & TRUNCATED:
        raise DnsError(f"answer must be whole, got {len(reply)} bytes of it")
    if flags & RCODE not in (NO_ERROR, NO_SUCH_NAME):
        raise DnsError(f"answer must be no error, got the code {flags & RCODE}")
    try:
        aliases, data = _answers(reply, place, count)
        owner = _end_of(aliases, wanted)
        return [_text(text) for name, text in data if name == owner]
    except (IndexError, struct.error) as error:
        raise DnsError(f"answer must be whole, got {len(reply)} bytes that end too early") from error


def _answers(reply: bytes, place: int, count: int) -> tuple[dict[Name, Name], list[tuple[Name, bytes]]]:
    """Return the targets of names that are aliases, and the data of texts with their owners."""
    aliases, data = {}, []
    for _ in range(count):
        owner, place = _name_at(reply, place)
        kind, space, _, length = struct.unpack_from("!2HIH", reply, place)
        place += 10
        end = place + length
        if end > len(reply):
            raise IndexError
        if (kind, space) == (CNAME, INTERNET):
            aliases[owner], _ = _name_at(reply, place)
        elif (kind, space) == (TXT, INTERNET):
            data.append((owner, reply[place:end]))
        place = end
    return aliases, data


def _end_of(aliases: dict[Name, Name], name: Name) -> Name:
    # The records come in any order.
    for _ in range(len(aliases) + 1):
        if name not in aliases:
            return name
        name = aliases[name]
    raise DnsError("name must be an alias of one that is none, got a circle")


def _text(data: bytes) -> str:
    # Any number of strings, each with its length before it; together they are one text.
    joined, place = b"", 0
    while place < len(data):
        end = place + 1 + data[place]
        if end > len(data):
            raise IndexError
        joined += data[place + 1 : end]
        place = end
    return joined.decode("utf-8", "backslashreplace")


def _name_at(reply: bytes, place: int) -> tuple[Name, int]:
    """Return the name at a place, and the place after it.

    The rest of a name may stand elsewhere; only before the name itself, so that this ends.
    """
    labels: list[bytes] = []
    size, after, start = 1, None, place
    while length := reply[place]:
        if length >= 0xC0:
            after = after or place + 2
            place = (length & 0x3F) << 8 | reply[place + 1]
            if place >= start:
                raise DnsError(f"name must point to one before it, got {place} at {start}")
            start = place
        elif length < 0x40:
            label = reply[place + 1 : place + 1 + length]
            size += 1 + length
            if len(label) < length or size > LONGEST_NAME:
                raise DnsError("name must be one that DNS can have, got one that is too long")
            labels.append(label.lower())
            place += 1 + length
        else:
            raise DnsError(f"name must have labels of up to 63 bytes, got the length {length}")
    return tuple(labels), after or place + 1
