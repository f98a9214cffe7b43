"""Events of Amazon Macie as AWS documents them, and the construct at its smallest.

https://docs.aws.amazon.com/macie/latest/user/findings-publish-event-schemas.html
"""

from __future__ import annotations

from typing import Any, get_args

from cdk_refarch import MacieSession, ResultsExport
from cdk_refarch.macie_to_eventbridge.routing import FindingType

ACCOUNT, REGION = "111122223333", "eu-west-1"
BUCKET, KEY = "amzn-s3-demo-bucket", "2022 Sourcing.csv"
FINDING_TYPES: tuple[str, ...] = get_args(FindingType)

SMALLEST: dict[str, Any] = {
    "session": MacieSession(existing=True),
    "results_export": ResultsExport(enabled=False),
}
"""Arguments by which the construct makes a key, and whatever else a test asks for."""

_BLOCK = dict.fromkeys(("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets"), True)
_OPEN = {"allowsPublicReadAccess": False, "allowsPublicWriteAccess": False}
_USER = {
    "accessKeyId": "AKIAIOSFODNN7EXAMPLE",
    "arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/RoleToBeAssumed/example",
    "accountId": ACCOUNT,
    "principalId": "AROA1234567890EXAMPLE:AssumedRoleSessionName",
}


def finding(type: str, **given: Any) -> dict[str, Any]:
    """Return an event of any type of finding.

    Args:
        type: The type.
        **given: As in ``policy_finding`` and ``sensitive_finding``.
    """
    return (policy_finding if type.startswith("Policy:") else sensitive_finding)(type, **given)


def policy_finding(type: str = "Policy:IAMUser/S3BucketPublic", **given: Any) -> dict[str, Any]:
    """Return an event about the security of a bucket.

    Args:
        type: The type.
        **given: As in ``_event``.
    """
    call = {
        "api": "PutBucketPolicy",
        "apiServiceName": "s3.amazonaws.com",
        "firstSeen": "2024-04-30T15:46:02.401Z",
        "lastSeen": "2024-04-30T23:12:15.007Z",
    }
    address = {"ipAddressV4": "192.0.2.0", "ipCountry": {"code": "US", "name": "United States"}}
    details = {
        "action": {"actionType": "AWS_API_CALL", "apiCallDetails": call},
        "actor": {
            "userIdentity": {"type": "AssumedRole", "assumedRole": _USER, "root": None, "iamUser": None},
            "ipAddressDetails": address,
            "domainDetails": None,
        },
    }
    return _event(
        {
            "type": type,
            "title": "The S3 bucket is publicly accessible",
            "category": "POLICY",
            "count": 2,
            "policyDetails": details,
        },
        None,
        **given,
    )


def sensitive_finding(
    type: str = "SensitiveData:S3Object/Personal", *, key: str = KEY, bucket: str = BUCKET, **given: Any
) -> dict[str, Any]:
    """Return an event about sensitive data in an object.

    Args:
        type: The type.
        key: The key of the object.
        bucket: The name of its bucket.
        **given: As in ``_event``.
    """
    cell = {"row": 2, "column": 1, "columnName": "SSN", "cellReference": None}
    none = dict.fromkeys(("lineRanges", "offsetRanges", "pages", "records"))
    detection = {"type": "USA_SOCIAL_SECURITY_NUMBER", "count": 30, "occurrences": {**none, "cells": [cell]}}
    result = {
        "status": {"code": "COMPLETE", "reason": None},
        "sizeClassified": 4750,
        "mimeType": "text/csv",
        "additionalOccurrences": True,
        "sensitiveData": [{"category": "PERSONAL_INFORMATION", "totalCount": 65, "detections": [detection]}],
        "customDataIdentifiers": {"totalCount": 0, "detections": []},
    }
    job = "3ce05dbb7ec5505def334104bexample"
    details = {
        "jobArn": f"arn:aws:macie2:{REGION}:{ACCOUNT}:classification-job/{job}",
        "jobId": job,
        "result": result,
        "detailedResultsLocation": f"s3://results/AWSLogs/{ACCOUNT}/Macie/{REGION}/{job}/111.jsonl.gz",
        "originType": "SENSITIVE_DATA_DISCOVERY_JOB",
    }
    return _event(
        {
            "type": type,
            "title": "The S3 object contains personal information",
            "category": "CLASSIFICATION",
            "count": 1,
            "classificationDetails": details,
        },
        _object(bucket, key),
        bucket=bucket,
        **given,
    )


def _event(
    own: dict[str, Any],
    s3_object: dict[str, Any] | None,
    *,
    severity: str = "High",
    bucket: str = BUCKET,
    sample: bool = False,
    archived: bool = False,
    source: str = "aws.macie",
) -> dict[str, Any]:
    """Return an event with the head that both categories have."""
    detail = {
        "schemaVersion": "1.0",
        "id": "64b917aa-3843-014c-91d8-937ffexample",
        "accountId": ACCOUNT,
        "partition": "aws",
        "region": REGION,
        "description": "Read the page of the type.",
        "severity": {"score": {"Low": 1, "Medium": 2, "High": 3}.get(severity, 4), "description": severity},
        "createdAt": "2024-04-30T15:46:02Z",
        "updatedAt": "2024-04-30T23:12:15Z",
        "resourcesAffected": {"s3Bucket": _bucket(bucket), "s3Object": s3_object},
        "sample": sample,
        "archived": archived,
        **own,
    }
    return {
        "version": "0",
        "id": "0948ba87-d3b8-c6d4-f2da-732a1example",
        "detail-type": "Macie Finding",
        "source": source,
        "account": ACCOUNT,
        "time": "2024-04-30T23:12:15Z",
        "region": REGION,
        "resources": [],
        "detail": detail,
    }


def _bucket(name: str) -> dict[str, Any]:
    levels = {
        "bucketLevelPermissions": {"accessControlList": _OPEN, "bucketPolicy": _OPEN, "blockPublicAccess": _BLOCK},
        "accountLevelPermissions": {"blockPublicAccess": _BLOCK},
    }
    return {
        "arn": f"arn:aws:s3:::{name}",
        "name": name,
        "createdAt": "2020-04-03T20:46:56.000Z",
        "owner": {"displayName": "johndoe", "id": "7009a8971cd538e11f6b6606438875e7c86c5b672f46db45460ddcd087d36c32"},
        "tags": [{"key": "Division", "value": "HR"}, {"key": "Team", "value": "Recruiting"}],
        "defaultServerSideEncryption": {"encryptionType": "NONE", "kmsMasterKeyId": None},
        "publicAccess": {"permissionConfiguration": levels, "effectivePermission": "NOT_PUBLIC"},
        "allowsUnencryptedObjectUploads": "TRUE",
    }


def _object(bucket: str, key: str) -> dict[str, Any]:
    return {
        "bucketArn": f"arn:aws:s3:::{bucket}",
        "key": key,
        "path": f"{bucket}/{key}",
        "extension": "csv",
        "lastModified": "2022-12-19T22:08:25.000Z",
        "versionId": "",
        "serverSideEncryption": {
            "encryptionType": "aws:kms",
            "kmsMasterKeyId": f"arn:aws:kms:{REGION}:{ACCOUNT}:key/1",
        },
        "size": 4750,
        "storageClass": "STANDARD",
        "tags": [{"key": "Division", "value": "HR"}],
        "publicAccess": False,
        "etag": "6bb7fd4fa9d36d6b8fb8882caexample",
    }
