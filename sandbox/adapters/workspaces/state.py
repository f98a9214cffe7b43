"""What WorkSpaces remembers in each account and region, and how states pass into each other by themselves."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Iterable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Protocol, TypeVar

from ministack.core.responses import get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

GONE = "GONE"
"""The state of what is there no more."""
LOCK = threading.RLock()
"""Held by whoever looks at or changes what is remembered."""


class Course:
    """A state that passes into the next by itself.

    Args:
        states: The states; the last one stays.

    Attributes:
        seconds: How long a state lasts that passes into another.
    """

    seconds: ClassVar[float] = 0.5

    def __init__(self, *states: str) -> None:
        self._states, self._began, self._reached = states, time.monotonic(), 0

    @property
    def state(self) -> str:
        """The state at present; no former one comes back when states are to last longer from now on."""
        passed = int((time.monotonic() - self._began) / self.seconds)
        self._reached = max(self._reached, min(passed, len(self._states) - 1))
        return self._states[self._reached]


@dataclass
class Registration:
    """A directory that is registered with WorkSpaces.

    Attributes:
        record: What the API says of it.
        course: Its state.
        group_ids: The IP groups that it has.
        error: Why its state is ``ERROR``.
    """

    record: Record
    course: Course
    group_ids: list[str] = field(default_factory=list)
    error: str = ""


@dataclass
class Alias:
    """A connection alias.

    Attributes:
        id: Its id.
        text: The connection string.
        course: Its state.
        directory_id: The directory that it is or was associated with; empty for none yet.
        identifier: The connection identifier of the association.
        association: The state of the association.
    """

    id: str
    text: str
    course: Course
    directory_id: str = ""
    identifier: str = ""
    association: Course = field(default_factory=lambda: Course("NOT_ASSOCIATED"))


@dataclass
class Desktop:
    """A WorkSpace.

    Attributes:
        record: What the API says of it.
        course: Its state; empty as long as nobody is told of it.
        error: Why its state is ``ERROR``.
        primary: Of a standby, the region and the id of the primary WorkSpace.
        standbys: Of a primary WorkSpace, the regions and ids of its standbys.
    """

    record: Record
    course: Course
    error: str = ""
    primary: tuple[str, str] | None = None
    standbys: list[tuple[str, str]] = field(default_factory=list)


class _Changing(Protocol):
    course: Course


Thing = TypeVar("Thing", bound=_Changing)


@dataclass
class Home:
    """WorkSpaces in an account and region.

    Attributes:
        account: The account.
        region: The region.
        registrations: The registered directories, by id.
        aliases: The connection aliases, by id.
        groups: The IP groups, by id, as the API has them.
        desktops: The WorkSpaces, by id.
        tags: The tags of all of these, by id.
        is_up: Whether the API answers.
    """

    account: str
    region: str
    registrations: dict[str, Registration] = field(default_factory=dict)
    aliases: dict[str, Alias] = field(default_factory=dict)
    groups: dict[str, Record] = field(default_factory=dict)
    desktops: dict[str, Desktop] = field(default_factory=dict)
    tags: dict[str, dict[str, str]] = field(default_factory=dict)
    is_up: bool = True


_homes: dict[tuple[str, str], Home] = {}


def home(region: str = "") -> Home:
    """WorkSpaces in the account of the request.

    Args:
        region: The region; empty for that of the request.
    """
    key = (get_account_id(), region or get_region())
    with LOCK:
        return _homes.setdefault(key, Home(*key))


def living(things: MutableMapping[str, Thing]) -> list[Thing]:
    """What is still there of some things, oldest first; the others are forgotten.

    Args:
        things: The things by id.
    """
    with LOCK:
        for id in [id for id, one in things.items() if one.course.state == GONE]:
            del things[id]
        return list(things.values())


def find(things: MutableMapping[str, Thing], id: str, what: str) -> Thing:
    """The thing with an id.

    Args:
        things: The things by id.
        id: The id.
        what: What it is called.

    Raises:
        Fault: If it is not there.
    """
    found = things.get(id)
    if found is None or found.course.state == GONE:
        raise Fault("ResourceNotFoundException", f"The specified {what} {id} could not be found in the region.")
    return found


def fresh(prefix: str, length: int = 9) -> str:
    """A new id.

    Args:
        prefix: How it begins.
        length: How many characters follow.
    """
    return prefix + secrets.token_hex(length)[:length]


def as_map(tags: Iterable[Record] | None) -> dict[str, str]:
    """Tags as they are remembered.

    Args:
        tags: Tags as APIs have them.
    """
    return {one["Key"]: one.get("Value", "") for one in tags or ()}


def as_list(tags: dict[str, str]) -> list[Record]:
    """Tags as APIs have them.

    Args:
        tags: Tags as they are remembered.
    """
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def page(items: list[Any], request: Record, code: str, limit: str = "Limit") -> tuple[list[Any], Record]:
    """A page of a list, with the token of the next one.

    Args:
        items: The whole list.
        request: The request, with ``NextToken``.
        code: The code of the error for a token that is none of ours.
        limit: The member of the request that says how many a page has at most.

    Raises:
        Fault: If the token is none of ours.
    """
    token = str(request.get("NextToken") or "0")
    if not token.isdigit():
        raise Fault(code, "The specified next token is not valid.")
    start, size = int(token), int(request.get(limit) or 25)
    end = start + size
    return items[start:end], {"NextToken": str(end)} if end < len(items) else {}
