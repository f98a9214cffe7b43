"""Refusal of discovery jobs that Amazon Macie would not take, or that would read nothing."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import get_args

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, check_known, elements

from .shared_checks import check_accounts, check_bucket_names, check_description, check_length, meant
from .values import BucketCriteria, ClassificationJob, Weekday

MAX_BUCKETS = 1000
"""https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html"""

MAX_IDENTIFIERS = 30
"""https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html"""

MAX_ALLOW_LISTS = 10
"""https://docs.aws.amazon.com/macie/latest/user/macie-quotas.html"""

MAX_DESCRIPTION = 200
"""https://docs.aws.amazon.com/macie/latest/APIReference/jobs.html"""

MAX_TAGS = 50
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/CostAllocTagging.html"""

ACCESS = ("NOT_PUBLIC", "PUBLIC", "UNKNOWN")
SHARED = ("EXTERNAL", "INTERNAL", "NOT_SHARED", "UNKNOWN")
"""https://docs.aws.amazon.com/macie/latest/APIReference/datasources-s3.html"""

MAX_TAG_KEY = 128
MAX_TAG_VALUE = 256

MAX_KEY = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""


def check_job(
    checks: Checks, job: ClassificationJob, identifiers: Collection[str], allow_lists: Collection[str]
) -> None:
    """Check everything that a job says about itself, but for its id.

    Args:
        checks: The checks of the job.
        job: The job.
        identifiers: The ids of the construct's identifiers.
        allow_lists: The ids of the construct's allow lists.

    Raises:
        ValueError: If Macie would refuse it.
    """
    _check_buckets(checks, job)
    _check_schedule(checks, job)
    percent = "give 100 to read all objects"
    sampling = job.sampling_percentage
    if sampling is None:
        checks.refuse("sampling_percentage", "from 1 % to 100 %", "NoneType None", percent)
    checks.number("sampling_percentage", sampling, 1, 100, unit="%", remedy=percent)
    remedy = "give ['exports/2026/'], say"
    for prefix in elements(checks, "object_prefixes", job.object_prefixes, unit="prefixes", remedy=remedy):
        check_length(checks, "object_prefixes", prefix, 1, MAX_KEY, remedy=remedy)
    used = _references(checks, "custom_data_identifiers", job.custom_data_identifiers, identifiers, MAX_IDENTIFIERS)
    _references(checks, "allow_lists", job.allow_lists, allow_lists, MAX_ALLOW_LISTS)
    managed = job.managed_data_identifiers
    checks.one_of("managed_data_identifiers", managed, ("RECOMMENDED", "ALL", "NONE"), remedy="write it in capitals")
    if managed == "NONE" and not used:
        rule = "given so that the job looks for something"
        got = "'NONE' without an identifier of your own"
        remedy = "add a CustomDataIdentifier or drop managed_data_identifiers"
        checks.refuse("managed_data_identifiers and custom_data_identifiers", rule, got, remedy)
    check_description(checks, job.description, MAX_DESCRIPTION)


def _check_buckets(checks: Checks, job: ClassificationJob) -> None:
    check_bucket_names(checks, "buckets", job.buckets, high=MAX_BUCKETS)
    criteria = job.bucket_criteria
    if (len(job.buckets) > 0) == (criteria is not None):
        got = "neither" if criteria is None else "both"
        remedy = "give buckets=['team-data'] or BucketCriteria(...)"
        checks.refuse("buckets and bucket_criteria", "given one at a time", got, remedy)
    if criteria is None:
        return
    remedy = "give BucketCriteria(tags={'data-class': 'personal'}), say"
    checks.instance("bucket_criteria", criteria, BucketCriteria, remedy=remedy)
    check_accounts(checks, criteria.accounts)
    for argument, allowed in (("access", ACCESS), ("shared", SHARED)):
        remedy = f"leave it out, or give from {', '.join(allowed)}"
        for value in elements(checks, argument, getattr(criteria, argument), unit="values", remedy=remedy):
            if value not in allowed and not is_token(value):
                rule = f"a list of {', '.join(allowed)}"
                checks.refuse(argument, rule, repr(value), meant(value, allowed, remedy))
    if criteria.tags is not None:
        _check_tags(checks, criteria.tags)
    check_bucket_names(checks, "excluded_buckets", criteria.excluded_buckets, high=MAX_BUCKETS)


def _check_tags(checks: Checks, tags: object) -> None:
    remedy = "give {'data-class': 'personal'}, say"
    if not isinstance(tags, Mapping):
        checks.refuse("tags", "a mapping", f"{type(tags).__name__} {tags!r}", remedy)
    if not 1 <= len(tags) <= MAX_TAGS:
        checks.refuse("tags", f"a mapping of 1 to {MAX_TAGS} tags", f"{len(tags)} tags", remedy)
    for key, value in tags.items():
        check_length(checks, "tags", key, 1, MAX_TAG_KEY, remedy=remedy)
        argument = f"tags[{key!r}]"
        checks.any_text(argument, value, remedy=remedy)
        # A tag may have an empty value.
        if value:
            check_length(checks, argument, value, 1, MAX_TAG_VALUE, remedy=remedy)


def _check_schedule(checks: Checks, job: ClassificationJob) -> None:
    schedule = job.schedule
    check_flag(checks, "initial_run", job.initial_run, remedy="give True to begin with all that is there")
    if schedule is None:
        if job.initial_run:
            remedy = "drop initial_run: a job without a schedule reads all that is there anyway"
            checks.refuse("initial_run and schedule", "given together", "initial_run alone", remedy)
        return
    if is_token(schedule):
        return
    if isinstance(schedule, int | float):
        if isinstance(schedule, bool) or schedule not in range(1, 32):
            checks.refuse(
                "schedule", "from day 1 to day 31 of the month", repr(schedule), "give a day that months have"
            )
        return
    known = ("DAILY", *get_args(Weekday))
    if schedule not in known:
        text = str(schedule).strip()
        days = f"give the number {text} for a day of the month"
        remedy = days if text.isdecimal() else meant(schedule, known, "leave it out to read once")
        rule = f"one of {', '.join(known)}, or a number from 1 to 31"
        checks.refuse("schedule", rule, f"{type(schedule).__name__} {schedule!r}", remedy)


def _references(checks: Checks, argument: str, given: object, known: Collection[str], most: int) -> Collection[str]:
    if given is None:
        if len(known) > most:
            rule = f"a list of at most {most} ids when the construct has more"
            checks.refuse(argument, rule, f"None for all {len(known)}", "name those that the job uses")
        return known
    remedy = "give ids that the construct has, or leave it out for all"
    used = elements(checks, argument, given, high=most, unit="ids", remedy=remedy)
    for id in used:
        check_known(checks, argument, id, remedy=remedy)
        if id not in known:
            there = f"there are {', '.join(known)}" if known else "there are none"
            checks.refuse(argument, f"a list of ids of {argument} of the construct", repr(id), meant(id, known, there))
    return used
