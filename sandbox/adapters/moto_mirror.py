"""What moto's services look for in its IAM and its EC2, taken over from MiniStack's, which are the real ones here.

CodePipeline, for one, looks up its role, and MemoryDB its subnets.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Mapping
from typing import Any
from unittest.mock import patch

from ministack.core import responses
from ministack.services import ec2, iam

_ROLE = re.compile(r"arn:aws:iam::\d{12}:role/[\w+=,.@/-]+")
_NETWORK = re.compile(r"\b(?:vpc|subnet)-[0-9a-f]{8,17}\b")


def mirror(request: str) -> None:
    """Give moto the roles, VPCs and subnets that a request names.

    Args:
        request: The text of the request.
    """
    for arn in set(_ROLE.findall(request)):
        _role(arn)
    names = set(_NETWORK.findall(request))
    if names:
        for name in sorted(names, reverse=True):  # the VPC of a subnet comes with it
            if name in ec2._vpcs:
                _vpc(ec2._vpcs[name])
            elif name in ec2._subnets:
                _vpc(ec2._vpcs[ec2._subnets[name]["VpcId"]])
                _subnet(ec2._subnets[name])


def _role(arn: str) -> None:
    role = iam._roles.get(arn.rsplit("/", 1)[-1])
    backend = _backend("iam", "aws")
    if role is None or role["RoleName"] in {known.name for known in backend.get_roles()}:
        return
    backend.create_role(
        role_name=role["RoleName"],
        assume_role_policy_document=role["AssumeRolePolicyDocument"],
        path=role["Path"],
        permissions_boundary=None,
        description="",
        tags=[],
        max_session_duration="3600",
    )


def _vpc(vpc: Mapping[str, Any]) -> None:
    backend = _backend("ec2")
    if vpc["VpcId"] not in backend.vpcs:
        with patch("moto.ec2.models.vpcs.random_vpc_id", return_value=vpc["VpcId"]):
            backend.create_vpc(vpc["CidrBlock"])


def _subnet(subnet: Mapping[str, Any]) -> None:
    backend = _backend("ec2")
    if not any(subnet["SubnetId"] in zone for zone in backend.subnets.values()):
        with patch("moto.ec2.models.subnets.random_subnet_id", return_value=subnet["SubnetId"]):
            backend.create_subnet(subnet["VpcId"], subnet["CidrBlock"], availability_zone=subnet["AvailabilityZone"])


def _backend(service: str, place: str | None = None) -> Any:
    backends = importlib.import_module("moto.backends").get_backend(service)
    return backends[responses.get_account_id()][place or responses.get_region()]
