"""The client of DNS: it reads what is there, and ends with one error for whatever else may arrive."""

from __future__ import annotations

import socket
import struct
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from tests.handlers.workspaces_failover.dns_server import (
    CNAME,
    TXT,
    A,
    Record,
    Server,
    answer,
    number_of,
    serving,
    strings,
)
from tests.handlers.workspaces_failover.redirection import FQDN, load_redirection

SHORT = 0.15


@pytest.fixture(scope="module")
def resolver() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def server(resolver: Server) -> Server:
    resolver.reset()
    return resolver


@pytest.fixture(scope="module")
def dns() -> Any:
    return load_redirection("dns_text")


def ask(dns: Any, server: Server, name: str = FQDN, seconds: float = 2, tries: int = 1) -> Any:
    return dns.texts(name, server.address, seconds, tries)


def refused(dns: Any, server: Server, message: str, seconds: float = 2) -> None:
    began = time.monotonic()
    with pytest.raises(dns.DnsError, match=message):
        ask(dns, server, seconds=seconds)
    # Machines are slow at times; what hangs never ends.
    assert time.monotonic() - began < seconds + 3


def sized(packet: bytes) -> bytes:
    return struct.pack("!H", len(packet)) + packet


def test_the_text_of_a_name_is_read(dns: Any, server: Server) -> None:
    server.say({FQDN: "abc123"})
    assert ask(dns, server) == ["abc123"]
    assert ask(dns, server, "DESKTOP.Example.com.") == ["abc123"]
    # A query with recursion desired for one name, and nothing else.
    assert [(kind, query[2:12].hex()) for kind, query in server.queries] == [("udp", "01000001000000000000")] * 2


def test_each_query_has_a_number_of_its_own(dns: Any, server: Server) -> None:
    server.say({FQDN: "abc123"})
    for _ in range(8):
        ask(dns, server)
    assert len({number_of(query) for _, query in server.queries}) > 5


def test_a_name_that_does_not_exist_and_one_without_texts_have_none(dns: Any, server: Server) -> None:
    server.say({})
    assert ask(dns, server) == []
    server.udp = answer
    assert ask(dns, server) == []


@pytest.mark.parametrize("compress", [True, False])
def test_aliases_are_followed_and_records_of_others_are_skipped(dns: Any, server: Server, compress: bool) -> None:
    records: list[Record] = [
        ("other.example.com", TXT, strings(b"not ours")),
        (FQDN, CNAME, "one.example.net"),
        ("one.example.net", CNAME, "two.example.net"),
        (FQDN, TXT, strings(b"not at the end")),
        ("two.example.net", A, b"\x01\x02\x03\x04"),
        ("TWO.example.net", TXT, strings(b"first")),
        ("two.example.net", TXT, strings(b"sec", b"", b"ond")),
    ]
    server.udp = lambda query: answer(query, records, compress=compress)
    assert ask(dns, server) == ["first", "second"]


@pytest.mark.parametrize("order", [1, -1])
def test_aliases_are_followed_in_any_order(dns: Any, server: Server, order: int) -> None:
    records: list[Record] = [
        ("two.example.net", TXT, strings(b"ours")),
        ("one.example.net", CNAME, "two.example.net"),
        (FQDN, CNAME, "ONE.example.net"),
    ]
    server.udp = lambda query: answer(query, records[::order])
    assert ask(dns, server) == ["ours"]


def test_aliases_that_lead_in_a_circle_are_refused(dns: Any, server: Server) -> None:
    server.udp = lambda query: answer(query, [(FQDN, CNAME, "a.example.net"), ("a.example.net", CNAME, FQDN)])
    refused(dns, server, "must be an alias of one that is none, got a circle")


def test_texts_that_are_no_text_come_in_a_readable_form(dns: Any, server: Server) -> None:
    server.udp = lambda query: answer(query, [(FQDN, TXT, strings(b"a\xff")), (FQDN, TXT, b"")])
    assert ask(dns, server) == ["a\\xff", ""]


