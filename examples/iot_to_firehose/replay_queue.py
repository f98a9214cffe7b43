#!/usr/bin/env python3
"""Replay the messages of an error queue: publish them to their rule again, or give functions their events again.

What the rule could not deliver is published to the rule alone, which then does everything again: all sinks and all
actions get the message, also those that had it. With --failed-only just the streams and functions get it that it could
not be delivered to, where the statement of the rule changes nothing. What a function failed on is given to that
function in any case, and to nothing else.

Each message is deleted from the queue after it was taken. Messages that fail again come back to the queue and are left
there, so that the run ends. What cannot be replayed is left there too, and told.
"""

from __future__ import annotations

import argparse
import base64
import json
import re
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import boto3
from botocore.exceptions import ClientError

SELECTS_ALL = re.compile(r"\s*SELECT\s+\*\s+FROM\s", re.IGNORECASE)
"""A statement that hands messages on as they came."""

Call = Callable[[], object]
Message = Mapping[str, Any]


class NotReplayableError(Exception):
    """The message stays where it is; the reason is for people."""


@dataclass
class Clients:
    """Clients of what messages are replayed to, and what is known of rules.

    Attributes:
        iot_data: A client for the account's AWS IoT data endpoint.
        iot: A client, for ``failed_only``.
        firehose: A client, for ``failed_only``.
        lambda_: A client, for what functions failed on.
        actions: The actions of rules that were asked for, by the rule's name.
    """

    iot_data: Any
    iot: Any
    firehose: Any
    lambda_: Any
    actions: dict[str, list[dict[str, Any]]] = field(default_factory=dict)


