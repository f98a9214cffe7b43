"""What CloudFormation does with a group: rolling updates, and waiting for instances that signal.

Texts are those that CloudFormation gives as reasons.
"""

from __future__ import annotations

import math
import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from . import groups, health, launches
from .refreshes import HOUR, PATIENCE
from .state import IN_SERVICE, LOCK, Group, Member, seconds

POLL_SECONDS = 0.03
_DURATION = re.compile(r"PT(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?")
_CAUSE = "an instance was taken out of service in response to a user request."


class FailedError(ValueError):
    """A group could not be created or updated; the message is CloudFormation's reason."""


def duration(text: str) -> int:
    """The seconds of a duration.

    Args:
        text: The duration, such as ``PT15M``.

    Raises:
        FailedError: If it is none.
    """
    found = _DURATION.fullmatch(text)
    if not found or not any(found.groups()):
        raise FailedError(f"Duration must have the form PT#H#M#S, got {text!r}")
    hours, minutes, rest = (int(part or 0) for part in found.groups())
    return 3600 * hours + 60 * minutes + rest


def _until(check: Callable[[], bool], theirs: float) -> bool:
    """Whether something becomes true within some time of the fleet's clock."""
    end = time.monotonic() + seconds(theirs)
    while True:
        with LOCK:
            if check():
                return True
        if time.monotonic() > end:
            return False
        time.sleep(POLL_SECONDS)


def settle(group: Group) -> None:
    """Wait until a group has its capacity.

    Args:
        group: The group.

    Raises:
        FailedError: If its instances cannot be launched.
    """

    def is_over() -> bool:
        return group.failures >= PATIENCE or _in_service(group) >= group.desired

    if not _until(is_over, HOUR) or _in_service(group) < group.desired:
        record = group.record
        sizes = f"{_in_service(group)}/{record['MinSize']}/{record['MaxSize']}/{group.desired}"
        failed = f" Failed Scaling Activity: {group.failure}" if group.failure else ""
        text = f"Group did not stabilize. {{current/minSize/maxSize/desired}} group size = {{{sizes}}}.{failed}"
        raise FailedError(text)


def _in_service(group: Group) -> int:
    return sum(member.state == IN_SERVICE for member in group.active)


def created(group: Group, policy: Mapping[str, Any]) -> None:
    """Wait for a new group, and for the signals that its creation policy asks for.

    Args:
        group: The group.
        policy: The creation policy.

    Raises:
        FailedError: If too few instances signal in time.
    """
    wanted = policy.get("ResourceSignal")
    if wanted is None:
        settle(group)
        return
    count = int(wanted.get("Count", 1))
    percent = int((policy.get("AutoScalingCreationPolicy") or {}).get("MinSuccessfulInstancesPercent", 100))
    heard: set[str] = set()

    def is_heard() -> bool:
        heard.update(member.id for member in group.active if health.signals(group, member))
        return len(heard) >= count

    _until(is_heard, duration(wanted.get("Timeout", "PT5M")))
    if len(heard) < math.ceil(count * percent / 100):
        raise FailedError(_too_few(len(heard), count, percent))


def _too_few(heard: int, count: int, percent: int) -> str:
    unable = f"Unable to satisfy {percent}% MinSuccessfulInstancesPercent requirement"
    return f"Received {heard} SUCCESS signal(s) out of {count}.  {unable}"


@dataclass(frozen=True)
class _Policy:
    batch: int
    kept: int
    percent: int
    pause: int
    is_signalled: bool
    suspended: frozenset[str]


def _read(policy: Mapping[str, Any]) -> _Policy:
    is_signalled = str(policy.get("WaitOnResourceSignals", "false")).lower() == "true"
    pause = duration(policy.get("PauseTime") or ("PT5M" if is_signalled else "PT0S"))
    if pause > HOUR:
        raise FailedError("PauseTime cannot be more than one hour")
    return _Policy(
        int(policy.get("MaxBatchSize", 1)),
        int(policy.get("MinInstancesInService", 0)),
        int(policy.get("MinSuccessfulInstancesPercent", 100)),
        pause,
        is_signalled,
        frozenset(policy.get("SuspendProcesses") or ()),
    )


def update(group: Group, given: Mapping[str, Any]) -> None:
    """Replace the instances that are not as the group's template says, in batches.

    Args:
        group: The group, with its new template.
        given: The policy ``AutoScalingRollingUpdate``.

    Raises:
        FailedError: If too few new instances signal or come into service.
    """
    policy = _read(given)
    if policy.kept >= int(group.record["MaxSize"]):
        text = "MinInstancesInService must be less than the autoscaling group's MaxSize"
        raise FailedError(f"Invalid rolling update: {text}")
    with LOCK:
        group.failures, group.failure = 0, ""
        before = set(group.suspended)
        group.suspended |= policy.suspended
        old = [one for one in group.active if not groups.launches_as_wanted(group, one)]
        extra = min(int(group.record["MaxSize"]), max(group.desired, policy.kept + policy.batch)) - group.desired
    try:
        _replace(group, policy, old, min(extra, len(old)))
    finally:
        with LOCK:
            group.suspended = before
            groups.give_up_surge(group)


def _replace(group: Group, policy: _Policy, old: list[Member], extra: int) -> None:
    total, failed = len(old), 0
    seen = set(group.members)
    with LOCK:
        group.surge = extra
        fresh = group.desired + extra - len(group.active)
    while fresh > 0 or old:
        if fresh > 0:
            failed += _await(group, policy, seen, fresh, total, failed)
        old = [member for member in old if member.id in group.members]
        with LOCK:
            room = max(1, len(groups.passing(group)) - policy.kept)
            gone, old = old[: min(policy.batch, room)], old[min(policy.batch, room) :]
            group.surge = min(group.surge, len(old))
            groups.retire(group, gone, _CAUSE)
            fresh = group.desired + group.surge - len(group.active) if gone else 0


def _await(group: Group, policy: _Policy, seen: set[str], count: int, total: int, failed: int) -> int:
    """Wait for a batch of new instances; how many of them did not signal."""
    heard: set[str] = set()

    def new() -> list[Member]:
        return [member for member in group.active if member.id not in seen]

    def is_heard() -> bool:
        heard.update(member.id for member in new() if health.signals(group, member))
        return len(heard) >= count

    def is_there() -> bool:
        return group.failures >= PATIENCE or sum(member.state == IN_SERVICE for member in new()) >= count

    if policy.is_signalled:
        _until(is_heard, policy.pause)
    else:
        if not _until(is_there, HOUR) or group.failures >= PATIENCE:
            raise FailedError(f"Group did not stabilize. Failed Scaling Activity: {group.failure}")
        time.sleep(seconds(policy.pause))
    missing = count - len(heard) if policy.is_signalled else 0
    if failed + missing > total * (100 - policy.percent) // 100:
        raise FailedError(_too_few(len(heard), count, policy.percent))
    seen.update(member.id for member in new())
    return missing


def is_obsolete(group: Group) -> bool:
    """Whether an instance is not as the group's template says.

    Args:
        group: The group.
    """
    try:
        return any(not launches.matches(group, member) for member in group.active)
    except launches.FailedLaunchError:
        return True
