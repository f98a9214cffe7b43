"""Streams: how a configuration set sends, where its events go, when its alarms ring, and how it pauses itself."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import AddressIdentity, SendingStream, SesConfigSets
from cdk_refarch.ses_config_sets.values import ALL_EVENTS
from tests.unit.ses_config_sets.built import HERE, Built, Scene, allowed, permissions, service

PAUSING = pytest.mark.parametrize("scene", ["full", "given"])


def configuration_set(scene: Scene, name: str) -> Any:
    return scene.of(scene.email.streams[name].configuration_set)


def test_every_stream_sends_over_tls_only_and_measures_its_reputation(made: Built) -> None:
    for scene in made.scenes:
        for name in scene.email.streams:
            one = configuration_set(scene, name)
            assert one["DeliveryOptions"]["TlsPolicy"] == "REQUIRE"
            assert one["ReputationOptions"] == {"ReputationMetricsEnabled": True}


def test_no_update_of_a_stack_resumes_a_paused_stream(made: Built) -> None:
    for scene in made.scenes:
        sets = scene.all("AWS::SES::ConfigurationSet")
        assert sets
        assert not [one for one in sets if "SendingOptions" in one]


def test_names_are_made_up_by_cloudformation_so_that_two_instances_fit(made: Built) -> None:
    for scene in made.scenes:
        for kind in ("ConfigurationSet", "DedicatedIpPool", "ReceiptRuleSet"):
            for one in scene.all(f"AWS::SES::{kind}"):
                assert not {"Name", "PoolName", "RuleSetName"} & set(one)


def vdm(group: str, option: str, switched_on: bool) -> dict[str, Any]:
    return {group: {option: "ENABLED" if switched_on else "DISABLED"}}


def test_a_stream_has_what_was_asked_for_and_nothing_else(made: Built) -> None:
    shared = ("GuardianOptions", "OptimizedSharedDelivery")
    always = {"ReputationOptions": {"ReputationMetricsEnabled": True}}
    assert configuration_set(made.plain, "transactional") == {**always, "DeliveryOptions": {"TlsPolicy": "REQUIRE"}}
    pools = {
        name: made.full.shown(one.pool.dedicated_ip_pool_name)
        for name, one in made.full.email.streams.items()
        if one.pool
    }
    assert {name: configuration_set(made.full, name) for name in made.full.email.streams} == {
        "transactional": {
            **always,
            "DeliveryOptions": {
                "TlsPolicy": "REQUIRE",
                "MaxDeliverySeconds": 3600,
                "SendingPoolName": pools["transactional"],
            },
            "SuppressionOptions": {"SuppressedReasons": []},
            "VdmOptions": {**vdm("DashboardOptions", "EngagementMetrics", True), **vdm(*shared, False)},
        },
        "marketing": {
            **always,
            "DeliveryOptions": {"TlsPolicy": "REQUIRE", "SendingPoolName": pools["marketing"]},
            "SuppressionOptions": {"SuppressedReasons": ["BOUNCE", "COMPLAINT"]},
            "TrackingOptions": {"CustomRedirectDomain": "click.shop.example.com", "HttpsPolicy": "OPTIONAL"},
        },
        "alerts": {
            **always,
            "DeliveryOptions": {"TlsPolicy": "REQUIRE"},
            "SuppressionOptions": {"SuppressedReasons": ["COMPLAINT"]},
            "TrackingOptions": {"CustomRedirectDomain": "go.shop.example.com", "HttpsPolicy": "REQUIRE"},
            "VdmOptions": vdm(*shared, True),
        },
        "news_letter": {
            **always,
            "DeliveryOptions": {"TlsPolicy": "REQUIRE", "SendingPoolName": made.pool_name},
            "SuppressionOptions": {"SuppressedReasons": ["BOUNCE"]},
        },
    }


def test_a_stream_has_a_pool_of_its_own_only_if_it_asks_for_one(made: Built) -> None:
    pools = {name: made.full.email.streams[name].pool for name in ("transactional", "marketing")}
    modes = {name: made.full.of(pool)["ScalingMode"] for name, pool in pools.items()}
    assert modes == {"transactional": "STANDARD", "marketing": "MANAGED"}
    assert len(made.full.all("AWS::SES::DedicatedIpPool")) == len(pools)
    assert (made.full.email.streams["alerts"].pool, made.plain.email.streams["transactional"].pool) == (None, None)
    assert made.plain.all("AWS::SES::DedicatedIpPool") == []


def test_a_pool_of_another_kind_is_another_pool() -> None:
    stack = cdk.Stack(cdk.App(), "Mail")
    identity, ids = AddressIdentity(address="news@example.com"), set()
    for kind in ("STANDARD", "MANAGED"):
        streams = {"news": SendingStream(pool=kind)}
        email = SesConfigSets(stack, "Email", identity=identity, streams=streams, analytics=None)
        pool: Any = email.streams["news"].pool
        ids.add(stack.resolve(pool.node.default_child.logical_id))
        stack.node.try_remove_child("Email")
    assert len(ids) == 2


def test_feedback_and_all_events_go_where_they_are_kept_by_default(made: Built) -> None:
    assert made.plain.destination("transactional", "Feedback")["MatchingEventTypes"] == [
        "REJECT",
        "BOUNCE",
        "COMPLAINT",
        "RENDERING_FAILURE",
        "DELIVERY_DELAY",
    ]
    assert made.plain.destination("transactional", "Analytics")["MatchingEventTypes"] == list(ALL_EVENTS)
    assert len(made.plain.all("AWS::SES::ConfigurationSetEventDestination")) == 2


def test_a_stream_sends_the_events_that_were_asked_for_in_the_order_of_the_type(made: Built) -> None:
    found = {
        kind: made.full.destination("marketing", kind)["MatchingEventTypes"]
        for kind in ("Feedback", "Analytics", "EventBridge", "CloudWatch")
    }
    assert found == {
        "Feedback": ["BOUNCE", "COMPLAINT"],
        "Analytics": ["SEND", "BOUNCE", "CLICK"],
        "EventBridge": ["OPEN", "CLICK"],
        "CloudWatch": ["SEND", "BOUNCE"],
    }


def test_a_stream_without_events_for_a_destination_has_no_such_destination(made: Built) -> None:
    ids = {child.node.id for child in made.full.email.streams["alerts"].node.children}
    assert "FeedbackDestination" in ids
    assert not ids & {"AnalyticsDestination", "AnalyticsRole", "EventBridgeDestination", "CloudWatchDestination"}


def test_every_destination_is_switched_on(made: Built) -> None:
    for scene in made.scenes:
        found = scene.all("AWS::SES::ConfigurationSetEventDestination")
        assert {one["EventDestination"]["Enabled"] for one in found} == {True}


def test_event_bridge_events_go_to_the_default_bus_which_is_the_only_one_that_ses_knows(made: Built) -> None:
    for scene, stream in ((made.full, "marketing"), (made.bare, "news")):
        bus = f"arn:aws:events:{HERE}:event-bus/default"
        assert scene.destination(stream, "EventBridge")["EventBridgeDestination"] == {"EventBusArn": bus}


def test_events_are_counted_by_message_tags(made: Built) -> None:
    tags = {"campaign": "none", "ses:from-domain": "unknown"}
    assert made.full.destination("marketing", "CloudWatch")["CloudWatchDestination"] == {
        "DimensionConfigurations": [
            {"DimensionName": name, "DefaultDimensionValue": value, "DimensionValueSource": "MESSAGE_TAG"}
            for name, value in tags.items()
        ]
    }


def test_feedback_goes_to_the_topic_once_ses_may_publish_there_and_the_queue_hears_of_it(made: Built) -> None:
    for scene in (made.plain, made.full, made.bare):
        topic = scene.email.feedback.topic
        for name, stream in scene.email.streams.items():
            to = scene.destination(name, "Feedback")["SnsDestination"]
            assert to == {"TopicARN": scene.shown(topic.topic_arn)}
            for needed in (topic.node.find_child("Policy"), scene.email.feedback.node.find_child("Subscription")):
                assert scene.waits_for(stream.node.find_child("FeedbackDestination"), needed), needed.node.path


def test_events_go_to_firehose_by_a_role_of_the_stream(made: Built) -> None:
    for scene, name in ((made.plain, "transactional"), (made.full, "marketing"), (made.full, "news_letter")):
        assert scene.email.analytics is not None
        role = scene.email.streams[name].node.find_child("AnalyticsRole")
        arn = scene.shown(scene.email.analytics.delivery.stream.attr_arn)
        to = scene.destination(name, "Analytics")["KinesisFirehoseDestination"]
        assert to == {"DeliveryStreamARN": arn, "IAMRoleARN": scene.shown(role.role_arn)}  # type: ignore[attr-defined]
        # What the role may do stands in it: nothing can use it before that is in force.
        assert permissions(scene.of(role)) == {("firehose:PutRecordBatch", arn, "")}
        (trust,) = allowed({"PolicyDocument": scene.of(role)["AssumeRolePolicyDocument"]})
        assert trust == {
            "Action": "sts:AssumeRole",
            "Principal": service("ses"),
            "Condition": {"StringEquals": {"aws:SourceAccount": "111122223333", "aws:SourceArn": scene.set_arn(name)}},
        }


@pytest.mark.parametrize(
    ("scene", "stream", "name", "threshold"),
    [
        ("plain", "transactional", "BounceRate", 0.025),
        ("plain", "transactional", "ComplaintRate", 0.0005),
        ("full", "marketing", "BounceRate", 0.02),
        ("full", "marketing", "ComplaintRate", 0.0004),
        ("full", "marketing", "PauseBounceRate", 0.04),
        ("full", "marketing", "PauseComplaintRate", 0.002),
        ("given", "marketing", "PauseBounceRate", 0.045),
        ("given", "marketing", "PauseComplaintRate", 0.0009),
    ],
)
def test_a_rate_of_the_stream_rings_its_alarm(
    made: Built, scene: str, stream: str, name: str, threshold: float
) -> None:
    where = made.scene(scene)
    found = where.of(where.email.alarms[f"{stream.capitalize()}{name}"])
    del found["AlarmDescription"]
    found.pop("AlarmActions", None)
    assert found == {
        "ComparisonOperator": "GreaterThanOrEqualToThreshold",
        "Dimensions": [{"Name": "ses:configuration-set", "Value": where.set_name(stream)}],
        "EvaluationPeriods": 1,
        "MetricName": f"Reputation.{name.removeprefix('Pause')}",
        "Namespace": "AWS/SES",
        "Period": 3600,
        "Statistic": "Average",
        "Threshold": threshold,
        # A stream that is paused, or sends nothing for a day, has not become better.
        "TreatMissingData": "ignore",
    }


def test_all_alarms_tell_the_topic_and_are_found_by_their_names(made: Built) -> None:
    topic = made.full.shown(made.alarms.topic_arn)
    for name, one in made.full.email.alarms.items():
        assert topic in made.full.of(one)["AlarmActions"], name
        assert made.full.of(one)["AlarmDescription"]
    for scene in made.scenes:
        assert len(scene.email.alarms) == len(scene.all("AWS::CloudWatch::Alarm"))
    assert not [one for one in made.plain.all("AWS::CloudWatch::Alarm") if "AlarmActions" in one]


def test_a_stream_pauses_itself_only_if_it_was_asked_to(made: Built) -> None:
    pausing = {name for name, one in made.full.email.streams.items() if one.pause is not None}
    assert (pausing, made.plain.email.streams["transactional"].pause) == ({"marketing"}, None)
    assert not [name for name in made.plain.email.alarms if "Pause" in name]


@PAUSING
def test_the_pause_may_switch_its_own_set_and_no_other(made: Built, scene: str) -> None:
    where = made.scene(scene)
    pause: Any = where.email.streams["marketing"].pause
    role = pause.node.find_child("FunctionRole")
    about_ses = {one for one in permissions(where.of(role)) if one[0].startswith("ses:")}
    assert about_ses == {("ses:PutConfigurationSetSendingOptions", where.set_arn("marketing"), "")}
    named = where.of(pause.function)["Environment"]["Variables"]
    assert named == {"CONFIGURATION_SET": where.set_name("marketing")}


@PAUSING
def test_only_the_two_alarms_of_the_stream_call_the_pause(made: Built, scene: str) -> None:
    where = made.scene(scene)
    pause: Any = where.email.streams["marketing"].pause
    function = where.shown(pause.function.function_arn)
    calling = {
        where.shown(alarm.alarm_arn)
        for alarm in where.email.alarms.values()
        if function in where.of(alarm).get("AlarmActions", [])
    }
    own = {where.shown(pause.alarms[name].alarm_arn) for name in ("BounceRate", "ComplaintRate")}
    assert calling == own
    found = [one for one in where.all("AWS::Lambda::Permission") if one["FunctionName"] == function]
    assert {one["SourceArn"] for one in found} == own
    for one in found:
        assert one["Action"] == "lambda:InvokeFunction"
        assert one["Principal"] == "lambda.alarms.cloudwatch.amazonaws.com"


def test_a_pause_that_failed_waits_in_a_queue_and_rings(made: Built) -> None:
    pause: Any = made.full.email.streams["marketing"].pause
    queue = made.full.shown(pause.failed_pauses.queue_arn)
    assert made.full.of(pause.function)["DeadLetterConfig"] == {"TargetArn": queue}
    granted = permissions(made.full.of(pause.node.find_child("FunctionRole")))
    assert ("sqs:SendMessage", queue, "") in granted
    kept = made.full.of(pause.failed_pauses)
    assert (kept["KmsMasterKeyId"], kept["MessageRetentionPeriod"]) == (made.full.key_arn(), 14 * 24 * 3600)
    errors, failed = (made.full.of(made.full.email.alarms[f"MarketingPause{name}"]) for name in ("Errors", "Failed"))
    called = made.full.shown(pause.function.function_name)
    assert (errors["MetricName"], errors["Dimensions"]) == ("Errors", [{"Name": "FunctionName", "Value": called}])
    assert failed["Dimensions"] == [{"Name": "QueueName", "Value": made.full.shown(pause.failed_pauses.queue_name)}]
    for one in (errors, failed):
        assert (one["Threshold"], one["ComparisonOperator"]) == (0, "GreaterThanThreshold")
