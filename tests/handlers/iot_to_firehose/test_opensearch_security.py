"""Access to a domain of OpenSearch: our roles are as wanted, and whoever else is an administrator stays one."""

from __future__ import annotations

import hashlib
import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from threading import Thread
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.lifecycle import Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import Crash

PROVIDER = "opensearch_security"
KIND = "Custom::OpenSearchAccess"
ENDPOINT = "vpc-telemetry-abc.eu-central-1.es.amazonaws.com"
API = "/_plugins/_security/api/"
ADMINISTRATORS = ("all_access", "security_manager")


def arn(name: str) -> str:
    return f"arn:aws:iam::111122223333:role/{name}"


ASKED = {
    "Endpoint": ENDPOINT,
    "Role": "cdk_refarch_c8",
    "Indices": ["telemetry", "telemetry-*"],
    "Writers": [arn("stream")],
    "Admins": [arn("ann"), arn("path/bob")],
    "Readers": [arn("reader")],
}
NOBODY: dict[str, Any] = {**ASKED, "Admins": []}
KNOWN = {"PhysicalResourceId": ENDPOINT}
MASTER, FOREIGN = arn("master"), arn("foreign")
AUTHORIZATION = re.compile(
    "AWS4-HMAC-SHA256 Credential=fake/([0-9]{8})/eu-central-1/es/aws4_request, "
    "SignedHeaders=([a-z0-9;-]+), Signature=([0-9a-f]{64})"
)


def check_signature(method: str, path: str, headers: Mapping[str, str], body: bytes) -> None:
    """Fail if a request is not signed as AWS describes it: method, path, host, time and body."""
    found = {name.lower(): value for name, value in headers.items()}
    match = AUTHORIZATION.fullmatch(found["authorization"])
    assert match, found["authorization"]
    day, names, signature = match.groups()
    assert {"host", "x-amz-date", "content-type"} <= {*names.split(";")}
    signed = "".join(f"{name}:{found[name]}\n" for name in names.split(";"))
    canonical = "\n".join((method, path, "", signed, names, hashlib.sha256(body).hexdigest()))
    scope = f"{day}/eu-central-1/es/aws4_request"
    hashed = hashlib.sha256(canonical.encode()).hexdigest()
    text = f"AWS4-HMAC-SHA256\n{found['x-amz-date']}\n{scope}\n{hashed}"
    key = b"AWS4fake"
    for part in (*scope.split("/"), text):
        key = hmac.new(key, part.encode(), hashlib.sha256).digest()
    assert key.hex() == signature


