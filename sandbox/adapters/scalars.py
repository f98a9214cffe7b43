"""How CloudFormation reads values: leniently, ``"5"`` where an integer is expected and ``5`` where a string is."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Json = Any
Document = Mapping[str, Any]

_NAMES = {
    "array": "JSONArray",
    "boolean": "Boolean",
    "integer": "Integer",
    "null": "Null",
    "number": "Number",
    "object": "JSONObject",
    "string": "String",
}


class UnreadableError(ValueError):
    """A value is not of the type that its schema has, and cannot be read as it either."""


def read(value: Json, schema: Document) -> Json:
    """Read a value as the type that its schema has, as CloudFormation would.

    Args:
        value: The value, as JSON.
        schema: The schema, without a reference.

    Raises:
        UnreadableError: If it cannot be read as that.
    """
    declared = schema.get("type")
    if declared is None:
        return value
    types = [declared] if isinstance(declared, str) else list(declared)
    if kind_of(value) in types:
        return value
    for kind in types:
        found = _coerced(value, kind, schema)
        if found is not None:
            return found
    expected = " or ".join(_NAMES.get(kind, kind) for kind in types)
    raise UnreadableError(f"expected type: {expected}, found: {_NAMES[kind_of(value)]}")


def kind_of(value: Json) -> str:
    """The JSON type of a value."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int):
        return "integer"
    if isinstance(value, float):
        return "number"
    if isinstance(value, str):
        return "string"
    return "object" if isinstance(value, Mapping) else "array"


def _coerced(value: Json, kind: str, schema: Document) -> Json:
    """The value read as another type, ``None`` if that cannot be."""
    given = kind_of(value)
    if kind == "string" and given in ("boolean", "integer", "number"):
        return json.dumps(value)
    if kind == "number" and given == "integer":
        return value
    if kind == "integer" and given == "number" and value == int(value):
        return int(value)
    if given != "string":
        return None
    if kind == "boolean" and value.lower() in ("true", "false"):
        return value.lower() == "true"
    if kind == "integer" and re.fullmatch(r"[+-]?\d+", value):
        return int(value)
    if kind == "number" and re.fullmatch(r"[+-]?\d+(\.\d+)?([eE][+-]?\d+)?", value):
        return float(value)
    if kind == "object" and "properties" not in schema:
        return _document(value)
    return None


def _document(text: str) -> dict[str, Any] | None:
    try:
        found = json.loads(text)
    except ValueError:
        return None
    return found if isinstance(found, dict) else None
