"""How an operation of the two services is done: faults that were told of, the lock, and the list of calls."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

from ministack.core.responses import get_region

from sandbox.adapters.json_rpc import Fault, Operation, Record

from .state import LOCK, home

ERROR_STATE = "ERROR-state"
"""The error of a fault that lets the operation succeed and what it makes fail."""
_READS = ("Describe", "List")
_faults: list[ToldFault] = []
calls: list[Record] = []
"""The calls that change something, oldest first; their ``error`` is the code of what was refused, else empty."""


@dataclass
class ToldFault:
    """What is to fail.

    Attributes:
        region: Where.
        operation: Which operation.
        error: The code of the error, or ``ERROR_STATE``.
        message: What the service says.
        times: How often.
        after: Whether the operation is done nevertheless, and its answer lost.
    """

    region: str
    operation: str
    error: str
    message: str
    times: int = 1
    after: bool = False


def tell(fault: ToldFault) -> None:
    """Let an operation fail from now on.

    Args:
        fault: How, where and how often.
    """
    with LOCK:
        _faults.append(fault)


def operations(service: str, found: Mapping[str, Operation]) -> dict[str, Operation]:
    """The operations of a service with what comes between a request and what it does.

    Args:
        service: ``workspaces`` or ``ds``.
        found: What each operation does with its members, by its name.
    """
    return {name: partial(_perform, service, name, operation) for name, operation in found.items()}


def spoilt(operation: str) -> str | None:
    """Why what an operation makes is to fail; None if it is not.

    Args:
        operation: The operation.
    """
    fault = _take(operation, is_state=True)
    return fault.message if fault else None


def _take(operation: str, *, is_state: bool) -> ToldFault | None:
    with LOCK:
        for fault in _faults:
            fits = (fault.region, fault.operation) == (get_region(), operation)
            if fits and (fault.error == ERROR_STATE) is is_state:
                fault.times -= 1
                if fault.times < 1:
                    _faults.remove(fault)
                return fault
    return None


def _perform(service: str, name: str, operation: Operation, request: Record) -> Record:
    call = {"region": get_region(), "service": service, "operation": name, "request": _shown(request), "error": ""}
    with LOCK:
        if not name.startswith(_READS):
            calls.append(call)
        try:
            return _done(service, name, operation, request)
        except Fault as fault:
            call["error"] = fault.code
            raise


def _done(service: str, name: str, operation: Operation, request: Record) -> Record:
    if service == "workspaces" and not home().is_up:
        raise Fault("ServiceUnavailable", "The service is unavailable. Please try again shortly.", 503)
    fault = _take(name, is_state=False)
    answer = operation(request) if fault is None or fault.after else {}
    if fault is not None:
        raise Fault(fault.error, fault.message, 503 if fault.error.startswith("ServiceUnavailable") else 400)
    return answer


def _shown(value: Any) -> Any:
    """A request without its passwords."""
    if isinstance(value, Mapping):
        return {key: "***" if key == "Password" else _shown(item) for key, item in value.items()}
    return [_shown(item) for item in value] if isinstance(value, list) else value
