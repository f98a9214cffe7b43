"""Whether instances work: that is decided by their images, or told through a hook.

An image whose tag ``sandbox:boots`` is ``no`` makes instances that fail every check; one whose tag ``sandbox:serves``
is ``no`` makes instances that pass the checks of EC2 and fail those of load balancers.
"""

from __future__ import annotations

import time

from ministack.core.responses import get_region
from ministack.services import ec2

from sandbox.adapters import access

from . import targets
from .state import IN_SERVICE, Group, Member, groups

BOOTS, SERVES = "sandbox:boots", "sandbox:serves"
_told: dict[tuple[str, str], bool] = {}


def tell(subject: str, what: str, holds: bool) -> None:
    """Let an instance, or all instances of an image, boot or serve, or not, from now on.

    Args:
        subject: The id of the instance or the image.
        what: ``BOOTS`` or ``SERVES``.
        holds: Whether they do.
    """
    _told[subject, what] = holds


def _holds(member: Member, what: str) -> bool:
    for subject in (member.id, member.image):
        if (subject, what) in _told:
            return _told[subject, what]
    region = get_region()
    for (_, where, resource), tags in list(ec2._tags.all_items()):
        if (where, resource) == (region, member.image):
            return not any(tag["Key"] == what and tag["Value"] == "no" for tag in tags)
    return True


def boots(member: Member) -> bool:
    """Whether an instance passes the checks of EC2.

    Args:
        member: The instance.
    """
    return _holds(member, BOOTS)


def serves(id: str) -> bool:
    """Whether an instance answers the checks of load balancers; one of no group does.

    Args:
        id: The instance's id.
    """
    found = (group.members[id] for group in groups() if id in group.members)
    return all(boots(member) and _holds(member, SERVES) for member in found)


def runs(member: Member) -> bool:
    """Whether an instance is there and runs.

    Args:
        member: The instance.
    """
    instance = ec2._instances.get(member.id)
    return instance is not None and instance["State"]["Name"] in ("pending", "running")


def is_ready(group: Group, member: Member) -> bool:
    """Whether an instance is in service, serves, and is healthy in every target group.

    Args:
        group: Its group.
        member: The instance.
    """
    if member.state != IN_SERVICE or not runs(member) or not serves(member.id):
        return False
    return _is_registered(group, member)


def passes(group: Group, member: Member) -> bool:
    """Whether an instance is in service and passes the checks that its group makes.

    Args:
        group: Its group.
        member: The instance.
    """
    if member.state != IN_SERVICE or not runs(member) or not boots(member):
        return False
    return not checks_targets(group) or _is_registered(group, member)


def checks_targets(group: Group) -> bool:
    """Whether a group looks at the health of its targets.

    Args:
        group: The group.
    """
    return "ELB" in str(group.record["HealthCheckType"])


def _is_registered(group: Group, member: Member) -> bool:
    return all(targets.state(arn, member.id) in ("healthy", "unused") for arn in group.target_groups)


def complaint(group: Group, member: Member, grace: float) -> str:
    """Why an instance must be replaced; empty if it need not be.

    Args:
        group: Its group.
        member: The instance, in service.
        grace: How long checks are ignored after it came into service, in seconds.
    """
    if not runs(member):
        return "EC2 instance status check failure: it is not running"
    if member.record["HealthStatus"] == "Unhealthy":
        return "user health-check"
    if member.since is None or time.monotonic() - member.since < grace:
        return ""
    if checks_targets(group):
        states = (targets.state(arn, member.id) for arn in group.target_groups)
        if any(found == "unhealthy" for found in states):
            return "ELB system health check failure"
    return "" if boots(member) else "EC2 instance status checks failure"


def signals(group: Group, member: Member) -> bool:
    """Whether an instance has told CloudFormation that it is up: it is ready, and its user data does so.

    One that asks for the health of its target needs a role that may.

    Args:
        group: Its group.
        member: The instance.
    """
    if "cfn-signal" not in member.user_data or not is_ready(group, member):
        return False
    if "describe-target-health" not in member.user_data:
        return True
    conditions = {"aws:SourceAccount": group.account}
    try:
        who = access.assume(member.role, "ec2.amazonaws.com", group.account, group.region, conditions)
        access.require(who, "elasticloadbalancing:DescribeTargetHealth", "*")
    except access.Refused:
        return False
    return True
