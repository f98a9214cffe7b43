"""What contracts are made of: the needs of integrations, and how they find them in a template."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .intrinsics import flat

Resources = dict[str, dict[str, Any]]


class Need(NamedTuple):
    """One permission that a role must have or, when a principal is named, that a resource must give it.

    Where it is about a key, ``via`` is the service that uses the key for the role.
    """

    holder: str
    action: str
    resource: str
    why: str
    principal: str = ""
    via: str = ""


def used_by(resources: Resources, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of a type with their properties."""
    return ((name, flat(one.get("Properties", {}))) for name, one in resources.items() if one["Type"] == kind)


def name_of(reference: str) -> str:
    """Return the logical id of a reference."""
    return reference.strip("<>").partition(".")[0]


def tasks(machine: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the tasks of a state machine, also those that it does for each item, by their names."""
    waiting = [json.loads(machine["DefinitionString"])]
    while waiting:
        for name, state in waiting.pop()["States"].items():
            if state["Type"] == "Task":
                yield name, state
            waiting += [state["ItemProcessor"]] if "ItemProcessor" in state else []
