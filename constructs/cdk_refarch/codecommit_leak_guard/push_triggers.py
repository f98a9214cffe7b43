"""Triggers of repositories, for whom EventBridge is not wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider
from cdk_refarch._parts.queues import failure_queue

from .leak_scan import CODE

CODECOMMIT = "codecommit.amazonaws.com"


class PushTriggers(Construct):
    """Repositories call a function at each push, which starts the scan.

    The triggers are added to those that the repositories have, by a custom resource: CloudFormation knows triggers only
    as part of a repository that it creates itself.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        repositories: The repositories; checked before.
        state_machine: The state machine that scans.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        failed_events: Calls that it failed on three times.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        repositories: Sequence[codecommit.IRepository],
        state_machine: sfn.IStateMachine,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.failed_events: sqs.Queue = failure_queue(
            self,
            "FailedEvents",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="start.handler",
            description="Starts a scan of what was pushed to AWS CodeCommit",
            # A push may move 4,000 references: https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html
            timeout=cdk.Duration.minutes(5),
            statements=[statement(["states:StartExecution"], state_machine.state_machine_arn)],
            environment={"STATE_MACHINE_ARN": state_machine.state_machine_arn},
            operation=operation,
            failed_events=self.failed_events,
        )
        self._trigger(repositories, operation)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(operation.alarm_topic)

    def _trigger(self, repositories: Sequence[codecommit.IRepository], operation: Operation) -> None:
        provider = Provider(
            self,
            "Provider",
            module="codecommit_triggers",
            description="Adds triggers to AWS CodeCommit repositories",
            statements=[
                statement(
                    ["codecommit:GetRepositoryTriggers", "codecommit:PutRepositoryTriggers"],
                    *(one.repository_arn for one in repositories),
                )
            ],
            operation=operation,
        )
        for repository in repositories:
            # Not by their place: one that goes must not move the others.
            own = repository.node.addr[-8:]
            permission = lambda_.CfnPermission(
                self,
                f"Permission{own}",
                action="lambda:InvokeFunction",
                function_name=self.function.function_arn,
                principal=CODECOMMIT,
                source_arn=repository.repository_arn,
                source_account=cdk.Stack.of(self).account,
            )
            properties = {
                "RepositoryName": repository.repository_name,
                "FunctionArn": self.function.function_arn,
                # Of its own: if another construct comes to stand for the repository, its trigger comes first.
                "Name": f"cdk-refarch-{address(self, f'Trigger{own}')}",
            }
            trigger = provider.resource(self, f"Trigger{own}", "CodeCommitTrigger", properties)
            trigger.node.add_dependency(permission)

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "TriggerErrors",
                self.function.metric_errors(),
                "The function that starts scans failed, and is called again twice. Read its log.",
            ),
            (
                "TriggerFailed",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Pushes were not scanned, because the scan could not be started. Mend the function by its log, and "
                "call it again with each message of its queue.",
            ),
        ]
        watched.append(
            (
                "TriggerLost",
                self.function.metric("DeadLetterErrors", statistic="Sum"),
                "Pushes were not scanned, and the queue of failed events could not take them: they are lost. Mend the "
                "queue, its key and the function's role, and scan the repositories as a whole by the state machine.",
            )
        )
        return alarms(self, watched, topic, suffix="Alarm")
