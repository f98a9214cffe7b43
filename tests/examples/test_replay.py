"""The replay tools lose nothing: what is deleted was taken, and a run ends though messages fail again."""

from __future__ import annotations

import base64
import gzip
import json
import time
from collections.abc import Iterator
from typing import Any

import pytest

from examples.iot_to_firehose import replay_errors, replay_queue
from tests.fakes.aws import FakeAws, FakeError

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/failed"
LATER = int(time.time() * 1000) + 3_600_000


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with FakeAws() as fake:
        yield fake


def calls(aws: FakeAws, operation: str, key: str) -> list[Any]:
    return [call.parameters[key] for call in aws.calls if call.operation == operation]


def message(number: int, topic: str, sent: int = 1) -> dict[str, Any]:
    payload = base64.b64encode(f"payload {number}".encode()).decode()
    body = {"ruleName": "rule", "topic": topic, "base64OriginalPayload": payload, "failures": []}
    return waiting(number, body, sent)


def waiting(number: int, body: object, sent: int = 1) -> dict[str, Any]:
    text = body if isinstance(body, str) else json.dumps(body)
    attributes = {"SentTimestamp": str(sent)}
    return {"MessageId": f"m{number}", "ReceiptHandle": f"r{number}", "Body": text, "Attributes": attributes}


def run_queue(aws: FakeAws, *, failed_only: bool = False) -> tuple[int, int]:
    clients = replay_queue.Clients(
        iot_data=aws.client("iot-data"),
        iot=aws.client("iot"),
        firehose=aws.client("firehose"),
        lambda_=aws.client("lambda"),
    )
    return replay_queue.replay(aws.client("sqs"), clients, QUEUE, failed_only=failed_only)


def holds_messages(aws: FakeAws, *messages: dict[str, Any], taken: bool = True) -> None:
    """Have messages in the queue; some of them leave it."""
    aws.reply("sqs", "ReceiveMessage", {"Messages": list(messages)})
    aws.reply("sqs", "ReceiveMessage", {})
    if taken:
        aws.reply("sqs", "DeleteMessage", {}, repeat=True)


def test_messages_reach_their_rule_alone_and_are_deleted_after_that(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, "fleet/a"), message(2, "$aws/rules/rule/fleet/b")]})
    aws.reply("sqs", "ReceiveMessage", {})
    aws.reply("iot-data", "Publish", {}, repeat=True)
    aws.reply("sqs", "DeleteMessage", {}, repeat=True)
    assert run_queue(aws) == (2, 0)
    assert calls(aws, "Publish", "topic") == ["$aws/rules/rule/fleet/a", "$aws/rules/rule/fleet/b"]
    assert calls(aws, "Publish", "payload") == [b"payload 1", b"payload 2"]
    order = [call.operation for call in aws.calls]
    assert order == ["ReceiveMessage", *["Publish", "DeleteMessage"] * 2, "ReceiveMessage"]
    assert aws.actions() == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "iot:Publish"}


def test_a_message_that_is_not_taken_stays_in_the_queue(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, "fleet/a")]})
    aws.reply("iot-data", "Publish", FakeError("ThrottlingException", "slow down", 429))
    with pytest.raises(aws.client("iot-data").exceptions.ThrottlingException):
        run_queue(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def test_a_run_ends_when_only_messages_are_left_that_failed_again(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, "fleet/a", LATER)]})
    assert run_queue(aws) == (0, 0)


FUNCTION = "arn:aws:lambda:eu-west-1:111122223333:function:check"
RULE: dict[str, Any] = {
    "ruleName": "rule",
    "sql": "SELECT * FROM 'fleet/+'",
    "actions": [
        {"firehose": {"roleArn": "arn:aws:iam::111122223333:role/r", "deliveryStreamName": "s", "separator": "\n"}},
        {"lambda": {"functionArn": FUNCTION}},
        {"sqs": {"roleArn": "arn:aws:iam::111122223333:role/r", "queueUrl": QUEUE}},
    ],
}


def undelivered(number: int, *failures: tuple[str, str], payload: bytes = b'{"t": 1}') -> dict[str, Any]:
    told = [{"failedAction": action, "failedResource": where, "errorMessage": "no"} for action, where in failures]
    encoded = base64.b64encode(payload).decode()
    return waiting(number, {"ruleName": "rule", "topic": "fleet/a", "base64OriginalPayload": encoded, "failures": told})


