"""Workgroups of Redshift Serverless: their network and capacity are checked as AWS checks them, and nothing computes.

How many subnets, zones and free addresses there must be is in the considerations of its management guide.
"""

from __future__ import annotations

import ipaddress
import secrets
import uuid
from collections.abc import Sequence
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ec2

from sandbox.adapters.json_rpc import Fault, Operation, Record

from .state import LOCK, Workgroup, arn_of, home, namespace, now, workgroup, workgroup_of

_PORTS = (*range(5431, 5456), *range(8191, 8216))
_CAPACITIES = (4, *range(8, 513, 8), *range(544, 1025, 32))
_PARAMETERS = frozenset(
    [
        "auto_mv",
        "datestyle",
        "enable_case_sensitive_identifier",
        "enable_user_activity_logging",
        "query_group",
        "search_path",
        "require_ssl",
        "use_fips_ssl",
        "max_query_execution_time",
        "max_query_queue_time",
        "max_query_cpu_time",
        "max_query_blocks_read",
        "max_scan_row_count",
        "max_query_temp_blocks_to_disk",
        "max_join_row_count",
        "max_nested_loop_join_row_count",
        "max_io_skew",
        "max_query_cpu_usage_percent",
        "max_return_row_count",
        "wlm_json_configuration",
    ]
)
_FREE = ((8, 9), (32, 13), (64, 21), (128, 37), (256, 69), (512, 133), (1024, 261))
"""Base capacity, and how many free addresses each subnet needs for it with enhanced VPC routing."""
_FREE_WITHOUT = 3
_RESERVED = 5
_CHANGEABLE = ("baseCapacity", "maxCapacity", "enhancedVpcRouting", "publiclyAccessible", "port")


def create(request: Record) -> Record:
    """Make a workgroup.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    name = request["workgroupName"]
    with LOCK:
        if name in home().workgroups:
            raise Fault("ConflictException", f"Workgroup already exists: {name}")
        space = namespace(request["namespaceName"])
        if workgroup_of(space):
            raise Fault("ConflictException", f"The namespace {space.name} is already associated with a workgroup.")
        record: Record = {"baseCapacity": 128, "enhancedVpcRouting": False, "publiclyAccessible": False, "port": 5439}
        subnets = list(request.get("subnetIds") or _default_subnets())
        groups = list(request.get("securityGroupIds") or [])
        record |= {key: request[key] for key in _CHANGEABLE if request.get(key) is not None}
        _refuse(record, subnets, groups, request.get("configParameters") or [])
        id = str(uuid.uuid4())
        record |= {
            "workgroupName": name,
            "workgroupId": id,
            "workgroupArn": arn_of("workgroup", id),
            "namespaceName": space.name,
            "subnetIds": subnets,
            "securityGroupIds": groups,
            "configParameters": list(request.get("configParameters") or []),
            "creationDate": now(),
            "status": "AVAILABLE",
        }
        record["endpoint"] = _endpoint(record)
        home().workgroups[name] = Workgroup(record, space)
    return {"workgroup": record}


def _default_subnets() -> list[str]:
    ec2._init_defaults()
    vpc = next(one["VpcId"] for one in ec2._vpcs.values() if one["IsDefault"])
    return sorted(id for id, one in ec2._subnets.items() if one["VpcId"] == vpc)


def _refuse(record: Record, subnets: Sequence[str], groups: Sequence[str], parameters: Sequence[Record]) -> None:
    base, most = record["baseCapacity"], record.get("maxCapacity")
    if base not in _CAPACITIES:
        raise Fault("ValidationException", f"The base capacity {base} must be 4, 8 to 512 in steps of 8, or more.")
    if most is not None and most < base:
        raise Fault("ValidationException", "The max capacity must be greater than or equal to the base capacity.")
    if record["port"] not in _PORTS:
        raise Fault("ValidationException", "The port must be in the range 5431-5455 or 8191-8215.")
    for one in parameters:
        if one["parameterKey"] not in _PARAMETERS:
            raise Fault("ValidationException", f"The parameter {one['parameterKey']} is not supported.")
    _refuse_network(record, subnets, groups)


def _refuse_network(record: Record, subnets: Sequence[str], groups: Sequence[str]) -> None:
    missing = [id for id in subnets if id not in ec2._subnets]
    if missing:
        raise Fault("ValidationException", f"The subnet {missing[0]} does not exist.")
    found = [ec2._subnets[id] for id in subnets]
    if len({one["VpcId"] for one in found}) != 1:
        raise Fault("ValidationException", "All subnets must be in the same VPC.")
    zones, routed = len({one["AvailabilityZone"] for one in found}), record["enhancedVpcRouting"]
    needed = 3 if routed else 2
    if zones < needed or len(found) < needed:
        how = "with enhanced VPC routing" if routed else "without enhanced VPC routing"
        raise Fault("ValidationException", f"You must have {needed} subnets in {needed} Availability Zones {how}.")
    free = next(many for base, many in _FREE if record["baseCapacity"] <= base) if routed else _FREE_WITHOUT
    for one in found:
        if ipaddress.ip_network(one["CidrBlock"]).num_addresses - _RESERVED < free:
            raise Fault("InsufficientCapacityException", f"{one['SubnetId']} needs {free} free IP addresses.")
    vpc = found[0]["VpcId"]
    for id in groups:
        if id not in ec2._security_groups or ec2._security_groups[id]["VpcId"] != vpc:
            raise Fault("ValidationException", f"The security group {id} is not in {vpc}.")


def _endpoint(record: Record) -> Record:
    host = f"{record['workgroupName']}.{get_account_id()}.{get_region()}.redshift-serverless.amazonaws.com"
    vpc = ec2._subnets[record["subnetIds"][0]]["VpcId"]
    endpoint = {"vpcEndpointId": f"vpce-{secrets.token_hex(9)[:17]}", "vpcId": vpc, "networkInterfaces": []}
    return {"address": host, "port": record["port"], "vpcEndpoints": [endpoint]}


def update(request: Record) -> Record:
    """Change a workgroup.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    with LOCK:
        record = workgroup(request["workgroupName"]).record
        changed = {key: request[key] for key in _CHANGEABLE if request.get(key) is not None}
        parameters: list[Record] = request.get("configParameters") or record["configParameters"]
        subnets = request.get("subnetIds") or record["subnetIds"]
        groups: list[str] = request.get("securityGroupIds") or record["securityGroupIds"]
        _refuse(record | changed, subnets, groups, parameters)
        record |= changed
        record |= {"configParameters": parameters, "subnetIds": list(subnets), "securityGroupIds": list(groups)}
        record["endpoint"] |= {"port": record["port"]}
    return {"workgroup": record}


