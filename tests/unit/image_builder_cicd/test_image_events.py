"""Rules select the events of one's own images, by two matchers that are not ours, and alarms ring."""

from __future__ import annotations

import json
from typing import Any, cast

import pytest
from ministack.services import eventbridge
from moto.events.models import EventPattern

from cdk_refarch._parts.event_route import EventRoute
from tests.unit.image_builder_cicd.built import ACCOUNT, REGION, Built, Scene, built
from tests.unit.templates import Template

PIPELINE_ARN = "arn:aws:imagebuilder:{}:{}:image-pipeline/{}"


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def arn(name: str, *, region: str = REGION, account: str = ACCOUNT) -> str:
    return f"arn:aws:imagebuilder:{region}:{account}:image/{name}/1.0.0/1"


def event(kind: str, resources: list[str], detail: dict[str, Any], source: str = "aws.imagebuilder") -> dict[str, Any]:
    """An event as the samples of AWS are.

    https://docs.aws.amazon.com/imagebuilder/latest/userguide/integ-eventbridge.html
    """
    return {
        "version": "0",
        "id": "a1b2c3d4-5678-90ab-cdef-EXAMPLE11111",
        "detail-type": kind,
        "source": source,
        "account": ACCOUNT,
        "time": "2024-01-18T17:50:56Z",
        "region": REGION,
        "resources": resources,
        "detail": detail,
    }


def state(image: str, status: str, before: str = "TESTING") -> dict[str, Any]:
    detail = {"previous-state": {"status": before}, "state": {"status": status}}
    return event("EC2 Image Builder Image State Change", [image], detail)


def found(image: str, counts: dict[str, int], pipeline: str | None = None) -> dict[str, Any]:
    detail = {
        "resource-id": "i-1234567890abcdef0",
        "finding-severity-counts": {"all": sum(counts.values()), "critical": 0, "high": 0, "medium": 0, **counts},
    }
    return event("EC2 Image Builder CVE Detected", [image, *([pipeline] if pipeline else [])], detail)


def disabled(pipeline: str) -> dict[str, Any]:
    kind = "EC2 Image Builder Image Pipeline Automatically Disabled"
    return event(kind, [pipeline], {"consecutive-failures": "5"})


def matches(pattern: dict[str, Any], happened: dict[str, Any]) -> bool:
    """Tell whether a pattern matches, as both matchers see it; ministack's refuses what AWS refuses."""
    by_moto = EventPattern.load(json.dumps(pattern)).matches_event(cast("Any", happened))
    payload = {"Event": json.dumps(happened), "EventPattern": json.dumps(pattern)}
    status, _, body = eventbridge._test_event_pattern(payload)
    assert status == 200, body
    assert by_moto == json.loads(body)["Result"]
    return by_moto


def pipeline_arn(scene: Scene) -> str:
    return PIPELINE_ARN.format(REGION, ACCOUNT, scene.prefix)


def patterns(scene: Scene, routes: dict[str, EventRoute]) -> dict[str, Any]:
    """The patterns of rules that count and of routes, the same for the same events, in an account."""
    counting = {name: scene.of(rule)["EventPattern"] for name, rule in scene.image.events.rules.items()}
    sending = {name: scene.of(one.rules[name])["EventPattern"] for name, one in routes.items()}
    assert all(sending[name] == one for name, one in counting.items() if name in sending)
    text = json.dumps({**counting, **sending}).replace("<ImagePipeline.Arn>", pipeline_arn(scene))
    return cast("dict[str, Any]", json.loads(text))


def heard(made: Built, happened: dict[str, Any]) -> list[str]:
    return [name for name, one in patterns(made.full, made.routes).items() if matches(one, happened)]


STATES = ("PENDING", "CREATING", "BUILDING", "TESTING", "DISTRIBUTING", "INTEGRATING", "AVAILABLE", "CANCELLED")


@pytest.mark.parametrize("status", [*STATES, "FAILED", "DEPRECATED", "DELETED"])
def test_an_image_that_is_available_or_failed_is_heard_of(made: Built, status: str) -> None:
    expected = {"AVAILABLE": ["Available"], "FAILED": ["Failed"]}.get(status, [])
    assert heard(made, state(arn(made.full.prefix), status)) == expected