def test_what_a_function_failed_on_is_given_to_that_function_alone(aws: FakeAws) -> None:
    record = {
        "version": "1.0",
        "requestContext": {"functionArn": f"{FUNCTION}:$LATEST", "condition": "RetriesExhausted"},
        "requestPayload": {"device": "a", "temperature": 91},
        "responsePayload": {"errorMessage": "no"},
    }
    holds_messages(aws, waiting(1, record))
    aws.reply("lambda", "Invoke", {"StatusCode": 202})
    assert run_queue(aws) == (1, 0)
    (call,) = [call for call in aws.calls if call.operation == "Invoke"]
    assert call.parameters == {
        "FunctionName": f"{FUNCTION}:$LATEST",
        "InvocationType": "Event",
        "Payload": b'{"device": "a", "temperature": 91}',
    }
    assert aws.actions() == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "lambda:InvokeFunction"}


def test_only_what_failed_gets_a_message_if_that_is_wanted(aws: FakeAws) -> None:
    holds_messages(
        aws,
        undelivered(1, ("FirehoseAction", "s"), ("LambdaAction", FUNCTION)),
        undelivered(2, ("FirehoseAction", "s")),
    )
    aws.reply("iot", "GetTopicRule", {"rule": RULE})
    aws.reply("firehose", "PutRecord", {"RecordId": "1"}, repeat=True)
    aws.reply("lambda", "Invoke", {"StatusCode": 202})
    assert run_queue(aws, failed_only=True) == (2, 0)
    assert calls(aws, "PutRecord", "Record") == [{"Data": b'{"t": 1}\n'}] * 2
    assert calls(aws, "Invoke", "Payload") == [b'{"t": 1}']


@pytest.mark.parametrize(
    ("sql", "failures", "reason"),
    [
        ("SELECT *, topic(2) AS d FROM 'fleet/+'", [("FirehoseAction", "s")], "rule rule does not select * alone"),
        (RULE["sql"], [("SqsAction", QUEUE)], f"SqsAction on {QUEUE} is neither a stream nor a function of rule rule"),
        (RULE["sql"], [("FirehoseAction", "s"), ("FirehoseAction", "gone")], "FirehoseAction on gone is neither"),
    ],
    ids=["another payload", "another action", "one of two"],
)
def test_what_only_the_rule_can_do_is_left_in_the_queue_whole(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], sql: str, failures: list[tuple[str, str]], reason: str
) -> None:
    holds_messages(aws, undelivered(1, *failures), taken=False)
    aws.reply("iot", "GetTopicRule", {"rule": {**RULE, "sql": sql}})
    assert run_queue(aws, failed_only=True) == (0, 1)
    assert f"m1 is left: {reason}" in capsys.readouterr().err
    assert aws.actions() == {"sqs:ReceiveMessage", "iot:GetTopicRule"}


@pytest.mark.parametrize(
    ("action", "payload", "reason"),
    [("LambdaAction", b"\xff", "functions take nothing but JSON"), ("", b"{}", "it does not say what failed")],
    ids=["binary", "no failures"],
)
def test_a_message_that_cannot_be_given_to_what_failed_is_left(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], action: str, payload: bytes, reason: str
) -> None:
    holds_messages(aws, undelivered(1, *([(action, FUNCTION)] if action else []), payload=payload), taken=False)
    if action:
        aws.reply("iot", "GetTopicRule", {"rule": RULE})
    assert run_queue(aws, failed_only=True) == (0, 1)
    assert reason in capsys.readouterr().err


def test_an_array_that_the_rule_takes_apart_is_left(aws: FakeAws) -> None:
    holds_messages(aws, undelivered(1, ("FirehoseAction", "s"), payload=b"[1]"), taken=False)
    stream = {**RULE["actions"][0]["firehose"], "batchMode": True}
    aws.reply("iot", "GetTopicRule", {"rule": {**RULE, "actions": [{"firehose": stream}]}})
    assert run_queue(aws, failed_only=True) == (0, 1)


@pytest.mark.parametrize("body", ["no JSON", "[1]", '{"detail": 1}', '"requestPayload"'])
def test_a_message_of_another_kind_is_left_and_others_are_replayed(aws: FakeAws, body: str) -> None:
    holds_messages(aws, waiting(1, body), message(2, "fleet/a"))
    aws.reply("iot-data", "Publish", {})
    assert run_queue(aws) == (1, 1)
    assert calls(aws, "DeleteMessage", "ReceiptHandle") == ["r2"]


