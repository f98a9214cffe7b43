"""What a user says about findings on their way: small frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sqs as sqs

    from cdk_refarch._parts.rule_targets import Target

Severity = Literal["LOW", "MEDIUM", "HIGH"]
Category = Literal["CLASSIFICATION", "POLICY"]
FindingType = Literal[
    "SensitiveData:S3Object/Credentials",
    "SensitiveData:S3Object/CustomIdentifier",
    "SensitiveData:S3Object/Financial",
    "SensitiveData:S3Object/Multiple",
    "SensitiveData:S3Object/Personal",
    "Policy:IAMUser/S3BlockPublicAccessDisabled",
    "Policy:IAMUser/S3BucketEncryptionDisabled",
    "Policy:IAMUser/S3BucketPublic",
    "Policy:IAMUser/S3BucketReplicatedExternally",
    "Policy:IAMUser/S3BucketSharedExternally",
    "Policy:IAMUser/S3BucketSharedWithCloudFront",
]

SEVERITIES: dict[Severity, str] = {"LOW": "Low", "MEDIUM": "Medium", "HIGH": "High"}
"""Severity, in order, to what an event says. There are no others:
https://docs.aws.amazon.com/macie/latest/user/findings-severity.html"""

CATEGORIES: dict[Category, str] = {"CLASSIFICATION": "SensitiveData:", "POLICY": "Policy:"}
"""Category to what the types of its findings begin with."""

ALL_CATEGORIES: tuple[Category, ...] = ("CLASSIFICATION", "POLICY")


@dataclass(frozen=True, kw_only=True)
class Route:
    """Findings that go to a target.

    Args:
        id: The construct id, a PascalCase word.
        target: Where the findings go: an Amazon SNS topic, an Amazon SQS queue, a Lambda function, a Step Functions
            state machine, another event bus (also of another account), or a Firehose stream. It must be in the same
            region, unless it is a bus. If a topic or queue is encrypted, its key must admit ``events.amazonaws.com``
            for ``kms:Decrypt`` and ``kms:GenerateDataKey``; where the app owns the key, this is added. A topic
            without a policy of its own gets one, and its default policy, by which the account may publish, ends.
        min_severity: The least severity that passes: ``LOW``, ``MEDIUM`` or ``HIGH``.
        categories: Which findings pass: those of sensitive data (``CLASSIFICATION``), those of the security of buckets
            (``POLICY``), or both.
        finding_types: The types that pass; empty for all of the categories.
        buckets: Names of the buckets whose findings pass, where * stands for any text; empty for all buckets.
        include_samples: Whether findings that ``CreateSampleFindings`` made up pass as well.
        dead_letter_queue: A standard queue for findings that could not be delivered; None to create one. If it is
            encrypted with a key that the app does not own, that key must admit ``events.amazonaws.com``.
    """

    id: str
    target: Target
    min_severity: Severity = "HIGH"
    categories: Sequence[Category] = ALL_CATEGORIES
    finding_types: Sequence[FindingType] = ()
    buckets: Sequence[str] = ()
    include_samples: bool = False
    dead_letter_queue: sqs.IQueue | None = None


@dataclass(frozen=True, kw_only=True)
class Quarantine:
    """A function that answers findings of sensitive data; it never deletes anything.

    Args:
        dry_run: Whether the function only writes into its log what it would do. It then has no permission to do it.
        buckets: Names of the buckets that the function answers for, where * stands for any text. Must be given when
            ``dry_run`` is False: the function may read and tag objects there, and block public access.
        decrypt_keys: Keys that the objects of those buckets are encrypted with. A key that the app does not own must
            admit this account's IAM policies.
        min_severity: The least severity that the function answers: ``LOW``, ``MEDIUM`` or ``HIGH``.
        lock_days: For how many days nobody can delete a copy without ``s3:BypassGovernanceRetention``, from 1 to 36500.
        tag: Whether objects are tagged with ``macie:quarantine`` and the time.
        copy: Whether objects are copied to the quarantine bucket.
        block_public_access: Whether public access to the bucket is blocked.
        include_samples: Whether findings that ``CreateSampleFindings`` made up reach the function, which then only logs
            what it would do.
    """

    dry_run: bool = True
    buckets: Sequence[str] = ()
    decrypt_keys: Sequence[kms.IKey] = ()
    min_severity: Severity = "HIGH"
    lock_days: int = 90
    tag: bool = True
    copy: bool = True
    block_public_access: bool = True
    include_samples: bool = False


@dataclass(frozen=True, kw_only=True)
class Notification:
    """People who are told of findings, by an encrypted topic.

    Args:
        emails: Addresses that are told, once their owners have confirmed.
        min_severity: The least severity that people are told of: ``LOW``, ``MEDIUM`` or ``HIGH``.
        include_samples: Whether people are told of findings that ``CreateSampleFindings`` made up.
    """

    emails: Sequence[str] = ()
    min_severity: Severity = "HIGH"
    include_samples: bool = False


@dataclass(frozen=True, kw_only=True)
class TicketQueue:
    """An encrypted queue that a ticket system reads findings from.

    Args:
        min_severity: The least severity that becomes a ticket: ``LOW``, ``MEDIUM`` or ``HIGH``.
        include_samples: Whether findings that ``CreateSampleFindings`` made up become tickets.
    """

    min_severity: Severity = "MEDIUM"
    include_samples: bool = False
