"""The age of the newest image: of those that can be used, on all pages, and of the pipeline while there is none."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aws_cdk as cdk
import pytest
from botocore.exceptions import ClientError

from cdk_refarch import GoldenImage
from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context, load
from tests.unit.image_builder_cicd.built import network
from tests.unit.templates import Template, rows

ARN = "arn:aws:imagebuilder:eu-central-1:111122223333:image-pipeline/web-0123456789ab"
IMAGE = "arn:aws:imagebuilder:eu-central-1:111122223333:image/web-0123456789ab/1.0.0/"
NOW = datetime(2026, 11, 23, 12, 0, tzinfo=UTC)
LIST, GET = "ListImagePipelineImages", "GetImagePipeline"


class Clock(datetime):
    """A clock that stands still."""

    @classmethod
    def now(cls, tz: Any = None) -> Clock:
        assert tz is UTC, "what is compared has a time zone"
        return cls.fromtimestamp(NOW.timestamp(), tz)


@pytest.fixture
def aws(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> FakeAws:
    monkeypatch.setenv("PIPELINE_ARN", ARN)
    return aws


def run() -> None:
    module = load("image_builder_cicd", "image_age")
    module.datetime = Clock
    # The event of a schedule, of which nothing is read.
    module.handler({"source": "aws.events", "detail-type": "Scheduled Event", "detail": {}}, Context(60))


def logged(capsys: pytest.CaptureFixture[str]) -> dict[str, Any]:
    (line,) = capsys.readouterr().out.splitlines()
    found: dict[str, Any] = json.loads(line)
    return found


def ago(days: float) -> str:
    return (NOW - timedelta(days=days)).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"


def image(created: str, status: str = "AVAILABLE", number: int = 1) -> dict[str, Any]:
    return {
        "arn": f"{IMAGE}{number}",
        "name": "web-0123456789ab",
        "version": f"1.0.0/{number}",
        "state": {"status": status},
        "dateCreated": created,
    }


def page(*images: dict[str, Any], more: str | None = None) -> dict[str, Any]:
    return {"imageSummaryList": list(images), **({"nextToken": more} if more else {})}


def pipeline(created: str) -> dict[str, Any]:
    return {"imagePipeline": {"arn": ARN, "dateCreated": created}}


def test_the_newest_image_counts_wherever_it_stands(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("imagebuilder", LIST, page(image(ago(30)), image(ago(20)), more="a"))
    aws.reply("imagebuilder", LIST, page(more="b"))
    aws.reply("imagebuilder", LIST, page(image(ago(2.5)), image(ago(90))))
    run()
    assert logged(capsys) == {"level": "INFO", "pipeline": ARN, "images": 4, "age_days": 2.5}
    assert [call.parameters for call in aws.calls] == [
        {"imagePipelineArn": ARN},
        {"imagePipelineArn": ARN, "nextToken": "a"},
        {"imagePipelineArn": ARN, "nextToken": "b"},
    ]


STATES = (
    *("PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING"),
    *("CANCELLED", "FAILED", "DEPRECATED", "DELETED", "DISABLED"),
)


@pytest.mark.parametrize("status", STATES)
def test_only_what_is_available_counts(aws: FakeAws, capsys: pytest.CaptureFixture[str], status: str) -> None:
    aws.reply("imagebuilder", LIST, page(image(ago(0.1), status, 2), image(ago(7))))
    run()
    assert logged(capsys) == {"level": "INFO", "pipeline": ARN, "images": 1, "age_days": 7.0}


@pytest.mark.parametrize("images", [[], [image(ago(1), "FAILED")]], ids=["none", "failed"])
def test_while_there_is_none_the_age_of_the_pipeline_counts(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], images: list[dict[str, Any]]
) -> None:
    aws.reply("imagebuilder", LIST, page(*images))
    aws.reply("imagebuilder", GET, pipeline(ago(3)))
    run()
    assert logged(capsys) == {"level": "WARNING", "pipeline": ARN, "images": 0, "age_days": 3.0}
    assert aws.calls[-1].parameters == {"imagePipelineArn": ARN}


@pytest.mark.parametrize(
    "created",
    [
        "2026-11-22T12:00:00.000Z",
        "2026-11-22T12:00:00Z",
        "2026-11-22T12:00:00",
        "2026-11-22T12:00:00.123456+00:00",
        "2026-11-22T13:00:00+01:00",
        "2026-11-22T04:00:00-0800",
    ],
)
def test_a_time_is_read_with_its_zone_or_as_that_of_utc(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], created: str
) -> None:
    # Another one with a zone, so that the two are compared.
    aws.reply("imagebuilder", LIST, page(image(created), image(ago(5))))
    run()
    assert logged(capsys)["age_days"] == 1.0


def test_what_is_logged_is_what_the_metric_is_made_of(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("imagebuilder", LIST, page(image(ago(0))))
    run()
    # The filter takes numbers from 0, and an image of this moment is one.
    assert logged(capsys)["age_days"] == 0.0
    stack = cdk.Stack(cdk.App(), "Stack")
    GoldenImage(stack, "Image", vpc=network(stack))
    (found,) = Template(stack).all("AWS::Logs::MetricFilter")
    assert found["Properties"]["MetricTransformations"][0]["MetricValue"] == "$.age_days"


@pytest.mark.parametrize(
    "code", ["CallRateLimitExceededException", "ServiceUnavailableException", "ForbiddenException"]
)
def test_a_call_that_fails_fails_the_function_so_that_lambda_tries_again(
    aws: FakeAws, capsys: pytest.CaptureFixture[str], code: str
) -> None:
    aws.reply("imagebuilder", LIST, FakeError(code), repeat=True)
    with pytest.raises(ClientError):
        run()
    assert capsys.readouterr().out == ""


def test_a_time_that_cannot_be_read_fails_the_function(aws: FakeAws, capsys: pytest.CaptureFixture[str]) -> None:
    aws.reply("imagebuilder", LIST, page(image("Jul 28, 2022 1:13:45 AM")))
    with pytest.raises(ValueError, match="isoformat"):
        run()
    assert capsys.readouterr().out == ""


def test_the_role_of_the_function_lets_it_make_the_calls_that_it_makes(aws: FakeAws) -> None:
    aws.reply("imagebuilder", LIST, page())
    aws.reply("imagebuilder", GET, pipeline(ago(1)))
    run()
    stack = cdk.Stack(cdk.App(), "Stack")
    made = GoldenImage(stack, "Image", vpc=network(stack))
    assert made.age is not None
    template = Template(stack)
    role: Any = made.age.node.find_child("FunctionRole")
    granted = [one for one in rows(template.of(role)) if one[0].startswith("imagebuilder:")]
    assert {action for action, _, _ in granted} == aws.actions()
    assert {resource for _, resource, _ in granted} == {"<ImagePipeline.Arn>"}
    # The same pipeline that the function asks for.
    variables = template.of(made.age.function)["Environment"]["Variables"]
    assert variables == {"PIPELINE_ARN": template.resolve(made.pipeline.attr_arn)}
