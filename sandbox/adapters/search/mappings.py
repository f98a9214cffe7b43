"""The types of fields: found by what comes first, and what no longer fits then.

As in OpenSearch, a number may come as text and the other way round; text stays no number.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any

Record = dict[str, Any]
_WHOLE = ("byte", "integer", "long", "short", "unsigned_long")
_REAL = ("double", "float", "half_float", "scaled_float")
_TEXT = ("constant_keyword", "keyword", "match_only_text", "text", "wildcard")
_DATE = re.compile(r"\d{4}(-\d\d(-\d\d([T ]\d\d(:\d\d(:\d\d(\.\d+)?)?)?(Z|[+-]\d\d:?\d\d)?)?)?)?")
_DETECTED = re.compile(r"\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)?)?")
MOST_FIELDS = 1000
"""How many fields an index has by default."""


class Unfit(Exception):
    """A document does not fit the mapping.

    Args:
        kind: The type of the error, such as ``mapper_parsing_exception``.
        reason: What OpenSearch says.
        cause: Type and reason of what caused it; None for nothing.
    """

    def __init__(self, kind: str, reason: str, cause: tuple[str, str] | None = None) -> None:
        super().__init__(reason)
        self.kind, self.cause = kind, cause

    def as_error(self) -> Record:
        """The error as answers have it."""
        error: Record = {"type": self.kind, "reason": str(self)}
        return {**error, "caused_by": {"type": self.cause[0], "reason": self.cause[1]}} if self.cause else error


def fitted(mapping: Mapping[str, Any], document: Mapping[str, Any], id: str) -> Record:
    """The mapping with what a document adds to it.

    Args:
        mapping: The mapping of the index, with its ``properties``.
        document: The document.
        id: Its id, for the message.

    Raises:
        Unfit: If a value does not fit.
    """
    found = _object(mapping, document, "", id, str(mapping.get("dynamic", "true")).lower())
    count = _count(found)
    if count > MOST_FIELDS and count > _count(mapping):
        raise Unfit("illegal_argument_exception", f"Limit of total fields [{MOST_FIELDS}] has been exceeded")
    return found


def _object(mapping: Mapping[str, Any], document: Mapping[str, Any], path: str, id: str, dynamic: str) -> Record:
    known: Record = dict(mapping.get("properties", {}))
    for name, value in document.items():
        head, _, rest = name.partition(".")
        inner = {rest: value} if rest else value
        where = f"{path}{head}"
        if head not in known:
            if dynamic == "strict":
                within = path.rstrip(".") or "_doc"
                text = f"mapping set to strict, dynamic introduction of [{head}] within [{within}] is not allowed"
                raise Unfit("strict_dynamic_mapping_exception", text)
            if dynamic == "false":
                continue
        made = _field(known.get(head), inner, where, id, dynamic)
        if made is not None:
            known[head] = made
    return {**mapping, "properties": known}


def _field(field: Any, value: Any, where: str, id: str, dynamic: str) -> Record | None:
    """A field's mapping after a value; None for a value that says nothing of it."""
    if value is None:
        return dict(field) if field else None
    if isinstance(value, list):
        for one in value:
            field = _field(field, one, where, id, dynamic)
        return dict(field) if field else None
    if isinstance(value, Mapping):
        if field is not None and "properties" not in field and field.get("type", "object") not in ("object", "nested"):
            if field["type"] in _TEXT or field["type"] in (*_WHOLE, *_REAL, "boolean", "date"):
                raise _misfit(field, value, where, id, "Can't get text on a START_OBJECT")
            return dict(field)
        inner = str((field or {}).get("dynamic", dynamic)).lower()
        return _object(field or {"properties": {}}, value, f"{where}.", id, inner)
    if field is None:
        return _guessed(value)
    if "properties" in field or field.get("type") in ("object", "nested"):
        text = f"object mapping for [{where}] tried to parse field [{where}] as object, but found a concrete value"
        raise Unfit("mapper_parsing_exception", text)
    _must_fit(field, value, where, id)
    return dict(field)


def _guessed(value: Any) -> Record:
    if isinstance(value, bool):
        return {"type": "boolean"}
    if isinstance(value, int):
        return {"type": "long"}
    if isinstance(value, float):
        return {"type": "float"}
    if _DETECTED.fullmatch(str(value)):
        return {"type": "date"}
    return {"type": "text", "fields": {"keyword": {"type": "keyword", "ignore_above": 256}}}


def _must_fit(field: Mapping[str, Any], value: Any, where: str, id: str) -> None:
    kind = field["type"]
    if field.get("ignore_malformed") in (True, "true"):
        return
    if kind in (*_WHOLE, *_REAL):
        if isinstance(value, bool) or not _is_number(value):
            raise _misfit(field, value, where, id, f'For input string: "{_preview(value)}"')
    elif kind == "boolean" and value not in (True, False, "true", "false", ""):
        text = f"Failed to parse value [{_preview(value)}] as only [true] or [false] are allowed."
        raise _misfit(field, value, where, id, text)
    elif kind == "date" and not isinstance(value, int | float) and not _is_date(str(value)):
        text = f"failed to parse date field [{_preview(value)}] with format [strict_date_optional_time||epoch_millis]"
        raise _misfit(field, value, where, id, text)


def _is_date(text: str) -> bool:
    return bool(_DATE.fullmatch(text)) or text.lstrip("-").isdigit()


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True


def _misfit(field: Mapping[str, Any], value: Any, where: str, id: str, cause: str) -> Unfit:
    text = f"failed to parse field [{where}] of type [{field['type']}] in document with id '{id}'."
    preview = f" Preview of field's value: '{_preview(value)}'"
    return Unfit("mapper_parsing_exception", text + preview, ("illegal_argument_exception", cause))


def _preview(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _count(mapping: Mapping[str, Any]) -> int:
    """How many fields a mapping has, those within fields too."""
    found = 0
    for field in mapping.get("properties", {}).values():
        found += 1 + len(field.get("fields", {})) + _count(field)
    return found


def type_of(mapping: Mapping[str, Any], path: str) -> str:
    """The type of a field; empty if it has none.

    Args:
        mapping: The mapping of the index.
        path: The field's name, with dots.
    """
    field: Mapping[str, Any] = mapping
    for name in path.split("."):
        inner = field.get("properties", {}).get(name) or field.get("fields", {}).get(name)
        if inner is None:
            return ""
        field = inner
    return str(field.get("type", "object"))
