"""Where a pipeline keeps what its stages hand on, and who may read and write it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.checks import is_token
from cdk_refarch._parts.keys import admit
from cdk_refarch._parts.policies import OTHER_PARTITIONS

from .deploy_statements import statement

USE_KEY = [
    "kms:Decrypt",
    "kms:DescribeKey",
    "kms:Encrypt",
    "kms:GenerateDataKey",
    "kms:ReEncryptFrom",
    "kms:ReEncryptTo",
]
"""What CodePipeline and CodeBuild need of the key of artifacts:
https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html"""

READ_KEY = ["kms:Decrypt", "kms:DescribeKey"]

OBJECTS = (
    "The artifacts of a pipeline have names that CodePipeline makes up for every run. The bucket holds nothing else. "
    "https://docs.aws.amazon.com/codepipeline/latest/userguide/concepts.html#concepts-artifacts."
)
"""Why statements are for all objects of the bucket."""


@dataclass(frozen=True)
class Store:
    """A bucket for artifacts in one region.

    Args:
        region: The region.
        bucket_arn: The bucket.
        key_arn: The key that it is encrypted with; None for one that nobody must be let use.
    """

    region: str
    bucket_arn: str
    key_arn: str | None

    @property
    def objects(self) -> str:
        """All objects of the bucket."""
        return f"{self.bucket_arn}/*"

    def reading(self, scope: Construct) -> list[iam.PolicyStatement]:
        """Return what a role needs that reads artifacts.

        Args:
            scope: Any construct of the stack.
        """
        return [
            statement(["s3:GetObject", "s3:GetObjectVersion"], self.objects),
            *self._key(scope, READ_KEY),
        ]

    def writing(self, scope: Construct, *more: str) -> list[iam.PolicyStatement]:
        """Return what a role needs that reads and writes artifacts.

        Args:
            scope: Any construct of the stack.
            *more: Further actions on the objects.
        """
        return [
            statement(["s3:GetObject", "s3:GetObjectVersion", "s3:PutObject", *more], self.objects),
            *self._key(scope, USE_KEY),
        ]

    def looking(self) -> iam.PolicyStatement:
        """Return what CodePipeline needs of the bucket itself."""
        return statement(["s3:GetBucketAcl", "s3:GetBucketLocation", "s3:GetBucketVersioning"], self.bucket_arn)

    def _key(self, scope: Construct, actions: Sequence[str]) -> list[iam.PolicyStatement]:
        if self.key_arn is None:
            return []
        return [statement(actions, self.key_arn, {"StringEquals": {"kms:ViaService": _hosts(scope, self.region)}})]


def store_of(bucket: s3.IBucket, key: kms.IKey | None, region: str) -> Store:
    """Return the store that a bucket is.

    Args:
        bucket: The bucket.
        key: The key that it is encrypted with; None for one that nobody must be let use.
        region: The bucket's region.
    """
    return Store(region, bucket.bucket_arn, None if key is None else key.key_arn)


def _hosts(scope: Construct, region: str) -> str | list[str]:
    host = f"s3.{region}.amazonaws.com"
    # As in the statements of the library's own keys, which know the stack's region only.
    if is_token(region) or region.startswith(OTHER_PARTITIONS):
        return [host, f"s3.{region}.{cdk.Stack.of(scope).url_suffix}"]
    return host


def admit_roles(scope: Construct, bucket: s3.IBucket, key: kms.IKey | None, roles: Mapping[str, str]) -> None:
    """Let roles of other accounts read artifacts, and nobody else of these accounts.

    Args:
        scope: The pipeline's construct, which warnings are shown at.
        bucket: The bucket.
        key: The key that it is encrypted with.
        roles: ARN of a role to its account.
    """
    for arn, account in roles.items():
        principal, only = iam.AccountPrincipal(account), {"ArnEquals": {"aws:PrincipalArn": arn}}
        # The account with a condition, because a role that is not there yet would be refused as a principal.
        result = bucket.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[principal],
                actions=["s3:GetObject", "s3:GetObjectVersion"],
                resources=[bucket.arn_for_objects("*")],
                conditions=only,
            )
        )
        if not result.statement_added:
            cdk.Annotations.of(scope).add_warning_v2(
                "cdk-refarch:artifact-bucket-policy",
                f"The policy of a bucket in artifact_buckets cannot be changed by this app. It must let {arn} get its "
                "objects, or the change sets of its account cannot be made: "
                "https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html",
            )
        if key is not None:
            admit(
                scope,
                key,
                iam.PolicyStatement(principals=[principal], actions=READ_KEY, resources=["*"], conditions=only),
                needed=f"{arn} decrypt, or the change sets of its account cannot be made",
                source="https://docs.aws.amazon.com/codepipeline/latest/userguide/pipelines-create-cross-account.html",
            )
