"""Changes of resources, what CloudFormation calls for them, and whom the calls concern."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from ministack.services import iam

from sandbox.adapters.schemas import dig

_AWS_TAGS = "aws:"
_STACK = "aws:cloudformation:stack-name"


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

    def conditions(self, action: str) -> dict[str, str]:
        """The tags of the request, and those that the resource has when an action is asked for.

        CloudFormation makes a resource with its tags, its own mark among them, so that only the very call that makes it
        is for a resource without any.

        Args:
            action: The action.
        """
        asked = {f"aws:RequestTag/{key}": value for key, value in tags(self.new).items()}
        service, _, name = action.partition(":")
        if not self.physical_id and name.startswith("Create") and name != "CreateTags":
            return asked
        if action == "ec2:CreateTags" and not self.physical_id:
            asked["ec2:CreateAction"] = f"Create{self.kind.split('::')[-1]}"
        there = {**tags(self.old if self.physical_id else self.new), _STACK: self.stack}
        return asked | {f"{who}:ResourceTag/{key}": value for key, value in there.items() for who in ("aws", service)}

    def concerns(self, name: str) -> bool:
        """Whether a property is given, or of an update, whether it changes.

        Args:
            name: The property, nested ones with dots.
        """
        path = name.split(".")
        if self.operation == "update":
            return bool(dig(self.old, path) != dig(self.new, path))
        return dig(self.properties, path) not in (None, [], {}, "")


def tags(properties: Mapping[str, Any]) -> dict[str, str]:
    """The tags among properties, without those that CloudFormation adds.

    Args:
        properties: The properties.
    """
    given = properties.get("Tags") or _specified(properties) or {}
    pairs = given.items() if isinstance(given, Mapping) else ((one.get("Key"), one.get("Value")) for one in given)
    return {str(key): str(value) for key, value in pairs if not str(key).startswith(_AWS_TAGS)}


def _specified(properties: Mapping[str, Any]) -> list[dict[str, str]]:
    """The tags of a launch template itself, which has those of other resources beside them."""
    specified = properties.get("TagSpecifications") or []
    return [tag for one in specified if one.get("ResourceType") == "launch-template" for tag in one.get("Tags") or []]


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
