"""A fleet works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import FleetCapacity, FleetVolume, InstanceRefresh, RollingFleet, RollingUpdate
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.image_builder_cicd.fleet_built import ACCOUNT, ENV, LINUX, TYPE, network_of, target_groups
from tests.unit.templates import Template, flat


def test_sizes_and_percentages_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    later = Later(stack)
    seconds = cdk.Duration.seconds
    refresh = InstanceRefresh(
        min_healthy_percentage=later.number,
        max_healthy_percentage=later.number,
        warmup=seconds(later.number),
        bake=seconds(later.number),
        checkpoints=[later.number, 100],
        checkpoint_delay=seconds(later.number),
    )
    rolling = RollingUpdate(
        batch_size=later.number, min_in_service=later.number, health_check_url=f"http://localhost:{later.name}/"
    )
    vpc = network_of(stack)
    for id, update in (("Refresh", refresh), ("Rolling", rolling)):
        RollingFleet(
            stack,
            id,
            vpc=vpc,
            image=LINUX,
            instance_type=ec2.InstanceType(later.name),
            capacity=FleetCapacity(minimum=later.number, maximum=later.number, desired=later.number),
            update=update,
            volume=FleetVolume(size_gib=later.number, device_name=later.name),
        )
    # Which of two tokens is the smaller number says nothing of the sizes.
    sizes = [later.number for _ in range(3)]
    for id, low, high in (("Up", sizes[0], sizes[1]), ("Down", sizes[2], sizes[1])):
        capacity, update = FleetCapacity(minimum=low, maximum=high), RollingUpdate()
        RollingFleet(stack, id, vpc=vpc, image=LINUX, instance_type=TYPE, capacity=capacity, update=update)
    template = Template(stack)
    assert Later.unused(template) == []
    for group in template.all("AWS::AutoScaling::AutoScalingGroup")[2:]:
        kept = group["UpdatePolicy"]["AutoScalingRollingUpdate"]["MinInstancesInService"]
        assert kept == group["Properties"]["MinSize"]


def test_another_partition_gets_its_arns_and_endpoints() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account=ACCOUNT, region="cn-north-1"))
    key = kms.Key(stack, "Key")
    RollingFleet(
        stack,
        "Fleet",
        vpc=network_of(stack),
        image=LINUX,
        instance_type=TYPE,
        update=RollingUpdate(),
        encryption_key=key,
    )
    template = Template(stack)
    text = json.dumps(template.json)
    assert "arn:aws:" not in text
    # These are names of services, which all partitions have alike; endpoints end as the partition's do.
    names = {"autoscaling.amazonaws.com", "ec2.amazonaws.com", "lambda.amazonaws.com"}
    assert set(re.findall(r"[\w{}$:.]*amazonaws[\w.]*", text)) == names
    own = template.of(key)["KeyPolicy"]["Statement"][1]["Condition"]["StringEquals"]["aws:PrincipalArn"]
    assert own.startswith(f"arn:aws-cn:iam::{ACCOUNT}:role/")


def test_a_warning_tells_what_the_policy_of_a_key_of_elsewhere_must_allow() -> None:
    stack = cdk.Stack(cdk.App(), "Stack", env=ENV)
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:eu-west-1:{ACCOUNT}:key/theirs")
    RollingFleet(stack, "Fleet", vpc=network_of(stack), image=LINUX, instance_type=TYPE, encryption_key=key)
    text = Match.string_like_regexp("AWSServiceRoleForAutoScaling of this account encrypt, decrypt and create grants")
    assert len(Annotations.from_stack(stack).find_warning("/Stack/Fleet", text)) == 1


SEPARATE = {**FLAGS, "@aws-cdk/aws-ec2.securityGroupDisableInlineRules": True}
"""What a consumer sets who wants each rule of a security group as a resource."""


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS, SEPARATE], ids=["recommended", "none", "separate"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    network = cdk.Stack(cdk.App(), "Elsewhere", env=ENV)
    stack = cdk.Stack(app, "Stack", env=ENV)
    vpc = ec2.Vpc.from_vpc_attributes(
        network,
        "Vpc",
        vpc_id="vpc-0123456789abcdef0",
        availability_zones=["eu-west-1a"],
        private_subnet_ids=["subnet-0123456789abcdef0"],
    )
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:eu-west-1:{ACCOUNT}:alarms")
    read = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::shop/app.tgz"])
    for id, update in (("Refresh", InstanceRefresh()), ("Rolling", RollingUpdate())):
        RollingFleet(
            stack,
            id,
            vpc=vpc,
            image=LINUX,
            instance_type=TYPE,
            update=update,
            statements=[read],
            alarm_topic=topic,
        )
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    assert template.all("AWS::IAM::Policy") == []
    assert all("ManagedPolicyArns" not in one["Properties"] for one in template.all("AWS::IAM::Role"))
    for one in template.all("AWS::EC2::LaunchTemplate"):
        data = flat(one["Properties"]["LaunchTemplateData"])
        assert data["MetadataOptions"]["HttpTokens"] == "required"
        assert data["BlockDeviceMappings"][0]["Ebs"]["Encrypted"] is True
        assert data["UserData"]["Fn::Base64"].startswith("#!/bin/bash")
    for one in template.all("AWS::EC2::SecurityGroup"):
        assert "SecurityGroupIngress" not in one["Properties"]
        assert {rule["ToPort"] for rule in one["Properties"]["SecurityGroupEgress"]} == {443}


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_what_is_given_may_live_in_another_stack(flags: dict[str, Any]) -> None:
    app = cdk.App(post_cli_context=flags)
    shared, own = cdk.Stack(app, "Shared", env=ENV), cdk.Stack(app, "Own", env=ENV)
    vpc = network_of(shared)
    application, network = target_groups(shared, vpc)
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Errors")
    errors = cloudwatch.Alarm(shared, "Errors", metric=metric, threshold=1, evaluation_periods=1)
    RollingFleet(
        own,
        "Fleet",
        vpc=vpc,
        image=LINUX,
        instance_type=TYPE,
        update=InstanceRefresh(alarms=[errors]),
        security_groups=[ec2.SecurityGroup(shared, "Group", vpc=vpc)],
        target_groups=[application, network],
        encryption_key=kms.Key(shared, "Key"),
        alarm_topic=sns.Topic(shared, "Topic"),
    )
    # What was there before does not wait for what uses it, or none of the two stacks could be deployed.
    assert [refers(stack) for stack in (own, shared)] == [True, False]


def test_two_fleets_fit_in_one_stack_also_of_images_that_differ_by_region() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    vpc, image = network_of(stack), ec2.MachineImage.generic_linux({"eu-west-1": "ami-1", "us-east-1": "ami-2"})
    for id in ("One", "Two"):
        RollingFleet(stack, id, vpc=vpc, image=image, instance_type=TYPE, update=RollingUpdate())
    template = Template(stack)
    assert len(template.all("AWS::AutoScaling::AutoScalingGroup")) == 2
    assert len(template.json["Mappings"]) == 2


def test_a_nested_stack_signals_to_itself() -> None:
    parent = cdk.Stack(cdk.App(), "Parent", env=ENV)
    nested = cdk.NestedStack(parent, "Nested")
    fleet = RollingFleet(
        nested, "Fleet", vpc=network_of(nested), image=LINUX, instance_type=TYPE, update=RollingUpdate()
    )
    script = nested.resolve(fleet.launch_template.user_data.render())  # type: ignore[union-attr]
    assert "--stack <AWS::StackName> " in flat(script)
