"""Checks of lists, of flags, and of text that the construct must know when the app runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import aws_cdk as cdk

from .checks import Checks, is_token


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


def elements(
    checks: Checks,
    argument: str,
    given: object,
    *,
    unit: str,
    remedy: str,
    low: int = 0,
    high: int | None = None,
    known: bool = False,
) -> list[Any]:
    """Return the elements of a list to be checked further, or none for one that is only known at deployment.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: What was given.
        unit: What it is a list of, in the plural.
        remedy: What to do when it is no list, or too long or too short.
        low: The least number of elements.
        high: The largest number of elements; None for no limit.
        known: Whether a list that is only known at deployment is refused. Its elements may be so all the same.

    Raises:
        ValueError: If it is no list, has too many or too few elements, has a text twice, or is not known.
    """
    if not isinstance(given, Sequence) or isinstance(given, str | bytes):
        checks.refuse(argument, "a list", f"{type(given).__name__} {given!r}", remedy)
    texts = [one for one in given if isinstance(one, str)]
    # A call into the CDK takes about a millisecond: only what looks like an encoded token is worth one.
    if any(one.startswith("#{Token[") for one in texts) and cdk.Token.is_unresolved(given):
        if known:
            checks.refuse(argument, "a list that is known when the app runs", "a token", remedy)
        return []
    if len(given) < low or (high is not None and len(given) > high):
        bounds = f"{low} or more" if high is None else f"{low} to {high}" if low != high else str(low)
        checks.refuse(argument, f"a list of {bounds} {unit}", f"a list of {len(given)}", remedy)
    seen: set[str] = set()
    for one in texts:
        if one in seen and not is_token(one):
            checks.refuse(argument, "a list without repetition", f"{one!r} twice", "drop one of them")
        seen.add(one)
    return list(given)
