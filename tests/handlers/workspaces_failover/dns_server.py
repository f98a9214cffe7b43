"""Answers of DNS, made independently of the client that reads them, and a resolver on this machine that gives them."""

from __future__ import annotations

import socket
import struct
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field

CNAME, TXT, A = 5, 16, 1
Record = tuple[str, int, bytes | str]
"""Owner, type and data; a text is a name."""

Reply = bytes | Sequence[bytes] | None
"""Packets for a query, in this order; none to stay silent."""


@dataclass
class Writer:
    """A packet that is being written, with names that point to what stands before them.

    Args:
        compress: Whether names may do so.
    """

    compress: bool = True
    data: bytearray = field(default_factory=bytearray)
    places: dict[str, int] = field(default_factory=dict)

    def name(self, name: str) -> None:
        rest = name
        while rest:
            if self.compress and rest.lower() in self.places:
                self.data += struct.pack("!H", 0xC000 | self.places[rest.lower()])
                return
            if len(self.data) < 0x4000:
                self.places[rest.lower()] = len(self.data)
            label, _, rest = rest.partition(".")
            self.data += bytes([len(label)]) + label.encode()
        self.data += b"\0"

    def record(self, name: str, kind: int, content: bytes | str, space: int = 1) -> None:
        """Write a record.

        Args:
            name: Its owner.
            kind: Its type.
            content: Its data; a text is a name.
            space: Its class.
        """
        self.name(name)
        self.data += struct.pack("!HHIH", kind, space, 60, 0)
        start = len(self.data)
        if isinstance(content, str):
            self.name(content)
        else:
            self.data += content
        self.data[start - 2 : start] = struct.pack("!H", len(self.data) - start)


def strings(*parts: bytes) -> bytes:
    """Return the data of a TXT record of these strings."""
    return b"".join(bytes([len(part)]) + part for part in parts)


def number_of(query: bytes) -> int:
    return int.from_bytes(query[:2], "big")


def name_of(query: bytes) -> str:
    labels, place = [], 12
    while length := query[place]:
        labels.append(query[place + 1 : place + 1 + length].decode())
        place += 1 + length
    assert query[place + 1 :] == struct.pack("!HH", TXT, 1), "the question is for texts, and nothing comes after it"
    return ".".join(labels)


def answer(
    query: bytes,
    records: Sequence[Record] = (),
    *,
    flags: int = 0x8180,
    number: int | None = None,
    asked: str | None = None,
    count: int | None = None,
    compress: bool = True,
) -> bytes:
    """Return the answer to a query.

    Args:
        query: The query.
        records: Its records.
        flags: The flags, with the code of the result in their last four bits.
        number: The number that it answers; None for the query's.
        asked: The name that it answers; None for the query's.
        count: How many records it says it has; None for the truth.
        compress: Whether names point to what stands before them.
    """
    writer = Writer(compress)
    writer.data += struct.pack(
        "!6H", number_of(query) if number is None else number, flags, 1, len(records) if count is None else count, 0, 0
    )
    writer.name(name_of(query) if asked is None else asked)
    writer.data += struct.pack("!HH", TXT, 1)
    for owner, kind, content in records:
        writer.record(owner, kind, content)
    return bytes(writer.data)


@dataclass
class Server:
    """A resolver; what it answers can be changed at any time.

    Attributes:
        udp: Makes the packets that answer a query.
        tcp: Makes all that is sent on a connection, with its length.
        closes: Whether a connection is closed when all is sent, or left to the client.
        queries: What was asked, in order, with udp or tcp before it.
        client: Where the last query by UDP came from.
    """

    address: tuple[str, int]
    udp: Callable[[bytes], Reply] = lambda _: None
    tcp: Callable[[bytes], Reply] = lambda _: None
    closes: bool = True
    queries: list[tuple[str, bytes]] = field(default_factory=list)
    client: tuple[str, int] = ("", 0)

    def reset(self) -> None:
        """Be silent and forget what was asked."""
        self.udp = self.tcp = lambda _: None
        self.closes = True
        self.queries.clear()

    def say(self, texts: Mapping[str, str]) -> None:
        """Answer with one text for each of these names, and that no other exists."""

        def reply(query: bytes) -> bytes:
            name = name_of(query)
            if name not in texts:
                return answer(query, flags=0x8183)
            return answer(query, [(name, TXT, strings(texts[name].encode()))])

        self.udp = reply


@contextmanager
def serving() -> Iterator[Server]:
    """Run a resolver on a port of its own, by UDP and TCP."""
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp,
        socket.socket(socket.AF_INET, socket.SOCK_STREAM) as tcp,
    ):
        udp.bind(("127.0.0.1", 0))
        tcp.bind(udp.getsockname())
        tcp.listen()
        server = Server(udp.getsockname())
        threads = [
            threading.Thread(target=_datagrams, args=(server, udp), daemon=True),
            threading.Thread(target=_connections, args=(server, tcp), daemon=True),
        ]
        for thread in threads:
            thread.start()
        try:
            yield server
        finally:
            # An empty packet and an empty connection end them.
            with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as last:
                last.sendto(b"", server.address)
            socket.create_connection(server.address).close()
            for thread in threads:
                thread.join(5)
                assert not thread.is_alive()


def _datagrams(server: Server, udp: socket.socket) -> None:
    while True:
        query, client = udp.recvfrom(0xFFFF)
        if not query:
            return
        server.queries.append(("udp", query))
        server.client = client
        for packet in _packets(server.udp(query)):
            udp.sendto(packet, client)


def _connections(server: Server, tcp: socket.socket) -> None:
    while True:
        connection, _ = tcp.accept()
        with connection:
            head = connection.recv(2)
            if not head:
                return
            query = connection.recv(int.from_bytes(head, "big"))
            server.queries.append(("tcp", query))
            for packet in _packets(server.tcp(query)):
                connection.sendall(packet)
            if not server.closes:
                connection.settimeout(5)
                connection.recv(1)


def _packets(reply: Reply) -> Sequence[bytes]:
    if reply is None:
        return ()
    return [reply] if isinstance(reply, bytes) else reply