class Domain:
    """The security plugin of a domain, whose master user signs the requests.

    Attributes:
        roles: Our roles and those of others by name.
        mappings: The mappings by role.
        faults: What goes wrong by the number of the call: an HTTP status, lost (the answer), unreached, crash, or adds
            (another administrator comes first, unless the mapping was empty).
        calls: Method and path of what was called.
        undone: Whose mapping somebody overwrites behind the next change, having read it before.
    """

    def __init__(self, crash: Callable[[], None] | None = None) -> None:
        self._crash = crash
        self.reset()

    def reset(self, faults: dict[int, str] | None = None) -> None:
        self.faults, self.calls = faults or {}, list[str]()
        self.always: str | None = None
        self.roles: dict[str, Any] = {"all_access": {}, "security_manager": {}, "theirs": {}}
        self.mappings: dict[str, Any] = {name: _mapping(FOREIGN, users=[MASTER]) for name in ADMINISTRATORS}
        self.mappings["theirs"] = _mapping(FOREIGN)
        self.late, self.undone = list[str](), list[str]()

    @property
    def state(self) -> Any:
        """What is there, whatever the order."""
        mapped = {name: {key: sorted(one[key]) for key in one} for name, one in self.mappings.items()}
        return json.loads(json.dumps((self.roles, mapped)))

    def send(self, request: Any) -> Any:
        url = urlsplit(request.url)
        assert (url.scheme, url.query) == ("https", "")
        body = request.body.encode() if isinstance(request.body, str) else request.body or b""
        headers = {
            name: value.decode() if isinstance(value, bytes) else value for name, value in request.headers.items()
        }
        check_signature(request.method, url.path, {"host": url.netloc, **headers}, body)
        fault = self.always or self.faults.get(len(self.calls), "")
        assert len(self.calls) < 500, "it must come to an end"
        self.calls.append(f"{request.method} {url.path.removeprefix(API)}")
        if fault.isdecimal():
            return SimpleNamespace(status_code=int(fault), text=f"it is {fault}")
        if fault == "unreached":
            raise EndpointConnectionError(endpoint_url=request.url)
        if fault == "adds":
            self._add_another()
        status, answer = self._answer(request.method, url.path, json.loads(body or b"null"))
        if fault == "lost":
            raise ReadTimeoutError(endpoint_url=request.url)
        if fault == "crash" and self._crash:
            self._crash()
        return SimpleNamespace(status_code=status, text=json.dumps(answer))

    def _add_another(self) -> None:
        self.late.append(arn(f"late-{len(self.calls)}"))
        for name in ADMINISTRATORS:
            self.mappings[name]["backend_roles"].append(self.late[-1])

    def _answer(self, method: str, path: str, body: Any) -> tuple[int, Any]:
        match = re.fullmatch(f"{API}(roles|rolesmapping)/([a-z0-9_]+)", path)
        assert match, path
        kind, name = match.groups()
        things = self.roles if kind == "roles" else self.mappings
        if method == "PUT":
            if kind == "rolesmapping" and name not in self.roles:
                return 404, f"role '{name}' not found."
            assert body
            things[name] = body
            return 201, {"status": "CREATED"}
        if name not in things:
            return 404, {"status": "NOT_FOUND", "message": f"Resource '{name}' not found."}
        if method == "DELETE":
            assert name not in ("theirs", *ADMINISTRATORS), "it is static"
            del things[name]
        if method == "PATCH":
            before = list(things[name]["backend_roles"])
            answer = _patched(things[name], body)
            if name in self.undone:
                self.undone.remove(name)
                things[name]["backend_roles"] = before
            return answer
        return 200, {name: things[name]} if method == "GET" else {"status": "OK"}


def _mapping(*principals: str, users: list[str] | None = None) -> dict[str, list[str]]:
    return {"backend_roles": [*principals], "hosts": [], "users": users or []}


def _patched(mapping: dict[str, Any], operations: list[Any]) -> tuple[int, Any]:
    # OpenSearch takes these operations only, all or none, and leaves out what is empty before it patches.
    mapped = list(mapping["backend_roles"]) or None
    for one in operations:
        operation = one["op"]
        place = one["path"].removeprefix("/backend_roles").removeprefix("/")
        if (operation, place) == ("add", ""):
            mapped = list(one["value"])
        elif mapped is None or (place != "-" and int(place) >= len(mapped)):
            return 400, {"status": "BAD_REQUEST", "message": "no such path in target JSON document"}
        elif (operation, place) == ("add", "-"):
            mapped.append(one["value"])
        else:
            assert operation == "remove"
            del mapped[int(place)]
    mapping["backend_roles"] = mapped or []
    return 200, {"status": "OK"}


