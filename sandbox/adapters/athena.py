"""Saved queries of Athena, which MiniStack's API has and its CloudFormation lacks."""

from __future__ import annotations

from typing import Any

from ministack.services import athena
from ministack.services.cloudformation import provisioners

TYPE = "AWS::Athena::NamedQuery"


def install() -> None:
    """Make saved queries of templates real; must run after types that MiniStack lacks are recorded."""
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[TYPE] = _saved(handlers[TYPE])


def _saved(handler: dict[str, Any]) -> dict[str, Any]:
    def save(provisioned: tuple[str, Any], properties: dict[str, Any]) -> tuple[str, Any]:
        id = provisioned[0]
        names = ("Name", "Description", "Database", "QueryString", "WorkGroup")
        athena._named_queries[id] = {"NamedQueryId": id, **{name: properties.get(name, "") for name in names}}
        return provisioned

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> tuple[str, Any]:
        return save(handler["create"](logical_id, properties, stack), properties)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> tuple[str, Any]:
        return save(handler["update"](physical_id, old, new, *rest), new)

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        athena._named_queries.pop(physical_id, None)
        handler["delete"](physical_id, properties)

    return {**handler, "create": create, "update": update, "delete": delete}
