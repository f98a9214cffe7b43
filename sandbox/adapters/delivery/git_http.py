"""Git over HTTPS, at the path of CodeCommit's clone URL: ``git http-backend`` serves the folder of the repository.

Who calls is who signed the password, as AWS's credential helper does; fetching asks for GitPull and pushing for
GitPush, once more when the references are known.
"""

from __future__ import annotations

import asyncio
import base64
import gzip
import hashlib
import hmac
import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack import app
from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, set_request_account_id, set_request_region

from . import codecommit, references
from .repositories import Repository

PREFIX = "/v1/repos/"
"""Where repositories are, by their names."""
_SERVICES = {"git-receive-pack": "GitPush", "git-upload-pack": "GitPull"}
_VALID = timedelta(minutes=15)
_log = logging.getLogger("sandbox.codecommit")


class _Refused(Exception):
    """The request is answered with a status and a line of text."""

    def __init__(self, status: int, text: str) -> None:
        super().__init__(text)
        self.status = status


@dataclass(frozen=True)
class _Request:
    """A request of Git.

    Attributes:
        method: Its method.
        path: Its path.
        query: Its query.
        headers: Its headers, in lower case.
        body: Its body.
    """

    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes

    @property
    def repository(self) -> str:
        """The name of the repository."""
        return self.path.removeprefix(PREFIX).split("/")[0]

    @property
    def rest(self) -> str:
        """What is behind the name, such as ``/info/refs``."""
        return self.path.removeprefix(PREFIX + self.repository)

    @property
    def service(self) -> str:
        """What Git wants, such as ``git-receive-pack``; empty for what is not served."""
        name = self.query.removeprefix("service=") if self.rest == "/info/refs" else self.rest[1:]
        return name if name in _SERVICES else ""


Answer = tuple[int, list[tuple[bytes, bytes]], bytes]


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request of Git.

    Args:
        scope: The request, as ASGI has it.
        receive: Takes its body.
        send: Sends the answer.
    """
    body, more = [], True
    while more:
        message = await receive()
        body.append(message.get("body", b""))
        more = message.get("more_body", False)
    headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
    whole = b"".join(body)
    if headers.get("content-encoding") == "gzip":
        whole = gzip.decompress(whole)
    request = _Request(scope["method"], scope["path"], scope["query_string"].decode(), headers, whole)
    status, found, content = await asyncio.to_thread(_answer, request)
    found = [*found, (b"content-length", str(len(content)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": found})
    await send({"type": "http.response.body", "body": content})


def _answer(request: _Request) -> Answer:
    try:
        repository = _admitted(request)
        return _pushed(repository, request) if request.service == "git-receive-pack" else _run(repository, request)
    except _Refused as refused:
        headers = [(b"content-type", b"text/plain")]
        if refused.status == 401:
            headers.append((b"www-authenticate", b'Basic realm="codecommit"'))
        return refused.status, headers, f"{refused}\n".encode()


def _admitted(request: _Request) -> Repository:
    """The repository of a request whose caller may do what it asks for."""
    if not request.service:
        raise _Refused(404, "not served")
    key, region = _caller(request)
    set_request_account_id(app._request_account_scope(key))
    set_request_region(region)
    scope = f"AWS4-HMAC-SHA256 Credential={key}/20000101/{region}/codecommit/aws4_request"
    iam_evaluator.pin_request_caller({"authorization": scope})
    iam_evaluator.pin_request_origin("127.0.0.1", True)
    found: Repository | None = codecommit.REPOSITORIES.get(request.repository)
    arn = found.arn if found else f"arn:aws:codecommit:{region}:{get_account_id()}:{request.repository}"
    # AWS's guide has operators for single values in its policies, so each reference is asked for by itself.
    pushed = _wanted(request.body) if request.rest == "/git-receive-pack" else ()
    action = f"codecommit:{_SERVICES[request.service]}"
    for conditions in [{"codecommit:References": name} for name in pushed] or [{}]:
        if iam_evaluator.enforce(key, action, "codecommit", region, arn, conditions) is not None:
            text = f"{iam_evaluator.caller_arn()} is not authorized to perform: {action} on resource: {arn}"
            _log.info(text)
            raise _Refused(403, text)
    if found is None:
        raise _Refused(404, f"repository {request.repository} not found")
    return found


def _caller(request: _Request) -> tuple[str, str]:
    """The access key that the password was signed with, and the region that it was signed for."""
    kind, _, given = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        raise _Refused(401, "credentials are required")
    try:
        user, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        moment = datetime.strptime(password[:16], "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    except ValueError as problem:
        raise _Refused(403, "the credentials must be as the credential helper makes them") from problem
    key, _, token = user.partition("%")
    set_request_account_id(app._request_account_scope(key))
    credential = iam_evaluator.resolve_credential(key, None, token)
    if isinstance(credential, iam_evaluator.CredentialResolutionError):
        raise _Refused(403, credential.message)
    if abs(datetime.now(UTC) - moment) > _VALID:
        raise _Refused(403, "the password has expired")
    path = PREFIX + request.repository
    host = request.headers.get("host", "").rpartition(":")[0] or request.headers.get("host", "")
    for region in _regions(request.repository):
        if hmac.compare_digest(
            password[16:], _signature(credential.secret_access_key, password[:15], region, host, path)
        ):
            return key, region
    raise _Refused(403, "the password is not signed with the secret access key, for this repository's URL and region")


def _regions(name: str) -> list[str]:
    """The regions with repositories of this name, and that of the account, for the host's name has none here."""
    found = [region for (_, region, one) in list(codecommit.REPOSITORIES._data) if one == name]
    return sorted({*found, os.environ["MINISTACK_REGION"]})


