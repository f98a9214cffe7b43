"""The IAM actions that calls need, where IAM names them otherwise than the API."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from policy_sentry.querying.all import get_all_actions

PREFIXES = {"iotdata": "iot", "iot-jobs-data": "iot", "monitoring": "cloudwatch", "tagging": "tag"}
"""IAM's prefix for services that sign with another name."""

ACTIONS = {
    "kms:ReEncrypt": ("kms:ReEncryptFrom", "kms:ReEncryptTo"),
    "lambda:Invoke": ("lambda:InvokeFunction",),
    "lambda:InvokeWithResponseStream": ("lambda:InvokeFunction",),
    "s3:CompleteMultipartUpload": ("s3:PutObject",),
    "s3:CopyObject": ("s3:GetObject", "s3:PutObject"),
    "s3:CreateMultipartUpload": ("s3:PutObject",),
    "s3:DeleteObjects": ("s3:DeleteObject",),
    "s3:GetPublicAccessBlock": ("s3:GetBucketPublicAccessBlock",),
    "s3:HeadBucket": ("s3:ListBucket",),
    "s3:HeadObject": ("s3:GetObject",),
    "s3:ListBuckets": ("s3:ListAllMyBuckets",),
    "s3:ListMultipartUploads": ("s3:ListBucketMultipartUploads",),
    "s3:ListObjectVersions": ("s3:ListBucketVersions",),
    "s3:ListObjects": ("s3:ListBucket",),
    "s3:ListObjectsV2": ("s3:ListBucket",),
    "s3:ListParts": ("s3:ListMultipartUploadParts",),
    "s3:PutPublicAccessBlock": ("s3:PutBucketPublicAccessBlock",),
    "s3:UploadPart": ("s3:PutObject",),
    "s3:UploadPartCopy": ("s3:GetObject", "s3:PutObject"),
    "sns:PublishBatch": ("sns:Publish",),
    "sqs:ChangeMessageVisibilityBatch": ("sqs:ChangeMessageVisibility",),
    "sqs:DeleteMessageBatch": ("sqs:DeleteMessage",),
    "sqs:SendMessageBatch": ("sqs:SendMessage",),
    # Needs no permission, and cannot be denied one:
    # https://docs.aws.amazon.com/STS/latest/APIReference/API_GetCallerIdentity.html
    "sts:GetCallerIdentity": (),
}
"""IAM's actions for operations that it names otherwise."""

VERSIONED = {
    "s3:DeleteObject": "s3:DeleteObjectVersion",
    "s3:GetObject": "s3:GetObjectVersion",
    "s3:GetObjectTagging": "s3:GetObjectVersionTagging",
    "s3:PutObjectTagging": "s3:PutObjectVersionTagging",
}
"""Actions of S3 that are others when the call names a version."""


def actions_of(model: Any, parameters: Mapping[str, Any]) -> Iterator[str]:
    """Yield the actions that a call needs, which IAM checks by name.

    Args:
        model: The operation of botocore.
        parameters: What it was called with.

    Raises:
        ValueError: If IAM knows no such action.
    """
    service = model.service_model
    own = f"{PREFIXES.get(service.signing_name, service.signing_name)}:{model.name}"
    for action in ACTIONS.get(own, (own,)):
        if action not in get_all_actions():
            raise ValueError(
                f"{service.service_name} {model.name} must have an IAM action that exists, got {action}; "
                f"add '{own}' to ACTIONS in tests/fakes/iam_actions.py"
            )
        yield VERSIONED.get(action, action) if _has(parameters, "VersionId") else action


def _has(value: Any, key: str) -> bool:
    if isinstance(value, Mapping):
        return key in value or any(_has(item, key) for item in value.values())
    return isinstance(value, list) and any(_has(item, key) for item in value)
