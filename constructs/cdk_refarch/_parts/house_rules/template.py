"""Reading templates: resources, references, and values that only the deployment knows."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

NO_VALUE = {"Ref": "AWS::NoValue"}
PATH = "aws:cdk:path"


@dataclass(frozen=True)
class Resource:
    """A resource of a template.

    Attributes:
        id: Its logical id.
        kind: Its type, such as ``AWS::S3::Bucket``.
        body: All of it, as in the template.
    """

    id: str
    kind: str
    body: dict[str, Any]

    def get(self, *keys: str) -> Any:
        """Return what stands at a place below the properties, as ``dig`` does.

        Args:
            keys: The names on the way.
        """
        return dig(self.body, "Properties", *keys)

    @property
    def path(self) -> str | None:
        """The path of the construct, when the template has it."""
        return literal(dig(self.body, "Metadata", PATH))


class Template:
    """A template of which one branch of each condition is taken.

    Args:
        body: The template.
        branch: True for the first branch of every ``Fn::If``, False for the second.
    """

    def __init__(self, body: dict[str, Any], *, branch: bool = True) -> None:
        found = _settle(body.get("Resources"), branch)
        self.resources = {
            id: Resource(id, one["Type"], one)
            for id, one in (found.items() if isinstance(found, dict) else ())
            if isinstance(one, dict) and isinstance(one.get("Type"), str)
        }

    def of(self, *kinds: str) -> list[Resource]:
        """Return the resources of some types.

        Args:
            kinds: The types.
        """
        return [resource for resource in self.resources.values() if resource.kind in kinds]

    def named(self, value: Any) -> Resource | None:
        """Return the resource of this template that a reference names.

        Args:
            value: An intrinsic with one resource in it; for anything else there is none.
        """
        ids = references(value) & self.resources.keys() if is_intrinsic(value) else set()
        return self.resources[ids.pop()] if len(ids) == 1 else None

    def function(self, value: Any) -> Resource | None:
        """Return the function that a reference to it, or to a version or alias of it, means.

        Args:
            value: The reference.
        """
        found = self.named(value)
        # An alias names a function or a version, and a version a function.
        for _ in range(2):
            if found and found.kind in {"AWS::Lambda::Alias", "AWS::Lambda::Version"}:
                found = self.named(found.get("FunctionName"))
        return found if found and found.kind == "AWS::Lambda::Function" else None


def branches(body: dict[str, Any]) -> Iterator[Template]:
    """Yield a template with all its conditions true and, when it has any, with all of them false.

    Args:
        body: The template.
    """
    yield Template(body)
    if any("Fn::If" in found for found in walk(body.get("Resources"))):
        yield Template(body, branch=False)


def is_intrinsic(value: Any) -> bool:
    """Tell whether a value is a call that the deployment evaluates.

    Args:
        value: Any part of a template.
    """
    if not isinstance(value, dict) or len(value) != 1:
        return False
    (name,) = value
    return name == "Ref" or str(name).startswith("Fn::")


def dig(value: Any, *keys: str) -> Any:
    """Return what stands at a place, None when nothing does, or the intrinsic that hides it.

    Empty texts, lists and maps count as nothing, since that is what they are to AWS.

    Args:
        value: Where to begin.
        keys: The names on the way.
    """
    for key in keys:
        if is_intrinsic(value):
            return value
        value = value.get(key) if isinstance(value, dict) else None
    return None if value in ("", [], {}) else value


def listing(value: Any) -> list[Any]:
    """Return the entries of a value that may stand alone or in a list.

    Args:
        value: A list, one entry, None or an intrinsic, which has no entries that are known.
    """
    if isinstance(value, list):
        return value
    return [] if value is None or is_intrinsic(value) else [value]


def literal(value: Any) -> str | None:
    """Return a text that is known, or None.

    Args:
        value: Any part of a template. Dynamic references to secrets and parameters are not known.
    """
    return value if isinstance(value, str) and "{{resolve:" not in value else None


def number(value: Any) -> float | None:
    """Return a number that is known, or None.

    Args:
        value: Any part of a template; CloudFormation takes numbers as text too.
    """
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def flag(value: Any) -> bool | None:
    """Return a truth value that is known, or None.

    Args:
        value: Any part of a template; CloudFormation takes truth values as text too.
    """
    return {"true": True, "false": False}.get(str(value).lower())


def shape(value: Any) -> str:
    """Return a text with what is not known in angle brackets, as in ``events.<AWS.URLSuffix>``.

    Args:
        value: A text, or an intrinsic.
    """
    if isinstance(value, str):
        return value
    if not is_intrinsic(value):
        return str(value)
    (name,) = value
    held = value[name]
    if name == "Fn::Join" and isinstance(held, list) and len(held) == 2 and isinstance(held[1], list):
        return str(held[0]).join(shape(part) for part in held[1])
    if name == "Fn::Sub":
        held = held[0] if isinstance(held, list) and held else held
        return re.sub(r"\$\{([^}]*)\}", lambda found: f"<{found[1].replace('::', '.')}>", str(held))
    parts = [shape(part) for part in held] if isinstance(held, list) else [shape(held)]
    # Colons would read as parts of an ARN.
    return f"<{'.'.join(parts).replace('::', '.')}>"


def references(value: Any) -> set[str]:
    """Return the names that the references anywhere in a value hold.

    Args:
        value: Any part of a template.
    """
    found: set[str] = set()
    for part in walk(value):
        for name, held in part.items():
            if name == "Ref" and isinstance(held, str):
                found.add(held)
            elif name == "Fn::GetAtt":
                first = held[0] if isinstance(held, list) and held else held
                found.add(str(first).split(".")[0])
            elif name == "Fn::Sub":
                text = held[0] if isinstance(held, list) and held else held
                found.update(re.findall(r"\$\{(\w+)", str(text)))
    return found


def walk(value: Any) -> Iterator[dict[str, Any]]:
    """Yield every map in a value, itself included.

    Args:
        value: Any part of a template.
    """
    if isinstance(value, dict):
        yield value
    for child in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        yield from walk(child)


def parsed(value: Any) -> Any:
    """Return the document that a text of JSON is, or the value itself.

    Args:
        value: A policy document, which some resources take as text.
    """
    if not isinstance(value, str):
        return value
    try:
        return json.loads(value)
    except ValueError:
        return None


def _settle(value: Any, branch: bool) -> Any:
    if isinstance(value, dict):
        choice = value.get("Fn::If")
        if len(value) == 1 and isinstance(choice, list) and len(choice) == 3:
            return _settle(choice[1 if branch else 2], branch)
        settled = {key: _settle(one, branch) for key, one in value.items()}
        return {key: one for key, one in settled.items() if one != NO_VALUE}
    if isinstance(value, list):
        return [one for one in (_settle(one, branch) for one in value) if one != NO_VALUE]
    return value
