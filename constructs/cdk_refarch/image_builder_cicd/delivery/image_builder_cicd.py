"""From a commit to a golden image, and to fleets that are rolled over to it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codebuild as codebuild
from aws_cdk import aws_codepipeline as codepipeline
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.people_topic import publish
from cdk_refarch._parts.private_bucket import private_bucket
from cdk_refarch._parts.resource_checks import check_resources

from .approval import approval_topic
from .artifacts import Store, admit_roles, store_of
from .boundary import Boundary
from .delivery_argument_checks import REMEDIES, check_delivery, claimed
from .delivery_values import (
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    ImageDeployment,
    TemplateBuild,
)
from .deployments import Deployments, publishing_roles, roles_elsewhere
from .pipeline_failure import PipelineFailure
from .pipeline_role import let_assume, pipeline_role
from .pipeline_starter import PipelineStarter
from .source import Origin, SourceEvents, origin_of
from .stages import approve, build_stage, fleet_stage, image_stage, stage
from .template_build import TemplateProject

L1 = codepipeline.CfnPipeline


class ImageBuilderCicd(Construct):
    """A commit becomes a golden image, and fleets are rolled over to it: one first, then all others.

    Creates a pipeline of CodePipeline from a repository, which it creates too unless there is one, through a build that
    makes templates, to change sets of the stacks of the image and of the fleets, with an approval in between. Each
    stack is deployed by roles that can touch nothing but its own resources. Creates these roles, the permissions
    boundary that the stacks' own roles must have, a function that starts the pipeline for images of the schedule, a
    bucket for artifacts, alarms for every way to fail, and a key.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        source: The repository, and the branch that is delivered.
        image: The stack with the ``GoldenImage``.
        fleets: The stacks with a ``RollingFleet``, with distinct ids, from 1 to 26; the first one is rolled over alone,
            before all others.
        build: How the repository becomes templates.
        approval: Who looks at the first fleet's change set before it is executed; None for nobody.
        follow_images: Whether an image that no commit has made, but the schedule, is rolled out too.
        artifact_buckets: For fleets of other regions, by region: a bucket that artifacts are copied to. It must be in
            the pipeline's account, and versioned.
        boundary_statements: What roles of the stacks may be allowed besides what the constructs of the library need,
            such as what ``statements`` of ``BuildInstance`` has.
        access_log_bucket: Where the access logs of the artifacts' bucket go; None to create a bucket for them.
        encryption_key: Encrypts artifacts, a repository and a topic that are created, logs and failed events; None to
            create one. A given key that the app does not own must admit this account's IAM policies, EventBridge,
            CloudWatch Logs, and roles of other accounts that fleets are deployed with.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to the repository, artifacts, logs, failed events and the key when the construct is
            removed. The stacks that were deployed stay in any case.
        log_retention: How long logs are kept.

    Attributes:
        pipeline: The pipeline.
        pipeline_role: Its role.
        repository: The repository of CodeCommit, given or created; None for a source elsewhere.
        project: The project of CodeBuild that makes templates.
        artifact_bucket: The bucket for artifacts.
        access_log_bucket: Where its access logs go.
        image_role: The role that CloudFormation deploys the image's stack with, given or created.
        fleet_roles: The roles that CloudFormation deploys fleets with, by their ids, as far as they are created here.
        boundary: The permissions boundary that every role of the stacks must have.
        boundary_name: Its name, which the build gets as ``PERMISSIONS_BOUNDARY``.
        approval_topic: The topic of those who are asked; None without ``approval``.
        starter: The function that rolls out images of the schedule; None without ``follow_images``.
        encryption_key: The key, given or created.
        alarms: The alarms by name; those of the function begin with ``Starter``.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or by which a role could touch more than its stack.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source: CodeCommitSource | ConnectionSource = CodeCommitSource(),
        image: ImageDeployment = ImageDeployment(),
        fleets: Sequence[FleetDeployment] = (FleetDeployment(),),
        build: TemplateBuild = TemplateBuild(),
        approval: Approval | None = Approval(),
        follow_images: bool = True,
        artifact_buckets: Mapping[str, s3.IBucket] = {},
        boundary_statements: Sequence[iam.PolicyStatement] = (),
        access_log_bucket: s3.IBucket | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        checks = Checks.of(scope, id)
        users = "artifacts, queues and logs"
        check_resources(checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
        check_delivery(
            checks,
            scope,
            source=source,
            image=image,
            fleets=fleets,
            build=build,
            approval=approval,
            follow_images=follow_images,
            artifact_buckets=artifact_buckets,
            boundary_statements=boundary_statements,
            access_log_bucket=access_log_bucket,
        )
        once = claimed(image, fleets)
        check_claims(checks, scope, once, REMEDIES)
        super().__init__(scope, id)
        claim(self, once)
        data = "artifacts, source, logs and failed events"
        self.encryption_key: kms.IKey = key_for(self, encryption_key, data=data, removal_policy=removal_policy)
        self._operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.artifact_bucket, self.access_log_bucket = private_bucket(
            Construct(self, "Artifacts"),
            key=self.encryption_key,
            access_log_bucket=access_log_bucket,
            removal_policy=removal_policy,
        )
        self._buckets: Mapping[str | None, tuple[s3.IBucket, kms.IKey | None]] = {
            None: (self.artifact_bucket, self.encryption_key),
            **{region: (bucket, bucket.encryption_key) for region, bucket in artifact_buckets.items()},
        }
        home = cdk.Stack.of(self).region
        stores = {region: store_of(*found, region or home) for region, found in self._buckets.items()}
        for region, (bucket, key) in self._buckets.items():
            admit_roles(self, bucket, key, roles_elsewhere(self, fleets, region))
        origin = origin_of(self, source, self._operation)
        self.repository = origin.repository
        boundary = Boundary(
            self,
            "Boundary",
            image_stack=image.stack_name,
            statements=boundary_statements,
        )
        self.boundary, self.boundary_name = boundary.policy, boundary.name
        self.project = self._project(build, image, fleets, stores[None])
        self.approval_topic = None if approval is None else approval_topic(self, approval, self.encryption_key)
        self.pipeline_role = pipeline_role(
            self,
            project_arn=self.project.attr_arn,
            stores=list(stores.values()),
            statements=[
                *origin.statements,
                *([] if self.approval_topic is None else publish(self, self.approval_topic)),
            ],
        )
        deployments = Deployments(
            self,
            "Deployments",
            image=image,
            fleets=fleets,
            boundary_arn=boundary.arn,
            qualifier=build.bootstrap_qualifier,
            pipeline=self.pipeline_role,
            stores=stores,
        )
        self.image_role, self.fleet_roles = deployments.image_role, deployments.fleet_roles
        self.pipeline = self._pipeline(origin, deployments, approval)
        self._alarms: dict[str, cloudwatch.Alarm] = {}
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms
        self._watch(source.branch)
        self.starter = self._follow(image.stack_name) if follow_images else None

    @property
    def pipeline_arn(self) -> str:
        """The ARN of the pipeline."""
        stack = cdk.Stack.of(self)
        return f"arn:{stack.partition}:codepipeline:{stack.region}:{stack.account}:{self.pipeline.ref}"

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let somebody start the pipeline with the newest commit.

        Args:
            grantee: Whom to let.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["codepipeline:StartPipelineExecution"], resource_arns=[self.pipeline_arn]
        )

    def _project(
        self, build: TemplateBuild, image: ImageDeployment, fleets: Sequence[FleetDeployment], store: Store
    ) -> codebuild.CfnProject:
        return TemplateProject(
            self,
            "Build",
            buildspec=build.buildspec,
            environment={
                "IMAGE_STACK": image.stack_name,
                "FLEET_STACKS": ",".join(fleet.stack_name for fleet in fleets),
                "PERMISSIONS_BOUNDARY": self.boundary_name,
                "CDK_QUALIFIER": build.bootstrap_qualifier,
                **build.environment,
            },
            timeout=build.timeout,
            publishing_roles=publishing_roles(self, build, fleets),
            bootstrap_version_arn=cdk.Stack.of(self).format_arn(
                service="ssm", resource=f"parameter/cdk-bootstrap/{build.bootstrap_qualifier}/version"
            ),
            artifacts=store,
            operation=self._operation,
        ).project

    def _pipeline(
        self, origin: Origin, deployments: Deployments, approval: Approval | None
    ) -> codepipeline.CfnPipeline:
        asked = None
        if approval is not None and self.approval_topic is not None:
            first = deployments.fleets[0].stack_name
            asked = approve(self.approval_topic.topic_arn, first, int(approval.timeout.to_minutes()))
        stores = [
            (region, L1.ArtifactStoreProperty(type="S3", location=bucket.bucket_name, encryption_key=_key(key)))
            for region, (bucket, key) in self._buckets.items()
        ]
        home = cdk.Stack.of(self).region
        pipeline = L1(
            self,
            "Pipeline",
            role_arn=self.pipeline_role.role_arn,
            pipeline_type="V2",
            execution_mode="SUPERSEDED",
            artifact_store=stores[0][1] if len(stores) == 1 else None,
            artifact_stores=None
            if len(stores) == 1
            else [L1.ArtifactStoreMapProperty(region=region or home, artifact_store=store) for region, store in stores],
            stages=[
                stage("Source", [origin.action]),
                build_stage(self.project.ref),
                image_stage(deployments.image),
                fleet_stage(deployments.fleets, asked),
            ],
            triggers=origin.triggers,
        )
        pipeline.node.add_dependency(let_assume(self, self.pipeline_role, deployments.action_role_arns))
        return pipeline

    def _watch(self, branch: str) -> None:
        failure = PipelineFailure(self, "Failure", pipeline_name=self.pipeline.ref, operation=self._operation)
        self._alarms.update(failure.alarms)
        if self.repository is not None:
            pushed = SourceEvents(
                self,
                "SourceEvents",
                repository=self.repository,
                branch=branch,
                pipeline_arn=self.pipeline_arn,
                operation=self._operation,
            )
            self._alarms.update(pushed.alarms)

    def _follow(self, image_stack: str) -> PipelineStarter:
        starter = PipelineStarter(
            self,
            "Starter",
            image_stack=image_stack,
            pipeline_name=self.pipeline.ref,
            pipeline_arn=self.pipeline_arn,
            operation=self._operation,
        )
        self._alarms.update({f"Starter{name}": one for name, one in starter.alarms.items()})
        return starter


def _key(key: kms.IKey | None) -> codepipeline.CfnPipeline.EncryptionKeyProperty | None:
    return None if key is None else L1.EncryptionKeyProperty(type="KMS", id=key.key_arn)
