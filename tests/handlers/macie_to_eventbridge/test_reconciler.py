"""The reconciler: findings whose event never came are emitted, each at most once, and a refusal is tried again."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.clock import sleep_by
from tests.handlers.loading import Context, load

NOW = 1_700_000_000
SETTINGS = {"TABLE_NAME": "seen", "BUS_NAME": "default", "SOURCE": "cdk-refarch.macie", "GRACE_SECONDS": "3600"}
LOST = FakeError("ConditionalCheckFailedException", "The conditional request failed")
CREATED = datetime(2024, 4, 30, 17, 46, 2, tzinfo=timezone(timedelta(hours=2)))


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    for name, value in SETTINGS.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(time, "time", lambda: NOW + 0.5)
    sleep_by(monkeypatch, lambda _: None)
    return aws


def run(event: dict[str, Any] | None = None) -> Any:
    scheduled = {"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}
    return load("macie_to_eventbridge", "reconciler").handler(event or scheduled, Context())


def given(aws: FakeAws, operation: str) -> list[dict[str, Any]]:
    return [call.parameters for call in aws.calls if call.operation == operation]


def finding(number: int | str, **more: Any) -> dict[str, Any]:
    return {"id": f"f{number}", "createdAt": CREATED, "sample": False, "archived": False, **more}


def ran_first(aws: FakeAws, at: int = NOW - 90_000) -> None:
    """The answer to what every scheduled run asks before anything else."""
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {"seen": [{"id": {"S": "#since"}, "at": {"N": str(at)}}]}})


def macie_has(aws: FakeAws, findings: list[dict[str, Any]], seen: tuple[str, ...] = ()) -> None:
    """One page of findings, of which some are written down."""
    ran_first(aws)
    aws.reply("macie2", "ListFindings", {"findingIds": [one["id"] for one in findings]})
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {"seen": [{"id": {"S": one}} for one in seen]}})
    if unseen := [one for one in findings if one["id"] not in seen]:
        aws.reply("macie2", "GetFindings", {"findings": unseen})


def taken(parameters: dict[str, Any]) -> dict[str, Any]:
    return {"FailedEntryCount": 0, "Entries": [{"EventId": "e"} for _ in parameters["Entries"]]}


def ids_put(aws: FakeAws) -> list[list[str]]:
    return [[json.loads(one["Detail"])["id"] for one in put["Entries"]] for put in given(aws, "PutEvents")]


def test_a_finding_that_comes_as_an_event_is_written_down(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("dynamodb", "PutItem")
    assert run({"detail-type": "Macie Finding", "detail": {"id": "f1"}}) == {"checked": 0, "emitted": []}
    item = {"id": {"S": "f1"}, "seen": {"S": "event"}, "expires": {"N": str(NOW + 259_200)}}
    assert given(aws, "PutItem") == [{"TableName": "seen", "Item": item}]
    assert aws.actions() == {"dynamodb:PutItem"}
    assert json.loads(capsys.readouterr().out)["event"] == "Macie Finding"


def test_a_finding_that_nobody_has_seen_is_claimed_and_emitted(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    macie_has(aws, [finding(1), finding(2)], seen=("f1",))
    aws.reply("dynamodb", "PutItem")
    aws.reply("events", "PutEvents", taken)
    assert run() == {"checked": 2, "emitted": ["f2"]}
    (listed,) = given(aws, "ListFindings")
    assert listed["findingCriteria"] == {
        "criterion": {"createdAt": {"gte": (NOW - 86_400) * 1000, "lte": (NOW - 3600) * 1000}}
    }
    assert listed["sortCriteria"] == {"attributeName": "createdAt", "orderBy": "ASC"}
    assert listed["maxResults"] == 50
    first, asked = given(aws, "BatchGetItem")
    assert first == {"RequestItems": {"seen": {"Keys": [{"id": {"S": "#since"}}], "ConsistentRead": True}}}
    assert asked["RequestItems"]["seen"]["Keys"] == [{"id": {"S": "f1"}}, {"id": {"S": "f2"}}]
    assert asked["RequestItems"]["seen"]["ConsistentRead"] is True
    assert given(aws, "GetFindings") == [{"findingIds": ["f2"]}]
    (claim,) = given(aws, "PutItem")
    run_id = claim["Item"].pop("run")
    assert claim["Item"] == {
        "id": {"S": "f2"},
        "seen": {"S": "reconciler"},
        "expires": {"N": str(NOW + 259_200)},
    }
    assert claim["ConditionExpression"] == "attribute_not_exists(id) OR #run = :run"
    assert claim["ExpressionAttributeValues"] == {":run": run_id}
    detail = {"sample": False, "archived": False, "id": "f2", "createdAt": "2024-04-30T15:46:02Z"}
    (put,) = given(aws, "PutEvents")
    (entry,) = put["Entries"]
    assert json.loads(entry.pop("Detail")) == detail
    assert entry == {"Source": "cdk-refarch.macie", "DetailType": "Macie Finding", "EventBusName": "default"}
    order = [call.operation for call in aws.calls]
    assert order == ["BatchGetItem", "ListFindings", "BatchGetItem", "GetFindings", "PutItem", "PutEvents"]
    assert aws.actions() == {
        "macie2:ListFindings",
        "macie2:GetFindings",
        "dynamodb:BatchGetItem",
        "dynamodb:PutItem",
        "events:PutEvents",
    }
    (line,) = capsys.readouterr().out.splitlines()
    assert json.loads(line) == {"checked": 2, "emitted": ["f2"], "failed": [], "event": "Scheduled Event"}


def test_times_have_milliseconds_where_macie_says_them_and_flags_are_always_there(aws: FakeAws) -> None:
    at = datetime(2024, 4, 30, 15, 46, 2, 120_000, tzinfo=UTC)
    macie_has(aws, [{"id": "f1", "resourcesAffected": {"s3Bucket": {"createdAt": at}}}])
    aws.reply("dynamodb", "PutItem")
    aws.reply("events", "PutEvents", taken)
    run()
    detail = json.loads(given(aws, "PutEvents")[0]["Entries"][0]["Detail"])
    assert detail == {
        "id": "f1",
        "sample": False,
        "archived": False,
        "resourcesAffected": {"s3Bucket": {"createdAt": "2024-04-30T15:46:02.120Z"}},
    }


def test_nothing_is_asked_for_when_there_are_no_findings(aws: FakeAws) -> None:
    ran_first(aws)
    aws.reply("macie2", "ListFindings", {"findingIds": []})
    assert run() == {"checked": 0, "emitted": []}
    assert aws.actions() == {"dynamodb:BatchGetItem", "macie2:ListFindings"}
    assert len(given(aws, "BatchGetItem")) == 1


def test_the_first_run_only_writes_down_when_it_was_and_for_good(aws: FakeAws) -> None:
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {"seen": []}})
    aws.reply("dynamodb", "PutItem")
    assert run() == {"checked": 0, "emitted": []}
    assert given(aws, "PutItem") == [
        {
            "TableName": "seen",
            "Item": {"id": {"S": "#since"}, "at": {"N": str(NOW)}},
            "ConditionExpression": "attribute_not_exists(id)",
        }
    ]
    assert aws.actions() == {"dynamodb:BatchGetItem", "dynamodb:PutItem"}


def test_of_two_first_runs_one_counts_and_none_emits(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {}})
    aws.reply("dynamodb", "PutItem", LOST)
    assert run() == {"checked": 0, "emitted": []}
    assert json.loads(capsys.readouterr().out.splitlines()[0]) == {"first-run": "another"}


def test_a_first_run_that_cannot_be_written_down_is_a_failure(aws: FakeAws) -> None:
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {}})
    aws.reply("dynamodb", "PutItem", FakeError("AccessDeniedException"))
    with pytest.raises(ClientError, match="AccessDenied"):
        run()


@pytest.mark.parametrize(
    ("at", "oldest"),
    [
        (NOW - 86_401, NOW - 86_400),
        (NOW - 86_399, NOW - 86_399),
        (NOW - 3600, NOW - 3600),
    ],
)
def test_findings_from_before_the_first_run_are_not_asked_for(aws: FakeAws, at: int, oldest: int) -> None:
    ran_first(aws, at)
    aws.reply("macie2", "ListFindings", {"findingIds": []})
    run()
    (listed,) = given(aws, "ListFindings")
    created = {"gte": oldest * 1000, "lte": (NOW - 3600) * 1000}
    assert listed["findingCriteria"] == {"criterion": {"createdAt": created}}


def test_nothing_is_asked_for_while_all_since_the_first_run_may_still_come(aws: FakeAws) -> None:
    ran_first(aws, NOW - 3599)
    assert run() == {"checked": 0, "emitted": []}
    assert aws.actions() == {"dynamodb:BatchGetItem"}


def test_nothing_is_emitted_when_all_have_come(aws: FakeAws) -> None:
    macie_has(aws, [finding(1)], seen=("f1",))
    assert run() == {"checked": 1, "emitted": []}


def test_samples_and_archived_findings_are_left_out(aws: FakeAws) -> None:
    macie_has(aws, [finding(1, sample=True), finding(2, archived=True)])
    assert run() == {"checked": 2, "emitted": []}


def test_all_pages_are_read_and_ten_findings_go_at_a_time(aws: FakeAws) -> None:
    first, second = [finding(number) for number in range(21)], [finding("x")]
    ran_first(aws)
    for page, token in ((first, "next"), (second, None)):
        answer: dict[str, Any] = {"findingIds": [one["id"] for one in page]}
        aws.reply("macie2", "ListFindings", answer | ({"nextToken": token} if token else {}))
        aws.reply("dynamodb", "BatchGetItem", {"Responses": {}})
        aws.reply("macie2", "GetFindings", {"findings": page})
    aws.reply("dynamodb", "PutItem", repeat=True)
    aws.reply("events", "PutEvents", taken, repeat=True)
    result = run()
    assert result["checked"] == 22
    assert result["emitted"] == [one["id"] for one in first + second]
    assert [len(ids) for ids in ids_put(aws)] == [10, 10, 1, 1]


def test_large_findings_go_in_calls_of_their_own(aws: FakeAws) -> None:
    macie_has(aws, [finding(number, description="x" * 90_000) for number in range(5)])
    aws.reply("dynamodb", "PutItem", repeat=True)
    aws.reply("events", "PutEvents", taken, repeat=True)
    run()
    assert ids_put(aws) == [["f0", "f1"], ["f2", "f3"], ["f4"]]


def test_keys_that_the_table_left_out_are_asked_for_again(aws: FakeAws) -> None:
    ran_first(aws)
    left = {"seen": {"Keys": [{"id": {"S": "f2"}}]}}
    aws.reply("macie2", "ListFindings", {"findingIds": ["f1", "f2"]})
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {"seen": [{"id": {"S": "f1"}}]}, "UnprocessedKeys": left})
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {"seen": [{"id": {"S": "f2"}}]}, "UnprocessedKeys": {}})
    assert run() == {"checked": 2, "emitted": []}
    assert given(aws, "BatchGetItem")[2] == {"RequestItems": left}


def test_a_table_that_is_always_too_busy_is_a_failure(aws: FakeAws) -> None:
    ran_first(aws)
    aws.reply("macie2", "ListFindings", {"findingIds": ["f1"]})
    left = {"seen": {"Keys": [{"id": {"S": "f1"}}]}}
    aws.reply("dynamodb", "BatchGetItem", {"Responses": {}, "UnprocessedKeys": left}, repeat=True)
    with pytest.raises(RuntimeError, match="seen was too busy 6 times"):
        run()
    assert len(given(aws, "BatchGetItem")) == 7


def test_a_finding_that_another_run_has_claimed_is_not_emitted(aws: FakeAws) -> None:
    macie_has(aws, [finding(1), finding(2)])
    aws.reply("dynamodb", "PutItem", LOST)
    aws.reply("dynamodb", "PutItem")
    aws.reply("events", "PutEvents", taken)
    assert run() == {"checked": 2, "emitted": ["f2"]}
    assert ids_put(aws) == [["f2"]]


def test_nothing_is_put_when_all_are_claimed(aws: FakeAws) -> None:
    macie_has(aws, [finding(1)])
    aws.reply("dynamodb", "PutItem", LOST)
    assert run() == {"checked": 1, "emitted": []}


def test_entries_that_eventbridge_refuses_are_released_and_tried_by_the_next_run(
    aws: FakeAws, capsys: pytest.CaptureFixture[str]
) -> None:
    macie_has(aws, [finding(number) for number in range(11)])
    aws.reply("dynamodb", "PutItem", repeat=True)
    refused = [{"EventId": "e"}] * 8 + [{"ErrorCode": "ThrottlingException", "ErrorMessage": "slow"}] * 2
    aws.reply("events", "PutEvents", {"FailedEntryCount": 2, "Entries": refused})
    aws.reply("events", "PutEvents", taken)
    aws.reply("dynamodb", "DeleteItem")
    aws.reply("dynamodb", "DeleteItem", LOST)
    with pytest.raises(RuntimeError, match="EventBridge did not take 2 findings; the next run tries them again"):
        run()
    run_id = given(aws, "PutItem")[0]["Item"]["run"]
    assert given(aws, "DeleteItem") == [
        {
            "TableName": "seen",
            "Key": {"id": {"S": one}},
            "ConditionExpression": "#run = :run",
            "ExpressionAttributeNames": {"#run": "run"},
            "ExpressionAttributeValues": {":run": run_id},
        }
        for one in ("f8", "f9")
    ]
    assert "dynamodb:DeleteItem" in aws.actions()
    came, line = (json.loads(one) for one in capsys.readouterr().out.splitlines())
    assert came == {"came-meanwhile": "f9"}
    assert line["failed"] == ["f8", "f9"]
    assert line["emitted"] == [*(f"f{number}" for number in range(8)), "f10"]


def test_a_call_that_eventbridge_refuses_releases_all_of_it(aws: FakeAws) -> None:
    macie_has(aws, [finding(1), finding(2)])
    aws.reply("dynamodb", "PutItem", repeat=True)
    aws.reply("events", "PutEvents", FakeError("AccessDeniedException"))
    aws.reply("dynamodb", "DeleteItem", repeat=True)
    with pytest.raises(RuntimeError, match="2 findings"):
        run()
    assert [one["Key"]["id"]["S"] for one in given(aws, "DeleteItem")] == ["f1", "f2"]


@pytest.mark.parametrize(
    ("error", "raised"),
    [
        (ReadTimeoutError(endpoint_url="https://events"), ReadTimeoutError),
        (FakeError("InternalException", status=500), ClientError),
    ],
)
def test_a_call_without_an_answer_keeps_its_claims(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], error: Exception, raised: type[Exception]
) -> None:
    macie_has(aws, [finding(1)])
    aws.reply("dynamodb", "PutItem")
    aws.reply("events", "PutEvents", error)
    with pytest.raises(raised):
        run()
    assert given(aws, "DeleteItem") == []
    assert json.loads(capsys.readouterr().out)["emitted"] == []


def test_a_table_that_cannot_be_written_is_a_failure(aws: FakeAws) -> None:
    macie_has(aws, [finding(1)])
    aws.reply("dynamodb", "PutItem", FakeError("ResourceNotFoundException"))
    with pytest.raises(ClientError):
        run()


def test_no_event_is_sent_twice_by_the_client_itself(aws: FakeAws) -> None:
    module = load("macie_to_eventbridge", "reconciler")
    assert module.eventbridge.meta.config.retries["total_max_attempts"] == 1
