"""Who reaches what stands in a VPC: security groups with what templates put beside them.

A function comes from where its configuration says, and so does a Firehose stream. Scenarios and tools count as inside
the VPC. Routes, network ACLs and prefix lists are not looked at.
"""

from __future__ import annotations

import ipaddress
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ministack.services import cloudcontrol, ec2
from ministack.services.cloudformation import provisioners

PORT = 443
_RULES = {"IpPermissions": "AWS::EC2::SecurityGroupIngress", "IpPermissionsEgress": "AWS::EC2::SecurityGroupEgress"}


@dataclass(frozen=True)
class Origin:
    """Where a caller comes from.

    Attributes:
        inside: Whether it counts as inside of any VPC.
        subnets: The subnets that it has interfaces in; empty if it comes from the public side.
        groups: The security groups of those.
    """

    inside: bool = False
    subnets: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()


ANYWHERE = Origin(inside=True)
"""Scenarios and tools."""


def vpc_of(subnets: Sequence[str]) -> str:
    """The VPC of subnets; empty for none.

    Args:
        subnets: Their ids.
    """
    return next((str(ec2._subnets[one]["VpcId"]) for one in subnets if one in ec2._subnets), "")


def barrier(origin: Origin, subnets: Sequence[str], groups: Sequence[str]) -> str:
    """Say why a caller does not reach an endpoint in a VPC; empty if it does.

    Args:
        origin: Where the caller comes from.
        subnets: Those of the endpoint.
        groups: Its security groups.
    """
    if origin.inside:
        return ""
    if not origin.subnets:
        return "the endpoint is in a VPC, and the caller is in none"
    if vpc_of(origin.subnets) != vpc_of(subnets):
        return f"the caller is in {vpc_of(origin.subnets)}, the endpoint in {vpc_of(subnets)}"
    if not any(_lets(one, "IpPermissions", origin.groups, origin.subnets) for one in groups):
        return f"no ingress rule of {', '.join(groups)} lets {', '.join(origin.groups)} in on port {PORT}"
    if not any(_lets(one, "IpPermissionsEgress", groups, subnets) for one in origin.groups):
        return f"no egress rule of {', '.join(origin.groups)} lets it out to {', '.join(groups)} on port {PORT}"
    return ""


def _lets(group: str, direction: str, others: Sequence[str], subnets: Sequence[str]) -> bool:
    """Whether a group has a rule for other groups, or for the addresses of their subnets."""
    for rule in _rules(group, direction):
        every = str(rule.get("IpProtocol", "-1")) == "-1"
        if not every and not (rule.get("IpProtocol") in ("tcp", "6") and _covers(rule)):
            continue
        if any(pair.get("GroupId") in others for pair in rule["UserIdGroupPairs"]):
            return True
        if any(_contains(one["CidrIp"], subnets) for one in rule["IpRanges"]):
            return True
    return False


def _covers(rule: Mapping[str, Any]) -> bool:
    return int(rule.get("FromPort", PORT)) <= PORT <= int(rule.get("ToPort", PORT))


def _contains(cidr: str, subnets: Sequence[str]) -> bool:
    network = ipaddress.ip_network(cidr)
    found = [ipaddress.ip_network(ec2._subnets[one]["CidrBlock"]) for one in subnets if one in ec2._subnets]
    return bool(found) and all(one.version == network.version and one.subnet_of(network) for one in found)  # type: ignore[arg-type]


def _rules(group: str, direction: str) -> Iterator[Mapping[str, Any]]:
    known = ec2._security_groups.get(group)
    yield from (known or {}).get(direction, [])
    for recorded in list(cloudcontrol._resources.values()):
        if recorded["TypeName"] == _RULES[direction]:
            properties = json.loads(recorded["Properties"])
            if properties.get("GroupId") == group:
                yield from provisioners._ec2_sg_permissions([properties])
