"""Where Macie keeps the result of every object that it analysed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.keys import admit
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.private_bucket import private_bucket

from .values import ResultsExport

MACIE = "macie.amazonaws.com"
GUIDE = "https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html"


class Results(Construct):
    """A bucket that Macie may write results to, and a key that it may encrypt them with.

    Creates a bucket with one for its access logs unless one is given, and what Macie needs in the policies of bucket
    and key. Macie verifies both when it is told of them, so that whoever tells it must depend on this construct.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        export: What is asked for; checked before.
        operation: What it shares with the other parts.

    Attributes:
        bucket: The bucket of the results, given or created.
        access_log_bucket: Where the created bucket's access logs go, given or created; None for a given bucket.
        owner: The account of the created bucket; None for a given bucket, which may be another account's.
    """

    def __init__(self, scope: Construct, id: str, *, export: ResultsExport, operation: Operation) -> None:
        super().__init__(scope, id)
        key = operation.encryption_key
        self.bucket: s3.IBucket
        self.access_log_bucket: s3.IBucket | None
        if export.bucket is not None:
            self.bucket, self.access_log_bucket = export.bucket, None
        else:
            self.bucket, self.access_log_bucket = private_bucket(
                self,
                key=key,
                access_log_bucket=export.access_log_bucket,
                removal_policy=operation.removal_policy,
                rules=_rules(export),
            )
        self.owner: str | None = cdk.Stack.of(self).account if export.bucket is None else None
        self._admit_to_bucket(export.prefix)
        if export.bucket is None:
            self._only_with(key)
        self._admit_to_key(key)

    def _conditions(self) -> dict[str, dict[str, str | list[str]]]:
        stack = cdk.Stack.of(self)
        macie = f"arn:{stack.partition}:macie2:{stack.region}:{stack.account}"
        return {
            "StringEquals": {"aws:SourceAccount": stack.account},
            "ArnLike": {"aws:SourceArn": [f"{macie}:export-configuration:*", f"{macie}:classification-job/*"]},
        }

    def _admit_to_bucket(self, prefix: str) -> None:
        macie = [iam.ServicePrincipal(MACIE)]
        statements = [
            iam.PolicyStatement(
                principals=macie,
                actions=["s3:GetBucketLocation"],
                resources=[self.bucket.bucket_arn],
                conditions=self._conditions(),
            ),
            iam.PolicyStatement(
                principals=macie,
                actions=["s3:PutObject"],
                resources=[self.bucket.arn_for_objects(f"{prefix}*")],
                conditions=self._conditions(),
            ),
        ]
        results = [self.bucket.add_to_resource_policy(statement) for statement in statements]
        if not all(result.statement_added for result in results):
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:results-bucket-policy",
                "The policy of the given bucket cannot be changed by this app. It must let macie.amazonaws.com find "
                f"the bucket's location and put objects, or the deployment fails: {GUIDE}",
            )

    def _only_with(self, key: kms.IKey) -> None:
        for header, value in (
            ("s3:x-amz-server-side-encryption", "aws:kms"),
            ("s3:x-amz-server-side-encryption-aws-kms-key-id", key.key_arn),
        ):
            self.bucket.add_to_resource_policy(
                iam.PolicyStatement(
                    effect=iam.Effect.DENY,
                    principals=[iam.ServicePrincipal(MACIE)],
                    actions=["s3:PutObject"],
                    resources=[self.bucket.arn_for_objects("*")],
                    conditions={"StringNotEquals": {header: value}},
                )
            )

    def _admit_to_key(self, key: kms.IKey) -> None:
        statement = iam.PolicyStatement(
            principals=[iam.ServicePrincipal(MACIE)],
            actions=["kms:Encrypt", "kms:GenerateDataKey"],
            resources=["*"],
            conditions=self._conditions(),
        )
        needed = "macie.amazonaws.com encrypt and generate data keys, or the deployment fails"
        admit(self, key, statement, needed=needed, source=GUIDE)


def _rules(export: ResultsExport) -> list[s3.CfnBucket.RuleProperty]:
    l1 = s3.CfnBucket
    if export.infrequent_access_after_days is None and export.expire_after_days is None:
        return []
    move = (
        None
        if export.infrequent_access_after_days is None
        else [
            l1.TransitionProperty(storage_class="STANDARD_IA", transition_in_days=export.infrequent_access_after_days)
        ]
    )
    return [
        l1.RuleProperty(id="Results", status="Enabled", transitions=move, expiration_in_days=export.expire_after_days)
    ]
