"""How large a fleet is, and how it is rolled over to another image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk

if TYPE_CHECKING:
    from aws_cdk import aws_cloudwatch as cloudwatch


@dataclass(frozen=True, kw_only=True)
class FleetCapacity:
    """How many instances there are.

    Args:
        minimum: The fewest, from 0. The alarm ``InService`` rings when fewer are in service.
        maximum: The most, at least ``minimum``.
        desired: How many at the first deployment; None for the minimum. Later deployments leave alone what scaling has
            made of it.
    """

    minimum: int = 2
    maximum: int = 4
    desired: int | None = None


@dataclass(frozen=True, kw_only=True)
class FleetVolume:
    """The volume that an instance starts from. It is always encrypted, whatever the image is.

    Args:
        size_gib: Its size in GiB, from 1 to 16384 and at least the image's; None for the image's.
        device_name: What the image calls its root device; None for ``/dev/xvda``, as Amazon Linux has it, and for
            ``/dev/sda1`` on Windows. Ubuntu has ``/dev/sda1`` too. With a wrong name no instance starts or, with a
            size, the encrypted volume becomes a second one.
    """

    size_gib: int | None = None
    device_name: str | None = None


@dataclass(frozen=True, kw_only=True)
class InstanceRefresh:
    """Amazon EC2 Auto Scaling replaces the instances, and AWS CloudFormation puts the old ones back if that fails.

    An instance counts when it passes the health checks of the group: those of the target groups, or of Amazon EC2 when
    there are none. Instances that have the new configuration already are left alone.

    Args:
        min_healthy_percentage: How much of the desired capacity stays in service and healthy, from 0 to 100.
        max_healthy_percentage: How much there may be meanwhile, from 100 to 200 and at most 100 above the minimum.
            Above 100, new instances are started before old ones are terminated.
        warmup: How long a new instance is given before it counts; None for the health check's grace period.
        bake: How long alarms are watched after the last instance was replaced, up to 48 hours.
        alarms: Alarms that fail the update, besides those of the fleet's own target groups; with these 10 at most.
            They must not watch the group of the fleet, which waits for them.
        checkpoints: Shares of the fleet, in percent and rising to 100, after which the refresh waits.
        checkpoint_delay: How long it waits there, up to 48 hours; None for an hour.
    """

    min_healthy_percentage: int = 100
    max_healthy_percentage: int = 150
    warmup: cdk.Duration | None = None
    bake: cdk.Duration = cdk.Duration.minutes(10)
    alarms: Sequence[cloudwatch.IAlarm] = ()
    checkpoints: Sequence[int] = ()
    checkpoint_delay: cdk.Duration | None = None


@dataclass(frozen=True, kw_only=True)
class RollingUpdate:
    """AWS CloudFormation replaces the instances in batches, each of which must signal that it is up.

    CloudFormation does not look at load balancers: an instance signals when its own health check succeeds. That needs
    Linux with ``bash``, ``curl`` and ``/opt/aws/bin/cfn-signal``, as Amazon Linux has them, and a way to
    CloudFormation. Meanwhile the group checks no health and does not scale.

    Args:
        batch_size: How many are replaced at a time, from 1 to 100.
        min_in_service: How many stay in service, less than the fleet's maximum; None for the fleet's minimum, or one
            less than the maximum when both are the same.
        pause: How long a batch has to signal, up to an hour; the first instances of all have as long.
        min_successful_percentage: The share of instances that must signal, from 1 to 100, or the update is rolled back.
        health_check_url: What an instance asks itself until it answers with success, before it signals; None to signal
            when the user data is through.
    """

    batch_size: int = 1
    min_in_service: int | None = None
    pause: cdk.Duration = cdk.Duration.minutes(15)
    min_successful_percentage: int = 100
    health_check_url: str | None = "http://localhost/"
