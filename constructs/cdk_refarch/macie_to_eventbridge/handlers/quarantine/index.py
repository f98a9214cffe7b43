"""Answers findings of Amazon Macie: blocks public access to the bucket, keeps a copy of the object, and tags it.

Each step is done whatever becomes of the others. Nothing is ever deleted, and what is done already is not done again.
"""

import hashlib
import json
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import boto3
from boto3.s3.transfer import TransferConfig
from botocore.exceptions import BotoCoreError, ClientError

DRY_RUN = os.environ["DRY_RUN"] != "false"
COPY, TAG, BLOCK = (os.environ[name] == "true" for name in ("COPY", "TAG", "BLOCK_PUBLIC_ACCESS"))
QUARANTINE_BUCKET = os.environ.get("QUARANTINE_BUCKET", "")
KEY_ARN = os.environ.get("KEY_ARN", "")

TAG_KEY, TAG_TIME_KEY = "macie:quarantine", "macie:quarantined-at"

MAX_KEY_BYTES = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

MAX_TAGS = 10
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-tagging.html"""

COPYING = ("CopyObject", "CreateMultipartUpload", "UploadPartCopy", "CompleteMultipartUpload")

# Parts are copied side by side, so that also terabytes are soon done.
TRANSFER = TransferConfig(multipart_threshold=256 * 1024**2, multipart_chunksize=256 * 1024**2)

BLOCKED = dict.fromkeys(("BlockPublicAcls", "IgnorePublicAcls", "BlockPublicPolicy", "RestrictPublicBuckets"), True)

s3 = boto3.client("s3")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer a finding.

    Args:
        event: The event of Macie.
        context: Lambda's context.

    Raises:
        BotoCoreError: If a step failed and AWS gave no answer; the error of the first such step, after all steps.
        ClientError: If AWS refused it.
    """
    detail = event["detail"]
    bucket = detail["resourcesAffected"]["s3Bucket"]["name"]
    key = (detail["resourcesAffected"].get("s3Object") or {}).get("key")
    result: dict[str, Any] = {"finding": detail["id"], "did": []}
    errors: dict[str, BotoCoreError | ClientError] = {}
    try:
        _answer(detail, context.invoked_function_arn.split(":")[4], result["did"], errors)
    finally:
        failed = {step: str(error) for step, error in errors.items()}
        print(json.dumps({**result, "failed": failed, "type": detail["type"], "bucket": bucket, "key": key}))
    for error in errors.values():
        # Lambda tries again, and what is done already is not done again.
        raise error
    return result


def _answer(
    detail: Mapping[str, Any], account: str, did: list[str], errors: dict[str, BotoCoreError | ClientError]
) -> None:
    """Do what is to be done, and write down what that was and what failed."""
    if detail["accountId"] != account:
        did.append("skipped-other-account")
    elif detail["resourcesAffected"]["s3Bucket"]["name"] == QUARANTINE_BUCKET:
        # A copy of a copy would be the next finding.
        did.append("skipped-quarantine-bucket")
    elif DRY_RUN or detail.get("sample"):
        # The buckets of samples are not there, or somebody else's.
        did += [f"would-{step}" for step in _steps(detail, account)]
    else:
        for step, run in _steps(detail, account).items():
            try:
                done = run()
            except (BotoCoreError, ClientError) as error:
                # Each step is worth something without the others.
                if not _is_object_gone(error):
                    errors[step] = error
                    continue
                done = "object-gone"
            if done not in did:
                did.append(done)


def _steps(detail: Mapping[str, Any], account: str) -> dict[str, Callable[[], str]]:
    """Return what is to be done, by name and in order: public access first, for a copy may last."""
    bucket = detail["resourcesAffected"]["s3Bucket"]["name"]
    target = detail["resourcesAffected"].get("s3Object")
    steps: dict[str, Callable[[], str]] = {}
    if BLOCK:
        steps["block-public-access"] = lambda: _block(bucket, account)
    if target:
        source = _location(bucket, target)
        if COPY:
            steps["copy"] = lambda: _copy(detail, source, account)
        if TAG:
            steps["tag"] = lambda: _tag(detail["id"], source, account)
    return steps


