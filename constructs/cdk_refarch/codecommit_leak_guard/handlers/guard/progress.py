"""How far a walk has come, kept in the record so that the next slice, or another try of this one, goes on there.

The order of what is written is what makes a crash harmless. Findings come first, then the walk with its queue and with
the findings that are still to be answered, and the marks of commits last: a commit that this walk has marked has its
findings in the walk and its parents in the queue. What belongs to a walk is written only by who has taken it last, so
that a function that was given up and still runs takes nothing back.
"""

import os
import secrets
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import UTC, datetime
from typing import Any

import boto3
from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.config import Config

from history import Entry, Seen

TABLE_NAME = os.environ["TABLE_NAME"]

LONGEST_QUEUE = 300_000
"""In bytes, compressed, beside what else the item has; it has 400 KB:
https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Constraints.html"""

MOST_PLACES = 20

_config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 8, "mode": "standard"})
dynamodb = boto3.client("dynamodb", config=_config)
ConditionFailed = dynamodb.exceptions.ConditionalCheckFailedException

_serialize = TypeSerializer().serialize
_deserialize = TypeDeserializer().deserialize


class OvertakenError(Exception):
    """Another call does the work of this one, which took too long."""


class QueueTooLongError(Exception):
    """More commits are queued than can be kept."""


@dataclass
class Progress:
    """How far a walk has come.

    Attributes:
        queue: The commits that are queued, as ``History`` gives them; None if nothing is queued yet.
        painted: How many commits that were there before were looked at.
        at: The commit that was begun.
        skip: How many of its pieces are done.
        inside: How many leaks of the next piece are done.
        commits: How many commits were scanned.
        files: How many files were scanned.
        bytes: How long they were together.
        not_scanned: How many files and commits could not be scanned.
        found: How many leaks were found.
        places: Where the first of those are that could not be scanned, and why.
        pending: The findings of this slice.
        complete: Whether everything is scanned, and all findings were handed over.
    """

    queue: list[Entry] | None = None
    painted: int = 0
    at: str = ""
    skip: int = 0
    inside: int = 0
    commits: int = 0
    files: int = 0
    bytes: int = 0
    not_scanned: int = 0
    found: int = 0
    places: list[dict[str, str]] = field(default_factory=list)
    pending: list[str] = field(default_factory=list)
    complete: bool = False


class Record:
    """What the table has of a walk.

    Args:
        walk: The walk.
        slice_: The number of the slice.
        repository: The repository.
        anew: Whether all commits are scanned that this walk has not scanned itself.
    """

    def __init__(self, walk: str, slice_: int, repository: str, *, anew: bool) -> None:
        self.walk, self.slice, self.repository = walk, slice_, repository
        self._anew, self._run = anew, secrets.token_hex(8)
        self._others: dict[str, tuple[bool, int]] = {}

    def take(self) -> Progress:
        """Take the walk, so that no other call goes on with it, and return how far it has come.

        Raises:
            OvertakenError: If a later slice was begun.
        """
        values = {"run": self._run, "slice": self.slice, "repository": self.repository}
        try:
            before = update(
                _walk_key(self.walk),
                values,
                first={"started": utc_now()},
                condition="attribute_not_exists(pk) OR #slice <= :slice",
                returns="ALL_OLD",
            )
        except ConditionFailed as error:
            raise OvertakenError(f"walk {self.walk} must be at slice {self.slice}, got a later one") from error
        known = {one.name for one in fields(Progress)}
        progress = Progress(**{name: value for name, value in before.items() if name in known})
        if "queue" in before:
            progress.queue = unpacked(before["queue"])
        if before.get("pending_of") != self.slice:
            # The slice of those has ended, and they were answered or set aside.
            progress.pending = []
        return progress

    def save(self, progress: Progress, marks: Iterable[str]) -> None:
        """Keep how far the walk has come, and mark commits whose findings and parents that has.

        Args:
            progress: How far it has come.
            marks: The ids of the commits.

        Raises:
            OvertakenError: If another call has taken the walk.
            QueueTooLongError: If too many commits are queued.
        """
        values = {one.name: getattr(progress, one.name) for one in fields(Progress)}
        try:
            update(
                _walk_key(self.walk),
                {**values, "queue": packed(progress.queue or ()), "pending_of": self.slice, "run": self._run},
                condition="#run = :run",
            )
        except ConditionFailed as error:
            raise OvertakenError(f"walk {self.walk} must be this call's, got one that another has taken") from error
        for commit in marks:
            mark = {**self._mark_key(commit), "walk": self.walk, "slice": self.slice}
            dynamodb.put_item(TableName=TABLE_NAME, Item=_serialized(mark))

    def seen(self, commit: str) -> Seen:
        """Return what is known of a commit.

        Args:
            commit: The id.
        """
        mark = _item(self._mark_key(commit))
        if not mark:
            return "new"
        if mark["walk"] == self.walk:
            return "mine"
        if self._anew:
            return "new"
        complete, slice_ = self._other(mark["walk"])
        if complete:
            return "complete"
        # Findings of a slice that another was not begun after may never have been handed over.
        return "scanned" if mark["slice"] < slice_ else "new"

    def _other(self, walk: str) -> tuple[bool, int]:
        if walk not in self._others:
            item = _item(_walk_key(walk))
            self._others[walk] = item.get("complete", False), item.get("slice", 0)
        return self._others[walk]

    def _mark_key(self, commit: str) -> dict[str, str]:
        return {"pk": f"commit#{self.repository}", "sk": commit}


