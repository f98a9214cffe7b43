"""What the tests of refusals of golden images share: arguments that are legal, one of which is then replaced."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs

from cdk_refarch.image_builder_cicd.image import image_checks
from cdk_refarch.image_builder_cicd.image.image_values import (
    BuildInstance,
    BuildSchedule,
    ImageComponent,
    ImageLifecycle,
    ImageRegion,
    ManagedComponent,
    RootVolume,
)
from tests.unit.refusals import Call, checks, fresh

stack = fresh()
FAR = cdk.Stack(cdk.App(), "Far", env=cdk.Environment(account="111122223333", region="us-east-1"))
OTHERS = cdk.Stack(cdk.App(), "Others", env=cdk.Environment(account="444455556666", region="eu-west-1"))


def network(scope: cdk.Stack) -> ec2.IVpc:
    """Bring a network with a private subnet along."""
    return ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id="vpc-1", availability_zones=["eu-west-1a"], private_subnet_ids=["subnet-1"]
    )


VPC, FAR_VPC, OTHERS_VPC = network(stack), network(FAR), network(OTHERS)
BARE_VPC = ec2.Vpc.from_vpc_attributes(stack, "BareVpc", vpc_id="vpc-2", availability_zones=["eu-west-1a"])

TEXT: dict[str, Any] = {
    "schemaVersion": 1.0,
    "parameters": [{"Version": {"type": "string"}}, {"Source": {"type": "string", "default": "a"}}],
    "phases": [{"name": "test", "steps": [{"name": "Own", "action": "UpdateOS"}]}],
}
OWN = ImageComponent(id="Own", document=TEXT, parameters={"Version": "1"})
UPDATE = ManagedComponent(name="update-linux")
IMAGE_ARN = "arn:aws:imagebuilder:eu-west-1:111122223333:image/own/"
EVERYTHING: dict[str, Any] = {
    "vpc": VPC,
    "components": [OWN, UPDATE],
    "parent_image": "amazon-linux-2023-x86",
    "platform": "LINUX",
    "recipe_version": "1.0.x",
    "volume": RootVolume(),
    "build": BuildInstance(),
    "tests": True,
    "distribution": (ImageRegion(),),
    "parameter_name": None,
    "schedule": BuildSchedule(),
    "build_on_deploy": True,
    "lifecycle": ImageLifecycle(),
    "scan": False,
    "stale_after": cdk.Duration.days(30),
    "encryption_key": None,
    "alarm_topic": None,
    "removal_policy": cdk.RemovalPolicy.RETAIN,
    "log_retention": logs.RetentionDays.ONE_YEAR,
}


def image(**arguments: Any) -> Call:
    return lambda: image_checks.check_image(checks, stack, **{**EVERYTHING, **arguments})
