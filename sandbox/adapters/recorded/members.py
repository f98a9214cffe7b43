"""The members of an API request, made from CloudFormation properties by their names and the request's model."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sandbox.adapters.scalars import UnreadableError, read

_KINDS = {
    "boolean": "boolean",
    "double": "number",
    "float": "number",
    "integer": "integer",
    "long": "integer",
    "string": "string",
}


def plain(name: str) -> str:
    """A name as it is compared: ``RepositoryName`` and ``repositoryName`` are one."""
    return re.sub(r"[^a-z0-9]", "", name.lower())


class Members:
    """The members of a request.

    Args:
        shape: botocore's model of the request.
        properties: The properties of the resource.
        resource: The last part of the type's name.

    Attributes:
        values: The members.
        used: The names of the properties that they are made of.
    """

    def __init__(self, shape: Any, properties: Mapping[str, Any], resource: str) -> None:
        self.used: set[str] = set()
        self._resource = plain(resource)
        self._properties = {plain(name): (name, value) for name, value in properties.items()}
        self.values: dict[str, Any] = self._structure(shape) or {} if shape is not None else {}

    def are_about(self, properties: set[str]) -> bool:
        """Whether there is such a request, and some of these properties are in it."""
        return bool(self.values and self.used & properties)

    def _structure(self, shape: Any) -> dict[str, Any] | None:
        """A structure from all properties; ``None`` if a member that it needs is not among them."""
        tokens = {name for name, member in shape.members.items() if member.metadata.get("idempotencyToken")}
        needed = set(shape.required_members) - tokens
        members = ((name, self._member(name, member, name in needed)) for name, member in shape.members.items())
        found = {name: value for name, value in members if value is not None}
        return None if needed - found.keys() else found

    def _member(self, name: str, shape: Any, required: bool) -> Any:
        given = self._given(name)
        if given is not None:
            return _shaped(shape, given)
        if shape.type_name == "structure" and (required or plain(name) == self._resource):
            return self._structure(shape)
        if shape.type_name == "list":
            one = self._given(name.removesuffix("s"))
            if one is not None and shape.member.type_name == "string":
                return [_shaped(shape.member, one)]
            if required and shape.member.type_name == "structure":
                inner = self._structure(shape.member)
                return [inner] if inner else None
        return None

    def _given(self, name: str) -> Any:
        wanted = plain(name)
        for key in (wanted, wanted.removeprefix(self._resource), self._resource + wanted):
            if key in self._properties:
                original, value = self._properties[key]
                self.used.add(original)
                return value
        return None


def _shaped(shape: Any, value: Any) -> Any:
    """A property's value as the request's model has it."""
    kind = shape.type_name
    if kind == "structure" and isinstance(value, Mapping):
        given = {plain(key): item for key, item in value.items()}
        return {
            name: _shaped(member, given[plain(name)]) for name, member in shape.members.items() if plain(name) in given
        }
    if kind == "list":
        return [_shaped(shape.member, item) for item in _listed(value)]
    if kind == "map":
        return {str(key): _shaped(shape.value, item) for key, item in _mapped(value).items()}
    if kind in _KINDS:
        try:
            return read(value, {"type": _KINDS[kind]})
        except UnreadableError:
            return value
    return value


def _listed(value: Any) -> list[Any]:
    """A list; tags are a map in some schemas and a list in their API."""
    if isinstance(value, Mapping):
        return [{"Key": key, "Value": item} for key, item in value.items()]
    return value if isinstance(value, list) else [value]


def _mapped(value: Any) -> Mapping[str, Any]:
    """A map; tags are a list in most schemas and a map in some APIs."""
    if isinstance(value, list):
        return {item["Key"]: item.get("Value", "") for item in value if isinstance(item, Mapping) and "Key" in item}
    return value if isinstance(value, Mapping) else {}