def packed(queue: Iterable[Entry]) -> bytes:
    """Return a queue as it is kept.

    Args:
        queue: The queue.

    Raises:
        QueueTooLongError: If it is too long to be kept.
    """
    lines = [f"{entry.id} {entry.date} {int(entry.wanted)}" for entry in queue]
    data = zlib.compress("\n".join(lines).encode())
    if len(data) > LONGEST_QUEUE:
        raise QueueTooLongError(
            f"queue of a walk must be up to {LONGEST_QUEUE} bytes, got {len(data)} with {len(lines)} commits; "
            "scan the history branch by branch"
        )
    return data


def unpacked(data: Any) -> list[Entry]:
    """Return a queue that was kept.

    Args:
        data: What was kept.
    """
    lines = zlib.decompress(bytes(data)).decode().splitlines()
    return [Entry(commit, int(date), wanted == "1") for commit, date, wanted in map(str.split, lines)]


def update(
    key: Mapping[str, str],
    values: Mapping[str, Any],
    *,
    first: Mapping[str, Any] | None = None,
    added: Mapping[str, int] | None = None,
    condition: str | None = None,
    returns: str = "NONE",
) -> dict[str, Any]:
    """Write attributes of an item; all their names stand in expressions with a ``#`` and their values with a ``:``.

    Args:
        key: The item's key.
        values: The attributes.
        first: Attributes that stay as they are if they are there.
        added: What is added to numbers.
        condition: When it is written; it may use any of the attributes.
        returns: What of the item is returned.

    Raises:
        ConditionalCheckFailedException: If the condition does not hold; ``ConditionFailed``.
    """
    first, added = first or {}, added or {}
    sets = [f"#{name} = :{name}" for name in values]
    sets += [f"#{name} = if_not_exists(#{name}, :{name})" for name in first]
    expression = f"SET {', '.join(sets)}" if sets else ""
    if added:
        expression += f" ADD {', '.join(f'#{name} :{name}' for name in added)}"
    whole = {**values, **first, **added}
    answer = dynamodb.update_item(
        TableName=TABLE_NAME,
        Key=_serialized(key),
        UpdateExpression=expression.strip(),
        ExpressionAttributeNames={f"#{name}": name for name in whole},
        ExpressionAttributeValues={f":{name}": _serialize(value) for name, value in whole.items()},
        ReturnValues=returns,
        **({"ConditionExpression": condition} if condition else {}),
    )
    return _plain_item(answer.get("Attributes", {}))


def utc_now() -> str:
    """Return the time as text."""
    return datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _walk_key(walk: str) -> dict[str, str]:
    return {"pk": f"walk#{walk}", "sk": "walk"}


def _item(key: Mapping[str, str]) -> dict[str, Any]:
    answer = dynamodb.get_item(TableName=TABLE_NAME, Key=_serialized(key), ConsistentRead=True)
    return _plain_item(answer.get("Item", {}))


def _serialized(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _serialize(value) for name, value in values.items()}


def _plain_item(item: Mapping[str, Any]) -> dict[str, Any]:
    # All numbers of the record are whole.
    return {name: int(value["N"]) if "N" in value else _deserialize(value) for name, value in item.items()}
