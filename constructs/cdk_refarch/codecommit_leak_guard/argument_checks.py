"""Refusal of bad arguments of ``CodeCommitLeakGuard``, before anything is created."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.people_topic import check_emails
from cdk_refarch._parts.resource_checks import check_present, check_resource, check_same_account

from .response_checks import check_repetition, check_response
from .values import Delivery, LeakNotification

if TYPE_CHECKING:
    from aws_cdk import aws_codecommit as codecommit
    from aws_cdk import aws_kms as kms

__all__ = ["check_notification", "check_region", "check_repositories", "check_response"]

WITHOUT_CODECOMMIT = (
    *("us-iso", "eu-iso", "eusc-"),
    *("ap-east-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7", "ca-west-1"),
    *("eu-central-2", "eu-south-2", "mx-central-1"),
)
"""How regions begin that have no CodeCommit: https://docs.aws.amazon.com/general/latest/gr/codecommit.html"""

MAX_REPOSITORIES: dict[Delivery, int] = {"eventbridge": 50, "trigger": 30}
"""Further ones with the longest names would not fit into the role of a function, whose policies have 10,240 characters
together, or into the policy of the one that triggers call, which has 20 KB:
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html and
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

REPOSITORY_NAME = r"[A-Za-z0-9_.-]{1,100}"
"""https://docs.aws.amazon.com/codecommit/latest/userguide/limits.html"""

MAX_KEYS = 10
"""More would not fit into the role of a function beside the most repositories."""


def check_region(checks: Checks, region: str) -> None:
    """Refuse a region that is known to be without AWS CodeCommit.

    Args:
        checks: The checks of the construct.
        region: The region of the stack; skipped when it is only known at deployment.

    Raises:
        ValueError: If CodeCommit is not there.
    """
    if not is_token(region) and region.startswith(WITHOUT_CODECOMMIT):
        remedy = "leave it out of this region"
        checks.refuse("region of the stack", "one that has AWS CodeCommit", region, remedy)


def check_repositories(
    checks: Checks, scope: Construct, repositories: object, decrypt_keys: Sequence[kms.IKey], delivery: object
) -> None:
    """Check what is watched, and how.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        repositories: The argument.
        decrypt_keys: The argument.
        delivery: The argument.

    Raises:
        ValueError: If nothing could be watched.
    """
    remedy = "leave it out for EventBridge, or give 'trigger'"
    check_choice(checks, "delivery", delivery, get_args(Delivery), remedy=remedy)
    _check_keys(checks, scope, decrypt_keys)
    if repositories is None:
        if delivery == "trigger":
            remedy = "give the repositories, or leave delivery out"
            checks.refuse("repositories and delivery", "given together for triggers", "triggers alone", remedy)
        return
    remedy = "give some, or leave it out for all of the account and region"
    if delivery == "trigger":
        remedy = "give some, or leave delivery out"
    high = MAX_REPOSITORIES["trigger" if delivery == "trigger" else "eventbridge"]
    given = elements(checks, "repositories", repositories, unit="repositories", remedy=remedy, low=1, high=high)
    for one in given:
        check_present(checks, "each of repositories", one, "repository_clone_url_http", "IRepository")
        checks.same_region("each of repositories", one, scope)
        remedy = "put a guard into the account of the repository"
        check_same_account(checks, "each of repositories", one, scope, remedy)
        rule = "a repository whose name has 1 to 100 letters, digits and _.-"
        remedy = "name one; leave the argument out to watch all"
        checks.matches("each of repositories", one.repository_name, REPOSITORY_NAME, rule=rule, remedy=remedy)
        _check_readable(checks, one, decrypt_keys)
    check_repetition(checks, "repositories", [(one.repository_arn, repr(one.repository_name)) for one in given])


def _check_keys(checks: Checks, scope: Construct, keys: object) -> None:
    remedy = "give the keys that the repositories are encrypted with"
    given = elements(checks, "decrypt_keys", keys, unit="keys", remedy=remedy, high=MAX_KEYS)
    for key in given:
        check_present(checks, "each of decrypt_keys", key, "key_arn", "IKey")
        checks.same_region("each of decrypt_keys", key, scope)
        checks.key("each of decrypt_keys", key)
    check_repetition(checks, "decrypt_keys", [(key.key_arn, f"the key {key.node.path}") for key in given])


def _check_readable(checks: Checks, repository: codecommit.IRepository, keys: Sequence[kms.IKey]) -> None:
    own = getattr(repository.node.default_child, "kms_key_id", None)
    if own is None:
        return
    resolve = cdk.Stack.of(repository).resolve
    own = resolve(own)
    # Nobody can tell here which key an alias is for.
    aliased = "alias/" in json.dumps(own)
    if keys and (aliased or any(own in (resolve(key.key_arn), resolve(key.key_id)) for key in keys)):
        return
    got = f"only others than that of {repository.node.path}" if keys else "no key"
    remedy = "give decrypt_keys the key of the repository, or the guard cannot read it"
    checks.refuse("decrypt_keys", "given when a repository has a key of its own", got, remedy)


def check_notification(checks: Checks, scope: Construct, notification: LeakNotification) -> None:
    """Check who is told.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        notification: The argument.

    Raises:
        ValueError: If nobody could be told.
    """
    remedy = "give LeakNotification() or leave it out"
    checks.instance("notification", notification, LeakNotification, remedy=remedy)
    inner, topic = checks.within("Notification"), notification.topic
    check_resource(inner, scope, "topic", topic, "topic_arn", "ITopic")
    check_same_account(inner, "topic", topic, scope, "use a topic of the same account")
    if getattr(topic, "fifo", False):
        inner.refuse("topic", "a standard topic", "a FIFO one", "leaks need no order; use a standard one")
    inner.key("key of topic", getattr(topic, "master_key", None))
    check_emails(inner, "emails", notification.emails, remedy="write it as ['security@example.com']")
    if topic is not None and notification.emails:
        rule = "given alone, for emails are subscribed to a topic that is created"
        inner.refuse("topic and emails", rule, "both", "subscribe the addresses to the topic")
    check_flag(inner, "security_hub", notification.security_hub, remedy="give True to import findings")