def test_a_state_that_was_is_not_the_state_that_is(made: Built) -> None:
    assert heard(made, state(arn(made.full.prefix), "DEPRECATED", before="AVAILABLE")) == []


@pytest.mark.parametrize("status", ["AVAILABLE", "FAILED"])
def test_images_of_others_are_not_heard_of(made: Built, status: str) -> None:
    prefix = made.full.prefix
    for name in (f"{prefix}-two", f"{prefix}2", prefix[:-1], f"my-{prefix}", "cmkencryptedworkflowtest-a1b2"):
        assert heard(made, state(arn(name), status)) == [], name
    for elsewhere in (arn(prefix, region="us-east-1"), arn(prefix, account="444455556666")):
        assert heard(made, state(elsewhere, status)) == []
    mine = state(arn(prefix), status)
    assert heard(made, {**mine, "source": "my.imagebuilder"}) == []
    assert heard(made, {**mine, "detail-type": "EC2 Image Builder Workflow Step Waiting"}) == []


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({}, []),
        ({"medium": 3}, []),
        ({"high": 1}, ["Vulnerable"]),
        ({"critical": 2}, ["Vulnerable"]),
        ({"critical": 1, "high": 4, "medium": 9}, ["Vulnerable"]),
    ],
)
def test_only_critical_and_high_vulnerabilities_are_heard_of(
    made: Built, counts: dict[str, int], expected: list[str]
) -> None:
    mine = made.full
    assert heard(made, found(arn(mine.prefix), counts, pipeline_arn(mine))) == expected
    # There is no pipeline in the event of an image that was built without one.
    assert heard(made, found(arn(mine.prefix), counts)) == expected
    assert heard(made, found(arn(f"{mine.prefix}-two"), counts, pipeline_arn(mine))) == []


def test_a_schedule_that_was_disabled_is_heard_of_by_its_pipeline(made: Built) -> None:
    mine = pipeline_arn(made.full)
    assert heard(made, disabled(mine)) == ["Disabled"]
    for other in (f"{mine}-two", mine[:-1], PIPELINE_ARN.format("us-east-1", ACCOUNT, made.full.prefix)):
        assert heard(made, disabled(other)) == []


def test_images_of_two_constructs_are_told_apart(made: Built) -> None:
    other = arn(made.plain.prefix)
    assert heard(made, state(other, "FAILED")) == []
    assert matches(patterns(made.plain, {})["Failed"], state(other, "FAILED"))


RINGING = {"BuildFailed": "Failed", "PipelineDisabled": "Disabled", "Vulnerable": "Vulnerable"}


@pytest.mark.parametrize("scene", ["Plain", "Full", "Bare"])
def test_an_alarm_rings_for_every_event_that_needs_somebody(made: Built, scene: str) -> None:
    where = made.scenes[scene]
    rules = where.image.events.rules
    assert set(rules) == {"Failed", "Disabled", *(["Vulnerable"] if scene == "Full" else [])}
    for name, rule in ((name, rule) for name, rule in RINGING.items() if rule in rules):
        alarm = where.of(where.image.alarms[name])
        assert alarm.pop("AlarmDescription").endswith(".")
        topic = [where.shown(made.alarms.topic_arn)] if scene == "Full" else None
        assert alarm.pop("AlarmActions", None) == topic
        assert alarm == {
            "Namespace": "AWS/Events",
            # Of rules without targets too.
            "MetricName": "TriggeredRules",
            "Dimensions": [{"Name": "RuleName", "Value": f"<ImageEvents{rule}Rule>"}],
            "Statistic": "Sum",
            "Period": 300,
            "EvaluationPeriods": 1,
            "Threshold": 0,
            "ComparisonOperator": "GreaterThanThreshold",
            "TreatMissingData": "notBreaching",
        }
        assert where.of(rules[rule])["State"] == "ENABLED"


