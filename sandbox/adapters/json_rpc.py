"""Requests in JSON 1.1, which CodeCommit and WorkSpaces speak, for one, checked by botocore's model of the service.

Members that the model requires, types, enumerations, patterns and lengths are checked. Operations that the sandbox
lacks are answered with their name. Each request is answered in a thread, for what it causes, such as events, must not
hold up the others.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable, Iterator, Mapping
from typing import Any

from . import moto_services
from .keywords import matches

Record = dict[str, Any]
"""A request, an answer or a resource, with the names and values of the service's API."""
Operation = Callable[[Record], Record]
Answer = tuple[int, dict[str, str], bytes]
Refuse = Callable[[str, Record, Mapping[str, str], Mapping[str, list[str]]], Answer | None]
"""Answers an operation, with its members, headers and query, that its caller may not do; None if it may."""
Handler = Callable[[str, str, Mapping[str, str], bytes, Mapping[str, list[str]]], Awaitable[Answer]]
_TYPE = "application/x-amz-json-1.1"
_TYPES: dict[str, type] = {
    "structure": dict,
    "map": dict,
    "list": list,
    "string": str,
    "blob": str,
    "boolean": bool,
    "integer": int,
    "long": int,
}


class Fault(Exception):
    """A service refuses a request.

    Args:
        code: The error's code, such as ``PipelineNotFoundException``.
        message: What the service says.
        status: The status of the answer.
    """

    def __init__(self, code: str, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.code, self.status = code, status


def handler(
    scope: str, operations: Mapping[str, Operation], invalid: str, refuse: Refuse = lambda *request: None
) -> Handler:
    """What answers the requests to a service, which MiniStack has authorized.

    Args:
        scope: The name that requests to it are signed for.
        operations: What each operation does with its members, by its name.
        invalid: The code of the error for members that do not fit the model.
        refuse: Answers what the caller may not do although MiniStack, which asks for one resource only, lets it.
    """

    def read(name: str, body: bytes) -> Record:
        if name not in operations:
            place = "add it to sandbox/adapters"
            raise Fault("NotImplementedException", f"the sandbox has no {name} of {scope}; {place}")
        request: Record = json.loads(body or b"{}")
        shape = moto_services.model(scope).operation_model(name).input_shape
        for problem in _problems(shape, request, "") if shape is not None else ():
            raise Fault(invalid, f"1 validation error detected: {problem}")
        return request

    def said(name: str, body: bytes, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> Answer:
        try:
            request = read(name, body)
            denied = refuse(name, request, headers, query)
            return denied or (200, {"Content-Type": _TYPE}, json.dumps(operations[name](request)).encode())
        except Fault as fault:
            text = {"__type": fault.code, "message": str(fault)}
            found = {"Content-Type": _TYPE, "x-amzn-errortype": fault.code}
            return fault.status, found, json.dumps(text).encode()

    async def handle(
        method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
    ) -> Answer:
        return await asyncio.to_thread(said, headers.get("x-amz-target", "").rpartition(".")[2], body, headers, query)

    return handle


def _problems(shape: Any, value: Any, name: str) -> Iterator[str]:
    kind = shape.type_name
    fits: bool = isinstance(value, _TYPES.get(kind, object))
    if not fits:
        yield f"Value at '{name}' failed to satisfy constraint: Member must be a {kind}"
        return
    if kind == "structure":
        for key in shape.required_members:
            if value.get(key) is None:
                yield f"Value null at '{_below(name, key)}' failed to satisfy constraint: Member must not be null"
    if getattr(shape, "enum", None) and value not in shape.enum:
        lead = f"Value '{value}' at '{name}' failed to satisfy constraint"
        yield f"{lead}: Member must satisfy enum value set: [{', '.join(shape.enum)}]"
    if kind in ("string", "list"):
        yield from _misfits(shape.metadata, value, name)
    for member, item, called in _parts(shape, value, name):
        yield from _problems(member, item, called)


def _misfits(limits: Mapping[str, Any], value: Any, name: str) -> Iterator[str]:
    hidden = isinstance(value, list) or limits.get("sensitive")
    shown = "" if hidden else f" '{value}'"
    lead = f"Value{shown} at '{name}' failed to satisfy constraint: Member must"
    if len(value) < limits.get("min", 0):
        yield f"{lead} have length greater than or equal to {limits['min']}"
    if len(value) > limits.get("max", len(value)):
        yield f"{lead} have length less than or equal to {limits['max']}"
    if "pattern" in limits and not matches(rf"\A(?:{limits['pattern']})\Z", value):
        yield f"{lead} satisfy regular expression pattern: {limits['pattern']}"


def _parts(shape: Any, value: Any, name: str) -> Iterator[tuple[Any, Any, str]]:
    if shape.type_name == "structure":
        for key, member in shape.members.items():
            if value.get(key) is not None:
                yield member, value[key], _below(name, key)
    elif shape.type_name == "list":
        yield from ((shape.member, item, f"{name}.{number}.member") for number, item in enumerate(value, 1))
    elif shape.type_name == "map":
        yield from ((shape.value, item, name) for item in value.values())


def _below(name: str, key: str) -> str:
    return f"{name}.{key}" if name else key
