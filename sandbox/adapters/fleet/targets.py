"""The instances of groups in target groups: registered, checked, and drained before they end.

A target is ``initial`` until the checks that make it healthy have been made, then healthy or not, as its instance
answers. In a target group without a load balancer nothing is checked.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import alb, cloudwatch

from .state import Group, Member, seconds

KEPT_SECONDS = 1.5
"""How long points of metrics count: as fast as the fleet's clock runs, old ones would hold alarms for too long."""
_DELAY = "deregistration_delay.timeout_seconds"
_REASONS = {
    "initial": ("Elb.RegistrationInProgress", "Target registration is in progress"),
    "unhealthy": ("Target.FailedHealthChecks", "Health checks failed"),
    "draining": ("Target.DeregistrationInProgress", "Target deregistration is in progress"),
    "unused": ("Target.NotInUse", "Target group is not configured to receive traffic from the load balancer"),
}
_registered: dict[tuple[str, str], float] = {}
_draining: set[tuple[str, str]] = set()
_serves: list[Callable[[str], bool]] = []


def install(serves: Callable[[str], bool]) -> None:
    """Answer for the health of targets.

    Args:
        serves: Tells whether an instance, of this id, answers checks.
    """
    _serves[:] = [serves]
    alb._ACTION_MAP["DescribeTargetHealth"] = _describe


def register(group: Group, member: Member) -> None:
    """Register an instance with its group's target groups.

    Args:
        group: The group.
        member: The instance.
    """
    for arn in group.target_groups:
        if arn in alb._tgs and (arn, member.id) not in _registered:
            port = alb._tgs[arn]["Port"]
            alb._targets[arn] = [*alb._targets.get(arn, []), {"Id": member.id, "Port": port}]
            _registered[arn, member.id] = time.monotonic()


def drain(group: Group, member: Member) -> float:
    """Begin to take an instance out of its target groups; how many seconds that takes.

    Args:
        group: Its group.
        member: The instance.
    """
    delays = [0.0]
    for arn in group.target_groups:
        if (arn, member.id) in _registered and state(arn, member.id) != "unused":
            _draining.add((arn, member.id))
            attributes = {one["Key"]: one["Value"] for one in alb._tg_attrs.get(arn, [])}
            delays.append(seconds(float(attributes.get(_DELAY, 300))))
    return max(delays)


def remove(member: Member) -> None:
    """Take an instance out of all target groups.

    Args:
        member: The instance.
    """
    for arn, id in [key for key in _registered if key[1] == member.id]:
        _registered.pop((arn, id), None)
        _draining.discard((arn, id))
        if arn in alb._tgs:
            alb._targets[arn] = [target for target in alb._targets.get(arn, []) if target["Id"] != id]


def follow(group: Group, before: list[str]) -> None:
    """Register instances with the target groups that a group has now, and take them out of those it had.

    Args:
        group: The group.
        before: The ARNs of the target groups that it had.
    """
    for member in group.active:
        if member.since is not None:
            register(group, member)
            for arn in set(before) - set(group.target_groups):
                _registered.pop((arn, member.id), None)
                alb._targets[arn] = [one for one in alb._targets.get(arn, []) if one["Id"] != member.id]


def state(arn: str, id: str) -> str:
    """The health of a target.

    Args:
        arn: The target group.
        id: The instance's id.
    """
    group = alb._tgs.get(arn)
    if group is None or not group.get("LoadBalancerArns"):
        return "unused"
    if (arn, id) in _draining:
        return "draining"
    since = _registered.get((arn, id))
    if since is None:
        return "healthy"
    checks = group["HealthCheckIntervalSeconds"] * group["HealthyThresholdCount"]
    if time.monotonic() - since < seconds(checks):
        return "initial"
    return "healthy" if _serves[0](id) else "unhealthy"


def _describe(params: Mapping[str, Any]) -> Any:
    """DescribeTargetHealth."""
    arn = alb._p(params, "TargetGroupArn")
    if arn not in alb._tgs:
        return alb._error("TargetGroupNotFound", f"Target group '{arn}' not found.")
    wanted = {target["Id"] for target in alb._parse_targets_param(params)}
    found = ""
    for target in alb._targets.get(arn, []):
        if wanted and target["Id"] not in wanted:
            continue
        port = target.get("Port", alb._tgs[arn]["Port"])
        health = state(arn, target["Id"])
        why = "<Reason>{}</Reason><Description>{}</Description>".format(*_REASONS[health]) if health in _REASONS else ""
        found += (
            f"<member><Target><Id>{target['Id']}</Id><Port>{port}</Port></Target><HealthCheckPort>{port}"
            f"</HealthCheckPort><TargetHealth><State>{health}</State>{why}</TargetHealth></member>"
        )
    return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{found}</TargetHealthDescriptions>")


def measure() -> None:
    """Put the metrics of the account's target groups that have instances of groups."""
    for arn in {arn for arn, _ in list(_registered)}:
        group = alb._tgs.get(arn)
        if group is None or arn.split(":")[4] != get_account_id():
            continue
        states = [state(arn, target["Id"]) for target in alb._targets.get(arn, [])]
        for balancer in group.get("LoadBalancerArns", []):
            name = balancer.partition(":loadbalancer/")[2]
            namespace = "AWS/NetworkELB" if name.startswith("net/") else "AWS/ApplicationELB"
            dimensions = {"TargetGroup": arn.rpartition(":")[2], "LoadBalancer": name}
            for metric, health in (("HealthyHostCount", "healthy"), ("UnHealthyHostCount", "unhealthy")):
                put(namespace, metric, states.count(health), dimensions)


def put(namespace: str, metric: str, value: int, dimensions: dict[str, str]) -> None:
    """Put a point of a metric, and drop points that have become old.

    Args:
        namespace: The metric's namespace.
        metric: Its name.
        value: The value.
        dimensions: Its dimensions.
    """
    cloudwatch.record_metric(namespace, metric, value, "Count", dimensions)
    points = cloudwatch._metric_bucket((namespace, metric, cloudwatch._dims_key(dimensions)))
    oldest = time.time() - KEPT_SECONDS
    points[:] = [point for point in points if point["Timestamp"] >= oldest]
