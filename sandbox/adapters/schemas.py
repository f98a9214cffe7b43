"""CloudFormation's resource schemas, and the validation that CloudFormation does with them.

The schemas are those that cfn-lint ships, for us-east-1. They are read from its files, each when it is first needed:
importing cfn-lint for them takes a second, reading one takes a millisecond.

MiniStack accepts whatever a template says. Here the properties of a resource are checked before it is created or
updated, as they are after all references are resolved, and the stack fails as CloudFormation makes it fail.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from .keywords import Validator

REGION = "us-east-1"
_SYSTEM_TAGS = "aws:cloudformation:"


@dataclass(frozen=True)
class Schema:
    """The schema of a resource type.

    Attributes:
        document: The schema as CloudFormation publishes it.
    """

    document: Mapping[str, Any]

    @property
    def type(self) -> str:
        """The type's name."""
        return str(self.document["typeName"])

    @property
    def primary(self) -> list[str]:
        """The properties that identify a resource, nested ones with dots."""
        return _dotted(self.document.get("primaryIdentifier", ()))

    @property
    def read_only(self) -> list[str]:
        """The properties that the service decides, nested ones with dots."""
        return _dotted(self.document.get("readOnlyProperties", ()))

    @property
    def write_only(self) -> list[str]:
        """The properties that cannot be read, nested ones with dots."""
        return _dotted(self.document.get("writeOnlyProperties", ()))

    @property
    def create_only(self) -> list[str]:
        """The properties whose change replaces the resource, nested ones with dots."""
        return _dotted(self.document.get("createOnlyProperties", ()))

    @property
    def validator(self) -> Validator:
        """Checks values against parts of the schema."""
        return Validator(self.document)

    def permissions(self, handler: str) -> list[str]:
        """The IAM actions that a handler of the type needs.

        Args:
            handler: Which: create, read, update, delete or list.
        """
        return list(self.document.get("handlers", {}).get(handler, {}).get("permissions", ()))

    def at(self, path: str) -> Mapping[str, Any] | None:
        """The subschema of a property, ``None`` if there is no such property.

        Args:
            path: Its name, nested ones with dots.
        """
        found: Mapping[str, Any] | None = self.document
        for name in path.split("."):
            if found is None:
                return None
            found = self.validator.resolve(found)
            found = found.get("properties", {}).get(name) if name != "*" else found.get("items")
        return None if found is None else self.validator.resolve(found)


def _dotted(pointers: Any) -> list[str]:
    return [pointer.removeprefix("/properties/").replace("/", ".") for pointer in pointers]


def types() -> list[str]:
    """The resource types that have a schema."""
    return list(_index())


@cache
def load(resource_type: str) -> Schema | None:
    """The schema of a type, ``None`` if there is none.

    Args:
        resource_type: The CloudFormation type.
    """
    name = _index().get(resource_type)
    return Schema(json.loads((_folder() / "resources" / f"{name}.json").read_text())) if name else None


@cache
def _index() -> dict[str, str]:
    found: dict[str, str] = json.loads((_folder() / "providers" / f"{REGION}.json").read_text())
    return found


@cache
def _folder() -> Path:
    package = find_spec("cfnlint")
    if package is None or package.origin is None:
        raise ModuleNotFoundError("cfn-lint must be installed, it ships the resource schemas; run make setup")
    return Path(package.origin).parent / "data" / "schemas"


def problems(resource_type: str, properties: Mapping[str, Any]) -> list[str]:
    """Say what CloudFormation would refuse in a resource's properties, a line each; nothing for types without schema.

    Args:
        resource_type: The CloudFormation type.
        properties: The properties, with references resolved.
    """
    schema = load(resource_type)
    if schema is None:
        return []
    cleared = {name: _without_system_tags(value) for name, value in properties.items()}
    given = {name: value for name, value in cleared.items() if value or value == properties[name]}
    return [*_written_though_read_only(schema, given), *schema.validator.problems(schema.document, given)]


def _written_though_read_only(schema: Schema, properties: Mapping[str, Any]) -> Iterator[str]:
    for path in schema.read_only:
        *parents, name = path.split(".")
        holder = dig(properties, parents)
        above = schema.at(".".join(parents)) if parents else schema.document
        if isinstance(holder, Mapping) and name in holder and name not in (above or {}).get("required", ()):
            yield f"{'/'.join(['#', *parents])}: extraneous key [{name}] is not permitted: it is read-only"


def dig(value: Any, path: list[str]) -> Any:
    """A nested value, ``None`` if it is not there.

    Args:
        value: What it is nested in.
        path: The keys on the way.
    """
    for step in path:
        value = value.get(step) if isinstance(value, Mapping) else None
    return value


def _without_system_tags(value: Any) -> Any:
    """A property without the tags that CloudFormation adds to it, which templates cannot have."""
    if isinstance(value, list):
        return [item for item in value if not (isinstance(item, Mapping) and _is_system(item.get("Key")))]
    if isinstance(value, Mapping):
        return {key: item for key, item in value.items() if not _is_system(key)}
    return value


def _is_system(key: Any) -> bool:
    return isinstance(key, str) and key.startswith(_SYSTEM_TAGS)


class RefusedError(ValueError):
    """The properties of a resource do not fit its schema; the message is CloudFormation's."""


def check(resource_type: str, logical_id: str, properties: Mapping[str, Any]) -> None:
    """Refuse properties that do not fit their schema.

    Args:
        resource_type: The CloudFormation type.
        logical_id: The resource's logical id.
        properties: The properties, with references resolved.

    Raises:
        RefusedError: If they do not fit.
    """
    found = problems(resource_type, properties)
    if found:
        lines = "\n".join(dict.fromkeys(found))
        raise RefusedError(f"Properties validation failed for resource {logical_id} with message:\n{lines}")


def install() -> None:
    """Check the properties of all types that MiniStack can provision, before it creates or updates a resource."""
    from ministack.services.cloudformation import provisioners

    handlers = provisioners._RESOURCE_HANDLERS
    for resource_type in list(handlers):
        handlers[resource_type] = _checking(resource_type, handlers[resource_type])


def _checking(resource_type: str, handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        check(resource_type, logical_id, properties)
        return handler["create"](logical_id, properties, stack)

    def update(
        physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None
    ) -> Any:
        check(resource_type, logical_id or physical_id, new)
        names = (logical_id,) if handler.get("update_with_logical_id") else ()
        return handler["update"](physical_id, old, new, stack, *names)

    checked = {**handler, "create": create}
    return {**checked, "update": update, "update_with_logical_id": True} if "update" in handler else checked
