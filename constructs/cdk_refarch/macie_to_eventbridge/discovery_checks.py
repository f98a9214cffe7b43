"""Refusal of bad arguments about what Amazon Macie looks for, before anything is created."""

from __future__ import annotations

from collections.abc import Sequence
from typing import get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_access_logs, check_resource
from cdk_refarch._parts.s3_delivery.s3_checks import MAX_DAYS, MIN_IA_DAYS

from .criteria_checks import check_criteria
from .job_checks import check_job
from .regex_checks import check_regex
from .shared_checks import check_bucket_names, check_description, check_length, named
from .values import (
    AllowList,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    Members,
    Organization,
    PublishingFrequency,
    ResultsExport,
    SuppressionRule,
)

MAX_NAME = 128
"""Of identifiers and allow lists: https://docs.aws.amazon.com/macie/latest/APIReference/custom-data-identifiers.html"""

MAX_JOB_NAME = 500
"""https://docs.aws.amazon.com/macie/latest/APIReference/jobs.html"""

MAX_ALLOW_LISTS = 5
"""Of each kind: https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html"""

WITHOUT_ALLOW_LISTS = "ap-northeast-3"
"""https://docs.aws.amazon.com/macie/latest/user/allow-lists.html"""

MAX_EXCLUDED = 1000
"""https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html"""

MAX_JOBS = 100
"""Each has a metric filter in the one log group of jobs:
https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html"""

FILTER_NAME = (3, 64)
"""https://docs.aws.amazon.com/macie/latest/APIReference/findingsfilters.html"""

MAX_DESCRIPTION = 512
"""https://docs.aws.amazon.com/macie/latest/APIReference/custom-data-identifiers.html"""

MAX_KEYWORDS = 50
KEYWORD_LENGTH = (3, 90)
MAX_IGNORE_WORDS = 10
IGNORE_WORD_LENGTH = (4, 90)
MAX_DISTANCE = 300
"""https://docs.aws.amazon.com/macie/latest/user/cdis-options.html"""

MAX_KEY = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

MAX_PREFIX = 512
"""Leaves half of a key for the 130 characters that Macie appends, and for folders in front of them."""

LEAVE = "leave it out to leave the setting as it is"


def check_session(checks: Checks, session: MacieSession) -> None:
    """Check whether and how Macie is enabled.

    Args:
        checks: The checks of the construct.
        session: The argument.

    Raises:
        ValueError: If settings are of another kind, or exclude each other.
    """
    checks.instance("session", session, MacieSession, remedy="give MacieSession() or leave it out")
    inner = checks.within("Session")
    check_flag(inner, "existing", session.existing, remedy="give True where Macie is enabled already")
    frequency = session.publishing_frequency
    if frequency is not None:
        allowed = get_args(PublishingFrequency)
        inner.one_of("publishing_frequency", frequency, allowed, remedy="leave it out for every 15 minutes")
        if session.existing:
            remedy = "drop it: who enabled Macie sets the frequency"
            inner.refuse("publishing_frequency and existing", "given one at a time", "both", remedy)
    for argument in ("automated_discovery", "security_hub"):
        given = getattr(session, argument)
        if given is not None:
            check_flag(inner, argument, given, remedy=LEAVE)
    check_bucket_names(inner, "excluded_buckets", session.excluded_buckets, high=MAX_EXCLUDED)
    if session.excluded_buckets and session.automated_discovery is False:
        # https://docs.aws.amazon.com/macie/latest/APIReference/classification-scopes-id.html
        rule = "given with automated discovery that is on"
        remedy = "drop excluded_buckets: Macie keeps no such list while it is off"
        inner.refuse("excluded_buckets and automated_discovery", rule, "automated_discovery=False", remedy)
    if session.organization is not None:
        _check_organization(inner, session, session.organization)


