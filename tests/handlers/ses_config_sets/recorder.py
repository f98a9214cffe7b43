"""The recorder of feedback with a table in memory, whose conditions moto decides about."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from moto.dynamodb.comparisons import get_filter_expression
from moto.dynamodb.models.dynamo_type import DynamoType, Item

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context, load
from tests.handlers.ses_config_sets.events import SET, Event

SETTINGS = {"TABLE_NAME": "contacts", "STREAMS": json.dumps({SET: "receipts"}), "KEEP_TRANSIENT_DAYS": "90"}


class Recorder:
    """The handler and its table.

    Args:
        aws: The fake AWS; in place already.

    Attributes:
        items: What is in the table, by address and event, without types.
        failing: Addresses for which the table refuses to take anything, to the code of its error.
    """

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.items: dict[tuple[str, str], dict[str, str]] = {}
        self.failing: dict[str, str] = {}
        self.module = load("ses_config_sets", "feedback_recorder")
        aws.reply("dynamodb", "PutItem", self._put, repeat=True)

    def run(self, *messages: Event | str, context: Context | None = None) -> list[str]:
        """Give a batch of messages, named m0, m1 ..., and return those that must come again."""
        records = [
            {
                "messageId": f"m{number}",
                "receiptHandle": "handle",
                "body": message if isinstance(message, str) else json.dumps(message) + "\n",
                "attributes": {"ApproximateReceiveCount": "1"},
                "messageAttributes": {},
                "eventSource": "aws:sqs",
                "eventSourceARN": "arn:aws:sqs:eu-central-1:111122223333:feedback",
                "awsRegion": "eu-central-1",
            }
            for number, message in enumerate(messages)
        ]
        answer = self.module.handler({"Records": records}, context or Context(60))
        assert list(answer) == ["batchItemFailures"]
        assert all(list(failure) == ["itemIdentifier"] for failure in answer["batchItemFailures"])
        return [failure["itemIdentifier"] for failure in answer["batchItemFailures"]]

    def clear(self) -> None:
        """Forget what was done, for the next test."""
        self.items.clear()
        self.failing.clear()
        self.aws.calls.clear()

    @property
    def item(self) -> dict[str, str]:
        """The only item of the table."""
        (item,) = self.items.values()
        return item

    @property
    def puts(self) -> list[dict[str, Any]]:
        return [call.parameters for call in self.aws.calls if call.operation == "PutItem"]

    def _put(self, parameters: dict[str, Any]) -> dict[str, Any]:
        assert parameters["TableName"] == "contacts"
        new: dict[str, dict[str, str]] = parameters["Item"]
        if "address" not in new:
            raise FakeError("ValidationException", "One of the required keys was not given a value")
        if code := self.failing.get(new["address"]["S"]):
            raise FakeError(code, f"refused {new['address']['S']}")
        key = (new["address"]["S"], new["event"]["S"])
        types = {name: {"N" if name == "expires_at" else "S": text} for name, text in self.items.get(key, {}).items()}
        old = Item(DynamoType(new["address"]), DynamoType(new["event"]), types)
        condition = parameters["ConditionExpression"]
        if not get_filter_expression(condition, None, parameters["ExpressionAttributeValues"]).expr(old):
            raise FakeError("ConditionalCheckFailedException", "The conditional request failed")
        self.items[key] = {name: next(iter(value.values())) for name, value in new.items()}
        return {}


@contextmanager
def recorder_in_aws(**settings: str) -> Iterator[Recorder]:
    """Give a recorder with an empty table, at the end of which all calls must have been expected."""
    with pytest.MonkeyPatch.context() as patch, FakeAws() as aws:
        for name, value in {**SETTINGS, **settings}.items():
            patch.setenv(name, value)
        aws.patch(patch)
        yield Recorder(aws)


@pytest.fixture(scope="module")
def shared_recorder() -> Iterator[Recorder]:
    with recorder_in_aws() as made:
        yield made


@pytest.fixture
def recorder(shared_recorder: Recorder) -> Recorder:
    shared_recorder.clear()
    return shared_recorder
