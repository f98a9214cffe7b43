"""What the actions of a rule do besides its stream, and what becomes of a message that one of them fails for."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager
from typing import Any

from sandbox.devices import Device
from sandbox.operations import body, denied, keys, lines, listener, waiting
from sandbox.run import Run

from . import Broken, Deployment, Outcome, must_be

STACK = "IotActions"
DEPLOYMENT = Deployment((STACK,), app="sandbox/scenarios/apps/iot_actions.py")
ROLES = {
    "SqsAction": ("Sqs", "sqs:SendMessage"),
    "SnsAction": ("Sns", "sns:Publish"),
    "KinesisAction": ("Kinesis", "kinesis:PutRecord"),
    "StepFunctionsAction": ("StepFunctions", "states:StartExecution"),
    "DynamoDBv2Action": ("DynamoDb", "dynamodb:PutItem"),
    "RepublishAction": ("Republish", "iot:Publish"),
    "S3Action": ("S3Object", "s3:PutObject"),
}
"""What AWS IoT calls an action, the construct that its role is below, and what that role is for."""
KINDS = ("LambdaAction", *ROLES)


def each_arrives(run: Run) -> Outcome:
    """A reading of a device is at all nine targets, once and whole.

    Args:
        run: The embedded AWS.
    """
    with _device(run, "heater") as device:
        alerts = device.hear("actions/heater/alert")
        device.publish("actions/heater/reading", [{"id": 1, "where": {"hall": [1, 2]}}])
        whole = {"id": 1, "where": {"hall": [1, 2]}, "device": "heater"}
        places = _places(run, alerts)
        for kind, look in places.items():
            run.wait(f"the reading of {kind}", look)
            must_be(look() == [whole], f"{kind}: got {look()}, expected [{whole}]")
        bucket = run.resource(STACK, "AWS::S3::Bucket", "IngestS3Bucket")
        run.wait("the reading in the stream's bucket", lambda: lines(run, bucket, "data/"))
    _none_failed(run)
    return Outcome("1 message over MQTT", f"at the targets of {len(places)} actions, and in the stream's bucket")


def function_raises(run: Run) -> Outcome:
    """A function that raises is tried again; then its event is in the rule's error queue, and the alarm rings.

    Before any other message is in the error queue: an alarm that rang goes on for minutes.

    Args:
        run: The embedded AWS.
    """
    alarms = run.resource(STACK, "AWS::SNS::Topic", "Alarms")
    with _device(run, "oven") as device, listener(run, alarms) as ears:
        device.publish("actions/oven/reading", [{"id": 200, "fail": True}])
        (told,) = run.wait("the error queue", lambda: _failed(run))
        must_be(told["requestPayload"] == {"id": 200, "fail": True, "device": "oven"}, f"the event is {told}")
        must_be(told["requestContext"]["approximateInvokeCount"] == 3, f"it was not tried 3 times: {told}")
        must_be("makes no sense" in told["responsePayload"]["errorMessage"], f"it does not say why: {told}")
        ears.must_hear("ErrorQueueNotEmpty")
    readings = waiting(run, _queue(run, "Readings"))
    must_be(any(one["id"] == 200 for one in readings), f"the queue does not have the message: {readings}")
    _forget(run)
    return Outcome("1 message that the function raises for", "at the other targets", "1 in the error queue, alarm rang")


def each_fails_alone(run: Run) -> Outcome:
    """Each action is cut once: its message is in the error queue, says why, and went to all other targets.

    Args:
        run: The embedded AWS.
    """
    numbers = {kind: 100 + number for number, kind in enumerate(KINDS)}
    with _device(run, "cutter") as device:
        alerts = device.hear("actions/cutter/alert")
        for kind, number in numbers.items():
            with _cut(run, kind):
                device.publish("actions/cutter/reading", [{"id": number}])
        told = run.wait("eight messages", lambda: found if len(found := _failed(run)) == len(KINDS) else None)
        for message in told:
            number = json.loads(base64.b64decode(message["base64OriginalPayload"]))["id"]
            (failure,) = message["failures"]
            must_be(numbers[failure["failedAction"]] == number, f"message {number} failed for {failure}")
            must_be("not authorized to perform" in failure["errorMessage"], f"it does not say why: {failure}")
        for kind, look in _places(run, alerts).items():
            others = sorted(number for name, number in numbers.items() if name != kind)
            _wait_for(run, kind, look, others)
    _forget(run)
    return Outcome("8 messages, each with one action cut", "each at the 7 other targets", "8 in the error queue")


def _places(run: Run, alerts: list[bytes]) -> Mapping[str, Callable[[], list[Any]]]:
    """What looks at the target of each kind of action, for messages with an id."""

    def queue(name: str) -> Callable[[], list[Any]]:
        url = _queue(run, name)
        return lambda: waiting(run, url)

    return {
        "LambdaAction": queue("Called"),
        "SqsAction": queue("Readings"),
        "SnsAction": queue("Heard"),
        "KinesisAction": lambda: _records(run),
        "StepFunctionsAction": lambda: _inputs(run),
        "DynamoDBv2Action": lambda: _items(run),
        "RepublishAction": lambda: [json.loads(one) for one in alerts],
        "S3Action": lambda: _objects(run),
    }


def _wait_for(run: Run, kind: str, look: Callable[[], list[Any]], numbers: list[int]) -> None:
    """Wait until a target has these messages of the cut ones, and no other one."""

    def found() -> bool:
        return sorted(one["id"] for one in look() if one["id"] in range(100, 200)) == numbers

    try:
        run.wait(f"the messages at the target of {kind}", found, 20)
    except Broken as problem:
        raise Broken(f"{problem}: got {look()}, expected {numbers}") from problem


def _device(run: Run, name: str) -> Device:
    return Device(run, name, run.resource(STACK, "AWS::IoT::Policy"))


def _queue(run: Run, name: str) -> str:
    found = run.resources(STACK, "AWS::SQS::Queue", name)
    must_be(len(found) == 1, f"{STACK} has {len(found)} queues {name}")
    return found[0]


def _cut(run: Run, kind: str) -> AbstractContextManager[None]:
    if kind == "LambdaAction":
        return _uninvited(run)
    construct, action = ROLES[kind]
    return denied(run, run.resource(STACK, "AWS::IAM::Role", f"Ingest{construct}Role"), [action])


@contextmanager
def _uninvited(run: Run) -> Iterator[None]:
    """Take the permission of the rule from the function's policy while the context lasts."""
    client, name = run.client("lambda"), run.resource(STACK, "AWS::Lambda::Function", "Function")
    (one,) = json.loads(client.get_policy(FunctionName=name)["Policy"])["Statement"]
    client.remove_permission(FunctionName=name, StatementId=one["Sid"])
    try:
        yield
    finally:
        conditions = {key: value for test in one["Condition"].values() for key, value in test.items()}
        client.add_permission(
            FunctionName=name,
            StatementId=one["Sid"],
            Action=one["Action"],
            Principal=one["Principal"]["Service"],
            SourceArn=conditions["AWS:SourceArn"],
            SourceAccount=conditions["AWS:SourceAccount"],
        )


