"""The record of an answer: who answers a leak at the moment, what came of it, and whether it was told.

Whoever answers has the leak for as long as its function may run; after a crash the same walk goes on at once, and
others when that time is over. What is about to be done is written down before it is done, so that whoever goes on knows
that it was the guard that did it.
"""

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from aws_calls import client

TABLE_NAME = os.environ["TABLE_NAME"]

DISABLED = ("disabled", "could_not_quarantine")
"""The outcomes with which the guard has disabled a key."""

SETTLING_SECONDS = 60
"""How long IAM may still show a key as active that was just disabled:
https://docs.aws.amazon.com/IAM/latest/UserGuide/troubleshoot.html#troubleshoot_general_eventual-consistency"""

dynamodb = client("dynamodb")


class BusyError(Exception):
    """Another function is answering the same leak, or has taken it over; the state machine asks again."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What came of a leak.

    Args:
        outcome: The outcome.
        reason: Why, if the outcome does not say that by itself.
        user: The user whose key it is, if known.
        account: The account that it belongs to, if known.
    """

    outcome: str
    reason: str = ""
    user: str = ""
    account: str = ""

    @property
    def failed(self) -> bool:
        """Whether something should have been done and could not be."""
        return self.outcome.startswith("could_not_")


@dataclass(slots=True)
class Case:
    """A leak that this walk answers.

    Args:
        finding: The id of the leak.
        walk: The walk.
        lease: Until when it may do so, in seconds since 1970.
        leak: What is on record of it, from before this answer.
    """

    finding: str
    walk: str
    lease: int
    leak: dict[str, Any]

    @property
    def outcome(self) -> str | None:
        """What was told of it last."""
        return self.leak.get("outcome")

    @property
    def notified(self) -> str | None:
        """The walk that has told of it; None if what was done last was not told yet."""
        return self.leak.get("notified")

    @property
    def unfinished(self) -> bool:
        """Whether an answer before this one has not come to its end."""
        return self.leak.get("status") in ("answering", "failed")

    @property
    def disables(self) -> bool:
        """Whether the guard was about to disable the key, or has done it."""
        return bool(self.leak.get("plan") == "disable")

    def plan_to_disable(self) -> None:
        """Write down that the key is about to be disabled, which is to be told unless that was just done."""
        settling = self.outcome in DISABLED and time.time() - _seconds(self.leak["answered_at"]) < SETTLING_SECONDS
        tells = self.notified is not None and self.notified != self.walk and not settling
        self._update({"plan": "disable"}, ("notified",) if tells else ())

    def note(self, answer: Answer) -> None:
        """Write down what came of it and that it was told.

        Args:
            answer: What came of it.
        """
        told = {
            "outcome": answer.outcome,
            "reason": answer.reason,
            "user": answer.user,
            "account": answer.account,
            "notified": self.walk,
            "answered_at": utc(time.time()),
        }
        # A key that is inactive later on was not made so by a guard that could not do it.
        self._update(told, () if answer.outcome in DISABLED else ("plan",))

    def finish(self) -> None:
        """Write down that the answer has come to its end."""
        self._update({"status": "done"})

    def release(self) -> None:
        """Let another walk take the leak at once, because this one could not bring the answer to its end."""
        self._update({"status": "failed"})

    def _update(self, values: Mapping[str, str], removed: tuple[str, ...] = ()) -> None:
        names = {f"#{name}": name for name in (*values, *removed, "owner", "lease")}
        expression = "SET " + ", ".join(f"#{name} = :{name}" for name in values)
        if removed:
            expression += " REMOVE " + ", ".join(f"#{name}" for name in removed)
        try:
            dynamodb.update_item(
                TableName=TABLE_NAME,
                Key=_key(self.finding),
                UpdateExpression=expression,
                # The same walk, too, may have begun anew while this function was not heard of.
                ConditionExpression="#owner = :walk AND #lease = :lease",
                ExpressionAttributeNames=names,
                ExpressionAttributeValues={
                    ":walk": {"S": self.walk},
                    ":lease": {"N": str(self.lease)},
                    **{f":{name}": {"S": value} for name, value in values.items()},
                },
            )
        except dynamodb.exceptions.ConditionalCheckFailedException:
            raise BusyError(f"finding {self.finding} was taken over by another function") from None
        self.leak |= values
        for name in removed:
            self.leak.pop(name, None)


def take(finding: str, walk: str, seconds: float) -> Case:
    """Take a leak to answer it.

    Args:
        finding: The id of the leak.
        walk: The walk.
        seconds: How long the function may run.

    Raises:
        BusyError: If another walk answers it.
        ValueError: If there is no such leak.
    """
    now = int(time.time())
    lease = now + int(seconds) + 1
    names = ("status", "owner", "lease")
    try:
        answer = dynamodb.update_item(
            TableName=TABLE_NAME,
            Key=_key(finding),
            UpdateExpression="SET #status = :answering, #owner = :walk, #lease = :lease",
            ConditionExpression="attribute_exists(pk) AND "
            "(attribute_not_exists(#status) OR #status <> :answering OR #owner = :walk OR #lease < :now)",
            ExpressionAttributeNames={f"#{name}": name for name in names},
            ExpressionAttributeValues={
                ":answering": {"S": "answering"},
                ":walk": {"S": walk},
                ":lease": {"N": str(lease)},
                ":now": {"N": str(now)},
            },
            ReturnValues="ALL_OLD",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        if "Item" in dynamodb.get_item(TableName=TABLE_NAME, Key=_key(finding), ConsistentRead=True):
            raise BusyError(f"finding {finding} is being answered by another walk") from None
        raise ValueError(f"finding must be one of table {TABLE_NAME}, got {finding!r}; see its finding items") from None
    return Case(finding, walk, lease, {name: _plain(value) for name, value in answer["Attributes"].items()})


def utc(seconds: float) -> str:
    """Return a time as text.

    Args:
        seconds: The seconds since 1970.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def _seconds(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()


def _key(finding: str) -> dict[str, dict[str, str]]:
    return {"pk": {"S": f"finding#{finding}"}, "sk": {"S": "finding"}}


def _plain(value: Mapping[str, Any]) -> Any:
    """Return a value of an item as Python has it."""
    ((kind, inner),) = value.items()
    if kind == "NULL":
        return None
    return int(inner) if kind == "N" else inner
