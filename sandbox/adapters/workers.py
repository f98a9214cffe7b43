"""CloudFormation types whose provisioning waits for something, done beside the event loop, which goes on serving.

MiniStack provisions on its event loop, except for the types that it knows to wait. An adapter whose type waits too puts
it into :data:`TYPES`.
"""

from __future__ import annotations

from ministack.services.cloudformation import stacks

TYPES: set[str] = set()
"""The types that are provisioned, updated and deleted in threads of their own."""
_runs_on_worker_thread = stacks._runs_on_worker_thread


def install() -> None:
    """Have MiniStack ask here which types wait; harmless when repeated."""
    stacks._runs_on_worker_thread = _waits


def _waits(resource_type: str) -> bool:
    return resource_type in TYPES or bool(_runs_on_worker_thread(resource_type))
