"""What the callers of Redshift Serverless and the Data API need: actions on namespaces, workgroups and secrets.

A statement is its executor's: the condition key ``redshift-data:statement-owner-iam-userid`` says whose.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from functools import wraps
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core import iam_actions, iam_evaluator, router
from ministack.core.responses import get_account_id, get_region
from ministack.services import secretsmanager

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Answer, Record

from . import data_api
from .state import home

SERVERLESS = "redshift-serverless"
_OF_STATEMENTS = ("DescribeStatement", "GetStatementResult", "CancelStatement", "ListStatements")
_OWNER = "redshift-data:statement-owner-iam-userid"


def install() -> None:
    """Have MiniStack ask for the right resource, with the conditions of the Data API."""
    extract, context = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    @wraps(extract)
    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        if service in (SERVERLESS, data_api.SERVICE):
            return resource_arn(headers.get("x-amz-target", "").rpartition(".")[2], _read(body))
        return extract(service, method, path, headers, body, *rest)

    @wraps(context)
    def request_tag_context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
        found: dict[str, Any] = context(service, action, body, params)
        if action in [f"{data_api.SERVICE}:{name}" for name in _OF_STATEMENTS]:
            found[_OWNER] = _owner(str(_read(body).get("Id", "")))
        return found

    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_tag_context


def _owner(id: str) -> str:
    """Whose a statement is; of the caller's own, the variable that policies have, which MiniStack does not fill in."""
    userid, arn = data_api.owner_of(id)
    return "${aws:userid}" if arn == iam_evaluator.caller_arn() else userid


def _read(body: bytes) -> Record:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def resource_arn(name: str, request: Record) -> str:
    """The ARN that an operation is asked for.

    Args:
        name: The operation.
        request: Its members.
    """
    if name in _OF_STATEMENTS or name.startswith("List"):
        return "*"
    if "workgroupName" in request or "WorkgroupName" in request:
        return _workgroup_arn(str(request.get("workgroupName", request.get("WorkgroupName"))))
    if "namespaceName" in request:
        found = home().namespaces.get(str(request["namespaceName"]))
        return found.arn if found else _arn("namespace/*")
    return "*"


def _workgroup_arn(name: str) -> str:
    if name.startswith("arn:"):
        return name
    found = home().workgroups.get(name)
    return found.arn if found else _arn("workgroup/*")


def _arn(resource: str) -> str:
    return f"arn:aws:{SERVERLESS}:{get_region()}:{get_account_id()}:{resource}"


def refuse(name: str, request: Record, headers: Mapping[str, str], query: Mapping[str, list[str]]) -> Answer | None:
    """Answer a caller of the Data API that may not log in as it wants to; None if it may.

    Args:
        name: The operation.
        request: Its members.
        headers: The headers.
        query: The query string's parameters.
    """
    key = app.extract_access_key_id(headers, query)
    principal = iam_evaluator.resolve_principal(key or "", get_account_id())
    keys = getattr(principal, "keys", None) or {}
    data_api.USER_ID.set(str(keys.get("aws:userid", "")))
    if name not in ("ExecuteStatement", "BatchExecuteStatement"):
        return None
    for action, resource, conditions in _login(request):
        denied: Answer | None = app._enforce_data_plane(
            action.partition(":")[0],
            action,
            headers,
            query,
            str(uuid4()),
            resource_arn=resource,
            service_context=conditions,
            named_resource=resource,
        )
        if denied:
            found = json.loads(denied[2]) if denied[2][:1] == b"{" else {}
            message = found.get("message") or found.get("Message") or f"not authorized to perform: {action}"
            text = json.dumps({"__type": "AccessDeniedException", "message": message})
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, text.encode()
    return None


def _login(request: Record) -> Iterator[tuple[str, str, dict[str, str]]]:
    if "SecretArn" not in request:
        if "WorkgroupName" in request:
            yield f"{SERVERLESS}:GetCredentials", _workgroup_arn(request["WorkgroupName"]), {}
        return
    _, secret = secretsmanager._resolve(request["SecretArn"])
    arn = str(secret["ARN"]) if secret else request["SecretArn"]
    yield "secretsmanager:GetSecretValue", arn, {}
    key = (secret or {}).get("KmsKeyId")
    if key and not key.startswith("alias/aws/"):
        conditions = {
            "kms:ViaService": f"secretsmanager.{get_region()}.amazonaws.com",
            "kms:CallerAccount": get_account_id(),
            "kms:EncryptionContext:SecretARN": arn,
        }
        yield "kms:Decrypt", access.key_arn(key, get_account_id(), get_region()), conditions


def route() -> None:
    """Let requests to Redshift Serverless come to its handler."""
    router.SERVICE_PATTERNS.setdefault(SERVERLESS, {})
    iam_actions.SERVICE_TO_IAM_NAMESPACE[SERVERLESS] = SERVERLESS
    iam_actions._BOTOCORE_SERVICE_MAP[SERVERLESS] = [SERVERLESS]