def delete(request: Record) -> Record:
    """Delete a workgroup; the data stays in the namespace.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    with LOCK:
        found = workgroup(request["workgroupName"])
        del home().workgroups[found.record["workgroupName"]]
    return {"workgroup": {**found.record, "status": "DELETING"}}


def reaches_s3(found: Workgroup) -> bool:
    """Whether COPY gets from a workgroup to S3: past the VPC, or with a way out of each of its subnets.

    A way out is a gateway endpoint for S3 in the route table, an interface endpoint for S3 in the VPC, or a route to
    anywhere. Security groups, endpoint policies and whether a gateway of the route works are not looked at.

    Args:
        found: The workgroup.
    """
    if not found.record["enhancedVpcRouting"]:
        return True
    return all(_has_way_out(id) for id in found.record["subnetIds"])


def _has_way_out(subnet: str) -> bool:
    vpc = ec2._subnets[subnet]["VpcId"]
    tables = [one for one in ec2._route_tables.values() if one["VpcId"] == vpc]
    own = [one for one in tables if any(each.get("SubnetId") == subnet for each in one["Associations"])]
    used = own or [one for one in tables if any(each.get("Main") for each in one["Associations"])]
    ids = {one["RouteTableId"] for one in used}
    if any(route.get("DestinationCidrBlock") == "0.0.0.0/0" for one in used for route in one["Routes"]):
        return True
    endpoints = [one for one in ec2._vpc_endpoints.values() if one["VpcId"] == vpc and _is_of_s3(one)]
    return any(one["VpcEndpointType"] == "Interface" or ids & set(one["RouteTableIds"]) for one in endpoints)


def _is_of_s3(endpoint: Any) -> bool:
    return str(endpoint["ServiceName"]).endswith(".s3")


def _get(request: Record) -> Record:
    return {"workgroup": workgroup(request["workgroupName"]).record}


def _list(request: Record) -> Record:
    return {"workgroups": [one.record for one in home().workgroups.values()]}


OPERATIONS: dict[str, Operation] = {
    "CreateWorkgroup": create,
    "GetWorkgroup": _get,
    "ListWorkgroups": _list,
    "UpdateWorkgroup": update,
    "DeleteWorkgroup": delete,
}
"""What each operation does with its members, by its name."""
