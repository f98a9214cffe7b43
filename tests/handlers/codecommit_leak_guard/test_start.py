"""The function behind CodeCommit's trigger: a scan for each reference that has moved, once each."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import load_guard

MACHINE = "arn:aws:states:eu-central-1:111122223333:stateMachine:Scan"
REPOSITORY = "arn:aws:codecommit:eu-central-1:111122223333:my.shop-1"
USER = "arn:aws:iam::111122223333:user/bob"
SHA = "5c4ef1049f1d27deadbeeff313e0730018be182b"


class Scans:
    """The scans that were started.

    Attributes:
        inputs: Their inputs by their names.
        faults: The errors of the next calls, None for none.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("STATE_MACHINE_ARN", MACHINE)
        self.inputs: dict[str, Any] = {}
        self.faults: Iterator[FakeError | None] = iter(())
        aws.reply("stepfunctions", "StartExecution", self._start, repeat=True)
        self.module = load_guard("start")

    def _start(self, given: dict[str, Any]) -> dict[str, Any]:
        if fault := next(self.faults, None):
            raise fault
        assert given["stateMachineArn"] == MACHINE
        assert re.fullmatch(r"[\w-]{1,80}", given["name"])
        if given["name"] in self.inputs:
            raise FakeError("ExecutionAlreadyExists")
        self.inputs[given["name"]] = json.loads(given["input"])
        return {"executionArn": f"{MACHINE}:{given['name']}", "startDate": datetime(2026, 11, 24, tzinfo=UTC)}

    def push(self, *references: dict[str, Any], **more: Any) -> Any:
        """Send what the trigger sends:
        https://docs.aws.amazon.com/lambda/latest/dg/services-codecommit.html"""
        record = {
            "awsRegion": "eu-central-1",
            "codecommit": {"references": list(references)},
            "customData": None,
            "eventId": "5a824061-17ca-46a9-bbf9-114edeadbeef",
            "eventName": "ReferenceChanges",
            "eventPartNumber": 1,
            "eventSource": "aws:codecommit",
            "eventSourceARN": REPOSITORY,
            "eventTime": "2026-11-24T02:00:00.000+0000",
            "eventTotalParts": 1,
            "eventTriggerConfigId": "5a824061-17ca-46a9-bbf9-114edeadbeef",
            "eventTriggerName": "leak-guard",
            "eventVersion": "1.0",
            "userIdentityARN": USER,
            **more,
        }
        return self.module.handler({"Records": [record]}, None)

    @property
    def details(self) -> list[Any]:
        return [one["detail"] for one in self.inputs.values()]


@pytest.fixture
def scans(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Scans:
    return Scans(aws, monkeypatch)


def moved(commit: str = SHA, ref: str = "refs/heads/main", **more: Any) -> dict[str, Any]:
    return {"commit": commit, "ref": ref, **more}


@pytest.mark.parametrize(("more", "event"), [({}, "referenceUpdated"), ({"created": True}, "referenceCreated")])
def test_a_push_starts_a_scan_of_what_it_has_moved(
    aws: FakeAws, scans: Scans, capsys: pytest.CaptureFixture[str], more: dict[str, Any], event: str
) -> None:
    assert scans.push(moved(**more)) == {"started": 1, "known": 0}
    assert scans.details == [
        {
            "event": event,
            "repositoryName": "my.shop-1",
            "commitId": SHA,
            "referenceFullName": "refs/heads/main",
            "callerUserArn": USER,
        }
    ]
    assert json.loads(capsys.readouterr().out) == {"started": 1, "known": 0, "failed": 0}
    assert aws.actions() == {"states:StartExecution"}


def test_each_reference_has_a_scan_of_its_own(scans: Scans) -> None:
    references = [moved(ref="refs/heads/a"), moved(ref="refs/heads/b"), moved("f" * 40, "refs/tags/b")]
    assert scans.push(*references) == {"started": 3, "known": 0}
    assert [one["referenceFullName"] for one in scans.details] == ["refs/heads/a", "refs/heads/b", "refs/tags/b"]


def test_what_is_deleted_or_empty_and_the_test_of_a_trigger_start_nothing(scans: Scans) -> None:
    assert scans.push(moved(deleted=True), moved("0" * 40), {"ref": "refs/heads/x"}) == {"started": 0, "known": 0}
    assert scans.push(moved(), eventName="TriggerEventTest") == {"started": 0, "known": 0}
    assert scans.inputs == {}


def test_an_event_that_comes_twice_starts_a_scan_once(scans: Scans) -> None:
    scans.push(moved())
    assert scans.push(moved()) == {"started": 0, "known": 1}
    assert len(scans.inputs) == 1


@pytest.mark.parametrize(
    ("reference", "record"),
    [
        (moved("e" * 40), {}),
        (moved(ref="refs/heads/x"), {}),
        (moved(), {"eventId": "another"}),
        (moved(), {"eventSourceARN": f"{REPOSITORY}s"}),
    ],
)
def test_another_push_starts_another_scan(scans: Scans, reference: dict[str, Any], record: dict[str, Any]) -> None:
    scans.push(moved())
    assert scans.push(reference, **record) == {"started": 1, "known": 0}


def test_a_push_of_nobody_known_is_scanned_all_the_same(scans: Scans) -> None:
    scans.push(moved(), userIdentityARN=None)
    assert "callerUserArn" not in scans.details[0]


def test_one_scan_that_cannot_be_started_does_not_keep_back_the_others(scans: Scans) -> None:
    references = [moved(ref=f"refs/heads/{name}") for name in "abc"]
    scans.faults = iter([None, FakeError("ExecutionLimitExceeded")])
    with pytest.raises(ClientError, match="ExecutionLimitExceeded"):
        scans.push(*references)
    assert [one["referenceFullName"] for one in scans.details] == ["refs/heads/a", "refs/heads/c"]
    # Lambda sends the same event again.
    assert scans.push(*references) == {"started": 1, "known": 2}