def test_a_function_that_is_gone_does_not_stand_in_the_way(aws: FakeAws) -> None:
    record = {"requestContext": {"functionArn": FUNCTION}, "requestPayload": {}}
    holds_messages(aws, waiting(1, record), message(2, "fleet/a"))
    aws.reply("lambda", "Invoke", FakeError("ResourceNotFoundException", "gone", 404))
    aws.reply("iot-data", "Publish", {})
    assert run_queue(aws) == (1, 1)
    assert calls(aws, "DeleteMessage", "ReceiptHandle") == ["r2"]


def test_a_run_ends_when_it_comes_across_what_it_has_left(aws: FakeAws) -> None:
    for _ in range(2):
        aws.reply("sqs", "ReceiveMessage", {"Messages": [waiting(1, "no JSON")]})
    assert run_queue(aws) == (0, 1)


def failed(*records: bytes) -> bytes:
    lines = (json.dumps({"errorCode": "x", "rawData": base64.b64encode(data).decode()}) for data in records)
    return "\n".join(lines).encode()


def holds(aws: FakeAws, body: bytes) -> None:
    aws.reply("s3", "ListObjectsV2", {"Contents": [{"Key": "errors/1"}], "IsTruncated": False})
    aws.reply("s3", "GetObject", {"Body": body})


def takes(aws: FakeAws, count: int, *refused: int) -> None:
    answers = [{"ErrorCode": "Slow"} if number in refused else {"RecordId": "1"} for number in range(count)]
    aws.reply("firehose", "PutRecordBatch", {"FailedPutCount": len(refused), "RequestResponses": answers})


def run_errors(aws: FakeAws) -> int:
    return replay_errors.replay(aws.client("s3"), aws.client("firehose"), "b", "errors/", "s")


def put_records(aws: FakeAws) -> list[list[bytes]]:
    return [[one["Data"] for one in records] for records in calls(aws, "PutRecordBatch", "Records")]


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_failed_records_are_put_again_and_their_object_is_deleted(aws: FakeAws, pack: Any) -> None:
    holds(aws, pack(failed(b"one\n", b"two\n")))
    takes(aws, 2)
    aws.reply("s3", "DeleteObject", {})
    assert run_errors(aws) == 2
    assert put_records(aws) == [[b"one\n", b"two\n"]]
    assert aws.calls[-1].operation == "DeleteObject"
    assert aws.actions() == {"s3:ListBucket", "s3:GetObject", "firehose:PutRecordBatch", "s3:DeleteObject"}


def test_records_that_the_stream_refuses_are_put_again_alone(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    takes(aws, 3, 1, 2)
    takes(aws, 2, 0)
    takes(aws, 1)
    replay_errors.put(aws.client("firehose"), "s", [b"one", b"two", b"three"])
    assert put_records(aws) == [[b"one", b"two", b"three"], [b"two", b"three"], [b"two"]]
    assert waits == [1, 2]


def test_an_object_stays_when_the_stream_does_not_take_its_records(aws: FakeAws) -> None:
    holds(aws, failed(b"one"))
    for _ in range(replay_errors.TRIES):
        takes(aws, 1, 0)
    with pytest.raises(RuntimeError, match="s must take 1 more records, got throttled 5 times; run again later"):
        run_errors(aws)
    assert "DeleteObject" not in {call.operation for call in aws.calls}


def test_documents_that_opensearch_did_not_take_are_records_too(aws: FakeAws) -> None:
    told = {
        "attemptsMade": 1,
        "errorCode": "400",
        "errorMessage": "mapper_parsing_exception",
        "rawData": base64.b64encode(b'{"t": "mild"}').decode(),
        "esDocumentId": "1",
        "esIndexName": "telemetry-2026-11-24",
    }
    holds(aws, gzip.compress(json.dumps(told).encode()))
    takes(aws, 1)
    aws.reply("s3", "DeleteObject", {})
    assert run_errors(aws) == 1
    assert put_records(aws) == [[b'{"t": "mild"}']]


@pytest.mark.parametrize("body", [b'{"entries": []}', b"no JSON", b"[1]"], ids=["manifest", "text", "list"])
def test_an_object_that_is_no_failed_record_is_left(aws: FakeAws, body: bytes) -> None:
    holds(aws, body)
    assert run_errors(aws) == 0
    assert aws.actions() == {"s3:ListBucket", "s3:GetObject"}


def test_batches_respect_both_limits_of_a_call() -> None:
    assert [len(batch) for batch in replay_errors.batches([b"x"] * 1001)] == [500, 500, 1]
    assert [len(batch) for batch in replay_errors.batches([b"x" * 2**20] * 5)] == [4, 1]
