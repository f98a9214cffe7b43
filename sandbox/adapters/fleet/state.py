"""What Auto Scaling remembers of its groups, beyond what MiniStack's records of them have.

The clock runs 300 times faster: a grace period of five minutes takes a second. All changes happen under ``LOCK``.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import autoscaling

Record = dict[str, Any]
"""A resource or a document, with the names and values of the API."""
SPEED = 300.0
"""How many seconds of Auto Scaling's pass in a second."""
LOCK = threading.RLock()
MOST_ACTIVITIES = 200
MOST_POINTS = 20_000
PENDING, IN_SERVICE, TERMINATING = "Pending", "InService", "Terminating"


class Refused(Exception):
    """The API refuses; the first argument is the code, the second the message."""

    @property
    def code(self) -> str:
        """The code."""
        return str(self.args[0])

    @property
    def message(self) -> str:
        """The message."""
        return str(self.args[1])


@dataclass
class Member:
    """An instance of a group.

    Attributes:
        record: What the API shows of it.
        image: The image that it was launched from.
        user_data: Its user data, decoded.
        role: The ARN of its role; empty for none.
        activity: The activity of its launch, later that of its end.
        born: When it was launched, by the monotonic clock.
        since: When it came into service; ``None`` before.
        ends: When its connections are drained; ``None`` before its end has begun.
    """

    record: Record
    image: str
    user_data: str
    role: str
    activity: Record
    born: float = field(default_factory=time.monotonic)
    since: float | None = None
    ends: float | None = None

    @property
    def id(self) -> str:
        """The instance's id."""
        return str(self.record["InstanceId"])

    @property
    def state(self) -> str:
        """Its lifecycle state."""
        return str(self.record["LifecycleState"])

    @property
    def template(self) -> tuple[str, str]:
        """The id and the version of the launch template that it was launched from."""
        used = self.record["LaunchTemplate"]
        return str(used.get("LaunchTemplateId")), str(used.get("Version"))


@dataclass
class Group:
    """An Auto Scaling group.

    Attributes:
        account: Its account.
        region: Its region.
        record: MiniStack's record of it.
        members: Its instances by id, until they are terminated.
        surge: How many instances there are to be beyond the desired capacity.
        launches: The launch template that a refresh wants instead of the group's; ``None`` for the group's.
        suspended: The processes that are suspended.
        measured: Whether it has metrics.
        policy: The update policy of the last deployment that succeeded.
        activities: Its scaling activities, the latest first.
        refreshes: Its instance refreshes, the latest first.
        history: When, how many were ready, how many were wanted, and of which images those in service are.
        failures: How many launches have failed, or launched instances never became healthy, one after the other.
        failure: Why the last of them did.
        wait_until: When the next launch may be tried, by the monotonic clock.
        born: When it was created, by the monotonic clock.
    """

    account: str
    region: str
    record: Record
    members: dict[str, Member] = field(default_factory=dict)
    surge: int = 0
    launches: Record | None = None
    suspended: set[str] = field(default_factory=set)
    measured: bool = False
    policy: Record = field(default_factory=dict)
    activities: deque[Record] = field(default_factory=lambda: deque(maxlen=MOST_ACTIVITIES))
    refreshes: list[Any] = field(default_factory=list)
    history: deque[tuple[float, int, int, list[str]]] = field(default_factory=lambda: deque(maxlen=MOST_POINTS))
    failures: int = 0
    failure: str = ""
    wait_until: float = 0.0
    born: float = field(default_factory=time.monotonic)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.record["AutoScalingGroupName"])

    @property
    def arn(self) -> str:
        """Its ARN."""
        return str(self.record["AutoScalingGroupARN"])

    @property
    def desired(self) -> int:
        """The desired capacity."""
        return int(self.record["DesiredCapacity"])

    @property
    def target_groups(self) -> list[str]:
        """The ARNs of the target groups that instances are registered with."""
        return list(self.record.get("TargetGroupARNs") or ())

    @property
    def active(self) -> list[Member]:
        """The instances that are coming or in service, the oldest first."""
        return [member for member in self.members.values() if member.state != TERMINATING]

    def show(self) -> None:
        """Let the API show the instances as they are now."""
        self.record["Instances"] = [member.record for member in self.members.values()]


_groups: dict[tuple[str, str, str], Group] = {}


def seconds(theirs: float) -> float:
    """How long something takes here.

    Args:
        theirs: Its duration on AWS, in seconds.
    """
    return theirs / SPEED


def keep(name: str) -> Group:
    """Take care of a group that MiniStack has just recorded.

    Args:
        name: Its name.
    """
    group = Group(get_account_id(), get_region(), autoscaling._asgs[name])
    _groups[group.account, group.region, name] = group
    return group


def find(name: str) -> Group | None:
    """A group of the account, in the region of the request.

    Args:
        name: Its name.
    """
    return _groups.get((get_account_id(), get_region(), name))


def named(name: str) -> Group:
    """A group that must be there.

    Args:
        name: Its name.

    Raises:
        Refused: If it is not.
    """
    group = find(name)
    if group is None:
        raise Refused("ValidationError", f"AutoScalingGroup name not found - AutoScalingGroup '{name}' not found")
    return group


def forget(group: Group) -> None:
    """Know a group no more.

    Args:
        group: The group.
    """
    _groups.pop((group.account, group.region, group.name), None)


def groups() -> Iterator[Group]:
    """All groups of all accounts and regions, as they are now."""
    yield from list(_groups.values())
