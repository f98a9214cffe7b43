"""The replay tool of findings loses none: what is deleted was taken, and a run ends though findings fail again."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from examples.macie_to_eventbridge import replay
from tests.fakes.aws import FakeAws, FakeError
from tests.unit.macie_to_eventbridge.findings import policy_finding, sensitive_finding

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/failed"
SOURCE = "cdk-refarch.macie.c8"
LATER = int(time.time() * 1000) + 60_000
TAKEN = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with FakeAws() as fake:
        yield fake


def message(number: int, event: dict[str, Any], sent: int = 1) -> dict[str, Any]:
    return {"ReceiptHandle": f"r{number}", "Body": json.dumps(event), "Attributes": {"SentTimestamp": str(sent)}}


def run(aws: FakeAws, bus: str = "default") -> int:
    return replay.replay(aws.client("sqs"), aws.client("events"), QUEUE, SOURCE, bus)


def entries(aws: FakeAws) -> list[dict[str, Any]]:
    return [entry for call in aws.calls if call.operation == "PutEvents" for entry in call.parameters["Entries"]]


def test_findings_reach_their_route_alone_and_are_deleted_after_that(aws: FakeAws) -> None:
    events = [sensitive_finding(key='"quoted"\n'), policy_finding()]
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(n, event) for n, event in enumerate(events)]})
    aws.reply("sqs", "ReceiveMessage", {})
    aws.reply("events", "PutEvents", TAKEN, repeat=True)
    aws.reply("sqs", "DeleteMessage", {}, repeat=True)
    assert run(aws, "audit") == 2
    sent = entries(aws)
    assert [json.loads(entry.pop("Detail")) for entry in sent] == [event["detail"] for event in events]
    assert sent == [{"Source": SOURCE, "DetailType": "Macie Finding", "EventBusName": "audit"}] * 2
    order = [call.operation for call in aws.calls]
    assert order == ["ReceiveMessage", *["PutEvents", "DeleteMessage"] * 2, "ReceiveMessage"]
    deleted = [call.parameters["ReceiptHandle"] for call in aws.calls if call.operation == "DeleteMessage"]
    assert deleted == ["r0", "r1"]
    assert aws.actions() == {"sqs:ReceiveMessage", "sqs:DeleteMessage", "events:PutEvents"}


def test_a_finding_that_eventbridge_does_not_take_stays_in_the_queue(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, policy_finding())]})
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "slow down"}
    aws.reply("events", "PutEvents", {"FailedEntryCount": 1, "Entries": [refused]})
    wanted = "bus default must take finding 64b917aa-3843-014c-91d8-937ffexample, got slow down; mend it and run again"
    with pytest.raises(RuntimeError, match=f"^{wanted}$"):
        run(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def test_a_call_that_fails_leaves_the_finding_in_the_queue(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, policy_finding())]})
    aws.reply("events", "PutEvents", FakeError("AccessDeniedException", "not here"))
    with pytest.raises(aws.client("events").exceptions.ClientError):
        run(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def test_a_run_ends_when_only_findings_are_left_that_failed_again(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, policy_finding(), LATER)]})
    assert run(aws) == 0


def test_the_command_says_how_many_were_sent(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(1, policy_finding())]})
    aws.reply("sqs", "ReceiveMessage", {})
    aws.reply("events", "PutEvents", TAKEN)
    aws.reply("sqs", "DeleteMessage", {})
    monkeypatch.setattr(boto3, "client", aws.client)
    monkeypatch.setattr(sys, "argv", ["replay.py", "--queue-url", QUEUE, "--source", SOURCE])
    replay.main()
    assert [entry["EventBusName"] for entry in entries(aws)] == ["default"]
    assert capsys.readouterr().out == "1 findings sent again; what fails again is back in the queue\n"
