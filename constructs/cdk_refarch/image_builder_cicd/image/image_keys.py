"""Who may use the key that an image is encrypted with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_refarch._parts.keys import admit

from .image_values import ImageRegion

USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]
"""What those need who start instances from an encrypted image, or copy it:
https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"""

VIA_EC2 = {"kms:ViaService": "ec2.*.amazonaws.com*"}
"""Whom the key is used through, with the ending of all partitions."""

FOR_RESOURCES = {"Bool": {"kms:GrantIsForAWSResource": "true"}}


def use_for_images(key_arns: Sequence[str]) -> list[iam.PolicyStatement]:
    """Return the statements by which a role encrypts images through Amazon EC2.

    Args:
        key_arns: The keys.
    """
    if not key_arns:
        return []
    return [
        iam.PolicyStatement(
            actions=[
                "kms:Decrypt",
                "kms:DescribeKey",
                "kms:Encrypt",
                "kms:GenerateDataKeyWithoutPlaintext",
                "kms:ReEncryptFrom",
                "kms:ReEncryptTo",
            ],
            resources=list(key_arns),
            conditions={"StringLike": VIA_EC2},
        ),
        iam.PolicyStatement(
            actions=["kms:CreateGrant"], resources=list(key_arns), conditions={"StringLike": VIA_EC2, **FOR_RESOURCES}
        ),
    ]


def admit_accounts(scope: Construct, key: kms.IKey, regions: Sequence[ImageRegion]) -> None:
    """Let the accounts use the key that get the image, or may start instances from it.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
        regions: Where the image goes: copies of other regions are made of the one that the key encrypts.
    """
    for principal, conditions in _receivers(regions):
        for statement in _pair(principal, conditions):
            admit(
                scope,
                key,
                statement,
                needed="the accounts that get the image use it and create grants, or they cannot start instances",
                source="https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/sharingamis-explicit.html",
            )


def _pair(principal: iam.IPrincipal, conditions: dict[str, dict[str, object]]) -> Iterator[iam.PolicyStatement]:
    via = {**conditions, "StringLike": {**conditions.get("StringLike", {}), **VIA_EC2}}
    yield iam.PolicyStatement(principals=[principal], actions=USE, resources=["*"], conditions=via)
    yield iam.PolicyStatement(
        principals=[principal], actions=["kms:CreateGrant"], resources=["*"], conditions={**via, **FOR_RESOURCES}
    )


def _receivers(regions: Sequence[ImageRegion]) -> Iterator[tuple[iam.IPrincipal, dict[str, dict[str, object]]]]:
    accounts = {account for one in regions for account in (*one.copy_to_accounts, *one.share_with_accounts)}
    if accounts:
        yield iam.CompositePrincipal(*(iam.AccountPrincipal(account) for account in sorted(accounts))), {}
    organizations = {arn.rpartition("/")[2] for one in regions for arn in one.share_with_organizations}
    if organizations:
        yield iam.AnyPrincipal(), {"StringEquals": {"aws:PrincipalOrgID": sorted(organizations)}}
    # arn:aws:organizations::111122223333:ou/o-exampleorgid/ou-exam-pleouid1
    units = {"{}/*/{}/*".format(*arn.split("/")[1:3]) for one in regions for arn in one.share_with_organizational_units}
    if units:
        yield iam.AnyPrincipal(), {"ForAnyValue:StringLike": {"aws:PrincipalOrgPaths": sorted(units)}}
