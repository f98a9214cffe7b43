"""Refusal of responses that could not be made, or that would reach further than they say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, check_known, elements
from cdk_refarch._parts.resource_checks import check_present, check_resource, check_same_account

from .values import LeakResponse

if TYPE_CHECKING:
    from aws_cdk import aws_iam as iam

MAX_PATHS = 20
MAX_ROLES = 10

MAX_CHARACTERS = 2000
"""Of paths, and of names. Paths of users go into the policy of a role twice."""

MAX_TOGETHER = 3500
"""The rest of the function's environment, which has 4 KB, and of the policies of its role, which have 10,240 characters
together, is always the same but for a few names:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html and
https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

UNKNOWN_ARN = "x" * 110
"""As long as the ARN of a role without a path can be, for one that is known at deployment only."""

USER_PATH = r"/([!-#%-)+->@-~]{1,510}/)?"
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_User.html, without ``*``, ``?`` and ``$``, which mean
something else in policies."""

USER_NAME = r"[A-Za-z0-9_+=,.@-]{1,64}"
TAG_KEY = r"(?! )(?![Aa][Ww][Ss]:)[A-Za-z0-9 _.:/=+@-]{1,128}(?<! )"
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_Tag.html"""

_ARN = r"arn:(aws[a-z-]*|\$\{AWS::Partition\}):iam"
_ACCOUNT = r"\d{12}|\$\{AWS::AccountId\}"
_PATH = r"([A-Za-z0-9_+=,.@-]+/)*"
ROLE = rf"{_ARN}::({_ACCOUNT}):role/(?!aws-service-role/|aws-reserved/){_PATH}[A-Za-z0-9_+=,.@-]{{1,64}}"
"""AWS refuses inline policies in roles of its services and of IAM Identity Center:
https://docs.aws.amazon.com/IAM/latest/UserGuide/id_roles_create-service-linked-role.html"""

POLICY = rf"{_ARN}::(aws|{_ACCOUNT}):policy/{_PATH}[A-Za-z0-9_+=,.@-]{{1,128}}"
WIDENING = ("AdministratorAccess", "PowerUserAccess")


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
    rule = "1 to 128 letters, digits, inner spaces and _.:/=+@- that do not begin with aws:"
    inner.matches("break_glass_tag", response.break_glass_tag, TAG_KEY, rule=rule, remedy=remedy)
    _check_quarantine(inner, scope, response.quarantine_policy)
    _check_roles(inner, scope, response.revoke_roles)
    _check_together(inner, response)


def check_repetition(checks: Checks, argument: str, given: Sequence[tuple[str, str]]) -> None:
    """Refuse a list that has a resource twice.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: The ARN of each, and how it is shown.

    Raises:
        ValueError: If an ARN is there twice.
    """
    seen = set()
    for arn, shown in given:
        if arn in seen:
            checks.refuse(argument, "a list without repetition", f"{shown} twice", "drop one of them")
        seen.add(arn)


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


def _check_quarantine(inner: Checks, scope: Construct, policy: iam.IManagedPolicy | None) -> None:
    check_resource(inner, None, "quarantine_policy", policy, "managed_policy_arn", "IManagedPolicy")
    arn = None if policy is None else _known(policy.managed_policy_arn)
    if arn is None:
        return
    remedy = "give one that denies, such as AWSCompromisedKeyQuarantineV3 of AWS"
    rule = "a policy with an ARN of IAM, without * and ?"
    inner.matches("quarantine_policy", arn, POLICY, rule=rule, remedy=remedy)
    owner, name = arn.split(":")[-2], arn.rpartition("/")[2]
    here = cdk.Stack.of(scope).account
    if owner.isdigit() and not is_token(here) and owner != here:
        rule = f"in the account of the stack, {here}"
        inner.refuse("quarantine_policy", rule, owner, "use one of the account, or of AWS")
    if owner == "aws" and name in WIDENING:
        inner.refuse("quarantine_policy", "a policy that takes permissions", f"{name}, which gives them", remedy)


def _check_roles(inner: Checks, scope: Construct, roles: Sequence[iam.IRole]) -> None:
    remedy = "give roles whose sessions may all be revoked"
    given = elements(inner, "revoke_roles", roles, unit="roles", remedy=remedy, high=MAX_ROLES)
    for role in given:
        check_present(inner, "each of revoke_roles", role, "role_arn", "IRole")
        foreign = "put a guard into the account of the role"
        check_same_account(inner, "each of revoke_roles", role, scope, foreign)
        arn = _known(role.role_arn)
        if arn is not None:
            rule = "one role with an ARN of IAM, without * and ?, not below /aws-service-role/ or /aws-reserved/"
            inner.matches("each of revoke_roles", arn, ROLE, rule=rule, remedy=remedy)
    shown = [(one.role_arn, one.node.path if _known(one.role_arn) is None else repr(one.role_name)) for one in given]
    check_repetition(inner, "revoke_roles", shown)


def _check_together(inner: Checks, response: LeakResponse) -> None:
    policy = response.quarantine_policy
    arns = [_known(one.role_arn) or UNKNOWN_ARN for one in response.revoke_roles]
    texts = [json.dumps(list(given)) for given in (response.user_paths, response.exempt_users, arns)]
    texts += [response.break_glass_tag, "" if policy is None else _known(policy.managed_policy_arn) or UNKNOWN_ARN]
    length = sum(len(text) for text in texts)
    if length > MAX_TOGETHER:
        argument = "user_paths, exempt_users and revoke_roles"
        rule = f"of {MAX_TOGETHER} characters together, with break_glass_tag and quarantine_policy"
        remedy = "give fewer roles, or others the tag of break_glass_tag instead of their names"
        inner.refuse(argument, rule, f"{length} characters", remedy)


def _known(arn: str) -> str | None:
    """Return an ARN in which nothing but the partition and the account may be open, or None for all others."""
    shown = arn.replace(cdk.Aws.PARTITION, "${AWS::Partition}").replace(cdk.Aws.ACCOUNT_ID, "${AWS::AccountId}")
    return None if is_token(shown) else shown
