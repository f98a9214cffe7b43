"""The replay tool of findings loses none and sends each to its own route; a run ends though findings fail again."""

from __future__ import annotations

import json
import re
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
LATER = int(time.time() * 1000) + 3_600_000
TAKEN = {"FailedEntryCount": 0, "Entries": [{"EventId": "1"}]}
RULES = "arn:aws:events:eu-west-1:111122223333:rule/"
RECONCILED = "cdk-refarch.macie.reconciled.c8"
PREFIX = {"prefix": "cdk-refarch.macie.forwarded."}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with FakeAws() as fake:
        yield fake


def message(number: int, event: dict[str, Any], sent: int = 1, rule: str | None = f"{RULES}tickets") -> dict[str, Any]:
    found = {"ReceiptHandle": f"r{number}", "Body": json.dumps(event), "Attributes": {"SentTimestamp": str(sent)}}
    named = {"RULE_ARN": {"DataType": "String", "StringValue": rule}}
    return found if rule is None else {**found, "MessageAttributes": named}


def waits(aws: FakeAws, *messages: dict[str, Any], all_taken: bool = True) -> None:
    """Have messages in the queue; all of them leave it, or the run ends with one of them."""
    aws.reply("sqs", "ReceiveMessage", {"Messages": list(messages)})
    if all_taken:
        aws.reply("sqs", "ReceiveMessage", {})
        aws.reply("events", "PutEvents", TAKEN, repeat=True)
        aws.reply("sqs", "DeleteMessage", {}, repeat=True)


def listens(aws: FakeAws, *sources: str | dict[str, str]) -> None:
    """Have a rule that is asked for next."""
    aws.reply("events", "DescribeRule", {"EventPattern": json.dumps({"source": sources})})


def run(aws: FakeAws, *given: str) -> int:
    return replay.replay(aws.client("sqs"), aws.client("events"), QUEUE, *given)


def parameters(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls if call.operation == operation]


def entries(aws: FakeAws) -> list[dict[str, Any]]:
    return [entry for call in aws.calls if call.operation == "PutEvents" for entry in call.parameters["Entries"]]


def test_findings_reach_their_route_alone_and_are_deleted_after_that(aws: FakeAws) -> None:
    events = [sensitive_finding(key='"quoted"\n'), policy_finding()]
    waits(aws, *(message(n, event) for n, event in enumerate(events)))
    listens(aws, "aws.macie", SOURCE)
    assert run(aws) == 2
    sent = entries(aws)
    assert [json.loads(entry.pop("Detail")) for entry in sent] == [event["detail"] for event in events]
    assert sent == [{"Source": SOURCE, "DetailType": "Macie Finding", "EventBusName": "default"}] * 2
    order = [call.operation for call in aws.calls]
    assert order == ["ReceiveMessage", "DescribeRule", *["PutEvents", "DeleteMessage"] * 2, "ReceiveMessage"]
    assert parameters(aws, "ReceiveMessage")[0]["MessageAttributeNames"] == ["RULE_ARN"]
    assert [one["ReceiptHandle"] for one in parameters(aws, "DeleteMessage")] == ["r0", "r1"]
    assert aws.actions() == {
        "sqs:ReceiveMessage",
        "sqs:DeleteMessage",
        "events:DescribeRule",
        "events:PutEvents",
    }


def test_findings_of_routes_that_share_a_queue_reach_each_its_own(aws: FakeAws) -> None:
    rules = [f"{RULES}tickets", f"{RULES}audit/central", f"{RULES}tickets", f"{RULES}aws.partner/a.com/b/central"]
    waits(aws, *(message(n, policy_finding(), rule=rule) for n, rule in enumerate(rules)))
    listens(aws, "aws.macie", RECONCILED, SOURCE)
    listens(aws, "aws.macie", PREFIX, "cdk-refarch.macie.c9")
    listens(aws, "aws.macie", "cdk-refarch.macie.c10", PREFIX)
    assert run(aws, "cdk-refarch.macie.unused", "unused") == 4
    assert [(one["Source"], one["EventBusName"]) for one in entries(aws)] == [
        (SOURCE, "default"),
        ("cdk-refarch.macie.c9", "audit"),
        (SOURCE, "default"),
        ("cdk-refarch.macie.c10", "aws.partner/a.com/b"),
    ]
    assert parameters(aws, "DescribeRule") == [
        {"Name": "tickets", "EventBusName": "default"},
        {"Name": "central", "EventBusName": "audit"},
        {"Name": "central", "EventBusName": "aws.partner/a.com/b"},
    ]


def test_findings_that_the_quarantine_failed_on_go_to_the_source_that_is_given(aws: FakeAws) -> None:
    waits(aws, message(1, sensitive_finding(), rule=None))
    assert run(aws, SOURCE, "audit") == 1
    assert [(one["Source"], one["EventBusName"]) for one in entries(aws)] == [(SOURCE, "audit")]