def replay(sqs: Any, clients: Clients, queue_url: str, *, failed_only: bool = False) -> tuple[int, int]:
    """Replay what is in the queue now, and return how many messages that were and how many were left.

    Args:
        sqs: A client.
        clients: The clients of what messages are replayed to.
        queue_url: The queue.
        failed_only: Whether only what failed gets a message, instead of everything that the rule delivers to.
    """
    started = time.time() * 1000
    count, left = 0, set[str]()
    while True:
        answer = sqs.receive_message(
            QueueUrl=queue_url,
            MaxNumberOfMessages=10,
            WaitTimeSeconds=2,
            MessageSystemAttributeNames=["SentTimestamp"],
        )
        now = [one for one in answer.get("Messages", []) if int(one["Attributes"]["SentTimestamp"]) < started]
        # A run that takes longer than messages stay unseen comes across those again that it has left.
        waiting = [one for one in now if one["MessageId"] not in left]
        if not waiting:
            return count, len(left)
        for message in waiting:
            try:
                calls = plan(clients, message["Body"], failed_only=failed_only)
            except NotReplayableError as reason:
                left.add(message["MessageId"])
                print(f"{message['MessageId']} is left: {reason}", file=sys.stderr)
                continue
            try:
                for call in calls:
                    call()
            except ClientError as error:
                # A stream or function that is gone for good must not stand in the way of all others.
                if error.response["Error"]["Code"] != "ResourceNotFoundException":
                    raise
                left.add(message["MessageId"])
                print(f"{message['MessageId']} is left: {error}", file=sys.stderr)
                continue
            sqs.delete_message(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"])
            count += 1
        print(f"{count} replayed ...", file=sys.stderr)


def plan(clients: Clients, body: str, *, failed_only: bool) -> list[Call]:
    """Return the calls that replay a message.

    Args:
        clients: The clients.
        body: The message.
        failed_only: Whether only what failed gets it.

    Raises:
        NotReplayableError: If the message cannot be replayed in this way.
    """
    try:
        failed = json.loads(body)
        if "requestPayload" in failed:
            # https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
            return [invoke(clients, failed["requestContext"]["functionArn"], json.dumps(failed["requestPayload"]))]
        rule, topic = str(failed["ruleName"]), str(failed["topic"])
        payload = base64.b64decode(failed["base64OriginalPayload"])
        resources = [(one["failedAction"], one["failedResource"]) for one in failed["failures"]] if failed_only else []
    except (KeyError, TypeError, ValueError) as error:
        raise NotReplayableError("it is neither of an AWS IoT rule nor of a Lambda function") from error
    if failed_only:
        if not resources:
            raise NotReplayableError("it does not say what failed; run without --failed-only")
        return [again(clients, rule, action, resource, payload) for action, resource in resources]
    if not topic.startswith("$aws/rules/"):
        topic = f"$aws/rules/{rule}/{topic}"
    return [lambda: clients.iot_data.publish(topic=topic, qos=1, payload=payload)]


def again(clients: Clients, rule: str, action: str, resource: str, payload: bytes) -> Call:
    """Return the call that does one action of a rule again.

    Args:
        clients: The clients.
        rule: The rule's name.
        action: The kind of the action, as in ``FirehoseAction``.
        resource: What the action could not reach.
        payload: What was published.

    Raises:
        NotReplayableError: If only the rule itself can do it.
    """
    for one in actions(clients, rule):
        stream, function = one.get("firehose", {}), one.get("lambda", {})
        if action == "FirehoseAction" and stream.get("deliveryStreamName") == resource:
            if stream.get("batchMode"):
                raise NotReplayableError(f"rule {rule} takes messages apart; run without --failed-only")
            return put(clients, resource, payload + stream.get("separator", "").encode())
        if action == "LambdaAction" and function.get("functionArn") == resource:
            return invoke(clients, resource, json_text(payload))
    raise NotReplayableError(
        f"{action} on {resource} is neither a stream nor a function of rule {rule} now; run without --failed-only"
    )


def json_text(payload: bytes) -> str:
    """Return a payload as functions get it.

    Args:
        payload: What was published.

    Raises:
        NotReplayableError: If it is no JSON.
    """
    try:
        return json.dumps(json.loads(payload))
    except ValueError as error:
        raise NotReplayableError("functions take nothing but JSON; run without --failed-only") from error


def actions(clients: Clients, rule: str) -> list[dict[str, Any]]:
    """Return the actions of a rule that hands messages on as they came.

    Args:
        clients: The clients.
        rule: The rule's name.

    Raises:
        NotReplayableError: If it makes something else of messages, which only AWS IoT can do.
    """
    if rule not in clients.actions:
        found = clients.iot.get_topic_rule(ruleName=rule)["rule"]
        clients.actions[rule] = found["actions"] if SELECTS_ALL.match(found["sql"]) else []
    if not clients.actions[rule]:
        raise NotReplayableError(f"rule {rule} does not select * alone; run without --failed-only")
    return clients.actions[rule]


def put(clients: Clients, stream: str, data: bytes) -> Call:
    """Return the call that puts a record into a stream.

    Args:
        clients: The clients.
        stream: The stream's name.
        data: The record.
    """
    return lambda: clients.firehose.put_record(DeliveryStreamName=stream, Record={"Data": data})


def invoke(clients: Clients, function: str, event: str) -> Call:
    """Return the call that gives a function an event, as AWS IoT does.

    Args:
        clients: The clients.
        function: The ARN of the function, a version or an alias.
        event: The event.
    """
    return lambda: clients.lambda_.invoke(FunctionName=function, InvocationType="Event", Payload=event.encode())


def main() -> None:
    """Replay the queue named on the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--queue-url", required=True, help="the output ErrorQueueUrl of the stack")
    parser.add_argument("--failed-only", action="store_true", help="give messages to what failed, not to everything")
    asked = parser.parse_args()
    iot = boto3.client("iot")
    endpoint = iot.describe_endpoint(endpointType="iot:Data-ATS")["endpointAddress"]
    clients = Clients(
        iot_data=boto3.client("iot-data", endpoint_url=f"https://{endpoint}"),
        iot=iot,
        firehose=boto3.client("firehose"),
        lambda_=boto3.client("lambda"),
    )
    count, left = replay(boto3.client("sqs"), clients, asked.queue_url, failed_only=asked.failed_only)
    print(f"{count} messages replayed, {left} left; what fails again is back in the queue")


if __name__ == "__main__":
    main()
