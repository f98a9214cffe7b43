"""Refusal of bad arguments of ``CodeCommitLeakGuard``, before anything is created."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import get_args

from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.list_checks import check_flag, check_known, elements
from cdk_refarch._parts.people_topic import check_emails
from cdk_refarch._parts.resource_checks import check_present, check_resource, check_same_account

from .values import Delivery, LeakNotification, LeakResponse

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

MAX_PATHS = 20
MAX_ROLES = 10

MAX_CHARACTERS = 2000
"""Paths of users go into the policies of a role twice. The names of exempt ones go into the function's environment,
which has 4 KB: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

USER_PATH = r"/([!-#%-)+->@-~]{1,510}/)?"
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html, without ``*``, ``?`` and ``$``, which mean
something else in policies."""

USER_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
TAG_KEY = r"(?!aws:)[A-Za-z0-9 _.:/=+@-]{1,128}"
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html"""


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
    checks: Checks, scope: Construct, repositories: object, decrypt_keys: object, delivery: object
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
    remedy = "give the keys that the repositories are encrypted with"
    for key in elements(checks, "decrypt_keys", decrypt_keys, unit="keys", remedy=remedy, high=20):
        check_present(checks, "each of decrypt_keys", key, "key_arn", "IKey")
        checks.same_region("each of decrypt_keys", key, scope)
        checks.key("each of decrypt_keys", key)
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
    seen = set()
    for one in given:
        check_present(checks, "each of repositories", one, "repository_clone_url_http", "IRepository")
        checks.same_region("each of repositories", one, scope)
        remedy = "put a guard into the account of the repository"
        check_same_account(checks, "each of repositories", one, scope, remedy)
        if getattr(one.node.default_child, "kms_key_id", None) is not None and not decrypt_keys:
            remedy = "give decrypt_keys the key of the repository, or the guard cannot read it"
            checks.refuse("decrypt_keys", "given when a repository has a key of its own", "no key", remedy)
        if one.repository_arn in seen:
            got = f"{one.repository_name!r} twice"
            checks.refuse("repositories", "a list without repetition", got, "drop one of them")
        seen.add(one.repository_arn)


def check_response(checks: Checks, scope: Construct, response: LeakResponse) -> None:
    """Check what is done.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        response: The argument.

    Raises:
        ValueError: If it could not be done, or would reach further than it says.
    """
    checks.instance("response", response, LeakResponse, remedy="give LeakResponse() or leave it out")
    inner = checks.within("Response")
    check_flag(inner, "dry_run", response.dry_run, remedy="give False to let it act")
    _check_paths(inner, response.user_paths)
    _check_exempt(inner, response.exempt_users)
    remedy = "give the key of a tag such as 'break-glass'"
    check_known(inner, "break_glass_tag", response.break_glass_tag, remedy=remedy)
    rule = "1 to 128 letters, digits, spaces and _.:/=+@- that do not begin with aws:"
    inner.matches("break_glass_tag", response.break_glass_tag, TAG_KEY, rule=rule, remedy=remedy)
    check_resource(inner, None, "quarantine_policy", response.quarantine_policy, "managed_policy_arn", "IManagedPolicy")
    remedy = "give roles whose sessions may all be revoked"
    for role in elements(inner, "revoke_roles", response.revoke_roles, unit="roles", remedy=remedy, high=MAX_ROLES):
        check_present(inner, "each of revoke_roles", role, "role_arn", "IRole")
        remedy = "put a guard into the account of the role"
        check_same_account(inner, "each of revoke_roles", role, scope, remedy)


def _check_paths(inner: Checks, paths: Sequence[str]) -> None:
    remedy = "write them as ['/people/'], or leave it out for all users"
    given = elements(inner, "user_paths", paths, unit="paths", remedy=remedy, low=1, high=MAX_PATHS, known=True)
    rule = "a path with a slash at both ends, without *, ? and $"
    for path in given:
        check_known(inner, "each of user_paths", path, remedy=remedy)
        inner.matches("each of user_paths", path, USER_PATH, rule=rule, remedy=remedy)
    _check_length(inner, "user_paths", paths, "paths", "give one that has the others below it")


def _check_exempt(inner: Checks, names: Sequence[str]) -> None:
    remedy = "give names of IAM users, without their paths"
    for name in elements(inner, "exempt_users", names, unit="users", remedy=remedy, known=True):
        check_known(inner, "each of exempt_users", name, remedy=remedy)
        rule = "the name of an IAM user: 1 to 64 letters, digits and _+=,.@-"
        inner.matches("each of exempt_users", name, USER_NAME, rule=rule, remedy=remedy)
    _check_length(inner, "exempt_users", names, "names", "give the others the tag of break_glass_tag instead")


def _check_length(inner: Checks, argument: str, texts: Sequence[str], unit: str, remedy: str) -> None:
    length = len(json.dumps(list(texts)))
    if length > MAX_CHARACTERS:
        inner.refuse(argument, f"{unit} with {MAX_CHARACTERS} characters together", f"{length} characters", remedy)


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
