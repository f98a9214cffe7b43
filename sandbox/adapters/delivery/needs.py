"""The calls of a change: those of ``calls`` with their resources, and those that depend on more than the type.

Each call is ``<action>[?<property>] [<resource>]``: asked for if the property is given, or changed; the resource is the
type's ARN unless it says otherwise. Braces are replaced by ``{name}``, ``{arn}``, ``{account}``, ``{region}`` and, with
its value, any property; a property with a list is asked for each of its items.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.adapters.schemas import dig

from .grants import Change, Kind, Need, role_arn, tags
from .special_grants import MORE

_SUFFIX = "ABCDEFGHIJKL"
_GROUPS = "/aws/cloudformation/"


def needs(kind: Kind, change: Change) -> Iterator[Need]:
    """The calls that a change needs.

    Args:
        kind: What CloudFormation calls for the type.
        change: The change.
    """
    arn = _arn(kind, change)
    if change.kind in MORE:
        yield from MORE[change.kind](change, arn)
    for call in getattr(kind, change.operation):
        action, _, form = call.partition(" ")
        action, _, name = action.partition("?")
        if not name or change.concerns(name):
            for resource in _filled(form or "{arn}", change, arn):
                yield Need(action, resource, change.conditions(action))
    if kind.tag and change.operation != "delete" and tags(change.new) != tags(change.old):
        yield Need(kind.tag, arn, change.conditions(kind.tag))
    if change.operation != "delete":
        for path, service in kind.passes.items():
            role = dig(change.new, path.split("."))
            if isinstance(role, str) and role:
                yield Need("iam:PassRole", role_arn(role, change.account), {"iam:PassedToService": service})


def _arn(kind: Kind, change: Change) -> str:
    given = change.properties.get(kind.name) if kind.name else None
    name = str(given or change.physical_id or f"{change.stack}-{change.logical_id}-{_SUFFIX}")
    if change.physical_id.startswith("arn:") and kind.arn.startswith("arn:"):
        return change.physical_id
    if not given and change.physical_id:
        name = re.split(r"[/|]", change.physical_id)[-1]
    form = kind.arn.replace("{path}", str(change.properties.get("Path") or "/"))
    name = name.lower().replace(" ", "-") if kind.lower else name
    return next(_filled(form.replace("{name}", name), change, ""))


def _filled(form: str, change: Change, arn: str) -> Iterator[str]:
    known = {"account": change.account, "region": change.region, "arn": arn, "name": arn.rpartition(":")[2]}
    found = re.findall(r"\{([\w.]+)\}", form)
    values: list[dict[str, str]] = [{}]
    for name in found:
        value = known[name] if name in known else _dug(change.properties, name)
        items = value if isinstance(value, list) else [value]
        plain = name in known or not form.startswith("arn:")
        names = [str(item) if plain else _last(_named(str(item))) for item in items if item is not None]
        values = [{**one, name: item} for one in values for item in names]
    for one in values:
        yield re.sub(r"\{([\w.]+)\}", lambda match: one[match[1]], form)  # noqa: B023 - replaced at once


def _named(value: str) -> str:
    """A name as AWS makes it up: MiniStack makes up other ones for log groups."""
    return f"{value.removeprefix(_GROUPS).replace('/', '-')}-{_SUFFIX}" if value.startswith(_GROUPS) else value


def _last(value: str) -> str:
    """A name, also of what is given by its ARN."""
    return re.split(r"[:/]", value)[-1] if value.startswith("arn:") else value


def _dug(value: Any, path: str) -> Any:
    """A nested value; of lists a list."""
    for step in path.split("."):
        if isinstance(value, list):
            value = [one.get(step) for one in value if isinstance(one, Mapping)]
        else:
            value = value.get(step) if isinstance(value, Mapping) else None
    return value
