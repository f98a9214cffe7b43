"""Refusal of text in some language that leaves something open."""

from __future__ import annotations

import re

from .checks import Checks

WORDS = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|\.?[A-Za-z_][A-Za-z0-9_]*|\s+|.""", re.DOTALL)
"""What such a text is made of: literals in quotes, names, white space and single characters."""

CLOSING = {")": "(", "]": "[", "}": "{"}


def check_balanced(checks: Checks, argument: str, value: str) -> None:
    """Refuse a text that leaves a quote or a bracket open.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        value: The text.

    Raises:
        ValueError: If it does.
    """
    open_brackets: list[str] = []
    for text in WORDS.findall(value):
        if text in ("'", '"'):
            checks.refuse(argument, "text with every quote closed", repr(value), "close the quote")
        if text in CLOSING.values():
            open_brackets.append(text)
        elif text in CLOSING and (not open_brackets or open_brackets.pop() != CLOSING[text]):
            checks.refuse(argument, "text with matching brackets", repr(value), f"open the bracket before {text}")
    if open_brackets:
        checks.refuse(argument, "text with matching brackets", repr(value), f"close {open_brackets[-1]}")
