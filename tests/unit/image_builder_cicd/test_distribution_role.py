"""The role by which images get into another account: what it may do there, and what it cannot be made of."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import ImageDistributionRole
from tests.unit.environments import Later, checked_app, open_findings
from tests.unit.image_builder_cicd.built import built
from tests.unit.image_builder_cicd.test_aws_policies import AWS, covered, grants_of, of_aws
from tests.unit.templates import Row, Template, flat, rows

SOURCE, HERE = "111122223333", "444455556666"
ENV = cdk.Environment(account=HERE, region="eu-west-1")
IMAGES, SNAPSHOTS = "arn:aws:ec2:*::image/*", "arn:aws:ec2:*::snapshot/*"
KEYS = [f"arn:aws:kms:eu-west-1:{SOURCE}:key/1", f"arn:aws:kms:us-east-1:{HERE}:key/mrk-2"]
LAUNCH_TEMPLATE = "lt-0123456789abcdef0"
COPYING = {
    ("ec2:CopyImage", IMAGES, ""),
    ("ec2:CopyImage", SNAPSHOTS, ""),
    ("ec2:CreateTags", IMAGES, ""),
    ("ec2:ModifyImageAttribute", IMAGES, ""),
    ("ec2:DescribeImages", "*", ""),
}


def made(**given: Any) -> tuple[ImageDistributionRole, Template]:
    stack = cdk.Stack(cdk.App(), "There", env=ENV)
    role = ImageDistributionRole(stack, "Images", **{"source_account": SOURCE, **given})
    return role, Template(stack)


def may(**given: Any) -> set[Row]:
    role, template = made(**given)
    return set(rows(template.of(role.role)))


def test_the_role_has_the_one_name_and_is_assumed_by_the_other_account_alone() -> None:
    role, template = made()
    found = flat(template.of(role.role))
    assert found["RoleName"] == "EC2ImageBuilderDistributionCrossAccountRole"
    (statement,) = found["AssumeRolePolicyDocument"]["Statement"]
    trusted = {"AWS": f"arn:aws:iam::{SOURCE}:root"}
    assert statement == {"Action": "sts:AssumeRole", "Effect": "Allow", "Principal": trusted}
    assert template.all("AWS::IAM::Policy") == []


def test_pipelines_that_copy_assume_this_very_role() -> None:
    role, template = made()
    copies = built().scenes["Copies"]
    granted = rows(copies.template.of(copies.image.execution_role))
    assumed = {resource.rpartition("/")[2] for action, resource, _ in granted if action == "sts:AssumeRole"}
    assert assumed == {template.of(role.role)["RoleName"]}


def test_a_role_without_more_copies_images_that_are_not_encrypted() -> None:
    assert may() == COPYING


def test_keys_are_used_through_ec2_alone() -> None:
    by_ec2: dict[str, Any] = {"StringLike": {"kms:ViaService": "ec2.*.amazonaws.com*"}}
    for_aws = {"Bool": {"kms:GrantIsForAWSResource": "true"}}
    use = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom", "ReEncryptTo")
    assert may(encryption_key_arns=KEYS) - COPYING == {
        *((f"kms:{action}", key, str(by_ec2)) for action in use for key in KEYS),
        *(("kms:CreateGrant", key, str({**by_ec2, **for_aws})) for key in KEYS),
    }


def test_parameters_are_written_in_any_region() -> None:
    arn = f"arn:aws:ssm:*:{HERE}:parameter/images/web"
    expected = {("ssm:GetParameter", arn, ""), ("ssm:PutParameter", arn, "")}
    assert may(parameter_names=["/images/web"]) - COPYING == expected


def test_launch_templates_get_versions_if_they_are_image_builders() -> None:
    arn = f"arn:aws:ec2:*:{HERE}:launch-template/{LAUNCH_TEMPLATE}"
    tagged, tagging = (
        str({"StringEquals": {f"aws:{which}Tag/CreatedBy": "EC2 Image Builder"}}) for which in ("Resource", "Request")
    )
    assert may(launch_template_ids=[LAUNCH_TEMPLATE]) - COPYING == {
        ("ec2:CreateLaunchTemplateVersion", arn, tagged),
        ("ec2:ModifyLaunchTemplate", arn, tagged),
        ("ec2:CreateTags", arn, tagging),
        ("ec2:DescribeLaunchTemplates", "*", ""),
    }


def test_the_role_may_copy_as_the_policy_of_aws_lets_it_and_no_more() -> None:
    role, template = made()
    theirs = of_aws(("Ec2ImageBuilderCrossAccountDistributionAccess",))
    assert AWS["Ec2ImageBuilderCrossAccountDistributionAccess"]["DefaultVersionId"] == "v1"
    (policy,) = template.of(role.role)["Policies"]
    ours = list(grants_of(policy["PolicyDocument"]))
    assert all(covered(one, theirs) for one in ours)
    assert {one.action for one in ours} == {one.action for one in theirs}


def test_what_is_known_at_deployment_only_may_be_given() -> None:
    stack = cdk.Stack(cdk.App(), "There")
    later = Later(stack)
    role = ImageDistributionRole(
        stack,
        "Images",
        source_account=later.name,
        encryption_key_arns=[later.name],
        parameter_names=[later.name],
        launch_template_ids=[later.name],
    )
    template = Template(stack)
    assert later.unused(template) == []
    granted = {resource for action, resource, _ in rows(template.of(role.role)) if action == "ssm:PutParameter"}
    # A name begins with the slash that divides it from the rest.
    assert granted == {"arn:aws:ssm:*:<AWS::AccountId>:parameter<Parameter3>"}


@pytest.mark.parametrize("region", ["cn-north-1", "us-gov-west-1"])
def test_another_partition_gets_its_arns(region: str) -> None:
    stack = cdk.Stack(cdk.App(), "There", env=cdk.Environment(account=HERE, region=region))
    ImageDistributionRole(stack, "Images", source_account=SOURCE, parameter_names=["/images/web"])
    assert "arn:aws:" not in json.dumps(Template(stack).json)


def test_the_security_packs_find_nothing(tmp_path: Any) -> None:
    app = checked_app({}, tmp_path)
    stack = cdk.Stack(app, "There", env=ENV)
    ImageDistributionRole(
        stack,
        "Images",
        source_account=SOURCE,
        encryption_key_arns=KEYS,
        parameter_names=["/images/web"],
        launch_template_ids=[LAUNCH_TEMPLATE],
    )
    Template(stack)
    assert open_findings(app, tmp_path) == []


def test_rejects_a_second_role_in_a_stack() -> None:
    stack = cdk.Stack(cdk.App(), "There", env=ENV)
    ImageDistributionRole(stack, "Images", source_account=SOURCE)
    message = (
        "There/Other: source_account must be made once in a stack, got another by There/Images; "
        "one of the two is enough"
    )
    with pytest.raises(ValueError, match=f"^{message}$"):
        ImageDistributionRole(stack, "Other", source_account="222233334444")
    assert stack.node.try_find_child("Other") is None


ACCOUNT = "give the id of the account in which images are built, as in '111122223333'"
NAME = "write it as the image does, as in '/imagebuilder/web/latest'"
LATER: Any = cdk.Fn.split(",", cdk.Fn.import_value("Later"))


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"source_account": ""}, f"source_account must be text that is not empty, got ''; {ACCOUNT}"),
        ({"source_account": None}, f"source_account must be text, got NoneType None; {ACCOUNT}"),
        ({"source_account": 111122223333}, f"source_account must be text, got int 111122223333; {ACCOUNT}"),
        ({"source_account": "1111"}, f"source_account must be an account of 12 digits, got '1111'; {ACCOUNT}"),
        (
            {"source_account": HERE},
            f"source_account must be another account than the stack's, got {HERE}; "
            "drop the role: Image Builder needs none in its own account",
        ),
        (
            {"encryption_key_arns": ["arn:aws:kms:eu-west-1:111122223333:alias/own"]},
            "encryption_key_arns must be a list of ARNs of keys, got 'arn:aws:kms:eu-west-1:111122223333:alias/own'; "
            "an alias is no key",
        ),
        (
            {"encryption_key_arns": LATER},
            "encryption_key_arns must be a list that is known when the app runs, got a token; "
            "give a list; an alias is no key",
        ),
        (
            {"parameter_names": "/images/web"},
            f"parameter_names must be a list, got str '/images/web'; give a list; {NAME}",
        ),
        (
            {"parameter_names": ["images/web"]},
            f"parameter_names must be a list of names of parameters, got 'images/web'; {NAME}",
        ),
        ({"parameter_names": ["/a/*"]}, f"parameter_names must be a list of names of parameters, got '/a/*'; {NAME}"),
        (
            {"launch_template_ids": ["web"]},
            "launch_template_ids must be a list of ids of launch templates, got 'web'; "
            "write it as 'lt-0123456789abcdef0'",
        ),
    ],
)
def test_rejects_what_aws_would_not_take(given: dict[str, Any], message: str) -> None:
    stack = cdk.Stack(cdk.App(), "There", env=ENV)
    with pytest.raises(ValueError, match="must be") as caught:
        ImageDistributionRole(stack, "Images", **{"source_account": SOURCE, **given})
    assert str(caught.value) == f"There/Images: {message}"
    assert stack.node.try_find_child("Images") is None