LABEL = st.text("abcdefghijklmnopqrstuvwxyzABCXYZ0123456789-_", min_size=1, max_size=63)
NAME = st.lists(LABEL, min_size=1, max_size=5).map(".".join).filter(lambda name: len(name) < 254)
PARTS = st.lists(st.text(max_size=40), min_size=1, max_size=4)


@settings(max_examples=60, deadline=None)
@given(name=NAME, chain=st.lists(NAME, max_size=3), texts=st.lists(PARTS, max_size=4), compress=st.booleans())
def test_whatever_is_said_is_read(
    dns: Any, name: str, chain: list[str], texts: list[list[str]], compress: bool
) -> None:
    number = 7
    owners = [name, *chain]
    assume(len({one.lower() for one in owners}) == len(owners))
    records: list[Record] = [(owner, CNAME, target) for owner, target in zip(owners, chain, strict=False)]
    records += [(owners[-1], TXT, strings(*(part.encode() for part in parts))) for parts in texts]
    wanted = dns._labels(name)
    query = struct.pack("!6H", number, 0x100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", TXT, 1)
    packet = answer(query, records, asked=name, compress=compress)
    assert dns._texts_in(packet, number, wanted) == ["".join(parts) for parts in texts]


@settings(max_examples=150, deadline=None)
@given(data=st.data())
def test_whatever_arrives_is_read_or_refused(dns: Any, data: st.DataObject) -> None:
    query = struct.pack("!6H", 7, 0x100, 1, 0, 0, 0) + b"\0" + struct.pack("!HH", TXT, 1)
    records: list[Record] = [(FQDN, CNAME, "one.example.net"), ("one.example.net", TXT, strings(b"abc", b"def"))]
    packet = bytearray(answer(query, records, asked=FQDN))
    for place in data.draw(st.lists(st.integers(12, len(packet) - 1), max_size=6)):
        packet[place] = data.draw(st.integers(0, 255))
    cut = bytes(packet[: data.draw(st.integers(12, len(packet)))])
    with suppress(dns.DnsError):
        assert all(isinstance(one, str) for one in dns._texts_in(cut, 7, dns._labels(FQDN)))


def test_what_is_truncated_is_asked_for_again_by_tcp(dns: Any, server: Server) -> None:
    text = b"x" * 255
    server.udp = lambda query: answer(query, flags=0x8380)
    server.tcp = lambda query: sized(answer(query, [(FQDN, TXT, strings(*[text] * 9))]))
    assert ask(dns, server) == ["x" * 255 * 9]
    (kind, first), (again, second) = server.queries
    assert (kind, again, first) == ("udp", "tcp", second)


@pytest.mark.parametrize(
    ("packets", "message", "seconds"),
    [
        ([], "must answer in", SHORT),
        ([b"\0"], "must answer in", SHORT),
        ([b"\0\xff", b"half"], "must answer in", SHORT),
        ([b"\0\x03", b"abc"], "to our question, got 3 bytes: 616263", 2),
    ],
)
def test_half_an_answer_by_tcp_is_refused_in_time(
    dns: Any, server: Server, packets: list[bytes], message: str, seconds: float
) -> None:
    server.udp = lambda query: answer(query, flags=0x8380)
    server.tcp, server.closes = lambda _: packets, False
    refused(dns, server, message, seconds)


def test_an_answer_by_tcp_that_ends_too_early_is_refused(dns: Any, server: Server) -> None:
    server.udp = lambda query: answer(query, flags=0x8380)
    server.tcp = lambda query: sized(answer(query))[:-3]
    refused(dns, server, r"answer must be \d+ bytes, got \d+")


@pytest.mark.parametrize(
    ("reply", "message"),
    [
        (lambda query: answer(query, number=number_of(query) ^ 1), "must be to our question"),
        (lambda query: answer(query, asked="example.com"), "must be to our question"),
        (lambda query: answer(query, flags=0x8380), "must be whole"),
    ],
    ids=["another number", "another question", "truncated"],
)
def test_an_answer_by_tcp_that_is_not_ours_or_not_whole_is_refused(
    dns: Any, server: Server, reply: Any, message: str
) -> None:
    server.udp = lambda query: answer(query, flags=0x8380)
    server.tcp = lambda query: sized(reply(query))
    refused(dns, server, message)


def test_an_answer_with_another_number_is_passed_over(dns: Any, server: Server) -> None:
    forged = [(FQDN, TXT, strings(b"forged"))]
    server.udp = lambda query: [
        answer(query, forged, number=number_of(query) ^ 1),
        b"",
        b"x",
        answer(query, [(FQDN, TXT, strings(b"ours"))]),
    ]
    assert ask(dns, server) == ["ours"]


def test_an_answer_with_another_number_alone_is_none(dns: Any, server: Server) -> None:
    server.udp = lambda query: [answer(query, number=number_of(query) ^ 1)] * 50
    refused(dns, server, rf"127\.0\.0\.1:\d+ must answer in {SHORT} s, and did not", SHORT)


def test_what_others_send_does_not_arrive(dns: Any, server: Server) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as other:

        def reply(query: bytes) -> bytes:
            # It even knows the number.
            other.sendto(answer(query, [(FQDN, TXT, strings(b"forged"))]), server.client)
            return answer(query, [(FQDN, TXT, strings(b"ours"))])

        server.udp = reply
        assert ask(dns, server) == ["ours"]


def test_silence_is_asked_again_and_then_an_error(dns: Any, server: Server) -> None:
    with pytest.raises(dns.DnsError, match="must answer in"):
        ask(dns, server, seconds=SHORT, tries=2)
    (_, first), (_, second) = server.queries
    assert first[2:] == second[2:]


def test_a_lost_packet_is_no_error(dns: Any, server: Server) -> None:
    said = iter([None, "ours"])

    def reply(query: bytes) -> bytes | None:
        text = next(said)
        return None if text is None else answer(query, [(FQDN, TXT, strings(text.encode()))])

    server.udp = reply
    assert ask(dns, server, seconds=0.4, tries=2) == ["ours"]


def test_nobody_at_the_port_is_an_error(dns: Any) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with pytest.raises(dns.DnsError, match="must be there to be asked"):
        dns.texts(FQDN, address, 2)


@pytest.mark.parametrize("code", [1, 2, 4, 5, 9])
def test_an_error_of_the_resolver_is_told(dns: Any, server: Server, code: int) -> None:
    server.udp = lambda query: answer(query, flags=0x8180 | code)
    refused(dns, server, f"must be no error, got the code {code}")


def record(owner: bytes, data: bytes, length: int | None = None, count: int = 1) -> Any:
    """Make what answers with one record, whose owner is given as it stands in the packet."""

    def reply(query: bytes) -> bytes:
        head = bytearray(answer(query))
        head[6:8] = struct.pack("!H", count)
        return bytes(head) + owner + struct.pack("!HHIH", TXT, 1, 60, len(data) if length is None else length) + data

    return reply


END = 12 + len(FQDN) + 2 + 4
"""Where the first record stands."""

HOSTILE = {
    "a name that points to itself": (record(struct.pack("!H", 0xC000 | END), b"\0"), "must point to one before it"),
    "a name that points ahead": (record(struct.pack("!H", 0xC000 | END + 4), b"\0"), "must point to one before it"),
    "names that point to each other": (
        record(b"\1a" + struct.pack("!HH", 0xC000 | END + 4, 0xC000 | END), b"\0"),
        "must point to one before it",
    ),
    "a name that comes back to its pointer": (
        record(b"\1a" + struct.pack("!H", 0xC000 | END), b"\0"),
        "must point to one before it",
    ),
    "pointers that point to each other before the name": (
        lambda query: (
            record(b"\xc0\x0c", struct.pack("!BHH", 4, 0xC000 | END + 15, 0xC000 | END + 13), count=2)(query)
            + struct.pack("!H", 0xC000 | END + 13)
        ),
        "must point to one before it",
    ),
    "a pointer beyond the end": (record(b"\xff\xff", b"\0"), "must point to one before it"),
    "half a pointer": (lambda query: answer(query, count=1) + b"\xc0", "end too early"),
    "a label of a kind that there is not": (record(b"\x41a\0", b"\0"), "up to 63 bytes, got the length 65"),
    "a label beyond the end": (lambda query: answer(query, count=1) + b"\x3fabc", "one that is too long"),
    "a name of 256 bytes": (record((b"\x3f" + b"a" * 63) * 4 + b"\0", b"\0"), "one that is too long"),
    "more records than there are": (lambda query: answer(query, count=0xFFFF), "end too early"),
    "a record without its end": (lambda query: answer(query, count=1) + b"\0\0\x10", "end too early"),
    "data beyond the end": (record(b"\xc0\x0c", b"\3abc", length=5), "end too early"),
    "a string beyond its record": (record(b"\xc0\x0c", b"\4abc"), "end too early"),
}


STRANGE: dict[str, Any] = {
    "a header alone": lambda query: answer(query)[:12],
    "less than a header": lambda query: answer(query)[:11],
    "the number alone": lambda query: query[:2],
    "the query itself": lambda query: query,
    "another operation": lambda query: answer(query, flags=0x8980),
    "no question": lambda query: query[:2] + bytes.fromhex("81800000000000000000"),
    "another question": lambda query: answer(query, asked="example.com"),
    "another question that is truncated": lambda query: answer(query, asked="example.com", flags=0x8380),
    "a question of another type": lambda query: answer(query)[:-4] + b"\0\1\0\1",
    "a question that points to itself": lambda query: answer(query)[:12] + b"\xc0\x0c\0\x10\0\1",
}
"""What has our number, which can be guessed, and answers no question of ours."""


@pytest.mark.parametrize("case", STRANGE)
def test_what_answers_another_question_is_passed_over(dns: Any, server: Server, case: str) -> None:
    server.udp = lambda query: [STRANGE[case](query), answer(query, [(FQDN, TXT, strings(b"ours"))])]
    assert ask(dns, server) == ["ours"]
    server.udp = lambda query: [STRANGE[case](query)] * 3
    refused(dns, server, "must answer in", SHORT)


@pytest.mark.parametrize("case", HOSTILE)
def test_a_hostile_answer_is_refused_at_once(dns: Any, server: Server, case: str) -> None:
    server.udp, message = HOSTILE[case]
    refused(dns, server, message)


def test_the_longest_name_that_there_is_can_be_read(dns: Any, server: Server) -> None:
    longest = ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * 61])
    server.udp = lambda query: answer(query, [(longest, TXT, strings(b"ours"))])
    assert ask(dns, server, longest) == ["ours"]
    with pytest.raises(dns.DnsError, match="must be one that DNS can have"):
        ask(dns, server, longest + "d")


@pytest.mark.parametrize("name", ["", ".", "a..b", ".a", "a" * 64 + ".com", "bücher.example"])
def test_a_name_that_cannot_be_asked_for_is_refused(dns: Any, server: Server, name: str) -> None:
    with pytest.raises(dns.DnsError, match="name must be"):
        ask(dns, server, name)
    assert server.queries == []


def test_the_resolver_of_the_system_is_the_first_of_ipv4(dns: Any, tmp_path: Path) -> None:
    file = tmp_path / "resolv.conf"
    file.write_text(
        "; nameserver 9.9.9.9\n#nameserver 8.8.8.8\nsearch a b\n\nnameserver\nnameserver fe80::1%eth0\n"
        "nameserver\t169.254.78.1 # here\nnameserver 1.1.1.1\n"
    )
    assert dns.system_resolver(str(file)) == ("169.254.78.1", 53)
    file.write_text("nameserver ::1\n")
    with pytest.raises(dns.DnsError, match=r"resolv.conf must name a nameserver with an IPv4 address"):
        dns.system_resolver(str(file))
