"""Asks the embedded AWS for names, by DNS on UDP, as somebody outside does."""

from __future__ import annotations

import secrets
import socket
import struct
from typing import TYPE_CHECKING

from .scenarios import Broken

if TYPE_CHECKING:
    from .run import Run

_TXT, _INTERNET = 16, 1
_NXDOMAIN = 3
_POINTER = 0xC0
_SECONDS = 5


def txt(run: Run, name: str) -> list[str]:
    """The texts of a name, without quotation marks; none if there is no such name or record.

    Args:
        run: The run.
        name: The name.

    Raises:
        Broken: If the server refuses or does not answer.
    """
    host, _, port = run.sandbox.resolver.partition(":")
    id = secrets.token_bytes(2)
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.rstrip(".").split("."))
    asked = labels + b"\0" + struct.pack("!2H", _TXT, _INTERNET)
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
        client.settimeout(_SECONDS)
        client.connect((host, int(port)))
        client.send(id + struct.pack("!5H", 0x0100, 1, 0, 0, 0) + asked)
        try:
            message = client.recv(4096)
        except OSError as error:
            raise Broken(f"TXT of {name}: the DNS server must answer, got {error!r}") from error
    code = message[3] & 0x0F
    if message[:2] != id or code not in (0, _NXDOMAIN):
        raise Broken(f"TXT of {name}: the DNS server must answer it, got code {code}")
    return _texts(message, 12 + len(asked))


def _texts(message: bytes, at: int) -> list[str]:
    """The texts of the answer's section, which begins somewhere."""
    found = []
    for _ in range(int.from_bytes(message[6:8], "big")):
        while message[at] and message[at] < _POINTER:
            at += 1 + message[at]
        at += 1 if not message[at] else 2
        kind, _, _, length = struct.unpack_from("!2HIH", message, at)
        data, at = message[at + 10 : at + 10 + length], at + 10 + length
        if kind == _TXT:
            found.append(_joined(data))
    return found


def _joined(data: bytes) -> str:
    text, at = b"", 0
    while at < len(data):
        text += data[at + 1 : at + 1 + data[at]]
        at += 1 + data[at]
    return text.decode()
