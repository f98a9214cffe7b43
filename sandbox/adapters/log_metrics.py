"""Metric filters of log groups, which MiniStack stores and never applies.

What is written to a group, by whomever, is matched with the patterns of its filters: words, as MiniStack matches them,
or JSON with comparisons of fields, ``&&``, ``||`` and brackets. ``*`` stands for any text. Metrics are counted at once;
default values are not.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from functools import cache
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs

Test = Callable[[Any], bool]
_TOKEN = re.compile(r'\s*(\|\||&&|[(){}]|!=|<=|>=|=|<|>|"(?:[^"\\]|\\.)*"|[^\s(){}=!<>|&]+)')
_NUMBERS: dict[str, Callable[[float, float], bool]] = {
    "<": lambda value, wanted: value < wanted,
    "<=": lambda value, wanted: value <= wanted,
    ">": lambda value, wanted: value > wanted,
    ">=": lambda value, wanted: value >= wanted,
}
_log = logging.getLogger("sandbox.logs")
_fan_out = cloudwatch_logs._fanout_to_subscription_filters


def install() -> None:
    """Put the adapter in MiniStack's place."""
    cloudwatch_logs._fanout_to_subscription_filters = _written


def _written(group: str, stream: str, events: Iterable[Mapping[str, Any]]) -> None:
    """Take what has been written to a group: apply its metric filters, then its subscription filters."""
    events = list(events)
    for filter in cloudwatch_logs._metric_filters.values():
        if filter["logGroupName"] == group:
            for event in events:
                _apply(filter, event.get("message", ""))
    _fan_out(group, stream, events)


def _apply(filter: Mapping[str, Any], message: str) -> None:
    try:
        document = json.loads(message)
    except ValueError:
        document = None
    pattern = filter["filterPattern"].strip()
    if not (_compiled(pattern)(document) if pattern[:1] == "{" else _words(pattern)(message)):
        return
    for one in filter["metricTransformations"]:
        value = _number(_resolved(document, str(one["metricValue"])))
        dimensions = {name: str(_resolved(document, text)) for name, text in one.get("dimensions", {}).items()}
        if value is not None:
            unit = one.get("unit", "None")
            cloudwatch.record_metric(one["metricNamespace"], one["metricName"], value, unit, dimensions)


def _words(pattern: str) -> Callable[[str], bool]:
    test: Callable[[str], bool] = cloudwatch_logs._compile_filter_pattern(pattern)
    return test


def _resolved(document: Any, text: str) -> Any:
    return _field(document, text) if text.startswith("$.") else text


def _number(value: Any) -> float | None:
    try:
        return float(value)
    except (TypeError, ValueError):
        return None


def _field(document: Any, path: str) -> Any:
    """A field such as ``$.a.b[0]``; None if it is not there."""
    for name, index in re.findall(r"\.([^.\[\]]+)|\[(\d+)\]", path):
        if name:
            document = document.get(name) if isinstance(document, dict) else None
        else:
            there = isinstance(document, list) and int(index) < len(document)
            document = document[int(index)] if there else None
    return document


@cache
def _compiled(pattern: str) -> Test:
    """The test that a JSON pattern is; one that cannot be read never holds."""
    tokens = _TOKEN.findall(pattern.strip()[1:-1])
    try:
        test = _either(tokens)
    except (IndexError, KeyError, ValueError):
        tokens = ["?"]
    if tokens:
        _log.warning("the sandbox cannot read the filter pattern %s", pattern)
        return lambda document: False
    return test


def _either(tokens: list[str]) -> Test:
    tests = [_all(tokens)]
    while tokens[:1] == ["||"]:
        tokens.pop(0)
        tests.append(_all(tokens))
    return lambda document: any(test(document) for test in tests)


def _all(tokens: list[str]) -> Test:
    tests = [_comparison(tokens)]
    while tokens[:1] == ["&&"]:
        tokens.pop(0)
        tests.append(_comparison(tokens))
    return lambda document: all(test(document) for test in tests)


def _comparison(tokens: list[str]) -> Test:
    path = tokens.pop(0)
    if path == "(":
        inner = _either(tokens)
        tokens.remove(")")
        return inner
    operator, wanted = tokens.pop(0), tokens.pop(0).strip('"')
    if operator in ("=", "!="):
        return lambda document: _equals(_field(document, path), wanted, operator == "=")
    compare, limit = _NUMBERS[operator], float(wanted)

    def holds(document: Any) -> bool:
        value = _number(_field(document, path))
        return value is not None and compare(value, limit)

    return holds


def _equals(value: Any, wanted: str, expected: bool) -> bool:
    """Whether a field is, or is not, a text or a number; a field that is not there is neither."""
    if value is None:
        return False
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return (fnmatchcase(text, wanted) or _number(value) == _number(wanted) is not None) == expected
