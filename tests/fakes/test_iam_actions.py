"""Each call is known by the action that IAM checks for it."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.fakes.iam_actions import ACTIONS


@pytest.fixture
def aws() -> FakeAws:
    return FakeAws()


@pytest.mark.parametrize(
    ("service", "operation", "parameters", "reply", "actions"),
    [
        ("s3", "ListObjectsV2", {"Bucket": "lake"}, {}, {"s3:ListBucket"}),
        ("s3", "HeadObject", {"Bucket": "lake", "Key": "a"}, {}, {"s3:GetObject"}),
        ("s3", "GetObject", {"Bucket": "lake", "Key": "a", "VersionId": "1"}, {}, {"s3:GetObjectVersion"}),
        (
            "s3",
            "DeleteObjects",
            {"Bucket": "lake", "Delete": {"Objects": [{"Key": "a", "VersionId": "1"}]}},
            {},
            {"s3:DeleteObjectVersion"},
        ),
        ("s3", "CopyObject", {"Bucket": "b", "Key": "a", "CopySource": "c/d"}, {}, {"s3:GetObject", "s3:PutObject"}),
        ("iot-data", "Publish", {"topic": "a"}, {}, {"iot:Publish"}),
        (
            "firehose",
            "PutRecordBatch",
            {"DeliveryStreamName": "s", "Records": [{"Data": b"x"}]},
            {"FailedPutCount": 0, "RequestResponses": [{"RecordId": "1"}]},
            {"firehose:PutRecordBatch"},
        ),
        ("lambda", "Invoke", {"FunctionName": "f"}, {}, {"lambda:InvokeFunction"}),
        ("sesv2", "GetConfigurationSet", {"ConfigurationSetName": "c"}, {}, {"ses:GetConfigurationSet"}),
        ("logs", "DescribeLogGroups", {}, {}, {"logs:DescribeLogGroups"}),
        ("events", "DescribeRule", {"Name": "r"}, {}, {"events:DescribeRule"}),
        ("cloudwatch", "DescribeAlarms", {}, {}, {"cloudwatch:DescribeAlarms"}),
        ("stepfunctions", "ListStateMachines", {}, {"stateMachines": []}, {"states:ListStateMachines"}),
        ("sts", "GetCallerIdentity", {}, {}, set()),
    ],
)
def test_a_call_needs_the_action_that_iam_names(
    aws: FakeAws, service: str, operation: str, parameters: dict[str, Any], reply: dict[str, Any], actions: set[str]
) -> None:
    aws.reply(service, operation, reply)
    client = aws.client(service)
    method = next(name for name, known in client.meta.method_to_api_mapping.items() if known == operation)
    getattr(client, method)(**parameters)
    assert aws.actions() == actions


def test_an_operation_without_an_action_of_its_name_must_be_mapped(aws: FakeAws) -> None:
    aws.reply("dynamodb", "TransactWriteItems", {})
    aws.client("dynamodb").transact_write_items(
        TransactItems=[{"Delete": {"TableName": "t", "Key": {"id": {"S": "a"}}}}]
    )
    with pytest.raises(ValueError, match="add 'dynamodb:TransactWriteItems' to ACTIONS") as error:
        aws.actions()
    assert "dynamodb TransactWriteItems must have an IAM action that exists" in str(error.value)


def test_every_operation_in_the_mapping_exists(aws: FakeAws) -> None:
    for own in ACTIONS:
        service, operation = own.split(":")
        aws.reply(service, operation, lambda _: {})
