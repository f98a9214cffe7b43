"""What a statement answers."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Answer:
    """The outcome of a statement.

    Attributes:
        columns: Names and DuckDB's types of the result's columns; None if it has no result.
        rows: The rows.
        count: How many rows it returned or changed, -1 where that says nothing.
    """

    columns: list[tuple[str, str]] | None
    rows: list[tuple[Any, ...]]
    count: int


NOTHING = Answer(None, [], -1)
"""Of statements that only do something."""