def _failed(run: Run) -> list[dict[str, Any]]:
    return waiting(run, _queue(run, "IngestErrorQueue"))


def _none_failed(run: Run) -> None:
    must_be(not _failed(run), f"there are messages in the error queue: {_failed(run)}")


def _forget(run: Run) -> None:
    """Empty the error queue for the scenarios that come later."""
    run.client("sqs").purge_queue(QueueUrl=_queue(run, "IngestErrorQueue"))


def _records(run: Run) -> list[Any]:
    kinesis, stream = run.client("kinesis"), run.resource(STACK, "AWS::Kinesis::Stream")
    found = []
    for shard in kinesis.list_shards(StreamName=stream)["Shards"]:
        where = {"StreamName": stream, "ShardId": shard["ShardId"], "ShardIteratorType": "TRIM_HORIZON"}
        start = kinesis.get_shard_iterator(**where)["ShardIterator"]
        found += [json.loads(record["Data"]) for record in kinesis.get_records(ShardIterator=start)["Records"]]
    return found


def _inputs(run: Run) -> list[Any]:
    states, machine = run.client("stepfunctions"), run.resource(STACK, "AWS::StepFunctions::StateMachine")
    executions = states.list_executions(stateMachineArn=machine)["executions"]
    arns = [one["executionArn"] for one in executions if one["name"].startswith("reading-")]
    return [json.loads(states.describe_execution(executionArn=arn)["input"]) for arn in arns]


def _items(run: Run) -> list[Any]:
    """The items of the table, with numbers and lists as in JSON."""
    table = run.resource(STACK, "AWS::DynamoDB::Table")
    found = run.client("dynamodb").scan(TableName=table)["Items"]
    return [{name: _plain(value) for name, value in item.items()} for item in found]


def _plain(value: Mapping[str, Any]) -> Any:
    ((kind, content),) = value.items()
    if kind == "M":
        return {name: _plain(one) for name, one in content.items()}
    if kind == "L":
        return [_plain(one) for one in content]
    return int(content) if kind == "N" else content


def _objects(run: Run) -> list[Any]:
    bucket = run.resource(STACK, "AWS::S3::Bucket", "Objects")
    return [json.loads(body(run, bucket, key)) for key in keys(run, bucket, "readings/")]
