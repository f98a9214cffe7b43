"""The starter of the pipeline: it rolls out images that no run of the pipeline waits for, each once."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context, load

PIPELINE, ID = "Delivery-Pipeline-1", "5a2e6f3c-7c0b-4f0a-9f55-3a1e7a6a2c11"
IMAGE = "arn:aws:imagebuilder:eu-central-1:111122223333:image/goldenimage-0123456789ab/1.0.3/1"
GRANTED = {"codepipeline:GetPipelineState", "codepipeline:StartPipelineExecution"}


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setenv("PIPELINE_NAME", PIPELINE)
    monkeypatch.setenv("STAGE_NAME", "Image")
    return aws


def event(**other: Any) -> dict[str, Any]:
    """What EventBridge calls a function with when an image is available."""
    return {
        "version": "0",
        "id": ID,
        "detail-type": "EC2 Image Builder Image State Change",
        "source": "aws.imagebuilder",
        "account": "111122223333",
        "time": "2026-01-18T17:50:56Z",
        "region": "eu-central-1",
        "resources": [IMAGE],
        "detail": {"previous-state": {"status": "INTEGRATING"}, "state": {"status": "AVAILABLE"}},
        **other,
    }


def state(**stages: str | None) -> dict[str, Any]:
    """What CodePipeline says: stage to the status of its newest run; None for one that never ran."""
    return {
        "pipelineName": PIPELINE,
        "stageStates": [
            {"stageName": name}
            if status is None
            else {"stageName": name, "latestExecution": {"pipelineExecutionId": "run-0", "status": status}}
            for name, status in stages.items()
        ],
    }


def run(given: dict[str, Any]) -> Any:
    return load("image_builder_cicd", "pipeline_starter").handler(given, Context())


def logged(capsys: pytest.CaptureFixture[str]) -> Any:
    (line,) = capsys.readouterr().out.splitlines()
    return json.loads(line)


@pytest.mark.parametrize(
    "stages",
    [
        {"Source": "Succeeded", "Image": "Succeeded", "Fleet": "Succeeded"},
        {"Source": "Succeeded", "Image": "Failed", "Fleet": None},
        {"Source": "InProgress", "Image": "Succeeded", "Fleet": "Succeeded"},
        {"Source": "Succeeded", "Image": "Succeeded", "Fleet": "InProgress"},
        {"Source": None, "Image": None, "Fleet": None},
        {"Source": "Succeeded", "Image": "Stopped", "Fleet": None},
    ],
)
def test_an_image_that_no_run_waits_for_starts_the_pipeline(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], stages: dict[str, str | None]
) -> None:
    aws.reply("codepipeline", "GetPipelineState", state(**stages))
    aws.reply("codepipeline", "StartPipelineExecution", {"pipelineExecutionId": "run-1"})
    result = {"image": IMAGE, "pipeline": PIPELINE, "started": "run-1", "building": False}
    assert run(event()) == result
    assert [call.parameters for call in aws.calls] == [
        {"name": PIPELINE},
        {"name": PIPELINE, "clientRequestToken": ID},
    ]
    assert aws.actions() == GRANTED
    assert logged(capsys) == result


def test_an_image_of_a_run_that_builds_one_starts_nothing(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("codepipeline", "GetPipelineState", state(Source="Succeeded", Image="InProgress", Fleet="Succeeded"))
    result = {"image": IMAGE, "pipeline": PIPELINE, "started": None, "building": True}
    assert run(event()) == result
    assert [call.operation for call in aws.calls] == ["GetPipelineState"]
    assert logged(capsys) == result


@pytest.mark.parametrize(("minutes", "building"), [(-1, False), (0, True), (1, True)])
@pytest.mark.parametrize("status", ["Succeeded", "Failed"])
def test_an_image_of_a_run_that_has_gone_on_since_starts_nothing(
    aws: FakeAws, status: str, minutes: int, building: bool
) -> None:
    found = state(Image=status)
    ended = datetime.fromisoformat(event()["time"]) + timedelta(minutes=minutes)
    found["stageStates"][0]["actionStates"] = [
        {"actionName": "Prepare", "latestExecution": {"lastStatusChange": ended - timedelta(hours=1)}},
        {"actionName": "Execute", "latestExecution": {"status": status, "lastStatusChange": ended}},
        {"actionName": "NeverRun"},
    ]
    aws.reply("codepipeline", "GetPipelineState", found)
    if not building:
        aws.reply("codepipeline", "StartPipelineExecution", {"pipelineExecutionId": "run-1"})
    assert run(event())["building"] is building


def test_an_event_that_comes_twice_starts_one_run_by_its_token(aws: FakeAws) -> None:
    aws.reply("codepipeline", "GetPipelineState", state(Image="Succeeded"), repeat=True)
    aws.reply("codepipeline", "StartPipelineExecution", {"pipelineExecutionId": "run-1"}, repeat=True)
    assert run(event()) == run(event())
    tokens = [call.parameters.get("clientRequestToken") for call in aws.calls]
    assert tokens == [None, ID, None, ID]


@pytest.mark.parametrize(
    ("answer", "raised"),
    [
        (FakeError("PipelineNotFoundException"), ClientError),
        (FakeError("ThrottlingException", status=429), ClientError),
        (ReadTimeoutError(endpoint_url="https://codepipeline"), ReadTimeoutError),
    ],
)
def test_a_pipeline_that_cannot_be_asked_fails_the_function_so_that_lambda_tries_again(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], answer: Exception, raised: type[Exception]
) -> None:
    aws.reply("codepipeline", "GetPipelineState", answer, repeat=True)
    with pytest.raises(raised):
        run(event())
    assert logged(capsys) == {"image": IMAGE, "pipeline": PIPELINE, "started": None}


def test_a_pipeline_that_cannot_be_started_fails_the_function(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("codepipeline", "GetPipelineState", state(Image="Failed"))
    aws.reply("codepipeline", "StartPipelineExecution", FakeError("ConcurrentPipelineExecutionsLimitExceededException"))
    with pytest.raises(ClientError):
        run(event())
    assert logged(capsys)["started"] is None


def test_an_event_without_an_image_fails_the_function(aws: FakeAws) -> None:
    with pytest.raises(IndexError):
        run(event(resources=[]))
    assert aws.calls == []


def test_all_tries_of_both_calls_end_before_lambda_gives_up(aws: FakeAws) -> None:
    config = load("image_builder_cicd", "pipeline_starter").codepipeline.meta.config
    tries = config.retries["total_max_attempts"]
    assert tries > 1
    # Before the second try there is up to one second, before the third up to two; and there are two calls.
    assert 2 * (tries * (config.connect_timeout + config.read_timeout) + 3) <= 60
