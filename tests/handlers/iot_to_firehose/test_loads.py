"""The function that looks after loads: each file that was not loaded is told of, or comes again."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.clock import sleep_by
from tests.handlers.iot_to_firehose.warehouse import Warehouse
from tests.handlers.loading import Context, load

BUCKET, KEY = "staging", "data/day=2026-01-31/one.gz"
JOB, BEFORE, OTHER = "cdk_refarch_c8_0123abcd", "cdk_refarch_c8_ffff0000", "somebody_elses"
QUEUE = "https://sqs.eu-central-1.amazonaws.com/111122223333/failed"
READING = "the value of a device"
ERROR = (f"s3://{BUCKET}/{KEY}", 1207, f"Invalid digit, Value '{READING}', Pos 0, Type: Double", 7, "temperature")


class Loads:
    """The function with a warehouse and a queue of failed loads.

    Attributes:
        warehouse: What it asks.
        told: What it has put into the queue.
        refused: The positions of entries that the queue takes not, by the number of the call.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        environment = {
            "WORKGROUP": "iot",
            "DATABASE": "iot",
            "FAILED_QUEUE_URL": QUEUE,
            "TABLE": "public.telemetry",
            "JOB": JOB,
        }
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        sleep_by(monkeypatch, lambda seconds: None)
        self.warehouse = Warehouse(aws)
        aws.reply("sqs", "SendMessageBatch", self._take, repeat=True)
        self.module = load("iot_to_firehose", "loads")
        self.reset()

    def reset(self) -> None:
        """Forget everything."""
        self.warehouse.reset()
        self.told: list[dict[str, Any]] = []
        self.refused: dict[int, set[int]] = {}
        self.down: set[int] = set()
        self._batches = 0

    def again(self, *bodies: str, seconds: float = 180, look: float = 0) -> list[int]:
        """Hand a batch over and return the positions of the messages that come again."""
        records = [{"messageId": f"m{number}", "body": body} for number, body in enumerate(bodies)]
        answer = self.module.handler({"Records": records}, Context(seconds, look))
        return [int(one["itemIdentifier"][1:]) for one in answer["batchItemFailures"]]

    def _take(self, given: dict[str, Any]) -> dict[str, Any]:
        number = self._batches
        self._batches += 1
        assert given["QueueUrl"] == QUEUE
        if number in self.down:
            raise FakeError("ServiceUnavailable")
        refused = self.refused.get(number, set())
        taken = [one for position, one in enumerate(given["Entries"]) if position not in refused]
        self.told += [json.loads(one["MessageBody"]) for one in taken]
        failed = [one for one in given["Entries"] if one not in taken]
        return {
            "Successful": [{"Id": one["Id"], "MessageId": "m", "MD5OfMessageBody": "0" * 32} for one in taken],
            "Failed": [{"Id": one["Id"], "Code": "InternalError", "SenderFault": False} for one in failed],
        }


