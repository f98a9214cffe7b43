"""Feedback: topic, queue, dead letters, the record of contacts, and the alarms on all of them."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cdk_refarch.ses_config_sets.contact_record import NOT_SENT
from tests.unit.ses_config_sets.built import ACCOUNT, HERE, REGION, Built, allowed, permissions, service

SCENES = pytest.mark.parametrize("scene", ["plain", "full", "bare", "given"])


@SCENES
def test_only_the_configuration_sets_of_the_streams_publish_to_the_topic(made: Built, scene: str) -> None:
    where = made.scene(scene)
    topic = where.email.feedback.topic
    policy: Any = topic.node.find_child("Policy")
    arn = where.shown(topic.topic_arn)
    assert allowed(where.of(policy)) == [
        {
            "Action": "sns:Publish",
            "Principal": service("ses"),
            "Resource": arn,
            "Condition": {
                "StringEquals": {
                    "aws:SourceAccount": ACCOUNT,
                    "aws:SourceArn": [where.set_arn(name) for name in where.email.streams],
                }
            },
        }
    ]
    assert where.of(topic)["KmsMasterKeyId"] == where.key_arn()


def test_nobody_publishes_to_the_topic_or_sends_to_the_queues_without_tls(made: Built) -> None:
    feedback = made.plain.email.feedback
    for one in (feedback.topic, feedback.queue, feedback.failed_events):
        policy: Any = one.node.find_child("Policy")
        denied = [it for it in made.plain.of(policy)["PolicyDocument"]["Statement"] if it["Effect"] == "Deny"]
        assert [it["Condition"] for it in denied] == [{"Bool": {"aws:SecureTransport": "false"}}]
        assert denied[0]["Principal"] in ("*", {"AWS": "*"})


@SCENES
def test_events_go_into_the_queue_as_they_are_or_wait_among_the_failed(made: Built, scene: str) -> None:
    where = made.scene(scene)
    feedback = where.email.feedback
    failed = where.shown(feedback.failed_events.queue_arn)
    assert where.of(feedback.node.find_child("Subscription")) == {
        "TopicArn": where.shown(feedback.topic.topic_arn),
        "Protocol": "sqs",
        "Endpoint": where.shown(feedback.queue.queue_arn),
        "RawMessageDelivery": True,
        "RedrivePolicy": {"deadLetterTargetArn": failed},
    }
    queue = where.of(feedback.queue)
    assert queue["RedrivePolicy"] == {"deadLetterTargetArn": failed, "maxReceiveCount": 5}
    for one in (queue, where.of(feedback.failed_events)):
        assert (one["KmsMasterKeyId"], one["MessageRetentionPeriod"]) == (where.key_arn(), 14 * 24 * 3600)


@SCENES
def test_the_queues_let_the_topic_in_before_it_knows_of_them(made: Built, scene: str) -> None:
    where = made.scene(scene)
    feedback = where.email.feedback
    for queue in (feedback.queue, feedback.failed_events):
        for needed in (queue, queue.node.find_child("Policy")):
            assert where.waits_for(feedback.node.find_child("Subscription"), needed), needed.node.path


@SCENES
def test_only_the_topic_sends_to_its_queue_and_to_the_failed_events(made: Built, scene: str) -> None:
    where = made.scene(scene)
    feedback = where.email.feedback
    topic = where.shown(feedback.topic.topic_arn)
    for queue in (feedback.queue, feedback.failed_events):
        policy: Any = queue.node.find_child("Policy")
        assert allowed(where.of(policy)) == [
            {
                "Action": "sqs:SendMessage",
                "Principal": service("sns"),
                "Resource": where.shown(queue.queue_arn),
                "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
            }
        ]


def test_the_recorder_reads_the_queue_and_hands_back_only_what_it_failed_on(made: Built) -> None:
    feedback = made.full.email.feedback
    record: Any = feedback.record
    assert made.full.of(record.node.find_child("Source")) == {
        "FunctionName": made.full.shown(record.function.function_arn),
        "EventSourceArn": made.full.shown(feedback.queue.queue_arn),
        "BatchSize": 10,
        "FunctionResponseTypes": ["ReportBatchItemFailures"],
    }
    timeout = made.full.of(record.function)["Timeout"]
    # https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    assert made.full.of(feedback.queue)["VisibilityTimeout"] >= 6 * timeout


def test_the_recorder_knows_the_table_the_streams_and_how_long_to_keep_what(made: Built) -> None:
    for where, days in ((made.full, "7"), (made.plain, "90")):
        record: Any = where.email.feedback.record
        found = dict(where.of(record.function)["Environment"]["Variables"])
        streams = json.loads(found.pop("STREAMS"))
        assert streams == {where.set_name(name): name for name in where.email.streams}
        assert found == {"TABLE_NAME": where.shown(record.table.table_name), "KEEP_TRANSIENT_DAYS": days}


def via(name: str) -> str:
    return str({"StringEquals": {"kms:ViaService": f"{name}.{REGION}.amazonaws.com"}})


def test_the_recorder_may_read_the_queue_and_put_items_and_nothing_else(made: Built) -> None:
    where = made.full
    record: Any = where.email.feedback.record
    queue, table = where.shown(where.email.feedback.queue.queue_arn), where.shown(record.table.table_arn)
    log = where.shown(record.node.find_child("Log").log_group_arn)
    assert permissions(where.of(record.node.find_child("FunctionRole"))) == {
        *((f"sqs:{action}", queue, "") for action in ("DeleteMessage", "GetQueueAttributes", "ReceiveMessage")),
        ("kms:Decrypt", where.key_arn(), via("sqs")),
        ("dynamodb:PutItem", table, ""),
        ("kms:Decrypt", where.key_arn(), via("dynamodb")),
        ("kms:GenerateDataKey", where.key_arn(), via("dynamodb")),
        ("logs:CreateLogStream", log, ""),
        ("logs:PutLogEvents", log, ""),
        ("xray:PutTelemetryRecords", "*", ""),
        ("xray:PutTraceSegments", "*", ""),
    }


def test_contacts_are_kept_by_address_and_event_and_go_when_they_expire(made: Built) -> None:
    for where in (made.plain, made.full):
        record: Any = where.email.feedback.record
        assert where.of(record.table) == {
            "KeySchema": [
                {"AttributeName": "address", "KeyType": "HASH"},
                {"AttributeName": "event", "KeyType": "RANGE"},
            ],
            "AttributeDefinitions": [
                {"AttributeName": "address", "AttributeType": "S"},
                {"AttributeName": "event", "AttributeType": "S"},
            ],
            "BillingMode": "PAY_PER_REQUEST",
            "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
            "SSESpecification": {"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": where.key_arn()},
            "TimeToLiveSpecification": {"AttributeName": "expires_at", "Enabled": True},
        }


def test_a_reader_may_look_addresses_up_and_not_list_or_change_them(made: Built) -> None:
    record: Any = made.full.email.feedback.record
    policy: Any = made.reader.node.find_child("DefaultPolicy")
    table = made.full.shown(record.table.table_arn)
    found = allowed(made.full.of(policy))
    assert [(one["Action"], one["Resource"], one.get("Condition")) for one in found] == [
        (
            "kms:Decrypt",
            made.full.key_arn(),
            {"StringEquals": {"kms:ViaService": f"dynamodb.{REGION}.amazonaws.com"}},
        ),
        (["dynamodb:GetItem", "dynamodb:Query"], table, None),
    ]


def test_feedback_without_a_record_waits_for_a_reader_of_ones_own(made: Built) -> None:
    feedback = made.bare.email.feedback
    assert feedback.record is None
    kinds = {one["Type"] for one in made.bare.template.json["Resources"].values()}
    assert "AWS::SQS::Queue" in kinds
    assert not {one for one in kinds if one.startswith(("AWS::Lambda", "AWS::DynamoDB", "AWS::Logs"))}


@SCENES
def test_feedback_that_failed_or_waits_too_long_rings(made: Built, scene: str) -> None:
    where = made.scene(scene)
    feedback = where.email.feedback
    failed, late = (where.of(where.email.alarms[f"Feedback{name}"]) for name in ("FailedEvents", "Late"))
    metrics = {
        "ApproximateNumberOfMessagesVisible": (failed, feedback.failed_events, 0),
        "ApproximateAgeOfOldestMessage": (late, feedback.queue, 1800),
    }
    for metric, (alarm, queue, threshold) in metrics.items():
        assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == ("AWS/SQS", metric, "Maximum")
        assert alarm["Dimensions"] == [{"Name": "QueueName", "Value": where.shown(queue.queue_name)}]
        assert (alarm["ComparisonOperator"], alarm["Threshold"]) == ("GreaterThanThreshold", threshold)


def test_a_recorder_that_fails_rings(made: Built) -> None:
    record: Any = made.full.email.feedback.record
    alarm = made.full.of(made.full.email.alarms["FeedbackRecordErrors"])
    assert (alarm["MetricName"], alarm["Namespace"]) == ("Errors", "AWS/Lambda")
    assert alarm["Dimensions"] == [{"Name": "FunctionName", "Value": made.full.shown(record.function.function_name)}]


def test_mail_that_ses_took_and_did_not_send_rings(made: Built) -> None:
    counted = set()
    for where in (made.plain, made.full):
        record: Any = where.email.feedback.record
        (counting,) = where.all("AWS::Logs::MetricFilter")
        assert counting["LogGroupName"] == where.of(record.function)["LoggingConfig"]["LogGroup"]
        # What it matches of the lines that the function writes is tested with the function.
        assert counting["FilterPattern"] == NOT_SENT
        alarm = where.of(where.email.alarms["FeedbackRecordNotSent"])
        (metric,) = counting["MetricTransformations"]
        names = {"MetricNamespace": alarm["Namespace"], "MetricName": alarm["MetricName"]}
        assert metric == {**names, "MetricValue": "1", "Unit": "Count"}
        assert (alarm["Threshold"], alarm["ComparisonOperator"]) == (0, "GreaterThanThreshold")
        assert (alarm["Statistic"], alarm.get("Dimensions")) == ("Sum", None)
        counted.add(alarm["MetricName"])
    # Two constructs of an account do not ring for each other.
    assert len(counted) == 2
    assert "FeedbackRecordNotSent" not in made.bare.email.alarms


USE = ["kms:Decrypt", "kms:GenerateDataKey"]
LOGS = {
    "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
    "Resource": "*",
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:log-group:*"}},
}
TO_TOPICS = {
    "Action": USE,
    "Principal": service("ses"),
    "Resource": "*",
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{HERE}:*"}},
}
TO_QUEUES = {
    "Action": USE,
    "Principal": service("sns"),
    "Resource": "*",
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:sns:{HERE}:*"},
    },
}
ROOT = {"Action": "kms:*", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Resource": "*"}


def athena(work_group: str) -> dict[str, Any]:
    """The statement for encrypted results of the work group, whose ARN has its name in it."""
    arn = f"arn:aws:athena:{HERE}:workgroup/{work_group}"
    return {
        "Action": [*USE, "kms:DescribeKey"],
        "Principal": service("encryption.athena"),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": arn, "kms:EncryptionContext:aws:athena:arn": arn},
        },
    }


def receipts(rule_set: str) -> dict[str, Any]:
    """The statement for mail that the rules of a set write to a bucket."""
    return {
        "Action": USE,
        "Principal": service("ses"),
        "Resource": "*",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": ACCOUNT},
            "ArnLike": {"aws:SourceArn": f"arn:aws:ses:{HERE}:receipt-rule-set/{rule_set}:receipt-rule/*"},
        },
    }


@pytest.mark.parametrize("scene", ["plain", "full", "bare"])
def test_a_key_admits_the_services_that_use_it_and_nobody_else(made: Built, scene: str) -> None:
    where = made.scene(scene)
    expected = [ROOT, LOGS, TO_TOPICS, TO_QUEUES]
    if where.email.analytics is not None:
        expected.append(athena(where.shown(where.email.analytics.work_group.name)))
    if where.email.inbound is not None:
        expected.append(receipts(where.shown(where.email.inbound.rule_set.ref)))
    found = allowed(where.of(where.email.encryption_key))
    listed = [{**one, "Action": sorted(one["Action"]) if one["Action"] != "kms:*" else "kms:*"} for one in found]
    wanted = [{**one, "Action": sorted(one["Action"]) if one["Action"] != "kms:*" else "kms:*"} for one in expected]
    assert sorted(map(str, listed)) == sorted(map(str, wanted))