def stays(aws: FakeAws, wanted: str) -> None:
    with pytest.raises(replay.ReplayError, match=f"^{re.escape(wanted)}$"):
        run(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def test_a_finding_without_rule_and_source_stays_in_the_queue(aws: FakeAws) -> None:
    waits(aws, message(1, policy_finding(), rule=None), all_taken=False)
    stays(
        aws,
        "finding 64b917aa-3843-014c-91d8-937ffexample must name the rule that it came from, got no RULE_ARN; run again "
        "with --source, the source of the route Quarantine (the output QuarantineReplaySource)",
    )


def test_a_finding_whose_rule_is_gone_stays_in_the_queue(aws: FakeAws) -> None:
    waits(aws, message(1, policy_finding()), all_taken=False)
    aws.reply("events", "DescribeRule", FakeError("ResourceNotFoundException", "no such rule"))
    stays(
        aws,
        f"{RULES}tickets must be a rule, got none; run it in the rule's account and region; if the route is gone, look "
        "its findings up in Macie",
    )


@pytest.mark.parametrize(
    ("pattern", "got"),
    [
        ({"source": ["aws.macie", PREFIX]}, ["aws.macie"]),
        ({"source": [SOURCE, "aws.macie"]}, [SOURCE, "aws.macie"]),
        ({"detail-type": ["Macie Finding"]}, []),
        (None, []),
    ],
)
def test_a_finding_whose_rule_is_of_no_route_stays_in_the_queue(
    aws: FakeAws, pattern: dict[str, Any] | None, got: list[str]
) -> None:
    waits(aws, message(1, policy_finding()), all_taken=False)
    aws.reply("events", "DescribeRule", {} if pattern is None else {"EventPattern": json.dumps(pattern)})
    stays(
        aws,
        f"{RULES}tickets must listen to a source that begins with cdk-refarch.macie., got {got}; give the queue of a "
        "route of MacieToEventBridge",
    )


def test_a_finding_that_eventbridge_does_not_take_stays_in_the_queue(aws: FakeAws) -> None:
    waits(aws, message(1, policy_finding()), all_taken=False)
    listens(aws, SOURCE)
    refused = {"ErrorCode": "InternalFailure", "ErrorMessage": "slow down"}
    aws.reply("events", "PutEvents", {"FailedEntryCount": 1, "Entries": [refused]})
    finding = "64b917aa-3843-014c-91d8-937ffexample"
    stays(aws, f"bus default must take finding {finding}, got slow down; mend it and run again")


@pytest.mark.parametrize("operation", ["DescribeRule", "PutEvents"])
def test_a_call_that_fails_leaves_the_finding_in_the_queue(aws: FakeAws, operation: str) -> None:
    waits(aws, message(1, policy_finding()), all_taken=False)
    if operation == "PutEvents":
        listens(aws, SOURCE)
    aws.reply("events", operation, FakeError("AccessDeniedException", "not here"))
    with pytest.raises(aws.client("events").exceptions.ClientError, match="AccessDenied"):
        run(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def test_a_run_ends_when_only_findings_are_left_that_failed_again(aws: FakeAws) -> None:
    waits(aws, message(1, policy_finding(), LATER), all_taken=False)
    assert run(aws) == 0


def command(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, *arguments: str) -> None:
    monkeypatch.setattr(boto3, "client", aws.client)
    monkeypatch.setattr(sys, "argv", ["replay.py", *arguments])
    replay.main()


def test_the_command_needs_the_queue_only_and_says_how_many_were_sent(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    waits(aws, message(1, policy_finding()))
    listens(aws, SOURCE)
    command(aws, monkeypatch, "--queue-url", QUEUE)
    assert [entry["Source"] for entry in entries(aws)] == [SOURCE]
    assert capsys.readouterr().out == "1 findings sent again; what fails again is back in the queue\n"


def test_the_command_takes_the_route_of_what_the_quarantine_failed_on(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(aws, message(1, policy_finding(), rule=None))
    command(aws, monkeypatch, "--queue-url", QUEUE, "--source", SOURCE)
    assert [(entry["Source"], entry["EventBusName"]) for entry in entries(aws)] == [(SOURCE, "default")]


def test_the_command_ends_with_1_and_the_remedy_when_a_finding_cannot_be_sent(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    waits(aws, message(1, policy_finding(), rule=None), all_taken=False)
    # A text is printed to stderr, and the code is 1.
    with pytest.raises(SystemExit, match=r"^error: finding .* run again with --source"):
        command(aws, monkeypatch, "--queue-url", QUEUE)


def test_the_command_ends_with_2_without_a_queue(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit) as ended:
        command(aws, monkeypatch)
    assert ended.value.code == 2
