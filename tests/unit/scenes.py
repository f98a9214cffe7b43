"""Constructs that the tests of a folder read: made once, in stacks that are synthesized once."""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from tests.unit.templates import Template, flat, rows

State = dict[str, Any]
"""A state of a state machine, as Amazon States Language writes it."""


@dataclass(frozen=True)
class Scene:
    """A construct, and what its stack became."""

    made: Any
    template: Template

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, in a form that can be read."""
        return flat(self.template.of(construct))

    def all(self, kind: str) -> list[Any]:
        """The properties of all resources of a type."""
        return [flat(one.get("Properties", {})) for one in self.template.all(kind)]

    def named(self, path: str) -> Any:
        """A construct inside, by its path."""
        return functools.reduce(lambda found, id: found.node.find_child(id), path.split("/"), self.made)

    def variables(self, path: str) -> Any:
        """What a function reads in its environment, by the path of the part that it belongs to."""
        return self.of(self.named(f"{path}/Function"))["Environment"]["Variables"]

    def may(self, path: str) -> set[tuple[str, str, str]]:
        """What a role may do, by its path."""
        return set(rows(self.of(self.named(path))))

    @property
    def definition(self) -> Any:
        """The state machine in Amazon States Language, with references in a form that can be read."""
        return json.loads(self.of(self.made.state_machine)["DefinitionString"])


def following(state: State) -> Iterator[str]:
    """Yield the names of the states that a state may go on to."""
    for key in ("Next", "Default"):
        if key in state:
            yield state[key]
    for branch in (*state.get("Choices", ()), *state.get("Catch", ())):
        yield branch["Next"]


def reached(definition: dict[str, Any]) -> set[str]:
    """Return the names of the states that a run may come to, each of which must be there.

    Args:
        definition: The state machine, or what a ``Map`` does with an item.
    """
    found: set[str] = set()
    waiting = {definition["StartAt"]}
    while waiting:
        name = waiting.pop()
        found.add(name)
        waiting |= set(following(definition["States"][name])) - found
    return found
