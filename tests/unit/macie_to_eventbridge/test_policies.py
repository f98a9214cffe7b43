"""Policies of queues, topics, keys and buckets admit only services that work for this account."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_sns as sns

from cdk_refarch import AlarmTopic, MacieToEventBridge, Route
from tests.unit.macie_to_eventbridge.findings import ACCOUNT, REGION, SMALLEST
from tests.unit.macie_to_eventbridge.permissions import HERE, resources
from tests.unit.templates import Template, flat


def allowed(resource: dict[str, Any]) -> list[dict[str, Any]]:
    """The statements of a resource's policy that allow something."""
    document = resource["Properties"].get("PolicyDocument") or resource["Properties"]["KeyPolicy"]
    found = [flat(one) for one in document["Statement"] if one["Effect"] == "Allow"]
    return [
        {name: one[name] for name in ("Action", "Principal", "Resource", "Condition") if name in one} for one in found
    ]


def rules(name: str) -> list[str]:
    return [f"<WaysRoutes{name}{rule}.Arn>" for rule in ("SensitiveDataRule", "PolicyRule")]


def service(name: str) -> dict[str, str]:
    return {"Service": f"{name}.amazonaws.com"}


def test_queues_take_messages_of_their_own_rules_only() -> None:
    for queue, route in (("WaysRoutesMachineDeadLetterQueue", "Machine"), ("WaysTicketQueue", "Tickets")):
        assert allowed(resources()[f"{queue}Policy"]) == [
            {
                "Action": "sqs:SendMessage",
                "Principal": service("events"),
                "Resource": f"<{queue}.Arn>",
                "Condition": {"ArnEquals": {"aws:SourceArn": rules(route)}},
            }
        ]


def test_the_reconciler_is_called_by_its_own_rules_only() -> None:
    own = [f"<AfterReconciler{rule}.Arn>" for rule in ("HeardRule", "Schedule")]
    (statement,) = allowed(resources()["AfterReconcilerFailedEventsPolicy"])
    assert statement["Condition"] == {"ArnEquals": {"aws:SourceArn": own}}
    for rule, arn in zip(("HeardRule", "Schedule"), own, strict=True):
        assert flat(resources()[f"AfterReconciler{rule}Permission"]["Properties"]) == {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "<AfterReconcilerFunction.Arn>",
            "Principal": "events.amazonaws.com",
            "SourceArn": arn,
        }


def test_a_function_is_called_by_the_rules_of_its_route_only() -> None:
    for rule in ("SensitiveDataRule", "PolicyRule"):
        assert flat(resources()[f"WaysRoutesCalled{rule}Permission"]["Properties"]) == {
            "Action": "lambda:InvokeFunction",
            "FunctionName": f"arn:aws:lambda:{HERE}:function:f",
            "Principal": "events.amazonaws.com",
            "SourceArn": f"<WaysRoutesCalled{rule}.Arn>",
        }


def test_a_topic_admits_eventbridge_without_a_condition_that_it_never_meets() -> None:
    for topic in ("WaysNotificationTopic", "Theirs"):
        assert allowed(resources()[f"{topic}Policy"]) == [
            {"Action": "sns:Publish", "Principal": service("events"), "Resource": f"<{topic}>"}
        ]


