"""What contracts are made of: the needs of integrations, and how they find them in a template."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from .intrinsics import flat

Resources = dict[str, dict[str, Any]]


class Need(NamedTuple):
    """One permission that a role must have or, when a principal is named, that a resource must give it."""

    holder: str
    action: str
    resource: str
    why: str
    principal: str = ""


def used_by(resources: Resources, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield the resources of a type with their properties."""
    return ((name, flat(one.get("Properties", {}))) for name, one in resources.items() if one["Type"] == kind)


def name_of(reference: str) -> str:
    """Return the logical id of a reference."""
    return reference.strip("<>").partition(".")[0]
