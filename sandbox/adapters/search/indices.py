"""Indices in memory: documents with their mappings, and templates for indices that are yet to be made.

Documents can be found at once, where OpenSearch takes a second. There are no shards, no aggregations and no scores.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any
from uuid import uuid4

from . import mappings, queries

Record = dict[str, Any]
_SHARDS = {"total": 1, "successful": 1, "failed": 0}
_NAME = re.compile(r"(?![_+-])[^A-Z\\/*?\"<>| ,#:]+")
_RESULTS = 10_000


class Problem(Exception):
    """OpenSearch refuses something.

    Args:
        status: The HTTP status.
        kind: The type of the error.
        reason: What it says.
        more: What else the error has.
    """

    def __init__(self, status: int, kind: str, reason: str, **more: Any) -> None:
        super().__init__(reason)
        self.status, self.error = status, {"type": kind, "reason": reason, **more}

    def answer(self) -> Record:
        """The body of the answer."""
        return {"error": {"root_cause": [dict(self.error)], **self.error}, "status": self.status}


@dataclass
class Index:
    """An index.

    Attributes:
        name: Its name.
        mapping: The types of its fields.
        settings: Its settings.
        aliases: Its other names.
        documents: Its documents by id, with their versions.
        sequence: How many changes it had.
    """

    name: str
    mapping: Record = field(default_factory=lambda: {"properties": {}})
    settings: Record = field(default_factory=dict)
    aliases: Record = field(default_factory=dict)
    documents: dict[str, tuple[int, Record]] = field(default_factory=dict)
    sequence: int = 0

    def put(self, id: str | None, source: Any, *, create: bool = False) -> Record:
        """Store a document.

        Args:
            id: Its id; None for a new one.
            source: The document.
            create: Whether it must not be there yet.

        Raises:
            Problem: If it does not fit the mapping, or is there.
        """
        id = id or uuid4().hex[:20]
        if not isinstance(source, dict):
            raise Problem(400, "mapper_parsing_exception", "failed to parse")
        version, _ = self.documents.get(id, (0, None))
        if create and version:
            text = f"[{id}]: version conflict, document already exists (current version [{version}])"
            raise Problem(409, "version_conflict_engine_exception", text, index=self.name)
        try:
            self.mapping = mappings.fitted(self.mapping, source, id)
        except mappings.Unfit as unfit:
            error = unfit.as_error()
            raise Problem(400, error.pop("type"), error.pop("reason"), **error) from unfit
        self.documents[id] = version + 1, source
        self.sequence += 1
        result = "updated" if version else "created"
        return self._changed(id, version + 1, result)

    def remove(self, id: str) -> Record:
        """Delete a document.

        Args:
            id: Its id.
        """
        version, _ = self.documents.pop(id, (0, None))
        self.sequence += 1
        return self._changed(id, version + 1, "deleted" if version else "not_found")

    def _changed(self, id: str, version: int, result: str) -> Record:
        what = {"_index": self.name, "_id": id, "_version": version, "result": result}
        return {**what, "_shards": dict(_SHARDS), "_seq_no": self.sequence - 1, "_primary_term": 1}

    def hits(self, query: Mapping[str, Any]) -> Iterator[Record]:
        """The documents that a query finds.

        Args:
            query: The query.
        """
        for id, (_, source) in list(self.documents.items()):
            if queries.matches(query, id, source, self.mapping):
                yield {"_index": self.name, "_id": id, "_score": 1.0, "_source": source}


class Cluster:
    """The indices of a domain or a collection."""

    def __init__(self) -> None:
        self.indices: dict[str, Index] = {}
        self.templates: dict[str, Record] = {}
        self.lock = threading.RLock()

    def create(self, name: str, given: Mapping[str, Any] | None = None) -> Index:
        """Create an index, with what the templates that fit say.

        Args:
            name: Its name.
            given: Its settings, mappings and aliases.

        Raises:
            Problem: If the name is taken or none.
        """
        if name in self.indices:
            text = f"index [{name}/{uuid4().hex[:22]}] already exists"
            raise Problem(400, "resource_already_exists_exception", text, index=name)
        if not _NAME.fullmatch(name) or len(name.encode()) > 255:
            text = f'Invalid index name [{name}], must be lowercase and have none of \\/*?"<>| ,#: in it'
            raise Problem(400, "invalid_index_name_exception", text, index=name)
        fitting = [one for one in self.templates.values() if any(fnmatchcase(name, p) for p in one["index_patterns"])]
        fitting.sort(key=lambda one: int(one.get("priority") or one.get("order") or 0))
        index = Index(name)
        for one in (*(found.get("template", found) for found in fitting[-1:]), given or {}):
            index.settings |= one.get("settings", {})
            index.aliases |= one.get("aliases", {})
            extra = one.get("mappings", {})
            properties = {**index.mapping["properties"], **extra.get("properties", {})}
            index.mapping = {**index.mapping, **extra, "properties": properties}
        self.indices[name] = index
        return index

    def resolved(self, expression: str, *, missing: bool = False) -> list[Index]:
        """The indices that an expression names.

        Args:
            expression: Names and patterns with commas; empty for all.
            missing: Whether one that is not there is nothing, and no error.

        Raises:
            Problem: If one is not there.
        """
        found: dict[str, Index] = {}
        for part in (expression or "*").split(","):
            pattern = "*" if part == "_all" else part
            fitting = {
                one.name: one
                for one in self.indices.values()
                if any(fnmatchcase(name, pattern) for name in (one.name, *one.aliases))
            }
            if not fitting and "*" not in pattern and not missing:
                raise Problem(404, "index_not_found_exception", f"no such index [{pattern}]", index=pattern)
            found |= fitting
        return list(found.values())

    def search(self, expression: str, request: Mapping[str, Any], *, missing: bool = False) -> Record:
        """Search.

        Args:
            expression: The indices.
            request: The body of the request.
            missing: Whether indices may be missing.

        Raises:
            Problem: If an index is not there or the query is none that the sandbox has.
        """
        if unknown := request.keys() & {"aggregations", "aggs", "knn", "suggest"}:
            raise Problem(
                400, "parsing_exception", f"the sandbox has no {', '.join(unknown)}; add it to search/queries.py"
            )
        hits = self.found(expression, request, missing=missing)
        if request.get("sort"):
            hits = queries.ordered(hits, request["sort"])
        start, size = int(request.get("from", 0)), int(request.get("size", 10))
        if start + size > _RESULTS:
            text = f"Result window is too large, from + size must be less than or equal to: [{_RESULTS}]"
            raise Problem(400, "illegal_argument_exception", text)
        total = {"value": len(hits), "relation": "eq"}
        shown = {"total": total, "max_score": 1.0 if hits else None, "hits": hits[start : start + size]}
        return {"took": 1, "timed_out": False, "_shards": {**_SHARDS, "skipped": 0}, "hits": shown}

    def found(self, expression: str, request: Mapping[str, Any], *, missing: bool = False) -> list[Record]:
        """All documents that a query finds.

        Args:
            expression: The indices.
            request: The body of the request, with ``query``.
            missing: Whether indices may be missing.

        Raises:
            Problem: If an index is not there or the query is none that the sandbox has.
        """
        try:
            return [
                hit
                for one in self.resolved(expression, missing=missing)
                for hit in one.hits(request.get("query") or {})
            ]
        except queries.Unknown as unknown:
            raise Problem(400, "parsing_exception", str(unknown)) from unknown
