"""Functions with less time than they have, when a scenario says so, so that what they wait for outlasts them soon."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.services import lambda_svc

_told: dict[tuple[str, str], int] = {}
"""Seconds, by region and a part of the function's name."""
_acquire_worker = lambda_svc.acquire_worker


def install() -> None:
    """Look at the processes that functions get."""
    lambda_svc.acquire_worker = _acquire


def _acquire(name: str, config: dict[str, Any], *rest: Any, **more: Any) -> Any:
    """Get a process for a function, a new one if that which is there has another time."""
    region = config["FunctionArn"].split(":")[3]
    seconds = [limit for (where, part), limit in list(_told.items()) if where == region and part in name]
    wanted = {**config, "Timeout": min(seconds)} if seconds else config
    worker, how = _acquire_worker(name, wanted, *rest, **more)
    if worker is not None and worker.config.get("Timeout") != wanted.get("Timeout"):
        worker.kill()
        worker.config = wanted
    return worker, how


def limit(body: bytes, account: str, region: str) -> tuple[int, dict[str, Any]]:
    """Let a function have less time from its next invocation on.

    Args:
        body: ``function``, a part of its name; ``seconds``, 0 for its own time again; ``region``, by default us-east-1.
        account: The account.
        region: The region that is meant if the body has none.
    """
    request = json.loads(body)
    function, seconds = request.get("function"), request.get("seconds")
    if not isinstance(function, str) or not function or not isinstance(seconds, int):
        return 400, {"message": f"function, a part of a name, and seconds must be given, got {request}"}
    where = request.get("region", region), function
    if seconds:
        _told[where] = seconds
    else:
        _told.pop(where, None)
    return 200, {}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, dict[str, Any]]]] = {"/_sandbox/lambda/time": limit}
"""What each path does, with a body, or the members of the query, in an account and region."""
