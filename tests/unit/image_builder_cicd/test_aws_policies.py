"""The roles of a golden image beside AWS's own policies for them: what is left out, what is added, and why."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from typing import Any, NamedTuple

import pytest
from moto.iam.aws_managed_policies import aws_managed_policies_data

from tests.unit.image_builder_cicd.built import Built, Scene, built
from tests.unit.templates import flat, listed

AWS: Mapping[str, Any] = json.loads(aws_managed_policies_data)
BUILDING = ("EC2ImageBuilderExecutionPolicy",)
ENDING = ("EC2ImageBuilderLifecycleExecutionPolicy",)
INSTANCE = ("EC2InstanceProfileForImageBuilder", "AmazonSSMManagedInstanceCore")
COPYING = ("Ec2ImageBuilderCrossAccountDistributionAccess",)

Conditions = Mapping[str, Mapping[str, Any]]


class Grant(NamedTuple):
    """One permission."""

    action: str
    resource: str
    conditions: Conditions


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def grants_of(document: Any) -> Iterator[Grant]:
    for statement in document["Statement"]:
        assert statement["Effect"] == "Allow"
        for action in listed(statement["Action"]):
            for resource in listed(statement["Resource"]):
                yield Grant(action, flat(resource), flat(statement.get("Condition", {})))


def of_aws(names: tuple[str, ...]) -> list[Grant]:
    return [one for name in names for one in grants_of(AWS[name]["Document"])]


def of_role(scene: Scene, path: str) -> list[Grant]:
    policies = scene.template.of(scene.named(path))["Policies"]
    return [one for policy in policies for one in grants_of(policy["PolicyDocument"])]


# What references are in an account.
ARNS = {
    "<ImageBuildImageLog.Arn>": "arn:aws:logs:eu-west-1:111122223333:log-group:Full-ImageLog:*",
    "<ImageBuildPipelineLog.Arn>": "arn:aws:logs:eu-west-1:111122223333:log-group:Full-PipelineLog:*",
    "<ImageBuildInstanceRole.Arn>": "arn:aws:iam::111122223333:role/Full-InstanceRole",
    "<ImageKey.Arn>": "arn:aws:kms:eu-west-1:111122223333:key/1",
}

LIMITS = {
    # All resources of ours are in the stack's account, by their ARNs.
    "aws:ResourceAccount",
    # What a volume is encrypted with comes with its id, and the key is the image's own.
    "kms:EncryptionContextKeys",
}
"""Keys of AWS's conditions whose place is taken by the resources that ours names."""

SAME = {"ec2.*.amazonaws.com": "ec2.*.amazonaws.com*"}
"""Values of AWS's conditions that ours has for all partitions."""


def within(ours: Conditions, theirs: Conditions) -> bool:
    """Whether one's conditions are met only if the other's are."""
    for operator, keys in theirs.items():
        for key, value in keys.items():
            allowed = {str(one).lower() for one in listed(value)} | {SAME.get(one, "") for one in listed(value)}
            given = {str(one).lower() for one in listed(ours.get(operator, {}).get(key, []))}
            if key not in LIMITS and not (given and given <= {one.lower() for one in allowed}):
                return False
    return True


def covered(one: Grant, theirs: list[Grant]) -> bool:
    arn = ARNS.get(one.resource, one.resource)
    return any(
        one.action == other.action and fnmatchcase(arn, other.resource) and within(one.conditions, other.conditions)
        for other in theirs
    )


def wider(scene: Scene, path: str, names: tuple[str, ...]) -> set[tuple[str, str]]:
    """What a role of ours may do that AWS's policies do not let it."""
    theirs = of_aws(names)
    return {(one.action, one.resource) for one in of_role(scene, path) if not covered(one, theirs)}


MINE = "arn:aws:ec2:eu-west-1:111122223333"

ADDED_TO_BUILDING = {
    # AWS's policy has it for /imagebuilder/ alone, and the parameter may have any name.
    ("ssm:GetParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/images/web"),
    ("ssm:PutParameter", "arn:aws:ssm:eu-west-1:111122223333:parameter/images/web"),
    ("ssm:GetParameter", "arn:aws:ssm:us-east-1:111122223333:parameter/images/web"),
    ("ssm:PutParameter", "arn:aws:ssm:us-east-1:111122223333:parameter/images/web"),
    # AWS's policy has it for /aws/imagebuilder/ alone, and log groups have the names that CloudFormation makes up.
    *((f"logs:{one}", log) for one in ("CreateLogStream", "PutLogEvents") for log in ARNS if "Log.Arn" in log),
    # The service-linked role may end associations by their instance and document too, as it may begin them.
    ("ssm:DeleteAssociation", f"{MINE}:instance/*"),
    ("ssm:DeleteAssociation", "arn:aws:ssm:eu-west-1::document/AWS-GatherSoftwareInventory"),
}
"""What ours adds, for an image with everything."""


def test_the_execution_role_may_do_what_aws_lets_it_and_little_more(made: Built) -> None:
    found = wider(made.full, "ExecutionRole", BUILDING)
    assert found == ADDED_TO_BUILDING


