"""Refusal of instances that a fleet cannot be made of, before anything is created."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import elements
from cdk_refarch._parts.resource_checks import check_alarm_topic, check_key, check_present, check_same_account
from cdk_refarch._parts.subnet_checks import check_subnets

from .fleet_values import FleetCapacity, FleetVolume

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

MAX_SECURITY_GROUPS = 16
"""https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups"""

MAX_VOLUME_GIB = 16384
"""https://docs.aws.amazon.com/ebs/latest/userguide/volume_constraints.html"""

DEVICE = "/dev/[a-z][a-z0-9]*"
"""https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/device_naming.html"""


@dataclass(frozen=True, kw_only=True)
class Instances:
    """What the instances of a fleet are, and where. The fields are arguments of ``RollingFleet``."""

    vpc: ec2.IVpc
    image: ec2.IMachineImage
    instance_type: ec2.InstanceType
    subnets: ec2.SubnetSelection | None
    security_groups: Sequence[ec2.ISecurityGroup] | None
    user_data: ec2.UserData | None
    statements: Sequence[iam.PolicyStatement]
    volume: FleetVolume
    encryption_key: kms.IKey | None


def check_instances(checks: Checks, scope: Construct, given: Instances, alarm_topic: sns.ITopic | None) -> None:
    """Check what the instances are, and where they are.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        given: The arguments.
        alarm_topic: The argument.

    Raises:
        ValueError: If one is of another kind than it must be, or of another region.
    """
    check_present(checks, "vpc", given.vpc, "vpc_id", "IVpc")
    checks.same_region("vpc", given.vpc, scope)
    check_same_account(checks, "vpc", given.vpc, scope, "give the VPC that the instances are in")
    check_present(checks, "image", given.image, "get_image", "IMachineImage")
    remedy = "give ec2.InstanceType('m7i.large'), say"
    checks.instance("instance_type", given.instance_type, ec2.InstanceType, remedy=remedy)
    check_subnets(checks, given.vpc, given.subnets)
    _check_security_groups(checks, scope, given.security_groups)
    if given.user_data is not None:
        remedy = "give ec2.UserData.for_linux(), say"
        checks.instance("user_data", given.user_data, ec2.UserData, remedy=remedy)
    check_statements(checks, "statements", given.statements)
    _check_volume(checks, given.volume)
    check_key(checks, scope, given.encryption_key, "volumes")
    check_alarm_topic(checks, scope, alarm_topic)


def check_statements(checks: Checks, argument: str, given: object) -> None:
    """Check statements that are added to those of a role.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        given: What was given.

    Raises:
        ValueError: If it is no list of statements, or one names who may, which the role that holds it says.
    """
    remedy = "give [iam.PolicyStatement(actions=[...], resources=[...])]"
    for position, one in enumerate(elements(checks, argument, given, unit="statements", remedy=remedy)):
        name = f"{argument}[{position}]"
        checks.instance(name, one, iam.PolicyStatement, remedy=remedy)
        if one.has_principal:
            checks.refuse(name, "a statement without principals", "one with some", "leave principals out")


def check_capacity(checks: Checks, capacity: object) -> None:
    """Check how large the fleet is.

    Args:
        checks: The checks of the construct.
        capacity: The argument.

    Raises:
        ValueError: If a number is no whole one, or the numbers do not go together.
    """
    remedy = "give FleetCapacity(minimum=2, maximum=4), say"
    if not isinstance(capacity, FleetCapacity):
        checks.instance("capacity", capacity, FleetCapacity, remedy=remedy)
        return
    low, high, first = capacity.minimum, capacity.maximum, capacity.desired
    _check_count(checks, "minimum of capacity", low, 0, remedy)
    _check_count(checks, "maximum of capacity", high, 1, remedy)
    if first is not None:
        _check_count(checks, "desired of capacity", first, 0, remedy)
    if known(low, high) and low > high:
        checks.refuse("minimum and maximum of capacity", "in this order", f"{low} and {high}", "swap them")
    if known(low, high):
        remedy = "give a number in this range, or leave it out for the minimum"
        checks.number("desired of capacity", first, low, high, unit="instances", remedy=remedy)


def known(*numbers: float) -> bool:
    """Return whether all of some numbers are known when the app runs.

    Args:
        numbers: The numbers.
    """
    return not any(is_token(number) for number in numbers)


def operating_system(scope: Construct, image: ec2.IMachineImage) -> ec2.OperatingSystemType:
    """Return what an image runs.

    Args:
        scope: The scope that the construct will be put in.
        image: The argument.
    """
    stack = cdk.Stack.of(scope)
    # An image may create a parameter or a mapping where it is looked up, which has no place in the stack yet.
    aside = cdk.Stack(None, "Aside", env=cdk.Environment(account=stack.account, region=stack.region))
    return image.get_image(aside).os_type


def _check_count(checks: Checks, argument: str, value: object, low: int, remedy: str) -> None:
    rule = f"a whole number from {low}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        checks.refuse(argument, rule, f"{type(value).__name__} {value!r}", remedy)
    if not is_token(value) and (not math.isfinite(value) or value != int(value) or value < low):
        checks.refuse(argument, rule, value, remedy)


def _check_security_groups(checks: Checks, scope: Construct, given: object) -> None:
    if given is None:
        return
    remedy = "leave it out to create one"
    groups = elements(
        checks, "security_groups", given, unit="groups", remedy=remedy, low=1, high=MAX_SECURITY_GROUPS, known=True
    )
    for position, group in enumerate(groups):
        check_present(checks, f"security_groups[{position}]", group, "security_group_id", "ISecurityGroup")
        checks.same_region(f"security_groups[{position}]", group, scope)


def _check_volume(checks: Checks, volume: object) -> None:
    if not isinstance(volume, FleetVolume):
        checks.instance("volume", volume, FleetVolume, remedy="give FleetVolume(size_gib=20), or leave it out")
        return
    remedy = "leave it out for the size of the image"
    checks.number("size_gib of volume", volume.size_gib, 1, MAX_VOLUME_GIB, unit="GiB", remedy=remedy)
    if volume.device_name is not None:
        rule, remedy = "a device under /dev", "give what the image calls its root device, as in /dev/sda1"
        checks.matches("device_name of volume", volume.device_name, DEVICE, rule=rule, remedy=remedy)
