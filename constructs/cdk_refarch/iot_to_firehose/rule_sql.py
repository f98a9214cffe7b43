"""The SQL of an AWS IoT rule: built, taken apart and checked."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator
from typing import NamedTuple

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.text_checks import CLOSING, WORDS, check_balanced

RULE_NAME = r"[a-zA-Z0-9_]{1,128}"
"""https://docs.aws.amazon.com/iot/latest/apireference/API_CreateTopicRule.html, ruleName."""

DEAD_FUNCTIONS = {"machinelearning_predict": "Amazon Machine Learning takes no new customers since 2017-05"}
"""SQL functions whose service is gone."""

FOREIGN_WORDS = {"LIKE": "startswith() or regexp_matches()", "BETWEEN": ">= and <=", "JOIN": "a rule for each topic"}
"""Words of other SQL dialects, with what takes their place in AWS IoT SQL."""

# A select list that begins like this yields an object, text, number or truth value, whatever the payload is.
_NEVER_ARRAY = re.compile(r"""['"{0-9-]|(?:true|false|null)\b|(?:timestamp|topic)\(""", re.IGNORECASE)


class Word(NamedTuple):
    """A piece of a statement that stands in no bracket, and where it begins and ends."""

    text: str
    start: int
    end: int

    @property
    def quoted(self) -> bool:
        """Whether it is a text literal."""
        return self.text[0] in "'\""


class Statement(NamedTuple):
    """The clauses of a statement; None for one that is absent or cannot be told."""

    select: str | None
    topic_filter: str | None
    rest: str | None


def build(topic_filter: str, select: str, where: str | None) -> str:
    """Return the SQL for a topic filter, a select list and a condition.

    Args:
        topic_filter: The MQTT topic filter, checked before.
        select: The select list.
        where: The condition, or None for every message.
    """
    return f"SELECT {select} FROM '{topic_filter}'" + ("" if where is None else f" WHERE {where}")  # noqa: S608


def check_clause(checks: Checks, argument: str, value: object, keyword: str) -> None:
    """Refuse a select list or condition that would break the statement it is put into.

    Args:
        checks: The checks of the construct.
        argument: ``select`` or ``where``.
        value: What was given.
        keyword: The SQL word that the construct writes in front of it.

    Raises:
        ValueError: If it is empty, repeats the keyword, goes on with another clause, or leaves something open.
    """
    known = checks.text(argument, value, remedy="leave it out or give what follows the keyword")
    if known is None:
        return
    if re.match(rf"\s*{keyword}\b", known, re.IGNORECASE):
        checks.refuse(argument, f"what follows the word {keyword}", repr(known), f"drop the word {keyword}")
    _check_expressions(checks, argument, known)


def check_sql(checks: Checks, value: object) -> Statement:
    """Refuse a statement that AWS IoT would not take.

    Args:
        checks: The checks of the construct.
        value: The argument ``sql``.

    Returns:
        The clauses of the statement.

    Raises:
        ValueError: If it is not of the form SELECT ... FROM 'topic/filter' WHERE ...
    """
    remedy = "write it as SELECT ... FROM 'topic/filter' WHERE ..."
    known = checks.text("sql", value, remedy=remedy)
    if known is None:
        return Statement(None, None, None)
    if not re.match(r"\s*(SELECT|SET)\b", known, re.IGNORECASE):
        checks.refuse("sql", "a statement that begins with SELECT", repr(known), remedy)
    check_balanced(checks, "sql", known)
    statement = parse(known)
    if not statement.select or statement.topic_filter is None:
        hint = f"{remedy}; for Basic Ingest alone any topic will do"
        checks.refuse("sql", "a statement with SELECT, FROM and a topic filter in quotes", repr(known), hint)
    _check_expressions(checks, "sql", statement.select)
    if statement.rest:
        where = re.match(r"WHERE\b\s*(.+)", statement.rest, re.IGNORECASE | re.DOTALL)
        if not where:
            checks.refuse("sql", "a statement with nothing but WHERE after the topic filter", repr(known), remedy)
        _check_expressions(checks, "sql", where[1])
    return statement


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
    value = re.match(r"VALUE\b\s*(.+)", clause, re.IGNORECASE | re.DOTALL)
    if clause == "*":
        return
    if value and not _NEVER_ARRAY.match(value[1]):
        several = any(word.text == "," or word.text.upper() == "AS" for word in _outside_brackets(value[1]))
        if not several:
            return
    checks.refuse(
        "batch and select",
        "a select list that yields an array when batch is set",
        repr(clause),
        "write VALUE and the array, as in 'VALUE readings', or drop batch",
    )


def parse(sql: str) -> Statement:
    """Take a statement apart.

    Args:
        sql: The statement; nothing can be told of one that is only known at deployment.
    """
    select: Word | None = None
    source: Word | None = None
    for word in [] if is_token(sql) else _outside_brackets(sql):
        if source is not None:
            if not word.quoted:
                break
            clause = sql[select.end : source.start].strip() if select is not None else None
            return Statement(clause, word.text[1:-1], sql[word.end :].strip())
        if select is None and word.text.upper() == "SELECT":
            select = word
        elif word.text.upper() == "FROM":
            source = word
    return Statement(None, None, None)


def _outside_brackets(sql: str) -> Iterator[Word]:
    depth = 0
    for match in WORDS.finditer(sql):
        if match[0] in CLOSING:
            depth -= 1
        elif match[0] in CLOSING.values():
            depth += 1
        elif depth == 0 and not match[0].isspace():
            yield Word(match[0], match.start(), match.end())


def _check_expressions(checks: Checks, argument: str, text: str) -> None:
    check_balanced(checks, argument, text)
    words = list(_outside_brackets(text))
    previous = ""
    for word, following in itertools.zip_longest(words, words[1:]):
        upper = word.text.upper()
        column = previous in ("", ",", "AS")
        if upper == ";" or (upper == "WHERE" and not column) or (upper == "FROM" and following and following.quoted):
            checks.refuse(argument, "a single clause", repr(text), f"drop {word.text} and what follows it")
        pair = f"{upper} {following.text.upper() if following else ''}"
        if pair in ("GROUP BY", "ORDER BY", "IS NULL", "IS NOT"):
            checks.refuse(argument, "AWS IoT SQL", repr(text), f"it has no {pair}; use its functions instead")
        operand = following is not None and (following.quoted or following.text[0].isalnum())
        if upper == "DISTINCT" and operand and not previous:
            checks.refuse(argument, "AWS IoT SQL", repr(text), "it has no DISTINCT; drop it")
        if upper in FOREIGN_WORDS and operand and previous not in ("", "AND", "OR", "NOT", ","):
            checks.refuse(argument, "AWS IoT SQL", repr(text), f"it has no {upper}; use {FOREIGN_WORDS[upper]}")
        previous = upper
    if words and words[-1].text == ",":
        checks.refuse(argument, "a list without a comma at its end", repr(text), "drop the comma")
    bare = "".join(piece for piece in WORDS.findall(text) if piece[0] not in "'\"")
    for function, since in DEAD_FUNCTIONS.items():
        if re.search(rf"\b{function}\s*\(", bare, re.IGNORECASE):
            checks.refuse(argument, f"free of {function}", repr(text), f"call a model from the transform: {since}")
