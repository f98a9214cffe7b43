"""Checks that several kinds of arguments have in common: ids, names of buckets, accounts, words; what was meant."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from typing import TypeVar

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_known, elements

T = TypeVar("T")

CDK_IDS = ("Default", "Resource")
"""The CDK leaves these out of the ids that it makes, so that two things may get the same."""

BUCKET_NAME = r"[A-Za-z0-9._-]{3,255}"
"""What Amazon Macie takes for the name of a bucket: also those from before 2018 with capitals, _ and 255 characters.
https://docs.aws.amazon.com/macie/latest/APIReference/classification-scopes-id.html"""

BUCKET_PATTERN = r"(?!.*\*\*)[A-Za-z0-9._*-]{1,255}"
"""EventBridge refuses two * in a row:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern-operators.html#eb-filtering-wildcard-matching"""


def check_id(checks: Checks, id: object, *, shortest: int = 1, longest: int) -> None:
    """Check an id that is part of a construct's path, and mostly the name of something in Macie.

    Args:
        checks: The checks of the construct.
        id: The id.
        shortest: The least number of characters.
        longest: The largest number of characters.

    Raises:
        ValueError: If it is only known at deployment, or no such word.
    """
    remedy = "call it PublicData, say"
    check_known(checks, "id", id, remedy=remedy)
    lengths = f"of {shortest} to {longest} letters and digits"
    pattern = rf"[A-Z][A-Za-z0-9]{{{shortest - 1},{longest - 1}}}"
    checks.matches("id", str(id), pattern, rule=f"a PascalCase word {lengths}", remedy=remedy)
    if id in CDK_IDS:
        checks.refuse("id", "one without a meaning of its own in the CDK", repr(id), remedy)


def named(
    checks: Checks,
    argument: str,
    given: object,
    kind: type[T],
    *,
    longest: int,
    shortest: int = 1,
) -> list[T]:
    """Return the values of a list, once it is clear that they are of the right class and have ids of their own.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        given: The list.
        kind: The class of the values.
        longest: The largest number of characters of an id.
        shortest: The least number of characters of an id.

    Raises:
        ValueError: If it is no list of them, or ids are wrong.
    """
    name = kind.__name__
    if isinstance(given, kind):
        checks.refuse(argument, "a list", f"one {name}", "put brackets around it")
    values = elements(checks, argument, given, unit="values", remedy=f"give [{name}(...)]")
    seen: set[str] = set()
    for value in values:
        checks.instance(f"each of {argument}", value, kind, remedy=f"give {name}(...)")
        check_id(checks, value.id, shortest=shortest, longest=longest)
        if value.id in seen:
            checks.refuse(argument, "a list with distinct ids", f"{value.id!r} twice", "give one of them another id")
        seen.add(value.id)
    return values


def check_bucket_names(
    checks: Checks, argument: str, given: object, *, low: int = 0, high: int | None = None, patterns: bool = False
) -> None:
    """Check a list of names of buckets.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        given: The list.
        low: The least number of names.
        high: The largest number of names; None for no limit.
        patterns: Whether * may stand for any text.

    Raises:
        ValueError: If it is no list of them.
    """
    remedy = "give ['team-data', 'team-logs'], say"
    rule = "a list of bucket names" + (", where * stands for any text" if patterns else "")
    for name in elements(checks, argument, given, low=low, high=high, unit="buckets", remedy=remedy):
        checks.any_text(argument, name, remedy="give bucket.bucket_name")
        remedy = "write the name alone, as in 'team-data'"
        if "**" in name and patterns:
            remedy = "write one * in the place of two"
        elif "*" in name and not patterns:
            remedy = "write the names out: * has no meaning here"
        checks.matches(argument, name, BUCKET_PATTERN if patterns else BUCKET_NAME, rule=rule, remedy=remedy)


def check_accounts(checks: Checks, accounts: object) -> None:
    """Check a list of ids of AWS accounts.

    Args:
        checks: The checks of the construct.
        accounts: The argument.

    Raises:
        ValueError: If it is no list of them.
    """
    remedy = "give ['111122223333'], say"
    rule = "a list of account ids of 12 digits"
    for account in elements(checks, "accounts", accounts, unit="accounts", remedy=remedy):
        checks.matches("accounts", account, r"[0-9]{12}", rule=rule, remedy=remedy)


def check_description(checks: Checks, description: object, longest: int) -> None:
    """Check the words that explain something in Macie.

    Args:
        checks: The checks of the construct.
        description: The argument.
        longest: The largest number of characters.

    Raises:
        ValueError: If it is no text, empty or too long.
    """
    if description is not None:
        check_length(checks, "description", description, 1, longest, remedy="say it in other words or leave it out")


def check_length(checks: Checks, argument: str, value: object, low: int, high: int, *, remedy: str) -> None:
    """Check how long a text is, unless it is only known at deployment.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        value: The text.
        low: The least number of characters.
        high: The largest number of characters.
        remedy: What to do.

    Raises:
        ValueError: If it is no text, or too long or too short.
    """
    known = checks.text(argument, value, remedy=remedy)
    if known is not None and not low <= len(known) <= high:
        # The text itself would be cut in the message, and says less than its length.
        got = f"{len(known)} characters in {known!r}"
        checks.refuse(argument, f"from {low} to {high} characters long", got, remedy)


def meant(given: object, known: Iterable[str], otherwise: str) -> str:
    """Return the remedy for a misspelt value: the one that was probably meant, or something else to do.

    Args:
        given: What was given.
        known: The values that there are.
        otherwise: The remedy when none of them is near.
    """
    words = {re.sub(r"[^a-z0-9]", "", word.lower()): word for word in known}
    plain = re.sub(r"[^a-z0-9]", "", str(given).lower())
    ends = [word for key, word in words.items() if plain and key.endswith(plain)]
    near = ends[:1] if len(ends) == 1 else [words[key] for key in difflib.get_close_matches(plain, words, 1, 0.7)]
    return f"did you mean {near[0]!r}?" if near else otherwise