def _signature(secret: str, moment: str, region: str, host: str, path: str) -> str:
    scope = f"{moment[:8]}/{region}/codecommit/aws4_request"
    canonical = hashlib.sha256(f"GIT\n{path}\n\nhost:{host}\n\nhost\n".encode()).hexdigest()
    signed = f"AWS4{secret}".encode()
    for part in (*scope.split("/"), "\n".join(("AWS4-HMAC-SHA256", moment, scope, canonical))):
        signed = hmac.digest(signed, part.encode(), "sha256")
    return signed.hex()


def _wanted(body: bytes) -> Iterator[str]:
    """The references that a push wants to change."""
    at = 0
    while at + 4 <= len(body):
        try:
            size = int(body[at : at + 4], 16)
        except ValueError as problem:
            raise _Refused(400, "the request is no push") from problem
        if size < 4:
            return
        words = body[at + 4 : at + size].split(b"\0")[0].decode(errors="replace").split()
        at += size
        if len(words) == 3:
            yield words[2]


def _pushed(repository: Repository, request: _Request) -> Answer:
    """Let Git take a push, and tell of what it changed."""
    with repository.lock:
        before = dict(repository.store.references())
        answer = _run(repository, request)
        after = repository.store.references()
    names = sorted(before.keys() | after.keys())
    changed = [references.Changed(name, before.get(name), after.get(name)) for name in names]
    changed = [one for one in changed if one.old != one.new]
    if changed:
        references.tell(repository, changed)
    return answer


def _run(repository: Repository, request: _Request) -> Answer:
    git, folder = shutil.which("git"), repository.store.folder
    if git is None:
        raise _Refused(501, "the sandbox serves Git with the command git, which must be installed")
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(folder),
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_HTTP_EXPORT_ALL": "1",
        "GIT_PROJECT_ROOT": str(folder.parent),
        "GIT_PROTOCOL": request.headers.get("git-protocol", ""),
        "PATH_INFO": f"/{folder.name}{request.rest}",
        "QUERY_STRING": request.query,
        "REQUEST_METHOD": request.method,
        "CONTENT_TYPE": request.headers.get("content-type", ""),
        "CONTENT_LENGTH": str(len(request.body)),
        "REMOTE_USER": "codecommit",
        "REMOTE_ADDR": "127.0.0.1",
    }
    command = [git, "http-backend"]
    done = subprocess.run(command, env=environment, input=request.body, capture_output=True, check=False)
    if done.stderr:
        _log.warning("git http-backend: %s", done.stderr.decode(errors="replace").strip())
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    fields = [line.split(b": ", 1) for line in head.split(b"\r\n") if b": " in line]
    status = next((int(value[:3]) for name, value in fields if name == b"Status"), 200 if fields else 500)
    return status, [(name.lower(), value) for name, value in fields if name != b"Status"], content
