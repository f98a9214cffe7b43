"""Lambda's metrics, and what happens to events that a function fails to handle.

MiniStack counts invocations that somebody waits for, and counts no error of the others. Here each attempt counts, with
its error. The pauses between attempts are a fraction of a second instead of minutes. An event that fails for good goes
to the dead-letter queue as it was, with the attributes that Lambda gives it, or to a destination with what became of
it, and anywhere only as far as the function's role may send it there. MiniStack drops the dead-letter queue of a
template's function; here it is kept, and as on AWS the function is refused while its role may not send there.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region, now_iso
from ministack.services import cloudwatch, lambda_svc, sns, sqs
from ministack.services.cloudformation import provisioners

from . import access

WHO = "lambda.amazonaws.com"
PAUSE_SECONDS = 0.2
"""Before the first retry; twice that before the second."""
ACTIONS = {
    "events": "events:PutEvents",
    "lambda": "lambda:InvokeFunction",
    "sns": "sns:Publish",
    "sqs": "sqs:SendMessage",
}
"""What a function's role must be allowed, by the service of a dead-letter queue or a destination."""
_FUNCTION = "AWS::Lambda::Function"
_log = logging.getLogger("sandbox.lambda")
_dispatch = lambda_svc._execute_function_dispatch
_route_as_destination = lambda_svc._route_async_failure


def install() -> None:
    """Put the adapter in MiniStack's place."""
    lambda_svc._LAMBDA_ASYNC_RETRY_BASE_SECONDS = PAUSE_SECONDS
    lambda_svc._emit_lambda_metrics = _count_throttle
    lambda_svc._execute_function_dispatch = _measured
    lambda_svc._route_async_failure = _route
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_FUNCTION] = _with_dead_letters(handlers[_FUNCTION])


def _with_dead_letters(handler: dict[str, Any]) -> dict[str, Any]:
    def kept(properties: Mapping[str, Any], provision: Callable[[], Any]) -> Any:
        config = properties.get("DeadLetterConfig") or {}
        target = config.get("TargetArn", "")
        if target:
            try:
                _admit(properties, target)
            except access.Refused as error:
                action = ACTIONS[target.split(":")[2]].partition(":")[2]
                said = f"The provided execution role does not have permissions to call {action}"
                raise ValueError(f"{said} on {target.split(':')[2].upper()}: {error}") from error
        provisioned = provision()
        lambda_svc._functions[provisioned[0]]["config"]["DeadLetterConfig"] = config
        return provisioned

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return kept(properties, lambda: handler["create"](logical_id, properties, stack))

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        return kept(new, lambda: handler["update"](physical_id, old, new, *rest))

    return {**handler, "create": create, "update": update}


def _measured(function: Any, config: Mapping[str, Any], event: Any, request_id: str, started: float) -> Any:
    """Run a function once, and count the invocation and its error."""
    result = _dispatch(function, config, event, request_id, started)
    failed = isinstance(result, dict) and bool(result.get("error"))
    name = config.get("FunctionName", "unknown")
    _count(name, "Invocations", 1)
    _count(name, "Errors", int(failed))
    return result


def _count_throttle(function_name: str, duration_ms: float, error: bool, throttle: bool) -> None:
    """Count a refused invocation; those that ran are counted where they run."""
    if throttle and not duration_ms:  # who waits for it reports it a second time, with its duration
        _count(function_name, "Throttles", 1)


def _route(target: str, name: str, event: Any, result: Mapping[str, Any]) -> None:
    """Send an event that failed for good to the dead-letter queue, or the destination for failures."""
    function = lambda_svc._functions.get(name) or {}
    config = function.get("config", {})
    dead = (config.get("DeadLetterConfig") or {}).get("TargetArn") == target
    access.over_tls()
    try:
        _admit(config, target)
    except access.Refused as error:
        _log.warning("%s could not hand over an event that failed: %s", name, error)
        _count(name, "DeadLetterErrors" if dead else "DestinationDeliveryFailures", 1)
        return
    queue = sqs._queue_by_arn(target) if target.split(":")[2] == "sqs" else None
    if queue is None:
        _route_as_destination(target, name, event, result)
        return
    if not dead:
        sqs._act_send_message({"MessageBody": json.dumps(_record(function, event, result))}, queue["url"])
        return
    said = result.get("body")
    message = str(said.get("errorMessage", "")) if isinstance(said, dict) else str(said)
    attributes = {
        "RequestID": {"DataType": "String", "StringValue": str(uuid4())},
        "ErrorCode": {"DataType": "Number", "StringValue": "200"},
        "ErrorMessage": {"DataType": "String", "StringValue": message[:1024] or "Unhandled"},
    }
    sqs._act_send_message({"MessageBody": json.dumps(event), "MessageAttributes": attributes}, queue["url"])


def _record(function: Mapping[str, Any], event: Any, result: Mapping[str, Any]) -> dict[str, Any]:
    """What a destination is told of an event that failed for good.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    own = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    return {
        "version": "1.0",
        "timestamp": now_iso(),
        "requestContext": {
            "requestId": str(uuid4()),
            "functionArn": f"{function['config']['FunctionArn']}:$LATEST",
            "condition": "RetriesExhausted",
            "approximateInvokeCount": int(own.get("MaximumRetryAttempts", 2)) + 1,
        },
        "requestPayload": event,
        "responseContext": {"statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled"},
        "responsePayload": result.get("body"),
    }


def require_sending(config: Mapping[str, Any], target: str) -> access.Session:
    """Refuse a function's role that may not send to a dead-letter queue or a destination.

    Args:
        config: The function's configuration.
        target: The ARN of the queue or destination.

    Returns:
        The role as Lambda has assumed it.

    Raises:
        access.Refused: If it may not.
    """
    account, region = get_account_id(), get_region()
    conditions = {"aws:SourceAccount": account, "aws:SourceArn": config.get("FunctionArn", "")}
    session = access.assume(config.get("Role", ""), WHO, account, region, conditions)
    access.require(session, ACTIONS[target.split(":")[2]], target)
    return session


def _admit(config: Mapping[str, Any], target: str) -> None:
    session, service = require_sending(config, target), target.split(":")[2]
    owner = {"sqs": sqs._queue_by_arn, "sns": sns._topics.get}.get(service, lambda arn: None)(target)
    if owner:
        access.require_key(session, access.own_key(owner), service)


def _count(name: str, metric: str, value: float) -> None:
    cloudwatch.record_metric("AWS/Lambda", metric, value, "Count", {"FunctionName": name})