@pytest.fixture
def loads(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Loads:
    """The function, loaded."""
    return Loads(aws, monkeypatch)


def arrived(key: str = KEY, bucket: str = BUCKET) -> str:
    """The event about a file, as EventBridge puts it into a queue."""
    detail = {"bucket": {"name": bucket}, "object": {"key": key, "size": 5}}
    return json.dumps({"source": "aws.s3", "detail-type": "Object Created", "detail": detail})


def test_a_file_that_was_loaded_is_done(loads: Loads, capsys: pytest.CaptureFixture[str]) -> None:
    loads.warehouse.files = [(JOB, BUCKET, KEY, "I")]
    assert loads.again(arrived()) == []
    assert loads.told == []
    line = json.loads(capsys.readouterr().out)
    assert line == {"files": 1, "unreadable": 0, "loaded": 1, "waiting": 0, "not_loaded": 0, "level": "INFO"}


@pytest.mark.parametrize("state", ["E", "Error"])
def test_a_file_that_could_not_be_loaded_is_told_of_with_its_errors_and_none_of_its_content(
    loads: Loads, capsys: pytest.CaptureFixture[str], state: str
) -> None:
    loads.warehouse.files, loads.warehouse.errors = [(JOB, BUCKET, KEY, state)], [ERROR]
    assert loads.again(arrived()) == []
    (told,) = loads.told
    assert {name: told[name] for name in ("bucket", "key", "table", "job", "loaded")} == {
        "bucket": BUCKET,
        "key": KEY,
        "table": "public.telemetry",
        "job": JOB,
        "loaded": False,
    }
    assert told["errors"] == [{"code": 1207, "message": "Invalid digit, Value", "line": 7, "column": "temperature"}]
    said = capsys.readouterr().out
    assert READING not in said + json.dumps(told)
    assert json.loads(said)["not_loaded"] == 1


def test_an_error_without_details_says_where_to_look(loads: Loads) -> None:
    loads.warehouse.files = [(JOB, BUCKET, KEY, "E")]
    assert loads.again(arrived()) == []
    assert "sys_copy_job_info" in loads.told[0]["reason"]


@pytest.mark.parametrize(
    "files",
    [[], [(JOB, BUCKET, KEY, "P")], [(JOB, "elsewhere", KEY, "I")], [(OTHER, BUCKET, KEY, "I")]],
    ids=["not there", "pending", "of another bucket", "of another job"],
)
def test_a_file_that_is_not_loaded_yet_comes_again(loads: Loads, files: list[tuple[str, str, str, str]]) -> None:
    loads.warehouse.files = files
    assert loads.again(arrived()) == [0]
    assert loads.told == []


@pytest.mark.parametrize(
    ("states", "done"),
    [([("I", BEFORE)], True), ([("E", BEFORE), ("I", JOB)], True), ([("I", BEFORE), ("P", JOB)], False)],
)
def test_what_the_job_was_before_it_was_changed_counts_less_than_what_it_is(
    loads: Loads, states: list[tuple[str, str]], done: bool
) -> None:
    loads.warehouse.files = [(job, BUCKET, KEY, state) for state, job in states]
    assert (loads.again(arrived()) == []) is done
    assert loads.told == []


@pytest.mark.parametrize(
    "body", ["", "[]", "{}", '{"detail": {"bucket": {"name": 5}, "object": {"key": "a"}}}', "[" * 9]
)
def test_what_is_no_event_comes_again_until_the_queue_puts_it_aside(loads: Loads, body: str) -> None:
    loads.warehouse.files = [(JOB, BUCKET, KEY, "I")]
    assert loads.again(body, arrived()) == [0]


def test_the_same_file_twice_is_told_of_once(loads: Loads) -> None:
    loads.warehouse.files = [(JOB, BUCKET, KEY, "E")]
    assert loads.again(arrived(), arrived()) == []
    assert len(loads.told) == 1


def test_many_files_are_asked_for_in_several_queries_and_told_of_in_several_calls(loads: Loads) -> None:
    keys = [f"data/{number:03}.gz" for number in range(100)]
    loads.warehouse.files = [(JOB, BUCKET, key, "E" if number % 2 else "I") for number, key in enumerate(keys)]
    loads.warehouse.page = 7
    assert loads.again(*map(arrived, keys)) == []
    assert sorted(one["key"] for one in loads.told) == keys[1::2]


def test_while_redshift_fails_everything_comes_again(loads: Loads, capsys: pytest.CaptureFixture[str]) -> None:
    loads.warehouse.files = [(JOB, BUCKET, KEY, "I")]
    loads.warehouse.refusal = FakeError("ValidationException", "the workgroup is not available")
    assert loads.again(arrived()) == [0]
    loads.warehouse.refusal = None
    loads.warehouse.failing = [("SELECT trim(job_name)", "permission denied for sys_copy_job_detail")]
    assert loads.again(arrived()) == [0]
    first, second = map(json.loads, capsys.readouterr().out.splitlines())
    assert (first["failed"], first["level"]) == ("ValidationException", "WARNING")
    assert (second["failed"], second["reason"]) == ("NoAnswerError", "permission denied for sys_copy_job_detail")


def test_a_workgroup_that_wakes_up_is_waited_for_as_long_as_there_is_time(loads: Loads) -> None:
    loads.warehouse.files, loads.warehouse.looks = [(JOB, BUCKET, KEY, "I")], 10
    assert loads.again(arrived(), look=5) == []
    loads.warehouse.looks = 100
    assert loads.again(arrived(), look=5) == [0]


def test_what_the_queue_does_not_take_comes_again(loads: Loads, capsys: pytest.CaptureFixture[str]) -> None:
    keys = [f"data/{number:02}.gz" for number in range(25)]
    loads.warehouse.files = [(JOB, BUCKET, key, "E") for key in keys]
    loads.refused, loads.down = {0: {3}}, {1}
    assert loads.again(*map(arrived, keys)) == [3, *range(10, 20)]
    assert [json.loads(line).get("untold") for line in capsys.readouterr().out.splitlines()][:2] == [1, 10]


STATES = st.sampled_from(("I", "E", "P", None))


def test_whatever_goes_wrong_a_file_that_was_not_loaded_is_told_of_or_comes_again(loads: Loads) -> None:
    @settings(derandomize=True, database=None, deadline=None, max_examples=60)
    @given(
        states=st.lists(STATES, min_size=1, max_size=25),
        faults=st.dictionaries(st.integers(0, 12), st.sampled_from(("throttled", "lost")), max_size=3),
        refused=st.dictionaries(st.integers(0, 2), st.sets(st.integers(0, 9)), max_size=2),
        down=st.sets(st.integers(0, 2), max_size=1),
        look=st.sampled_from((0, 4, 12)),
    )
    def go(
        states: list[str | None],
        faults: dict[int, str],
        refused: dict[int, set[int]],
        down: set[int],
        look: float,
    ) -> None:
        loads.reset()
        keys = [f"data/{number}.gz" for number in range(len(states))]
        loads.warehouse.files = [
            (JOB, BUCKET, key, state) for key, state in zip(keys, states, strict=True) if state is not None
        ]
        loads.warehouse.faults, loads.refused, loads.down = faults, refused, down
        again = {keys[number] for number in loads.again(*map(arrived, keys), look=look)}
        told = {one["key"] for one in loads.told}
        loaded = {key for key, state in zip(keys, states, strict=True) if state == "I"}
        assert set(keys) - loaded <= again | told
        assert told.isdisjoint(loaded)

    go()
