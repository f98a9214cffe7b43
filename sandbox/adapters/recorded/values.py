"""What a service would decide about a resource: its identifiers, ARNs and other read-only properties.

They are as the resource's schema says: of its type, matching its pattern, one of its enum. The same resource always
gets the same values; after a replacement it gets others.
"""

from __future__ import annotations

import ast
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from sandbox.adapters import arns
from sandbox.adapters.keywords import FORMATS
from sandbox.adapters.schemas import Schema, dig

from . import patterns

_SETTLED = ("ACTIVE", "AVAILABLE", "ENABLED", "CREATED", "CREATE_COMPLETE", "READY", "RUNNING", "COMPLETED", "SUCCESS")
_TEXTS = {
    r"account|^owner(id)?$": ("{0.account}",),
    r"^region$": ("{0.region}",),
    r"ids?$": ("{id}",),
    r"name$": ("{given}",),
    r"port$": ("443",),
    r"url|uri$": ("https://{host}",),
    r"^ip|ip$|ipaddress$": ("10.0.0.10",),
    r"(endpoint|dns|domain|host|address)$": ("{host}",),
    r"version$": ("1", "1.0.0"),
    r"(time|timestamp|date|(created|updated|modified)(at|on))$": ("{0.created}",),
    r"(status|state|stage)$": ("ACTIVE",),
}
"""What a text is by the name of its property; of several the first that the schema admits."""
_DEPTH = 3
_RELATED = (
    "arn:aws:secretsmanager:{0.region}:{0.account}:secret:{0.name}-a1b2c3",
    "arn:aws:kms:{0.region}:{0.account}:key/{1}",
    "arn:aws:iam::{0.account}:role/{0.name}",
    "arn:aws:acm:{0.region}:{0.account}:certificate/{1}",
    "arn:aws:sns:{0.region}:{0.account}:{0.name}",
)
"""ARNs of what may belong to a resource; of these, that one is taken which the schema's pattern or format admits."""


@dataclass(frozen=True)
class Place:
    """Where a resource is and what names it.

    Attributes:
        account: The account.
        region: The region.
        name: The name that CloudFormation generates for it, unique in the account.
        created: When it was created, ISO 8601.
    """

    account: str
    region: str
    name: str
    created: str


def completed(schema: Schema, properties: Mapping[str, Any], place: Place) -> dict[str, Any]:
    """The properties that reading a resource returns: the given ones and those that the service decides.

    Args:
        schema: The schema of its type.
        properties: The given properties.
        place: Where it is and what names it.
    """
    return _Resource(schema, place, _copied(properties)).completed()


def identifier(schema: Schema, model: Mapping[str, Any]) -> str:
    """The identifier of a resource, which is also what ``Ref`` returns.

    Args:
        schema: The schema of its type.
        model: Its completed properties.
    """
    return "|".join(str(dig(model, path.split("."))) for path in schema.primary)


def attributes(schema: Schema, model: Mapping[str, Any]) -> dict[str, Any]:
    """What ``Fn::GetAtt`` returns, attribute to value, nested ones with dots.

    Args:
        schema: The schema of its type.
        model: Its completed properties.
    """
    whole, more = _known_to_cfn_lint()
    named = [*schema.read_only, *more.get(schema.type, ())]
    paths = [*readable(schema, model), *schema.read_only] if schema.type in whole else named
    found = {path: dig(model, path.split(".")) for path in paths}
    return {name: leaf for path, value in found.items() if value is not None for name, leaf in _leaves(path, value)}


def readable(schema: Schema, model: Mapping[str, Any]) -> dict[str, Any]:
    """The properties without those that can only be written, such as passwords.

    Args:
        schema: The schema of its type.
        model: Its completed properties.
    """
    found: dict[str, Any] = _copied(model)
    for path in schema.write_only:
        *parents, name = path.split(".")
        holder = dig(found, parents)
        if isinstance(holder, dict):
            holder.pop(name, None)
    return found


