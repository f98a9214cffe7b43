#!/usr/bin/env python3
"""The stacks that the pipeline deploys: an image with a web server, and a fleet that is rolled over to it.

The pipeline says in the environment what they are called and where they go. By hand, ``cdk synth`` takes the defaults.
"""

from __future__ import annotations

import os
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns

from cdk_refarch import (
    FleetCapacity,
    GoldenImage,
    ImageComponent,
    ImageRegion,
    InstanceRefresh,
    ManagedComponent,
    RollingFleet,
)

COMPONENTS = Path(__file__).parent / "components"
STACK_TAG = "cdk-refarch:stack"
"""The tag by which the pipeline's deploy roles know keys and launch templates of a stack, which have no names."""


def setting(name: str, default: str) -> str:
    """Return what the pipeline says, or a default.

    Args:
        name: The variable.
        default: What it is by hand.
    """
    return os.environ.get(name, default)


def network(stack: cdk.Stack) -> ec2.IVpc:
    """Return the network that instances are started in.

    Args:
        stack: The stack that uses it.
    """
    cdk.Annotations.of(stack).acknowledge_warning(
        "@aws-cdk/aws-ec2:noSubnetRouteTableId", "The stacks start instances in the subnets and read no routes."
    )
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=setting("VPC_ID", "vpc-0123456789abcdef0"),
        availability_zones=setting("AVAILABILITY_ZONES", "us-east-1a,us-east-1b").split(","),
        private_subnet_ids=setting("SUBNET_IDS", "subnet-0123456789abcdef0,subnet-0123456789abcdef1").split(","),
    )


def alarm_topic(stack: cdk.Stack) -> sns.ITopic | None:
    """Return the topic that alarms go to, if the pipeline has one.

    Args:
        stack: The stack with the alarms.
    """
    arn = setting("ALARM_TOPIC_ARN", "")
    return sns.Topic.from_topic_arn(stack, "AlarmTopic", arn) if arn else None


class Image(cdk.Stack):
    """The golden image."""

    def __init__(self, app: cdk.App, name: str) -> None:
        super().__init__(app, name, description="A web server as a golden image")
        self.image = GoldenImage(
            self,
            "WebServer",
            vpc=network(self),
            components=[
                ManagedComponent(name="update-linux"),
                ImageComponent(
                    id="WebServer", path=COMPONENTS / "web-server.yaml", parameters={"Greeting": "Hello, fleet"}
                ),
                ImageComponent(id="Hardening", path=COMPONENTS / "hardening.yaml"),
            ],
            distribution=[
                ImageRegion(),
                *(ImageRegion(region=region) for region in setting("COPY_REGIONS", "").split(",") if region),
            ],
            alarm_topic=alarm_topic(self),
        )


class Fleet(cdk.Stack):
    """The web servers, from the newest image at each deployment."""

    def __init__(self, app: cdk.App, name: str, image: GoldenImage) -> None:
        super().__init__(app, name, description="Web servers that are rolled over to the newest golden image")
        balancer = setting("BALANCER_SECURITY_GROUP_ID", "")
        self.fleet = RollingFleet(
            self,
            "Web",
            vpc=network(self),
            image=image.machine_image,
            instance_type=ec2.InstanceType("t3.small"),
            capacity=FleetCapacity(minimum=2, maximum=4),
            update=InstanceRefresh(bake=cdk.Duration.minutes(5)),
            target_groups=self._target_groups(setting("TARGET_GROUP_ARN", "")),
            alarm_topic=alarm_topic(self),
        )
        if balancer:
            group = ec2.SecurityGroup.from_security_group_id(self, "Balancer", balancer, mutable=False)
            self.fleet.connections.allow_from(group, ec2.Port.HTTP, "Requests and health checks")

    def _target_groups(self, arn: str) -> list[elbv2.IApplicationTargetGroup]:
        if not arn:
            return []
        balancer = arn.replace(":targetgroup/", ":loadbalancer/app/")
        cdk.Annotations.of(self).acknowledge_warning(
            "@aws-cdk/aws-elbv2:albTargetGroupCannotRegisterConnectable",
            "The security group of the load balancer is let in by BALANCER_SECURITY_GROUP_ID.",
        )
        found = elbv2.ApplicationTargetGroup.from_target_group_attributes(
            self, "TargetGroup", target_group_arn=arn, load_balancer_arns=balancer
        )
        return [found]


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    qualifier = setting("CDK_QUALIFIER", cdk.DefaultStackSynthesizer.DEFAULT_QUALIFIER)
    synthesizer = cdk.DefaultStackSynthesizer(qualifier=qualifier, generate_bootstrap_version_rule=False)
    app = cdk.App(outdir=outdir, default_stack_synthesizer=synthesizer)
    image = Image(app, setting("IMAGE_STACK", "GoldenImage"))
    fleets = [Fleet(app, name, image.image) for name in setting("FLEET_STACKS", "Fleet").split(",")]
    for stack in (image, *fleets):
        cdk.Tags.of(stack).add(STACK_TAG, stack.stack_name)
    boundary = setting("PERMISSIONS_BOUNDARY", "")
    if boundary:
        # Without it, the pipeline's deploy roles may make no role at all.
        policy = iam.ManagedPolicy.from_managed_policy_name(image, "Boundary", boundary)
        iam.PermissionsBoundary.of(app).apply(policy)
    return app


if __name__ == "__main__":
    build().synth()