@pytest.fixture
def domain(cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> Domain:
    made = Domain()
    monkeypatch.setattr(cloudformation.module, "https", made)
    return made


def expected(asked: Mapping[str, Any], late: list[str] | None = None) -> Any:
    """Return the whole state of a domain with a resource of these properties."""
    made = Domain()
    admins = [*asked.get("Admins", []), *(late or [])]
    for name in ADMINISTRATORS:
        made.mappings[name]["backend_roles"] += admins
    if "Role" in asked:
        made.roles[asked["Role"]] = {
            "description": "What a delivery stream does in its indices",
            "cluster_permissions": ["cluster_composite_ops", "cluster_monitor"],
            "index_permissions": [
                {"index_patterns": asked["Indices"], "allowed_actions": ["create_index", "manage", "crud"]}
            ],
        }
        made.mappings[asked["Role"]] = _mapping(*asked["Writers"])
    if asked.get("Readers"):
        made.roles[f"{asked['Role']}_read"] = {
            "description": "Reads the indices of a delivery stream",
            "cluster_permissions": ["cluster_composite_ops_ro"],
            "index_permissions": [{"index_patterns": asked["Indices"], "allowed_actions": ["read"]}],
        }
        made.mappings[f"{asked['Role']}_read"] = _mapping(*asked["Readers"])
    return made.state


def test_it_makes_a_role_for_the_stream_and_one_for_readers_and_adds_the_administrators(
    domain: Domain, cloudformation: CloudFormation
) -> None:
    answer = cloudformation.send(KIND, ASKED)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ENDPOINT)
    assert domain.state == expected(ASKED)
    # All that its role may do.
    assert {call.partition(" ")[0] for call in domain.calls} == {"GET", "PATCH", "PUT"}


def test_without_readers_and_administrators_the_mappings_of_others_are_not_even_read(
    domain: Domain, cloudformation: CloudFormation
) -> None:
    asked = {**ASKED, "Readers": [], "Admins": []}
    assert cloudformation.send(KIND, asked)["Status"] == "SUCCESS"
    assert domain.state == expected(asked)
    assert not [call for call in domain.calls if call.endswith(ADMINISTRATORS)]


def test_who_is_an_administrator_already_is_not_added_again(domain: Domain, cloudformation: CloudFormation) -> None:
    for _ in range(2):
        cloudformation.send(KIND, ASKED)
    assert domain.state == expected(ASKED)
    assert sum(call.startswith("PATCH") for call in domain.calls) == len(ADMINISTRATORS)


@pytest.mark.parametrize("there", [_mapping(users=[MASTER]), None])
def test_the_first_administrators_are_mapped_beside_the_master_user(
    domain: Domain, cloudformation: CloudFormation, there: Any
) -> None:
    for name in ADMINISTRATORS:
        del domain.mappings[name]
        if there:
            domain.mappings[name] = {key: list(value) for key, value in there.items()}
    assert cloudformation.send(KIND, ASKED)["Status"] == "SUCCESS"
    for name in ADMINISTRATORS:
        assert domain.mappings[name] == _mapping(*ASKED["Admins"], users=there and [MASTER])


@pytest.mark.parametrize(
    "changed",
    [
        {"Admins": [arn("eve"), arn("ann")]},
        {"Admins": []},
        {"Readers": []},
        {"Readers": [arn("other")], "Writers": [arn("stream-2")], "Indices": ["waves"]},
        {"Role": "cdk_refarch_c9"},
    ],
)
def test_an_update_leaves_nothing_of_what_was_wanted_before(
    domain: Domain, cloudformation: CloudFormation, changed: dict[str, Any]
) -> None:
    cloudformation.send(KIND, ASKED)
    asked = {**ASKED, **changed}
    answer = cloudformation.send(KIND, asked, "Update", OldResourceProperties=ASKED, **KNOWN)
    # CloudFormation would delete another one, and the administrators with it.
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ENDPOINT)
    assert domain.state == expected(asked)


def test_another_domain_gets_what_is_wanted_and_loses_nothing_that_only_the_first_one_had(
    domain: Domain, cloudformation: CloudFormation
) -> None:
    for name in ADMINISTRATORS:
        domain.mappings[name]["backend_roles"].append(arn("eve"))
    moved = {**ASKED, "Endpoint": "search-other.eu-central-1.es.amazonaws.com"}
    before = {**ASKED, "Admins": [arn("eve")]}
    answer = cloudformation.send(KIND, moved, "Update", OldResourceProperties=before, **KNOWN)
    assert answer["PhysicalResourceId"] == moved["Endpoint"]
    assert domain.state == expected({**ASKED, "Admins": [*ASKED["Admins"], arn("eve")]})


