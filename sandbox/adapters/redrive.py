"""The redrive of dead-letter queues: messages go back to where they came from, or to another queue, at once.

MiniStack has no message move tasks. A message that SNS or another service put into the queue came from no queue, so
that without a destination the task is refused, as on AWS.
"""

from __future__ import annotations

import time
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import sqs

_SOURCE = "DeadLetterQueueSourceArn"
_tasks: dict[tuple[str, str, str], list[dict[str, Any]]] = {}


def install() -> None:
    """Let MiniStack have the operations."""
    sqs._HANDLERS["StartMessageMoveTask"] = _start
    sqs._HANDLERS["ListMessageMoveTasks"] = _list


def _queue(arn: str) -> Any:
    found = sqs._queue_by_arn(arn)
    if found is None:
        raise sqs._Err("ResourceNotFoundException", f"The resource that you specified doesn't exist: {arn}", 404)
    return found


def _start(data: dict[str, Any], _: str) -> dict[str, Any]:
    source, destination = data.get("SourceArn", ""), data.get("DestinationArn", "")
    queue = _queue(source)
    if not any(source in str(one["attributes"].get("RedrivePolicy", "")) for one in sqs._queues.values()):
        raise sqs._Err("InvalidParameterValue", f"{source} must be a dead-letter queue of another queue", 400)
    messages = list(queue["messages"])
    ways = [(one, destination or (one.get("sys") or {}).get(_SOURCE, "")) for one in messages]
    failed = [one for one, way in ways if not way]
    targets = {way: _queue(way) for _, way in ways if way}
    now = time.time()
    for message, way in ways:
        if way:
            kept = {name: value for name, value in (message.get("sys") or {}).items() if name != _SOURCE}
            fresh = {"sys": kept, "receipt_handle": None, "receive_count": 0, "visible_at": now, "sent_at": now}
            targets[way]["messages"].append({**message, **fresh})
    moved = len(messages) - len(failed)
    queue["messages"][:] = failed
    sqs.esm_wake.set()
    reason = {"FailureReason": "CouldNotDetermineMessageSource"} if failed else {}
    task = {
        "TaskHandle": str(uuid4()),
        "Status": "FAILED" if failed else "COMPLETED",
        "SourceArn": source,
        "ApproximateNumberOfMessagesMoved": moved,
        "ApproximateNumberOfMessagesToMove": len(messages),
        "StartedTimestamp": int(now * 1000),
        **({"DestinationArn": destination} if destination else {}),
        **reason,
    }
    _tasks.setdefault((get_account_id(), get_region(), source), []).insert(0, task)
    return {"TaskHandle": task["TaskHandle"]}


def _list(data: dict[str, Any], _: str) -> dict[str, Any]:
    source = data.get("SourceArn", "")
    _queue(source)
    known = _tasks.get((get_account_id(), get_region(), source), [])
    most = int(data.get("MaxResults") or 1)
    return {"Results": [{key: value for key, value in one.items() if key != "TaskHandle"} for one in known[:most]]}
