"""Refusal of conditions that no finding can meet."""

from __future__ import annotations

from typing import get_args

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag, check_known, elements

from .routing import CATEGORIES, SEVERITIES, FindingType
from .shared_checks import meant

TYPES_LINK = "https://docs.aws.amazon.com/macie/latest/user/findings-types.html"


def check_severity(checks: Checks, severity: object) -> None:
    """Check the least severity that passes.

    Args:
        checks: The checks of what findings pass to.
        severity: The argument ``min_severity``.

    Raises:
        ValueError: If Macie has no such severity.
    """
    remedy = "Amazon Macie has no such severity, and HIGH is the highest"
    rule = f"one of {', '.join(SEVERITIES)}"
    if not isinstance(severity, str):
        checks.refuse("min_severity", rule, f"{type(severity).__name__} {severity!r}", remedy)
    check_known(checks, "min_severity", severity, remedy="give 'HIGH', say")
    if severity not in SEVERITIES:
        capitals = severity.strip().upper()
        checks.refuse("min_severity", rule, repr(severity), f"write {capitals!r}" if capitals in SEVERITIES else remedy)


def check_samples(checks: Checks, include_samples: object) -> None:
    """Check whether sample findings pass.

    Args:
        checks: The checks of what findings pass to.
        include_samples: The argument.

    Raises:
        ValueError: If it is neither True nor False.
    """
    check_flag(checks, "include_samples", include_samples, remedy="give True to let sample findings pass")


def check_findings(checks: Checks, categories: object, finding_types: object) -> None:
    """Check which kinds of findings pass.

    Args:
        checks: The checks of what findings pass to.
        categories: The argument.
        finding_types: The argument.

    Raises:
        ValueError: If Macie has no such kinds, or the two contradict each other.
    """
    remedy = "leave it out for both"
    known = elements(checks, "categories", categories, unit="categories", remedy=remedy, low=1, high=len(CATEGORIES))
    for category in known:
        check_known(checks, "categories", category, remedy=remedy)
        if category not in CATEGORIES:
            rule = f"a list of {' and '.join(CATEGORIES)}"
            checks.refuse("categories", rule, repr(category), meant(category, CATEGORIES, remedy))
    remedy = "leave it out for all types"
    for kind in elements(checks, "finding_types", finding_types, unit="types", remedy=remedy):
        check_known(checks, "finding_types", kind, remedy=remedy)
        if kind not in get_args(FindingType):
            instead = meant(kind, get_args(FindingType), f"see {TYPES_LINK}")
            checks.refuse("finding_types", "a list of types that Amazon Macie has", repr(kind), instead)
        belongs = next(name for name, start in CATEGORIES.items() if kind.startswith(start))
        if belongs not in known:
            rule = "given so that the types belong to the categories"
            remedy = f"add {belongs!r} to categories or drop the type"
            checks.refuse("finding_types and categories", rule, f"{kind!r} without {belongs}", remedy)
