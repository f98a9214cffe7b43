"""The tool that repeats loads puts no file into the table twice, and deletes no message of a file that is not there."""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Any

import boto3
import pytest

from cdk_refarch.iot_to_firehose.redshift import auto_copy
from examples.iot_to_firehose import replay_loads
from tests.fakes.aws import FakeAws, FakeError

QUEUE = "https://sqs.eu-west-1.amazonaws.com/111122223333/failed-loads"
ROLE = "arn:aws:iam::111122223333:role/copy"
ADMIN = "arn:aws:secretsmanager:eu-west-1:111122223333:secret:redshift!iot-1-administrator-abcdef"
KEY = "data/day=2026-11-24/hour=04/stream-1-it's.gz"
TABLE = replay_loads.Table(
    workgroup="iot-1",
    database="iot",
    name="public.telemetry",
    role_arn=ROLE,
    secret_arn=ADMIN,
    options=replay_loads.DOCUMENTS,
)
COPY = (
    """COPY "public"."telemetry" FROM 's3://b/data/day=2026-11-24/hour=04/stream-1-it''s.gz' """
    f"IAM_ROLE '{ROLE}' FORMAT AS JSON 'noshred' GZIP"
)
TOLD = {"bucket": "b", "key": KEY, "table": "public.telemetry", "job": "j", "errors": [], "loaded": False}
EVENT = {"source": "aws.s3", "detail": {"bucket": {"name": "b"}, "object": {"key": KEY}}}


@pytest.fixture
def aws(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeAws]:
    monkeypatch.setattr(time, "sleep", lambda _: None)
    with FakeAws() as fake:
        yield fake


class Redshift:
    """Answers of the Data API, by what stands in the statement."""

    def __init__(self, aws: FakeAws, *, jobs: str = "", loads: str = "", refuses: str = "") -> None:
        self._found = {"sys_copy_job_detail": jobs, "sys_load_history": loads}
        self._refuses = refuses
        self.statements: list[str] = []
        aws.reply("redshift-data", "ExecuteStatement", self._execute, repeat=True)
        aws.reply("redshift-data", "DescribeStatement", {"Id": "0", "Status": "PICKED"})
        aws.reply("redshift-data", "DescribeStatement", self._describe, repeat=True)
        aws.reply("redshift-data", "GetStatementResult", self._result, repeat=True)

    def _execute(self, asked: dict[str, Any]) -> dict[str, Any]:
        self.statements.append(asked["Sql"])
        return {"Id": str(len(self.statements) - 1)}

    def _describe(self, asked: dict[str, Any]) -> dict[str, Any]:
        if self._refuses and self.statements[int(asked["Id"])].startswith("COPY"):
            return {"Id": asked["Id"], "Status": "FAILED", "Error": self._refuses}
        return {"Id": asked["Id"], "Status": "FINISHED"}

    def _result(self, asked: dict[str, Any]) -> dict[str, Any]:
        sql = self.statements[int(asked["Id"])]
        states = next(state for view, state in self._found.items() if view in sql).split()
        return {"Records": [[{"stringValue": state}] for state in states]}

    @property
    def copies(self) -> list[str]:
        """The statements that loaded something."""
        return [sql for sql in self.statements if sql.startswith("COPY")]


def message(number: int, body: object, sent: float = 0) -> dict[str, Any]:
    attributes = {"SentTimestamp": str(int(sent * 1000))}
    return {
        "MessageId": f"m{number}",
        "ReceiptHandle": f"r{number}",
        "Body": json.dumps(body),
        "Attributes": attributes,
    }


def holds(aws: FakeAws, *bodies: object, sent: float = 0) -> None:
    """Have messages in the queue."""
    messages = [message(number, body, sent) for number, body in enumerate(bodies)]
    aws.reply("sqs", "ReceiveMessage", {"Messages": messages})
    aws.reply("sqs", "ReceiveMessage", {})


def run(aws: FakeAws) -> tuple[int, int]:
    return replay_loads.replay(aws.client("sqs"), aws.client("redshift-data"), QUEUE, TABLE)


def test_the_options_are_those_of_the_job() -> None:
    assert (replay_loads.DOCUMENTS, replay_loads.MEMBERS) == (auto_copy.DOCUMENTS, auto_copy.MEMBERS)


@pytest.mark.parametrize("body", [TOLD, EVENT], ids=["the function's", "an event"])
@pytest.mark.parametrize("jobs", ["E", ""], ids=["failed", "missed"])
def test_a_file_is_loaded_once_and_its_message_deleted_after_that(aws: FakeAws, body: object, jobs: str) -> None:
    holds(aws, body)
    redshift = Redshift(aws, jobs=jobs, loads="aborted")
    aws.reply("sqs", "DeleteMessage", {})
    assert run(aws) == (1, 0)
    assert redshift.copies == [COPY]
    assert [call.operation for call in aws.calls][-2:] == ["DeleteMessage", "ReceiveMessage"]
    asked = next(call.parameters for call in aws.calls if call.operation == "ExecuteStatement")
    assert {name: asked[name] for name in ("WorkgroupName", "Database", "SecretArn")} == {
        "WorkgroupName": "iot-1",
        "Database": "iot",
        "SecretArn": ADMIN,
    }
    assert {one["name"]: one["value"] for one in asked["Parameters"]} == {"database": "iot", "bucket": "b", "key": KEY}