def test_a_delete_leaves_the_domain_to_those_whom_it_knows(domain: Domain, cloudformation: CloudFormation) -> None:
    cloudformation.send(KIND, ASKED)
    made = len(domain.calls)
    for known in (ENDPOINT, "failed-create"):
        answer = cloudformation.send(KIND, ASKED, "Delete", PhysicalResourceId=known)
        assert answer["Status"] == "SUCCESS"
    assert domain.state == expected(ASKED)
    assert len(domain.calls) == made


@pytest.mark.parametrize("fault", ["unreached", "401", "403", "409", "429", "500", "502", "503", "504"])
def test_a_domain_that_is_not_ready_is_waited_for(domain: Domain, cloudformation: CloudFormation, fault: str) -> None:
    domain.faults = dict.fromkeys(range(4), fault)
    assert cloudformation.send(KIND, ASKED)["Status"] == "SUCCESS"
    assert domain.state == expected(ASKED)
    assert cloudformation.pauses[:4] == [1, 2, 4, 8]


def test_one_that_never_gets_ready_says_why_in_time(domain: Domain, cloudformation: CloudFormation) -> None:
    domain.always = "403"
    answer = cloudformation.send(KIND, ASKED, context=Context(600, look=10))
    call = f"PUT {API}roles/cdk_refarch_c8"
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == f"An error occurred (403) when calling the {call} operation: it is 403"


