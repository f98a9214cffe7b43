"""The architecture: pushes to AWS CodeCommit are scanned for AWS credentials, which are made unusable."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.event_route import EventRoute
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.people_topic import people_topic
from cdk_refarch._parts.resource_checks import check_present, check_resources

from .argument_checks import check_notification, check_region, check_repositories, check_response
from .leak_response import LeakAnswer
from .leak_scan import LeakScan
from .record import record_table
from .scan_machine import ScanMachine
from .values import Delivery, LeakNotification, LeakResponse

if TYPE_CHECKING:
    from .push_triggers import PushTriggers

REPOSITORIES_IN_RULE = 10
"""The pattern of a rule has 2,048 characters: https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""

CHANGES = ["referenceCreated", "referenceUpdated", "unreferencedMergeCommitCreated"]
"""What brings commits: https://docs.aws.amazon.com/codecommit/latest/userguide/monitoring-events.html"""


class CodeCommitLeakGuard(Construct):
    """AWS credentials that are pushed to AWS CodeCommit are found, made inactive, and told of, within seconds.

    Creates rules for pushes with a dead-letter queue (or triggers of the repositories), a state machine that scans each
    commit of a push, however many there are, and answers what it finds; its two functions, of which the one that reads
    code cannot touch IAM, and the one that can never sees code; a table as the record, an encrypted topic, a queue of
    what failed, and alarms. The same state machine scans whole histories on demand.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        repositories: Repositories that are watched, of the stack's account and region, up to 50, or 30 with triggers;
            None for all that there are and will be.
        decrypt_keys: The keys of repositories that are encrypted with other keys than the one of AWS, up to 10. The
            policies of keys that the app does not own must admit this account's IAM policies.
        delivery: How pushes reach the guard: ``eventbridge``, or ``trigger`` for triggers of the repositories, which
            do not say what was there before: the scan goes back to what it has scanned already.
        response: What is done about a leaked key.
        notification: Who is told.
        encryption_key: Encrypts the record, messages and logs; None to create one. A given key that the app does not
            own must admit this account's IAM policies, EventBridge and CloudWatch Logs.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to the record, messages, logs and the key when the construct is removed.
        log_retention: How long logs are kept.

    Attributes:
        state_machine: The state machine, which also takes ``{"full_scan": {"repository": "name"}}``.
        table: The record: what was found and done, and which commits were scanned.
        notification_topic: Who is told, given or created.
        scan_function: The function that reads code.
        response_function: The function that may touch IAM.
        failed_scans: Inputs of the state machine that must be given to it again.
        push_route: The rules and their dead-letter queue; None with triggers.
        push_triggers: The triggers, the function they call and its queue; None with EventBridge.
        encryption_key: The key, given or created.
        alarms: The alarms by name.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or that leaves the guard without effect.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        repositories: Sequence[codecommit.IRepository] | None = None,
        decrypt_keys: Sequence[kms.IKey] = (),
        delivery: Delivery = "eventbridge",
        response: LeakResponse = LeakResponse(),
        notification: LeakNotification = LeakNotification(),
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        checks = Checks.of(scope, id)
        check_region(checks, cdk.Stack.of(scope).region)
        users = "tables, queues and logs"
        check_resources(checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
        check_repositories(checks, scope, repositories, decrypt_keys, delivery)
        check_response(checks, scope, response)
        check_notification(checks, scope, notification)
        super().__init__(scope, id)
        data = "record, messages and logs"
        self.encryption_key: kms.IKey = key_for(self, encryption_key, data=data, removal_policy=removal_policy)
        operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.table: dynamodb.ITable = record_table(self, "Record", operation)
        self.notification_topic: sns.ITopic = self._topic(notification)
        self._scan = LeakScan(
            self, "Scan", table=self.table, repositories=repositories, decrypt_keys=decrypt_keys, operation=operation
        )
        self._answer = LeakAnswer(
            self,
            "Response",
            response=response,
            table=self.table,
            topic=self.notification_topic,
            security_hub=notification.security_hub,
            operation=operation,
        )
        self.scan_function: lambda_.Function = self._scan.function
        self.response_function: lambda_.Function = self._answer.function
        machine = ScanMachine(
            self, "Machine", scan=self.scan_function, respond=self.response_function, operation=operation
        )
        self.state_machine: sfn.StateMachine = machine.state_machine
        self.failed_scans: sqs.IQueue = machine.failed_scans
        self.push_route: EventRoute | None = None
        self.push_triggers: PushTriggers | None = None
        if delivery == "eventbridge":
            self.push_route = self._route(machine.state_machine, repositories, operation)
        elif repositories is not None:
            self.push_triggers = self._triggers(machine.state_machine, repositories, operation)
        self.alarms: Mapping[str, cloudwatch.Alarm] = dict(self._named(machine))

    def grant_full_scan(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an identity start scans of whole histories, see how they go, and stop them.

        Whoever may start the state machine may also give it what failed again. cdk-nag sees a wildcard in the names of
        runs, which are made up when they are started.

        Args:
            grantee: The identity.

        Raises:
            ValueError: If it is no identity of IAM.
        """
        check_present(Checks(self.node.path), "grantee", grantee, "grant_principal", "IGrantable")
        seeing = ["states:DescribeExecution", "states:GetExecutionHistory", "states:StopExecution"]
        name = self.state_machine.state_machine_name
        stack = cdk.Stack.of(self)
        runs = f"arn:{stack.partition}:states:{stack.region}:{stack.account}:execution:{name}:*"
        iam.Grant.add_to_principal(grantee=grantee, actions=seeing, resource_arns=[runs])
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["states:StartExecution"], resource_arns=[self.state_machine.state_machine_arn]
        )

    def metric_leaks(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many leaks were told of.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return self._answer.metric_leaks(period=period)

    def metric_could_not_act(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many leaked keys of the account stayed usable although they should not.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return self._answer.metric_could_not_act(period=period)

    def metric_not_scanned(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many files of pushes could not be scanned, such as those of more than 6 MB.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return self._scan.metric_not_scanned(period=period)

    def _topic(self, notification: LeakNotification) -> sns.ITopic:
        if notification.topic is not None:
            return notification.topic
        return people_topic(self, "NotificationTopic", emails=notification.emails, key=self.encryption_key)

    def _route(
        self,
        state_machine: sfn.IStateMachine,
        repositories: Sequence[codecommit.IRepository] | None,
        operation: Operation,
    ) -> EventRoute:
        return EventRoute(
            self,
            "Pushes",
            target=state_machine,
            patterns=dict(_patterns(repositories)),
            description="Pushes to AWS CodeCommit to the scan of",
            subject="pushes",
            after_loss="scan the repositories as a whole by the state machine",
            operation=operation,
        )

    def _triggers(
        self, state_machine: sfn.IStateMachine, repositories: Sequence[codecommit.IRepository], operation: Operation
    ) -> PushTriggers:
        # Imported here, because only this needs it.
        from .push_triggers import PushTriggers

        return PushTriggers(
            self, "Triggers", repositories=repositories, state_machine=state_machine, operation=operation
        )

    def _named(self, machine: ScanMachine) -> Iterator[tuple[str, cloudwatch.Alarm]]:
        yield "ScanErrors", self._scan.alarms["Errors"]
        yield "ResponseErrors", self._answer.alarms["Errors"]
        for name in ("CouldNotAct", "NotificationsFailed"):
            yield name, self._answer.alarms[name]
        yield from machine.alarms.items()
        if self.push_route is not None:
            for name, one in self.push_route.alarms.items():
                yield f"Pushes{name}", one
        if self.push_triggers is not None:
            yield from self.push_triggers.alarms.items()


def _patterns(repositories: Sequence[codecommit.IRepository] | None) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the patterns of pushes by the id of their rule."""
    pattern = {
        "source": ["aws.codecommit"],
        "detail-type": ["CodeCommit Repository State Change"],
        "detail": {"event": CHANGES},
    }
    if repositories is None:
        yield "Rule", pattern
        return
    arns = [one.repository_arn for one in repositories]
    for start in range(0, len(arns), REPOSITORIES_IN_RULE):
        id = f"Rule{start // REPOSITORIES_IN_RULE + 1}" if start else "Rule"
        yield id, {**pattern, "resources": arns[start : start + REPOSITORIES_IN_RULE]}
