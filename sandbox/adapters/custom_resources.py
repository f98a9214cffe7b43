"""A custom resource whose function fails is a failure at once, not after the hour that CloudFormation would wait."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

_execute = lambda_svc._execute_function_with_config_scope


def install() -> None:
    """Put the adapter in MiniStack's place."""
    lambda_svc._execute_function_with_config_scope = _run


def _run(function: Mapping[str, Any], event: Any) -> Any:
    result = _execute(function, event)
    if isinstance(event, Mapping) and "ResponseURL" in event and (result or {}).get("error"):
        token = event["ResponseURL"].rsplit("/", 1)[-1].partition("?")[0]
        waiting = custom_resource._pending.get(token)
        if waiting and not waiting["event"].is_set():
            reason = f"the function failed and gave no answer: {result.get('body')}"
            custom_resource.deliver_response(token, {"Status": "FAILED", "Reason": reason})
    return result
