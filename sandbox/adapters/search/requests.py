"""A request to a domain or a collection, and what says whether its caller may do what it wants."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol
from urllib.parse import unquote

from .indices import Problem

Record = dict[str, Any]
Answer = tuple[int, Any]
"""The status, and JSON or text."""


@dataclass(frozen=True)
class Request:
    """A request.

    Attributes:
        method: The method.
        path: The path within the domain or the collection, without the slash in front.
        query: The members of the query string.
        body: The body.
        labels: What the path has in place of its parameters.
    """

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    labels: Mapping[str, str] = field(default_factory=dict)

    def json(self) -> Record:
        """The body as an object; empty if there is none.

        Raises:
            Problem: If it is none.
        """
        try:
            found = json.loads(self.body) if self.body.strip() else {}
        except ValueError as error:
            raise Problem(400, "parse_exception", f"Failed to parse content to map: {error}") from error
        if not isinstance(found, dict):
            raise Problem(400, "parse_exception", "Failed to parse content to map")
        return found

    def of(self, name: str) -> str:
        """A parameter of the path; empty if it has none.

        Args:
            name: Its name.
        """
        return unquote(self.labels.get(name) or "")


class Guard(Protocol):
    """Says what a caller may do.

    Attributes:
        each: Whether documents of a bulk request are refused one by one, not the whole request.
        identified: Whether documents may have ids of the caller's.
    """

    each: bool
    identified: bool

    def cluster(self, action: str) -> None:
        """Refuse an action on the cluster that the caller may not do."""

    def index(self, action: str, name: str) -> None:
        """Refuse an action on an index that the caller may not do."""
