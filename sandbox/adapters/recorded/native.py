"""What MiniStack's own provisioners answer otherwise than CloudFormation, as far as schemas say what is right.

``Fn::GetAtt`` of a property that was given is answered with it, where CloudFormation has it as an attribute. ``Ref`` of
an instance profile is its name; MiniStack has its ARN, which the schemas of other resources then rightly refuse.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.services import iam
from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas

from .values import attributes

PROFILE = "AWS::IAM::InstanceProfile"
Provisioned = tuple[str, dict[str, Any]]


def install() -> None:
    """Complete what MiniStack's provisioners answer; must run while there are no others."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[PROFILE] = _by_name(handlers[PROFILE])
    for resource_type in list(handlers):
        handlers[resource_type] = _with_given_attributes(resource_type, handlers[resource_type])


def _with_given_attributes(resource_type: str, handler: dict[str, Any]) -> dict[str, Any]:
    def completed(provisioned: Provisioned, properties: dict[str, Any]) -> Provisioned:
        schema = schemas.load(resource_type)
        known = attributes(schema, properties) if schema else {}
        return provisioned[0], {**known, **(provisioned[1] or {})}

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
        return completed(handler["create"](logical_id, properties, stack), properties)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Provisioned:
        return completed(handler["update"](physical_id, old, new, *rest), new)

    return {**handler, "create": create, **({"update": update} if "update" in handler else {})}


def _by_name(handler: dict[str, Any]) -> dict[str, Any]:
    """The provisioner of instance profiles, with names in place of ARNs."""

    def named(provisioned: Provisioned) -> Provisioned:
        return provisioned[0].rsplit("/", 1)[-1], provisioned[1]

    def arn(name: str) -> str:
        return str(iam._instance_profiles.get(name, {}).get("Arn", name))

    create: Callable[..., Provisioned] = handler["create"]
    update: Callable[..., Provisioned] = handler["update"]
    return {
        **handler,
        "create": lambda *given: named(create(*given)),
        "update": lambda physical_id, *given: named(update(arn(physical_id), *given)),
        "delete": lambda physical_id, *given: handler["delete"](arn(physical_id), *given),
    }