@pytest.mark.parametrize(
    ("jobs", "loads"), [("I", ""), ("E Ingested", ""), ("E", "aborted completed")], ids=["job", "in the end", "by hand"]
)
def test_a_file_that_is_in_the_table_is_not_loaded_again(aws: FakeAws, jobs: str, loads: str) -> None:
    holds(aws, TOLD)
    redshift = Redshift(aws, jobs=jobs, loads=loads)
    aws.reply("sqs", "DeleteMessage", {})
    assert run(aws) == (1, 0)
    assert redshift.copies == []


@pytest.mark.parametrize(("jobs", "loads"), [("P", ""), ("E", "running")], ids=["by the job", "by hand"])
def test_a_file_that_is_being_loaded_is_left_and_seen_again(aws: FakeAws, jobs: str, loads: str) -> None:
    holds(aws, TOLD)
    redshift = Redshift(aws, jobs=jobs, loads=loads)
    aws.reply("sqs", "ChangeMessageVisibility", {})
    assert run(aws) == (0, 1)
    assert redshift.copies == []


def test_a_file_that_the_job_may_still_come_across_is_left(aws: FakeAws) -> None:
    holds(aws, EVENT, sent=time.time() - 60)
    redshift = Redshift(aws)
    aws.reply("sqs", "ChangeMessageVisibility", {})
    assert run(aws) == (0, 1)
    assert redshift.copies == []


def test_a_young_file_that_the_job_has_failed_on_is_loaded(aws: FakeAws) -> None:
    holds(aws, TOLD, sent=time.time() - 60)
    redshift = Redshift(aws, jobs="E")
    aws.reply("sqs", "DeleteMessage", {})
    assert run(aws) == (1, 0)
    assert redshift.copies == [COPY]


def test_what_redshift_refuses_again_is_left_with_its_reason(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    holds(aws, TOLD, {"key": "no bucket"}, [1])
    Redshift(aws, jobs="E", refuses="ERROR: Load into table 'telemetry' failed.")
    aws.reply("sqs", "ChangeMessageVisibility", {}, repeat=True)
    assert run(aws) == (0, 3)
    seen = [call.parameters for call in aws.calls if call.operation == "ChangeMessageVisibility"]
    assert [(one["ReceiptHandle"], one["VisibilityTimeout"]) for one in seen] == [("r0", 0), ("r1", 0), ("r2", 0)]
    said = capsys.readouterr().err
    assert "m0 is left: ERROR: Load into table 'telemetry' failed." in said
    assert "m1 is left: it names no file" in said


def test_messages_are_seen_again_when_the_data_api_refuses(aws: FakeAws) -> None:
    aws.reply("sqs", "ReceiveMessage", {"Messages": [message(0, TOLD)]})
    aws.reply("redshift-data", "ExecuteStatement", FakeError("ValidationException", "no such workgroup"))
    aws.reply("sqs", "ChangeMessageVisibility", {})
    with pytest.raises(aws.client("redshift-data").exceptions.ValidationException):
        run(aws)
    assert "DeleteMessage" not in {call.operation for call in aws.calls}


def command_line(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, *more: str) -> None:
    monkeypatch.setattr(boto3, "client", aws.client)
    given = ["--queue-url", QUEUE, "--workgroup", "iot-1", "--table", "telemetry", "--role-arn", ROLE]
    monkeypatch.setattr(sys, "argv", ["replay_loads.py", *given, "--secret-arn", ADMIN, *more])
    replay_loads.main()


@pytest.mark.parametrize(
    ("more", "end"),
    [
        ([], "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"),
        (["--documents"], "FORMAT AS JSON 'noshred' GZIP"),
        (["--max-errors", "7"], "TIMEFORMAT 'auto' MAXERROR 7"),
    ],
)
def test_the_command_line_says_how_files_are_read(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], more: list[str], end: str
) -> None:
    holds(aws, TOLD)
    redshift = Redshift(aws)
    aws.reply("sqs", "DeleteMessage", {})
    command_line(aws, monkeypatch, *more)
    (copy,) = redshift.copies
    assert copy.startswith('COPY "public"."telemetry" FROM ')
    assert copy.endswith(end)
    assert capsys.readouterr().out == "1 messages done, 0 left in the queue\n"


def test_more_errors_than_redshift_takes_are_refused(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(SystemExit):
        command_line(aws, monkeypatch, "--max-errors", "100000")
