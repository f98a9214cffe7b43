"""The life of a group: its instances come into service, are checked, replaced, and brought to the capacity wanted.

``step`` is called again and again. Refreshes and rolling updates only say how many instances there are to be and which
must go; launching, and replacing what is not healthy, is done here.
"""

from __future__ import annotations

import time
from collections.abc import Iterable

from ministack.services import ec2

from . import health, launches, targets
from .announcements import begin, end
from .state import IN_SERVICE, PENDING, TERMINATING, Group, Member, seconds

BOOT_SECONDS = 0.06
RETRY_SECONDS = 0.15
_RUNNING = {"Code": 16, "Name": "running"}


def step(group: Group) -> None:
    """Bring a group nearer to what it is to be; under the lock.

    Args:
        group: The group.
    """
    for member in list(group.members.values()):
        _advance(group, member)
    _check(group)
    _resize(group)
    group.show()
    _record(group)


def _advance(group: Group, member: Member) -> None:
    now = time.monotonic()
    if member.state == PENDING and now - member.born >= BOOT_SECONDS:
        if health.runs(member):
            ec2._instances[member.id]["State"] = dict(_RUNNING)
            if "AddToLoadBalancer" not in group.suspended:
                targets.register(group, member)
        member.since = now
        member.record["LifecycleState"] = IN_SERVICE
        end(group, member.activity, "Launch", member.id)
    elif member.state == TERMINATING and member.ends is not None and now >= member.ends:
        targets.remove(member)
        if member.id in ec2._instances:
            ec2._terminate_instances({"InstanceId.1": [member.id]})
        end(group, member.activity, "Terminate", member.id)
        del group.members[member.id]


def _check(group: Group) -> None:
    """Mark and replace instances that are not healthy."""
    grace = seconds(float(group.record["HealthCheckGracePeriod"]))
    for member in group.active:
        if member.state != IN_SERVICE:
            continue
        if health.passes(group, member):
            if launches_as_wanted(group, member):
                group.failures = 0
            if member.record["HealthStatus"] == "Healthy":
                continue
        if "HealthCheck" in group.suspended and member.record["HealthStatus"] == "Healthy":
            continue
        if not (why := health.complaint(group, member, grace)):
            continue
        member.record["HealthStatus"] = "Unhealthy"
        if "ReplaceUnhealthy" in group.suspended:
            continue
        if launches_as_wanted(group, member):
            group.failures += 1
            group.failure = f"{member.id} was taken out of service: {why}"
        retire(group, [member], f"an instance was taken out of service in response to a {why}.")


def launches_as_wanted(group: Group, member: Member) -> bool:
    """Whether an instance is as those are that the group launches now; not if their template is gone.

    Args:
        group: The group.
        member: The instance.
    """
    try:
        return launches.matches(group, member)
    except launches.FailedLaunchError:
        return False


def _resize(group: Group) -> None:
    wanted, active = group.desired + group.surge, group.active
    if len(active) > wanted and "Terminate" not in group.suspended:
        spare = sorted(active, key=lambda member: (health.passes(group, member), *_age(group, member)))
        cause = "an instance was taken out of service in response to a difference between desired and actual capacity."
        retire(group, spare[: len(active) - wanted], cause)
    while len(group.active) < wanted and "Launch" not in group.suspended and time.monotonic() >= group.wait_until:
        count = len(group.active)
        cause = (
            "an instance was started in response to a difference between desired and actual capacity, "
            f"increasing the capacity from {count} to {count + 1}."
        )
        try:
            launches.launch(group, cause)
        except launches.FailedLaunchError as error:
            group.failures, group.failure = group.failures + 1, str(error)
            group.wait_until = time.monotonic() + RETRY_SECONDS
            end(group, begin(group, "Launching a new EC2 instance", cause, {}), "Launch", failure=str(error))


def _age(group: Group, member: Member) -> tuple[bool, float]:
    """Sorts instances of other templates before the others, and old ones before young ones."""
    return launches_as_wanted(group, member), member.born


def retire(group: Group, members: Iterable[Member], cause: str) -> None:
    """Begin to terminate instances, when their connections are drained.

    Args:
        group: The group.
        members: Which.
        cause: Why, as a sentence.
    """
    for member in members:
        if member.state == TERMINATING:
            continue
        if member.state == PENDING:
            member.activity.update(StatusCode="Cancelled", Progress=100)
        delay = targets.drain(group, member) if member.state == IN_SERVICE and health.runs(member) else 0.0
        member.ends = time.monotonic() + delay
        member.record["LifecycleState"] = TERMINATING
        details = {"Availability Zone": member.record["AvailabilityZone"]}
        member.activity = begin(group, f"Terminating EC2 instance: {member.id}", cause, details)
    group.show()


def give_up_surge(group: Group) -> None:
    """Want no more than the desired capacity; of what is there beyond it, the youngest end.

    Args:
        group: The group.
    """
    spare = len(group.active) - group.desired if group.surge else 0
    group.surge = 0
    if spare > 0:
        youngest = sorted(group.active, key=lambda member: member.born)[-spare:]
        retire(group, youngest, "an instance was taken out of service as what it was launched for has failed.")


def passing(group: Group) -> list[Member]:
    """The instances that are in service and pass the checks of their group.

    Args:
        group: The group.
    """
    return [member for member in group.members.values() if health.passes(group, member)]


def _record(group: Group) -> None:
    """Note how many instances are ready, when that or what is wanted has changed."""
    images = sorted({member.image for member in group.active if member.state == IN_SERVICE})
    ready = sum(health.is_ready(group, member) for member in group.members.values())
    now = (ready, group.desired, images)
    if not group.history or group.history[-1][1:] != now:
        group.history.append((round(time.monotonic() - group.born, 3), *now))


def end_all(group: Group) -> None:
    """Terminate all instances at once, without draining.

    Args:
        group: The group, which is deleted.
    """
    for member in list(group.members.values()):
        targets.remove(member)
        if member.id in ec2._instances:
            ec2._terminate_instances({"InstanceId.1": [member.id]})
    group.members.clear()
    group.show()
