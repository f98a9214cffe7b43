"""What MacieToEventBridge makes of routes and ready targets: rules, queues for what fails, alarms for it."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch import (
    AuditBus,
    ClassificationJob,
    FindingRoute,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Quarantine,
    ResultsExport,
    Route,
    TicketQueue,
)
from cdk_refarch._parts.names import address
from tests.conftest import ROOT
from tests.unit.macie_to_eventbridge.findings import SMALLEST
from tests.unit.templates import Template

HERE = "eu-west-1:111122223333"

TARGETS: dict[str, Callable[[cdk.Stack], Any]] = {
    "Topic": lambda stack: sns.Topic(stack, "ToTopic"),
    "Queue": lambda stack: sqs.Queue(stack, "ToQueue"),
    "Function": lambda stack: lambda_.Function.from_function_arn(stack, "ToFn", f"arn:aws:lambda:{HERE}:function:f"),
    "Machine": lambda stack: sfn.StateMachine.from_state_machine_arn(
        stack, "ToMachine", f"arn:aws:states:{HERE}:stateMachine:m"
    ),
    "Bus": lambda stack: events.EventBus(stack, "ToBus"),
    "Stream": lambda stack: firehose.DeliveryStream.from_delivery_stream_arn(
        stack, "ToStream", f"arn:aws:firehose:{HERE}:deliverystream/s"
    ),
    "CfnStream": lambda stack: firehose.CfnDeliveryStream(stack, "ToCfnStream"),
}
ARNS = {
    "Topic": "topic_arn",
    "Queue": "queue_arn",
    "Function": "function_arn",
    "Machine": "state_machine_arn",
    "Bus": "event_bus_arn",
    "Stream": "delivery_stream_arn",
    "CfnStream": "attr_arn",
}
OWN = ["JobErrors", "FailedTickets", "UnreadTickets", *(f"Quarantine{one}" for one in ("Errors", "FailedFindings"))]
RECONCILER = ["ReconcilerErrors", "ReconcilerFailedEvents"]
READY = ["Notification", "Tickets", "Quarantine", "Audit"]


class Made(NamedTuple):
    full: MacieToEventBridge
    listening: MacieToEventBridge
    live: MacieToEventBridge
    targets: dict[str, Any]
    topic: sns.Topic
    queue: sqs.Queue
    bus: events.EventBus
    template: Template

    def target(self, route: FindingRoute) -> dict[str, Any]:
        """The target that all rules of a route have."""
        found = [self.template.of(rule)["Targets"] for rule in route.rules.values()]
        assert all(len(one) == 1 for one in found)
        first: dict[str, Any] = {name: value for name, value in found[0][0].items() if name != "InputTransformer"}
        assert all({**one[0], **first} == one[0] for one in found)
        return first

    def value(self, value: Any) -> Any:
        return self.template.resolve(value)


@pytest.fixture(scope="module")
def made() -> Made:
    stack = cdk.Stack(cdk.App(), "Security")
    topic, queue = sns.Topic(stack, "Alarms"), sqs.Queue(stack, "Failed")
    bus = events.EventBus(stack, "Bus")
    targets = {name: make(stack) for name, make in TARGETS.items()}
    full = MacieToEventBridge(
        stack,
        "Full",
        **SMALLEST,
        jobs=[ClassificationJob(id="Once", buckets=["lake"])],
        routes=[Route(id=name, target=target) for name, target in targets.items()],
        notification=Notification(emails=["a@example.com", "b@example.com"]),
        ticket_queue=TicketQueue(),
        quarantine=Quarantine(),
        audit_bus=bus,
        reconcile=True,
        alarm_topic=topic,
    )
    listening = MacieToEventBridge(
        stack,
        "Listening",
        **SMALLEST,
        routes=[
            Route(id="Own", target=targets["Machine"], categories=["POLICY"], dead_letter_queue=queue),
            Route(id="Types", target=targets["Topic"], finding_types=["SensitiveData:S3Object/Credentials"]),
        ],
        event_bus=bus,
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )
    quarantine = Quarantine(dry_run=False, buckets=["team-*", "lake"], lock_days=30, block_public_access=False)
    live = MacieToEventBridge(stack, "Live", **SMALLEST, quarantine=quarantine)
    return Made(full, listening, live, targets, topic, queue, bus, Template(stack))


@pytest.mark.parametrize("name", TARGETS)
def test_a_route_reaches_its_target_as_long_as_eventbridge_can_try(made: Made, name: str) -> None:
    route = made.full.routes[name]
    role = {} if route.role is None else {"RoleArn": made.value(route.role.role_arn)}
    assert set(route.rules) == {"CLASSIFICATION", "POLICY"}
    assert made.target(route) == {
        "Id": "Target",
        "Arn": made.value(getattr(made.targets[name], ARNS[name])),
        "DeadLetterConfig": {"Arn": made.value(route.dead_letter_queue.queue_arn)},
        "RetryPolicy": {"MaximumRetryAttempts": 185, "MaximumEventAgeInSeconds": 86400},
        **role,
    }


def test_only_targets_without_a_policy_have_a_role(made: Made) -> None:
    assert {name for name in TARGETS if made.full.routes[name].role} == {"Machine", "Bus", "Stream", "CfnStream"}


def test_rules_are_on_and_listen_to_the_bus_that_was_given(made: Made) -> None:
    for one, bus in ((made.full, None), (made.listening, made.value(made.bus.event_bus_name))):
        for route in one.routes.values():
            for rule in route.rules.values():
                properties = made.template.of(rule)
                assert (properties["State"], properties.get("EventBusName")) == ("ENABLED", bus)
                assert "Name" not in properties


def test_there_is_no_rule_for_what_cannot_pass(made: Made) -> None:
    rules = {id: list(route.rules) for id, route in made.listening.routes.items()}
    assert rules == {"Own": ["POLICY"], "Types": ["CLASSIFICATION"]}
    # It is for objects only.
    assert {id: list(route.rules) for id, route in made.live.routes.items()} == {"Quarantine": ["CLASSIFICATION"]}
    assert [one.node.id for one in made.listening.routes["Own"].rules.values()] == ["PolicyRule"]


def test_what_cannot_be_delivered_waits_encrypted_for_14_days(made: Made) -> None:
    assert made.template.of(made.full.routes["Topic"].dead_letter_queue) == {
        "KmsMasterKeyId": made.value(made.full.encryption_key.key_arn),
        "MessageRetentionPeriod": 14 * 24 * 3600,
    }


def test_a_given_dead_letter_queue_is_used_and_none_is_made(made: Made) -> None:
    route = made.listening.routes["Own"]
    assert route.dead_letter_queue is made.queue
    assert made.target(route)["DeadLetterConfig"] == {"Arn": made.value(made.queue.queue_arn)}
    assert route.node.try_find_child("DeadLetterQueue") is None


def test_there_is_an_alarm_for_each_way_to_fail(made: Made) -> None:
    routes = [f"{id}{name}" for id in (*TARGETS, *READY) for name in ("Undelivered", "Failed")]
    assert sorted(made.full.alarms) == sorted([*OWN, *RECONCILER, *routes])
    few = [f"{id}{name}" for id in ("Own", "Types") for name in ("Undelivered", "Failed")]
    assert sorted(made.listening.alarms) == sorted(few)
    of_quarantine = ["QuarantineUndelivered", "QuarantineFailed"]
    assert sorted(made.live.alarms) == sorted([*OWN[3:], *of_quarantine])


def test_every_alarm_tells_the_topic_when_there_is_one(made: Made) -> None:
    topic = made.value(made.topic.topic_arn)
    assert {str(made.template.of(one).get("AlarmActions")) for one in made.full.alarms.values()} == {str([topic])}
    assert all("AlarmActions" not in made.template.of(one) for one in made.listening.alarms.values())


def test_every_alarm_is_quiet_without_data_and_says_what_to_do(made: Made) -> None:
    for name, alarm in made.full.alarms.items():
        properties = made.template.of(alarm)
        assert (properties["TreatMissingData"], properties["EvaluationPeriods"]) == ("notBreaching", 1), name
        threshold = 3 * 24 * 3600 if name == "UnreadTickets" else 0
        assert (properties["ComparisonOperator"], properties["Threshold"]) == ("GreaterThanThreshold", threshold), name
        assert len(properties["AlarmDescription"].split(".")) > 2, name


def test_the_alarm_of_what_waits_says_how_long_it_waits(made: Made) -> None:
    for one in (made.full.alarms["TopicUndelivered"], made.listening.alarms["OwnUndelivered"]):
        assert made.template.of(one)["AlarmDescription"] == (
            "Findings could not be delivered and wait in the dead-letter queue, each with the reason. Mend the cause, "
            "and replay them before the queue drops them: after 14 days, unless the queue was given."
        )


def test_every_kind_of_alarm_is_in_the_readme_and_the_other_way_round(made: Made) -> None:
    readme = (ROOT / "constructs" / "cdk_refarch" / "macie_to_eventbridge" / "README.md").read_text()
    table = readme.partition("| alarm |")[2].partition("\n\n")[0]
    of_a_route = {"PaymentsUndelivered", "PaymentsFailed"}
    assert set(re.findall(r"^\| `(\w+)`", table, re.MULTILINE)) == {*OWN, *RECONCILER, *of_a_route}
    assert {name.removeprefix("Topic") for name in made.full.alarms if name.startswith("Topic")} == {
        name.removeprefix("Payments") for name in of_a_route
    }


WATCHED = {
    "TopicUndelivered": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
    "FailedTickets": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
    "UnreadTickets": ("AWS/SQS", "ApproximateAgeOfOldestMessage", "Maximum"),
    "QuarantineFailedFindings": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
    "QuarantineErrors": ("AWS/Lambda", "Errors", "Sum"),
    "ReconcilerErrors": ("AWS/Lambda", "Errors", "Sum"),
    "ReconcilerFailedEvents": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
}


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_watches_the_metric_that_the_service_emits(made: Made, name: str) -> None:
    alarm = made.template.of(made.full.alarms[name])
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == WATCHED[name]
    (dimension,) = alarm["Dimensions"]
    full: Any = made.full
    watched = {
        "TopicUndelivered": made.full.routes["Topic"].dead_letter_queue,
        "FailedTickets": full.failed_tickets,
        "UnreadTickets": full.ticket_queue,
        "QuarantineFailedFindings": full.quarantine.failed_findings,
        "QuarantineErrors": full.quarantine.function,
        "ReconcilerErrors": full.reconciler.function,
        "ReconcilerFailedEvents": full.reconciler.failed_events,
    }[name]
    own = watched.queue_name if hasattr(watched, "queue_name") else watched.function_name
    assert dimension["Value"] == made.value(own)


def failed(made: Made, alarm: str, among: MacieToEventBridge) -> tuple[str, dict[str, tuple[str, Any]]]:
    """The expression of an alarm, and its metrics: identifier to name and dimensions."""
    expression, *metrics = made.template.of(among.alarms[alarm])["Metrics"]
    assert expression["ReturnData"] is True
    found = {}
    for one in metrics:
        metric = one["MetricStat"]["Metric"]
        assert (metric["Namespace"], one["MetricStat"]["Stat"], one["ReturnData"]) == ("AWS/Events", "Sum", False)
        found[one["Id"]] = (metric["MetricName"], {each["Name"]: each["Value"] for each in metric["Dimensions"]})
    return expression["Expression"], found


def test_an_alarm_counts_what_was_not_delivered_and_what_was_lost_by_every_rule(made: Made) -> None:
    expression, metrics = failed(made, "TopicFailed", made.full)
    assert expression == " + ".join(f"FILL({name}, 0)" for name in metrics)
    rules = [{"RuleName": made.value(rule.ref)} for rule in made.full.routes["Topic"].rules.values()]
    names = ("FailedInvocations", "InvocationsFailedToBeSentToDlq")
    assert sorted(map(str, metrics.values())) == sorted(str((name, rule)) for name in names for rule in rules)


def test_rules_on_a_bus_of_ones_own_count_under_bus_and_rule(made: Made) -> None:
    _, metrics = failed(made, "OwnFailed", made.listening)
    (rule,) = made.listening.routes["Own"].rules.values()
    name = {"Fn::Select": [1, {"Fn::Split": ["|", made.value(rule.ref)]}]}
    expected = {"EventBusName": made.value(made.bus.event_bus_name), "RuleName": name}
    assert [dimensions for _, dimensions in metrics.values()] == [expected, expected]


def test_a_metric_can_be_read_by_any_statistic_and_period(made: Made) -> None:
    route = made.full.routes["Topic"]
    waiting = route.metric_waiting(statistic="Average", period=cdk.Duration.minutes(1))
    assert (waiting.metric_name, waiting.statistic) == ("ApproximateNumberOfMessagesVisible", "Average")
    assert waiting.period.to_seconds() == 60
    assert route.metric_failed(period=cdk.Duration.minutes(1)).period.to_seconds() == 60


def test_people_are_told_by_an_encrypted_topic(made: Made) -> None:
    topic = made.full.notification_topic
    assert topic is not None
    key = made.value(made.full.encryption_key.key_id)
    assert made.template.of(topic)["KmsMasterKeyId"] in (key, made.value(made.full.encryption_key.key_arn))
    mails = [one["Properties"] for one in made.template.all("AWS::SNS::Subscription")]
    assert sorted(mails, key=str) == [
        {"Endpoint": f"{name}@example.com", "Protocol": "email", "TopicArn": made.value(topic.topic_arn)}
        for name in ("a", "b")
    ]


def test_a_subscription_stays_what_it_is_when_an_address_before_it_goes() -> None:
    def named(emails: list[str]) -> set[str]:
        stack = cdk.Stack(cdk.App(), "Security")
        MacieToEventBridge(stack, "Macie", **SMALLEST, notification=Notification(emails=emails))
        found = Template(stack).json["Resources"].items()
        return {name for name, one in found if one["Type"] == "AWS::SNS::Subscription"}

    (first,), (second,) = named(["a@example.com"]), named(["b@example.com"])
    assert first != second
    assert named(["a@example.com", "b@example.com"]) == named(["b@example.com", "a@example.com"]) == {first, second}
    id = f"Email{hashlib.sha256(b'b@example.com').hexdigest()[:8]}"
    assert second.startswith(f"MacieNotificationTopic{id}")


def test_a_ticket_system_has_five_tries_before_a_message_is_put_aside(made: Made) -> None:
    assert made.full.ticket_queue is not None
    assert made.full.failed_tickets is not None
    assert made.template.of(made.full.ticket_queue) == {
        "KmsMasterKeyId": made.value(made.full.encryption_key.key_arn),
        "MessageRetentionPeriod": 14 * 24 * 3600,
        "VisibilityTimeout": 300,
        "RedrivePolicy": {
            "deadLetterTargetArn": made.value(made.full.failed_tickets.queue_arn),
            "maxReceiveCount": 5,
        },
    }


def test_a_dry_run_has_no_bucket_and_tells_the_function_so(made: Made) -> None:
    quarantine = made.full.quarantine
    assert quarantine is not None
    assert (quarantine.bucket, quarantine.access_log_bucket) == (None, None)
    assert made.template.of(quarantine.function)["Environment"]["Variables"] == {
        "DRY_RUN": "true",
        "TAG": "true",
        "COPY": "true",
        "BLOCK_PUBLIC_ACCESS": "true",
    }


def test_copies_go_to_a_bucket_where_nobody_deletes_them_in_time(made: Made) -> None:
    quarantine = made.live.quarantine
    assert quarantine is not None
    assert quarantine.bucket is not None
    bucket = made.template.of(quarantine.bucket)
    assert bucket["ObjectLockEnabled"] is True
    assert bucket["ObjectLockConfiguration"] == {
        "ObjectLockEnabled": "Enabled",
        "Rule": {"DefaultRetention": {"Days": 30, "Mode": "GOVERNANCE"}},
    }
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    assert made.template.of(quarantine.function)["Environment"]["Variables"] == {
        "DRY_RUN": "false",
        "TAG": "true",
        "COPY": "true",
        "BLOCK_PUBLIC_ACCESS": "false",
        "QUARANTINE_BUCKET": made.value(quarantine.bucket.bucket_name),
        "KEY_ARN": made.value(made.live.encryption_key.key_arn),
    }


def test_a_quarantine_that_copies_nothing_has_no_bucket() -> None:
    stack = cdk.Stack()
    wanted = Quarantine(dry_run=False, buckets=["lake"], copy=False)
    made = MacieToEventBridge(stack, "Macie", **SMALLEST, quarantine=wanted)
    assert made.quarantine is not None
    assert made.quarantine.bucket is None


def test_what_the_functions_fail_on_three_times_goes_to_their_queues(made: Made) -> None:
    full: Any = made.full
    for function, queue in (
        (full.quarantine.function, full.quarantine.failed_findings),
        (full.reconciler.function, full.reconciler.failed_events),
    ):
        properties = made.template.of(function)
        assert properties["DeadLetterConfig"] == {"TargetArn": made.value(queue.queue_arn)}
        assert made.template.of(queue)["MessageRetentionPeriod"] == 14 * 24 * 3600


def test_the_reconciler_hears_all_findings_and_looks_every_hour(made: Made) -> None:
    macie: Any = made.full
    heard, schedule = (made.template.of(macie.reconciler.node.find_child(id)) for id in ("HeardRule", "Schedule"))
    assert heard["EventPattern"] == {"source": ["aws.macie"], "detail-type": ["Macie Finding"]}
    assert schedule["ScheduleExpression"] == "rate(1 hour)"
    for rule in (heard, schedule):
        (target,) = rule["Targets"]
        assert (rule["State"], "EventBusName" in rule) == ("ENABLED", False)
        assert target == {
            "Id": "Target",
            "Arn": made.value(macie.reconciler.function.function_arn),
            "DeadLetterConfig": {"Arn": made.value(macie.reconciler.failed_events.queue_arn)},
        }


def test_the_reconciler_keeps_what_it_heard_in_an_encrypted_table_for_a_while(made: Made) -> None:
    reconciler = made.full.reconciler
    assert reconciler is not None
    assert made.template.of(reconciler.table) == {
        "AttributeDefinitions": [{"AttributeName": "id", "AttributeType": "S"}],
        "KeySchema": [{"AttributeName": "id", "KeyType": "HASH"}],
        "BillingMode": "PAY_PER_REQUEST",
        "PointInTimeRecoverySpecification": {"PointInTimeRecoveryEnabled": True},
        "SSESpecification": {
            "KMSMasterKeyId": made.value(made.full.encryption_key.key_arn),
            "SSEEnabled": True,
            "SSEType": "KMS",
        },
        "TimeToLiveSpecification": {"AttributeName": "expires", "Enabled": True},
    }
    found = dict(made.template.of(reconciler.function)["Environment"]["Variables"])
    assert ":event-bus/default" in str(found.pop("BUS_NAME"))
    assert found == {
        "TABLE_NAME": made.value(reconciler.table.table_name),
        "SOURCE": f"cdk-refarch.macie.reconciled.{address(made.full)}",
        "GRACE_SECONDS": "900",
    }


def warnings(macie: MacieToEventBridge) -> str:
    entries = [str(entry.data) for one in macie.node.find_all() for entry in one.node.metadata]
    return "\n".join(one for one in entries if "must let" in one)


def test_a_warning_tells_what_policies_must_admit_that_the_app_cannot_change() -> None:
    stack = cdk.Stack()
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/k")
    queue = sqs.Queue.from_queue_arn(stack, "Queue", f"arn:aws:sqs:{HERE}:q")
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{HERE}:t")
    bucket = s3.Bucket.from_bucket_name(stack, "Bucket", "results")
    macie = MacieToEventBridge(
        stack,
        "Macie",
        session=MacieSession(existing=True),
        results_export=ResultsExport(bucket=bucket),
        encryption_key=key,
        routes=[Route(id="One", target=topic, dead_letter_queue=queue), Route(id="Two", target=queue)],
    )
    found = warnings(macie)
    for sentence in (
        "must let CloudWatch Logs encrypt with it",
        "must let macie.amazonaws.com encrypt and generate data keys",
        "must let macie.amazonaws.com find the bucket's location and put objects",
        "the given target cannot be changed by this app. It must let events.amazonaws.com publish",
        "the given target cannot be changed by this app. It must let events.amazonaws.com send messages",
        "the given dead_letter_queue cannot be changed by this app",
        "must let events.amazonaws.com decrypt and generate data keys",
    ):
        assert sentence in found, sentence


def test_what_the_app_owns_is_opened_without_a_warning(made: Made) -> None:
    assert warnings(made.full) == warnings(made.listening) == ""


def test_a_route_can_be_added_later_under_a_free_name() -> None:
    stack = cdk.Stack()
    macie = MacieToEventBridge(stack, "Macie", **SMALLEST, ticket_queue=TicketQueue())
    added = macie.route("Late", TARGETS["CfnStream"](stack), min_severity="LOW", categories=["POLICY"])
    assert macie.routes["Late"] is added
    assert {"LateUndelivered", "LateFailed"} <= set(macie.alarms)
    for taken in ("Late", "Tickets", "Audit"):
        with pytest.raises(ValueError, match=f"Macie: id must be one that is free, got '{taken}'"):
            macie.route(taken, TARGETS["Machine"](cdk.Stack()))


def test_an_audit_bus_takes_findings_of_an_organization_or_of_accounts_and_nothing_else() -> None:
    stack = cdk.Stack(cdk.App(), "Audit")
    buses = [
        AuditBus(stack, "Bus", organization_id="o-a1b2c3d4e5"),
        AuditBus(stack, "Few", accounts=["1" * 12, "2" * 12]),
    ]
    template = Template(stack)
    conditions: dict[str, dict[str, Any]] = {
        "StringLike": {"events:source": ["aws.macie", "cdk-refarch.macie.*"]},
        "StringEquals": {"events:detail-type": "Macie Finding"},
    }
    by_bus = {str(one["Properties"]["EventBusName"]): one for one in template.all("AWS::Events::EventBusPolicy")}
    organization, accounts = (
        by_bus[str(template.resolve(one.bus.event_bus_name))]["Properties"]["Statement"] for one in buses
    )
    of_organization = {**conditions["StringEquals"], "aws:PrincipalOrgID": "o-a1b2c3d4e5"}
    assert organization == {
        "Sid": "cdk-Findings",
        "Effect": "Allow",
        "Principal": {"AWS": "*"},
        "Action": "events:PutEvents",
        "Resource": template.resolve(buses[0].bus.event_bus_arn),
        "Condition": {**conditions, "StringEquals": of_organization},
    }
    assert (accounts["Action"], accounts["Condition"]) == ("events:PutEvents", conditions)
    assert [
        str(one).count(f"iam::{n * 12}:root") for n, one in zip("12", accounts["Principal"]["AWS"], strict=True)
    ] == [1, 1]
