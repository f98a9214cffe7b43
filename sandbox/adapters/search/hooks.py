"""What scenarios let happen to domains and collections, and see of them: paths under ``/_sandbox/opensearch/``."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope

from .indices import Problem

Record = dict[str, Any]
Answer = tuple[int, Any]
_lock = threading.Lock()


@dataclass
class Fault:
    """What requests have before them.

    Attributes:
        name: The domain or collection.
        status: The HTTP status.
        kind: The type of the error.
        path: A part of the path that is meant.
        document: Whether single documents of bulk requests are meant.
        times: How often it strikes.
    """

    name: str
    status: int
    kind: str
    path: str
    document: bool
    times: int

    @property
    def problem(self) -> Problem:
        """What is answered."""
        return Problem(self.status, self.kind, f"{self.kind}, as a scenario said")


_armed: list[Fault] = []


def _struck(name: str, path: str, document: bool) -> Fault | None:
    with _lock:
        for fault in _armed:
            meant = fault.name == name and fault.document == document and fault.path in path
            if meant and fault.times > 0:
                fault.times -= 1
                return fault
    return None


def strike(name: str, path: str) -> Answer | None:
    """The answer of a fault that a request meets; None if it meets none.

    Args:
        name: The domain or collection.
        path: The path of the request.
    """
    fault = _struck(name, path, document=False)
    return (fault.status, fault.problem.answer()) if fault else None


def refuse_document(name: str) -> None:
    """Refuse a document of a bulk request, if a scenario said so.

    Args:
        name: The domain.

    Raises:
        Problem: If it did.
    """
    fault = _struck(name, "", document=True)
    if fault:
        raise fault.problem


def arm(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Let requests to a domain or collection fail.

    Args:
        body: ``name`` of the domain or collection; ``status``, by default 503; ``type`` of the error; ``path``, a part
            of the paths that are meant; ``document``, true for single documents of bulk requests; ``times``, by
            default 1, 0 to call all off.
        account: The account.
        region: The region, which does not matter.
    """
    request = json.loads(body)
    name = request.get("name")
    if not isinstance(name, str) or not name:
        return 400, {"message": f"name must be that of a domain or a collection, got {name!r}"}
    status, times = int(request.get("status", 503)), int(request.get("times", 1))
    kind = request.get("type", "cluster_block_exception")
    fault = Fault(name, status, kind, request.get("path", ""), bool(request.get("document", False)), times)
    with _lock:
        _armed[:] = [one for one in _armed if one.times > 0 and (times > 0 or one.name != name)]
        _armed.extend([fault] if times > 0 else [])
    return 200, {}


def documents(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """What is in a domain or collection, whoever may read it.

    Args:
        body: ``domain`` or ``collection``, a name; ``region``.
        account: The account.
        region: The region that is meant if the body has none.
    """
    from . import plane

    request = json.loads(body)
    kind = "domain" if "domain" in request else "collection"
    try:
        with request_scope(account, request.get("region", region)):
            return 200, {"documents": plane.documents(kind, request.get(kind, ""))}
    except LookupError as error:
        return 404, {"message": str(error.args[0])}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {
    "/_sandbox/opensearch/documents": documents,
    "/_sandbox/opensearch/fail": arm,
}
"""What each path does, with a body, or the members of the query, in an account and region."""
