"""Findings whose events were lost are sent after."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.event_function import Occasion, call
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import use_key
from cdk_refarch._parts.queues import failure_queue

from .functions import ANY_RESOURCE, HANDLERS
from .pattern import DETAIL_TYPE

EVERY = cdk.Duration.hours(1)
"""How often Macie is asked for the findings of the last day."""

GRACE_SECONDS = 900
"""How old a finding must be before its event counts as lost."""

TIMEOUT = cdk.Duration.minutes(5)

OCCASIONS = {
    "HeardRule": Occasion(
        description="Notes which Macie findings arrived, for",
        event_pattern={"source": ["aws.macie"], "detail-type": [DETAIL_TYPE]},
    ),
    "Schedule": Occasion(
        description="Looks for findings whose events were lost, for",
        schedule_expression=f"rate({EVERY.to_hours()} hour)",
    ),
}
"""Id of a rule to when it calls the function."""


class Reconciler(Construct):
    """A function that notes which findings' events arrived, and sends the others after, once.

    Creates the function, a table of findings whose events arrived, the rules that call it, a queue of events that it
    failed on, and two alarms.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        source: The source of what is sent after, which the routes of the same construct listen to.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        table: The ids of findings whose events arrived in the last days.
        failed_events: Events that the function failed on three times, or that could not be delivered to it.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, source: str, operation: Operation) -> None:
        super().__init__(scope, id)
        key, policy = operation.encryption_key, operation.removal_policy
        stack = cdk.Stack.of(self)
        self.failed_events: sqs.Queue = failure_queue(
            self, "FailedEvents", key=key, removal_policy=policy, recognized=True
        )
        self.table = dynamodb.Table(
            self,
            "Heard",
            partition_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=key,
            time_to_live_attribute="expires",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=policy,
        )
        bus_arn = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:event-bus/default"
        self.function = python_function(
            self,
            code=HANDLERS / "reconciler",
            description="Sends findings after whose events were lost",
            timeout=TIMEOUT,
            statements=self._statements(bus_arn, key, source),
            environment={
                "TABLE_NAME": self.table.table_name,
                "BUS_NAME": bus_arn,
                "SOURCE": source,
                "GRACE_SECONDS": str(GRACE_SECONDS),
            },
            operation=operation,
            any_resource=ANY_RESOURCE,
            failed_events=self.failed_events,
        )
        call(self, self.function, self.failed_events, OCCASIONS)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(operation.alarm_topic)

    def _statements(self, bus_arn: str, key: kms.IKey, source: str) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(actions=["macie2:GetFindings", "macie2:ListFindings"], resources=["*"]),
            iam.PolicyStatement(
                actions=["dynamodb:BatchGetItem", "dynamodb:DeleteItem", "dynamodb:PutItem"],
                resources=[self.table.table_arn],
            ),
            use_key(self, key, "dynamodb", USE),
            iam.PolicyStatement(
                actions=["events:PutEvents"],
                resources=[bus_arn],
                conditions={"StringEquals": {"events:source": source, "events:detail-type": DETAIL_TYPE}},
            ),
        ]

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The reconciler failed. It runs again within the hour and looks at the whole last day. Read its log.",
            ),
            (
                "FailedEvents",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "The reconciler could not note findings that arrived, and may send them after. Read its log, and "
                "purge the queue.",
            ),
        ]
        return alarms(self, watched, topic, suffix="Alarm")
