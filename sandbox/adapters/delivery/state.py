"""What the services of delivery have in common: events, threads, and pages of lists."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable, Mapping
from contextvars import copy_context
from datetime import UTC, datetime
from typing import Any

from ministack.services import eventbridge

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Record

_log = logging.getLogger("sandbox.delivery")


def announce(source: str, kind: str, detail: Mapping[str, Any], arn: str) -> None:
    """Send an event of a service to the default bus; must not run in the event loop.

    Args:
        source: The service, such as ``aws.codepipeline``.
        kind: The detail type.
        detail: What happened.
        arn: The resource it is about.
    """
    entry = {"Source": source, "DetailType": kind, "Detail": json.dumps(detail), "Resources": [arn]}
    eventbridge._ensure_default_bus()
    eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)


def spawn(name: str, work: Callable[[], None]) -> threading.Thread:
    """Do work in a thread of its own, for the account and region of the caller; it ends with the process.

    Args:
        name: The thread's name.
        work: What to do.
    """
    context = copy_context()

    def run() -> None:
        access.over_tls()
        try:
            work()
        except Exception:
            _log.exception("%s ended", name)
            raise

    thread = threading.Thread(target=context.run, args=(run,), name=name, daemon=True)
    thread.start()
    return thread


def now() -> float:
    """The time, as these services' APIs have it."""
    return round(time.time(), 3)


def iso(moment: float) -> str:
    """A time as events have it.

    Args:
        moment: The time in seconds since 1970.
    """
    text = datetime.fromtimestamp(moment, UTC).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def page(
    items: list[Any], request: Record, most: int = 100, invalid: str = "InvalidNextTokenException"
) -> tuple[list[Any], Record]:
    """A page of a list, with the token of the next one.

    Args:
        items: The whole list.
        request: The request, with ``maxResults`` and ``nextToken``.
        most: How many a page has at most.
        invalid: The code of the error for a token that is none of ours.

    Raises:
        Fault: If the token is none of ours.
    """
    token = str(request.get("nextToken") or "0")
    if not (token.isascii() and token.isdigit()):
        raise Fault(invalid, "The next token was specified in an invalid format.")
    start, size = int(token), min(int(request.get("maxResults") or most), most)
    end = start + size
    return items[start:end], {"nextToken": str(end)} if end < len(items) else {}
