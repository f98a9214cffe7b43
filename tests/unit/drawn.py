"""Arguments as properties draw them: mostly legal, and of one part such that are never legal."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from hypothesis import strategies as st

Values = tuple[list[Any], list[Any]]
"""What is legal, and what never is."""

Choices = Mapping[str, Values]
"""Arguments by name."""


class Drawn:
    """Arguments as they are drawn; those of one part may be such that are never legal.

    Args:
        draw: What draws them.
        parts: The parts that arguments belong to.
        tame: How often, compared with one part, all arguments are legal.
    """

    def __init__(self, draw: st.DrawFn, parts: Sequence[str], *, tame: int) -> None:
        self._draw = draw
        # One part only: what is checked first would hide the rest.
        self._wild = draw(st.sampled_from([*parts, *["none"] * tame]))

    def wants(self, part: str, one_in: int) -> bool:
        return bool(part == self._wild or self._draw(st.integers(1, one_in)) == one_in)

    def one(self, part: str, values: Values) -> Any:
        legal, never = values
        bad = part == self._wild and self._draw(st.integers(0, 2)) > 0
        return self._draw(st.sampled_from(never if bad else legal))

    def some(self, part: str, choices: Choices, most: int = 2) -> dict[str, Any]:
        low = 1 if part == self._wild else 0
        names = self._draw(st.lists(st.sampled_from(sorted(choices)), min_size=low, max_size=most, unique=True))
        return {name: self.one(part, choices[name]) for name in names}
