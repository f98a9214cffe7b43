"""Buckets for data, made alike in every architecture, and where their access logs go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

ACCESS_LOG_DAYS = 365
"""How long access logs are kept."""

OLD_VERSION_DAYS = 30
"""How long an overwritten or deleted object can be brought back."""

ABANDONED_UPLOAD_DAYS = 7
"""After how many days the parts of an upload that never ended are deleted."""


def private_bucket(
    scope: Construct,
    *,
    key: kms.IKey,
    access_log_bucket: s3.IBucket | None,
    removal_policy: cdk.RemovalPolicy,
    rules: Sequence[s3.CfnBucket.RuleProperty] = (),
    metrics: Sequence[s3.BucketMetrics] = (),
    lock: s3.ObjectLockRetention | None = None,
) -> tuple[s3.Bucket, s3.IBucket]:
    """Create a bucket for data.

    It is encrypted, versioned, private, refuses old TLS, logs access, and tells EventBridge about its objects.

    Args:
        scope: The construct that it belongs to.
        key: Encrypts the objects.
        access_log_bucket: Where access logs go; None to create a bucket for them.
        removal_policy: What happens to the buckets when the construct is removed.
        rules: Moves and expiry of objects, besides old versions and abandoned uploads.
        metrics: Requests to count.
        lock: For how long nobody can delete a version; None for no lock.

    Returns:
        The bucket, and the bucket of its access logs.
    """
    log_bucket = _log_bucket(scope, removal_policy) if access_log_bucket is None else access_log_bucket
    bucket = s3.Bucket(
        scope,
        "Bucket",
        encryption=s3.BucketEncryption.KMS,
        encryption_key=key,
        bucket_key_enabled=True,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        removal_policy=removal_policy,
        metrics=list(metrics) or None,
        object_lock_default_retention=lock,
    )
    resource = cast(s3.CfnBucket, bucket.node.default_child)
    resource.lifecycle_configuration = s3.CfnBucket.LifecycleConfigurationProperty(rules=[_leftovers(), *rules])
    # Set on the resource itself, because what the L2 makes of the same wish is a function that writes the setting.
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    _log_access(scope, bucket, log_bucket, given=access_log_bucket is not None)
    return bucket, log_bucket


def _leftovers() -> s3.CfnBucket.RuleProperty:
    l1 = s3.CfnBucket
    return l1.RuleProperty(
        id="Leftovers",
        status="Enabled",
        noncurrent_version_expiration=l1.NoncurrentVersionExpirationProperty(noncurrent_days=OLD_VERSION_DAYS),
        abort_incomplete_multipart_upload=l1.AbortIncompleteMultipartUploadProperty(
            days_after_initiation=ABANDONED_UPLOAD_DAYS
        ),
    )


def _log_access(scope: Construct, bucket: s3.Bucket, log_bucket: s3.IBucket, *, given: bool) -> None:
    folder = f"{scope.node.path}/"
    # Set on the resource itself, because the L2 makes an access control list or a policy of it, as the consumer's
    # feature flags have it.
    cast(s3.CfnBucket, bucket.node.default_child).logging_configuration = s3.CfnBucket.LoggingConfigurationProperty(
        destination_bucket_name=log_bucket.bucket_name, log_file_prefix=folder
    )
    conditions: dict[str, dict[str, str]] = {"StringEquals": {"aws:SourceAccount": cdk.Stack.of(scope).account}}
    if not given:
        # Not for a given bucket: in another stack, its policy would have to wait for this one and this one for it.
        conditions["ArnLike"] = {"aws:SourceArn": bucket.bucket_arn}
    result = log_bucket.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal("logging.s3.amazonaws.com")],
            actions=["s3:PutObject"],
            resources=[log_bucket.arn_for_objects(f"{folder}*")],
            conditions=conditions,
        )
    )
    if not result.statement_added:
        cdk.Annotations.of(scope).add_warning_v2(
            "cdk-refarch:access-log-policy",
            "The policy of the given access_log_bucket cannot be changed by this app. It must let "
            f"logging.s3.amazonaws.com put objects under {folder}, or access logs are not delivered: "
            "https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html",
        )


def _log_bucket(scope: Construct, removal_policy: cdk.RemovalPolicy) -> s3.Bucket:
    return s3.Bucket(
        scope,
        "AccessLogs",
        # Log delivery does not write to a bucket whose default is a customer managed key:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        encryption=s3.BucketEncryption.S3_MANAGED,
        block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        object_ownership=s3.ObjectOwnership.BUCKET_OWNER_ENFORCED,
        enforce_ssl=True,
        minimum_tls_version=1.2,
        versioned=True,
        removal_policy=removal_policy,
        lifecycle_rules=[
            s3.LifecycleRule(
                expiration=cdk.Duration.days(ACCESS_LOG_DAYS),
                noncurrent_version_expiration=cdk.Duration.days(1),
                abort_incomplete_multipart_upload_after=cdk.Duration.days(ABANDONED_UPLOAD_DAYS),
            )
        ],
    )
