"""What Macie remembers, once for each account and region in which it is enabled, as on AWS."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region, now_iso

Record = dict[str, Any]
"""A resource of Macie, with the names and values of its API."""
_STATUS = {
    "AccessDeniedException": 403,
    "ConflictException": 409,
    "NotImplementedException": 501,
    "ResourceNotFoundException": 404,
    "ValidationException": 400,
}


class Fault(Exception):
    """Macie refuses a request.

    Args:
        code: The error's code, such as ``ValidationException``.
        message: What Macie says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, _STATUS[code]


@dataclass
class Session:
    """Macie in an account and region; it is gone with all it holds when Macie is disabled.

    Attributes:
        account: The account.
        region: The region.
        settings: Status and publishing frequency.
        discovery: The configuration of automated discovery.
        excluded: The names of the buckets that automated discovery leaves out.
        template: What automated discovery uses besides Macie's own identifiers, and which of them it does not.
        publication: What is published to Security Hub.
        organization: What happens to accounts that join.
        export: Where results go; empty for nowhere.
        jobs: The jobs by id.
        custom_data_identifiers: The custom data identifiers by id.
        allow_lists: The allow lists by id.
        findings_filters: The findings filters by id.
        findings: The findings by id, in the form that events have.
        read: What has been read: for each job, and for automated discovery, the versions of objects.
    """

    account: str
    region: str
    settings: Record
    discovery: Record = field(default_factory=dict)
    excluded: list[str] = field(default_factory=list)
    template: Record = field(default_factory=lambda: {"includes": {}, "excludes": {}})
    publication: Record = field(default_factory=dict)
    organization: Record = field(default_factory=lambda: {"autoEnable": False, "maxAccountLimitReached": False})
    export: Record = field(default_factory=dict)
    jobs: dict[str, Record] = field(default_factory=dict)
    custom_data_identifiers: dict[str, Record] = field(default_factory=dict)
    allow_lists: dict[str, Record] = field(default_factory=dict)
    findings_filters: dict[str, Record] = field(default_factory=dict)
    findings: dict[str, Record] = field(default_factory=dict)
    read: dict[str, set[tuple[str, ...]]] = field(default_factory=dict)

    def arn(self, kind: str, id: str) -> str:
        """The ARN of a resource.

        Args:
            kind: Its kind, such as ``allow-list``.
            id: Its id.
        """
        return f"arn:aws:macie2:{self.region}:{self.account}:{kind}/{id}"


_sessions: dict[tuple[str, str], Session] = {}


def session() -> Session:
    """Macie in the account and region of the request.

    Raises:
        Fault: If it is not enabled there.
    """
    found = _sessions.get((get_account_id(), get_region()))
    if found is None:
        raise Fault("AccessDeniedException", "Macie is not enabled.")
    return found


def sessions() -> Iterator[Session]:
    """Macie wherever it is enabled."""
    yield from list(_sessions.values())


def enable(frequency: str = "SIX_HOURS", status: str = "ENABLED") -> Session:
    """Enable Macie.

    Args:
        frequency: How often updates of policy findings are published.
        status: ``ENABLED`` or ``PAUSED``.

    Raises:
        Fault: If it is enabled already.
    """
    key = (get_account_id(), get_region())
    if key in _sessions:
        raise Fault("ConflictException", "Macie has already been enabled.")
    now = now_iso()
    settings = {"findingPublishingFrequency": frequency, "status": status, "createdAt": now, "updatedAt": now}
    settings["serviceRole"] = (
        f"arn:aws:iam::{key[0]}:role/aws-service-role/macie.amazonaws.com/AWSServiceRoleForAmazonMacie"
    )
    _sessions[key] = Session(*key, settings)
    return _sessions[key]


def disable() -> None:
    """Disable Macie, which deletes its settings, resources and findings.

    Raises:
        Fault: If it is not enabled.
    """
    session()
    del _sessions[get_account_id(), get_region()]


def new_id() -> str:
    """An id as jobs and findings have it."""
    return uuid4().hex


def page(items: list[Any], request: Record, most: int = 50) -> tuple[list[Any], Record]:
    """A page of a list, with the token of the next one.

    Args:
        items: The whole list.
        request: The request, with ``maxResults`` and ``nextToken``.
        most: How many a page has at most.

    Raises:
        Fault: If the token is none of ours.
    """
    token = request.get("nextToken") or "0"
    size = int(request.get("maxResults") or most)
    if not str(token).isdigit():
        raise Fault("ValidationException", "The value for the nextToken parameter is not valid.")
    if not 1 <= size <= most:
        raise Fault("ValidationException", f"The value for the maxResults parameter must be from 1 to {most}.")
    start = int(token)
    end = start + size
    return items[start:end], {"nextToken": str(end)} if end < len(items) else {}
