"""Stacks as a pipeline deploys them, and what AWS says that CloudFormation calls for their resources."""

from __future__ import annotations

import functools
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from cfnlint.schema import PROVIDER_SCHEMA_MANAGER

from cdk_refarch import (
    BuildInstance,
    GoldenImage,
    ImageComponent,
    ImageRegion,
    LaunchTemplateUpdate,
    RollingFleet,
    RollingUpdate,
)
from tests.unit.templates import Template, flat

ENV = cdk.Environment(account="111122223333", region="eu-west-1")
DOCUMENT = {
    "schemaVersion": 1.0,
    "phases": [
        {
            "name": "build",
            "steps": [{"name": "Say", "action": "ExecuteBash", "inputs": {"commands": ["echo hello"]}}],
        }
    ],
}


@functools.cache
def delivered() -> dict[str, Any]:
    """The templates of an image with all that it can have, and of fleets, by the names of their stacks."""
    app = cdk.App()
    stacks = {name: cdk.Stack(app, name, env=ENV) for name in ("GoldenImage", "Fleet")}
    for name, stack in stacks.items():
        cdk.Tags.of(stack).add("cdk-refarch:stack", name)
    _image(stacks["GoldenImage"])
    _fleets(stacks["Fleet"])
    return {name: Template(stack).json for name, stack in stacks.items()}


def _vpc(stack: cdk.Stack) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"],
    )


def _image(stack: cdk.Stack) -> None:
    far = kms.Key.from_key_arn(stack, "Far", "arn:aws:kms:us-east-1:111122223333:key/far")
    template = LaunchTemplateUpdate(launch_template_id="lt-0123456789abcdef0")
    GoldenImage(
        stack,
        "Image",
        vpc=_vpc(stack),
        components=[ImageComponent(id="Hello", document=DOCUMENT)],
        build=BuildInstance(),
        distribution=[
            ImageRegion(share_with_accounts=["444455556666"], launch_templates=[template]),
            ImageRegion(region="us-east-1", copy_to_accounts=["444455556666"], encryption_key=far),
        ],
        scan=True,
    )


def _fleets(stack: cdk.Stack) -> None:
    vpc, image = _vpc(stack), ec2.MachineImage.from_ssm_parameter("/imagebuilder/goldenimage-0123456789ab/latest")
    kind = ec2.InstanceType("m7i.large")
    group = elbv2.ApplicationTargetGroup.from_target_group_attributes(
        stack,
        "Target",
        target_group_arn="arn:aws:elasticloadbalancing:eu-west-1:111122223333:targetgroup/t/0123456789abcdef",
        load_balancer_arns="arn:aws:elasticloadbalancing:eu-west-1:111122223333:loadbalancer/app/b/0123456789abcdef",
    )
    RollingFleet(stack, "Refreshed", vpc=vpc, image=image, instance_type=kind, target_groups=[group])
    RollingFleet(
        stack,
        "Rolled",
        vpc=vpc,
        image=image,
        instance_type=kind,
        user_data=ec2.UserData.for_linux(),
        update=RollingUpdate(),
    )


def kinds(template: dict[str, Any]) -> set[str]:
    """The types of a template's resources."""
    return {one["Type"] for one in template["Resources"].values()}


@functools.cache
def handlers(kind: str) -> frozenset[str]:
    """What CloudFormation may call for a resource type, as its schema in the registry says."""
    schema = PROVIDER_SCHEMA_MANAGER.get_resource_schema("us-east-1", kind).schema
    found = {one for name, handler in schema["handlers"].items() if name != "list" for one in handler["permissions"]}
    return frozenset(found | set(schema.get("tagging", {}).get("permissions", [])))


def role_statements(template: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """What the roles of a template may do, each statement with the name of the role."""
    found = []
    for name, resource in template["Resources"].items():
        properties = flat(resource.get("Properties", {}))
        documents = [policy["PolicyDocument"] for policy in properties.get("Policies", [])]
        if resource["Type"] == "AWS::IAM::Policy":
            documents = [properties["PolicyDocument"]]
        found += [(name, statement) for document in documents for statement in document["Statement"]]
    return found
