"""The SQL of an AWS IoT rule: built, taken apart and checked."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from cdk_refarch._parts.checks import Checks, is_token

MAX_TOPIC_BYTES = 256
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

MAX_TOPIC_SLASHES = 7
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, message broker limits."""

RULE_NAME = r"[a-zA-Z0-9_]{1,128}"
"""https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html, ruleName."""

DEAD_FUNCTIONS = {"machinelearning_predict": "Amazon Machine Learning takes no new customers since 2017-05"}
"""SQL functions whose service is gone."""

_TOKEN = re.compile(r"""'(?:[^']|'')*'|"(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_]*|\s+|.""", re.DOTALL)
_CLOSING = {")": "(", "]": "[", "}": "{"}
# A select list of this shape yields an object, text, number or truth value, whatever the payload is.
_NEVER_ARRAY_VALUE = re.compile(r"""['"{0-9-]|(?:true|false|null)\b""", re.IGNORECASE)


class Statement(NamedTuple):
    """What the checks need to know of an SQL statement; None where it cannot be told."""

    select: str | None
    topic_filter: str | None


def build(topic_filter: str, select: str, where: str | None) -> str:
    """Return the SQL for a topic filter, a select list and a condition.

    Args:
        topic_filter: The MQTT topic filter, checked before.
        select: The select list.
        where: The condition, or None for every message.
    """
    return f"SELECT {select} FROM '{topic_filter}'" + ("" if where is None else f" WHERE {where}")  # noqa: S608


def check_topic_filter(checks: Checks, value: object) -> None:
    """Refuse what AWS IoT would not take as the topic filter of a rule, or would never match.

    Args:
        checks: The checks of the construct.
        value: The argument ``topic_filter``.

    Raises:
        ValueError: If it is not a legal MQTT topic filter for a rule.
    """
    argument = "topic_filter"
    known = checks.text(argument, value, remedy="give a filter such as 'fleet/+/telemetry'")
    if known is None:
        return
    got = repr(known)
    if known.startswith("$"):
        checks.refuse(
            argument,
            "outside the reserved topics that begin with $",
            got,
            "devices reach this rule through basic_ingest_topic without naming it here; "
            "for service topics such as $aws/events give the whole statement as sql",
        )
    if re.search(r"['\x00-\x1f\x7f]", known):
        checks.refuse(argument, "free of quotes and control characters", got, "rename the topic")
    size = len(known.encode())
    if size > MAX_TOPIC_BYTES:
        checks.refuse(argument, f"at most {MAX_TOPIC_BYTES} bytes", f"{size} bytes", "shorten it")
    levels = known.split("/")
    if len(levels) - 1 > MAX_TOPIC_SLASHES:
        checks.refuse(argument, f"at most {MAX_TOPIC_SLASHES} slashes deep", got, "use fewer levels")
    for position, level in enumerate(levels):
        if "#" in level and (level != "#" or position != len(levels) - 1):
            checks.refuse(argument, "a filter with # alone on its last level", got, "put # last, after a slash")
        if "+" in level and level != "+":
            checks.refuse(argument, "a filter with + alone on its level", got, "put slashes around +")


def check_clause(checks: Checks, argument: str, value: object, keyword: str) -> None:
    """Refuse a select list or condition that would break the statement it is put into.

    Args:
        checks: The checks of the construct.
        argument: ``select`` or ``where``.
        value: What was given.
        keyword: The SQL word that the construct writes in front of it.

    Raises:
        ValueError: If it is empty, repeats the keyword, or leaves a quote or bracket open.
    """
    known = checks.text(argument, value, remedy="leave it out or give what follows the keyword")
    if known is None:
        return
    if re.match(rf"\s*{keyword}\b", known, re.IGNORECASE):
        checks.refuse(argument, f"what follows the word {keyword}", repr(known), f"drop the word {keyword}")
    check_balanced(checks, argument, known)
    _check_functions(checks, argument, known)


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
    for text in _TOKEN.findall(value):
        if text in ("'", '"'):
            checks.refuse(argument, "text with every quote closed", repr(value), "close the quote")
        if text in _CLOSING.values():
            open_brackets.append(text)
        elif text in _CLOSING and (not open_brackets or open_brackets.pop() != _CLOSING[text]):
            checks.refuse(argument, "text with matching brackets", repr(value), f"open the bracket before {text}")
    if open_brackets:
        checks.refuse(argument, "text with matching brackets", repr(value), f"close {open_brackets[-1]}")


