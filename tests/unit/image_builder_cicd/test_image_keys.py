"""Who may use the key that an image is encrypted with, and what a key of elsewhere must allow."""

from __future__ import annotations

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import GoldenImage, ImageRegion
from tests.unit.image_builder_cicd.built import ACCOUNT, ENV, HERE, ORGANIZATION, UNIT, Built, built, network


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def test_a_given_key_encrypts_everything_and_lets_everybody_in_who_must(made: Built) -> None:
    (key,) = made.bare.all("KMS::Key")
    assert key == made.bare.of(made.own_key)
    assert {one["KmsKeyId"] for one in made.bare.all("Logs::LogGroup")} == {"<Own.Arn>"}
    assert made.bare.image.encryption_key is made.own_key


USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
BY_EC2 = {"kms:ViaService": "ec2.*.amazonaws.com*"}


def test_those_who_get_the_image_may_use_its_key_through_ec2_alone(made: Built) -> None:
    statements = made.full.of(made.full.image.encryption_key)["KeyPolicy"]["Statement"]
    by_ec2 = [one for one in statements if one.get("Condition", {}).get("StringLike") == BY_EC2]
    accounts = {"AWS": [f"arn:aws:iam::{one}:root" for one in ("444455556666", "555566667777", "777788889999")]}
    anybody = {"AWS": "*"}
    organization = {"StringEquals": {"aws:PrincipalOrgID": [ORGANIZATION.rpartition("/")[2]]}}
    unit = {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": ["o-exampleorgid/*/ou-exam-pleouid1/*"]}}
    assert UNIT.endswith("o-exampleorgid/ou-exam-pleouid1")
    expected = []
    for principal, condition in ((accounts, {}), (anybody, organization), (anybody, unit)):
        for action, more in ((USE, {}), ("kms:CreateGrant", {"Bool": {"kms:GrantIsForAWSResource": "true"}})):
            conditions = {**condition, "StringLike": BY_EC2, **more}
            one = {"Effect": "Allow", "Principal": principal, "Action": action, "Resource": "*"}
            expected.append({**one, "Condition": conditions})
    assert by_ec2 == expected
    # Nobody else is let in by it.
    plain = made.plain.of(made.plain.image.encryption_key)["KeyPolicy"]["Statement"]
    assert not [one for one in plain if "StringLike" in one.get("Condition", {})]


def test_auto_scaling_of_the_account_may_use_the_key(made: Built) -> None:
    statements = made.plain.of(made.plain.image.encryption_key)["KeyPolicy"]["Statement"]
    linked = "role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
    own = {"aws:PrincipalArn": f"arn:aws:iam::{ACCOUNT}:{linked}", "kms:CallerAccount": ACCOUNT}
    found = [one for one in statements if one.get("Condition", {}).get("StringEquals") == own]
    assert [one["Action"] for one in found] == [USE, "kms:CreateGrant"]
    assert found[1]["Condition"]["Bool"] == {"kms:GrantIsForAWSResource": "true"}


def test_warnings_tell_what_the_policy_of_a_key_of_elsewhere_must_allow() -> None:
    stack = cdk.Stack(cdk.App(), "Web", env=ENV)
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/theirs")
    GoldenImage(
        stack,
        "Image",
        vpc=network(stack),
        encryption_key=key,
        distribution=[ImageRegion(share_with_accounts=["444455556666"])],
    )
    text = Match.string_like_regexp("The policy of the given encryption_key cannot be changed")
    found = [str(one.entry.data) for one in Annotations.from_stack(stack).find_warning("/Web/Image", text)]
    for named in ("CloudWatch Logs", "AWSServiceRoleForAutoScaling", "the accounts that get the image"):
        assert [one for one in found if named in one], named
