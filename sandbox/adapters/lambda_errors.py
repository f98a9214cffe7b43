"""The names of the errors that Python functions end with: the exception's class, as on AWS.

MiniStack calls all of them ``Runtime.HandlerError``. Step Functions retries and catches by that name.
"""

from __future__ import annotations

from typing import Any

from ministack.services import lambda_svc

_DIED = "Worker process died"
_execute = lambda_svc._execute_function_warm


def install() -> None:
    """Put the adapter in MiniStack's place."""
    lambda_svc._execute_function_warm = _named


def _named(function: dict[str, Any], event: Any, request_id: str) -> Any:
    result = _execute(function, event, request_id)
    body = result.get("body")
    if result.get("error") and isinstance(body, dict) and body.get("errorType") == "Runtime.HandlerError":
        message = str(body.get("errorMessage", ""))
        if message == _DIED:
            said = f"RequestId: {request_id} Error: Runtime exited with error: signal: killed"
            body.update(errorType="Runtime.ExitError", errorMessage=said)
        else:
            body["errorType"] = _class(str(result.get("log", "")), message) or body["errorType"]
    return result


def _class(log: str, message: str) -> str:
    """The class of the exception that a log ends with; empty if it ends with none.

    Args:
        log: The log, at its end the traceback.
        message: What the exception says.
    """
    ended = log.removesuffix("\n")
    ending = f": {message}" if message else ""
    if not ended.endswith(ending):
        return ""
    last = ended.removesuffix(ending).rpartition("\n")[2].rpartition(".")[2]
    return last if last.isidentifier() else ""
