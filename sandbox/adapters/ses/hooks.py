"""What scenarios, which run elsewhere, can let happen: ``POST /_sandbox/ses/events`` and ``/_sandbox/ses/inbound``."""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import request_scope

from sandbox.adapters import access

from . import inbound, publishing
from .state import Record


def _answered(operation: Callable[[Record], Record], body: bytes, account: str, region: str) -> tuple[int, Record]:
    try:
        access.over_tls()
        with request_scope(account, region):
            return 200, operation(json.loads(body))
    except LookupError as error:
        return 404, {"message": str(error.args[0] if error.args else error)}
    except ValueError as error:
        return 400, {"message": str(error)}


def tell(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let something happen to a message that was sent.

    Args:
        body: The request, as ``publishing.tell`` takes it.
        account: The account.
        region: The region.
    """
    return _answered(publishing.tell, body, account, region)


def arrive(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let a message arrive.

    Args:
        body: The request, as ``inbound.receive`` takes it.
        account: The account.
        region: The region.
    """
    return _answered(inbound.receive, body, account, region)


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/ses/events": tell,
    "/_sandbox/ses/inbound": arrive,
}
"""What each path does, with a body in an account and region."""