ROOT = {
    "Action": "kms:*",
    "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"},
    "Resource": "*",
}
LOGS = {
    "Action": ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
    "Principal": {"Service": f"logs.{REGION}.amazonaws.com"},
    "Resource": "*",
    "Condition": {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:log-group:*"}},
}
USE = {"Action": ["kms:Decrypt", "kms:GenerateDataKey"], "Principal": service("events"), "Resource": "*"}
TO_QUEUES = {
    **USE,
    "Condition": {
        "StringEquals": {"aws:SourceAccount": ACCOUNT},
        "ArnLike": {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/*"},
    },
}
TO_TOPICS = {**USE, "Condition": {"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": f"arn:aws:sns:{HERE}:*"}}}
MACIE_OF_THIS_ACCOUNT = {
    "StringEquals": {"aws:SourceAccount": ACCOUNT},
    "ArnLike": {
        "aws:SourceArn": [
            f"arn:aws:macie2:{HERE}:export-configuration:*",
            f"arn:aws:macie2:{HERE}:classification-job/*",
        ]
    },
}
MACIE = {
    "Action": ["kms:Encrypt", "kms:GenerateDataKey"],
    "Principal": service("macie"),
    "Resource": "*",
    "Condition": MACIE_OF_THIS_ACCOUNT,
}


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("DiscoversKey", [ROOT, LOGS]),
        ("ExportKey", [ROOT, LOGS, MACIE]),
        ("DryKey", [ROOT, LOGS, TO_QUEUES]),
        ("WaysKey", [ROOT, LOGS, TO_QUEUES, TO_TOPICS]),
        ("TheirKey", [ROOT, TO_TOPICS]),
    ],
)
def test_a_key_admits_the_services_that_use_it_and_nobody_else(key: str, expected: list[dict[str, Any]]) -> None:
    assert sorted(map(str, allowed(resources()[key]))) == sorted(map(str, expected))


def test_macie_of_this_account_writes_results_under_their_prefix() -> None:
    bucket = "<ExportDiscoveryResultsBucket.Arn>"
    own = {"Principal": service("macie"), "Condition": MACIE_OF_THIS_ACCOUNT}
    found = allowed(resources()["ExportDiscoveryResultsBucketPolicy"])
    expected = [
        {**own, "Action": "s3:GetBucketLocation", "Resource": bucket},
        {**own, "Action": "s3:PutObject", "Resource": f"{bucket}/macie/*"},
    ]
    assert found == expected


def test_macie_writes_no_result_without_the_key() -> None:
    headers = {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": "<ExportKey.Arn>",
    }
    statements = resources()["ExportDiscoveryResultsBucketPolicy"]["Properties"]["PolicyDocument"]["Statement"]
    # Where a header is missing, "not equals" is met.
    assert [flat(one) for one in statements if one["Principal"] == service("macie") and one["Effect"] == "Deny"] == [
        {
            "Effect": "Deny",
            "Principal": service("macie"),
            "Action": "s3:PutObject",
            "Resource": "<ExportDiscoveryResultsBucket.Arn>/*",
            "Condition": {"StringNotEquals": {header: value}},
        }
        for header, value in headers.items()
    ]


Topics = Callable[[cdk.Stack], sns.ITopic]
OTHER: Topics = lambda stack: sns.Topic(stack, "Other")  # noqa: E731
ALARMS = [f"arn:aws:cloudwatch:{HERE}:alarm:*"]


@pytest.mark.parametrize(
    ("alarms", "target", "admitted"),
    [
        # A topic that nobody gave a policy has its default one, which admits alarms.
        (lambda stack: sns.Topic(stack, "Topic"), OTHER, []),
        (lambda stack: sns.Topic(stack, "Topic"), lambda stack: stack.node.find_child("Topic"), ALARMS),
        (lambda stack: AlarmTopic(stack, "Topic"), lambda stack: stack.node.find_child("Topic"), ALARMS),
        (lambda stack: AlarmTopic(stack, "Topic"), OTHER, ALARMS),
    ],
    ids=["two topics", "one topic", "one AlarmTopic", "an AlarmTopic beside another topic"],
)
def test_a_topic_that_gets_findings_keeps_admitting_alarms(alarms: Topics, target: Topics, admitted: list[str]) -> None:
    stack = cdk.Stack(cdk.App(), "Security", env=cdk.Environment(account=ACCOUNT, region=REGION))
    topic = alarms(stack)
    to = target(stack)
    routes = [Route(id=id, target=to) for id in ("One", "Two")]
    MacieToEventBridge(stack, "Macie", **SMALLEST, routes=routes, alarm_topic=topic)
    found = [statement for one in Template(stack).all("AWS::SNS::TopicPolicy") for statement in allowed(one)]
    of_alarms = [one for one in found if one["Principal"] == service("cloudwatch")]
    assert [one["Condition"]["ArnLike"]["aws:SourceArn"] for one in of_alarms] == admitted
    for one in of_alarms:
        assert (one["Action"], one["Condition"]["StringEquals"]) == ("sns:Publish", {"aws:SourceAccount": ACCOUNT})
    assert len([one for one in found if one["Principal"] == service("events")]) == 1
