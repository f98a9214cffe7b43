"""What the modules of Route 53 share: its refusals, and what is known of a health check beside its configuration."""

from __future__ import annotations

from typing import Any

from ministack.services import route53

Record = dict[str, Any]
"""A health check, a record set or a zone, as MiniStack keeps it."""
_OURS = "sandbox"


class Fault(Exception):
    """Route 53 refuses a request.

    Args:
        code: The error's code, such as ``InvalidInput``.
        message: What the service says.
        status: The HTTP status.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code = code
        self.status = status


def check(id: str) -> Record:
    """A health check.

    Args:
        id: Its id.

    Raises:
        Fault: If there is none.
    """
    found: Record | None = route53._health_checks.get(id)
    if found is None:
        raise Fault("NoSuchHealthCheck", f"No health check exists with the specified ID {id}.", 404)
    return found


def noted(record: Record) -> Record:
    """What we noted about a health check: the ``alarm`` as it was, and whether it was ``healthy`` last.

    Args:
        record: The health check.
    """
    notes: Record = record.setdefault(_OURS, {"alarm": None, "healthy": True})
    return notes
