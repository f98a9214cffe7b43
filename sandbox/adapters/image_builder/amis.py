"""AMIs as EC2 has them: made, copied, shared, deprecated, disabled, deregistered, and described.

MiniStack runs AMIs as containers; those of Image Builder are launched as records only, if AWS would launch them.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id
from ministack.services import ec2

from .roles import CREATED
from .state import Record, now

Answer = tuple[int, dict[str, str], bytes]
_registered = ec2._registered_image
_issued: set[str] = set()
"""The ids of all AMIs that there ever were."""


def install() -> None:
    """Have EC2 describe the AMIs with their state, and launch them without a container."""
    ec2._registered_image = _container
    ec2._any_image_registered = lambda: any(one.get("ImageLocation") for one in ec2._images.all_values())
    actions = ec2._ACTION_MAP
    actions["DescribeImages"] = _described(actions["DescribeImages"])
    actions["RunInstances"] = _checked(actions["RunInstances"])


def create(name: str, description: str, parent: str, mappings: list[Record], tags: Mapping[str, str]) -> str:
    """Make an AMI and its snapshots in the account and region of the request.

    Args:
        name: Its name.
        description: What it says of itself.
        parent: What it was made of, which tells its architecture.
        mappings: Its volumes, as EC2 has them: device name, size, encryption and key.
        tags: Its tags, and those of the snapshots.

    Returns:
        Its id.
    """
    ec2._ensure_defaults_initialized()
    id: str = ec2._new_image_id()
    made = {
        "ImageId": id,
        "Name": name,
        "ImageLocation": "",
        "Description": description,
        "Architecture": "arm64" if re.search(r"arm64|aarch64", parent) else "x86_64",
        "RootDeviceType": "ebs",
        "RootDeviceName": "/dev/xvda",
        "BlockDeviceMappings": [_volume(one, tags) for one in mappings],
        "VirtualizationType": "hvm",
        "CreationDate": now(),
        "OwnerId": get_account_id(),
        "LaunchPermissions": [],
    }
    _issued.add(id)
    ec2._images[id] = made
    ec2._tags[id] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return id


def _volume(mapping: Record, tags: Mapping[str, str]) -> Record:
    ebs = mapping.get("ebs") or {}
    id = ec2._new_snapshot_id()
    size = int(ebs.get("volumeSize", 8))
    encrypted = bool(ebs.get("encrypted") or ebs.get("kmsKeyId"))
    ec2._snapshots[id] = {
        "SnapshotId": id,
        "VolumeId": "vol-ffffffff",
        "VolumeSize": size,
        "Description": "Created by CreateImage",
        "State": "completed",
        "StartTime": now(),
        "Progress": "100%",
        "OwnerId": get_account_id(),
        "Encrypted": encrypted,
        "KmsKeyId": ebs.get("kmsKeyId", ""),
        "StorageTier": "standard",
    }
    ec2._tags[id] = [{"Key": key, "Value": value} for key, value in tags.items()]
    about = {"SnapshotId": id, "VolumeSize": str(size), "VolumeType": ebs.get("volumeType", "gp3")}
    about |= {"Encrypted": str(encrypted).lower(), "DeleteOnTermination": "true"}
    return {"DeviceName": mapping.get("deviceName", "/dev/xvda"), "Ebs": about}


def tag(id: str, tags: Mapping[str, str]) -> None:
    """Add tags to an AMI.

    Args:
        id: Its id.
        tags: The tags.
    """
    ec2._tags[id] = [one for one in ec2._tags.get(id, []) if one["Key"] not in tags] + [
        {"Key": key, "Value": value} for key, value in tags.items()
    ]


def tags_of(id: str) -> dict[str, str]:
    """The tags of something of EC2.

    Args:
        id: Its id.
    """
    return {one["Key"]: one.get("Value", "") for one in ec2._tags.get(id, [])}


def share(id: str, permission: Record) -> None:
    """Let others launch an AMI.

    Args:
        id: Its id.
        permission: ``userIds`` and ``userGroups``.
    """
    permissions = ec2._images[id]["LaunchPermissions"]
    permissions += [{"UserId": one} for one in permission.get("userIds") or []]
    permissions += [{"Group": one} for one in permission.get("userGroups") or []]


def snapshots(id: str) -> list[str]:
    """The snapshots of an AMI.

    Args:
        id: Its id.
    """
    return [one["Ebs"]["SnapshotId"] for one in ec2._images[id]["BlockDeviceMappings"]]


def problem(id: str) -> str | None:
    """Why an AMI cannot be launched in the account and region of the request, None if it can or is none of ours.

    Args:
        id: Its id.
    """
    found = _registered(id)
    if found is None:
        return f"The image id '[{id}]' does not exist" if id in _issued else None
    if found.get("Disabled"):
        return f"The image id '[{id}]' is disabled and cannot be launched"
    return None


def _container(id: str) -> Any:
    return None if id in _issued else _registered(id)


def _checked(run: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    def checked(params: Any) -> Answer:
        id = ec2._p(params, "ImageId")
        why = problem(id)
        if why:
            code = "InvalidAMIID.Unavailable" if "disabled" in why else "InvalidAMIID.NotFound"
            refused: Answer = ec2._error(code, why, 400)
            return refused
        return run(params)

    return checked


def _described(describe: Callable[[Any], Answer]) -> Callable[[Any], Answer]:
    """Add what MiniStack leaves out of the answer: when an AMI was made, and whether it is deprecated or disabled."""

    def completed(item: re.Match[str]) -> str:
        found = _registered(item[1])
        if found is None or item[1] not in _issued:
            return item[0]
        more = f"<creationDate>{found['CreationDate']}</creationDate>"
        if "DeprecationTime" in found:
            more += f"<deprecationTime>{found['DeprecationTime']}</deprecationTime>"
        state = "disabled" if found.get("Disabled") else "available"
        rest = item[2].replace("<imageState>available<", f"<imageState>{state}<")
        for mapping in found["BlockDeviceMappings"]:
            snapshot = f"<snapshotId>{mapping['Ebs']['SnapshotId']}</snapshotId>"
            rest = rest.replace(snapshot, f"{snapshot}<encrypted>{mapping['Ebs']['Encrypted']}</encrypted>")
        return f"<imageId>{item[1]}</imageId>{more}{rest}"

    def described(params: Any) -> Answer:
        status, headers, body = describe(params)
        text = body.decode() if isinstance(body, bytes) else str(body)
        pattern = r"<imageId>(ami-\w+)</imageId>(.*?)(?=<imageId>|$)"
        return status, headers, re.sub(pattern, completed, text, flags=re.DOTALL).encode()

    return described


def launch(parent: str, infrastructure: Record, profile: str) -> str:
    """Launch an instance for a build.

    Args:
        parent: What it is launched from.
        infrastructure: The infrastructure configuration.
        profile: The ARN of its instance profile.

    Returns:
        Its id.

    Raises:
        LookupError: If the subnet or a security group does not exist.
    """
    subnet, groups = infrastructure.get("subnetId") or "", infrastructure.get("securityGroupIds") or []
    if subnet and subnet not in ec2._subnets:
        raise LookupError(f"The subnet ID '{subnet}' does not exist")
    for group in groups:
        if group not in ec2._security_groups:
            raise LookupError(f"The security group '{group}' does not exist")
        if subnet and ec2._security_groups[group]["VpcId"] != ec2._subnets[subnet]["VpcId"]:
            raise LookupError(f"Security group {group} and subnet {subnet} belong to different networks.")
    kind = (infrastructure.get("instanceTypes") or ["t3.micro"])[0]
    (made,) = ec2._launch_instances_internal(
        parent, kind, subnet or ec2._DEFAULT_SUBNET_ID, 1, sg_ids=groups or None, iam_profile={"Arn": profile}
    )
    id: str = made["InstanceId"]
    tags = {**(infrastructure.get("resourceTags") or {}), **CREATED}
    ec2._tags[id] = [{"Key": key, "Value": value} for key, value in tags.items()]
    return id


def terminate(id: str) -> None:
    """Terminate the instance of a build.

    Args:
        id: Its id.
    """
    ec2._terminate_instances({"InstanceId.1": [id]})
