#!/usr/bin/env python3
"""Send the findings of a dead-letter queue to their routes again, and to no others.

What EventBridge put there names the rule that it came from, and the rule names the source that only its route listens
to: several routes may share the queue. What the quarantine function failed on names no rule and needs --source.

Each is deleted from the queue after EventBridge has taken it. Findings that fail again come back to the queue and are
left there, so that the run ends.

Exit codes: 0 when all were sent, 1 when one could not be, which stays in the queue with those after it, 2 when the
command is wrong.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from collections.abc import Callable
from functools import cache
from typing import Any

import boto3

OWN = "cdk-refarch.macie."
"""What the sources of replays begin with."""

Place = tuple[str, str]
"""A source and the bus where it is listened to."""


class ReplayError(RuntimeError):
    """A finding cannot be sent, and stays in the queue."""


def replay(sqs: Any, events: Any, queue_url: str, source: str | None = None, bus: str = "default") -> int:
    """Send what is in the queue now and return how many findings that were.

    Args:
        sqs: A client.
        events: A client.
        queue_url: The queue.
        source: The source that only the route listens to, for findings that name no rule; None if there are none.
        bus: The bus that this route listens to.

    Raises:
        ReplayError: If a finding cannot be sent; it stays in the queue.
    """
    started = time.time() * 1000
    places = cache(lambda rule: place_of(events, rule))
    count = 0
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=2,
            MessageSystemAttributeNames=["SentTimestamp"],
            MessageAttributeNames=["RULE_ARN"],
        )
        waiting = [one for one in answer.get("Messages", []) if int(one["Attributes"]["SentTimestamp"]) < started]
        if not waiting:
            return count
        for message in waiting:
            send(events, json.loads(message["Body"]), _place(message, places, source, bus))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            count += 1
        print(f"{count} sent ...", file=sys.stderr)


def place_of(events: Any, rule: str) -> Place:
    """Return the source that only the route of a rule listens to, and the rule's bus.

    Args:
        events: A client.
        rule: The ARN of the rule.

    Raises:
        ReplayError: If there is no such rule, or if it is not one of a route.
    """
    bus, _, name = rule.partition(":rule/")[2].rpartition("/")
    bus = bus or "default"
    try:
        answer = events.describe_rule(Name=name, EventBusName=bus)
    except events.exceptions.ResourceNotFoundException as error:
        remedy = "run it in the rule's account and region; if the route is gone, look its findings up in Macie"
        raise ReplayError(f"{rule} must be a rule, got none; {remedy}") from error
    sources = [one for one in json.loads(answer.get("EventPattern", "{}")).get("source", []) if isinstance(one, str)]
    if not sources or not sources[-1].startswith(OWN):
        remedy = "give the queue of a route of MacieToEventBridge"
        raise ReplayError(f"{rule} must listen to a source that begins with {OWN}, got {sources}; {remedy}")
    return sources[-1], bus


def send(events: Any, event: dict[str, Any], place: Place) -> None:
    """Send a finding.

    Args:
        events: A client.
        event: The event as it was.
        place: Where to.

    Raises:
        ReplayError: If EventBridge does not take it.
    """
    source, bus = place
    entry = {
        "Source": source,
        "DetailType": event["detail-type"],
        "Detail": json.dumps(event["detail"]),
        "EventBusName": bus,
    }
    taken = events.put_events(Entries=[entry])
    if taken["FailedEntryCount"]:
        why = taken["Entries"][0].get("ErrorMessage", "no reason")
        raise ReplayError(f"bus {bus} must take finding {event['detail']['id']}, got {why}; mend it and run again")


def _place(message: dict[str, Any], places: Callable[[str], Place], source: str | None, bus: str) -> Place:
    rule = message.get("MessageAttributes", {}).get("RULE_ARN")
    if rule is not None:
        return places(rule["StringValue"])
    if source is None:
        finding = json.loads(message["Body"])["detail"]["id"]
        remedy = "run again with --source, the source of the route Quarantine (the output QuarantineReplaySource)"
        raise ReplayError(f"finding {finding} must name the rule that it came from, got no RULE_ARN; {remedy}")
    return source, bus


def main() -> None:
    """Replay the queue named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue-url", required=True, help="an output of the stack, as TicketsDeadLetterQueueUrl")
    parser.add_argument(
        "--source", help="only for what the quarantine function failed on: replay_source of the route Quarantine"
    )
    parser.add_argument("--bus", default="default", help="with --source: the bus of that route, if not the default")
    given = parser.parse_args()
    try:
        count = replay(boto3.client("sqs"), boto3.client("events"), given.queue_url, given.source, given.bus)
    except ReplayError as problem:
        sys.exit(f"error: {problem}")
    print(f"{count} findings sent again; what fails again is back in the queue")


if __name__ == "__main__":
    main()
