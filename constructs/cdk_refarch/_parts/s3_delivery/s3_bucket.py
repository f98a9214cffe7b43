"""The bucket that a sink creates."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.private_bucket import private_bucket

from .s3_sink import BucketLifecycle

ERRORS_FILTER = "Errors"
"""Id of the request metrics for objects under the error prefix."""


def data_bucket(
    scope: Construct,
    *,
    key: kms.IKey,
    access_log_bucket: s3.IBucket | None,
    lifecycle: BucketLifecycle,
    data_root: str,
    error_root: str,
    removal_policy: cdk.RemovalPolicy,
) -> tuple[s3.Bucket, s3.IBucket]:
    """Create the bucket for delivered records, which counts requests under the error prefix.

    Args:
        scope: The construct that it belongs to.
        key: Encrypts the objects.
        access_log_bucket: Where access logs go; None to create a bucket for them.
        lifecycle: Moves and expiry of objects.
        data_root: What the key of every delivered object begins with; empty when that cannot be told.
        error_root: What the key of every failed record begins with; empty when that cannot be told.
        removal_policy: What happens to the buckets when the construct is removed.

    Returns:
        The bucket, and the bucket of its access logs.
    """
    return private_bucket(
        scope,
        key=key,
        access_log_bucket=access_log_bucket,
        removal_policy=removal_policy,
        rules=_rules(lifecycle, data_root, error_root),
        metrics=[s3.BucketMetrics(id=ERRORS_FILTER, prefix=error_root)] if error_root else (),
    )


def _rules(lifecycle: BucketLifecycle, data_root: str, error_root: str) -> list[s3.CfnBucket.RuleProperty]:
    l1 = s3.CfnBucket
    moves = [
        l1.TransitionProperty(storage_class=storage_class, transition_in_days=days)
        for storage_class, days in (
            ("STANDARD_IA", lifecycle.infrequent_access_after_days),
            ("GLACIER", lifecycle.archive_after_days),
        )
        if days is not None
    ]
    rules = []
    if moves or lifecycle.expire_after_days is not None:
        rules.append(
            l1.RuleProperty(
                id="Data",
                status="Enabled",
                prefix=data_root or None,
                transitions=moves or None,
                expiration_in_days=lifecycle.expire_after_days,
            )
        )
    if lifecycle.errors_expire_after_days is not None:
        rules.append(
            l1.RuleProperty(
                id="Errors",
                status="Enabled",
                prefix=error_root,
                expiration_in_days=lifecycle.errors_expire_after_days,
            )
        )
    return rules
