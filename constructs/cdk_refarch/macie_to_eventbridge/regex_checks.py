"""Refusal of regular expressions that Amazon Macie cannot use."""

from __future__ import annotations

import re
import warnings
from collections.abc import Iterator

from cdk_refarch._parts.checks import Checks

from .shared_checks import check_length

MAX_REGEX = 512
"""https://docs.aws.amazon.com/macie/latest/user/cdis-options.html"""

UNSUPPORTED = {
    "look": ("look-around", "put what must stand before it into keywords"),
    "reference": ("back-references", "write the text out a second time"),
    "condition": ("conditions", "write the alternatives with |"),
    "recursion": ("recursion", "write the nesting out"),
    "code": ("embedded code", "drop it"),
    "flags": ("flags", "write [Aa] where the case does not matter"),
}
"""What Macie's part of PCRE lacks, on the page above, and what to do without it."""

PIECES = re.compile(
    r"""
      (?P<quoted>    \\Q .*? (?: \\E | \Z ) )
    | (?P<reference> \\[1-9](?!\d) | \\[kg](?: \{[^}]*\} | <[^>]*> | '[^']*' | -?\d+ ) | \(\?P= )
    | (?P<escaped>   \\. )
    | (?P<class>     \[ \^? \]? (?: \[:\^?\w+:\] | \\. | [^\]\\] )* \] )
    | (?P<comment>   \(\?\# [^)]* \) )
    | (?P<look>      \(\? <? [=!] )
    | (?P<condition> \(\?\( )
    | (?P<recursion> \(\? (?: R | [+-]?\d | & | P> ) )
    | (?P<code>      \(\? \?? \{ )
    | (?P<flags>     \(\? (?! : ) \^? [A-Za-z]* (?: - [A-Za-z]+ )? [:)] )
    | (?P<other>     . )
    """,
    re.VERBOSE | re.DOTALL,
)
"""The parts of a pattern that tell brackets with a meaning from those without."""


def check_regex(checks: Checks, regex: object) -> None:
    """Check a regular expression of an identifier or an allow list.

    Args:
        checks: The checks of the construct.
        regex: The argument.

    Raises:
        ValueError: If Macie cannot use it, or it would match everywhere.
    """
    remedy = "give a pattern such as 'EMP-[0-9]{6}'"
    check_length(checks, "regex", regex, 1, MAX_REGEX, remedy=remedy)
    if checks.text("regex", regex, remedy=remedy) is None:
        return
    pattern = str(regex)
    for kind, _ in _pieces(pattern):
        if kind in UNSUPPORTED:
            what, instead = UNSUPPORTED[kind]
            checks.refuse("regex", f"free of {what}, which Amazon Macie does not have", repr(pattern), instead)
    compiled = _compiled(pattern)
    if compiled is None:
        _check_brackets(checks, pattern)
    elif compiled.match(""):
        rule = "a pattern that does not match empty text"
        checks.refuse(
            "regex", rule, repr(pattern), "let it ask for at least one character, by + in the place of *, say"
        )


def _pieces(pattern: str) -> Iterator[tuple[str, str]]:
    for found in PIECES.finditer(pattern):
        yield str(found.lastgroup), found.group()
    if re.fullmatch(r"/.+(?<!\\)/[imsx]+", pattern, re.DOTALL):
        yield "flags", pattern


def _compiled(pattern: str) -> re.Pattern[str] | None:
    # Python's dialect is near to PCRE, and not the same: what it cannot read may still be right.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return re.compile(pattern)
    except (re.error, OverflowError, RecursionError):
        return None


def _check_brackets(checks: Checks, pattern: str) -> None:
    depth = 0
    rule = "a pattern with matching brackets"
    for kind, piece in _pieces(pattern):
        if kind != "other":
            continue
        if piece == "[":
            checks.refuse("regex", rule, repr(pattern), r"close [ or write \[ for the character")
        depth += {"(": 1, ")": -1}.get(piece, 0)
        if depth < 0:
            checks.refuse("regex", rule, repr(pattern), r"open ( or write \) for the character")
    if depth:
        checks.refuse("regex", rule, repr(pattern), r"close ( or write \( for the character")
