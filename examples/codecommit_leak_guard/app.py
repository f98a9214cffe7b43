#!/usr/bin/env python3
"""A company's own app: its repository with a key of its own, triggers, and an auditor who scans whole histories."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
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
        alarms = AlarmTopic(self, "Alarms")
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
            alarm_topic=alarms,
        )
        self._incidents(guard, alarms)
        auditor = iam.Role(self, "Auditor", assumed_by=iam.AccountRootPrincipal(), description="Scans whole histories")
        guard.grant_full_scan(auditor)
        machine = self.resolve(guard.state_machine.state_machine_name)["Fn::GetAtt"][0]
        accept(
            auditor,
            f"AwsSolutions::AwsSolutions-IAM5[Resource::arn:<AWS::Partition>:states:<AWS::Region>:<AWS::AccountId>:execution:<{machine}.Name>:*]",
            "The names of runs are made up when they are started. They are those of one state machine.",
        )
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

    def _incidents(self, guard: CodeCommitLeakGuard, alarms: AlarmTopic) -> None:
        """Leaks become incidents in a queue that the company's ticket system reads."""
        key = kms.Key(self, "IncidentsKey", enable_key_rotation=True, description="Encrypts the incidents of the shop")
        unread = sqs.Queue(
            self, "Unread", encryption_master_key=key, enforce_ssl=True, retention_period=cdk.Duration.days(14)
        )
        queue = sqs.Queue(
            self,
            "Incidents",
            encryption_master_key=key,
            enforce_ssl=True,
            dead_letter_queue=sqs.DeadLetterQueue(queue=unread, max_receive_count=5),
        )
        topic = guard.notification_topic
        topic.add_subscription(
            subscriptions.SqsSubscription(queue, raw_message_delivery=True, dead_letter_queue=unread)
        )
        alarm = unread.metric_approximate_number_of_messages_visible().create_alarm(
            self,
            "UnreadAlarm",
            threshold=1,
            evaluation_periods=1,
            alarm_description="Incidents that nobody took: see why",
        )
        alarm.add_alarm_action(actions.SnsAction(alarms))
        accept(
            unread,
            "Serverless::Serverless-SQSRedrivePolicy",
            "This queue is itself where incidents wait that nobody took; it has an alarm.",
        )


def accept(scope: Construct, finding: str, reason: str) -> None:
    """Accept a finding of a security pack for a construct."""
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


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
