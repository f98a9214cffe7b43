"""Where a pipeline's source comes from, and what starts the pipeline when it changes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.descriptions import described
from cdk_refarch._parts.keys import EVENTS, own_rules
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import service_role, use_key
from cdk_refarch._parts.queues import failure_queue
from cdk_refarch._parts.rule_targets import admit_to_queue

from .delivery_values import CodeCommitSource, ConnectionSource
from .deploy_statements import statement

if TYPE_CHECKING:
    from aws_cdk import aws_codecommit as codecommit

L1 = codepipeline.CfnPipeline

ACTION = "Source"
ARTIFACT = "Source"

MAX_DESCRIPTION = 1000
"""https://docs.aws.amazon.com/codecommit/latest/APIReference/API_CreateRepository.html"""

REPOSITORY_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:GenerateDataKeyWithoutPlaintext",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
"""What whoever uses an encrypted repository needs of its key:
https://docs.aws.amazon.com/codecommit/latest/userguide/encryption.html"""


@dataclass(frozen=True)
class Origin:
    """A source as a pipeline needs it.

    Args:
        action: The action that fetches it.
        statements: What the pipeline's role needs for that.
        repository: The repository of CodeCommit; None elsewhere.
        triggers: What starts the pipeline; None where a rule of EventBridge does.
    """

    action: codepipeline.CfnPipeline.ActionDeclarationProperty
    statements: list[iam.PolicyStatement]
    repository: codecommit.IRepository | None = None
    triggers: list[codepipeline.CfnPipeline.PipelineTriggerDeclarationProperty] | None = None


def origin_of(scope: Construct, source: CodeCommitSource | ConnectionSource, operation: Operation) -> Origin:
    """Return where the source comes from; a repository is created unless there is one.

    Args:
        scope: The pipeline's construct.
        source: The source.
        operation: What the construct shares with its parts.
    """
    if isinstance(source, ConnectionSource):
        return _connection(scope, source)
    if source.repository is not None:
        return _repository(source.repository, source.branch)
    repository = _new_repository(scope, operation)
    key = use_key(scope, operation.encryption_key, "codecommit", REPOSITORY_KEY)
    return _repository(repository, source.branch, key)


def _new_repository(scope: Construct, operation: Operation) -> codecommit.IRepository:
    # Imported here, because only this needs it.
    from aws_cdk import aws_codecommit as codecommit

    repository = codecommit.Repository(
        scope,
        "Repository",
        # CloudFormation makes up no name for a repository.
        repository_name=f"golden-image-{address(scope)[:12]}",
        description=f"What golden images and fleets are made of, for {scope.node.path}"[:MAX_DESCRIPTION],
        kms_key=operation.encryption_key,
    )
    repository.apply_removal_policy(operation.removal_policy)
    return repository


def _repository(repository: codecommit.IRepository, branch: str, *key: iam.PolicyStatement) -> Origin:
    fetching = [
        "codecommit:CancelUploadArchive",
        "codecommit:GetBranch",
        "codecommit:GetCommit",
        "codecommit:GetUploadArchiveStatus",
        "codecommit:UploadArchive",
    ]
    return Origin(
        action=_action(
            "CodeCommit",
            {
                "RepositoryName": repository.repository_name,
                "BranchName": branch,
                "PollForSourceChanges": "false",
            },
        ),
        statements=[statement(fetching, repository.repository_arn), *key],
        repository=repository,
    )


def _connection(scope: Construct, source: ConnectionSource) -> Origin:
    cdk.Annotations.of(scope).add_warning_v2(
        "cdk-refarch:connection",
        f"The connection {source.connection_arn} must have been authorized by somebody in the console, or the pipeline "
        "fails at its source: https://docs.aws.amazon.com/dtconsole/latest/userguide/connections-update.html",
    )
    # Connections that were made before the service was renamed have its old name in their ARN and their permissions.
    services = ("codeconnections", "codestar-connections")
    named = [one for one in services if f":{one}:" in source.connection_arn]
    branches = L1.GitBranchFilterCriteriaProperty(includes=[source.branch])
    return Origin(
        action=_action(
            "CodeStarSourceConnection",
            {
                "ConnectionArn": source.connection_arn,
                "FullRepositoryId": source.repository,
                "BranchName": source.branch,
                # By the trigger, which takes the place of the action's own detection.
                "DetectChanges": "true",
            },
        ),
        statements=[
            statement(
                [f"{service}:UseConnection"],
                source.connection_arn,
                # CodePipeline asks for the connection first, without saying for which repository.
                {"StringEqualsIfExists": {f"{service}:FullRepositoryId": source.repository}},
            )
            for service in named or services
        ],
        triggers=[
            L1.PipelineTriggerDeclarationProperty(
                provider_type="CodeStarSourceConnection",
                git_configuration=L1.GitConfigurationProperty(
                    source_action_name=ACTION, push=[L1.GitPushFilterProperty(branches=branches)]
                ),
            )
        ],
    )


def _action(provider: str, configuration: Mapping[str, str]) -> codepipeline.CfnPipeline.ActionDeclarationProperty:
    return L1.ActionDeclarationProperty(
        name=ACTION,
        action_type_id=L1.ActionTypeIdProperty(category="Source", owner="AWS", provider=provider, version="1"),
        configuration={**configuration, "OutputArtifactFormat": "CODE_ZIP"},
        output_artifacts=[L1.OutputArtifactProperty(name=ARTIFACT)],
        run_order=1,
    )


class SourceEvents(Construct):
    """A rule that starts the pipeline when the branch changes.

    Creates the rule, its role, a queue for events that could not be delivered, and an alarm on it.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        repository: The repository.
        branch: The branch.
        pipeline_arn: The pipeline.
        operation: What it shares with the other parts.

    Attributes:
        rule: The rule.
        failed_events: Events that did not start the pipeline.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        repository: codecommit.IRepository,
        branch: str,
        pipeline_arn: str,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.failed_events: sqs.Queue = failure_queue(
            self, "FailedEvents", key=operation.encryption_key, removal_policy=operation.removal_policy
        )
        role = service_role(
            self,
            "Role",
            service=EVENTS,
            # The rule needs the role before it exists, and has a name that CloudFormation makes up.
            conditions=own_rules(self),
            description="Lets a rule start the pipeline when the branch changes",
            statements=[statement(["codepipeline:StartPipelineExecution"], pipeline_arn)],
        )
        l1 = events.CfnRule
        self.rule = l1(
            self,
            "Rule",
            description=described("Starts the pipeline when the branch changes, for", self),
            event_pattern={
                "source": ["aws.codecommit"],
                "detail-type": ["CodeCommit Repository State Change"],
                "resources": [repository.repository_arn],
                "detail": {
                    # The first push to a branch creates it.
                    "event": ["referenceCreated", "referenceUpdated"],
                    "referenceType": ["branch"],
                    "referenceName": [branch],
                },
            },
            state="ENABLED",
            targets=[
                l1.TargetProperty(
                    id="Target",
                    arn=pipeline_arn,
                    role_arn=role.role_arn,
                    dead_letter_config=l1.DeadLetterConfigProperty(arn=self.failed_events.queue_arn),
                )
            ],
        )
        admit_to_queue(self, self.failed_events, {"Rule": self.rule}, argument="failed_events", subject="events")
        watched: list[Watched] = [
            (
                "SourceEventsFailed",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "A push did not start the pipeline; the reason is with the event in the queue. Mend it, start the "
                "pipeline by hand, which takes the newest commit, and purge the queue.",
            )
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic)
