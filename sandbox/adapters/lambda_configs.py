"""What a function is given besides itself: its asynchronous invocation, and who may invoke it, as AWS checks both.

MiniStack takes a destination that the function's role may not send to, lets one template overwrite what another one
has set, and creates permissions for functions that are not there.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.core.responses import error_response_json
from ministack.services import lambda_svc
from ministack.services.cloudformation import provisioners

from . import access, lambda_async

_CONFIG, _PERMISSION = "AWS::Lambda::EventInvokeConfig", "AWS::Lambda::Permission"
_put_config = lambda_svc._put_event_invoke_config


def install() -> None:
    """Put the adapter in MiniStack's place."""
    lambda_svc._put_event_invoke_config = _put
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_CONFIG] = _once(handlers[_CONFIG])
    handlers[_PERMISSION] = _of_somebody(handlers[_PERMISSION])


def _put(name: str, qualifier: str | None, data: Mapping[str, Any]) -> Any:
    """Refuse destinations that the function's role may not send to.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    function = lambda_svc._functions.get(name)
    for where in (data.get("DestinationConfig") or {}).values() if function else ():
        target = where.get("Destination", "")
        try:
            if target:
                lambda_async.require_sending(function["config"], target)
        except access.Refused:
            action = lambda_async.ACTIONS[target.split(":")[2]].partition(":")[2]
            said = f"The function's execution role does not have permissions to call {action} on {target}"
            return error_response_json("InvalidParameterValueException", said, 400)
    return _put_config(name, qualifier, data)


def _once(handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        name, qualifier = str(properties["FunctionName"]).rpartition(":function:")[2], properties["Qualifier"]
        function = lambda_svc._functions.get(name.partition(":")[0])
        if function and (function.get("event_invoke_configs") or {}).get(qualifier):
            raise ValueError(f"{name}|{qualifier} already exists (HandlerErrorCode: AlreadyExists)")
        return handler["create"](logical_id, properties, stack)

    return {**handler, "create": create}


def _of_somebody(handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        if provisioners._lambda_function_for_cfn_ref(properties["FunctionName"])[0] is None:
            said = f"Function not found: {properties['FunctionName']}"
            raise ValueError(f"{said} (Service: Lambda, Status Code: 404) (HandlerErrorCode: NotFound)")
        return handler["create"](logical_id, properties, stack)

    return {**handler, "create": create}
