"""The bucket that a sink creates, and where its access logs go."""

from __future__ import annotations

from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from constructs import Construct

from .s3_sink import BucketLifecycle

ACCESS_LOG_DAYS = 365
"""How long access logs are kept."""

OLD_VERSION_DAYS = 30
"""How long an overwritten or deleted object can be brought back."""

ABANDONED_UPLOAD_DAYS = 7
"""After how many days the parts of an upload that never ended are deleted."""

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
    """Create the bucket for delivered records.

    It is encrypted, versioned, private, refuses old TLS, logs access, tells EventBridge about its objects, and counts
    requests under the error prefix.

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
    log_bucket = access_log_bucket or _log_bucket(scope, removal_policy)
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
        metrics=[s3.BucketMetrics(id=ERRORS_FILTER, prefix=error_root)] if error_root else None,
    )
    resource = cast(s3.CfnBucket, bucket.node.default_child)
    resource.lifecycle_configuration = _lifecycle(lifecycle, data_root, error_root)
    # Set on the resource itself, because what the L2 makes of the same wish is a function that writes the setting.
    resource.notification_configuration = s3.CfnBucket.NotificationConfigurationProperty(
        event_bridge_configuration=s3.CfnBucket.EventBridgeConfigurationProperty(event_bridge_enabled=True)
    )
    _log_access(scope, bucket, log_bucket, given=access_log_bucket is not None)
    return bucket, log_bucket


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


def _lifecycle(
    lifecycle: BucketLifecycle, data_root: str, error_root: str
) -> s3.CfnBucket.LifecycleConfigurationProperty:
    l1 = s3.CfnBucket
    moves = [
        l1.TransitionProperty(storage_class=storage_class, transition_in_days=days)
        for storage_class, days in (
            ("STANDARD_IA", lifecycle.infrequent_access_after_days),
            ("GLACIER", lifecycle.archive_after_days),
        )
        if days is not None
    ]
    rules = [
        l1.RuleProperty(
            id="Leftovers",
            status="Enabled",
            noncurrent_version_expiration=l1.NoncurrentVersionExpirationProperty(noncurrent_days=OLD_VERSION_DAYS),
            abort_incomplete_multipart_upload=l1.AbortIncompleteMultipartUploadProperty(
                days_after_initiation=ABANDONED_UPLOAD_DAYS
            ),
        )
    ]
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
    return l1.LifecycleConfigurationProperty(rules=rules)
