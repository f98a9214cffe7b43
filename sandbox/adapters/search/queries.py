"""Which documents a query finds: the common kinds of OpenSearch's query language, without scores."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any

from .mappings import type_of

Record = dict[str, Any]
_WORD = re.compile(r"\w+")


class Unknown(Exception):
    """The query has a kind that is not known."""


def matches(query: Mapping[str, Any], id: str, source: Mapping[str, Any], mapping: Mapping[str, Any]) -> bool:
    """Whether a query finds a document.

    Args:
        query: The query; empty for all.
        id: The document's id.
        source: The document.
        mapping: The mapping of its index.

    Raises:
        Unknown: If the sandbox has no such query.
    """
    if not query:
        return True
    ((kind, given),) = query.items()
    if kind not in _KINDS:
        raise Unknown(f"unknown query [{kind}]")
    return _KINDS[kind](given, id, source, mapping)


def values(source: Any, path: str) -> list[Any]:
    """The values of a field of a document.

    Args:
        source: The document.
        path: The field's name, with dots.
    """
    return [one for one in _values(source, path.split(".")) if one is not None]


def _values(found: Any, names: Sequence[str]) -> Iterator[Any]:
    if isinstance(found, list):
        for one in found:
            yield from _values(one, names)
    elif not names:
        yield found
    elif isinstance(found, Mapping):
        for count in range(1, len(names) + 1):
            name = ".".join(names[:count])
            if name in found:
                yield from _values(found[name], names[count:])


def _of_field(source: Any, mapping: Any, path: str) -> tuple[list[Any], str]:
    """The values of a field, which may be one within another, and its type."""
    kind = type_of(mapping, path)
    outer, _, inner = path.rpartition(".")
    if inner and outer and not values(source, path) and type_of(mapping, outer) in ("keyword", "text"):
        return values(source, outer), kind
    return values(source, path), kind


def _words(value: Any) -> list[str]:
    return _WORD.findall(str(value).lower())


def _same(value: Any, wanted: Any, kind: str) -> bool:
    if kind == "text":
        return str(wanted) in _words(value)
    if isinstance(value, bool) or isinstance(wanted, bool):
        return str(value).lower() == str(wanted).lower()
    return bool(value == wanted or str(value) == str(wanted))


def _field(given: Mapping[str, Any], member: str) -> tuple[str, Any]:
    ((path, value),) = ((name, one) for name, one in given.items() if name != "boost")
    return path, value[member] if isinstance(value, Mapping) and member in value else value


def _term(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "value")
    found, kind = _of_field(source, mapping, path)
    return any(_same(one, wanted, kind) for one in found)


def _terms(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "terms")
    return any(_term({path: one}, id, source, mapping) for one in wanted)


def _match(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "query")
    found, kind = _of_field(source, mapping, path)
    if kind == "text":
        words = set(_words(wanted))
        return any(words & set(_words(one)) for one in found)
    return any(_same(one, wanted, kind) for one in found)


def _phrase(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "query")
    text = " ".join(_words(wanted))
    return any(f" {text} " in f" {' '.join(_words(one))} " for one in _of_field(source, mapping, path)[0])


def _range(given: Any, id: str, source: Any, mapping: Any) -> bool:
    ((path, limits),) = given.items()
    found, _ = _of_field(source, mapping, path)
    return any(all(_within(one, name, limit) for name, limit in limits.items() if name in _LIMITS) for one in found)


_LIMITS: dict[str, Callable[[Any, Any], bool]] = {
    "gt": lambda value, limit: value > limit,
    "gte": lambda value, limit: value >= limit,
    "lt": lambda value, limit: value < limit,
    "lte": lambda value, limit: value <= limit,
}


def _within(value: Any, name: str, limit: Any) -> bool:
    try:
        return _LIMITS[name](float(value), float(limit))
    except (TypeError, ValueError):
        return _LIMITS[name](str(value), str(limit))


def _bool(given: Any, id: str, source: Any, mapping: Any) -> bool:
    def hold(name: str) -> list[bool]:
        several = given.get(name, [])
        several = several if isinstance(several, list) else [several]
        return [matches(one, id, source, mapping) for one in several]

    should = hold("should")
    least = int(given.get("minimum_should_match", 0 if "must" in given or "filter" in given else min(1, len(should))))
    return all(hold("must") + hold("filter")) and not any(hold("must_not")) and sum(should) >= least


def _like(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "value")
    return any(fnmatchcase(str(one), wanted) for one in _of_field(source, mapping, path)[0])


def _prefix(given: Any, id: str, source: Any, mapping: Any) -> bool:
    path, wanted = _field(given, "value")
    return _like({path: f"{wanted}*"}, id, source, mapping)


_KINDS: dict[str, Callable[[Any, str, Any, Any], bool]] = {
    "bool": _bool,
    "exists": lambda given, id, source, mapping: bool(values(source, given["field"])),
    "ids": lambda given, id, source, mapping: id in given["values"],
    "match": _match,
    "match_all": lambda given, id, source, mapping: True,
    "match_none": lambda given, id, source, mapping: False,
    "match_phrase": _phrase,
    "prefix": _prefix,
    "range": _range,
    "term": _term,
    "terms": _terms,
    "wildcard": _like,
}


def ordered(hits: list[Record], sort: Any) -> list[Record]:
    """Hits in the order that a request asks for.

    Args:
        hits: The hits, with ``_source``.
        sort: What the request says.
    """
    for one in reversed(sort if isinstance(sort, list) else [sort]):
        path, how = next(iter(one.items())) if isinstance(one, Mapping) else (one, "asc")
        order = how.get("order", "asc") if isinstance(how, Mapping) else how
        name = str(path).removesuffix(".keyword")

        def key(hit: Record, name: str = name) -> tuple[bool, Any]:
            found = values(hit["_source"], name)
            first = found[0] if found else None
            return first is None, first if isinstance(first, int | float) else str(first)

        hits = sorted(hits, key=key, reverse=order == "desc")
    return hits
