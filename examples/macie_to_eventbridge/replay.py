#!/usr/bin/env python3
"""Send the findings of a dead-letter queue to their route again, and to no other.

Each is deleted from the queue after EventBridge has taken it. Findings that fail again come back to the queue and are
left there, so that the run ends.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from typing import Any

import boto3


def replay(sqs: Any, events: Any, queue_url: str, source: str, bus: str) -> int:
    """Send what is in the queue now and return how many findings that were.

    Args:
        sqs: A client.
        events: A client.
        queue_url: The queue.
        source: The source that only the route listens to.
        bus: The bus that the route listens to.

    Raises:
        RuntimeError: If EventBridge does not take a finding, which stays in the queue.
    """
    started = time.time() * 1000
    count = 0
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=2,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        waiting = [one for one in answer.get("Messages", []) if int(one["Attributes"]["SentTimestamp"]) < started]
        if not waiting:
            return count
        for message in waiting:
            event = json.loads(message["Body"])
            entry = {
                "Source": source,
                "DetailType": event["detail-type"],
                "Detail": json.dumps(event["detail"]),
                "EventBusName": bus,
            }
            taken = events.put_events(Entries=[entry])
            if taken["FailedEntryCount"]:
                why = taken["Entries"][0].get("ErrorMessage", "no reason")
                finding = event["detail"]["id"]
                raise RuntimeError(f"bus {bus} must take finding {finding}, got {why}; mend it and run again")
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            count += 1
        print(f"{count} sent ...", file=sys.stderr)


def main() -> None:
    """Replay the queue named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue-url", required=True, help="an output of the stack that ends in DeadLetterQueueUrl")
    parser.add_argument("--source", required=True, help="the output ReplaySource of the same route")
    parser.add_argument("--bus", default="default", help="the bus that the route listens to, if it is not the default")
    given = parser.parse_args()
    count = replay(boto3.client("sqs"), boto3.client("events"), given.queue_url, given.source, given.bus)
    print(f"{count} findings sent again; what fails again is back in the queue")


if __name__ == "__main__":
    main()
