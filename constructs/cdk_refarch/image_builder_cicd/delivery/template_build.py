"""The build that makes templates of the repository."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_refarch._parts.descriptions import described
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import service_role

from .artifacts import OBJECTS, Store
from .deploy_statements import statement

CODEBUILD = "codebuild.amazonaws.com"

BUILD_IMAGE = "aws/codebuild/amazonlinux-x86_64-standard:5.0"
"""Has Python and Node.js in several versions, of which the buildspec chooses:
https://docs.aws.amazon.com/codebuild/latest/userguide/available-runtimes.html"""

L1 = codebuild.CfnProject


class TemplateProject(Construct):
    """A project of CodeBuild that may do nothing but read the source, write templates and publish assets.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        buildspec: The file with the commands.
        environment: The variables that the build reads.
        timeout: How long it may take.
        publishing_roles: The roles of the CDK's bootstrap stacks that put assets into their buckets.
        bootstrap_version_arn: The parameter with the version of the bootstrap stack, which the CDK asks for first.
        artifacts: Where the source is, and the templates go.
        operation: What it shares with the other parts.

    Attributes:
        project: The project.
        role: Its role.
        log_group: Its log.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        buildspec: str,
        environment: Mapping[str, str],
        timeout: cdk.Duration,
        publishing_roles: Sequence[str],
        bootstrap_version_arn: str,
        artifacts: Store,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=operation.encryption_key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )
        self.role = self._role(publishing_roles, bootstrap_version_arn, artifacts)
        self.project = L1(
            self,
            "Project",
            description=described("Makes templates of the repository, for", self),
            service_role=self.role.role_arn,
            artifacts=L1.ArtifactsProperty(type="CODEPIPELINE"),
            source=L1.SourceProperty(type="CODEPIPELINE", build_spec=buildspec),
            environment=L1.EnvironmentProperty(
                type="LINUX_CONTAINER",
                compute_type="BUILD_GENERAL1_MEDIUM",
                image=BUILD_IMAGE,
                privileged_mode=False,
                environment_variables=[
                    L1.EnvironmentVariableProperty(name=name, type="PLAINTEXT", value=value)
                    for name, value in environment.items()
                ],
            ),
            encryption_key=operation.encryption_key.key_arn,
            logs_config=L1.LogsConfigProperty(
                cloud_watch_logs=L1.CloudWatchLogsConfigProperty(
                    status="ENABLED", group_name=self.log_group.log_group_name
                )
            ),
            timeout_in_minutes=timeout.to_minutes(),
        )

    def _role(self, publishing_roles: Sequence[str], bootstrap_version_arn: str, artifacts: Store) -> iam.Role:
        stack = cdk.Stack.of(self)
        projects = f"arn:{stack.partition}:codebuild:{stack.region}:{stack.account}:project/*"
        role = service_role(
            self,
            "Role",
            service=CODEBUILD,
            # The project needs the role before it exists, and has a name that CloudFormation makes up.
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": projects},
            },
            description="Lets the build read the source, write templates and publish assets",
            statements=[
                statement(["logs:CreateLogStream", "logs:PutLogEvents"], self.log_group.log_group_arn),
                *artifacts.writing(self),
                statement(["sts:AssumeRole"], publishing_roles),
                statement(["ssm:GetParameter"], bootstrap_version_arn),
            ],
        )
        acknowledge_wildcard(role, artifacts.objects, OBJECTS)
        return role
