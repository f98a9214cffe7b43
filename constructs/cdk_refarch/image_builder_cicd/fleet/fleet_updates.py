"""How AWS CloudFormation rolls a fleet over to another image."""

from __future__ import annotations

import shlex
from collections.abc import Iterable
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2

from .fleet_checks import known
from .fleet_values import FleetCapacity, InstanceRefresh, RollingUpdate

SUSPENDED = [
    autoscaling.ScalingProcess.HEALTH_CHECK,
    autoscaling.ScalingProcess.REPLACE_UNHEALTHY,
    autoscaling.ScalingProcess.AZ_REBALANCE,
    autoscaling.ScalingProcess.ALARM_NOTIFICATION,
    autoscaling.ScalingProcess.SCHEDULED_ACTIONS,
    autoscaling.ScalingProcess.INSTANCE_REFRESH,
]
"""What would interfere with a rolling update. Without the others, no instance could be replaced or take traffic:
https://repost.aws/knowledge-center/auto-scaling-group-rolling-updates"""

ANSWER_S = 5
"""How long an answer of an instance's own health check is waited for, and how long until it is asked again."""


def update_policy(
    update: InstanceRefresh | RollingUpdate, capacity: FleetCapacity, unhealthy: Iterable[cloudwatch.IAlarm]
) -> autoscaling.UpdatePolicy:
    """Return the update policy of the group.

    Args:
        update: What is asked for; checked before.
        capacity: How large the fleet is.
        unhealthy: The alarms of its target groups.
    """
    if isinstance(update, RollingUpdate):
        return autoscaling.UpdatePolicy.rolling_update(
            max_batch_size=update.batch_size,
            min_instances_in_service=_kept(update, capacity),
            min_success_percentage=update.min_successful_percentage,
            pause_time=update.pause,
            wait_on_resource_signals=True,
            suspend_processes=SUSPENDED,
        )
    return autoscaling.UpdatePolicy.instance_refresh(
        strategy=autoscaling.InstanceRefreshStrategy.ROLLING,
        min_healthy_percentage=update.min_healthy_percentage,
        max_healthy_percentage=update.max_healthy_percentage,
        instance_warmup=update.warmup,
        bake_time=update.bake,
        alarms=[*unhealthy, *update.alarms] or None,
        checkpoint_percentages=list(update.checkpoints) or None,
        checkpoint_delay=update.checkpoint_delay,
        skip_matching=True,
    )


def wait_for_signals(
    group: autoscaling.AutoScalingGroup, user_data: ec2.UserData, update: RollingUpdate, capacity: FleetCapacity
) -> None:
    """Let instances say that they are up, and let CloudFormation wait for the first ones too.

    Args:
        group: The group.
        user_data: What its instances run when they start.
        update: What is asked for; checked before.
        capacity: How large the fleet is.
    """
    resource = cast("cdk.CfnResource", group.node.default_child)
    user_data.add_on_exit_commands(*_health_check(update), _signal(resource))
    first = capacity.minimum if capacity.desired is None else capacity.desired
    if known(first) and first == 0:
        return
    # The CDK's Signals would give the role a permission that is not needed.
    resource.cfn_options.creation_policy = cdk.CfnCreationPolicy(
        resource_signal=cdk.CfnResourceSignal(count=first, timeout=update.pause.to_iso_string()),
        auto_scaling_creation_policy=cdk.CfnResourceAutoScalingCreationPolicy(
            min_successful_instances_percent=update.min_successful_percentage
        ),
    )


def _kept(update: RollingUpdate, capacity: FleetCapacity) -> float:
    if update.min_in_service is not None:
        return update.min_in_service
    if not known(capacity.minimum, capacity.maximum):
        return capacity.minimum
    return min(capacity.minimum, capacity.maximum - 1)


def _health_check(update: RollingUpdate) -> list[str]:
    """Return what an instance does before it signals, if nothing failed so far."""
    if update.health_check_url is None:
        return []
    # Asked for as long as CloudFormation waits for, so that it is told why.
    ask = f"curl --silent --fail --output /dev/null --max-time {ANSWER_S} {shlex.quote(update.health_check_url)}"
    return [
        f"until [ $exitCode -ne 0 ] || {ask}; do",
        f"  if [ $SECONDS -ge {int(update.pause.to_seconds())} ]; then exitCode=1; fi",
        f"  sleep {ANSWER_S}",
        "done",
    ]


def _signal(resource: cdk.CfnResource) -> str:
    aws = cdk.Aws
    # The stack may be deployed by another name than it has in the app.
    return (
        f"/opt/aws/bin/cfn-signal --exit-code $exitCode --stack {aws.STACK_NAME} --resource {resource.logical_id} "
        f"--region {aws.REGION} --url https://cloudformation.{aws.REGION}.{aws.URL_SUFFIX}"
        # Instances that are added later signal to nobody.
        " || echo 'CloudFormation took no signal'"
    )
