"""The networks of directories: subnets that fit, their zones, addresses in them, and security groups.

Which zones WorkSpaces supports is in its administration guide, by their ids. Which letters those have differs from
account to account; in the sandbox's the supported ones come first, so that ``us-east-1a`` is ``use1-az2`` and
``us-east-1d`` is one that WorkSpaces does not support.
"""

from __future__ import annotations

import ipaddress
import secrets
from collections.abc import Sequence

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from sandbox.adapters.json_rpc import Fault, Record

_SUPPORTED = {
    "us-east-1": "246",
    "us-west-2": "123",
    "ap-south-1": "123",
    "ap-northeast-1": "14",
    "ap-northeast-2": "13",
    "ap-southeast-1": "12",
    "ap-southeast-2": "13",
    "ca-central-1": "12",
    "eu-central-1": "23",
    "eu-west-1": "123",
    "eu-west-2": "23",
    "eu-west-3": "123",
    "sa-east-1": "13",
}
"""The numbers of the zones that WorkSpaces supports, by region."""
_ALL = "123456"


def install() -> None:
    """Give the letters of zones ids as an account could have them."""
    ec2._az_id_for_zone_name = _zone_id
    for subnet in ec2._subnets.all_values():
        subnet["AvailabilityZoneId"] = _zone_id(subnet["AvailabilityZone"])


def _zone_id(name: str) -> str:
    region, letter = name[:-1], name[-1].lower()
    first = _SUPPORTED.get(region, "")
    order = first + "".join(number for number in _ALL if number not in first)
    place = ord(letter) - ord("a")
    number = order[place] if 0 <= place < len(order) else str(place + 1)
    return f"{ec2._az_id_prefix(region)}-az{number}"


def fitting(vpc: str, subnets: Sequence[str], code: str) -> list[Record]:
    """The two subnets of a directory.

    Args:
        vpc: The VPC that they must be in; of the region of the request.
        subnets: Their ids.
        code: The code of the error.

    Raises:
        Fault: If they are not two of this VPC in different zones.
    """
    if vpc not in ec2._vpcs:
        raise Fault(code, f"VPC {vpc} could not be found in the region {get_region()}.")
    for one in subnets:
        if one not in ec2._subnets or ec2._subnets[one]["VpcId"] != vpc:
            raise Fault(code, f"Invalid subnet ID(s): {one}. They must correspond to two subnets of {vpc}.")
    found = [ec2._subnets[one] for one in subnets]
    if len({one["AvailabilityZone"] for one in found}) != 2:
        raise Fault(code, "Two subnets in different Availability Zones must be specified.")
    return found


def refuse_unsupported(subnets: Sequence[Record]) -> None:
    """Refuse subnets in zones that WorkSpaces does not support.

    Args:
        subnets: The subnets.

    Raises:
        Fault: If one is.
    """
    for one in subnets:
        supported = _SUPPORTED.get(get_region())
        if supported and one["AvailabilityZoneId"].rpartition("-az")[2] not in supported:
            where = f"{one['SubnetId']} is in the Availability Zone {one['AvailabilityZoneId']}"
            raise Fault("OperationNotSupportedException", f"{where}, which WorkSpaces does not support.")


def zones(subnets: Sequence[Record]) -> list[str]:
    """The names of the zones of subnets.

    Args:
        subnets: The subnets.
    """
    return [one["AvailabilityZone"] for one in subnets]


def addresses(subnets: Sequence[Record]) -> list[str]:
    """An address in each of some subnets.

    Args:
        subnets: The subnets.
    """
    networks = [ipaddress.ip_network(one["CidrBlock"]) for one in subnets]
    return [str(one[4 + secrets.randbelow(one.num_addresses - 5)]) for one in networks]


def open_group(vpc: str, name: str) -> str:
    """Make a security group of a service and return its id.

    Args:
        vpc: Its VPC.
        name: Its name.
    """
    id = f"sg-{secrets.token_hex(9)[:17]}"
    ec2._security_groups[id] = {
        "GroupId": id,
        "GroupName": name,
        "Description": f"AWS created security group for {name}",
        "VpcId": vpc,
        "OwnerId": get_account_id(),
        "IpPermissions": [],
        "IpPermissionsEgress": [],
    }
    return id


def close_group(id: str) -> None:
    """Remove a security group of a service.

    Args:
        id: Its id.
    """
    ec2._security_groups.pop(id, None)


def default() -> tuple[str, list[str]]:
    """The region's default VPC and two of its subnets."""
    ec2._init_defaults()
    vpc = next(one["VpcId"] for one in ec2._vpcs.values() if one["IsDefault"])
    own = [one for one in ec2._subnets.values() if one["VpcId"] == vpc]
    return str(vpc), [one["SubnetId"] for one in sorted(own, key=lambda one: str(one["AvailabilityZone"]))[:2]]


def refuse_group(id: str, vpc: str) -> None:
    """Refuse a security group that is not one of a VPC.

    Args:
        id: Its id.
        vpc: The VPC.

    Raises:
        Fault: If it is not there or in another VPC.
    """
    found = ec2._security_groups.get(id)
    if found is None or found["VpcId"] != vpc:
        raise Fault("InvalidParameterValuesException", f"The security group {id} could not be found in {vpc}.")


def address_in(subnet: str) -> str:
    """An address in a subnet.

    Args:
        subnet: Its id.
    """
    return addresses([ec2._subnets[subnet]])[0]
