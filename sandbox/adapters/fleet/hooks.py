"""What scenarios let happen to instances, and ask of groups: paths under ``/_sandbox/fleet/``."""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import request_scope

from . import health
from .state import LOCK, Record, find


def told(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let an instance, or all instances of an image, be healthy or not from now on.

    Args:
        body: ``imageId`` or ``instanceId``; ``healthy`` for all checks, or ``serving`` for those of load balancers.
        account: The account.
        region: The region.
    """
    request = json.loads(body)
    subject = request.get("instanceId") or request.get("imageId")
    what = {health.BOOTS: request.get("healthy"), health.SERVES: request.get("serving")}
    given = {name: holds for name, holds in what.items() if isinstance(holds, bool)}
    if not subject or not given:
        must = "imageId or instanceId, and healthy or serving as true or false, must be given"
        return 400, {"message": f"{must}, got {request}"}
    with LOCK:
        for name, holds in given.items():
            health.tell(subject, name, holds)
    return 200, {}


def history(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """How many instances of a group were ready and wanted, and of which images, since it was created.

    Args:
        body: ``group``, its name.
        account: The account.
        region: The region.
    """
    name = json.loads(body).get("group", "")
    with request_scope(account, region), LOCK:
        group = find(name)
        if group is None:
            return 404, {"message": f"there is no group {name!r}"}
        return 200, {"history": [list(point) for point in group.history]}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/fleet/health": told,
    "/_sandbox/fleet/history": history,
}
"""What each path does, with a body, or the members of the query, in an account and region."""