def test_the_lifecycle_role_may_do_nothing_that_aws_does_not_let_it(made: Built) -> None:
    assert wider(made.full, "LifecycleRole", ENDING) == set()


def test_an_instance_writes_its_own_log_and_may_else_do_nothing_that_aws_does_not_let_it(made: Built) -> None:
    log = "<ImageBuildImageLog.Arn>"
    expected = {("logs:CreateLogStream", log), ("logs:PutLogEvents", log)}
    assert wider(made.plain, "Build/InstanceRole", INSTANCE) == expected


FAST_LAUNCH = "Fast launch is of Windows images that an argument would ask for, and there is none."
CONTAINERS = "Of container images: here are AMIs alone."
EXPORT = "Images are exported to S3 by an argument that there is not."
ISO = "An image is made of another one, and never of an ISO file."
REGISTER = "Of imports and of workflows of one's own, which there are not."
AGENT = "Run command, inventory and compliance need it not, and it lets everybody on the instance read the account's."

LEFT_OUT: Mapping[tuple[str, ...], Mapping[str, str]] = {
    BUILDING: {
        "ec2:AttachImageWatermark": "Watermarks are asked for by an argument that there is not.",
        "ec2:CancelExportTask": EXPORT,
        "ec2:DescribeExportImageTasks": EXPORT,
        "ec2:ExportImage": EXPORT,
        "ec2:DescribeHosts": "Instances are never started on dedicated hosts.",
        "ec2:DescribeImportImageTasks": ISO,
        "ec2:EnableFastLaunch": FAST_LAUNCH,
        "ec2:RegisterImage": REGISTER,
        "ecr:BatchDeleteImage": CONTAINERS,
        "ecr:CreateRepository": CONTAINERS,
        "ecr:TagResource": CONTAINERS,
        "license-manager:UpdateLicenseSpecificationsForResource": "Licences are asked for by an argument there is not.",
        "logs:CreateLogGroup": "The log groups are there, with their key.",
        "sns:Publish": "The infrastructure configuration has no topic: events tell more.",
    },
    ENDING: {
        "ec2:DisableImage": "Images are deprecated or deleted, and never disabled.",
        "ec2:EnableImage": "Images are deprecated or deleted, and never disabled.",
        "ecr:BatchDeleteImage": CONTAINERS,
        "ecr:BatchGetImage": CONTAINERS,
    },
    INSTANCE: {
        "ec2:CreateSnapshot": ISO,
        "ec2:CreateTags": ISO,
        "ec2:DescribeSnapshots": ISO,
        "ec2:DescribeVolumes": ISO,
        "imagebuilder:GetMarketplaceResource": "Components of the Marketplace have parent images of their own.",
        "kms:Decrypt": "One's own components are encrypted with a key of Image Builder's, which decrypts them.",
        "logs:CreateLogGroup": "The log group is there, with its key.",
        "ssm:DescribeAssociation": "The agent lists its associations, and describes none since version 2.",
        "ssm:GetDeployablePatchSnapshotForInstance": "Patch Manager does not patch an instance that becomes an image.",
        "ssm:GetManifest": "Distributor installs nothing on it.",
        "ssm:GetParameter": AGENT,
        "ssm:GetParameters": AGENT,
        "ssm:PutConfigurePackageResult": "Distributor installs nothing on it.",
        "ssm:UpdateAssociationStatus": "The agent tells the state of an association for its instance.",
    },
}
"""What AWS's policies have in any version until now, and ours has not."""


@pytest.mark.parametrize(
    ("path", "names"),
    [("ExecutionRole", BUILDING), ("LifecycleRole", ENDING), ("Build/InstanceRole", INSTANCE)],
    ids=["building", "ending", "instance"],
)
def test_what_aws_lets_a_role_do_is_granted_or_left_out_for_a_reason(
    made: Built, path: str, names: tuple[str, ...]
) -> None:
    theirs = {one.action for one in of_aws(names)}
    ours = {one.action for one in of_role(made.full, path)}
    assert theirs - ours == set(LEFT_OUT[names])
    assert all(reason.endswith(".") for reason in LEFT_OUT[names].values())


@pytest.mark.parametrize(
    ("name", "version"),
    [
        ("EC2ImageBuilderExecutionPolicy", "v2"),
        ("EC2ImageBuilderLifecycleExecutionPolicy", "v1"),
        ("EC2InstanceProfileForImageBuilder", "v12"),
        ("AmazonSSMManagedInstanceCore", "v2"),
        ("Ec2ImageBuilderCrossAccountDistributionAccess", "v1"),
    ],
)
def test_the_comparison_is_with_these_versions(name: str, version: str) -> None:
    assert AWS[name]["DefaultVersionId"] == version


def test_conditions_are_within_others_only_if_they_say_as_much() -> None:
    tagged = {"StringEquals": {"a": ["x", "y"]}}
    assert within({"StringEquals": {"a": "x", "b": "z"}}, tagged)
    assert not within({"StringEquals": {"a": ["x", "z"]}}, tagged)
    assert not within({"StringLike": {"a": "x"}}, tagged)
    assert not within({}, tagged)
    assert within({"StringEquals": {"a": "x"}}, {})
