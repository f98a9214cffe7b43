"""What Image Builder remembers in each account and region: one record for each ARN, with the names of its API."""

from __future__ import annotations

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id, get_region

Record = dict[str, Any]
"""A resource of Image Builder, with the names and values of its API."""
_STATUS = {
    "ForbiddenException": 403,
    "NotImplementedException": 501,
    "ResourceNotFoundException": 404,
    "ServiceException": 500,
}


class Fault(Exception):
    """Image Builder refuses a request.

    Args:
        code: The error's code, such as ``InvalidRequestException``.
        message: What Image Builder says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.status = code, _STATUS.get(code, 400)


@dataclass
class Home:
    """Image Builder in an account and region.

    Attributes:
        account: The account.
        region: The region.
        resources: The resources by ARN, oldest first.
        parents: How often each parent image was told to have a new version.
        executions: What lifecycle policies did, newest first.
        tokens: What was answered to requests that must not be done twice, by their tokens.
    """

    account: str
    region: str
    resources: dict[str, Record] = field(default_factory=dict)
    parents: dict[str, int] = field(default_factory=dict)
    executions: list[Record] = field(default_factory=list)
    tokens: dict[str, Record] = field(default_factory=dict)


_homes: dict[tuple[str, str], Home] = {}
_lock = threading.Lock()


def home() -> Home:
    """Image Builder in the account and region of the request."""
    key = (get_account_id(), get_region())
    with _lock:
        return _homes.setdefault(key, Home(*key))


def now() -> str:
    """The time as Image Builder writes it."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%f}"[:23] + "Z"


def slug(name: str) -> str:
    """A name as it is in ARNs.

    Args:
        name: The name.
    """
    return name.lower().replace(" ", "-").replace("_", "-")


def arn(kind: str, *parts: str) -> str:
    """The ARN of a resource of this account and region.

    Args:
        kind: Its kind, such as ``image-recipe``.
        parts: Its name, and its version where it has one.
    """
    here = home()
    return f"arn:aws:imagebuilder:{here.region}:{here.account}:{'/'.join((kind, *parts))}"


def kind_of(arn: str) -> str:
    """The kind of a resource.

    Args:
        arn: Its ARN.
    """
    return arn.rpartition(":")[2].partition("/")[0]


def of(kind: str) -> list[Record]:
    """The resources of a kind, oldest first.

    Args:
        kind: The kind.
    """
    return [record for arn, record in list(home().resources.items()) if kind_of(arn) == kind]


def get(arn: str) -> Record:
    """A resource by its ARN, of which versions can be left open with ``x`` and the build can be left out.

    Args:
        arn: The ARN.

    Raises:
        Fault: If there is none.
    """
    found = home().resources.get(arn) or _latest(arn)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The resource {arn} does not exist.")
    return found


def _latest(arn: str) -> Record | None:
    head, _, tail = arn.partition("/")
    wanted = tail.split("/")
    if kind_of(arn) not in ("component", "image", "image-recipe") or len(wanted) < 2:
        return None
    fits = [
        (numbers(known), record)
        for known, record in list(home().resources.items())
        if known.startswith(f"{head}/{wanted[0]}/") and _fits(wanted[1:], known)
    ]
    return max(fits, key=lambda fit: fit[0])[1] if fits else None


def _fits(wanted: list[str], known: str) -> bool:
    version, *build = known.partition("/")[2].split("/")[1:]
    return covers(wanted[0], version) and wanted[1:] in ([], build)


def covers(pattern: str, version: str) -> bool:
    """Whether a version is one of those that a pattern such as ``1.0.x`` leaves open.

    Args:
        pattern: The pattern.
        version: The version.
    """
    return all(one in ("x", other) for one, other in zip(pattern.split("."), version.split("."), strict=True))


def numbers(arn: str) -> tuple[int, ...]:
    """The version and the build in an ARN, to be compared.

    Args:
        arn: The ARN.
    """
    return tuple(int(part) for piece in arn.split("/")[2:] for part in piece.split(".") if part.isdigit())


def counted_up(kind: str, name: str, version: str) -> str:
    """A version whose ``x`` at the end is the next number; of several the ones before it stay as high as they are.

    Args:
        kind: The kind of the resource.
        name: Its name.
        version: The version, with or without ``x``.
    """
    if "x" not in version:
        return version
    known = [
        numbers(record["arn"])[:3]
        for record in of(kind)
        if slug(record["name"]) == slug(name) and covers(version, record["version"])
    ]
    given = [int(part) if part != "x" else 0 for part in version.split(".")]
    major, minor, patch = max(known, default=tuple(given))
    return f"{major}.{minor}.{patch + 1}"


def keep(record: Record) -> Record:
    """Remember a resource, with its dates.

    Args:
        record: The resource, with its ``arn``.
    """
    record.setdefault("dateCreated", now())
    record["dateUpdated"] = now()
    home().resources[record["arn"]] = record
    return record


def forget(arn: str) -> None:
    """Forget a resource.

    Args:
        arn: Its ARN.
    """
    home().resources.pop(arn, None)


def page(items: Iterable[Any], request: Record, most: int = 25) -> tuple[list[Any], Record]:
    """A page of a list, with the token of the next one.

    Args:
        items: The whole list.
        request: The request, with ``maxResults`` and ``nextToken``.
        most: How many a page has at most.

    Raises:
        Fault: If the token is none of ours, or the page is to be too long.
    """
    token, size = str(request.get("nextToken") or "0"), int(request.get("maxResults") or most)
    if not token.isdigit():
        raise Fault("InvalidPaginationTokenException", "The value supplied for parameter 'nextToken' is not valid.")
    if not 1 <= size <= most:
        raise Fault("InvalidRequestException", f"The value of maxResults must be from 1 to {most}.")
    whole, start = list(items), int(token)
    end = start + size
    return whole[start:end], {"nextToken": str(end)} if end < len(whole) else {}
