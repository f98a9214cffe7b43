#!/usr/bin/env python3
"""Publish the messages of an error queue to their rule again.

Each is deleted from the queue after AWS IoT has taken it. Messages that fail again come back to the queue and are left
there, so that the run ends.
"""

from __future__ import annotations

import argparse
import base64
import json
import sys
import time
from typing import Any

import boto3


def replay(sqs: Any, iot_data: Any, queue_url: str) -> int:
    """Publish what is in the queue now and return how many messages that were.

    Args:
        sqs: A client.
        iot_data: A client for the account's AWS IoT data endpoint.
        queue_url: The queue.
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
            failed = json.loads(message["Body"])
            topic = failed["topic"]
            if not topic.startswith("$aws/rules/"):
                topic = f"$aws/rules/{failed['ruleName']}/{topic}"
            iot_data.publish(topic=topic, qos=1, payload=base64.b64decode(failed["base64OriginalPayload"]))
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            count += 1
        print(f"{count} published ...", file=sys.stderr)


def main() -> None:
    """Replay the queue named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--queue-url", required=True, help="the output ErrorQueueUrl of the stack")
    queue_url = parser.parse_args().queue_url
    endpoint = boto3.client("iot").describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    iot_data = boto3.client("iot-data", endpoint_url=f"https://{endpoint}")
    count = replay(boto3.client("sqs"), iot_data, queue_url)
    print(f"{count} messages published again; what fails again is back in the queue")


if __name__ == "__main__":
    main()
