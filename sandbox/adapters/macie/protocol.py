"""Requests to Macie, taken apart by botocore's model of the service and answered in its form.

Which operation a request is follows from method and path. Members that the model requires, and its enumerations, are
checked. Operations that the sandbox lacks are answered with 501 and their name.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from urllib.parse import unquote

from sandbox.adapters import arns, rest_json

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
        try:
            return _answer(method, path, body, query)
        except rest_json.Malformed as error:
            raise Fault("ValidationException", str(error)) from error
    except Fault as fault:
        kind = {"Content-Type": "application/json", "x-amzn-errortype": fault.code}
        return fault.status, kind, json.dumps({"message": str(fault)}).encode()


def _answer(method: str, path: str, body: bytes, query: Mapping[str, list[str]]) -> Answer:
    operation, labels = _API.operation(method, path)
    if operation.name not in OPERATIONS:
        raise Fault("NotImplementedException", f"the sandbox has no {operation.name}; add it to sandbox/adapters/macie")
    request = rest_json.members(operation.input_shape, labels, body, query)
    if operation.name != "EnableMacie":
        session()
    rest_json.check(operation.input_shape, request)
    shaped = rest_json.shaped(operation.output_shape, OPERATIONS[operation.name](request))
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
        operation, labels = _API.operation(method, path)
    except rest_json.Malformed:
        return "*"
    if "resourceArn" in labels:
        return unquote(labels["resourceArn"])
    form = next(arns.of_action(SERVICE, operation.name), None)
    id = next(map(unquote, labels.values()), "*")
    return (arns.filled(form, account, region, lambda name, kind: id) if form else None) or "*"
