"""Substitution templates, ${...}, in the arguments of actions.

https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
"""

from __future__ import annotations

import re
from typing import NamedTuple

from cdk_refarch._parts.checks import Checks

_TOKEN = re.compile(r"\$\{Token\[[^\]]*\]\}")
_INSIDE = re.compile(r"'(?:[^']|'')*'|\"[^\"]*\"|.", re.DOTALL)


class Piece(NamedTuple):
    """A part of a text.

    Attributes:
        text: The part itself, or the expression between the braces of a template.
        template: Whether it is a template.
    """

    text: str
    template: bool


def pieces(value: str) -> list[Piece] | None:
    """Take a text apart, or return None for one with a template that is not closed.

    What the CDK puts into texts for values that are only known at deployment looks alike, and is no template.

    Args:
        value: The text.
    """
    found: list[Piece] = []
    plain, at = "", 0
    while at < len(value):
        token = _TOKEN.match(value, at)
        if token is not None or not value.startswith("${", at):
            step = token[0] if token is not None else value[at]
            plain, at = plain + step, at + len(step)
            continue
        end = _closing(value, at + 2)
        if end is None:
            return None
        found += [Piece(plain, False), Piece(value[at + 2 : end], True)]
        plain, at = "", end + 1
    return [piece for piece in [*found, Piece(plain, False)] if piece.text or piece.template]


def _closing(value: str, start: int) -> int | None:
    depth = 1
    for match in _INSIDE.finditer(value, start):
        depth += {"{": 1, "}": -1}.get(match[0], 0)
        if depth == 0:
            return match.start()
    return None


def check_templates(checks: Checks, argument: str, value: object, *, remedy: str, max_bytes: int) -> list[Piece]:
    """Return the parts of a text with templates; none for one that is only known at deployment.

    Args:
        checks: The checks of the action.
        argument: The argument as typed.
        value: What was given.
        remedy: What to do when it is no text.
        max_bytes: How long the text may be that stands outside of templates, and what they yield beside it.

    Raises:
        ValueError: If it is no text, empty, too long, or has a template that says nothing.
    """
    known = checks.text(argument, value, remedy=remedy)
    if known is None:
        return []
    parts = pieces(known)
    if parts is None:
        checks.refuse(argument, "text with every ${ closed", repr(known), "close it with }")
    if any(piece.template and not piece.text.strip() for piece in parts):
        checks.refuse(argument, "text with an expression in every ${}", repr(known), "write ${topic()}, say")
    if "!{" in known:
        remedy = "write ${...}: !{...} is for the prefixes of Firehose"
        checks.refuse(argument, "free of expressions of Firehose", repr(known), remedy)
    size = sum(len(piece.text.encode()) for piece in parts if not piece.template)
    if size > max_bytes:
        checks.refuse(argument, f"at most {max_bytes} bytes", f"{size} bytes", "shorten it")
    return parts
