"""Requests to Image Builder, and the ARNs that callers' permissions are asked for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from uuid import uuid4

from sandbox.adapters import arns, rest_json

from . import components, configurations, images, lifecycle
from .state import Fault, Record, slug

SERVICE = "imagebuilder"
OPERATIONS: dict[str, Callable[[Record], Record]] = {
    **components.OPERATIONS,
    **configurations.OPERATIONS,
    **images.OPERATIONS,
    **lifecycle.OPERATIONS,
}
"""What each operation does with its members, by its name."""
_API = rest_json.Api(SERVICE)
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
    except rest_json.Malformed as error:
        return _refusal(Fault("InvalidRequestException", str(error)))
    except Fault as fault:
        return _refusal(fault)


def _refusal(fault: Fault) -> Answer:
    kind = {"Content-Type": "application/json", "x-amzn-errortype": fault.code}
    return fault.status, kind, json.dumps({"message": str(fault)}).encode()


def _answer(method: str, path: str, body: bytes, query: Mapping[str, list[str]]) -> Answer:
    operation, labels = _API.operation(method, path)
    if operation.name not in OPERATIONS:
        folder = "sandbox/adapters/image_builder"
        raise Fault("NotImplementedException", f"the sandbox has no {operation.name}; add it to {folder}")
    request = rest_json.members(operation.input_shape, labels, body, query)
    rest_json.check(operation.input_shape, request)
    answer = {"requestId": str(uuid4()), **OPERATIONS[operation.name](request)}
    shaped = rest_json.shaped(operation.output_shape, answer)
    return operation.http.get("responseCode", 200), {"Content-Type": "application/json"}, json.dumps(shaped).encode()


def resource_arn(method: str, path: str, body: bytes, query: Mapping[str, list[str]], region: str, account: str) -> str:
    """The ARN that a caller's permission is asked for.

    Args:
        method: The method.
        path: The path.
        body: The body.
        query: The query string's parameters.
        region: The region.
        account: The account.
    """
    try:
        operation, labels = _API.operation(method, path)
        request = rest_json.members(operation.input_shape, labels, body, query)
    except rest_json.Malformed:
        return "*"
    if "resourceArn" in request:
        return str(request["resourceArn"])
    form = next(arns.of_action(SERVICE, operation.name), None)
    if form is None:
        return "*"
    kind = form.split(":")[5].partition("/")[0]
    given = (value for value in request.values() if isinstance(value, str) and f":{kind}/" in value)
    return next(given, None) or arns.filled(form, account, region, lambda name, _: _part(name, request)) or "*"


def _part(name: str, request: Record) -> str:
    recipe = re.sub(r".*:image-recipe/", "", str(request.get("imageRecipeArn", ""))).split("/")
    if name.endswith(("BuildVersion", "BuildNumber")):
        return "*"
    if name.endswith("Version"):
        return str(request.get("semanticVersion") or recipe[-1] or "*")
    return slug(str(request.get("name") or recipe[0] or "*"))