def _location(bucket: str, target: Mapping[str, Any]) -> dict[str, str]:
    """Return the parameters of S3 that name an object, of the version that was analysed."""
    version = {"VersionId": target["versionId"]} if target.get("versionId") else {}
    return {"Bucket": bucket, "Key": target["key"], **version}


def _copy(detail: Mapping[str, Any], source: dict[str, str], account: str) -> str:
    """Copy an object to the quarantine bucket."""
    key = _copy_key(source["Bucket"], detail["id"], source["Key"])
    try:
        s3.head_object(Bucket=QUARANTINE_BUCKET, Key=key, ExpectedBucketOwner=account)
    except ClientError as error:
        if not _is_gone(error):
            raise
    else:
        return "copied-before"
    options = {
        "ServerSideEncryption": "aws:kms",
        "SSEKMSKeyId": KEY_ARN,
        "TaggingDirective": "REPLACE",
        "Tagging": urlencode({"macie:finding": detail["id"], "macie:type": detail["type"]}),
        # Of both buckets.
        "ExpectedBucketOwner": account,
    }
    s3.copy(source, QUARANTINE_BUCKET, key, ExtraArgs=options, Config=TRANSFER)
    return "copied"


def _copy_key(bucket: str, finding: str, key: str) -> str:
    """Return the key of the copy; that of a very long key has its hash instead, and the log has the key."""
    whole = f"{bucket}/{finding}/{key}"
    if len(whole.encode()) <= MAX_KEY_BYTES:
        return whole
    return f"{bucket}/{finding}/{hashlib.sha256(key.encode()).hexdigest()}"


def _tag(finding: str, source: dict[str, str], account: str) -> str:
    """Tag an object, next to the tags that it has."""
    answer = s3.get_object_tagging(**source, ExpectedBucketOwner=account)
    tags = {tag["Key"]: tag["Value"] for tag in answer["TagSet"]}
    if tags.get(TAG_KEY) == finding:
        return "tagged-before"
    tags |= {TAG_KEY: finding, TAG_TIME_KEY: datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
    if len(tags) > MAX_TAGS:
        return "no-room-for-tags"
    tagging = {"TagSet": [{"Key": key, "Value": value} for key, value in tags.items()]}
    s3.put_object_tagging(**source, Tagging=tagging, ExpectedBucketOwner=account)
    return "tagged"


def _block(bucket: str, account: str) -> str:
    """Block public access to a bucket."""
    owned = {"Bucket": bucket, "ExpectedBucketOwner": account}
    try:
        if _blocked_now(owned) == BLOCKED:
            return "public-access-blocked-before"
        s3.put_public_access_block(**owned, PublicAccessBlockConfiguration=BLOCKED)
    except ClientError as error:
        if not _is_gone(error):
            raise
        return "bucket-gone"
    return "public-access-blocked"


def _blocked_now(owned: dict[str, str]) -> dict[str, bool]:
    """Return what is blocked of a bucket."""
    try:
        blocked: dict[str, bool] = s3.get_public_access_block(**owned)["PublicAccessBlockConfiguration"]
    except ClientError as error:
        if error.response["Error"]["Code"] != "NoSuchPublicAccessBlockConfiguration":
            raise
        return {}
    return blocked


def _is_gone(error: Any) -> bool:
    """Return whether S3 says that there is no such object, version or bucket."""
    return error.response["Error"]["Code"] in ("404", "NoSuchBucket", "NoSuchKey", "NoSuchVersion")


def _is_object_gone(error: BotoCoreError | ClientError) -> bool:
    """Return whether the object of a finding is gone, and not the bucket that it is copied to."""
    if not isinstance(error, ClientError) or not _is_gone(error):
        return False
    # Only the quarantine bucket is written to in copying.
    return not (error.response["Error"]["Code"] == "NoSuchBucket" and error.operation_name in COPYING)
