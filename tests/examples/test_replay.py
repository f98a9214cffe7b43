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
    return {"ReceiptHandle": f"r{number}", "Body": json.dumps(body), "Attributes": {"SentTimestamp": str(sent)}}


def run_queue(aws: FakeAws) -> int:
    return replay_queue.replay(aws.client("sqs"), aws.client("iot-data"), QUEUE)


def test_messages_reach_their_rule_alone_and_are_deleted_after_that(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, "fleet/a"), message(2, "$aws/rules/rule/fleet/b")]})
    aws.reply("sqs", "ReceiveMessage", {})
    aws.reply("iot-data", "Publish", {}, repeat=True)
    aws.reply("sqs", "DeleteMessage", {}, repeat=True)
    assert run_queue(aws) == 2
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
    assert run_queue(aws) == 0


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


def test_batches_respect_both_limits_of_a_call() -> None:
    assert [len(batch) for batch in replay_errors.batches([b"x"] * 1001)] == [500, 500, 1]
    assert [len(batch) for batch in replay_errors.batches([b"x" * 2**20] * 5)] == [4, 1]
