"""Custom resources as CloudFormation and Lambda treat them: asked again, failed with a reason, cleared up.

CloudFormation's request, and what a function sends on to itself with the same ``ResponseURL``, are asynchronous
invocations: a function that fails is tried again, twice by default, after fractions of a second. When it has failed for
good and nobody has answered, that is the failure at once, with what the function said, and not after the hour that
CloudFormation would wait. Unlike on AWS, a function that has answered is not tried again, whatever it does afterwards.

As on AWS, and unlike in MiniStack, what failed to be created is deleted, under the id that the function answered with,
or under one that CloudFormation makes up; here also if it is to be retained.
"""

from __future__ import annotations

import contextvars
import logging
import threading
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import lambda_svc
from ministack.services.cloudformation import custom_resource

from .lambda_async import PAUSE_SECONDS

RETRIES = 2
_log = logging.getLogger("sandbox.custom_resources")
_execute = lambda_svc._execute_function_with_config_scope
_invoke_later = lambda_svc.invoke_async_with_retry
_deliver = custom_resource.deliver_response
_ask = custom_resource.invoke_custom_resource
_ids: dict[tuple[str, str], str] = {}
"""The physical ids that functions answered with, by stack and logical id."""


def install() -> None:
    """Put the adapter in MiniStack's place."""
    lambda_svc._execute_function_with_config_scope = _run
    lambda_svc.invoke_async_with_retry = _run_later
    custom_resource.deliver_response = _remember
    custom_resource.invoke_custom_resource = _asked


def _run(function: Mapping[str, Any], event: Any) -> Any:
    return _until_answered(function, event) if _waiting(event) else _execute(function, event)


def _run_later(function: Mapping[str, Any], event: Any) -> None:
    if _waiting(event) is None:
        _invoke_later(function, event)
        return
    context = contextvars.copy_context()
    threading.Thread(target=context.run, args=(_until_answered, function, event), daemon=True).start()


def _waiting(event: Any) -> dict[str, Any] | None:
    """What waits for the answer to an event; nothing if it is no request of CloudFormation, or was answered."""
    url = event.get("ResponseURL") if isinstance(event, Mapping) else None
    found: dict[str, Any] | None = custom_resource._pending.get(_token(url)) if isinstance(url, str) else None
    return found if found and not found["event"].is_set() else None


def _token(url: str) -> str:
    return url.rsplit("/", 1)[-1].partition("?")[0]


def _until_answered(function: Mapping[str, Any], event: Mapping[str, Any]) -> Any:
    """Run a function until it does not fail, or has done so too often."""
    config = function.get("event_invoke_config") or (function.get("event_invoke_configs") or {}).get("$LATEST") or {}
    left = config.get("MaximumRetryAttempts")
    left, pause = RETRIES if left is None else int(left), PAUSE_SECONDS
    while True:
        result = _execute(function, event) or {}
        if not result.get("error") or _waiting(event) is None:
            return result
        if result.get("throttle"):  # Lambda tries again for hours
            time.sleep(PAUSE_SECONDS)
            continue
        if not left:
            break
        _log.warning("%s is tried again: %s", event.get("LogicalResourceId"), result.get("body"))
        time.sleep(pause)
        left, pause = left - 1, 2 * pause
    reason = f"the function failed and gave no answer: {result.get('body')}"
    custom_resource.deliver_response(_token(event["ResponseURL"]), {"Status": "FAILED", "Reason": reason})
    return result


def _remember(token: str, response: Mapping[str, Any]) -> bool:
    """Take an answer, and note the physical id that it has."""
    if response.get("PhysicalResourceId"):
        where = str(response.get("StackId")), str(response.get("LogicalResourceId"))
        _ids[where] = str(response["PhysicalResourceId"])
    delivered: bool = _deliver(token, response)
    return delivered


def _asked(
    kind: str, logical_id: str, properties: dict[str, Any], stack: str, stack_id: str, *rest: Any, **more: Any
) -> Any:
    """Ask a custom resource, and delete what could not be created."""
    where = stack_id, logical_id
    _ids.pop(where, None)
    try:
        return _ask(kind, logical_id, properties, stack, stack_id, *rest, **more)
    except (RuntimeError, TimeoutError) as error:
        if kind != "Create":
            raise
        made_up = f"{stack}-{logical_id}-{stack_id.rpartition('/')[2][:12]}"
        try:
            _ask("Delete", logical_id, properties, stack, stack_id, *rest, physical_id=_ids.get(where, made_up))
        except (RuntimeError, TimeoutError) as also:
            raise RuntimeError(f"{error} (and it could not be deleted: {also})") from error
        raise
