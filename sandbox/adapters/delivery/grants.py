"""What CloudFormation calls for the resources that image and fleet stacks have, and the ARNs that it calls for.

Each call is ``<action>[?<property>] [<resource>]``: asked for if the property is given, or changed; the resource is the
type's ARN unless it says otherwise. Braces are replaced by ``{name}``, ``{arn}``, ``{account}``, ``{region}`` and, with
its value, any property; a property with a list is asked for each of its items.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.services import ec2, iam

from sandbox.adapters.schemas import dig

_SUFFIX = "ABCDEFGHIJKL"
_AWS_TAGS = "aws:"


@dataclass(frozen=True)
class Change:
    """What is to become of a resource.

    Attributes:
        operation: ``create``, ``update`` or ``delete``.
        kind: Its type.
        stack: The stack's name.
        logical_id: Its logical id.
        physical_id: Its physical id; empty while it is not there.
        old: The properties that it has.
        new: The properties that it is to have.
        account: The account.
        region: The region.
    """

    operation: str
    kind: str
    stack: str
    logical_id: str
    physical_id: str
    old: Mapping[str, Any]
    new: Mapping[str, Any]
    account: str
    region: str

    @property
    def properties(self) -> Mapping[str, Any]:
        """The properties that count."""
        return self.old if self.operation == "delete" else self.new

    def concerns(self, name: str) -> bool:
        """Whether a property is given, or of an update, whether it changes.

        Args:
            name: The property, nested ones with dots.
        """
        path = name.split(".")
        if self.operation == "update":
            return bool(dig(self.old, path) != dig(self.new, path))
        return dig(self.properties, path) not in (None, [], {}, "")


@dataclass(frozen=True)
class Need:
    """A call that CloudFormation makes.

    Attributes:
        action: The action.
        resource: The ARN that it is for.
        conditions: The context of the call.
    """

    action: str
    resource: str
    conditions: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Kind:
    """What CloudFormation calls for a type.

    Attributes:
        arn: The form of its ARNs; ``{name}`` is the resource's name.
        create: The calls that make it.
        update: The calls that change it.
        delete: The calls that delete it.
        name: The property with its name; empty if the service makes it up.
        tag: The action for tags; empty for none.
        passes: The roles that it passes on: a service principal by the property with the role.
        lower: Whether names are in lower case in ARNs.
    """

    arn: str
    create: tuple[str, ...]
    update: tuple[str, ...] = ()
    delete: tuple[str, ...] = ()
    name: str = "Name"
    tag: str = ""
    passes: Mapping[str, str] = field(default_factory=dict)
    lower: bool = False


def needs(kind: Kind, change: Change) -> Iterator[Need]:
    """The calls that a change needs.

    Args:
        kind: What CloudFormation calls for the type.
        change: The change.
    """
    arn = _arn(kind, change)
    tags = _conditions(change)
    for call in getattr(kind, change.operation):
        action, _, form = call.partition(" ")
        action, _, name = action.partition("?")
        if not name or change.concerns(name):
            for resource in _filled(form or "{arn}", change, arn):
                yield Need(action, resource, tags)
    if kind.tag and change.operation != "delete" and _tags(change.new) != _tags(change.old):
        yield Need(kind.tag, arn, tags)
    if change.operation != "delete":
        for path, service in kind.passes.items():
            role = dig(change.new, path.split("."))
            if isinstance(role, str) and role:
                yield Need("iam:PassRole", role_arn(role, change.account), {"iam:PassedToService": service})
    if change.kind in _MORE:
        yield from _MORE[change.kind](change, arn)


def role_arn(role: str, account: str) -> str:
    """The ARN of a role.

    Args:
        role: Its ARN or name.
        account: The account of a name.
    """
    if role.startswith("arn:"):
        return role
    found = iam._roles.get(role)
    return str(found["Arn"]) if found else f"arn:aws:iam::{account}:role/{role}"


def profile_roles(profile: str) -> list[str]:
    """The ARNs of the roles of an instance profile.

    Args:
        profile: Its name or ARN.
    """
    found: Any = iam._instance_profiles.get(profile.rpartition("/")[2]) or {}
    account = str(found.get("Arn", "::::")).split(":")[4]
    return [
        role_arn(str(one["RoleName"] if isinstance(one, dict) else one), account) for one in found.get("Roles") or []
    ]


def _arn(kind: Kind, change: Change) -> str:
    given = change.properties.get(kind.name) if kind.name else None
    name = str(given or change.physical_id or f"{change.stack}-{change.logical_id}-{_SUFFIX}")
    if change.physical_id.startswith("arn:") and kind.arn.startswith("arn:"):
        return change.physical_id
    if not given and change.physical_id:
        name = re.split(r"[/|]", change.physical_id)[-1]
    name = name.lower().replace(" ", "-") if kind.lower else name
    return next(_filled(kind.arn.replace("{name}", name), change, ""))


def _filled(form: str, change: Change, arn: str) -> Iterator[str]:
    known = {"account": change.account, "region": change.region, "arn": arn, "name": arn.rpartition(":")[2]}
    found = re.findall(r"\{([\w.]+)\}", form)
    values: list[dict[str, str]] = [{}]
    for name in found:
        value = known[name] if name in known else _dug(change.properties, name)
        items = value if isinstance(value, list) else [value]
        names = [
            _last(str(item)) if name not in known and form.startswith("arn:") else str(item)
            for item in items
            if item is not None
        ]
        values = [{**one, name: item} for one in values for item in names]
    for one in values:
        yield re.sub(r"\{([\w.]+)\}", lambda match: one[match[1]], form)  # noqa: B023 - replaced at once


def _last(value: str) -> str:
    """A name, also of what is given by its ARN."""
    return re.split(r"[:/]", value)[-1] if value.startswith("arn:") else value


def _dug(value: Any, path: str) -> Any:
    """A nested value; of lists a list."""
    for step in path.split("."):
        if isinstance(value, list):
            value = [one.get(step) for one in value if isinstance(one, Mapping)]
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _tags(properties: Mapping[str, Any]) -> dict[str, str]:
    given = properties.get("Tags") or {}
    pairs = given.items() if isinstance(given, Mapping) else ((one.get("Key"), one.get("Value")) for one in given)
    return {str(key): str(value) for key, value in pairs if not str(key).startswith(_AWS_TAGS)}


def _conditions(change: Change) -> dict[str, str]:
    """The tags of the request, and those that the resource has."""
    service = change.kind.split("::")[1].lower()
    asked = {f"aws:RequestTag/{key}": value for key, value in _tags(change.new).items()}
    there = _tags(change.old) if change.physical_id else {}
    return asked | {f"{name}:ResourceTag/{key}": value for key, value in there.items() for name in ("aws", service)}


def _of_role(change: Change, arn: str) -> Iterator[Need]:
    """Policies of a role, under the condition of its permissions boundary."""
    old, new = change.old if change.physical_id else {}, change.new if change.operation != "delete" else {}
    limit = {"iam:PermissionsBoundary": str(change.properties.get("PermissionsBoundary"))}
    limit = limit if change.properties.get("PermissionsBoundary") else {}
    before, after = ({one["PolicyName"]: one for one in have.get("Policies") or []} for have in (old, new))
    for name in before.keys() | after.keys():
        if before.get(name) != after.get(name):
            yield Need("iam:PutRolePolicy" if name in after else "iam:DeleteRolePolicy", arn, limit)
    was, be = (set(have.get("ManagedPolicyArns") or []) for have in (old, new))
    for policy in was ^ be:
        action = "iam:AttachRolePolicy" if policy in be else "iam:DetachRolePolicy"
        yield Need(action, arn, {**limit, "iam:PolicyARN": policy})
    if change.operation == "create":
        yield Need("iam:CreateRole", arn, {**limit, **_conditions(change)})
    elif old.get("PermissionsBoundary") != new.get("PermissionsBoundary") and change.operation == "update":
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
    yield Need("ec2:RunInstances", f"arn:aws:ec2:{change.region}:{change.account}:instance/*")
    if inside.get("TagSpecifications"):
        yield Need("ec2:CreateTags", f"arn:aws:ec2:{change.region}:{change.account}:instance/*")
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
            yield Need("imagebuilder:CreateImage", recipe or arn, _conditions(change))
        yield Need("imagebuilder:GetImage", arn)
    elif change.operation == "delete":
        yield from (Need(f"imagebuilder:{action}", arn) for action in ("GetImage", "DeleteImage"))


def _of_queues(change: Change, arn: str) -> Iterator[Need]:
    for url in change.properties.get("Queues") or []:
        name = url.rpartition("/")[2]
        yield Need("sqs:SetQueueAttributes", f"arn:aws:sqs:{change.region}:{change.account}:{name}")


_MORE: dict[str, Callable[[Change, str], Iterator[Need]]] = {
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
