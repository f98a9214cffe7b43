"""Whether DNS sends users to a site: asked of a resolver, and compared with the site's identifier to the letter."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.dns_server import TXT, Server, answer, serving, strings
from tests.handlers.workspaces_failover.redirection import FQDN, IDENTIFIERS, load_redirection


@pytest.fixture(scope="module")
def resolver() -> Iterator[Server]:
    with serving() as made:
        yield made


@pytest.fixture
def server(resolver: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    resolver.reset()
    host, port = resolver.address
    for name, value in {
        "FQDN": FQDN,
        "CHECK_DNS": "true",
        "IDENTIFIERS": json.dumps(IDENTIFIERS),
        "RESOLVER": f"{host}:{port}",
    }.items():
        monkeypatch.setenv(name, value)
    return resolver


def run(site: Any) -> Any:
    return load_redirection("answer").handler({"site": site}, Context())


def refused(site: str) -> str:
    """Return why DNS does not answer with a site, which Step Functions knows by the name of the error."""
    module = load_redirection("answer")
    with pytest.raises(module.NotAnsweredError) as error:
        module.handler({"site": site}, Context())
    assert type(error.value).__name__ == "NotAnsweredError"
    return str(error.value)


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


@pytest.mark.parametrize("site", ["primary", "failover"])
def test_the_identifier_of_the_site_is_the_answer(
    aws: FakeAws, server: Server, capsys: pytest.CaptureFixture[str], site: str
) -> None:
    expected = IDENTIFIERS[site]
    server.say({FQDN: expected})
    assert run(site) == {"answered": expected}
    assert logged(capsys) == {
        "site": site,
        "expected": expected,
        "answers": [expected],
        "error": None,
        "answered": True,
    }
    assert aws.calls == [], "DNS is asked without any permission"


def test_a_name_with_capitals_or_a_dot_at_its_end_is_the_same(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FQDN", FQDN.upper() + ".")
    server.say({FQDN: IDENTIFIERS["primary"]})
    assert run("primary") == {"answered": IDENTIFIERS["primary"]}


def test_the_other_site_is_not_the_answer_yet(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.say({FQDN: IDENTIFIERS["primary"]})
    assert refused("failover") == f"TXT of {FQDN} must be xyz789 of the failover site, got abc123"
    assert logged(capsys) == {
        "site": "failover",
        "expected": "xyz789",
        "answers": ["abc123"],
        "error": None,
        "answered": False,
    }


def test_no_text_is_not_the_answer(server: Server) -> None:
    server.say({})
    assert refused("failover") == f"TXT of {FQDN} must be xyz789 of the failover site, got none"


@pytest.mark.parametrize("texts", [("xyz789", "more"), ("XYZ789",), ("xyz789 ",), ('"xyz789"',)])
def test_only_the_identifier_and_nothing_else_is_the_answer(server: Server, texts: tuple[str, ...]) -> None:
    server.udp = lambda query: answer(query, [(FQDN, TXT, strings(text.encode())) for text in texts])
    assert refused("failover").endswith(f"got {', '.join(texts)}")


def test_an_error_of_dns_is_tried_again_like_another_answer(server: Server, capsys: pytest.CaptureFixture[str]) -> None:
    server.udp = lambda query: answer(query, flags=0x8182)
    problem = "answer must be no error, got the code 2"
    assert refused("failover") == f"TXT of {FQDN} must be xyz789 of the failover site, got {problem}"
    assert logged(capsys)["error"] == problem


def test_without_dns_nothing_is_asked(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CHECK_DNS", "false")
    assert run("failover") == {"answered": None}
    assert server.queries == []


@pytest.mark.parametrize("site", ["", "Primary", None, "drill"])
def test_an_unknown_site_is_refused(server: Server, site: Any) -> None:
    with pytest.raises(ValueError, match="site must be primary or failover, got"):
        run(site)
    assert server.queries == []


def test_the_resolver_of_the_system_is_asked_if_none_is_named(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RESOLVER")
    server.say({FQDN: "abc123"})
    module = load_redirection("answer")
    monkeypatch.setattr(module, "system_resolver", lambda: server.address)
    assert module.handler({"site": "primary"}, Context()) == {"answered": "abc123"}
