"""Refusal of a quarantine that could do nothing, or too much."""

from __future__ import annotations

from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_resource

from .finding_checks import check_samples, check_severity
from .routing import Quarantine, Route
from .routing_checks import check_pattern
from .shared_checks import check_bucket_names

LITERALS = 3
"""So that a quarantine may not change every bucket of the account by one stroke."""

MAX_LOCK_DAYS = 36500
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-lock.html"""


def check_quarantine(checks: Checks, scope: Construct, quarantine: Quarantine | None) -> None:
    """Check what answers findings, and for which buckets.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        quarantine: The argument.

    Raises:
        ValueError: If it could do nothing, or would need permissions on every bucket.
    """
    if quarantine is None:
        return
    checks.instance("quarantine", quarantine, Quarantine, remedy="give Quarantine() or leave it out")
    inner = checks.within("Quarantine")
    check_flag(inner, "dry_run", quarantine.dry_run, remedy="give False to let it act")
    _check_actions(inner, quarantine)
    _check_buckets(inner, quarantine)
    remedy = "give the keys of the objects in those buckets"
    for key in elements(inner, "decrypt_keys", quarantine.decrypt_keys, unit="keys", remedy=remedy):
        if key is None:
            inner.refuse("decrypt_keys", "a list of keys", "NoneType None", "drop it")
        check_resource(inner, scope, "decrypt_keys", key, "key_arn", "IKey")
        inner.key("each of decrypt_keys", key)
    check_severity(inner, quarantine.min_severity)
    _check_days(inner, quarantine.lock_days)
    check_pattern(inner, Route(id="Quarantine", target=None, buckets=quarantine.buckets))  # type: ignore[arg-type]
    check_samples(inner, quarantine.include_samples)


def _check_actions(inner: Checks, quarantine: Quarantine) -> None:
    actions = ("tag", "copy", "block_public_access")
    for action in actions:
        check_flag(inner, action, getattr(quarantine, action), remedy="give False to leave that undone")
    if not any(getattr(quarantine, action) for action in actions):
        remedy = "leave one of them on, or leave out the quarantine"
        inner.refuse("tag, copy and block_public_access", "True for one at least", "False for all", remedy)


def _check_buckets(inner: Checks, quarantine: Quarantine) -> None:
    check_bucket_names(inner, "buckets", quarantine.buckets, patterns=True)
    for name in quarantine.buckets:
        if not is_token(name) and len(name.replace("*", "")) < LITERALS:
            rule = f"names with {LITERALS} characters at least besides *"
            inner.refuse("buckets", rule, repr(name), "name the buckets that the function may change, as in ['team-*']")
    if not quarantine.dry_run and not quarantine.buckets:
        remedy = "name the buckets that it may change, as in ['team-*']"
        inner.refuse("dry_run and buckets", "given together when it is no dry run", "dry_run=False alone", remedy)


def _check_days(inner: Checks, lock_days: int) -> None:
    remedy = "give the days that you need to answer a finding"
    if lock_days is None:
        inner.refuse("lock_days", f"from 1 day to {MAX_LOCK_DAYS} days", "NoneType None", remedy)
    if is_token(lock_days):
        inner.refuse("lock_days", "known when the app runs", "a token", "write the number, or read it from the context")
    inner.number("lock_days", lock_days, 1, MAX_LOCK_DAYS, unit="days", remedy=remedy)
