"""Refusal of conditions and loops of steps that AWS's component runner does not know."""

from __future__ import annotations

import re
from collections.abc import Mapping

from .document_node import Node, meant

REFERENCE = re.compile(r"\{\{\s*(.*?)\s*\}\}", re.DOTALL)
"""A reference to something that is filled in when the component runs."""

LOGICAL = ("and", "or", "not")
SINGLE = ("stringIsEmpty", "stringIsWhitespace", "binaryExists", "fileExists", "folderExists")
STRINGS = (
    *("stringEquals", "stringLessThan", "stringLessThanEquals"),
    *("stringGreaterThan", "stringGreaterThanEquals", "patternMatches"),
)
NUMBERS = (
    *("numberEquals", "numberLessThan", "numberLessThanEquals"),
    *("numberGreaterThan", "numberGreaterThanEquals"),
)
HASHES = {"fileMD5Equals": 32, "fileSHA1Equals": 40, "fileSHA256Equals": 64, "fileSHA512Equals": 128}
"""With the number of digits that such a hash has."""

OPERATORS = (*LOGICAL, *SINGLE, *STRINGS, *NUMBERS, *HASHES)
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-comparison-operators.html"""

OUTCOMES = ("Abort", "Execute", "Skip")
MAX_LOGICAL = 4
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-conditional-constructs.html"""

DELIMITERS = (".", ",", ";", ":", "\n", "\t", " ", "-", "_")
LOOPS = "https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-looping-constructs.html"

_LINK = "see https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-comparison-operators.html"


def check_condition(node: Node, *, outcomes: bool, logical: int = 0) -> None:
    """Check a condition.

    Args:
        node: The condition.
        outcomes: Whether it may say what is done then.
        logical: How many logical operators it is in.

    Raises:
        ValueError: If there is no such operator, it does not take such values, or it is in too many others.
    """
    if not isinstance(node.value, Mapping):
        node.refuse("a mapping with a condition", node.shown(), _LINK)
    found = [key for key in node.value if key in OPERATORS]
    if len(found) != 1:
        unknown = [str(key) for key in node.value if key not in OPERATORS]
        remedy = _LINK if found or not unknown else meant(unknown[0], OPERATORS, _LINK)
        node.refuse("a mapping with one operator", ", ".join(map(str, node.value)) or "none", remedy)
    operator = found[0]
    other = "value" if operator in (*STRINGS, *NUMBERS) else "path" if operator in HASHES else None
    node.mapping(
        [operator, *([other] if other else [])], ["then", "else"] if outcomes else [], remedy=f"{operator} takes it too"
    )
    for outcome in ("then", "else"):
        if outcome in node.value:
            node.at(outcome).one_of(OUTCOMES)
    if operator in LOGICAL:
        _check_logical(node, operator, logical + 1)
    else:
        _check_comparison(node, operator, other)


def _check_logical(node: Node, operator: str, depth: int) -> None:
    if depth > MAX_LOGICAL:
        node.refuse(f"in at most {MAX_LOGICAL} logical operators", f"{depth} with {operator}", "take it apart")
    inner = node.at(operator)
    conditions = [inner] if operator == "not" else inner.items(remedy="give a list of conditions")
    for condition in conditions:
        check_condition(condition, outcomes=False, logical=depth)


def _check_comparison(node: Node, operator: str, other: str | None) -> None:
    mine = node.at(operator)
    if operator in NUMBERS:
        for one in (mine, node.at("value")):
            _check_number(one)
    elif operator in STRINGS:
        for one in (mine, node.at("value")):
            if isinstance(one.value, bool) or not isinstance(one.value, str | int | float):
                one.refuse("text or a number", one.shown(), "put it in quotes")
    else:
        text = mine.text(empty=operator == "stringIsEmpty" or operator == "stringIsWhitespace")
        if other is not None:
            _check_hash(mine, text, HASHES[operator])
            node.at(other).text(empty=False)


def _check_hash(node: Node, text: str, digits: int) -> None:
    if not REFERENCE.search(text) and not re.fullmatch(f"[0-9A-Fa-f]{{{digits}}}", text):
        node.refuse(f"a hash of {digits} hexadecimal digits", repr(text), "give that of the file")


def _check_number(node: Node) -> None:
    value = node.value
    if isinstance(value, str):
        fits = bool(REFERENCE.search(value) or re.fullmatch(r"[-+]?([0-9]+[.])?[0-9]+", value))
    else:
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    if not fits:
        node.refuse("a number", node.shown(), "give a number, or a reference to one")


def check_loop(node: Node) -> None:
    """Check what a step is repeated for.

    Args:
        node: The loop.

    Raises:
        ValueError: If there is no such loop, or it has no end.
    """
    remedy = f"see {LOOPS}"
    node.mapping((), ("name", "for", "forEach"), remedy=remedy)
    if ("for" in node.value) == ("forEach" in node.value):
        got = "both" if "for" in node.value else "neither"
        node.refuse("a mapping with either for or forEach", got, remedy)
    if "name" in node.value:
        node.at("name").text(empty=False)
    if "for" in node.value:
        _check_range(node.at("for"))
        return
    each = node.at("forEach")
    if not isinstance(each.value, Mapping):
        for one in each.items(remedy="give a list of texts, or a mapping with list and delimiter"):
            one.text()
        return
    each.mapping(("list",), ("delimiter",), remedy=remedy)
    each.at("list").text(empty=False)
    if "delimiter" in each.value and each.value["delimiter"] not in DELIMITERS:
        rule = "one of . , ; : - _ a space, a tab and a line break"
        each.at("delimiter").refuse(rule, repr(each.value["delimiter"]), "put one of them in quotes")


def _check_range(node: Node) -> None:
    node.mapping(("start", "end", "updateBy"), remedy=f"see {LOOPS}")
    start, end, step = (
        node.at(key).whole(None, rule="a whole number", remedy="references are not for this")
        for key in ("start", "end", "updateBy")
    )
    if step == 0 or (end - start) * step < 0:
        got = f"from {start} to {end} by {step}"
        node.refuse("a range that has an end", got, "give updateBy the sign that leads from start to end")