@pytest.mark.parametrize(("scene", "days"), [("Plain", 30), ("Full", 14)])
def test_an_alarm_rings_when_the_newest_image_is_too_old(made: Built, scene: str, days: int) -> None:
    where = made.scenes[scene]
    assert where.image.age is not None
    (filter,) = where.all("Logs::MetricFilter")
    assert (filter["LogGroupName"], filter["FilterPattern"]) == ("<ImageAgeLog>", "{ $.age_days >= 0 }")
    (written,) = filter["MetricTransformations"]
    assert written["MetricValue"] == "$.age_days"
    # A value that is not there must not look like an image of today.
    assert "DefaultValue" not in written
    alarm = where.of(where.image.alarms["Stale"])
    assert (alarm["Namespace"], alarm["MetricName"]) == (written["MetricNamespace"], written["MetricName"])
    shown = ("Statistic", "Period", "Threshold", "ComparisonOperator", "TreatMissingData", "EvaluationPeriods")
    expected = ["Maximum", 24 * 3600, days, "GreaterThanThreshold", "ignore", 1]
    assert [alarm[name] for name in shown] == expected
    assert f"{days} days" in alarm["AlarmDescription"]


def test_ages_of_two_images_are_told_apart(made: Built) -> None:
    names = [str(one.all("Logs::MetricFilter")[0]["MetricTransformations"]) for one in (made.plain, made.full)]
    assert len(set(names)) == 2


def test_the_function_is_called_once_a_day_and_what_failed_rings(made: Built) -> None:
    for scene in (made.plain, made.full):
        age = scene.image.age
        assert age is not None
        (daily,) = [one for one in scene.all("Events::Rule") if "ScheduleExpression" in one]
        function, queue = scene.shown(age.function.function_arn), scene.shown(age.failed_events.queue_arn)
        assert (daily["ScheduleExpression"], daily["State"]) == ("rate(1 day)", "ENABLED")
        assert daily["Targets"] == [{"Id": "Target", "Arn": function, "DeadLetterConfig": {"Arn": queue}}]
        assert scene.of(age.function)["Environment"] == {"Variables": {"PIPELINE_ARN": "<ImagePipeline.Arn>"}}
        assert scene.of(age.function)["DeadLetterConfig"] == {"TargetArn": queue}
        unknown = scene.of(scene.image.alarms["AgeUnknown"])
        assert unknown["Dimensions"] == [{"Name": "QueueName", "Value": scene.shown(age.failed_events.queue_name)}]
        assert (unknown["MetricName"], unknown["Threshold"]) == ("ApproximateNumberOfMessagesVisible", 0)
        (permission,) = scene.all("Lambda::Permission")
        assert (permission["FunctionName"], permission["SourceArn"]) == (function, "<ImageAgeDaily.Arn>")


def test_alarms_are_found_by_their_names(made: Built) -> None:
    expected = {"BuildFailed", "PipelineDisabled", "Stale", "AgeUnknown"}
    assert set(made.plain.image.alarms) == expected
    assert set(made.full.image.alarms) == {*expected, "Vulnerable"}
    assert set(made.bare.image.alarms) == {"BuildFailed", "PipelineDisabled"}
    assert made.bare.image.age is None
    assert made.bare.all("Lambda::Function") == []
    for scene in made.scenes.values():
        of_routes = 2 * 4 if scene is made.full else 0
        assert len(scene.all("CloudWatch::Alarm")) == len(scene.image.alarms) + of_routes


def test_a_route_hands_whole_events_to_its_target_and_keeps_what_fails(made: Built) -> None:
    template: Template = made.full.template
    for occurrence, route in made.routes.items():
        assert list(route.rules) == [occurrence]
        (target,) = made.full.of(route.rules[occurrence])["Targets"]
        assert target["Arn"] == made.full.shown(made.queue.queue_arn)
        assert target["DeadLetterConfig"] == {"Arn": made.full.shown(route.dead_letter_queue.queue_arn)}
        assert not {"Input", "InputPath", "InputTransformer"} & set(target)
        assert set(route.alarms) == {"Undelivered", "Failed"}
        for one in route.alarms.values():
            assert template.of(one)["AlarmActions"] == [template.resolve(made.alarms.topic_arn)]


def test_rejects_routes_to_nowhere_and_for_events_that_never_come(made: Built) -> None:
    image = made.plain.image
    nowhere: Any = None
    for method in (image.on_available, image.on_failed, image.on_disabled, image.on_vulnerability):
        with pytest.raises(ValueError, match=r"^Plain/Image/Events/Tell: target must be .*, got NoneType None; "):
            method("Tell", nowhere)
    message = (
        "Plain/Image/Events/Tell: target must be of a golden image that is scanned, got one with scan=False; "
        "give scan=True, or drop the route"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        image.on_vulnerability("Tell", made.queue)
    assert image.events.node.try_find_child("Tell") is None
