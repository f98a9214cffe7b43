"""The instances of a fleet: what they start from, what they may do, and what they can reach."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from .fleet_checks import Instances
from .fleet_values import FleetVolume

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

HOPS = 1
"""How far answers of the metadata service go: not into containers, which would have the role of the instance."""

ROOT_DEVICES = {ec2.OperatingSystemType.LINUX: "/dev/xvda", ec2.OperatingSystemType.WINDOWS: "/dev/sda1"}
"""What Amazon's images call the volume that they start from."""


def instance_role(scope: Construct, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
    """Create the role of the instances, which may do nothing but what is asked for.

    The statements are part of the role, so that they are in force when the first instance starts. To signal
    CloudFormation needs no permission: https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cfn-signal.html

    Args:
        scope: The fleet.
        statements: All that the role may do.
    """
    policies = {"Permissions": iam.PolicyDocument(statements=list(statements))} if statements else None
    return iam.Role(
        scope,
        "Role",
        # Amazon EC2 assumes roles of instances without saying for which one.
        assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"),
        description="What the instances of a fleet may do",
        inline_policies=policies,
    )


def own_security_group(scope: Construct, vpc: ec2.IVpc) -> ec2.SecurityGroup:
    """Create a security group that lets nothing in, and HTTPS out.

    Args:
        scope: The fleet.
        vpc: The VPC of the fleet.
    """
    group = ec2.SecurityGroup(
        scope,
        "SecurityGroup",
        vpc=vpc,
        description=f"Instances of {scope.node.path}"[:255],
        allow_all_outbound=False,
        disable_inline_rules=False,
    )
    for peer in (ec2.Peer.any_ipv4(), ec2.Peer.any_ipv6()):
        group.add_egress_rule(peer, ec2.Port.HTTPS, "Services of AWS, and packages")
    return group


def launch_template(
    scope: Construct,
    given: Instances,
    *,
    role: iam.Role,
    security_groups: Sequence[ec2.ISecurityGroup],
    user_data: ec2.UserData,
    system: ec2.OperatingSystemType,
) -> ec2.LaunchTemplate:
    """Create the launch template.

    Args:
        scope: The fleet.
        given: What the instances are.
        role: Their role.
        security_groups: Their security groups.
        user_data: What they run when they start.
        system: Their operating system.
    """
    device = given.volume.device_name or ROOT_DEVICES.get(system, "/dev/xvda")
    made = ec2.LaunchTemplate(
        scope,
        "LaunchTemplate",
        machine_image=given.image,
        instance_type=given.instance_type,
        role=role,
        security_group=security_groups[0],
        user_data=user_data,
        block_devices=[ec2.BlockDevice(device_name=device, volume=_volume(given.volume, given.encryption_key))],
        http_endpoint=True,
        http_tokens=ec2.LaunchTemplateHttpTokens.REQUIRED,
        http_put_response_hop_limit=HOPS,
        detailed_monitoring=True,
    )
    for group in security_groups[1:]:
        made.add_security_group(group)
    return made


def _volume(volume: FleetVolume, key: kms.IKey | None) -> ec2.BlockDeviceVolume:
    # Not BlockDeviceVolume.ebs, which wants a size: without one, the volume is as large as the image's.
    return ec2.BlockDeviceVolume(
        ec2.EbsDeviceProps(encrypted=True, kms_key=key, volume_size=volume.size_gib, delete_on_termination=True)
    )
