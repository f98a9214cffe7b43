"""Launching an instance of a group: from its launch template, in the emptiest zone, if AWS would.

Auto Scaling launches with its service-linked role, which may read parameters. An instance whose role does not admit EC2
is not launched here; AWS launches it without credentials.
"""

from __future__ import annotations

import base64
import binascii
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ministack.services import ec2, iam, ssm

from sandbox.adapters import access

from . import keys
from .announcements import begin
from .state import PENDING, Group, Member, Record

_RESOLVE = "resolve:ssm:"


class FailedLaunchError(Exception):
    """An instance could not be launched; the message is what the activity says."""


@dataclass(frozen=True)
class _Plan:
    image: str
    template: Record
    data: Mapping[str, Any]
    profile: Mapping[str, Any] | None
    role: str
    subnet: str
    zone: str
    keys: tuple[str, ...]


def specification(group: Group, wanted: Mapping[str, Any] | None = None) -> Record:
    """The launch template that new instances are launched from, with the number of its version.

    Args:
        group: The group.
        wanted: The one that is meant; ``None`` for the one that holds now.

    Raises:
        FailedLaunchError: If it is not there.
    """
    mixed = (group.record.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    own = group.launches or group.record.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    given = wanted or own or {}
    id, name = given.get("LaunchTemplateId"), given.get("LaunchTemplateName")
    templates = list(ec2._launch_templates.values())
    found = [one for one in templates if id == one["LaunchTemplateId"] or name == one["LaunchTemplateName"]]
    if not found:
        raise FailedLaunchError(f"The specified launch template, with template ID {id or name}, does not exist.")
    numbers = {"$Default": found[0]["DefaultVersionNumber"], "$Latest": found[0]["LatestVersionNumber"]}
    version = str(given.get("Version") or "$Default")
    names = {key: found[0][key] for key in ("LaunchTemplateId", "LaunchTemplateName")}
    return {**names, "Version": str(numbers.get(version, version))}


def matches(group: Group, member: Member) -> bool:
    """Whether an instance is as a new one would be.

    Args:
        group: Its group.
        member: The instance.
    """
    wanted = specification(group)
    return member.template == (wanted["LaunchTemplateId"], wanted["Version"])


def launch(group: Group, cause: str) -> None:
    """Launch an instance.

    Args:
        group: The group that it is for.
        cause: Why, as a sentence.

    Raises:
        FailedLaunchError: If it could not be; the activity has failed then.
    """
    plan = _plan(group)
    instance = _instance(plan)
    id = instance["InstanceId"]
    ec2._tags[id] = _tags(group, plan)
    record = {
        "InstanceId": id,
        "InstanceType": instance["InstanceType"],
        "LifecycleState": PENDING,
        "HealthStatus": "Healthy",
        "AvailabilityZone": plan.zone,
        "ProtectedFromScaleIn": bool(group.record.get("NewInstancesProtectedFromScaleIn")),
        "LaunchTemplate": plan.template,
        "LaunchConfigurationName": "",
    }
    details = {"Subnet ID": plan.subnet, "Availability Zone": plan.zone}
    activity = begin(group, f"Launching a new EC2 instance: {id}", cause, details)
    group.members[id] = Member(record, plan.image, _decoded(plan.data.get("UserData", "")), plan.role, activity)


def _instance(plan: _Plan) -> Record:
    """EC2's record of a new instance, which is about to run."""
    data = plan.data
    instance: Record
    [instance] = ec2._launch_instances_internal(
        plan.image,
        data.get("InstanceType") or "t2.micro",
        plan.subnet,
        1,
        data.get("KeyName", ""),
        data.get("UserData", ""),
        _security_groups(data),
        None,
        plan.profile,
    )
    instance["Placement"] = {**instance["Placement"], "AvailabilityZone": plan.zone}
    instance["State"] = {"Code": 0, "Name": "pending"}
    for mapping in instance["BlockDeviceMappings"]:
        volume = ec2._volumes[mapping["Ebs"]["VolumeId"]]
        volume.update(AvailabilityZone=plan.zone, Encrypted=bool(plan.keys) or volume["Encrypted"])
    return instance


def _plan(group: Group) -> _Plan:
    template = specification(group)
    data, _, problem = ec2._resolve_launch_template_data(template)
    if problem:
        raise FailedLaunchError("The launch template does not exist.")
    id = _image_id(str(data.get("ImageId", "")))
    subnet, zone = _place(group)
    image = _image(id, group)
    profile, role = _profile(group, data.get("IamInstanceProfile") or {})
    used = tuple(dict.fromkeys(keys.of(image, data)))
    for key in used:
        if why := keys.problem(group.account, group.region, key):
            raise FailedLaunchError(why)
    return _Plan(id, template, data, profile, role, subnet, zone, used)


def _failed(message: str) -> FailedLaunchError:
    return FailedLaunchError(f"{message}. Launching EC2 instance failed.")


def _image_id(given: str) -> str:
    """The image that a launch template names, read from its parameter if it names one."""
    if not given.startswith(_RESOLVE):
        return given
    parameter, error = ssm._select_parameter(given.removeprefix(_RESOLVE))
    if error:
        raise _failed(f"The parameter {given.removeprefix(_RESOLVE)} could not be resolved: {error}")
    return str(parameter["Value"])


def _image(id: str, group: Group) -> Record:
    """The record of an image; an empty one for AWS's own."""
    public = {stub[0] for stub in ec2._STUB_AMIS} | set(ssm._PUBLIC_AMI_PARAMETERS.values())
    if id in public:
        return {}
    for (account, region, key), image in list(ec2._images.all_items()):
        if (region, key) != (group.region, id):
            continue
        shared = image.get("LaunchPermissions") or []
        if account == group.account or any(
            one.get("Group") == "all" or one.get("UserId") == group.account for one in shared
        ):
            if image.get("Disabled"):
                raise _failed(f"The image id '[{id}]' is not in a state from which you can launch an instance")
            found: Record = image
            return found
    raise _failed(f"The image id '[{id}]' does not exist")


def _place(group: Group) -> tuple[str, str]:
    """The subnet and the zone that have the fewest instances."""
    used = Counter(member.record["AvailabilityZone"] for member in group.active)
    subnets = [name for name in str(group.record["VPCZoneIdentifier"]).split(",") if name]
    for name in subnets:
        if name not in ec2._subnets:
            raise _failed(f"The subnet ID '{name}' does not exist")
    places = [(name, ec2._subnets[name]["AvailabilityZone"]) for name in subnets]
    places = places or [(ec2._DEFAULT_SUBNET_ID, zone) for zone in group.record["AvailabilityZones"]]
    return min(places, key=lambda place: used[place[1]])


def _profile(group: Group, given: Mapping[str, Any]) -> tuple[Record | None, str]:
    """The instance profile, as EC2 shows it, and the ARN of its role."""
    if not given:
        return None, ""
    name, arn = given.get("Name", ""), given.get("Arn", "")
    found = iam._lookup_instance_profile(name=name, arn=arn)
    if found is None:
        raise _failed(f"Invalid IamInstanceProfile: {arn or name}")
    shown = {"Arn": found["Arn"], "Id": found["InstanceProfileId"]}
    roles = found.get("Roles") or []
    if not roles:
        raise _failed(f"The instance profile {found['Arn']} has no role")
    name = roles[0] if isinstance(roles[0], str) else roles[0]["RoleName"]
    role = f"arn:aws:iam::{group.account}:role/{name}"
    try:
        access.assume(role, "ec2.amazonaws.com", group.account, group.region, {"aws:SourceAccount": group.account})
    except access.Refused as error:
        raise _failed(str(error)) from error
    return shown, role


def _security_groups(data: Mapping[str, Any]) -> list[str] | None:
    interfaces = data.get("NetworkInterfaces") or [{}]
    return list(data.get("SecurityGroupIds") or interfaces[0].get("Groups") or ()) or None


def _tags(group: Group, plan: _Plan) -> list[Record]:
    tags = {
        "aws:autoscaling:groupName": group.name,
        "aws:ec2launchtemplate:id": plan.template["LaunchTemplateId"],
        "aws:ec2launchtemplate:version": plan.template["Version"],
    }
    for one in plan.data.get("TagSpecifications") or ():
        if one.get("ResourceType") == "instance":
            tags.update({tag["Key"]: str(tag["Value"]) for tag in one.get("Tags") or ()})
    tags.update({tag["Key"]: tag["Value"] for tag in group.record["Tags"] if tag["PropagateAtLaunch"]})
    return [{"Key": key, "Value": value} for key, value in tags.items()]


def _decoded(text: str) -> str:
    try:
        return base64.b64decode(text, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return text


def zones(subnets: str) -> list[str]:
    """The availability zones of subnets.

    Args:
        subnets: Their ids, with commas.
    """
    return sorted({ec2._subnets[name]["AvailabilityZone"] for name in subnets.split(",") if name in ec2._subnets})
