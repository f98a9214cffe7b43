"""Requests to Macie, taken apart by botocore's model of the service and answered in its form.

Which operation a request is follows from method and path. Members that the model requires, and its enumerations, are
checked. Operations that the sandbox lacks are answered with 501 and their name.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import Any
from urllib.parse import unquote

from sandbox.adapters import arns, moto_services

from . import export, findings, jobs, library, settings
from .state import Fault, Record, session

SERVICE = "macie2"
OPERATIONS: dict[str, Callable[[Record], Record]] = {
    **settings.OPERATIONS,
    **export.OPERATIONS,
    **library.OPERATIONS,
    **jobs.OPERATIONS,
    **findings.OPERATIONS,
}
"""What each operation does with its members, by its name."""
Answer = tuple[int, dict[str, str], bytes]


async def handle(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Answer:
    """Answer a request, which MiniStack has authorized.

    Args:
        method: The method.
        path: The path.
        headers: The headers.
        body: The body.
        query: The query string's parameters.
    """
    try:
        return _answer(method, path, body, query)
    except Fault as fault:
        kind = {"Content-Type": "application/json", "x-amzn-errortype": fault.code}
        return fault.status, kind, json.dumps({"message": str(fault)}).encode()


def _answer(method: str, path: str, body: bytes, query: Mapping[str, list[str]]) -> Answer:
    operation, labels = _operation(method, path)
    if operation.name not in OPERATIONS:
        raise Fault("NotImplementedException", f"the sandbox has no {operation.name}; add it to sandbox/adapters/macie")
    request = dict(_members(operation.input_shape, labels, body, query))
    if operation.name != "EnableMacie":
        session()
    if operation.input_shape is not None:
        for problem in _problems(operation.input_shape, request, ""):
            raise Fault("ValidationException", problem)
    answer = OPERATIONS[operation.name](request)
    shaped = _shaped(operation.output_shape, answer) if operation.output_shape is not None else {}
    return operation.http.get("responseCode", 200), {"Content-Type": "application/json"}, json.dumps(shaped).encode()


def resource_arn(method: str, path: str, region: str, account: str) -> str:
    """The ARN that a caller's permission is asked for; of what is yet to be made, with ``*`` in place of the id.

    Args:
        method: The method.
        path: The path.
        region: The region.
        account: The account.
    """
    try:
        operation, labels = _operation(method, path)
    except Fault:
        return "*"
    if "resourceArn" in labels:
        return unquote(labels["resourceArn"])
    form = next(arns.of_action(SERVICE, operation.name), None)
    id = next(map(unquote, labels.values()), "*")
    return (arns.filled(form, account, region, lambda name, kind: id) if form else None) or "*"


@cache
def _routes() -> list[tuple[str, re.Pattern[str], Any]]:
    model = moto_services.model(SERVICE)
    found = []
    for name in model.operation_names:
        operation = model.operation_model(name)
        path = re.escape(operation.http["requestUri"].partition("?")[0])
        pattern = re.sub(r"\\\{(\w+)\\\}", lambda label: f"(?P<{label[1]}>{_label(label[1])})", path)
        found.append((operation.http["method"], re.compile(pattern), operation))
    return sorted(found, key=lambda route: route[1].groups)


def _label(name: str) -> str:
    return ".+" if name == "resourceArn" else "[^/]+"


def _operation(method: str, path: str) -> tuple[Any, dict[str, str]]:
    for verb, pattern, operation in _routes():
        found = pattern.fullmatch(path.rstrip("/")) if verb == method else None
        if found:
            return operation, found.groupdict()
    raise Fault("ValidationException", f"there is no operation {method} {path}")


def _members(
    shape: Any, labels: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Iterator[tuple[str, Any]]:
    try:
        given = json.loads(body or b"{}")
    except ValueError as error:
        raise Fault("ValidationException", "The request body is not JSON.") from error
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


_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


def _problems(shape: Any, value: Any, name: str) -> Iterator[str]:
    """What does not fit the model."""
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


def _shaped(shape: Any, value: Any) -> Any:
    """An answer, with the members that the model has."""
    if shape.type_name == "structure":
        return {
            member.serialization.get("name", name): _shaped(member, value[name])
            for name, member in shape.members.items()
            if value.get(name) is not None
        }
    if shape.type_name == "list":
        return [_shaped(shape.member, item) for item in value]
    if shape.type_name == "map":
        return {key: _shaped(shape.value, item) for key, item in value.items()}
    return value