def check_sql(checks: Checks, value: object) -> None:
    """Refuse a statement that AWS IoT would not take, or that would never match.

    Args:
        checks: The checks of the construct.
        value: The argument ``sql``.

    Raises:
        ValueError: If it is not of the form SELECT ... FROM 'topic/filter'.
    """
    remedy = "write it as SELECT ... FROM 'topic/filter' WHERE ..."
    known = checks.text("sql", value, remedy=remedy)
    if known is None:
        return
    if not re.match(r"\s*(SELECT|SET)\b", known, re.IGNORECASE):
        checks.refuse("sql", "a statement that begins with SELECT", repr(known), remedy)
    check_balanced(checks, "sql", known)
    _check_functions(checks, "sql", known)
    topic = parse(known).topic_filter
    if topic is None:
        checks.refuse("sql", "a statement with FROM and a topic filter in quotes", repr(known), remedy)
    if topic.startswith("$aws/rules/"):
        checks.refuse(
            "sql",
            "a statement that selects from another topic than $aws/rules",
            repr(known),
            "name any topic: Basic Ingest messages reach the rule whatever stands in FROM",
        )
    if not topic.startswith("$"):
        check_topic_filter(checks, topic)


def check_batch(checks: Checks, select: str) -> None:
    """Refuse batch mode where the select list can never yield an array.

    Args:
        checks: The checks of the construct.
        select: The select list.

    Raises:
        ValueError: If each message is certain to yield something else than an array.
    """
    if is_token(select):
        return
    clause = select.strip()
    value = re.match(r"VALUE\b\s*(.*)", clause, re.IGNORECASE | re.DOTALL)
    if clause == "*" or (value and not _NEVER_ARRAY_VALUE.match(value[1])):
        return
    checks.refuse(
        "batch and select",
        "a select list that yields an array when batch is set",
        repr(clause),
        "write VALUE and the array, as in 'VALUE readings', or drop batch",
    )


def parse(sql: str) -> Statement:
    """Take the select list and the topic filter out of a statement.

    Args:
        sql: The statement; parts that are only known at deployment are None in the answer.
    """
    if is_token(sql):
        return Statement(None, None)
    start: int | None = None
    end: int | None = None
    for text, position in _outside_brackets(sql):
        if text.upper() == "SELECT" and start is None:
            start = position + len(text)
        elif text.upper() == "FROM" and end is None:
            end = position
        elif end is not None and text[0] in "'\"":
            select = sql[start:end].strip() if start is not None else None
            return Statement(select, text[1:-1])
        elif end is not None and not text.isspace():
            break
    return Statement(None, None)


def _outside_brackets(sql: str) -> Iterator[tuple[str, int]]:
    depth = 0
    for match in _TOKEN.finditer(sql):
        text = match[0]
        if text in _CLOSING:
            depth -= 1
        elif text in _CLOSING.values():
            depth += 1
        elif depth == 0:
            # The word after FROM is looked at by the caller, hence white space is not dropped here.
            yield text, match.start()
    return


def _check_functions(checks: Checks, argument: str, text: str) -> None:
    bare = "".join(word for word in _TOKEN.findall(text) if word[0] not in "'\"")
    for function, since in DEAD_FUNCTIONS.items():
        if re.search(rf"\b{function}\s*\(", bare, re.IGNORECASE):
            checks.refuse(argument, f"free of {function}", repr(text), f"call a model from the transform: {since}")
