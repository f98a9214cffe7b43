"""A reply that the service cannot give is refused, with the place and the rule."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from tests.fakes.aws import FakeAws


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.mark.parametrize(
    ("service", "operation", "reply", "problem"),
    [
        ("sqs", "DeleteMessage", {"Done": True}, "reply must be empty, got {'Done': True}"),
        ("sqs", "ReceiveMessage", {"Messages": {}}, "reply.Messages must be a list, got {}"),
        ("sqs", "ReceiveMessage", {"Messages": [{"Body": 1}]}, "reply.Messages[0].Body must be str, got 1"),
        ("sqs", "ReceiveMessage", {"Messages": ["x"]}, "reply.Messages[0] must be a mapping, got 'x'"),
        ("sqs", "GetQueueAttributes", {"Attributes": []}, "reply.Attributes must be a map, got []"),
        ("firehose", "PutRecordBatch", {"RequestResponses": []}, "reply.FailedPutCount must be there, got none"),
        ("s3", "HeadObject", {"LastModified": "now"}, "reply.LastModified must be datetime, got 'now'"),
        ("s3", "HeadObject", {"ContentLength": True}, "reply.ContentLength must be int, got True"),
        ("s3", "GetObject", {"Body": "text"}, "reply.Body must be bytes, got 'text'"),
        ("kms", "DescribeKey", {"KeyMetadata": {}}, "reply.KeyMetadata.KeyId must be there, got none"),
        ("logs", "StartQuery", {"queryID": "1"}, "reply must have no key but queryId, got 'queryID'"),
        ("dynamodb", "GetItem", {"Item": {1: {"S": "a"}}}, "reply.Item key must be str, got 1"),
        (
            "cloudwatch",
            "DescribeAlarms",
            {"MetricAlarms": [{"StateValue": "BAD"}]},
            "reply.MetricAlarms[0].StateValue must be one of OK, ALARM, INSUFFICIENT_DATA, got 'BAD'",
        ),
        (
            "redshift-data",
            "GetStatementResult",
            {"Records": [[{"isNull": True, "longValue": 1}]]},
            "reply.Records[0][0] must have exactly one of isNull, booleanValue, longValue, doubleValue, stringValue, "
            "blobValue, got ['isNull', 'longValue']",
        ),
    ],
)
def test_rejects_a_reply_that_the_service_cannot_give(
    aws: FakeAws, service: str, operation: str, reply: dict[str, Any], problem: str
) -> None:
    with pytest.raises(ValueError, match="mend the reply") as error:
        aws.reply(service, operation, reply)
    assert str(error.value) == f"{service} {operation}: {problem}; mend the reply"


def test_rejects_a_time_without_a_zone(aws: FakeAws) -> None:
    with pytest.raises(ValueError, match="LastModified must have a time zone"):
        aws.reply("s3", "HeadObject", {"LastModified": datetime(2026, 1, 1)})
    aws.reply("s3", "HeadObject", {"LastModified": datetime(2026, 1, 1, tzinfo=UTC)})


def test_all_problems_of_a_reply_are_told_at_once(aws: FakeAws) -> None:
    with pytest.raises(ValueError, match="mend the reply") as error:
        aws.reply("sqs", "ReceiveMessage", {"Messages": [{"body": "x"}, {"MessageId": 1}]})
    assert len(str(error.value).splitlines()) == 2


def test_a_whole_reply_of_many_types_is_taken(aws: FakeAws) -> None:
    aws.reply(
        "dynamodb",
        "GetItem",
        {
            "Item": {"id": {"S": "a"}, "tags": {"L": [{"N": "1"}, {"NULL": True}]}, "raw": {"B": b"x"}},
            "ConsumedCapacity": {"TableName": "t", "CapacityUnits": 0.5},
        },
    )
    assert aws.client("dynamodb").get_item(TableName="t", Key={"id": {"S": "a"}})["Item"]["raw"] == {"B": b"x"}
