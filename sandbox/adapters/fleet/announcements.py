"""What Auto Scaling tells: scaling activities, and events on the default bus, in order and in the background.

https://docs.aws.amazon.com/autoscaling/ec2/userguide/ec2-auto-scaling-event-reference.html
"""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Mapping
from queue import SimpleQueue
from typing import Any

from ministack.core.responses import new_uuid, now_iso, request_scope
from ministack.services import eventbridge

from sandbox.adapters import access

from .state import Group, Record

_events: SimpleQueue[tuple[str, str, Record]] = SimpleQueue()
_log = logging.getLogger("sandbox.fleet")


def start() -> None:
    """Begin to deliver events."""
    threading.Thread(target=_deliver, name="fleet events", daemon=True).start()


def _deliver() -> None:
    access.over_tls()
    while True:
        account, region, entry = _events.get()
        with request_scope(account, region):
            try:
                eventbridge._ensure_default_bus()
                eventbridge._put_events({"Entries": [entry]}, allow_aws_source=True)
            except (access.Refused, LookupError, ValueError) as error:
                _log.warning("%s could not be delivered: %s", entry["DetailType"], error)


def announce(group: Group, kind: str, detail: Mapping[str, Any], *resources: str) -> None:
    """Put an event about a group on the default bus.

    Args:
        group: The group.
        kind: The event's detail type.
        detail: The event's detail, without the group's name.
        resources: The ARNs that the event is about, besides the group's.
    """
    detail = {"AutoScalingGroupName": group.name, **detail}
    entry = {"Source": "aws.autoscaling", "DetailType": kind, "Detail": json.dumps(detail)}
    _events.put((group.account, group.region, {**entry, "Resources": [group.arn, *resources]}))


def begin(group: Group, description: str, cause: str, details: Mapping[str, str]) -> Record:
    """Begin a scaling activity.

    Args:
        group: The group.
        description: What is done, such as ``Launching a new EC2 instance: i-1``.
        cause: Why, as a sentence without the time.
        details: The zone and the subnet.
    """
    now = now_iso()
    activity = {
        "ActivityId": new_uuid(),
        "AutoScalingGroupName": group.name,
        "AutoScalingGroupARN": group.arn,
        "Description": description,
        "Cause": f"At {now} {cause}",
        "StartTime": now,
        "StatusCode": "InProgress",
        "Progress": 50,
        "Details": json.dumps(details),
    }
    group.activities.appendleft(activity)
    return activity


def end(group: Group, activity: Record, kind: str, instance: str = "", failure: str = "") -> None:
    """End a scaling activity and tell of it.

    Args:
        group: The group.
        activity: The activity.
        kind: ``Launch`` or ``Terminate``.
        instance: The instance's id; empty if there is none.
        failure: Why it failed; empty if it succeeded.
    """
    status = {"StatusCode": "Failed", "StatusMessage": failure} if failure else {"StatusCode": "Successful"}
    activity.update({**status, "Progress": 100, "EndTime": now_iso()})
    ways = ("EC2", "AutoScalingGroup") if kind == "Launch" else ("AutoScalingGroup", "EC2")
    shown = ("ActivityId", "Description", "Cause", "StartTime", "EndTime")
    detail = {
        **{name: activity[name] for name in shown},
        "RequestId": activity["ActivityId"],
        "StatusCode": "Failed" if failure else "InProgress",
        "StatusMessage": failure,
        "Details": json.loads(activity["Details"]),
        "EC2InstanceId": instance,
        "Origin": ways[0],
        "Destination": ways[1],
    }
    arns = [f"arn:aws:ec2:{group.region}:{group.account}:instance/{instance}"] if instance else []
    announce(group, f"EC2 Instance {kind} {'Unsuccessful' if failure else 'Successful'}", detail, *arns)
