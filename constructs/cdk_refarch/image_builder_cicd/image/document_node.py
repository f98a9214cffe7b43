"""One place in the document of a component, and what can be asked of it."""

from __future__ import annotations

import difflib
import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, NoReturn

from cdk_refarch._parts.checks import Checks, is_token

MAX_DEPTH = 32
"""How deep lists and mappings may be in each other. What refers to itself, as YAML can, has no end."""


def meant(given: object, allowed: Iterable[str], otherwise: str) -> str:
    """Return the remedy for a word that looks like a legal one, or another remedy.

    Args:
        given: What was given.
        allowed: The words that are legal.
        otherwise: The remedy when it looks like none of them.
    """
    lower = {one.lower(): one for one in allowed}
    near = difflib.get_close_matches(str(given).lower(), lower, n=1, cutoff=0.75)
    return f"write {lower[near[0]]!r}" if near else otherwise


@dataclass(frozen=True)
class Node:
    """A value in a document, with the way to it.

    Args:
        checks: The checks of the construct.
        argument: The argument that the document was given by, as typed.
        path: The way from the document to the value; empty for the document itself.
        value: The value.
    """

    checks: Checks
    argument: str
    path: str
    value: Any

    def refuse(self, rule: str, got: object, remedy: str) -> NoReturn:
        """Raise the error in the house form.

        Args:
            rule: What the value must be.
            got: The value, or a text that shows it.
            remedy: What to do.

        Raises:
            ValueError: Always.
        """
        self.checks.refuse(f"{self.argument} {self.path}".rstrip(), rule, got, remedy)

    def shown(self) -> str:
        """Return the value with its kind, for a message."""
        return f"{type(self.value).__name__} {self.value!r}"

    def at(self, key: str) -> Node:
        """Return the value of a key of this mapping.

        Args:
            key: The key, which it must have.
        """
        return replace(self, path=f"{self.path}.{key}".lstrip("."), value=self.value[key])

    def mapping(self, required: Sequence[str], optional: Sequence[str] = (), *, remedy: str) -> None:
        """Refuse what is no mapping with these keys.

        Args:
            required: The keys that it must have.
            optional: The keys that it may have.
            remedy: What to do.

        Raises:
            ValueError: If it is no mapping, lacks a key or has another one.
        """
        keys = (*required, *optional)
        if not isinstance(self.value, Mapping):
            self.refuse("a mapping", self.shown(), remedy)
        for key in self.value:
            if key not in keys:
                rule = f"a mapping with no other keys than {', '.join(keys)}" if keys else "an empty mapping"
                self.refuse(rule, repr(key), meant(key, keys, remedy))
        for key in required:
            if key not in self.value:
                self.refuse(f"a mapping with the key {key}", "one without", remedy)

    def items(self, *, remedy: str) -> list[Node]:
        """Return the elements of this list, of which there must be one or more.

        Args:
            remedy: What to do.

        Raises:
            ValueError: If it is no list, or an empty one.
        """
        if not isinstance(self.value, list) or not self.value:
            self.refuse("a list with one element or more", self.shown(), remedy)
        return [replace(self, path=f"{self.path}[{index}]", value=one) for index, one in enumerate(self.value)]

    def text(self, *, remedy: str = "put it in quotes", empty: bool = True) -> str:
        """Return this text.

        Args:
            remedy: What to do when it is none.
            empty: Whether it may be empty, or white space alone.

        Raises:
            ValueError: If it is no text, or has nothing in it.
        """
        if not isinstance(self.value, str):
            self.refuse("text", self.shown(), remedy)
        if not empty and not self.value.strip():
            self.refuse("text that is not empty", repr(self.value), remedy)
        return self.value

    def one_of(self, allowed: Sequence[str]) -> None:
        """Refuse what is none of some words.

        Args:
            allowed: The words.

        Raises:
            ValueError: If it is something else.
        """
        if not isinstance(self.value, str) or self.value not in allowed:
            rule = f"one of {', '.join(allowed)}"
            self.refuse(rule, repr(self.value), meant(self.value, allowed, "give one of them"))

    def whole(self, low: int | None, *, rule: str, remedy: str, also: Sequence[int] = ()) -> int:
        """Return this whole number.

        Args:
            low: The least number; None for no limit.
            rule: What it must be, in words.
            remedy: What to do.
            also: Numbers below the least one that are legal all the same.

        Raises:
            ValueError: If it is no whole number, or too small.
        """
        number = self.value
        if isinstance(number, bool) or not isinstance(number, int):
            self.refuse(rule, self.shown(), remedy)
        if low is not None and number < low and number not in also:
            self.refuse(rule, number, remedy)
        return number


def check_plain(node: Node, depth: int = 0) -> None:
    """Refuse a document with something in it that is neither YAML nor JSON, or not known yet.

    Args:
        node: The document, or a part of it.
        depth: How many lists and mappings it is in.

    Raises:
        ValueError: If there is.
    """
    value = node.value
    if depth > MAX_DEPTH:
        remedy = "do without references from a part of it to what it is in"
        replace(node, path="").refuse(f"at most {MAX_DEPTH} levels deep", "more", remedy)
    if isinstance(value, Mapping):
        for key in value:
            check_plain(replace(node, value=key), depth + 1)
            check_plain(replace(node, path=f"{node.path}.{key}".lstrip("."), value=value[key]), depth + 1)
    elif isinstance(value, list | tuple):
        for index, one in enumerate(value):
            check_plain(replace(node, path=f"{node.path}[{index}]", value=one), depth + 1)
    elif _is_unknown(value):
        remedy = "declare a parameter in the document, and give the token in parameters"
        node.refuse("known when the app runs", "a token", remedy)
    elif isinstance(value, str):
        node.checks.any_text(f"{node.argument} {node.path}".rstrip(), value, remedy="replace the character")
    elif not (value is None or isinstance(value, int) or (isinstance(value, float) and math.isfinite(value))):
        node.refuse("text, a number, True, False, a list or a mapping", node.shown(), "put it in quotes")


def _is_unknown(value: object) -> bool:
    # In a list that is a token, the one element is written like this.
    return is_token(value) or (isinstance(value, str) and "#{Token[" in value)
