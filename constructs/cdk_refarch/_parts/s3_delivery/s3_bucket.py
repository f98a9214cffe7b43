"""The bucket that a sink creates."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.private_bucket import private_bucket

from .s3_sink import DEFAULT_LIFECYCLE, BucketLifecycle, S3Sink, fixed_part

ERRORS_FILTER = "Errors"
"""Id of the request metrics for objects under the error prefix."""


def sink_bucket(
    scope: Construct, sink: S3Sink, key: kms.IKey, removal_policy: cdk.RemovalPolicy
) -> tuple[s3.IBucket, s3.IBucket | None]:
    """Return the bucket of a sink; a created one counts requests under the error prefix.

    Args:
        scope: The construct that it belongs to.
        sink: What is delivered.
        key: Encrypts the objects of a created bucket.
        removal_policy: What happens to created buckets when the construct is removed.

    Returns:
        The bucket, and the bucket of its access logs; None for a given bucket.
    """
    if sink.bucket is not None:
        return sink.bucket, None
    lifecycle = DEFAULT_LIFECYCLE if sink.lifecycle is None else sink.lifecycle
    error_root = fixed_part(sink.error_prefix)
    return private_bucket(
        scope,
        key=key,
        access_log_bucket=sink.access_log_bucket,
        removal_policy=removal_policy,
        rules=_rules(lifecycle, fixed_part(sink.data_prefix), error_root),
        metrics=[s3.BucketMetrics(id=ERRORS_FILTER, prefix=error_root)] if error_root else (),
    )


def failures_metric(bucket: s3.IBucket) -> cloudwatch.Metric:
    """Return how many objects were written under the error prefix of a created bucket.

    Args:
        bucket: The bucket.
    """
    return cloudwatch.Metric(
        namespace="AWS/S3",
        metric_name="PutRequests",
        dimensions_map={"BucketName": bucket.bucket_name, "FilterId": ERRORS_FILTER},
        statistic="Sum",
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
