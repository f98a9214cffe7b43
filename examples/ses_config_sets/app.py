#!/usr/bin/env python3
"""A shop's own app: orders are confirmed in one stream, news go out in another, and complaints reach a queue."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from cdk_refarch import (
    AlarmTopic,
    Dmarc,
    DomainIdentity,
    EventMetrics,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesConfigSets,
)

SENDER = "orders@shop.example.com"


class Shop(cdk.Stack):
    """Email of a shop whose domain is in Route 53."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        zone = route53.PublicHostedZone(self, "Zone", zone_name="example.com")
        alarms = AlarmTopic(self, "Alarms")
        email = SesConfigSets(
            self,
            "Email",
            identity=DomainIdentity(
                domain="shop.example.com", hosted_zone=zone, dmarc=Dmarc(policy="reject", report_to="dmarc@example.com")
            ),
            streams={
                "transactional": SendingStream(max_delivery=cdk.Duration.hours(1)),
                "marketing": SendingStream(
                    pool="MANAGED",
                    suppression=["BOUNCE", "COMPLAINT"],
                    reputation=Reputation(pause=Pause()),
                    event_bridge_events=["CLICK"],
                    metrics=EventMetrics(dimensions={"campaign": "none"}, events=["SEND", "BOUNCE", "COMPLAINT"]),
                ),
            },
            inbound=Inbound(recipients=["support@shop.example.com"], expire_after_days=365),
            alarm_topic=alarms,
        )
        email.on_complaint("Unsubscribe", self._unsubscribe(email, alarms), streams=["marketing"])
        self._sender(email)

    def _unsubscribe(self, email: SesConfigSets, alarms: AlarmTopic) -> sqs.Queue:
        """Where the shop's customer database hears who wants no more news."""
        failed = self._queue("FailedUnsubscriptions", email)
        acknowledge(
            failed, "Serverless::Serverless-SQSRedrivePolicy", "Failed messages wait here for a person, who is told."
        )
        waiting = failed.metric_approximate_number_of_messages_visible(statistic="Maximum")
        alarm = waiting.create_alarm(self, "UnsubscribeFailing", threshold=1, evaluation_periods=1)
        alarm.add_alarm_action(actions.SnsAction(alarms))
        return self._queue("Unsubscribe", email, sqs.DeadLetterQueue(queue=failed, max_receive_count=5))

    def _queue(self, id: str, email: SesConfigSets, failed: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=email.encryption_key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
            dead_letter_queue=failed,
        )

    def _sender(self, email: SesConfigSets) -> None:
        """The function that confirms orders: one address, one stream, and a look at who bounced."""
        contacts = email.feedback.record
        if contacts is None:
            raise ValueError("feedback must be recorded, for the sender looks addresses up; give Feedback(record=True)")
        log = logs.LogGroup(
            self, "SenderLog", encryption_key=email.encryption_key, retention=logs.RetentionDays.SIX_MONTHS
        )
        role = iam.Role(self, "SenderRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        function = lambda_.Function(
            self,
            "Sender",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_asset(str(Path(__file__).parent / "sender"), exclude=["__pycache__"]),
            role=role,
            timeout=cdk.Duration.seconds(30),
            memory_size=256,
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log,
            environment={
                "FROM_ADDRESS": SENDER,
                "CONFIGURATION_SET": email.streams["transactional"].configuration_set.configuration_set_name,
                "CONTACTS_TABLE": contacts.table.table_name,
            },
        )
        email.grant_send(function, stream="transactional", from_addresses=[SENDER])
        contacts.grant_read(function)
        acknowledge(
            function, "Serverless::Serverless-LambdaDLQ", "The shop waits for the answer and hears of each failure."
        )
        acknowledge(
            role.node.find_child("DefaultPolicy"),
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            "AWS has no resources for the actions of X-Ray.",
        )


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Accept a finding of the security packs, where reports show it with its reason."""
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    Shop(app, "Shop")
    return app


if __name__ == "__main__":
    build().synth()
