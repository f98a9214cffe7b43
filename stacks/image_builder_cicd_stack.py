"""The stack ``ImageBuilderCicd``."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch import (
    AlarmTopic,
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    ImageBuilderCicd,
    ImageDeployment,
    TemplateBuild,
)

from .config import ImageBuilderCicdSettings, Settings
from .network import network


class ImageBuilderCicdStack(cdk.Stack):
    """A pipeline from a repository to a golden image and to a fleet that runs it, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        vpc: The network that the image is built in and the fleet runs in.
        delivery: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="From a commit to a golden image, and on to a fleet")
        own = settings.image_builder_cicd
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.vpc = network(self, own)
        self.delivery = ImageBuilderCicd(
            self,
            "Delivery",
            source=_source(own),
            image=ImageDeployment(stack_name=f"{settings.prefix}{own.image_stack}"),
            fleets=[FleetDeployment(stack_name=f"{settings.prefix}{own.fleet_stack}")],
            build=TemplateBuild(environment=self._environment(own)),
            approval=Approval(emails=own.approval_emails) if own.approval else None,
            follow_images=own.follow_images,
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        for name, value, description in self._outputs():
            cdk.CfnOutput(self, name, value=value, description=description)

    def _environment(self, own: ImageBuilderCicdSettings) -> dict[str, str]:
        return {
            "VPC_ID": self.vpc.vpc_id,
            "AVAILABILITY_ZONES": ",".join(self.vpc.availability_zones),
            "SUBNET_IDS": ",".join(subnet.subnet_id for subnet in self.vpc.private_subnets),
            "ALARM_TOPIC_ARN": self.alarm_topic.topic_arn,
            **own.environment,
        }

    def _outputs(self) -> Iterator[tuple[str, str, str]]:
        delivery = self.delivery
        yield "PipelineName", delivery.pipeline.ref, "See it with aws codepipeline get-pipeline-state --name"
        if delivery.repository is not None:
            yield "RepositoryName", delivery.repository.repository_name, "Push the image repository here"
            yield "CloneUrl", delivery.repository.repository_clone_url_grc, "For git with git-remote-codecommit"
        yield "VpcId", self.vpc.vpc_id, "Where the image is built and the fleet runs"
        yield "BoundaryName", delivery.boundary_name, "What every role of the two stacks must have"
        if delivery.approval_topic is not None:
            yield "ApprovalTopicArn", delivery.approval_topic.topic_arn, "Subscribe here to be asked for approval"
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told of alarms"


def _source(own: ImageBuilderCicdSettings) -> CodeCommitSource | ConnectionSource:
    if own.connection_arn is None or own.repository is None:
        return CodeCommitSource(branch=own.branch)
    return ConnectionSource(connection_arn=own.connection_arn, repository=own.repository, branch=own.branch)