def _check_organization(checks: Checks, session: MacieSession, organization: Organization) -> None:
    remedy = "give Organization(auto_enable_members=True), say"
    checks.instance("organization", organization, Organization, remedy=remedy)
    check_flag(
        checks, "auto_enable_members", organization.auto_enable_members, remedy="give True for accounts that join"
    )
    members = organization.discovery_members
    if members is None:
        return
    checks.one_of("discovery_members", members, get_args(Members), remedy=LEAVE)
    both = "discovery_members and automated_discovery"
    if session.automated_discovery is None:
        remedy = "add automated_discovery=True to MacieSession: the two are one setting"
        checks.refuse(both, "given together", "discovery_members alone", remedy)
    if session.automated_discovery is False and members in ("ALL", "NEW"):
        # https://docs.aws.amazon.com/macie/latest/APIReference/automated-discovery-configuration.html
        rule = "given with automated discovery that is on, unless for no members"
        remedy = "give 'NONE': what the administrator switches off is off for all members"
        checks.refuse(both, rule, f"{members!r} with automated_discovery=False", remedy)


def check_results_export(checks: Checks, scope: Construct, export: ResultsExport) -> None:
    """Check where the results of discovery go.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        export: The argument.

    Raises:
        ValueError: If Macie or S3 would refuse the settings, or they exclude each other.
    """
    checks.instance("results_export", export, ResultsExport, remedy="give ResultsExport() or leave it out")
    inner = checks.within("Results")
    check_flag(inner, "enabled", export.enabled, remedy="give False to leave the setting as it is")
    days = ("infrequent_access_after_days", "expire_after_days")
    given = [one for one in ("bucket", "access_log_bucket", *days) if getattr(export, one) is not None]
    for argument in [*given, *(["prefix"] if export.prefix else [])]:
        if not export.enabled:
            remedy = f"drop {argument}, or enabled=False"
            inner.refuse(f"{argument} and enabled", "given for results that are exported", "enabled=False", remedy)
        if export.bucket is not None and argument not in ("bucket", "prefix"):
            remedy = "set lifecycle rules and logging on the bucket itself"
            inner.refuse(f"bucket and {argument}", "given one at a time", "both", remedy)
    check_resource(inner, scope, "bucket", export.bucket, "bucket_arn", "IBucket")
    inner.key("key of bucket", getattr(export.bucket, "encryption_key", None))
    check_resource(inner, scope, "access_log_bucket", export.access_log_bucket, "bucket_arn", "IBucket")
    check_access_logs(inner, export.access_log_bucket)
    _check_prefix(inner, export.prefix)
    _check_days(inner, export)


def _check_prefix(checks: Checks, prefix: str) -> None:
    remedy = "give 'macie/', say, or leave it out"
    checks.any_text("prefix", prefix, remedy=remedy)
    if not prefix:
        return
    rule = "a folder without a leading slash, control characters, *, ? and $"
    checks.matches("prefix", prefix, r"(?!/)[^\x00-\x1f\x7f*?$]*", rule=rule, remedy=remedy)
    if not is_token(prefix) and not prefix.endswith("/"):
        checks.refuse("prefix", "a folder that ends with a slash", repr(prefix), f"write {prefix + '/'!r}")
    if not is_token(prefix):
        length = len(prefix.encode())
        checks.number("length of prefix", length, 1, MAX_PREFIX, unit="bytes", remedy="shorten it")


def _check_days(checks: Checks, export: ResultsExport) -> None:
    move, expire = export.infrequent_access_after_days, export.expire_after_days
    remedy = "leave it out to never move results"
    checks.number("infrequent_access_after_days", move, MIN_IA_DAYS, MAX_DAYS, unit="days", remedy=remedy)
    known = move is not None and not is_token(move)
    checks.number(
        "expire_after_days",
        expire,
        int(move or 0) + 1 if known else 1,
        MAX_DAYS,
        unit="days",
        when=f"infrequent_access_after_days is {move}" if known else "",
        remedy="raise it or drop the move" if known else "leave it out to keep results",
    )


def check_custom_data_identifiers(checks: Checks, given: Sequence[CustomDataIdentifier]) -> None:
    """Check what is to be found beside what Macie knows itself.

    Args:
        checks: The checks of the construct.
        given: The argument ``custom_data_identifiers``.

    Raises:
        ValueError: If Macie would refuse one, or would find nothing by it.
    """
    for one in named(checks, "custom_data_identifiers", given, CustomDataIdentifier, longest=MAX_NAME):
        inner = checks.within(one.id)
        check_regex(inner, one.regex)
        _check_words(inner, "keywords", one.keywords, MAX_KEYWORDS, KEYWORD_LENGTH)
        _check_words(inner, "ignore_words", one.ignore_words, MAX_IGNORE_WORDS, IGNORE_WORD_LENGTH)
        distance = one.maximum_match_distance
        unit, remedy = "characters", "leave it out for 50 characters"
        inner.number("maximum_match_distance", distance, 1, MAX_DISTANCE, unit=unit, remedy=remedy)
        if distance is not None and not one.keywords:
            remedy = "add keywords: it is the distance from them"
            alone = "maximum_match_distance alone"
            inner.refuse("maximum_match_distance and keywords", "given together", alone, remedy)
        check_description(inner, one.description, MAX_DESCRIPTION)


