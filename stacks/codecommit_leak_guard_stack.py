"""The stack ``CodeCommitLeakGuard``."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_refarch import AlarmTopic, CodeCommitLeakGuard, LeakNotification, LeakResponse

from .config import CodeCommitLeakGuardSettings, Settings


class CodeCommitLeakGuardStack(cdk.Stack):
    """Leaked AWS credentials in pushes to AWS CodeCommit are made inactive and told of, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        guard: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="Finds AWS credentials in pushes to AWS CodeCommit and disables them")
        own = settings.codecommit_leak_guard
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.guard = CodeCommitLeakGuard(
            self,
            "LeakGuard",
            repositories=self._repositories(own),
            decrypt_keys=[
                kms.Key.from_key_arn(self, f"RepositoryKey{number}", arn)
                for number, arn in enumerate(own.repository_key_arns, 1)
            ],
            delivery=own.delivery,
            response=self._response(own),
            notification=LeakNotification(emails=own.notification_emails, security_hub=own.security_hub),
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        for name, value, description in self._outputs():
            cdk.CfnOutput(self, name, value=value, description=description)

    def _repositories(self, own: CodeCommitLeakGuardSettings) -> list[codecommit.IRepository] | None:
        return [
            codecommit.Repository.from_repository_name(self, f"Repository{name}", name) for name in own.repositories
        ] or None

    def _response(self, own: CodeCommitLeakGuardSettings) -> LeakResponse:
        policy = own.quarantine_policy_arn
        return LeakResponse(
            dry_run=own.dry_run,
            user_paths=own.user_paths,
            exempt_users=own.exempt_users,
            break_glass_tag=own.break_glass_tag,
            quarantine_policy=None
            if policy is None
            else iam.ManagedPolicy.from_managed_policy_arn(self, "QuarantinePolicy", policy),
            revoke_roles=[
                iam.Role.from_role_arn(self, f"RevokedRole{number}", arn, mutable=False)
                for number, arn in enumerate(own.revoke_role_arns, 1)
            ],
        )

    def _outputs(self) -> Iterator[tuple[str, str, str]]:
        guard, machine = self.guard, self.guard.state_machine.state_machine_arn
        yield "StateMachineArn", machine, "Scans pushes, and whole histories on demand"
        command = f"""aws stepfunctions start-execution --state-machine-arn {machine} --input"""
        yield "FullScanCommand", f"""{command} '{{"full_scan":{{"repository":"NAME"}}}}'""", "Scans a whole history"
        yield "NotificationTopicArn", guard.notification_topic.topic_arn, "Subscribe here to be told of leaks"
        yield "RecordTableName", guard.table.table_name, "What was found and done"
        yield "FailedScansUrl", guard.failed_scans.queue_url, "Inputs that the state machine must be given again"
        yield "ScanLogName", guard.scan_function.log_group.log_group_name, "What each slice of a scan looked at"
        if guard.push_route is not None:
            queue = guard.push_route.dead_letter_queue.queue_url
            yield "DeadLetterQueueUrl", queue, "Pushes that did not reach the state machine"
        if guard.push_triggers is not None:
            yield "TriggerFunctionName", guard.push_triggers.function.function_name, "Is called by the repositories"
            yield "FailedTriggersUrl", guard.push_triggers.failed_events.queue_url, "Pushes that were not scanned"
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told of alarms"
