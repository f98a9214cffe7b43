"""Checks of lists, choices and flags, which the construct must know when the app runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

import aws_cdk as cdk

from cdk_refarch._parts.checks import Checks, is_token


def check_flag(checks: Checks, argument: str, value: object, *, remedy: str) -> None:
    """Refuse what is neither True nor False, such as the text ``false``, which counts as true.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        value: What was given.
        remedy: What to do.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, bool):
        checks.refuse(argument, "True or False", repr(value), remedy)


def check_known(checks: Checks, argument: str, value: object, *, remedy: str) -> None:
    """Refuse what is no text, or is only known at deployment, where the construct must know it.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        value: What was given.
        remedy: What to do.

    Raises:
        ValueError: If it is no text, or a token.
    """
    checks.any_text(argument, value, remedy=remedy)
    if is_token(value):
        checks.refuse(argument, "known when the app runs", "a token", remedy)


def check_choice(checks: Checks, argument: str, value: object, allowed: Iterable[str], *, remedy: str) -> None:
    """Refuse what is none of some texts, or is only known at deployment.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        value: What was given.
        allowed: The texts.
        remedy: What to do when it is like none of them.

    Raises:
        ValueError: If it is something else.
    """
    allowed = tuple(allowed)
    if isinstance(value, str) and is_token(value):
        checks.refuse(argument, "known when the app runs", "a token", remedy)
    if value not in allowed:
        checks.refuse(argument, f"one of {', '.join(allowed)}", repr(value), _meant(value, allowed, remedy))


def elements(
    checks: Checks,
    argument: str,
    given: object,
    *,
    unit: str,
    remedy: str,
    low: int = 0,
    high: int | None = None,
) -> list[Any]:
    """Return the elements of a list to be checked further.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: What was given.
        unit: What it is a list of, in the plural.
        remedy: What to do when it is no list, or too long or too short.
        low: The least number of elements.
        high: The largest number of elements; None for no limit.

    Raises:
        ValueError: If it is no list, is only known at deployment, has too many or too few elements, or one twice.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        checks.refuse(argument, "a list", f"{type(given).__name__} {given!r}", remedy)
    texts = [one for one in given if isinstance(one, str)]
    # A call into the CDK takes about a millisecond: only what looks like an encoded token is worth one.
    if any(one.startswith("#{Token[") for one in texts) and cdk.Token.is_unresolved(given):
        checks.refuse(argument, "a list that is known when the app runs", "a token", remedy)
    if len(given) < low or (high is not None and len(given) > high):
        bounds = f"{low} or more" if high is None else f"{low} to {high}"
        checks.refuse(argument, f"a list of {bounds} {unit}", f"a list of {len(given)}", remedy)
    for one in texts:
        if texts.count(one) > 1 and not is_token(one):
            checks.refuse(argument, "a list without repetition", f"{one!r} twice", "drop one of them")
    return list(given)


def check_choices(
    checks: Checks, argument: str, given: object, allowed: Sequence[str], *, unit: str, remedy: str, low: int = 0
) -> None:
    """Check a list of texts of which there are few.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: What was given.
        allowed: The texts.
        unit: What they are, in the plural.
        remedy: What to do.
        low: The least number of elements.

    Raises:
        ValueError: If it is no list of them.
    """
    for one in elements(checks, argument, given, unit=unit, remedy=remedy, low=low):
        check_known(checks, argument, one, remedy=remedy)
        if one not in allowed:
            rule = f"a list of {unit} among {', '.join(allowed)}"
            checks.refuse(argument, rule, repr(one), _meant(one, allowed, remedy))


def _meant(given: object, allowed: Sequence[str], otherwise: str) -> str:
    """Return the remedy for a text that differs in its case, its spaces or its hyphens only, or another one."""
    plain = re.sub(r"[^a-z]", "", str(given).lower())
    near = [one for one in allowed if re.sub(r"[^a-z]", "", one.lower()) == plain]
    return f"write {near[0]!r}" if near else otherwise
