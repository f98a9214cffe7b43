"""Functions that die half-way, when a scenario says so: after the service has done what it was asked, with no answer.

A function is known by the credentials of its requests. Its process is killed, with all that it was doing; Lambda says
``Runtime.ExitError``, and what called the function decides about another attempt.
"""

from __future__ import annotations

import contextvars
import json
import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from functools import wraps
from typing import Any

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime
from ministack.services import lambda_svc

Record = dict[str, Any]
_log = logging.getLogger("sandbox.lambda")
_lock = threading.Lock()
_asked: contextvars.ContextVar[list[tuple[str, str]] | None] = contextvars.ContextVar("_asked", default=None)
"""Who asked for what in this request: access key and IAM action."""
_dispatch = app._dispatch_service_request
_enforce = iam_evaluator.enforce


@dataclass
class Crash:
    """What a function has before it.

    Attributes:
        function: A part of the function's name.
        region: Its region.
        call: The IAM action after which it dies; empty for any.
        after: How many such calls are carried out until it dies.
        times: How many times it dies.
        seen: The calls since the last time.
    """

    function: str
    region: str
    call: str
    after: int
    times: int
    seen: int = 0


_armed: list[Crash] = []
_happened: list[Record] = []


def install() -> None:
    """Look at who calls what."""
    app._dispatch_service_request = _dispatched
    iam_evaluator.enforce = _noted


@wraps(_enforce)
def _noted(access_key_id: str, iam_action: str, *rest: Any, **more: Any) -> Any:
    asked = _asked.get()
    if asked is not None:
        asked.append((access_key_id, iam_action))
    return _enforce(access_key_id, iam_action, *rest, **more)


async def _dispatched(*request: Any) -> Any:
    if not _armed:
        return await _dispatch(*request)
    asked: list[tuple[str, str]] = []
    token = _asked.set(asked)
    try:
        answer = await _dispatch(*request)
    finally:
        _asked.reset(token)
    if asked and answer[0] < 400:
        _look(*asked[0])
    return answer


def _look(key: str, action: str) -> None:
    """Kill the function that has called, if this was the call to die after."""
    config = _function(key)
    if config is None:
        return
    _, _, _, region, account, _, name = config["FunctionArn"].split(":")[:7]
    with _lock:
        for crash in _armed:
            if crash.function in name and crash.region == region and crash.call in ("", action):
                crash.seen += 1
                if crash.seen >= crash.after and crash.times > 0:
                    crash.seen, crash.times = 0, crash.times - 1
                    _happened.append({"function": name, "region": region, "call": action})
                    _kill(f"{account}:{region}:{name}:")
        _armed[:] = [crash for crash in _armed if crash.times > 0]


def _function(key: str) -> Record | None:
    """The configuration of the function that has an access key."""
    for record in list(lambda_svc._functions._data.values()):
        config: Record = record["config"]
        if lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"] == key:
            return config
    return None


def _kill(prefix: str) -> None:
    for key, workers in list(lambda_runtime._workers.items()):
        for worker in workers if key.startswith(prefix) else ():
            process = worker._proc
            if worker.in_use and process is not None:
                _log.info("%s was killed, as a scenario said", worker.func_name)
                process.kill()


def arm(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let a function die half-way.

    Args:
        body: ``function``, a part of its name; ``region``, by default us-east-1; ``call``, the IAM action after which
            it dies, by default any; ``after``, how many such calls, 1 by default; ``times``, how often, 1 by default,
            0 for never after all.
        account: The account.
        region: The region that is meant if the body has none.
    """
    request = json.loads(body)
    if not isinstance(request.get("function"), str) or not request["function"]:
        return 400, {"message": f"function must be a part of a function's name, got {request}"}
    after, times = int(request.get("after", 1)), int(request.get("times", 1))
    crash = Crash(request["function"], request.get("region", region), request.get("call", ""), after, times)
    with _lock:
        _armed[:] = [one for one in _armed if (one.function, one.region, one.call) != _key(crash)]
        _armed.extend([crash] if times > 0 else [])
    return 200, {}


def _key(crash: Crash) -> tuple[str, str, str]:
    return crash.function, crash.region, crash.call


def told(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Which functions have died so.

    Args:
        body: Nothing.
        account: The account.
        region: The region.
    """
    with _lock:
        return 200, {"crashes": list(_happened)}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/lambda/crash": arm,
    "/_sandbox/lambda/crashes": told,
}
"""What each path does, with a body, or the members of the query, in an account and region."""
