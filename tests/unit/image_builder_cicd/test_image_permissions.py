"""What the roles of a golden image may do, row by row, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.image_builder_cicd.built import (
    ACCOUNT,
    AMAZON,
    FAR_KEY,
    GROUP,
    HERE,
    MINE,
    PRIVATE_SUBNET,
    PUBLIC_SUBNET,
    REGION,
    TEMPLATE_IDS,
    Built,
    Scene,
    built,
)
from tests.unit.templates import Row, rows

EC2 = f"arn:aws:ec2:{REGION}"
INSTANCES, VOLUMES = f"{EC2}:{ACCOUNT}:instance/*", f"{EC2}:{ACCOUNT}:volume/*"
IMAGES, SNAPSHOTS = "arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"
DOCUMENTS, ASSOCIATIONS = f"arn:aws:ssm:{REGION}::document", f"arn:aws:ssm:{HERE}:association/*"
INVENTORY = f"{DOCUMENTS}/AWS-GatherSoftwareInventory"
MARK = "EC2 Image Builder"


TAGGED = str({"StringEquals": {"aws:ResourceTag/CreatedBy": MARK}})
TAGGING = str({"StringEquals": {"aws:RequestTag/CreatedBy": MARK}})
BY_EC2: dict[str, Any] = {"StringLike": {"kms:ViaService": "ec2.*.amazonaws.com*"}}
FOR_AWS = {"Bool": {"kms:GrantIsForAWSResource": "true"}}


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def grants(resources: str | Sequence[str], *actions: str, when: str = "") -> set[Row]:
    each = [resources] if isinstance(resources, str) else resources
    return {(action, resource, when) for action in actions for resource in each}


def may(scene: Scene, role: Any) -> set[Row]:
    return set(rows(scene.template.of(role)))


def uses_keys(*keys: str) -> set[Row]:
    use = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
    return {
        *grants(keys, *(f"kms:{one}" for one in use), when=str(BY_EC2)),
        *grants(keys, "kms:CreateGrant", when=str({**BY_EC2, **FOR_AWS})),
    }


def running(name: str, group: str = "<ImageBuildSecurityGroup.GroupId>", subnet: str = PRIVATE_SUBNET) -> set[Row]:
    """What every pipeline needs to build, test and log, but for its key."""
    mine = f"{EC2}:{ACCOUNT}"
    network = [f"{mine}:network-interface/*", f"{mine}:subnet/{subnet}", f"{mine}:security-group/{group}"]
    made_here = [f"{EC2}::image/*", f"{EC2}::snapshot/*"]
    on_creation = {"aws:RequestTag/CreatedBy": MARK, "ec2:CreateAction": ["CreateImage", "RunInstances"]}
    run = [f"{DOCUMENTS}/{one}" for one in ("AWS-RunPowerShellScript", "AWS-RunShellScript", "AWSEC2-RunSysprep")]
    linked = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/ssm.amazonaws.com/*"
    passed = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}}
    look = ("Images", "InstanceStatus", "InstanceTypeOfferings", "InstanceTypes", "Instances")
    return {
        *grants([*network, *made_here], "ec2:RunInstances"),
        *grants([INSTANCES, VOLUMES], "ec2:RunInstances", when=TAGGING),
        *grants("<ImageBuildInstanceRole.Arn>", "iam:PassRole", when=str(passed)),
        *grants(
            INSTANCES,
            *("ec2:CreateImage", "ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"),
            *("ssm:CreateAssociation", "ssm:SendCommand"),
            when=TAGGED,
        ),
        *grants(INSTANCES, "ec2:DescribeInstanceAttribute"),
        *grants(made_here, "ec2:CreateImage", when=TAGGING),
        *grants(IMAGES, "ec2:DeregisterImage", when=TAGGED),
        *grants([INSTANCES, VOLUMES, IMAGES, SNAPSHOTS], "ec2:CreateTags", when=str({"StringEquals": on_creation})),
        *grants(IMAGES, "ec2:CreateTags"),
        *grants(SNAPSHOTS, "ec2:CreateTags", when=TAGGING),
        *grants(run, "ssm:SendCommand"),
        *grants([ASSOCIATIONS, INVENTORY], "ssm:CreateAssociation", "ssm:DeleteAssociation"),
        *grants(INSTANCES, "ssm:DeleteAssociation", "ssm:DescribeInstanceAssociationsStatus"),
        *grants(ASSOCIATIONS, "ssm:AddTagsToResource", when=TAGGING),
        *grants(ASSOCIATIONS, "ssm:DescribeAssociationExecutions"),
        *grants(
            linked,
            "iam:CreateServiceLinkedRole",
            when=str({"StringEquals": {"iam:AWSServiceName": "ssm.amazonaws.com"}}),
        ),
        *grants("*", *(f"ec2:Describe{one}" for one in (*look, "Snapshots", "Subnets", "Tags"))),
        *grants("*", "ssm:DescribeInstanceInformation", "ssm:GetCommandInvocation"),
        *grants("*", "ssm:ListCommandInvocations", "ssm:ListInventoryEntries"),
        *grants(["<ImageBuildImageLog.Arn>", "<ImageBuildPipelineLog.Arn>"], *WRITES),
        *grants(
            f"{MINE}:image-pipeline/{name}", "imagebuilder:StartImagePipelineExecution", "imagebuilder:TagResource"
        ),
    }


WRITES = ("logs:CreateLogStream", "logs:PutLogEvents")
PARAMETER = ("ssm:GetParameter", "ssm:PutParameter")


def parameter(name: str, *regions: str) -> set[Row]:
    return grants([f"arn:aws:ssm:{region}:{ACCOUNT}:parameter{name}" for region in regions], *PARAMETER)


def templates(*arns: str) -> set[Row]:
    return {
        *grants(arns, "ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"),
        *grants(arns, "ec2:CreateTags", when=TAGGING),
        *grants("*", "ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"),
    }


SHARES = {
    *grants(IMAGES, "ec2:ModifyImageAttribute", when=TAGGED),
    *grants(SNAPSHOTS, "ec2:ModifySnapshotAttribute", when=TAGGED),
}
COPIES = grants([IMAGES, SNAPSHOTS], "ec2:CopyImage")
SCANS = {
    *grants("*", "inspector2:ListCoverage", "inspector2:ListFindings"),
    *grants(
        f"arn:aws:events:{HERE}:rule/ImageBuilder-*",
        *(f"events:{one}" for one in ("DeleteRule", "DescribeRule", "PutRule", "PutTargets", "RemoveTargets")),
    ),
}


def assumes(*accounts: str) -> set[Row]:
    return grants([f"arn:aws:iam::{one}:role/EC2ImageBuilderDistributionCrossAccountRole" for one in accounts], ASSUME)


ASSUME = "sts:AssumeRole"
HOME_TEMPLATE = f"{EC2}:{ACCOUNT}:launch-template/{TEMPLATE_IDS[0]}"
FAR_TEMPLATE = f"arn:aws:ec2:us-east-1:{ACCOUNT}:launch-template/{TEMPLATE_IDS[1]}"
PUBLIC = f"arn:aws:ssm:{REGION}::parameter/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-x86_64"
MORE: dict[str, set[Row]] = {
    "Plain": set(),
    "Home": set(),
    "Components": set(),
    "Statements": set(),
    "Regions": COPIES,
    "Copies": {*COPIES, *assumes("222233334444", "444455556666")},
    "Shares": SHARES,
    "Organizations": SHARES,
    "Units": SHARES,
    "Templates": templates(HOME_TEMPLATE),
    # Theirs is changed by the role over there.
    "Theirs": {*COPIES, *assumes("444455556666")},
    "Public": grants(PUBLIC, "ssm:GetParameter"),
    "Parent": grants(f"arn:aws:ssm:{HERE}:parameter/images/base", "ssm:GetParameter"),
    "Scan": SCANS,
}
"""What the execution role may do besides building and writing the parameter at home, by what the image has."""


@pytest.mark.parametrize("name", MORE)
def test_the_execution_role_may_do_what_the_image_needs(made: Built, name: str) -> None:
    scene = made.scenes[name]
    regions = (REGION, "us-east-1") if name == "Regions" else (REGION,)
    written = parameter(f"/imagebuilder/{scene.prefix}/latest", *regions)
    expected = {*running(scene.prefix), *uses_keys("<ImageKey.Arn>"), *written, *MORE[name]}
    assert may(scene, scene.image.execution_role) == expected


def test_the_execution_role_writes_only_parameters_that_are_asked_for(made: Built) -> None:
    silent, elsewhere = (made.scenes[one] for one in ("Silent", "Elsewhere"))
    assert may(silent, silent.image.execution_role) == {*running(silent.prefix), *uses_keys("<ImageKey.Arn>")}
    expected = {*running(elsewhere.prefix), *uses_keys("<ImageKey.Arn>"), *parameter("/images/web", REGION)}
    assert may(elsewhere, elsewhere.image.execution_role) == expected


def test_the_execution_role_of_an_image_with_everything_may_do_all_of_it(made: Built) -> None:
    assert may(made.full, made.full.image.execution_role) == {
        *running(made.full.prefix, subnet=PUBLIC_SUBNET),
        *uses_keys("<ImageKey.Arn>", FAR_KEY),
        *parameter("/images/web", REGION, "us-east-1"),
        *COPIES,
        *assumes("444455556666"),
        *SHARES,
        *templates(HOME_TEMPLATE, FAR_TEMPLATE),
        *MORE["Public"],
        *SCANS,
    }


def test_given_security_groups_and_keys_are_the_ones_that_count(made: Built) -> None:
    expected = {*running(made.bare.prefix, group=GROUP), *uses_keys("<Own.Arn>")}
    assert may(made.bare, made.bare.image.execution_role) == expected


AGENT = {
    *grants(
        INSTANCES,
        *("ssm:ListInstanceAssociations", "ssm:PutComplianceItems"),
        *("ssm:UpdateInstanceAssociationStatus", "ssm:UpdateInstanceInformation"),
    ),
    *grants(INVENTORY, "ssm:DescribeDocument", "ssm:GetDocument"),
    *grants("*", "ssm:ListAssociations", "ssm:PutInventory"),
    *grants("*", *(f"ssmmessages:{do}{what}Channel" for do in ("Create", "Open") for what in ("Control", "Data"))),
    *grants(
        "*",
        *(f"ec2messages:{one}Message" for one in ("Acknowledge", "Delete", "Fail")),
        *("ec2messages:GetEndpoint", "ec2messages:GetMessages", "ec2messages:SendReply"),
    ),
}


def on_instance(*components: str) -> set[Row]:
    return {
        *AGENT,
        *grants([f"{AMAZON}:component/*", *components], "imagebuilder:GetComponent"),
        *grants("arn:aws:s3:::ec2imagebuilder*/*", "s3:GetObject"),
        *grants("<ImageBuildImageLog.Arn>", *WRITES),
    }


def test_an_instance_may_be_commanded_read_components_and_write_its_log(made: Built) -> None:
    for name in ("Plain", "Bare", "Regions", "Copies", "Shares", "Templates", "Scan"):
        scene = made.scenes[name]
        assert may(scene, scene.image.build.instance_role) == on_instance(), name


def test_an_instance_may_read_its_own_components_and_do_what_they_need(made: Built) -> None:
    scene = made.scenes["Components"]
    theirs = f"arn:aws:imagebuilder:{REGION}:444455556666:component/agent/*"
    own = [f"{MINE}:component/{scene.prefix}-*", theirs, f"{AMAZON}:component/update-linux/*"]
    assert may(scene, scene.image.build.instance_role) == on_instance(*own)
    scene = made.scenes["Statements"]
    expected = {*on_instance(), *grants("arn:aws:s3:::p/*", "s3:GetObject")}
    assert may(scene, scene.image.build.instance_role) == expected


def test_the_lifecycle_role_may_end_images_of_image_builder_and_no_others(made: Built) -> None:
    for scene in (made.plain, made.full):
        marks = {
            "ForAllValues:StringEquals": {"aws:TagKeys": "DeprecatedBy"},
            "StringEquals": {"aws:RequestTag/DeprecatedBy": MARK, "aws:ResourceTag/CreatedBy": MARK},
        }
        image = ("DeregisterImage", "DescribeImageAttribute", "DisableImageDeprecation", "EnableImageDeprecation")
        assert may(scene, scene.named("LifecycleRole")) == {
            *grants(IMAGES, *(f"ec2:{one}" for one in image), when=TAGGED),
            *grants(SNAPSHOTS, "ec2:DeleteSnapshot", when=TAGGED),
            *grants([IMAGES, SNAPSHOTS], "ec2:CreateTags", "ec2:DeleteTags", when=str(marks)),
            *grants(f"{MINE}:image/{scene.prefix}/*", "imagebuilder:DeleteImage"),
            *grants("*", "ec2:DescribeImages", "tag:GetResources"),
        }


def test_the_function_may_look_at_its_own_pipeline_alone(made: Built) -> None:
    for scene in (made.plain, made.full):
        by_sqs = str({"StringEquals": {"kms:ViaService": f"sqs.{REGION}.amazonaws.com"}})
        assert may(scene, scene.named("Age/FunctionRole")) == {
            *grants("<ImagePipeline.Arn>", "imagebuilder:GetImagePipeline", "imagebuilder:ListImagePipelineImages"),
            *grants("<ImageAgeLog.Arn>", *WRITES),
            *grants("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
            *grants("<ImageAgeFailedEvents.Arn>", "sqs:SendMessage"),
            *grants("<ImageKey.Arn>", "kms:Decrypt", "kms:GenerateDataKey", when=by_sqs),
        }


def test_roles_are_assumed_by_their_service_for_this_account_alone(made: Built) -> None:
    own = {"StringEquals": {"aws:SourceAccount": ACCOUNT}}
    for path, service, condition in (
        ("ExecutionRole", "imagebuilder", own),
        ("LifecycleRole", "imagebuilder", own),
        ("Build/InstanceRole", "ec2", None),
        ("Age/FunctionRole", "lambda", None),
    ):
        (statement,) = made.full.of(made.full.named(path))["AssumeRolePolicyDocument"]["Statement"]
        assert statement["Principal"] == {"Service": f"{service}.amazonaws.com"}
        assert statement.get("Condition") == condition, path


def test_no_role_gets_anything_besides_what_stands_in_it(made: Built) -> None:
    for name, scene in made.scenes.items():
        # The role of the starter is the user's.
        assert len(scene.template.all("AWS::IAM::Policy")) == (name == "Full")
        assert scene.template.all("AWS::IAM::ManagedPolicy") == []
    (policy,) = made.full.template.all("AWS::IAM::Policy")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Action": ["imagebuilder:GetImagePipeline", "imagebuilder:StartImagePipelineExecution"],
        "Resource": made.full.template.resolve(made.full.image.pipeline.attr_arn),
    }
