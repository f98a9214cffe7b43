"""Where a service or a function meets what stands in a VPC."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from .policies import statement

HTTPS = 443

DESCRIBED = (
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcAttribute",
    "ec2:DescribeVpcs",
)

NO_RESOURCES = (
    "Amazon EC2 has no resources for the actions that describe a network. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonec2.html."
)
"""Why a statement about descriptions is for any resource."""


@dataclass(frozen=True, kw_only=True)
class Network:
    """Subnets, and the security group of what stands in them.

    Args:
        vpc: The VPC.
        subnets: The subnets.
        security_group: The security group.
    """

    vpc: ec2.IVpc
    subnets: Sequence[ec2.ISubnet]
    security_group: ec2.SecurityGroup

    @property
    def subnet_ids(self) -> list[str]:
        """The ids of the subnets."""
        return [subnet.subnet_id for subnet in self.subnets]


def private_subnets(vpc: ec2.IVpc, chosen: dict[str, Any], count: int | None = None) -> list[ec2.ISubnet]:
    """Return subnets of a VPC, each in a zone of its own.

    Args:
        vpc: The VPC.
        chosen: Which, as arguments of ``select_subnets``.
        count: How many; None for one in each zone.
    """
    by_zone: dict[str, ec2.ISubnet] = {}
    for subnet in vpc.select_subnets(**chosen).subnets:
        by_zone.setdefault(subnet.availability_zone, subnet)
    return list(by_zone.values())[:count]


def closed_group(scope: Construct, id: str, vpc: ec2.IVpc, description: str) -> ec2.SecurityGroup:
    """Create a security group that lets nothing in or out until it is told.

    Args:
        scope: The construct that it belongs to.
        id: Its id.
        vpc: The VPC.
        description: What it is for.
    """
    return ec2.SecurityGroup(
        scope,
        id,
        vpc=vpc,
        description=description,
        allow_all_outbound=False,
        # A feature flag of the consumer would decide otherwise.
        disable_inline_rules=False,
    )


def connect(source: ec2.SecurityGroup, target: ec2.ISecurityGroup, port: int, description: str) -> None:
    """Let a group reach another one at a port, and nothing more.

    Args:
        source: The group that connects.
        target: The group that it connects to.
        port: The TCP port.
        description: What for.
    """
    source.connections.allow_to(target, ec2.Port.tcp(port), description)


def firehose_interfaces(scope: Construct, network: Network) -> list[iam.PolicyStatement]:
    """Return what Firehose needs to have network interfaces in subnets.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es-vpc, narrowed to the subnets
    and the security group.

    Args:
        scope: Any construct of the stack.
        network: Where they stand.
    """
    stack = cdk.Stack.of(scope)
    ec2_arn = f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}"
    interfaces = f"{ec2_arn}:network-interface/*"
    return [
        statement(list(DESCRIBED), "*"),
        statement(
            ["ec2:CreateNetworkInterface"],
            interfaces,
            f"{ec2_arn}:security-group/{network.security_group.security_group_id}",
            *(f"{ec2_arn}:subnet/{id}" for id in network.subnet_ids),
        ),
        statement(["ec2:CreateNetworkInterfacePermission", "ec2:DeleteNetworkInterface"], interfaces),
    ]


def interfaces_arn(scope: Construct) -> str:
    """Return the ARN of any network interface of the stack's account and region.

    Args:
        scope: Any construct of the stack.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:ec2:{stack.region}:{stack.account}:network-interface/*"
