#!/usr/bin/env python3
"""A company's own app: its repository with a key of its own, triggers, and an auditor who scans whole histories."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch import AlarmTopic, CodeCommitLeakGuard, LeakResponse


class SourceCode(cdk.Stack):
    """A repository whose triggers call the guard."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        key = kms.Key(self, "CodeKey", enable_key_rotation=True, description="Encrypts the code of the shop")
        repository = codecommit.Repository(self, "Shop", repository_name="shop", kms_key=key)
        guard = CodeCommitLeakGuard(
            self,
            "LeakGuard",
            repositories=[repository],
            decrypt_keys=[key],
            delivery="trigger",
            response=LeakResponse(
                user_paths=["/people/", "/machines/"],
                exempt_users=["emergency"],
                quarantine_policy=self._quarantine(),
                revoke_roles=[self._deploy_role()],
            ),
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        self._incidents(guard)
        auditor = iam.Role(self, "Auditor", assumed_by=iam.AccountRootPrincipal(), description="Scans whole histories")
        guard.grant_full_scan(auditor)
        for name, value in {
            "RepositoryName": repository.repository_name,
            "RepositoryUrl": repository.repository_clone_url_http,
            "FullScanMachineArn": guard.state_machine.state_machine_arn,
            "AuditorArn": auditor.role_arn,
        }.items():
            cdk.CfnOutput(self, name, value=value)

    def _quarantine(self) -> iam.ManagedPolicy:
        """What a user may no longer do whose key has leaked, whatever else they may."""
        return iam.ManagedPolicy(
            self,
            "Quarantine",
            description="Attached by the leak guard to users whose keys have leaked",
            statements=[
                iam.PolicyStatement(
                    effect=iam.Effect.DENY, actions=["iam:*", "sts:*", "ec2:RunInstances"], resources=["*"]
                )
            ],
        )

    def _deploy_role(self) -> iam.Role:
        """The role whose temporary credentials developers have on their machines."""
        return iam.Role(
            self, "Deploy", assumed_by=iam.AccountRootPrincipal(), description="Deploys the shop, from a laptop as well"
        )

    def _incidents(self, guard: CodeCommitLeakGuard) -> None:
        """Leaks become incidents in a queue that the company's ticket system reads."""
        key = kms.Key(self, "IncidentsKey", enable_key_rotation=True, description="Encrypts the incidents of the shop")
        failed = sqs.Queue(self, "FailedIncidents", encryption_master_key=key, enforce_ssl=True)
        queue = sqs.Queue(
            self,
            "Incidents",
            encryption_master_key=key,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=failed, max_receive_count=5),
        )
        guard.notification_topic.add_subscription(
            subscriptions.SqsSubscription(queue, raw_message_delivery=True, dead_letter_queue=failed)
        )


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    SourceCode(app, "SourceCode")
    return app


if __name__ == "__main__":
    build().synth()
