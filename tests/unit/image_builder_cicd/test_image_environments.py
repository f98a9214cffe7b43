"""A golden image works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk.assertions import Template as AnyTemplate

from cdk_refarch import (
    BuildInstance,
    BuildSchedule,
    GoldenImage,
    ImageLifecycle,
    ImageRegion,
    LaunchTemplateUpdate,
    ManagedComponent,
    RootVolume,
)
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.image_builder_cicd.built import (
    ACCOUNT,
    ENV,
    REGION,
    Built,
    Scene,
    built,
    network,
    web,
)
from tests.unit.templates import Template, flat, rows


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def everything(stack: cdk.Stack, id: str = "Image", **more: Any) -> GoldenImage:
    """An image with all its parts that any region may have."""
    image = GoldenImage(
        stack,
        id,
        **{
            "vpc": network(stack, f"{id}Vpc"),
            "components": [web(), ManagedComponent(name="update-linux")],
            "distribution": [
                ImageRegion(copy_to_accounts=["444455556666"], share_with_accounts=["777788889999"]),
            ],
            "scan": True,
            **more,
        },
    )
    image.on_available("Tell", sqs.Queue(stack, f"{id}Queue"))
    image.on_failed("Mend", sns.Topic(stack, f"{id}Topic", enforce_ssl=True, master_key=image.encryption_key))
    return image


def test_names_ids_and_numbers_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Web")
    later = Later(stack)
    template_update = LaunchTemplateUpdate(launch_template_id=later.name, account=later.name)
    there = LaunchTemplateUpdate(launch_template_id=later.name)
    image = GoldenImage(
        stack,
        "Image",
        vpc=network(stack),
        components=[
            web(parameters={"Port": later.name}),
            ManagedComponent(name=later.name, parameters={"Modes": [later.name]}),
        ],
        parent_image=later.name,
        volume=RootVolume(size_gib=later.number, device_name=later.name),
        build=BuildInstance(instance_types=later.names, working_directory=later.name),
        distribution=[
            ImageRegion(
                copy_to_accounts=[later.name],
                share_with_accounts=[later.name],
                launch_templates=[template_update, there],
            )
        ],
        parameter_name=later.name,
        schedule=BuildSchedule(expression=later.name, timezone=later.name, disable_after_failures=later.number),
        lifecycle=ImageLifecycle(
            deprecate_after=cdk.Duration.days(later.number),
            delete_after=cdk.Duration.days(later.number),
            keep_at_least=later.number,
            keep_launched_within=cdk.Duration.days(later.number),
        ),
        stale_after=cdk.Duration.days(later.number),
    )
    template = Template(stack)
    assert later.unused(template) == []
    scene = Scene(image, template)
    # A component whose name is not known is one by its ARN.
    name = scene.of(image.recipe)["Components"][1]["ComponentArn"]
    assert name.startswith("<Parameter")
    granted = {resource for action, resource, _ in rows(template.of(image.build.instance_role)) if "GetComp" in action}
    assert name in granted
    written = {resource for action, resource, _ in rows(template.of(image.execution_role)) if "PutParam" in action}
    assert written == {f"arn:aws:ssm:<AWS::Region>:<AWS::AccountId>:parameter{scene.shown(image.parameter_name)}"}


def test_a_stack_without_region_is_free_of_any() -> None:
    stack = cdk.Stack(cdk.App(), "Web")
    everything(stack)
    text = json.dumps(Template(stack).json)
    assert '"AWS::Region"' in text
    assert '"AWS::AccountId"' in text
    assert REGION not in text
    assert ACCOUNT not in text


@pytest.mark.parametrize(("region", "partition"), [("cn-north-1", "aws-cn"), ("us-gov-west-1", "aws-us-gov")])
def test_another_partition_gets_its_arns_and_its_services(region: str, partition: str) -> None:
    stack = cdk.Stack(cdk.App(), "Web", env=cdk.Environment(account=ACCOUNT, region=region))
    image = everything(stack)
    template = Template(stack)
    text = json.dumps(template.json)
    assert "arn:aws:" not in text
    assert '"Ref": "AWS::Partition"' in text or f"arn:{partition}:" in text
    parent = template.of(image.recipe)["ParentImage"]
    assert "".join(flat(parent)).endswith(f":imagebuilder:{region}:aws:image/amazon-linux-2023-x86/x.x.x")
    by_ec2 = "ec2.*.amazonaws.com*"
    statements = flat(template.of(image.encryption_key)["KeyPolicy"]["Statement"])
    assert by_ec2 in {one.get("Condition", {}).get("StringLike", {}).get("kms:ViaService") for one in statements}


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_rejects_regions_of_another_partition(region: str) -> None:
    stack = cdk.Stack(cdk.App(), "Web", env=cdk.Environment(account=ACCOUNT, region=region))
    with pytest.raises(ValueError, match=r"distribution\[1\].region must be in the partition of the stack's region"):
        everything(stack, distribution=[ImageRegion(), ImageRegion(region="eu-west-1")])
    assert stack.node.try_find_child("Image") is None


def test_two_images_fit_in_one_stack_and_have_nothing_in_common() -> None:
    stack = cdk.Stack(cdk.App(), "Two", env=ENV)
    scenes = [everything(stack, id) for id in ("One", "Another")]
    template = Template(stack)
    assert len({Scene(one, template).prefix for one in scenes}) == 2
    kinds = ("ImageRecipe", "ImagePipeline", "Component", "LifecyclePolicy", "InfrastructureConfiguration")
    for kind in (*kinds, "DistributionConfiguration"):
        names = [one["Properties"]["Name"] for one in template.all(f"AWS::ImageBuilder::{kind}")]
        assert len(set(names)) == 2, kind
    assert len({one.parameter_name for one in scenes}) == 2


def test_names_fit_whatever_the_stack_is_called() -> None:
    stack = cdk.Stack(cdk.App(), "S" * 128)
    image = GoldenImage(stack, "Image", vpc=network(stack), components=[web(id="C" + "c" * 49)])
    template = Template(stack)
    # https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html
    legal = re.compile("[a-z0-9][a-z0-9-]{1,126}[a-z0-9]")
    names = [
        one["Properties"]["Name"]
        for one in template.json["Resources"].values()
        if one["Type"].startswith("AWS::ImageBuilder::") and "Name" in one["Properties"]
    ]
    assert len(names) == 6
    assert all(legal.fullmatch(one) for one in names)
    (to,) = template.of(image.distribution)["Distributions"]
    # The date is put in when the image is there.
    ami = to["AmiDistributionConfiguration"]["Name"].replace("{{ imagebuilder:buildDate }}", "2026-11-23T19-06-53.123Z")
    assert len(ami) <= 127
    assert len(to["AmiDistributionConfiguration"]["Name"]) <= 127


def test_a_nested_stack_has_names_of_its_own_after_the_stack_above() -> None:
    app = cdk.App()
    parent = cdk.Stack(app, "Parent", env=ENV)
    nested = [cdk.NestedStack(parent, id) for id in ("One", "Other")]
    images = [everything(one) for one in nested]
    names = {one.parameter_name for one in images}
    assert len(names) == 2
    assert all(re.fullmatch("/imagebuilder/parent-[0-9a-f]{12}/latest", one) for one in names)
    for stack in nested:
        (recipe,) = AnyTemplate.from_stack(stack).find_resources("AWS::ImageBuilder::ImageRecipe").values()
        assert recipe["Properties"]["Name"] in "".join(names)


def test_a_nested_stack_uses_the_key_and_the_network_of_its_parent() -> None:
    parent = cdk.Stack(cdk.App(), "Parent", env=ENV)
    vpc = ec2.Vpc(parent, "Vpc", nat_gateways=1, availability_zones=[f"{REGION}a"])
    nested = cdk.NestedStack(parent, "Nested")
    everything(nested, vpc=vpc, encryption_key=kms.Key(parent, "Key"))
    template = AnyTemplate.from_stack(nested).to_json()
    assert "AWS::KMS::Key" not in {one["Type"] for one in template["Resources"].values()}
    (key,) = AnyTemplate.from_stack(parent).find_resources("AWS::KMS::Key").values()
    # The parent would have to wait for the nested stack, and the nested stack for its key.
    assert "Nested" not in json.dumps(key)


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Web", env=ENV)
    image = GoldenImage(
        stack,
        "Image",
        vpc=network(stack),
        components=[web()],
        distribution=[ImageRegion(copy_to_accounts=["444455556666"], share_with_accounts=["777788889999"])],
        scan=True,
    )
    image.on_available("Tell", sns.Topic(stack, "Topic", enforce_ssl=True, master_key=image.encryption_key))
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    assert template.all("AWS::IAM::Policy") == []
    assert all("ManagedPolicyArns" not in one["Properties"] for one in template.all("AWS::IAM::Role"))
    (group,) = template.all("AWS::EC2::SecurityGroup")
    assert [one["ToPort"] for one in group["Properties"]["SecurityGroupEgress"]] == [443]
    assert "SecurityGroupIngress" not in group["Properties"]


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_what_is_given_may_live_in_another_stack(flags: dict[str, Any]) -> None:
    app = cdk.App(post_cli_context=flags)
    shared, own, user = (cdk.Stack(app, id, env=ENV) for id in ("Shared", "Own", "User"))
    vpc = ec2.Vpc(shared, "Vpc", nat_gateways=1)
    image = everything(
        own,
        vpc=vpc,
        encryption_key=kms.Key(shared, "Key"),
        alarm_topic=sns.Topic(shared, "Alarms"),
        build=BuildInstance(security_groups=[ec2.SecurityGroup(shared, "Group", vpc=vpc)]),
    )
    image.grant_start(iam.Role(user, "Starter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com")))
    # What was there before does not wait for what uses it, or none of the two stacks could be deployed.
    assert [refers(stack) for stack in (own, user, shared)] == [True, True, False]


KEPT = {"AWS::SQS::Queue", "AWS::Logs::LogGroup", "AWS::KMS::Key"}


@pytest.mark.parametrize(("scene", "policy", "days"), [("Plain", "Retain", 180), ("Full", "Delete", 365)])
def test_logs_queues_and_the_key_are_kept_unless_they_are_to_go(
    made: Built, scene: str, policy: str, days: int
) -> None:
    where = made.scenes[scene]
    inside = [one for one in where.image.node.find_all() if isinstance(one, cdk.CfnResource)]
    own = [where.template.json["Resources"][where.template.resolve(one.logical_id)] for one in inside]
    held = [one for one in own if one["Type"] in KEPT]
    assert {one["Type"] for one in held} == KEPT
    for one in held:
        assert one["UpdateReplacePolicy"] == policy
        assert one["DeletionPolicy"].startswith(policy)
    logs = [one["Properties"]["RetentionInDays"] for one in own if one["Type"] == "AWS::Logs::LogGroup"]
    assert logs == [days] * 3


def test_the_newest_image_is_found_by_each_deployment_or_by_each_start(made: Built) -> None:
    stack = cdk.Stack(cdk.App(), "Web", env=ENV)
    image = GoldenImage(stack, "Image", vpc=network(stack), parameter_name="/images/web")
    for name, each in (("Deployed", image.machine_image), ("Started", image.machine_image_at_launch)):
        ec2.LaunchTemplate(stack, name, machine_image=each)
    template = Template(stack)
    found = [one["Properties"]["LaunchTemplateData"]["ImageId"] for one in template.all("AWS::EC2::LaunchTemplate")]
    looked_up, left = found
    parameter = template.json["Parameters"][looked_up["Ref"]]
    assert parameter == {"Type": "AWS::SSM::Parameter::Value<AWS::EC2::Image::Id>", "Default": "/images/web"}
    assert left == "resolve:ssm:/images/web"
    assert image.machine_image.get_image(stack).os_type is ec2.OperatingSystemType.LINUX
    windows = made.bare.image
    # A stack that was synthesized cannot look up any more.
    other = cdk.Stack(cdk.App(), "Other")
    assert windows.machine_image_at_launch.get_image(other).os_type is ec2.OperatingSystemType.WINDOWS
