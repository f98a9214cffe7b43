"""Checks of subnets that are selected in a VPC."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2

from .checks import Checks


def check_subnets(checks: Checks, vpc: ec2.IVpc, subnets: object, *, count: int | None = None) -> None:
    """Refuse a selection of subnets that the VPC does not have.

    Args:
        checks: The checks of the construct.
        vpc: The VPC; checked before.
        subnets: The argument.
        count: How many there must be, each in a zone of its own; None for any number from 1.

    Raises:
        ValueError: If it is no selection, or one of none or of another number.
    """
    remedy = "give ec2.SubnetSelection(subnet_type=...) with a type that the VPC has"
    if subnets is not None:
        checks.instance("subnets", subnets, ec2.SubnetSelection, remedy=remedy)
    try:
        chosen = vpc.select_subnets(**selection(subnets))
    except RuntimeError as error:
        # Behind the name of its error, the CDK tells which subnets the VPC has.
        checks.refuse("subnets", "a selection of subnets that the VPC has", str(error).partition(": ")[2], remedy)
    found, zones = chosen.subnet_ids, chosen.availability_zones
    if not found:
        checks.refuse("subnets", "a selection of one subnet or more", "one of none", remedy)
    if count is None or cdk.Token.is_unresolved(found):
        return
    remedy = "give ec2.SubnetSelection(subnets=[...]) with a subnet in each of two availability zones"
    if len(found) != count:
        checks.refuse("subnets", f"a selection of {count} subnets", f"one of {len(found)}", remedy)
    if len(set(zones)) != count:
        checks.refuse("subnets", f"a selection of {count} availability zones", ", ".join(zones), remedy)


def selection(subnets: object) -> dict[str, Any]:
    """Return a selection of subnets as arguments; private ones with a way out when nothing was selected.

    Args:
        subnets: The argument.
    """
    if not isinstance(subnets, ec2.SubnetSelection):
        return {"subnet_type": ec2.SubnetType.PRIVATE_WITH_EGRESS}
    names = ("availability_zones", "one_per_az", "subnet_filters", "subnet_group_name", "subnets", "subnet_type")
    return {name: getattr(subnets, name) for name in names if getattr(subnets, name) is not None}
