"""``Ref`` of a secret in templates, which is its ARN on AWS and its name in MiniStack."""

from __future__ import annotations

from typing import Any

from ministack.services import secretsmanager
from ministack.services.cloudformation import provisioners

TYPE = "AWS::SecretsManager::Secret"
Provisioned = tuple[str, dict[str, Any]]


def install() -> None:
    """Put the adapter around MiniStack's provisioner of secrets."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[TYPE] = _referred(handlers[TYPE])


def _referred(handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
        return _by_arn(handler["create"](logical_id, properties, stack))

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Provisioned:
        return _by_arn(handler["update"](_name(physical_id), old, new, *rest))

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        handler["delete"](_name(physical_id), properties)

    return {**handler, "create": create, "update": update, "delete": delete}


def _by_arn(provisioned: Provisioned) -> Provisioned:
    name, attributes = provisioned
    found = secretsmanager._secrets.get(name)
    return (found["ARN"] if found else name), attributes


def _name(physical_id: str) -> str:
    name, _ = secretsmanager._resolve(physical_id)
    return name or physical_id