def _leaves(path: str, value: Any) -> Iterator[tuple[str, Any]]:
    yield path, value
    if isinstance(value, Mapping):
        for name, item in value.items():
            yield from _leaves(f"{path}.{name}", item)


def _copied(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


@cache
def _known_to_cfn_lint() -> tuple[frozenset[str], Mapping[str, list[str]]]:
    """The types whose properties are all attributes, and the attributes that are not read-only properties."""
    package = find_spec("cfnlint")
    source = Path(str(package.origin if package else None)).parent / "schema" / "_getatts.py"
    found = {
        target.id: ast.literal_eval(node.value)
        for node in ast.parse(source.read_text()).body
        if isinstance(node, ast.Assign)
        for target in node.targets
        if isinstance(target, ast.Name) and target.id in ("_all_property_types", "_exceptions")
    }
    return frozenset(found["_all_property_types"]), found["_exceptions"]


@dataclass
class _Resource:
    schema: Schema
    place: Place
    model: dict[str, Any]
    service: str = field(init=False)
    kind: str = field(init=False)

    def __post_init__(self) -> None:
        _, segment, self.kind = [*self.schema.type.split("::"), "", ""][:3]
        self.service = arns.service_of(self.schema.permissions("create"), segment)

    def completed(self) -> dict[str, Any]:
        ours = [path for path in self.schema.primary if path not in self.schema.read_only]
        for path in sorted([*ours, *self.schema.read_only], key=self._order):
            if "*" not in path and dig(self.model, path.split(".")) is None:
                self._set(path, self._value(path, self.schema.at(path) or {}))
        return self.model

    def _order(self, path: str) -> tuple[int, int]:
        """Names first, then ids, then ARNs, which are made of them, then the rest; the outer before the inner."""
        last = path.rsplit(".", maxsplit=1)[-1].lower()
        rank = 0 if last.endswith("name") else 1 if last.endswith("id") else 2 if last.endswith("arn") else 3
        return (rank + 4 * path.count("."), path.count("."))

    def _set(self, path: str, value: Any) -> None:
        *parents, name = path.split(".")
        holder = self.model
        for parent in parents:
            if not isinstance(holder.setdefault(parent, {}), dict):
                return
            holder = holder[parent]
        holder[name] = value

    def _value(self, path: str, schema: Mapping[str, Any], depth: int = 0) -> Any:
        if "const" in schema:
            return schema["const"]
        if schema.get("enum"):
            return self._choice(schema["enum"])
        if "type" not in schema and schema.get("properties"):
            schema = {**schema, "type": "object"}
        declared = schema.get("type", "string")
        kind = declared if isinstance(declared, str) else declared[0]
        if kind == "boolean":
            return schema.get("default", False)
        if kind in ("integer", "number"):
            return schema.get("default", schema.get("minimum", 443 if path.lower().endswith("port") else 1))
        if kind == "array":
            return self._list(path, schema, depth)
        if kind == "object":
            return self._object(path, schema, depth)
        return self._text(path, schema)

    @staticmethod
    def _choice(allowed: list[Any]) -> Any:
        by_word = {str(value).upper(): value for value in reversed(allowed)}
        return next((by_word[word] for word in _SETTLED if word in by_word), allowed[0])

    def _list(self, path: str, schema: Mapping[str, Any], depth: int) -> list[Any]:
        items = self.schema.validator.resolve(schema.get("items", {}))
        return [self._value(f"{path}.{number}", items, depth + 1) for number in range(schema.get("minItems", 0))]

    def _object(self, path: str, schema: Mapping[str, Any], depth: int) -> dict[str, Any]:
        if depth >= _DEPTH:
            return {}
        resolve = self.schema.validator.resolve
        found = schema.get("properties", {}).items()
        return {name: self._value(f"{path}.{name}", resolve(subschema), depth + 1) for name, subschema in found}

    def _text(self, path: str, schema: Mapping[str, Any]) -> str:
        candidates = [*self._candidates(path), self.place.name]
        for text in candidates:
            if not any(self.schema.validator.problems(schema, text)):
                return text
        return self._shaped(path, schema) or candidates[0]

    def _shaped(self, path: str, schema: Mapping[str, Any]) -> str | None:
        """A text of the form that the schema asks for, of its characters and its length."""
        name = re.sub(r"[^a-zA-Z0-9]", "", self.place.name)
        longest = schema.get("maxLength", len(name))
        for text in (self.place.name.lower(), name, name.lower(), name.lower()[-longest:], name[-longest:]):
            if not any(self.schema.validator.problems(schema, text)):
                return text
        pattern = schema.get("pattern") or FORMATS.get(schema.get("format", ""))
        return patterns.example(pattern, f"{self._seed()}/{path}") if pattern else None

    def _candidates(self, path: str) -> Iterator[str]:
        last = path.rsplit(".", maxsplit=1)[-1]
        if last.lower().endswith("arn"):
            yield from self._arns(last[:-3])
            return
        forms = next((forms for name, forms in _TEXTS.items() if re.search(name, last.lower())), ())
        known = {
            "given": self._named("Name", "") or self.place.name,
            "host": self._host(),
            "id": uuid.uuid5(uuid.NAMESPACE_OID, self._seed() + last),
        }
        yield from (form.format(self.place, **known) for form in forms)

    def _seed(self) -> str:
        return f"{self.schema.type}/{self.place.account}/{self.place.region}/{self.place.name}"

    def _host(self) -> str:
        label = re.sub(r"[^a-z0-9]+", "-", self.place.name.lower()).strip("-")
        return f"{label}.{self.service}.{self.place.region}.amazonaws.com"

    def _arns(self, of: str) -> Iterator[str]:
        """The resource's own ARN, or that of something else that belongs to it."""
        if of.lower() in ("", "resource", self.kind.lower()) or f"{of}Arn" in self.schema.primary:
            yield self._arn()
        unique = uuid.uuid5(uuid.NAMESPACE_OID, self._seed() + of)
        named = [form for form in _RELATED if of and of.lower().endswith(form.split(":")[5].split("/")[0])]
        yield from (form.format(self.place, unique) for form in named)
        yield self._plain_arn(of.lower())

    def _arn(self) -> str:
        form = arns.of_type(self.service, self.kind, self.schema.permissions("create"))
        arn = arns.filled(form, self.place.account, self.place.region, self._named) if form else None
        return arn or self._plain_arn(self.kind.lower())

    def _plain_arn(self, kind: str) -> str:
        return f"arn:aws:{self.service}:{self.place.region}:{self.place.account}:{kind}/{self._own()}"

    def _own(self) -> str:
        """What names the resource in its account."""
        known = (dig(self.model, path.split(".")) for path in self.schema.primary)
        identifier = "/".join(str(value) for value in known if value is not None)
        return identifier or self._named("Name", "") or self.place.name

    def _named(self, placeholder: str, kind: str) -> str | None:
        """The value of a placeholder in the form of an ARN, from the property that it means."""
        properties = {re.sub(r"[^a-z0-9]", "", name.lower()): value for name, value in self.model.items()}
        wanted = placeholder.lower()
        short = wanted.removeprefix(self.kind.lower())
        for name in (wanted, short, self.kind.lower() + wanted):
            if name and isinstance(properties.get(name), str | int):
                return self._in_arn(str(properties[name]))
        if wanted.endswith("version"):
            return "1"
        if wanted.endswith("id") and wanted != "resourceid":
            return str(uuid.uuid5(uuid.NAMESPACE_OID, self._seed() + placeholder))
        given = properties.get("name") or properties.get(f"{self.kind.lower()}name") or self.place.name
        return self._in_arn(str(given))

    def _in_arn(self, name: str) -> str:
        """Image Builder writes names in lower case and with hyphens in ARNs."""
        return re.sub(r"[ _]", "-", name.lower()) if self.service == "imagebuilder" else name
