"""The stack ``MacieToEventBridge``."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_refarch import (
    AlarmTopic,
    BucketCriteria,
    ClassificationJob,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Quarantine,
    ResultsExport,
    TicketQueue,
)

from .config import MacieToEventBridgeSettings, Settings

SAMPLES = (
    "aws macie2 create-sample-findings --finding-types SensitiveData:S3Object/Personal Policy:IAMUser/S3BucketPublic"
)


class MacieToEventBridgeStack(cdk.Stack):
    """Findings of Amazon Macie to a topic, a ticket queue and a quarantine function, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        findings: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="Findings of Amazon Macie through Amazon EventBridge to their targets")
        own = settings.macie_to_eventbridge
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.findings = MacieToEventBridge(
            self,
            "Macie",
            session=MacieSession(
                existing=own.existing_session,
                publishing_frequency=own.publishing_frequency,
                automated_discovery=own.automated_discovery,
                excluded_buckets=own.excluded_buckets,
                security_hub=own.security_hub,
            ),
            results_export=ResultsExport(enabled=own.results_export, expire_after_days=own.expire_after_days),
            jobs=self._jobs(own),
            notification=Notification(
                emails=own.notification_emails, min_severity=own.min_severity, include_samples=own.include_samples
            ),
            ticket_queue=TicketQueue(min_severity=own.min_severity, include_samples=own.include_samples),
            quarantine=Quarantine(
                dry_run=own.quarantine_dry_run,
                buckets=own.quarantine_buckets,
                decrypt_keys=[
                    kms.Key.from_key_arn(self, f"ObjectKey{number}", arn)
                    for number, arn in enumerate(own.quarantine_key_arns, 1)
                ],
            ),
            audit_bus=None
            if own.audit_bus_arn is None
            else events.EventBus.from_event_bus_arn(self, "AuditBus", own.audit_bus_arn),
            reconcile=own.reconcile,
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        self._outputs()

    def _jobs(self, own: MacieToEventBridgeSettings) -> list[ClassificationJob]:
        if own.scan_daily_percentage is None:
            return []
        excluded = BucketCriteria(excluded_buckets=own.excluded_buckets)
        return [
            ClassificationJob(
                id="Daily",
                bucket_criteria=excluded,
                schedule="DAILY",
                initial_run=True,
                sampling_percentage=own.scan_daily_percentage,
            )
        ]

    def _outputs(self) -> None:
        for name, value, description in self._values():
            cdk.CfnOutput(self, name, value=value, description=description)

    def _values(self) -> Iterator[tuple[str, str, str]]:
        found = self.findings
        if found.notification_topic is not None:
            yield "NotificationTopicArn", found.notification_topic.topic_arn, "Subscribe people here to be told"
        if found.ticket_queue is not None and found.failed_tickets is not None:
            yield "TicketQueueUrl", found.ticket_queue.queue_url, "A ticket system reads findings here"
            yield "FailedTicketsUrl", found.failed_tickets.queue_url, "Messages that the ticket system never deleted"
        if found.discovery.results is not None:
            bucket = found.discovery.results.bucket.bucket_name
            yield "ResultsBucketName", bucket, "The results of every analysed object"
        if found.quarantine is not None:
            function, failed = found.quarantine.function, found.quarantine.failed_findings
            yield "QuarantineFunctionName", function.function_name, "Answers findings; its log says how"
            yield "FailedFindingsUrl", failed.queue_url, "Findings that the function failed on"
            if found.quarantine.bucket is not None:
                yield "QuarantineBucketName", found.quarantine.bucket.bucket_name, "Copies that cannot be deleted"
        if found.reconciler is not None:
            yield "ReconcilerFailedEventsUrl", found.reconciler.failed_events.queue_url, "What it could not note"
        for id, route in found.routes.items():
            queue = route.dead_letter_queue.queue_url
            yield f"{id}DeadLetterQueueUrl", queue, f"Findings that could not be delivered by the route {id}"
            if id == "Quarantine":
                yield f"{id}ReplaySource", route.replay_source, "What replay.py needs for what the function failed on"
        yield "SampleFindingsCommand", SAMPLES, "Makes sample findings, which pass with include_samples"
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told of alarms"
