"""Findings in the shape of Macie's events.

https://docs.aws.amazon.com/macie/latest/user/findings-publish-event-schemas.html

How severe a finding is follows from a rule of our own, simpler than Macie's: credentials are High; financial and
personal data are High from 10 occurrences, Medium from 2, otherwise Low; custom data identifiers say it themselves, or
are Medium. Of several the highest counts.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Sequence
from typing import Any

from ministack.core.responses import now_iso
from ministack.services import s3

from .detector import CREDENTIALS, FINANCIAL, Found, format_of, occurrences
from .state import Record, Session, new_id

LEVELS = ("Low", "Medium", "High")
IN_FINDING = 15
"""How many occurrences of a type a finding has; the result in S3 has up to a thousand."""
BLOCKS = ("blockPublicAcls", "ignorePublicAcls", "blockPublicPolicy", "restrictPublicBuckets")
_TITLES = {
    "SensitiveData:S3Object/Credentials": "The S3 object contains credentials data",
    "SensitiveData:S3Object/CustomIdentifier": "The S3 object contains data detected by custom data identifiers",
    "SensitiveData:S3Object/Financial": "The S3 object contains financial information",
    "SensitiveData:S3Object/Multiple": "The S3 object contains multiple categories of sensitive data",
    "SensitiveData:S3Object/Personal": "The S3 object contains personal information",
    "Policy:IAMUser/S3BlockPublicAccessDisabled": "Block public access settings are disabled for the S3 bucket",
    "Policy:IAMUser/S3BucketEncryptionDisabled": "Encryption is disabled for the S3 bucket",
    "Policy:IAMUser/S3BucketPublic": "The S3 bucket is publicly accessible",
    "Policy:IAMUser/S3BucketReplicatedExternally": "The S3 bucket is replicated to an external account",
    "Policy:IAMUser/S3BucketSharedExternally": "The S3 bucket is shared with an external account",
    "Policy:IAMUser/S3BucketSharedWithCloudFront": "The S3 bucket is shared with CloudFront",
}
TYPES = tuple(_TITLES)
"""The types of findings that there are."""


def head(macie: Session, type: str, level: str, *, sample: bool = False) -> Record:
    """What all findings begin with.

    Args:
        macie: Macie.
        type: The finding's type.
        level: How severe it is: ``Low``, ``Medium`` or ``High``.
        sample: Whether it is made up.
    """
    now = now_iso()
    title = f"[SAMPLE] {_TITLES[type]}" if sample else _TITLES[type]
    return {
        "schemaVersion": "1.0",
        "id": new_id(),
        "accountId": macie.account,
        "partition": "aws",
        "region": macie.region,
        "type": type,
        "title": title,
        "description": f"{title}.",
        "severity": {"score": LEVELS.index(level) + 1, "description": level},
        "createdAt": now,
        "updatedAt": now,
        "count": 1,
        "resourcesAffected": {"s3Bucket": None, "s3Object": None},
        "category": "POLICY" if type.startswith("Policy:") else "CLASSIFICATION",
        "sample": sample,
        "archived": False,
    }


def classified(macie: Session, bucket: str, key: str, found: Sequence[Found], origin: Record, size: int) -> Record:
    """A finding of sensitive data.

    Args:
        macie: Macie.
        bucket: The bucket.
        key: The object's key.
        found: What was found; may be nothing, for the result of an object without.
        origin: The job, and where the results go.
        size: How many bytes were read.
    """
    finding = head(macie, _type(found), _severity(found))
    record = (s3._buckets.get(bucket) or {}).get("objects", {}).get(key, {})
    finding["resourcesAffected"] = {"s3Bucket": bucket_of(macie, bucket), "s3Object": object_of(bucket, key, record)}
    finding["classificationDetails"] = {**origin, "result": result(key, found, size, IN_FINDING)}
    return finding


def result(key: str, found: Sequence[Found], size: int, most: int) -> Record:
    """What was found, by category.

    Args:
        key: The object's key.
        found: What was found.
        size: How many bytes were read.
        most: How many occurrences of a type are told at most.
    """
    extension = format_of(key)

    def detection(one: Found) -> Record:
        who = {"type": one.name} if one.custom is None else {"arn": one.custom["arn"], "name": one.name}
        return {**who, "count": one.count, "occurrences": occurrences(one, extension, most)}

    managed = [one for one in found if one.custom is None]
    custom = [one for one in found if one.custom is not None]
    categories = sorted({one.category for one in managed})
    by_category = {category: [one for one in managed if one.category == category] for category in categories}
    return {
        "status": {"code": "COMPLETE", "reason": None},
        "sizeClassified": size,
        "mimeType": mimetypes.guess_type(key)[0] or "text/plain",
        "additionalOccurrences": any(one.count > most for one in found),
        "sensitiveData": [
            {
                "category": category,
                "totalCount": sum(one.count for one in ones),
                "detections": [detection(one) for one in ones],
            }
            for category, ones in by_category.items()
        ],
        "customDataIdentifiers": {
            "totalCount": sum(one.count for one in custom),
            "detections": [detection(one) for one in custom],
        },
    }


def _type(found: Sequence[Found]) -> str:
    names = {CREDENTIALS: "Credentials", FINANCIAL: "Financial", "CUSTOM_IDENTIFIER": "CustomIdentifier"}
    categories = {one.category for one in found}
    kind = "Multiple" if len(categories) > 1 else names.get(next(iter(categories), ""), "Personal")
    return f"SensitiveData:S3Object/{kind}"


def _severity(found: Sequence[Found]) -> str:
    levels = [0]
    for one in found:
        if one.custom is not None:
            steps = sorted(one.custom.get("severityLevels") or [], key=lambda step: step["occurrencesThreshold"])
            passed = [step["severity"].capitalize() for step in steps if one.count >= step["occurrencesThreshold"]]
            levels.append(LEVELS.index(passed[-1] if passed else "Low" if steps else "Medium"))
        else:
            levels.append(2 if one.category == CREDENTIALS or one.count >= 10 else int(one.count >= 2))
    return LEVELS[max(levels)]


def bucket_of(macie: Session, name: str) -> Record:
    """A bucket as findings describe it.

    Args:
        macie: Macie.
        name: Its name.
    """
    record: dict[str, Any] = s3._buckets.get(name) or {}
    encryption = str(s3._bucket_encryption.get(name) or "")
    algorithm = re.search(r"<SSEAlgorithm>([^<]+)<", encryption)
    key = re.search(r"<KMSMasterKeyID>([^<]+)<", encryption)
    allows = {"allowsPublicReadAccess": False, "allowsPublicWriteAccess": False}
    return {
        "arn": f"arn:aws:s3:::{name}",
        "name": name,
        "createdAt": record.get("created"),
        "owner": {"displayName": macie.account, "id": macie.account},
        "tags": _tags(s3._bucket_tags.get(name)),
        "defaultServerSideEncryption": {
            "encryptionType": algorithm[1] if algorithm else "AES256",
            "kmsMasterKeyId": key[1] if key else None,
        },
        "publicAccess": {
            "permissionConfiguration": {
                "bucketLevelPermissions": {
                    "accessControlList": allows,
                    "bucketPolicy": allows,
                    "blockPublicAccess": blocks(record),
                },
                "accountLevelPermissions": {"blockPublicAccess": dict.fromkeys(BLOCKS, False)},
            },
            "effectivePermission": "NOT_PUBLIC",
        },
        "allowsUnencryptedObjectUploads": "TRUE",
    }


def blocks(bucket: Record) -> dict[str, bool]:
    """A bucket's settings that block public access.

    Args:
        bucket: MiniStack's record of it.
    """
    stored = str(bucket.get("_public_access_block") or "")
    return {name: bool(re.search(rf"<{name[0].upper()}{name[1:]}>\s*true\s*<", stored, re.I)) for name in BLOCKS}


def object_of(bucket: str, key: str, record: Record) -> Record:
    """An object as findings describe it.

    Args:
        bucket: Its bucket.
        key: Its key.
        record: MiniStack's record of it.
    """
    preserved = record.get("preserved_headers", {})
    return {
        "bucketArn": f"arn:aws:s3:::{bucket}",
        "key": key,
        "path": f"{bucket}/{key}",
        "extension": key.rsplit("/", 1)[-1].rsplit(".", 1)[-1] if "." in key.rsplit("/", 1)[-1] else "",
        "lastModified": record.get("last_modified"),
        "versionId": record.get("version_id") or "",
        "serverSideEncryption": {
            "encryptionType": preserved.get("x-amz-server-side-encryption", "AES256"),
            "kmsMasterKeyId": preserved.get("x-amz-server-side-encryption-aws-kms-key-id"),
        },
        "size": record.get("size", 0),
        "storageClass": record.get("storage_class", "STANDARD"),
        "tags": _tags(s3._object_tags.get((bucket, key, record.get("version_id")))),
        "publicAccess": False,
        "etag": str(record.get("etag", "")).strip('"'),
    }


def policy_action(api: str) -> Record:
    """What a policy finding says about the call that led to it; who made it is not known here.

    Args:
        api: The operation of S3.
    """
    now = now_iso()
    call = {"api": api, "apiServiceName": "s3.amazonaws.com", "firstSeen": now, "lastSeen": now}
    actor = {"userIdentity": None, "ipAddressDetails": None, "domainDetails": None}
    return {"action": {"actionType": "AWS_API_CALL", "apiCallDetails": call}, "actor": actor}


def _tags(tags: dict[str, str] | None) -> list[dict[str, str]]:
    return [{"key": key, "value": value} for key, value in (tags or {}).items()]
