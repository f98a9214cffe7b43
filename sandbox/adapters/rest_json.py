"""Requests of a ``rest-json`` service, taken apart by botocore's model of it, and answers in its form.

Which operation a request is follows from method and path. Members that the model requires, and its enumerations, are
checked.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from functools import cached_property
from typing import Any
from urllib.parse import unquote

Record = dict[str, Any]
_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


class Malformed(ValueError):
    """A request is none of the service's, or does not fit its model; the message says what is wrong."""


class Api:
    """A service as botocore knows it.

    Args:
        name: botocore's name of the service.
    """

    def __init__(self, name: str) -> None:
        self._name = name

    @cached_property
    def _routes(self) -> list[tuple[str, re.Pattern[str], Any]]:
        model = importlib.import_module("botocore.session").get_session().get_service_model(self._name)
        found = []
        for name in model.operation_names:
            operation = model.operation_model(name)
            path = re.escape(operation.http["requestUri"].partition("?")[0])
            pattern = re.sub(r"\\\{(\w+)\\\}", lambda label: f"(?P<{label[1]}>{_label(label[1])})", path)
            found.append((operation.http["method"], re.compile(pattern), operation))
        return sorted(found, key=lambda route: route[1].groups)

    def operation(self, method: str, path: str) -> tuple[Any, dict[str, str]]:
        """The operation that a request is, and what its path says.

        Args:
            method: The method.
            path: The path.

        Raises:
            Malformed: If it is none.
        """
        for verb, pattern, operation in self._routes:
            found = pattern.fullmatch(path.rstrip("/")) if verb == method else None
            if found:
                return operation, found.groupdict()
        raise Malformed(f"there is no operation {method} {path}")

    def input(self, name: str) -> Any:
        """What an operation takes, as botocore has it.

        Args:
            name: The operation.
        """
        return next(operation.input_shape for _, _, operation in self._routes if operation.name == name)


def _label(name: str) -> str:
    return ".+" if name == "resourceArn" else "[^/]+"


def members(shape: Any, labels: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]) -> Record:
    """The members of a request.

    Args:
        shape: The operation's input, as botocore has it; None if it has none.
        labels: What the path says.
        body: The body.
        query: The query string's parameters.

    Raises:
        Malformed: If the body is not JSON.
    """
    try:
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise Malformed("The request body is not JSON.") from error
    return dict(_members(shape, labels, given, query))


def _members(
    shape: Any, labels: Mapping[str, str], given: Any, query: Mapping[str, list[str]]
) -> Iterator[tuple[str, Any]]:
    for name, member in shape.members.items() if shape is not None else ():
        wire, location = member.serialization.get("name", name), member.serialization.get("location")
        if location == "uri":
            yield name, unquote(labels[wire])
        elif location == "querystring":
            if wire in query:
                yield name, query[wire] if member.type_name == "list" else _scalar(member.type_name, query[wire][0])
        elif isinstance(given, dict) and given.get(wire) is not None:
            yield name, given[wire]


def _scalar(kind: str, text: str) -> Any:
    if kind == "integer":
        return int(text) if text.lstrip("-").isdigit() else 0
    return text == "true" if kind == "boolean" else text


def check(shape: Any, request: Record) -> None:
    """Refuse a request that does not fit the model.

    Args:
        shape: The operation's input, as botocore has it; None if it has none.
        request: The members.

    Raises:
        Malformed: If it does not fit.
    """
    for problem in _problems(shape, request, "") if shape is not None else ():
        raise Malformed(problem)


def _problems(shape: Any, value: Any, name: str) -> Iterator[str]:
    kind = shape.type_name
    fits: bool = isinstance(value, _TYPES.get(kind, object))
    if not fits:
        yield f"The value for the {name} parameter must be a {kind}."
        return
    if kind == "structure":
        yield from (f"The {key} parameter is required." for key in shape.required_members if value.get(key) is None)
    if getattr(shape, "enum", None) and value not in shape.enum:
        yield f"The value for the {name} parameter must be one of {', '.join(shape.enum)}."
    for member, item, called in _parts(shape, value, name):
        yield from _problems(member, item, called)


def _parts(shape: Any, value: Any, name: str) -> Iterator[tuple[Any, Any, str]]:
    if shape.type_name == "structure":
        yield from ((member, value[key], key) for key, member in shape.members.items() if value.get(key) is not None)
    elif shape.type_name == "list":
        yield from ((shape.member, item, name) for item in value)
    elif shape.type_name == "map":
        yield from ((shape.value, item, name) for item in value.values())


def shaped(shape: Any, value: Any) -> Any:
    """An answer, with the members that the model has.

    Args:
        shape: The operation's output, as botocore has it; None if it has none.
        value: The answer.
    """
    if shape is None:
        return {}
    if shape.type_name == "structure":
        return {
            member.serialization.get("name", name): shaped(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [shaped(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: shaped(shape.value, item) for key, item in value.items()}
    if shape.type_name == "timestamp" and isinstance(value, str) and "timestampFormat" not in shape.serialization:
        return datetime.fromisoformat(value).timestamp()
    return value
