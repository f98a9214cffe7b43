"""Calls that depend on more than the type: policies of roles under a boundary, and roles that are passed on."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from ministack.services import ec2, iam

from .grants import Change, Need, profile_roles, role_arn


def _of_role(change: Change, arn: str) -> Iterator[Need]:
    """Policies of a role, under the condition of its permissions boundary."""
    old, new = change.old if change.physical_id else {}, change.new if change.operation != "delete" else {}
    limit = {"iam:PermissionsBoundary": str(change.properties.get("PermissionsBoundary"))}
    limit = limit if change.properties.get("PermissionsBoundary") else {}
    if change.operation == "create":
        yield Need("iam:CreateRole", arn, {**limit, **change.conditions("iam:CreateRole")})
    before, after = ({one["PolicyName"]: one for one in have.get("Policies") or []} for have in (old, new))
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            yield Need("iam:PutRolePolicy" if name in after else "iam:DeleteRolePolicy", arn, limit)
    was, be = (set(have.get("ManagedPolicyArns") or []) for have in (old, new))
    for policy in was ^ be:
        action = "iam:AttachRolePolicy" if policy in be else "iam:DetachRolePolicy"
        yield Need(action, arn, {**limit, "iam:PolicyARN": policy})
    if old.get("PermissionsBoundary") != new.get("PermissionsBoundary") and change.operation == "update":
        action = "PutRolePermissionsBoundary" if limit else "DeleteRolePermissionsBoundary"
        yield Need(f"iam:{action}", arn, limit)


def _on_roles(put: str, remove: str) -> Callable[[Change, str], Iterator[Need]]:
    """Calls for the roles that a policy belongs to, under the condition of their boundaries."""

    def found(change: Change, arn: str) -> Iterator[Need]:
        after = set(change.new.get("Roles") or []) if change.operation != "delete" else set()
        before = set(change.old.get("Roles") or []) if change.physical_id else set()
        changed = after if put == "iam:PutRolePolicy" else after - before
        for name in sorted(changed | (before - after)):
            record: Any = iam._roles.get(name) or {}
            boundary = record.get("PermissionsBoundary") or {}
            limit = boundary.get("PermissionsBoundaryArn") if isinstance(boundary, dict) else boundary
            conditions = {"iam:PermissionsBoundary": str(limit)} if limit else {}
            managed = {} if put == "iam:PutRolePolicy" else {"iam:PolicyARN": arn}
            action = put if name in after else remove
            yield Need(action, role_arn(name, change.account), {**conditions, **managed})

    return found


def _of_profile(change: Change, arn: str) -> Iterator[Need]:
    for role in change.new.get("Roles") or [] if change.operation != "delete" else []:
        yield Need("iam:PassRole", role_arn(role, change.account), {"iam:PassedToService": "ec2.amazonaws.com"})


def _of_rule(change: Change, arn: str) -> Iterator[Need]:
    for target in change.new.get("Targets") or [] if change.operation != "delete" else []:
        if target.get("RoleArn"):
            yield Need("iam:PassRole", target["RoleArn"], {"iam:PassedToService": "events.amazonaws.com"})


def _of_infrastructure(change: Change, arn: str) -> Iterator[Need]:
    if change.operation != "delete":
        for role in profile_roles(str(change.new.get("InstanceProfileName", ""))):
            yield Need("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})


def _of_group(change: Change, arn: str) -> Iterator[Need]:
    """What a group's launch template does is asked of who makes or changes the group."""
    given = change.new.get("LaunchTemplate") or {}
    template: Any = ec2._launch_templates.get(given.get("LaunchTemplateId", "")) or {}
    if change.operation == "delete" or not template:
        return
    version = str(given.get("Version", ""))
    versions = template.get("Versions") or []
    data: Any = next((one for one in versions if str(one.get("VersionNumber")) == version), (versions or [{}])[-1])
    inside = data.get("LaunchTemplateData") or data.get("Data") or {}
    place = f"arn:aws:ec2:{change.region}:{change.account}"
    used = {"ec2:LaunchTemplate": f"{place}:launch-template/{given['LaunchTemplateId']}"}
    yield Need("ec2:RunInstances", f"{place}:instance/*", used)
    if inside.get("TagSpecifications"):
        yield Need("ec2:CreateTags", f"{place}:instance/*", {**used, "ec2:CreateAction": "RunInstances"})
    profile = inside.get("IamInstanceProfile") or {}
    for role in profile_roles(str(profile.get("Arn") or profile.get("Name") or "")):
        yield Need("iam:PassRole", role, {"iam:PassedToService": "ec2.amazonaws.com"})


def _of_image(change: Change, arn: str) -> Iterator[Need]:
    given = change.properties
    if change.operation == "create":
        if given.get("ImagePipelineExecutionSettings") and given.get("ImagePipelineArn"):
            yield Need("imagebuilder:StartImagePipelineExecution", given["ImagePipelineArn"])
        else:
            recipe = str(given.get("ImageRecipeArn", "")).replace(":image-recipe/", ":image/")
            yield Need("imagebuilder:CreateImage", recipe or arn, change.conditions("imagebuilder:CreateImage"))
        yield Need("imagebuilder:GetImage", arn)
    elif change.operation == "delete":
        yield from (Need(f"imagebuilder:{action}", arn) for action in ("GetImage", "DeleteImage"))


def _of_queues(change: Change, arn: str) -> Iterator[Need]:
    for url in change.properties.get("Queues") or []:
        name = url.rpartition("/")[2]
        yield Need("sqs:SetQueueAttributes", f"arn:aws:sqs:{change.region}:{change.account}:{name}")


MORE: dict[str, Callable[[Change, str], Iterator[Need]]] = {
    "AWS::AutoScaling::AutoScalingGroup": _of_group,
    "AWS::Events::Rule": _of_rule,
    "AWS::IAM::InstanceProfile": _of_profile,
    "AWS::IAM::ManagedPolicy": _on_roles("iam:AttachRolePolicy", "iam:DetachRolePolicy"),
    "AWS::IAM::Policy": _on_roles("iam:PutRolePolicy", "iam:DeleteRolePolicy"),
    "AWS::IAM::Role": _of_role,
    "AWS::ImageBuilder::Image": _of_image,
    "AWS::ImageBuilder::InfrastructureConfiguration": _of_infrastructure,
    "AWS::SQS::QueuePolicy": _of_queues,
}
"""What finds further calls of a change of a resource with an ARN, by the type."""
