"""Domains and collections over HTTPS, at paths of the endpoint: who calls is who signed the request with SigV4.

Basic authentication is missing, as it is with an IAM master user on AWS.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qs

from ministack import app
from ministack.core import iam_evaluator, lambda_runtime, router
from ministack.core.responses import get_account_id, set_request_account_id, set_request_region
from ministack.services import lambda_svc

from sandbox.adapters import access

from . import domains, network, plane, serverless
from .requests import Answer, Request

PREFIX = "/_opensearch/"
"""Where they are."""
_SCOPE = re.compile(r"Credential=[^/]+/\d{8}/[^/]+/([^/,]+)/aws4_request")


async def serve(scope: Any, receive: Any, send: Any) -> None:
    """Answer a request.

    Args:
        scope: The request, as ASGI has it.
        receive: Takes its body.
        send: Sends the answer.
    """
    body, more = [], True
    while more:
        message = await receive()
        body.append(message.get("body", b""))
        more = message.get("more_body", False)
    status, said = await asyncio.to_thread(_answer, scope, b"".join(body))
    text = said.encode() if isinstance(said, str) else json.dumps(said).encode()
    kind = b"text/plain" if isinstance(said, str) else b"application/json"
    headers = [(b"content-type", kind), (b"content-length", str(len(text)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": b"" if scope["method"] == "HEAD" else text})


def _answer(scope: Any, body: bytes) -> Answer:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in scope["headers"]}
    query = parse_qs(scope["query_string"].decode(), keep_blank_values=True)
    raw = (scope.get("raw_path") or scope["path"].encode()).decode("latin-1").partition("?")[0]
    of_domain = raw.startswith(domains.PREFIX)
    name, _, path = raw.removeprefix(domains.PREFIX if of_domain else serverless.PREFIX).partition("/")
    service = "es" if of_domain else "aoss"
    signed = _SCOPE.search(headers.get("authorization", ""))
    if signed is None:
        action = f"es:ESHttp{scope['method'].capitalize()}"
        return 403, {"Message": f"User: anonymous is not authorized to perform: {action}"}
    if signed[1] != service or (not of_domain and "x-amz-content-sha256" not in headers):
        return 403, {"message": f"Credential should be scoped to correct service: '{service}'. "}
    key = router.extract_access_key_id(headers, query)
    set_request_account_id(app._request_account_scope(key))
    set_request_region(router.extract_region(headers, query))
    iam_evaluator.pin_request_origin("127.0.0.1", True)
    iam_evaluator.pin_signed_request(scope["method"], raw, query, scope["headers"])
    iam_evaluator.pin_signed_body(body)
    iam_evaluator.pin_request_caller(headers, query)
    plain = gzip.decompress(body) if headers.get("content-encoding") == "gzip" else body
    request = Request(scope["method"], path, {one: values[-1] for one, values in query.items()}, plain)
    caller = plane.Caller(iam_evaluator.caller_arn(), _origin(key), _must(key, service, headers))
    if of_domain:
        return plane.to_domain(get_account_id(), router.extract_region(headers, query), name, caller, request)
    return plane.to_collection(name, caller, request)


def _must(key: str, service: str, headers: Mapping[str, str]) -> Any:
    region = router.extract_region(headers, {})

    def must(action: str, resource: str) -> None:
        refused = iam_evaluator.enforce(key, action, service, region, resource)
        if isinstance(refused, iam_evaluator.AuthError):
            raise access.Refused(f"{refused.code}: {refused.message}")
        if refused is not None:
            why = (
                "with an explicit deny"
                if refused.decision == "Deny"
                else f"because no policy allows the {action} action"
            )
            raise access.Refused(
                f"{iam_evaluator.caller_arn()} is not authorized to perform: {action} on resource: {resource} {why}"
            )

    return must


def _origin(key: str) -> network.Origin:
    """Where a function with this access key has its interfaces; others count as inside."""
    for record in list(lambda_svc._functions._data.values()):
        config = record["config"]
        if lambda_runtime.execution_credentials(config)["AWS_ACCESS_KEY_ID"] == key:
            placed = config.get("VpcConfig") or {}
            return network.Origin(
                False, tuple(placed.get("SubnetIds") or ()), tuple(placed.get("SecurityGroupIds") or ())
            )
    return network.ANYWHERE
