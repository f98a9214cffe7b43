"""What the tests of refusals share: a stack to refuse in, resources to bring along, and the check itself."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3

from cdk_refarch import IotToFirehose, S3Sink

Cases = list[tuple[dict[str, Any], str]]

MIB = cdk.Size.mebibytes
SECONDS = cdk.Duration.seconds
BY_DEVICE = {"device": ".device"}
_APP, _HERE = cdk.App(), cdk.Environment(account="111122223333", region="eu-west-1")
stack = cdk.Stack(_APP, "Fleet", env=_HERE)
# What is accepted goes to another stack, or looking for what a refusal leaves behind takes longer with each.
legal = cdk.Stack(_APP, "Legal", env=_HERE)
BUCKET = s3.Bucket.from_bucket_name(stack, "Lake", "lake")
CODE = lambda_.Code.from_inline("h = print")
PYTHON = lambda_.Runtime.PYTHON_3_13
MANAGED = kms.Alias.from_alias_name(stack, "Managed", "alias/aws/sns")
EVENTS = iot.CfnTopicRule.IotEventsActionProperty(input_name="i", role_arn="r")
NO_DAYS: list[tuple[Any, str]] = [(float("nan"), "nan"), (float("inf"), "inf"), (1.5, "1.5")]
FUNCTION = lambda_.Function.from_function_arn(stack, "Fn", "arn:aws:lambda:eu-west-1:111122223333:function:f")


def sink(**arguments: Any) -> dict[str, Any]:
    return {"topic_filter": "a/+", "sinks": [S3Sink(**arguments)]}


def topic(topic_filter: str) -> dict[str, Any]:
    return {"topic_filter": topic_filter}


def refused(arguments: dict[str, Any], message: str) -> None:
    """Assert that arguments are refused in these words, and that nothing is left behind."""
    before = {construct.node.path for construct in stack.node.find_all()}
    with pytest.raises(ValueError, match="must be") as caught:
        IotToFirehose(stack, "Ingest", **arguments)
    assert str(caught.value) == f"Fleet/Ingest: {message}"
    assert {construct.node.path for construct in stack.node.find_all()} == before


def names(cases: Cases) -> list[str]:
    """Return ids for parametrized tests."""
    return [message[:60] for _, message in cases]
