#!/usr/bin/env python3
"""A company's own app: what it calls sensitive, a route to its own triage, and one place for the findings of all."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch import (
    AlarmTopic,
    AllowList,
    AuditBus,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    MacieToEventBridge,
    ResultsExport,
    SuppressionRule,
    TicketQueue,
)


class Audit(cdk.Stack):
    """The audit account: a bus that findings of other accounts arrive at, and a queue of all of them."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.audit_bus = AuditBus(self, "Findings", accounts=[self.account])
        MacieToEventBridge(
            self,
            "Macie",
            # The findings are those of other accounts; this one only listens.
            session=MacieSession(existing=True),
            results_export=ResultsExport(enabled=False),
            event_bus=self.audit_bus.bus,
            ticket_queue=TicketQueue(min_severity="LOW"),
            alarm_topic=AlarmTopic(self, "Alarms"),
        )


class DataSecurity(cdk.Stack):
    """An account with data: a weekly job over tagged buckets, and a state machine that triages what it finds."""

    def __init__(self, scope: Construct, id: str, *, audit: Audit) -> None:
        super().__init__(scope, id)
        macie = MacieToEventBridge(
            self,
            "Macie",
            # Macie is enabled once for an account and region, as by the stack MacieToEventBridge of this repository.
            session=MacieSession(existing=True),
            results_export=ResultsExport(enabled=False),
            custom_data_identifiers=[
                CustomDataIdentifier(
                    id="BadgeNumber",
                    regex=r"\bBN-[0-9]{6}\b",
                    keywords=["badge", "employee"],
                    description="Numbers of employees' badges",
                )
            ],
            allow_lists=[AllowList(id="TestBadges", regex="BN-000[0-9]{3}", description="Badges of the test doors")],
            suppression_rules=[
                SuppressionRule(
                    id="Scratch",
                    criteria={"resourcesAffected.s3Bucket.name": ["scratch-of-the-company"]},
                    description="Made-up data for demonstrations",
                )
            ],
            jobs=[
                ClassificationJob(
                    id="Weekly",
                    bucket_criteria=BucketCriteria(tags={"Data": "Customers"}),
                    schedule="MONDAY",
                    initial_run=True,
                )
            ],
            audit_bus=audit.audit_bus.bus,
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        macie.route(
            "Triage",
            self._triage(macie),
            min_severity="LOW",
            categories=["CLASSIFICATION"],
            finding_types=["SensitiveData:S3Object/Personal", "SensitiveData:S3Object/CustomIdentifier"],
        )

    def _triage(self, macie: MacieToEventBridge) -> sfn.StateMachine:
        """What the company does with a finding; here it only says whose turn it is."""
        log_group = logs.LogGroup(
            self, "TriageLog", encryption_key=macie.encryption_key, retention=logs.RetentionDays.SIX_MONTHS
        )
        machine = sfn.StateMachine(
            self,
            "Triage",
            definition_body=sfn.DefinitionBody.from_chainable(
                sfn.Pass(
                    self,
                    "Assign",
                    parameters={"team": "data-protection", "finding.$": "$.id", "bucket.$": "$.bucket"},
                )
            ),
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL),
            tracing_enabled=True,
        )
        cdk.Validations.of(machine).acknowledge(
            cdk.Acknowledgment(
                id="AwsSolutions::AwsSolutions-IAM5[Resource::*]",
                reason="The CDK's own statements for traces and log delivery, whose actions AWS has no resources for.",
            )
        )
        return machine


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    audit = Audit(app, "Audit")
    DataSecurity(app, "DataSecurity", audit=audit)
    return app


if __name__ == "__main__":
    build().synth()
