"""The replay tools lose nothing: what is deleted was taken, and a run ends though messages fail again.

Real clients on botocore's Stubber, which checks requests and answers against the service's model.
"""

from __future__ import annotations

import base64
import gzip
import io
import json
import time
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any

import boto3
import pytest
from botocore.response import StreamingBody
from botocore.stub import Stubber

from examples.iot_to_firehose import replay_errors, replay_queue

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/failed"
NOW = int(time.time() * 1000)


@pytest.fixture
def stubs() -> Iterator[dict[str, Stubber]]:
    keys = {"region_name": "eu-west-1", "aws_access_key_id": "test", "aws_secret_access_key": "test"}
    with ExitStack() as stack:
        made = {name: Stubber(boto3.client(name, **keys)) for name in ("sqs", "iot-data", "s3", "firehose")}
        for stub in made.values():
            stack.enter_context(stub)
        yield made
        for stub in made.values():
            stub.assert_no_pending_responses()


def message(number: int, topic: str, sent: int) -> dict[str, Any]:
    payload = base64.b64encode(f"payload {number}".encode()).decode()
    body = {"ruleName": "rule", "topic": topic, "base64OriginalPayload": payload, "failures": []}
    return {"ReceiptHandle": f"r{number}", "Body": json.dumps(body), "Attributes": {"SentTimestamp": str(sent)}}


def receives(stub: Stubber, *messages: dict[str, Any]) -> None:
    stub.add_response(
        "receive_message",
        {"Messages": list(messages)},
        {
            "QueueUrl": QUEUE,
            "MaxNumberOfMessages": 10,
            "WaitTimeSeconds": 2,
            "MessageSystemAttributeNames": ["SentTimestamp"],
        },
    )


def published(stub: Stubber, number: int, topic: str) -> None:
    stub.add_response("publish", {}, {"topic": topic, "qos": 1, "payload": f"payload {number}".encode()})


def deleted(stub: Stubber, number: int) -> None:
    stub.add_response("delete_message", {}, {"QueueUrl": QUEUE, "ReceiptHandle": f"r{number}"})


def run_queue(stubs: dict[str, Stubber]) -> int:
    return replay_queue.replay(stubs["sqs"].client, stubs["iot-data"].client, QUEUE)


def test_messages_reach_their_rule_alone_and_are_deleted_after_that(stubs: dict[str, Stubber]) -> None:
    receives(stubs["sqs"], message(1, "fleet/a", 1), message(2, "$aws/rules/rule/fleet/b", 1))
    for number, topic in ((1, "fleet/a"), (2, "fleet/b")):
        published(stubs["iot-data"], number, f"$aws/rules/rule/{topic}")
        deleted(stubs["sqs"], number)
    receives(stubs["sqs"])
    assert run_queue(stubs) == 2


def test_a_message_that_is_not_taken_stays_in_the_queue(stubs: dict[str, Stubber]) -> None:
    receives(stubs["sqs"], message(1, "fleet/a", 1))
    stubs["iot-data"].add_client_error("publish", "ThrottlingException")
    with pytest.raises(stubs["iot-data"].client.exceptions.ThrottlingException):
        run_queue(stubs)


def test_a_run_ends_when_only_messages_are_left_that_failed_again(stubs: dict[str, Stubber]) -> None:
    receives(stubs["sqs"], message(1, "fleet/a", NOW + 60_000))
    assert run_queue(stubs) == 0


def failed(*records: bytes) -> bytes:
    lines = (json.dumps({"errorCode": "x", "rawData": base64.b64encode(data).decode()}) for data in records)
    return "\n".join(lines).encode()


def holds(stub: Stubber, key: str, body: bytes) -> None:
    answer = {"Body": StreamingBody(io.BytesIO(body), len(body))}
    stub.add_response("get_object", answer, {"Bucket": "b", "Key": key})


def lists(stub: Stubber, *keys: str) -> None:
    answer = {"Contents": [{"Key": key} for key in keys], "IsTruncated": False}
    stub.add_response("list_objects_v2", answer, {"Bucket": "b", "Prefix": "errors/"})


def takes(stub: Stubber, records: list[bytes], refused: frozenset[int] = frozenset()) -> None:
    answers = [{"ErrorCode": "Slow"} if n in refused else {"RecordId": "1"} for n in range(len(records))]
    stub.add_response(
        "put_record_batch",
        {"FailedPutCount": len(refused), "RequestResponses": answers},
        {"DeliveryStreamName": "s", "Records": [{"Data": data} for data in records]},
    )


def run_errors(stubs: dict[str, Stubber]) -> int:
    return replay_errors.replay(stubs["s3"].client, stubs["firehose"].client, "b", "errors/", "s")


@pytest.mark.parametrize("pack", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_failed_records_are_put_again_and_their_object_is_deleted(stubs: dict[str, Stubber], pack: Any) -> None:
    lists(stubs["s3"], "errors/1")
    holds(stubs["s3"], "errors/1", pack(failed(b"one\n", b"two\n")))
    takes(stubs["firehose"], [b"one\n", b"two\n"])
    stubs["s3"].add_response("delete_object", {}, {"Bucket": "b", "Key": "errors/1"})
    assert run_errors(stubs) == 2


def test_records_that_the_stream_refuses_are_put_again_alone(
    stubs: dict[str, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    waits: list[float] = []
    monkeypatch.setattr(time, "sleep", waits.append)
    takes(stubs["firehose"], [b"one", b"two", b"three"], frozenset((1, 2)))
    takes(stubs["firehose"], [b"two", b"three"], frozenset((0,)))
    takes(stubs["firehose"], [b"two"])
    replay_errors.put(stubs["firehose"].client, "s", [b"one", b"two", b"three"])
    assert waits == [1, 2]


def test_an_object_stays_when_the_stream_does_not_take_its_records(
    stubs: dict[str, Stubber], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    lists(stubs["s3"], "errors/1")
    holds(stubs["s3"], "errors/1", failed(b"one"))
    for _ in range(replay_errors.TRIES):
        takes(stubs["firehose"], [b"one"], frozenset((0,)))
    with pytest.raises(RuntimeError, match="s must take 1 more records, got throttled 5 times; run again later"):
        run_errors(stubs)


def test_batches_respect_both_limits_of_a_call() -> None:
    assert [len(batch) for batch in replay_errors.batches([b"x"] * 1001)] == [500, 500, 1]
    assert [len(batch) for batch in replay_errors.batches([b"x" * 2**20] * 5)] == [4, 1]
