"""Alarms of a fleet: too few instances, unhealthy ones, launches and updates that fail."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from constructs import Construct

from cdk_refarch._parts.alarms import alarm
from cdk_refarch._parts.descriptions import described
from cdk_refarch._parts.rule_metrics import matched

from .fleet_values import InstanceRefresh, RollingUpdate

if TYPE_CHECKING:
    from aws_cdk import aws_autoscaling as autoscaling
    from aws_cdk import aws_elasticloadbalancingv2 as elbv2
    from aws_cdk import aws_sns as sns

    TargetGroup = elbv2.IApplicationTargetGroup | elbv2.INetworkTargetGroup

MINUTE = cdk.Duration.minutes(1)

REFRESH = "EC2 Auto Scaling Instance Refresh"
LOST_REFRESHES = [f"{REFRESH} {end}" for end in ("Failed", "Cancelled", "Rollback Started", "Rollback Failed")]
"""CloudFormation never has Auto Scaling roll back, but people can.
https://docs.aws.amazon.com/autoscaling/ec2/userguide/instance-refresh-eventbridge-events.html"""

FAILED_LAUNCHES = ["EC2 Instance Launch Unsuccessful"]
"""https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html"""


def unhealthy_hosts(
    scope: Construct, target_groups: Sequence[TargetGroup], *, grace: cdk.Duration, topic: sns.ITopic | None
) -> dict[str, cloudwatch.Alarm]:
    """Create an alarm for each target group, which rings when instances stay unhealthy.

    Args:
        scope: The fleet.
        target_groups: The target groups.
        grace: How long an instance has to become healthy.
        topic: Whom to tell; None for nobody.
    """
    made = {}
    for number, group in enumerate(target_groups, 1):
        name = f"UnhealthyHosts{number}"
        made[name] = alarm(
            scope,
            name,
            metric=_unhealthy(group),
            description=f"Instances of target group {number} do not answer its health check. An update that runs is "
            "rolled back. Look into the application, and into security groups.",
            topic=topic,
            periods=_patience(grace),
        )
    return made


def too_few(
    scope: Construct,
    metric: cloudwatch.Metric,
    *,
    minimum: float,
    grace: cdk.Duration,
    topic: sns.ITopic | None,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarm that rings when fewer instances are in service than there must be; none if there may be none.

    Args:
        scope: The fleet.
        metric: How many are in service.
        minimum: The fewest.
        grace: How long an instance has to become healthy.
        topic: Whom to tell; None for nobody.
    """
    if minimum == 0:
        return {}
    made = alarm(
        scope,
        "InService",
        metric=metric,
        description="Fewer instances are in service than the fleet's minimum, or the group counts them no more. Its "
        "activity history tells why instances do not start, or are terminated again.",
        topic=topic,
        threshold=minimum,
        comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
        periods=_patience(grace),
        missing=cloudwatch.TreatMissingData.BREACHING,
    )
    return {"InService": made}


def failures(
    scope: Construct,
    group: autoscaling.AutoScalingGroup,
    update: InstanceRefresh | RollingUpdate,
    topic: sns.ITopic | None,
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms that ring when a launch or an update fails, and the rules that they watch.

    Args:
        scope: The fleet.
        group: Its group.
        update: How it is updated.
        topic: Whom to tell; None for nobody.
    """
    watched = {
        "LaunchFailed": (
            _of_group(group, FAILED_LAUNCHES),
            "Failed launches of",
            "An instance could not be started. The group's activity history tells why: no capacity, no room in the "
            "subnets, an image that is gone, or a key that does not admit Auto Scaling.",
        ),
        "UpdateFailed": (
            _of_stack(group) if isinstance(update, RollingUpdate) else _of_group(group, LOST_REFRESHES),
            "Failed updates of",
            "The instances could not be replaced, and CloudFormation puts the former configuration back. Its events "
            "and the group's activity history tell why.",
        ),
    }
    made = {}
    for name, (pattern, what, description) in watched.items():
        rule = events.CfnRule(
            scope,
            f"{name}Rule",
            description=described(what, scope),
            event_pattern=pattern,
            state="ENABLED",
            # The security packs cannot read a rule that says nothing of targets.
            targets=[],
        )
        made[name] = alarm(scope, name, metric=matched(rule), description=description, topic=topic)
    return made


def _of_group(group: autoscaling.AutoScalingGroup, kinds: list[str]) -> dict[str, Any]:
    return {
        "source": ["aws.autoscaling"],
        "detail-type": kinds,
        "detail": {"AutoScalingGroupName": [group.auto_scaling_group_name]},
    }


def _of_stack(group: autoscaling.AutoScalingGroup) -> dict[str, Any]:
    """Return the pattern of rolling updates that fail, which Auto Scaling knows nothing of.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/event-detail-resource-status-change.html
    """
    resource = group.node.default_child
    return {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Resource Status Change"],
        "detail": {
            "stack-id": [cdk.Aws.STACK_ID],
            "logical-resource-id": [getattr(resource, "logical_id")],  # noqa: B009 - of every resource
            "status-details": {"status": ["UPDATE_FAILED"]},
        },
    }


def _unhealthy(group: TargetGroup) -> cloudwatch.Metric:
    metrics = group.metrics
    # Of the nodes of the load balancer, the one that sees the most of them.
    if hasattr(metrics, "unhealthy_host_count"):
        return metrics.unhealthy_host_count(statistic="Maximum", period=MINUTE)
    return metrics.un_healthy_host_count(statistic="Maximum", period=MINUTE)


def _patience(grace: cdk.Duration) -> int:
    """Return how many minutes in a row are waited for, so that instances that start ring no alarm."""
    return math.ceil(grace.to_seconds() / 60) + 1
