"""Refusal of what several constructs of the delivery are given: names of stacks, roles, statements, qualifiers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from aws_cdk import aws_iam as iam

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_known, elements

from .stack_scope import name_pattern

STACK_NAME = r"[A-Za-z][A-Za-z0-9-]{0,59}"
ROLE_ARN = r"arn:aws[a-z-]*:iam::([0-9]{12}):role/[A-Za-z0-9+=,.@_/-]+"
QUALIFIER = r"[A-Za-z0-9_-]{1,10}"
"""https://docs.aws.amazon.com/cdk/v2/guide/bootstrapping-customizing.html"""


def check_stack_name(checks: Checks, argument: str, name: object) -> None:
    """Check the name of a stack, which decides what its roles may touch.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        name: The name.

    Raises:
        ValueError: If CloudFormation does not take it, it is longer than 60 characters, or not known.
    """
    remedy = "call it GoldenImage, say"
    check_known(checks, argument, name, remedy=remedy)
    rule = "a letter, then up to 59 letters, digits and -"
    checks.matches(argument, str(name), STACK_NAME, rule=rule, remedy=remedy)


def check_apart(checks: Checks, argument: str, names: Iterable[str], others: Iterable[str]) -> None:
    """Refuse stacks of which one could touch the resources of another, because of how these are named.

    Args:
        checks: The checks of what they are given to.
        argument: The arguments as typed.
        names: The stacks.
        others: Stacks whose resources they must not touch either; a name that is not known is skipped.

    Raises:
        ValueError: If a name is there twice, or another begins with it.
    """
    seen: list[str] = []
    for name in names:
        if name.lower() in (one.lower() for one in seen):
            checks.refuse(argument, "a name of its own for each stack", f"{name!r} twice", "rename one of the stacks")
        seen.append(name)
    foreign = [one for one in others if not is_token(one)]
    for name in seen:
        # Without regard to case, as IAM and Image Builder have names.
        begins = name_pattern(name)[:-1].lower()
        for other in [*(one for one in seen if one != name), *foreign]:
            if f"{other}-".lower().startswith(begins):
                rule = "names of which none begins with another, for roles are limited by them"
                checks.refuse(argument, rule, f"{name!r} and {other!r}", "rename one of the stacks")


def check_statements(checks: Checks, argument: str, given: object) -> None:
    """Check a list of policy statements.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: The list.

    Raises:
        ValueError: If it is no list of them.
    """
    remedy = "give [iam.PolicyStatement(...)]"
    for one in elements(checks, argument, given, unit="statements", remedy=remedy, known=True):
        checks.instance(f"each of {argument}", one, iam.PolicyStatement, remedy=remedy)


def check_qualifier(checks: Checks, value: object) -> None:
    """Check the qualifier of the CDK's bootstrap stack.

    Args:
        checks: The checks of what it is given to.
        value: The argument ``bootstrap_qualifier``.

    Raises:
        ValueError: If the CDK has no such qualifier, or it is not known.
    """
    remedy = "give the one that cdk bootstrap was called with, which is hnb659fds unless it was told"
    check_known(checks, "bootstrap_qualifier", value, remedy=remedy)
    rule = "from 1 to 10 letters, digits, _ and -"
    checks.matches("bootstrap_qualifier", str(value), QUALIFIER, rule=rule, remedy=remedy)


def check_role_arn(checks: Checks, argument: str, arn: object, account: str | None) -> None:
    """Check the ARN of a role.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        arn: The ARN; None for none.
        account: The account that it must be of; None for any.

    Raises:
        ValueError: If it is none, or of another account.
    """
    if arn is None:
        return
    remedy = "give the ARN of a role, as in arn:aws:iam::111122223333:role/Deploy"
    checks.matches(argument, arn, ROLE_ARN, rule="the ARN of a role", remedy=remedy)  # type: ignore[arg-type]
    there = str(arn).split(":")
    if account is not None and not is_token(arn) and not is_token(account) and there[4] != account:
        checks.refuse(argument, f"a role of the fleet's account, {account}", there[4], "give a role of that account")


def check_text_mapping(checks: Checks, argument: str, given: object, *, remedy: str) -> Mapping[str, str]:
    """Check a mapping of text to text, whose values may be known at deployment only.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: The mapping.
        remedy: What to do.

    Returns:
        The mapping.

    Raises:
        ValueError: If it is none.
    """
    if not isinstance(given, Mapping):
        checks.refuse(argument, "a mapping of names to text", f"{type(given).__name__} {given!r}", remedy)
    for name, value in given.items():
        check_known(checks, f"each name in {argument}", name, remedy=remedy)
        checks.any_text(f"{argument} {name}", value, remedy="give text, as in '2'")
    return given
