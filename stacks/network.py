"""The network of a stack: one that is named in the settings, or one of its own."""

from __future__ import annotations

from typing import Protocol

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2


class GivenNetwork(Protocol):
    """Settings that may name a network."""

    vpc_id: str | None
    availability_zones: list[str]
    private_subnet_ids: list[str]


def network(stack: cdk.Stack, given: GivenNetwork, *, zones: int = 2) -> ec2.IVpc:
    """Return the network that the settings name, or create one with private subnets and a way out.

    Args:
        stack: The stack.
        given: Its settings.
        zones: How many availability zones a created one has.
    """
    if given.vpc_id is not None:
        return ec2.Vpc.from_vpc_attributes(
            stack,
            "Network",
            vpc_id=given.vpc_id,
            availability_zones=given.availability_zones,
            private_subnet_ids=given.private_subnet_ids,
        )
    # Where the region is not known, the CDK takes two zones and no more, unless they are told one by one.
    told = None if zones == 2 or not cdk.Token.is_unresolved(stack.region) else _zones(zones)
    return ec2.Vpc(
        stack,
        "Network",
        max_azs=zones if told is None else None,
        availability_zones=told,
        nat_gateways=1,
        subnet_configuration=[
            ec2.SubnetConfiguration(
                name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
            ),
            ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
        ],
        # What the consumer's flags would make of it is a function that writes the setting.
        restrict_default_security_group=False,
        flow_logs={"Rejected": ec2.FlowLogOptions(traffic_type=ec2.FlowLogTrafficType.REJECT)},
    )


def _zones(count: int) -> list[str]:
    return [cdk.Fn.select(position, cdk.Fn.get_azs()) for position in range(count)]