def _check_words(checks: Checks, argument: str, given: object, most: int, length: tuple[int, int]) -> None:
    remedy = "give ['employee', 'staff'], say"
    for word in elements(checks, argument, given, high=most, unit="words", remedy=remedy):
        check_length(checks, argument, word, *length, remedy="leave out what is shorter or longer")


def check_allow_lists(checks: Checks, scope: Construct, given: Sequence[AllowList]) -> None:
    """Check what is not to be reported.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        given: The argument ``allow_lists``.

    Raises:
        ValueError: If Macie would refuse one.
    """
    lists = named(checks, "allow_lists", given, AllowList, longest=MAX_NAME)
    for what in ("regex", "bucket"):
        count = sum(getattr(one, what) is not None for one in lists)
        if count > MAX_ALLOW_LISTS:
            rule = f"a list of at most {MAX_ALLOW_LISTS} with {what}"
            checks.refuse("allow_lists", rule, f"{count} of them", "put several patterns or words into one list")
    if lists and cdk.Stack.of(scope).region == WITHOUT_ALLOW_LISTS:
        checks.refuse("allow_lists", "empty where Macie has none", WITHOUT_ALLOW_LISTS, "drop them in this region")
    for one in lists:
        inner = checks.within(one.id)
        if (one.regex is None) == (one.bucket is None):
            got = "neither" if one.regex is None else "both"
            inner.refuse("regex and bucket", "given one at a time", got, "make two lists of text and patterns")
        if (one.object_key is None) != (one.bucket is None):
            got = "bucket alone" if one.object_key is None else "object_key alone"
            inner.refuse("bucket and object_key", "given together", got, "name the file of words by both")
        if one.regex is not None:
            check_regex(inner, one.regex)
        check_resource(inner, scope, "bucket", one.bucket, "bucket_arn", "IBucket")
        if one.object_key is not None:
            check_length(inner, "object_key", one.object_key, 1, MAX_KEY, remedy="give 'macie/words.txt', say")
        check_description(inner, one.description, MAX_DESCRIPTION)


def check_suppression_rules(checks: Checks, given: Sequence[SuppressionRule]) -> None:
    """Check which findings are archived unheard.

    Args:
        checks: The checks of the construct.
        given: The argument ``suppression_rules``.

    Raises:
        ValueError: If Macie would refuse one, or no finding could meet it.
    """
    shortest, longest = FILTER_NAME
    for one in named(checks, "suppression_rules", given, SuppressionRule, shortest=shortest, longest=longest):
        inner = checks.within(one.id)
        check_criteria(inner, one.criteria)
        check_description(inner, one.description, MAX_DESCRIPTION)


def check_jobs(
    checks: Checks,
    jobs: Sequence[ClassificationJob],
    custom_data_identifiers: Sequence[CustomDataIdentifier],
    allow_lists: Sequence[AllowList],
) -> None:
    """Check the discovery jobs, once it is clear that identifiers and allow lists are right.

    Args:
        checks: The checks of the construct.
        jobs: The argument.
        custom_data_identifiers: The argument.
        allow_lists: The argument.

    Raises:
        ValueError: If Macie would refuse one, or it would read nothing.
    """
    if isinstance(jobs, Sequence) and len(jobs) > MAX_JOBS:
        remedy = "use BucketCriteria to read many buckets in one job"
        checks.refuse("jobs", f"a list of at most {MAX_JOBS} jobs", f"{len(jobs)} jobs", remedy)
    identifiers = [one.id for one in custom_data_identifiers]
    lists = [one.id for one in allow_lists]
    for job in named(checks, "jobs", jobs, ClassificationJob, longest=MAX_JOB_NAME):
        check_job(checks.within(job.id), job, identifiers, lists)
