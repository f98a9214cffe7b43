"""Refusal of criteria of suppression rules that no finding can meet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import elements

from .routing import CATEGORIES, SEVERITIES, FindingType
from .shared_checks import check_bucket_names, meant

LINK = "https://docs.aws.amazon.com/macie/latest/user/findings-filter-fields.html"

MAX_VALUES = 50
"""https://docs.aws.amazon.com/macie/latest/user/findings-filter-basics.html"""

BUCKET = "resourcesAffected.s3Bucket"
OBJECT = "resourcesAffected.s3Object"
PERMISSIONS = f"{BUCKET}.publicAccess.permissionConfiguration"
RESULT = "classificationDetails.result"
ACTION = "policyDetails.action"
ACTOR = "policyDetails.actor"

BLOCKS = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")

FLAGS = (
    "sample",
    f"{OBJECT}.publicAccess",
    *(
        f"{PERMISSIONS}.{level}LevelPermissions.blockPublicAccess.{block}"
        for level in ("account", "bucket")
        for block in BLOCKS
    ),
    *(
        f"{PERMISSIONS}.bucketLevelPermissions.{source}.allowsPublic{kind}Access"
        for source in ("accessControlList", "bucketPolicy")
        for kind in ("Read", "Write")
    ),
)
"""Fields that are true or false."""

SENSITIVE_DATA = ("CREDENTIALS", "CUSTOM_IDENTIFIER", "FINANCIAL_INFORMATION", "PERSONAL_INFORMATION")

VALUES: dict[str, tuple[str, ...]] = {
    "severity.description": tuple(SEVERITIES.values()),
    "type": get_args(FindingType),
    "category": tuple(CATEGORIES),
    "classificationDetails.originType": ("AUTOMATED_SENSITIVE_DATA_DISCOVERY", "SENSITIVE_DATA_DISCOVERY_JOB"),
    f"{RESULT}.sensitiveData.category": SENSITIVE_DATA,
    f"{BUCKET}.publicAccess.effectivePermission": ("NOT_PUBLIC", "PUBLIC", "UNKNOWN"),
    f"{BUCKET}.allowsUnencryptedObjectUploads": ("FALSE", "TRUE", "UNKNOWN"),
    **dict.fromkeys(FLAGS, ("true", "false")),
}
"""Fields with values that are known; they are case-sensitive."""

IDENTITIES = (
    *("type", "root.accountId", "root.arn", "root.principalId"),
    *("iamUser.accountId", "iamUser.arn", "iamUser.principalId", "iamUser.userName"),
    *("awsAccount.accountId", "awsAccount.principalId", "awsService.invokedBy"),
    *(
        f"{kind}.{field}"
        for kind in ("assumedRole", "federatedUser")
        for field in (
            *("accessKeyId", "accountId", "arn", "principalId", "sessionContext.attributes.mfaAuthenticated"),
            *(f"sessionContext.sessionIssuer.{one}" for one in ("accountId", "arn", "principalId", "type", "userName")),
        )
    ),
)

FIELDS = frozenset(
    (
        *VALUES,
        *("accountId", "id", "region", "title"),
        *(f"{resource}.tags.{part}" for resource in (BUCKET, OBJECT) for part in ("key", "value")),
        *(f"{BUCKET}.{field}" for field in ("arn", "name", "owner.displayName", "owner.id")),
        *(f"{BUCKET}.defaultServerSideEncryption.{field}" for field in ("encryptionType", "kmsMasterKeyId")),
        *(
            f"{OBJECT}.{field}"
            for field in ("bucketArn", "eTag", "extension", "key", "path", "storageClass", "versionId")
        ),
        *(f"{OBJECT}.serverSideEncryption.{field}" for field in ("encryptionType", "kmsMasterKeyId")),
        *(f"classificationDetails.{field}" for field in ("detailedResultsLocation", "jobArn", "jobId")),
        *(f"{RESULT}.customDataIdentifiers.detections.{field}" for field in ("arn", "name")),
        *(f"{RESULT}.{field}" for field in ("mimeType", "sensitiveData.detections.type", "status.code")),
        *(f"{ACTION}.{field}" for field in ("actionType", "apiCallDetails.api", "apiCallDetails.apiServiceName")),
        *(f"{ACTOR}.{field}" for field in ("domainDetails.domainName", "ipAddressDetails.ipAddressV4")),
        *(f"{ACTOR}.ipAddressDetails.{field}" for field in ("ipCity.name", "ipCountry.code", "ipCountry.name")),
        *(f"{ACTOR}.ipAddressDetails.ipOwner.{field}" for field in ("asn", "asnOrg", "isp", "org")),
        *(f"{ACTOR}.userIdentity.{field}" for field in IDENTITIES),
    )
)
"""Fields of findings that are text, or true or false. Numbers and times have no use with values to be equal to."""


def check_criteria(checks: Checks, criteria: object) -> None:
    """Check which findings a suppression rule archives.

    Args:
        checks: The checks of the construct.
        criteria: The argument.

    Raises:
        ValueError: If it is empty, or Macie has no such fields or values.
    """
    remedy = "give {'resourcesAffected.s3Bucket.name': ['scratch']}, say"
    if not isinstance(criteria, Mapping):
        checks.refuse("criteria", "a mapping of fields to values", f"{type(criteria).__name__} {criteria!r}", remedy)
    if not criteria:
        checks.refuse("criteria", "a mapping of fields to values", "an empty one, which all findings meet", remedy)
    for field, values in criteria.items():
        checks.any_text("criteria", field, remedy=remedy)
        if field not in FIELDS and not is_token(field):
            checks.refuse(
                "criteria", "a mapping of fields of findings", repr(field), meant(field, FIELDS, f"see {LINK}")
            )
        _check_values(checks, field, values)


def _check_values(checks: Checks, field: str, values: object) -> None:
    argument = f"criteria[{field!r}]"
    remedy = f"give from 1 to {MAX_VALUES} texts; see {LINK}"
    for value in elements(checks, argument, values, low=1, high=MAX_VALUES, unit="values", remedy=remedy):
        checks.text(argument, value, remedy=remedy)
        if field in VALUES and value not in VALUES[field] and not is_token(value):
            allowed = VALUES[field]
            rule = f"one of {', '.join(allowed)}" if field != "type" else "a type of finding"
            checks.refuse(argument, rule, repr(value), meant(value, allowed, f"see {LINK}"))
    if field == f"{BUCKET}.name":
        check_bucket_names(checks, argument, values)
