"""Texts that match a pattern, for identifiers whose form only their schema's pattern says."""

from __future__ import annotations

import importlib
import random
import re
import string
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

from sandbox.adapters.keywords import matches

_TRIES = 30
_LENGTH = 10
_ALPHABET = string.ascii_lowercase + string.digits
_EVERYTHING = _ALPHABET + string.ascii_uppercase + "-_./:"
_CATEGORIES = {"CATEGORY_DIGIT": string.digits, "CATEGORY_WORD": _ALPHABET, "CATEGORY_SPACE": " "}


def example(pattern: str, seed: str) -> str | None:
    """A text that matches a pattern; the same for the same seed, another for another where the pattern allows it.

    Args:
        pattern: The pattern.
        seed: What decides among the many texts that match.

    Returns:
        The text, ``None`` if none was found.
    """
    tree = _parsed(pattern)
    if tree is None:
        return None
    for number in range(_TRIES):
        found = "".join(_Example(random.Random(f"{seed}/{number}")).texts(tree))  # noqa: S311 - no secret
        if matches(pattern, found):
            return found
    return None


@cache
def _parsed(pattern: str) -> Any:
    try:
        return importlib.import_module("re._parser").parse(pattern)
    except re.error:
        return None


class _Example:
    """Walks a parsed pattern and yields the pieces of a text; what looks around is left to a check afterwards."""

    def __init__(self, choice: random.Random) -> None:
        self.choice = choice
        self.groups: dict[int, str] = {}
        self.yields: dict[str, Callable[[Any], Iterator[str]]] = {
            "ANY": lambda _: iter(self.choice.choice(_ALPHABET)),
            "BRANCH": lambda found: self.texts(self.choice.choice(found[1])),
            "GROUPREF": lambda number: iter(self.groups.get(number, "")),
            "IN": self._one_of,
            "LITERAL": lambda code: iter(chr(code)),
            "MAX_REPEAT": self._repeated,
            "MIN_REPEAT": self._repeated,
            "NOT_LITERAL": lambda code: iter(self.choice.choice(_ALPHABET.replace(chr(code), ""))),
            "POSSESSIVE_REPEAT": self._repeated,
            "SUBPATTERN": self._group,
        }

    def texts(self, tree: Any) -> Iterator[str]:
        for operation, argument in tree:
            yield from self.yields.get(str(operation), lambda _: iter(()))(argument)

    def _group(self, found: Any) -> Iterator[str]:
        number, _, _, tree = found
        text = "".join(self.texts(tree))
        if number is not None:
            self.groups[number] = text
        yield text

    def _repeated(self, found: Any) -> Iterator[str]:
        least, most, tree = found
        is_one_character = len(tree) == 1 and str(tree[0][0]) in ("IN", "ANY", "NOT_LITERAL")
        most = least + _LENGTH if most == importlib.import_module("re._constants").MAXREPEAT else int(most)
        count = max(least, min(most, _LENGTH)) if is_one_character else least
        for _ in range(count):
            yield from self.texts(tree)

    def _one_of(self, found: Any) -> Iterator[str]:
        allowed: set[str] = set()
        negated = False
        for operation, argument in found:
            name = str(operation)
            if name == "NEGATE":
                negated = True
            elif name == "LITERAL":
                allowed.add(chr(argument))
            elif name == "RANGE":
                allowed |= {chr(code) for code in range(argument[0], min(argument[1], 0x7E) + 1)}
            else:
                allowed |= set(_CATEGORIES.get(str(argument), _EVERYTHING))
        if negated:
            allowed = set(_EVERYTHING) - allowed
        plain = sorted(allowed & set(_ALPHABET)) or sorted(allowed)
        yield self.choice.choice(plain) if plain else ""
