"""Reading of the documents of components."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from .image_values import ImageComponent


class UnreadableError(Exception):
    """A document that cannot be read.

    Args:
        rule: What it must be.
        got: What it is.
        remedy: What to do.
    """

    def __init__(self, rule: str, got: str, remedy: str) -> None:
        super().__init__(f"must be {rule}, got {got}; {remedy}")
        self.rule, self.got, self.remedy = rule, got, remedy


def read(component: ImageComponent) -> tuple[str, Any]:
    """Return the text of a component's document, which Image Builder is given, and the document itself.

    The text of a mapping is JSON, which is YAML too, with its keys in the order in which they were given. The text of a
    file is the file's own.

    Args:
        component: The component.

    Raises:
        UnreadableError: If there is no such file, or it is neither YAML nor JSON.
    """
    if component.document is not None:
        document = _plain(component.document)
        return json.dumps(document, ensure_ascii=False, indent=2), document
    path = Path(str(component.path))
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise UnreadableError("a file", f"{str(path)!r}: {error.strerror}", _FROM_HERE) from error
    except UnicodeDecodeError as error:
        raise UnreadableError("a file in UTF-8", repr(str(path)), "save it in UTF-8") from error
    return text, _json(text) if path.suffix == ".json" else _yaml(text)


_FROM_HERE = "give a path that is absolute, or counts from where the app is run"


def _plain(value: Any) -> Any:
    """Return a value with mappings and sequences of whatever class as those that JSON knows."""
    if isinstance(value, Mapping):
        return {key: _plain(one) for key, one in value.items()}
    return [_plain(one) for one in value] if isinstance(value, list | tuple) else value


def _once(pairs: list[tuple[Any, Any]]) -> dict[Any, Any]:
    found: dict[Any, Any] = {}
    for key, value in pairs:
        if key in found:
            raise UnreadableError("a file that has every key of a mapping once", f"{key!r} twice", "drop one of them")
        found[key] = value
    return found


def _json(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_once)
    except json.JSONDecodeError as error:
        raise UnreadableError("a file in JSON", f"{error.msg} in line {error.lineno}", "mend it") from error


def _yaml(text: str) -> Any:
    # Imported here, because nobody else needs it.
    import yaml

    class Loader(yaml.SafeLoader):
        """Loads YAML as AWS does, which takes no key twice."""

    def mapping(loader: yaml.SafeLoader, node: yaml.MappingNode) -> dict[Any, Any]:
        plain = [pair for pair in node.value if pair[0].tag != "tag:yaml.org,2002:merge"]
        _once([(key.value, key) for key, _ in plain if isinstance(key, yaml.ScalarNode)])
        loader.flatten_mapping(node)
        return loader.construct_mapping(node, deep=True)

    Loader.add_constructor(yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG, mapping)
    try:
        return yaml.load(text, Loader)  # noqa: S506 - it is a safe one
    except yaml.YAMLError as error:
        mark = getattr(error, "problem_mark", None)
        where = "" if mark is None else f" in line {mark.line + 1}"
        problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "something else"
        raise UnreadableError("a file in YAML", f"{problem}{where}", "mend it") from error