def test_one_that_is_not_ready_when_the_function_ends_is_waited_for_in_another_invocation(
    domain: Domain, cloudformation: CloudFormation, aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTS_SECONDS", "1800")
    aws.reply("lambda", "Invoke", {"StatusCode": 202})
    domain.always = "403"
    assert cloudformation.send(KIND, ASKED, context=Context(300, look=10)) is None
    assert len(cloudformation.again) == 1


@pytest.mark.parametrize("fault", ["400", "404"])
def test_what_never_passes_is_not_tried_again(domain: Domain, cloudformation: CloudFormation, fault: str) -> None:
    domain.always = fault
    assert cloudformation.send(KIND, ASKED)["Status"] == "FAILED"
    assert len(domain.calls) == 1


def test_the_token_of_the_session_is_not_told(domain: Domain, cloudformation: CloudFormation) -> None:
    said = "The signature does not match. The Canonical String for this request should have been token"
    domain.send = lambda request: SimpleNamespace(status_code=400, text=said)  # type: ignore[method-assign]
    assert cloudformation.send(KIND, ASKED)["Reason"].endswith("operation: The signature does not match.")


def test_who_is_made_an_administrator_at_the_same_time_stays_one(
    domain: Domain, cloudformation: CloudFormation
) -> None:
    domain.faults = dict.fromkeys(range(40), "adds")
    assert cloudformation.send(KIND, ASKED)["Status"] == "SUCCESS"
    assert domain.state == expected(ASKED, domain.late)
    assert cloudformation.send(KIND, NOBODY, "Update", OldResourceProperties=ASKED, **KNOWN)["Status"] == "SUCCESS"
    assert domain.state == expected(NOBODY, domain.late)


@pytest.mark.parametrize("action", ["Create", "Update"])
def test_who_overwrites_the_administrators_does_not_win(
    domain: Domain, cloudformation: CloudFormation, action: str
) -> None:
    if action == "Update":
        cloudformation.send(KIND, ASKED)
    domain.undone = ["all_access", "security_manager", "security_manager"]
    asked = ASKED if action == "Create" else NOBODY
    answer = cloudformation.send(
        KIND, asked, action, OldResourceProperties=ASKED if action == "Update" else {}, **KNOWN
    )
    assert answer["Status"] == "SUCCESS"
    assert domain.state == expected(asked)


def test_a_place_that_is_gone_meanwhile_is_looked_for_again(domain: Domain, cloudformation: CloudFormation) -> None:
    cloudformation.send(KIND, ASKED)
    domain.faults = {len(domain.calls) + 5: "400"}
    assert cloudformation.send(KIND, NOBODY, "Update", OldResourceProperties=ASKED, **KNOWN)["Status"] == "SUCCESS"
    assert not domain.faults.keys() - set(range(len(domain.calls)))
    assert domain.state == expected(NOBODY)


@contextmanager
def listening(domain: Domain) -> Iterator[str]:
    """Let a domain be reached through a real connection; its host and port."""

    class Requests(BaseHTTPRequestHandler):
        def _serve(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"] or 0))
            url = f"https://{self.headers['Host']}{self.path}"
            given = SimpleNamespace(method=self.command, url=url, headers=self.headers, body=body)
            answer = domain.send(given)
            text = answer.text.encode()
            self.send_response(answer.status_code)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        do_GET = do_PUT = do_PATCH = do_DELETE = _serve  # noqa: N815

        def log_message(self, format: str, *args: Any) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Requests) as server:
        thread = Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        try:
            yield f"127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def test_what_goes_over_the_wire_is_what_was_signed(
    cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    made, https = Domain(), cloudformation.module.https

    def plainly(request: Any) -> Any:
        request.url = request.url.replace("https:", "http:")
        return https.send(request)

    monkeypatch.setattr(cloudformation.module, "https", SimpleNamespace(send=plainly))
    with listening(made) as host:
        asked = {**ASKED, "Endpoint": host}
        assert cloudformation.send(KIND, asked)["Status"] == "SUCCESS"
        assert made.state == expected(ASKED)
        fewer = {**NOBODY, "Endpoint": host}
        answer = cloudformation.send(KIND, fewer, "Update", OldResourceProperties=asked, PhysicalResourceId=host)
        assert answer["Status"] == "SUCCESS"
        assert made.state == expected(NOBODY)


def test_a_real_connection_that_is_refused_is_a_domain_that_is_not_reached(cloudformation: CloudFormation) -> None:
    asked = {**ASKED, "Endpoint": "127.0.0.1:1"}
    answer = cloudformation.send(KIND, asked, context=Context(100, look=20))
    assert answer["Status"] == "FAILED"
    assert "127.0.0.1:1" in answer["Reason"]
    assert cloudformation.pauses


FAULTS = st.dictionaries(
    st.integers(0, 40), st.sampled_from(("403", "409", "503", "lost", "unreached", "crash", "adds")), max_size=8
)
STEPS = st.sampled_from(
    (
        {"Role": "cdk_refarch_c9"},
        {"Admins": [arn("eve"), arn("ann")]},
        {"Admins": [], "Readers": []},
        {"Readers": [arn("other")], "Indices": ["waves"]},
        {"Writers": [arn("stream-2")]},
        {},
    )
)


def test_whatever_goes_wrong_our_roles_are_as_wanted_and_everybody_else_stays(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle = Lifecycle(aws, monkeypatch, PROVIDER, KIND)

    def crash() -> None:
        lifecycle.service.crashed = True
        raise Crash

    domain = Domain(crash)
    monkeypatch.setattr(lifecycle.module, "https", domain)

    @settings(derandomize=True, database=None, deadline=None, max_examples=70)
    @given(
        # A third crash of one request would end what Lambda tries.
        faults=FAULTS.filter(lambda faults: list(faults.values()).count("crash") < 3),
        steps=st.lists(STEPS, max_size=4),
    )
    def go(faults: dict[int, str], steps: list[dict[str, Any]]) -> None:
        lifecycle.start()
        domain.reset(faults)
        lifecycle.create(ASKED)
        for step in steps:
            lifecycle.update({**ASKED, **step})
            assert lifecycle.made is not None
            assert domain.state == expected(lifecycle.made[1], domain.late)
        assert lifecycle.made is not None
        last = lifecycle.made[1]
        lifecycle.end()
        assert domain.state == expected(last, domain.late)

    go()
