"""Whether a reply is one that a service can give, by botocore's model of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import datetime
from typing import Any

SCALARS: dict[str, tuple[type, ...]] = {
    "blob": (bytes,),
    "boolean": (bool,),
    "character": (str,),
    "double": (float, int),
    "float": (float, int),
    "integer": (int,),
    "long": (int,),
    "string": (str,),
    "timestamp": (datetime,),
}
"""What botocore makes of the values in a response."""

CONTAINERS: dict[str, type] = {"list": list, "map": Mapping}
"""The same for what holds other values."""


def check_reply(model: Any, answer: Mapping[str, Any]) -> None:
    """Refuse a response that the operation cannot give.

    Args:
        model: The operation of botocore.
        answer: The response, without metadata.

    Raises:
        ValueError: If it has unknown or lacks required members, or values of wrong types, with a line for each.
    """
    name = f"{model.service_model.service_name} {model.name}"
    if model.output_shape is None:
        problems = [f" must be empty, got {dict(answer)}"] if answer else []
    else:
        problems = list(_problems(model.output_shape, answer, ""))
    if problems:
        raise ValueError("\n".join(f"{name}: reply{problem}; mend the reply" for problem in problems))


def _problems(shape: Any, value: Any, at: str) -> Iterator[str]:
    kind = shape.type_name
    if kind == "structure":
        # A document may hold anything.
        yield from () if shape.is_document_type else _problems_of_structure(shape, value, at)
    elif kind in CONTAINERS:
        yield from _problems_of_container(shape, value, at)
    elif not isinstance(value, SCALARS[kind]) or (isinstance(value, bool) and kind != "boolean"):
        yield f"{at} must be {' or '.join(one.__name__ for one in SCALARS[kind])}, got {value!r}"
    elif isinstance(value, datetime) and value.tzinfo is None:
        yield f"{at} must have a time zone, got {value!r}"
    elif kind == "string" and shape.enum and value not in shape.enum:
        yield f"{at} must be one of {', '.join(shape.enum)}, got {value!r}"


def _problems_of_container(shape: Any, value: Any, at: str) -> Iterator[str]:
    fits = isinstance(value, CONTAINERS[shape.type_name])
    if not fits:
        yield f"{at} must be a {shape.type_name}, got {value!r}"
    elif shape.type_name == "list":
        for index, item in enumerate(value):
            yield from _problems(shape.member, item, f"{at}[{index}]")
    else:
        for key, item in value.items():
            yield from _problems(shape.key, key, f"{at} key")
            yield from _problems(shape.value, item, f"{at}[{key!r}]")


def _problems_of_structure(shape: Any, value: Any, at: str) -> Iterator[str]:
    if not isinstance(value, Mapping):
        yield f"{at} must be a mapping, got {value!r}"
        return
    for name in shape.required_members:
        if name not in value:
            yield f"{at}.{name} must be there, got none"
    if shape.is_tagged_union and len(value) != 1:
        yield f"{at} must have exactly one of {', '.join(shape.members)}, got {list(value)}"
    for name, item in value.items():
        if name in shape.members:
            yield from _problems(shape.members[name], item, f"{at}.{name}")
        else:
            yield f"{at} must have no key but {', '.join(shape.members)}, got {name!r}"
