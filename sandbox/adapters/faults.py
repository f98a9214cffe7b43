"""Errors of any call, when a scenario says so: throttled, denied, out of order; and how often a call was made.

Looked at are the requests that come to the endpoint, from scenarios, tools and functions, except those of the second
version of SES's API. What services do among themselves, such as Step Functions that invokes a function, does not come
there. A service that has no error ``AccessDenied`` says ``AccessDeniedException``.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

from ministack import app
from ministack.core import iam_actions, router
from ministack.services import sts

Record = dict[str, Any]
_SERVERS = ("Internal", "Service")
"""How the codes of errors begin that are no fault of the caller's."""
_dispatch = app._dispatch_service_request
_lock = threading.Lock()


@dataclass
class Fault:
    """What callers have before them.

    Attributes:
        call: The IAM action, in which ``*`` is anything.
        function: A part of the name of the functions that are meant; empty for all callers.
        role: A part of the name of the roles that are meant.
        region: The region; empty for any.
        error: The code.
        message: What it says.
        status: The HTTP status.
        after: How many calls are carried out before the first that fails.
        every: Which of the calls after those fails: each, every second, and so on.
        times: How often it fails.
        done: Whether the call is carried out all the same, and only its answer lost.
        seen: The calls so far.
    """

    call: str
    function: str
    role: str
    region: str
    error: str
    message: str
    status: int
    after: int
    every: int
    times: int
    done: bool
    seen: int = 0

    def strikes(self) -> bool:
        """Count a call, and say whether it fails."""
        self.seen += 1
        over = self.seen - self.after
        if self.times < 1 or over < 1 or over % self.every:
            return False
        self.times -= 1
        return True


_armed: list[Fault] = []
_watched: list[str] = []
_calls: list[Record] = []


def install() -> None:
    """Look at the requests; after what looks at them closer."""
    global _dispatch
    _dispatch = app._dispatch_service_request
    app._dispatch_service_request = _dispatched


async def _dispatched(method: str, path: str, headers: Any, body: bytes, query: Any, request_id: str) -> Any:
    request = (method, path, headers, body, query, request_id)
    if not _armed and not _watched:
        return await _dispatch(*request)
    params = app._routing_params(method, path, headers, body, query)
    service = router.detect_service(method, path, headers, params)
    call = iam_actions.extract_iam_action(service, method, path, headers, body, params) or ""
    role, function = _caller(router.extract_access_key_id(headers, query))
    region = router.extract_region(headers)
    fault = _struck(call, role, function, region)
    if fault is None or fault.done:
        answer = await _dispatch(*request)
    if fault is not None:
        answer = _error(service, fault, headers, request_id)
    if any(fnmatchcase(call, one) for one in _watched):
        made = {"call": call, "role": role, "function": function, "region": region}
        with _lock:
            _calls.append({**made, "status": answer[0], "error": fault.error if fault else ""})
    return answer


def _caller(key: str) -> tuple[str, str]:
    """The role of a caller, and the name of its session, which is the function's if it is one."""
    arn = (sts._sessions.get(key) or {}).get("Arn", "")
    role, _, session = arn.partition(":assumed-role/")[2].partition("/")
    return role, session


def _struck(call: str, role: str, function: str, region: str) -> Fault | None:
    """The first fault that this call meets."""
    with _lock:
        for fault in _armed:
            meant = fnmatchcase(call, fault.call) and fault.region in ("", region)
            if meant and fault.function in function and fault.role in role and fault.strikes():
                return fault
    return None


def _error(service: str, fault: Fault, headers: Any, request_id: str) -> Any:
    """What the service would answer in the request's protocol."""
    told = {"error_code": fault.error, "message": fault.message, "headers": headers}
    _, said, body = iam_actions.access_denied_response(service, fault.call, "", request_id, **told)
    return fault.status, said, body


def arm(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let calls fail.

    Args:
        body: ``call``, the IAM action, in which ``*`` is anything; ``error``, the code; ``message``; ``status``, by
            default 500 for errors of the service and otherwise 400; ``function`` and ``role``, a part of the name of
            those whose calls fail; ``region``, by default any; ``after`` so many calls, by default 0; ``every``, which
            of those that follow, by default each; ``times``, by default 1, 0 to call it off; ``done``, true to carry
            the call out and lose the answer.
        account: The account.
        region: The region, which does not matter.
    """
    request = json.loads(body)
    call, error = request.get("call"), request.get("error", "InternalFailure")
    if not isinstance(call, str) or ":" not in call:
        return 400, {"message": f"call must be an IAM action such as codecommit:GetBlob, got {call!r}"}
    every = int(request.get("every", 1))
    if every < 1:
        return 400, {"message": f"every must be at least 1, got {every}"}
    fault = Fault(
        call=call,
        function=request.get("function", ""),
        role=request.get("role", ""),
        region=request.get("region", ""),
        error=error,
        message=request.get("message", f"{error}, as a scenario said"),
        status=int(request.get("status", 500 if error.startswith(_SERVERS) else 400)),
        after=int(request.get("after", 0)),
        every=every,
        times=int(request.get("times", 1)),
        done=bool(request.get("done", False)),
    )
    with _lock:
        _armed[:] = [one for one in _armed if _key(one) != _key(fault) and one.times > 0]
        _armed.extend([fault] if fault.times > 0 else [])
    return 200, {}


def _key(fault: Fault) -> tuple[str, str, str, str]:
    return fault.call, fault.function, fault.role, fault.region


def watch(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Note calls from now on, in the place of those that were noted before.

    Args:
        body: ``calls``, IAM actions in which ``*`` is anything; none to note nothing any more.
        account: The account.
        region: The region.
    """
    with _lock:
        _watched[:] = json.loads(body)["calls"]
        _calls.clear()
    return 200, {}


def seen(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """The calls that were noted.

    Args:
        body: Nothing.
        account: The account.
        region: The region.
    """
    with _lock:
        return 200, {"calls": list(_calls)}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/faults": arm,
    "/_sandbox/calls": watch,
    "/_sandbox/calls/seen": seen,
}
"""What each path does, with a body, or the members of the query, in an account and region."""
