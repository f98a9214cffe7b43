"""What a user says about Amazon Macie: small frozen values. Those about findings on their way are in ``routing.py``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from aws_cdk import aws_s3 as s3

PublishingFrequency = Literal["FIFTEEN_MINUTES", "ONE_HOUR", "SIX_HOURS"]
Members = Literal["ALL", "NEW", "NONE"]
Weekday = Literal["MONDAY", "TUESDAY", "WEDNESDAY", "THURSDAY", "FRIDAY", "SATURDAY", "SUNDAY"]

DEFAULT_FREQUENCY: PublishingFrequency = "FIFTEEN_MINUTES"
"""Updates of policy findings are worth knowing as soon as Macie tells them."""


@dataclass(frozen=True, kw_only=True)
class Organization:
    """What the delegated administrator of an AWS organization decides for its members.

    The management account designates the administrator, which CloudFormation cannot:
    https://docs.aws.amazon.com/macie/latest/user/accounts-mgmt-ao-integrate.html

    Args:
        auto_enable_members: Whether Macie is enabled for accounts that join the organization.
        discovery_members: For which members automated discovery is enabled: ``ALL``, those that are ``NEW``, or
            ``NONE``; None to leave that as it is. Needs ``MacieSession(automated_discovery=...)``.
    """

    auto_enable_members: bool
    discovery_members: Members | None = None


@dataclass(frozen=True, kw_only=True)
class MacieSession:
    """Whether Macie is enabled here, and the settings of the account that belong to it.

    Macie is on or off once for an account and region. It is never switched off by this library, because that deletes
    its findings and settings.

    Args:
        existing: Whether Macie is enabled already, so that it must not be enabled again.
        publishing_frequency: How often updates of policy findings are published; new findings always are at once. None
            for every 15 minutes. Not together with ``existing``.
        automated_discovery: Whether Macie samples the buckets of the account by itself, which bills by the objects
            that it keeps track of and by the gigabytes that it reads; None to leave that as it is. Only for standalone
            accounts and administrators of an organization. When True, it uses the construct's custom data identifiers
            and allow lists too.
        excluded_buckets: Names of buckets that automated discovery leaves out, besides those that are excluded already.
            It must be on or have been on, or the deployment fails after five minutes. They stay excluded when the
            construct is removed.
        security_hub: Whether findings of sensitive data go to AWS Security Hub CSPM too; None to leave that as it is.
            Policy findings are not concerned.
        organization: What is decided for the members of the organization; None to leave that as it is, or where there
            is none.
    """

    existing: bool = False
    publishing_frequency: PublishingFrequency | None = None
    automated_discovery: bool | None = None
    excluded_buckets: Sequence[str] = ()
    security_hub: bool | None = None
    organization: Organization | None = None


@dataclass(frozen=True, kw_only=True)
class ResultsExport:
    """Where the results of every analysed object are kept; Macie itself keeps them for 90 days.

    Args:
        enabled: Whether this construct says where Macie exports results; otherwise the account's setting stays.
        bucket: The bucket to write to, in the same region, also of another account; None to create one. A given bucket
            that the app does not own must admit ``macie.amazonaws.com`` in its policy, see
            https://docs.aws.amazon.com/macie/latest/user/discovery-results-repository-s3.html
        prefix: What the keys of the results begin with, before Macie's own ``AWSLogs/``; empty for nothing, else it
            ends with a slash.
        access_log_bucket: Where the created bucket's access logs go; None to create one. A given bucket that the app
            does not own must admit ``logging.s3.amazonaws.com`` in its policy. Not together with ``bucket``.
        infrequent_access_after_days: Days until results move to S3 Standard-IA, at least 30; None to never move them.
            Not together with ``bucket``.
        expire_after_days: Days until results are deleted, after the move; None to keep them. Not together with
            ``bucket``.
    """

    enabled: bool = True
    bucket: s3.IBucket | None = None
    prefix: str = ""
    access_log_bucket: s3.IBucket | None = None
    infrequent_access_after_days: int | None = None
    expire_after_days: int | None = None


@dataclass(frozen=True, kw_only=True)
class CustomDataIdentifier:
    """Sensitive data of one's own, as text that a regular expression matches.

    AWS makes a new identifier of every change; ``ClassificationJob`` follows.

    Args:
        id: The construct id, a PascalCase word, and the name in Macie.
        regex: What to find, at most 512 characters of the part of PCRE that Macie has: no look-around, back-references,
            capturing groups or flags.
        keywords: Words of which one must stand near the text: at most 50, of 3 to 90 characters each.
        ignore_words: Text that is not meant: at most 10, of 4 to 90 characters each.
        maximum_match_distance: How many characters before the text a keyword may stand, from 1 to 300; None for 50.
            Only together with ``keywords``.
        description: What it is for, at most 512 characters.
    """

    id: str
    regex: str
    keywords: Sequence[str] = ()
    ignore_words: Sequence[str] = ()
    maximum_match_distance: int | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class AllowList:
    """Text that Macie does not report, such as the public numbers of the company or data made for tests.

    Args:
        id: The construct id, a PascalCase word, and the name in Macie.
        regex: What not to report, at most 512 characters. Exactly one of ``regex`` and ``bucket``.
        bucket: The bucket of a file of words, one in a line, in the same region. Macie's service-linked role must be
            able to read it.
        object_key: The file's key. Only together with ``bucket``.
        description: What it is for, at most 512 characters.
    """

    id: str
    regex: str | None = None
    bucket: s3.IBucket | None = None
    object_key: str | None = None
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class SuppressionRule:
    """Findings that are archived as they appear: Macie keeps them, and nobody hears of them.

    Args:
        id: The construct id, a PascalCase word, and the name in Macie.
        criteria: A mapping of fields to lists of values, as in ``{"resourcesAffected.s3Bucket.name": ["scratch"]}``. A
            finding is archived if each field has one of its values. The fields are those of
            https://docs.aws.amazon.com/macie/latest/user/findings-filter-fields.html
        description: Why nobody needs to hear of them, at most 512 characters.
    """

    id: str
    criteria: Mapping[str, Sequence[str]]
    description: str | None = None


@dataclass(frozen=True, kw_only=True)
class BucketCriteria:
    """Which buckets a job reads, found anew at every run; without any argument, all buckets of the account.

    Args:
        accounts: The accounts of the buckets, for the administrator of an organization; empty for this account.
        access: Whether buckets are public: ``PUBLIC``, ``NOT_PUBLIC`` or ``UNKNOWN``; empty for any.
        shared: Whom buckets are shared with: ``EXTERNAL``, ``INTERNAL``, ``NOT_SHARED`` or ``UNKNOWN``; empty for any.
        tags: Tags that buckets must all have.
        excluded_buckets: Names of buckets that are not read.
    """

    accounts: Sequence[str] = ()
    access: Sequence[Literal["PUBLIC", "NOT_PUBLIC", "UNKNOWN"]] = ()
    shared: Sequence[Literal["EXTERNAL", "INTERNAL", "NOT_SHARED", "UNKNOWN"]] = ()
    tags: Mapping[str, str] | None = None
    excluded_buckets: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class ClassificationJob:
    """A sensitive data discovery job: Macie reads the objects of some buckets, once or again and again.

    Jobs cannot be changed. A change here makes a new job and cancels the old one.

    Args:
        id: The construct id, a PascalCase word, and the name in Macie.
        buckets: Names of the buckets of this account to read, at most 1,000. Exactly one of ``buckets`` and
            ``bucket_criteria``.
        bucket_criteria: Which buckets to read, found anew at every run.
        schedule: ``DAILY``, a day of the week or a day of the month from 1 to 31; None to read once, at deployment. A
            schedule reads what is new or changed since the run before.
        initial_run: Whether a schedule begins at once with all that is there. Only together with ``schedule``.
        sampling_percentage: How many of the objects are read, from 1 % to 100 %. It bounds the cost.
        object_prefixes: What the keys of objects to read begin with; empty for all objects.
        custom_data_identifiers: Ids of the construct's ``CustomDataIdentifier`` that the job uses, at most 30; None for
            all of them.
        allow_lists: Ids of the construct's ``AllowList`` that the job uses, at most 10; None for all of them.
        managed_data_identifiers: Which of Macie's own identifiers are used: ``RECOMMENDED``, ``ALL`` or ``NONE``.
        description: What it is for, at most 200 characters.
    """

    id: str
    buckets: Sequence[str] = ()
    bucket_criteria: BucketCriteria | None = None
    schedule: Literal["DAILY"] | Weekday | int | None = None
    initial_run: bool = False
    sampling_percentage: int = 100
    object_prefixes: Sequence[str] = ()
    custom_data_identifiers: Sequence[str] | None = None
    allow_lists: Sequence[str] | None = None
    managed_data_identifiers: Literal["RECOMMENDED", "ALL", "NONE"] = "RECOMMENDED"
    description: str | None = None
