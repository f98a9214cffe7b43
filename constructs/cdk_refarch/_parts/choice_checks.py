"""Checks of texts of which there are few, and which the construct must know when the app runs."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from .checks import Checks, is_token
from .list_checks import check_known, elements


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
    for one in elements(checks, argument, given, unit=unit, remedy=remedy, low=low, known=True):
        check_known(checks, argument, one, remedy=remedy)
        if one not in allowed:
            rule = f"a list of {unit} among {', '.join(allowed)}"
            checks.refuse(argument, rule, repr(one), _meant(one, allowed, remedy))


def _meant(given: object, allowed: Sequence[str], otherwise: str) -> str:
    """Return the remedy for a text that differs in its case, its spaces or its hyphens only, or another one."""
    plain = re.sub(r"[^a-z]", "", str(given).lower())
    near = [one for one in allowed if re.sub(r"[^a-z]", "", one.lower()) == plain]
    return f"write {near[0]!r}" if near else otherwise
