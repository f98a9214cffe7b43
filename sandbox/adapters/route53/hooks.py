"""What scenarios let happen to Route 53: paths under ``/_sandbox/route53/``."""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import request_scope
from ministack.services import route53

from . import health
from .state import Record


def turned(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Turn a routing control on or off.

    Args:
        body: ``arn`` and ``on``, true or false.
        account: The account.
        region: The region.
    """
    request = json.loads(body)
    arn, on = request.get("arn"), request.get("on")
    if not isinstance(arn, str) or not isinstance(on, bool):
        return 400, {"message": f"arn, and on as true or false, must be given, got {request}"}
    health.turn(arn, on)
    return 200, {}


def checked(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Whether a health check is healthy, also a calculated one, of which the API does not say it.

    Args:
        body: ``id``.
        account: The account.
        region: The region.
    """
    id = json.loads(body).get("id", "")
    with request_scope(account, region):
        record = route53._health_checks.get(id)
        if record is None:
            return 404, {"message": f"there is no health check {id!r}"}
        return 200, {"healthy": health.is_healthy(record)}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/route53/routing-control": turned,
    "/_sandbox/route53/health": checked,
}
"""What each path does, with a body, or the members of the query, in an account and region."""
