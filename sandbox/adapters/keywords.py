"""The keywords of resource schemas, in the words that CloudFormation has for what is wrong.

No Python validator reads scalars as CloudFormation does, knows the keywords that cfn-lint adds, or has these words.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cache
from typing import Any

import regex

from .scalars import Document, Json, UnreadableError, read

_ARN = r"^arn:aws[a-zA-Z-]*:"
FORMATS = {
    "AWS::ACM::Certificate.Arn": _ARN + r"acm:[a-z0-9-]+:\d{12}:certificate/.+$",
    "AWS::EC2::SecurityGroup.Id": r"^sg-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$",
    "AWS::EC2::Subnet.Id": r"^subnet-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$",
    "AWS::EC2::VPC.Id": r"^vpc-([a-fA-F0-9]{8}|[a-fA-F0-9]{17})$",
    "AWS::IAM::Role.Arn": _ARN + r"iam::\d{12}:role/.+$",
    "AWS::KMS::Alias.AliasName": r"^alias/[a-zA-Z0-9:/_-]+$",
    "AWS::KMS::Key.Arn": _ARN + r"kms:[a-z0-9-]+:\d{12}:(key|alias)/.+$",
    "AWS::KMS::Key.Id": r"^([0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|mrk-[0-9a-f]{32})$",
    "AWS::Lambda::Function.Arn": _ARN + r"lambda:[a-z0-9-]+:\d{12}:function:.+$",
    "AWS::SNS::Topic.Arn": _ARN + r"sns:[a-z0-9-]+:\d{12}:.+$",
}
"""cfn-lint's formats of references; what a service would refuse, such as a role's name in place of its ARN."""


class Validator:
    """Checks values against a resource schema and the subschemas in it.

    Args:
        root: The resource schema, for references.
    """

    def __init__(self, root: Document) -> None:
        self.root = root

    def resolve(self, schema: Document) -> Document:
        """Follow references until there is none."""
        while "$ref" in schema:
            found: Any = self.root
            for step in schema["$ref"].partition("#")[2].strip("/").split("/"):
                found = found.get(step, {})
            schema = {**found, **{key: value for key, value in schema.items() if key != "$ref"}}
        return schema

    def problems(self, schema: Document, value: Json, path: str = "#") -> Iterator[str]:
        """Say what is wrong with a value, a line each.

        Args:
            schema: What it must satisfy.
            value: The value, as JSON.
            path: Where it is, for the lines.
        """
        schema = self.resolve(schema)
        try:
            value = read(value, schema)
        except UnreadableError as error:
            yield f"{path}: {error}"
            return
        for keyword, limit in schema.items():
            if keyword in _KEYWORDS:
                yield from _KEYWORDS[keyword](self, schema, limit, value, path)


def matches(pattern: str, text: str) -> bool:
    """Whether a pattern of a schema is found in a text; a pattern that Python cannot read matches everything.

    Args:
        pattern: The pattern.
        text: The text.
    """
    compiled = _compiled(pattern)
    return compiled is None or compiled.search(text) is not None


@cache
def _compiled(pattern: str) -> Any:
    try:
        return regex.compile(pattern)
    except regex.error:
        return None


def _same(one: Json, other: Json) -> bool:
    return _canonical(one) == _canonical(other)


def _canonical(value: Json) -> str:
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True, default=str)


Keyword = Callable[[Validator, Document, Any, Json, str], Iterator[str]]


def _properties(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name in limit:
            if name in value:
                yield from check.problems(limit[name], value[name], f"{path}/{name}")


def _required(check: Validator, schema: Document, limit: Sequence[str], value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        yield from (f"{path}: required key [{name}] not found" for name in limit if name not in value)


def _additional(check: Validator, schema: Document, limit: Any, value: Json, path: str) -> Iterator[str]:
    if not isinstance(value, Mapping) or limit is True:
        return
    patterns = schema.get("patternProperties", {})
    for name in value:
        if name in schema.get("properties", {}) or any(matches(pattern, name) for pattern in patterns):
            continue
        if limit is False:
            yield f"{path}: extraneous key [{name}] is not permitted"
        else:
            yield from check.problems(limit, value[name], f"{path}/{name}")


def _patterned(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for pattern, subschema in limit.items():
            for name in value:
                if matches(pattern, name):
                    yield from check.problems(subschema, value[name], f"{path}/{name}")


def _items(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        start = len(schema.get("prefixItems", ()))
        for number, item in enumerate(value[start:], start):
            yield from check.problems(limit, item, f"{path}/{number}")


def _prefix(check: Validator, schema: Document, limit: Sequence[Document], value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for number, (subschema, item) in enumerate(zip(limit, value, strict=False)):
            yield from check.problems(subschema, item, f"{path}/{number}")


def _unique(check: Validator, schema: Document, limit: Any, value: Json, path: str) -> Iterator[str]:
    if limit is True and isinstance(value, list) and len({_canonical(item) for item in value}) < len(value):
        yield f"{path}: array items are not unique"


def _unique_keys(check: Validator, schema: Document, limit: Sequence[str], value: Json, path: str) -> Iterator[str]:
    if isinstance(value, list):
        keys = [_canonical([item.get(key) for key in limit]) for item in value if isinstance(item, Mapping)]
        if len(set(keys)) < len(keys):
            yield f"{path}: array items are not unique for {list(limit)}"


def _enum(check: Validator, schema: Document, limit: Sequence[Any], value: Json, path: str) -> Iterator[str]:
    if not any(_same(value, allowed) for allowed in limit):
        yield f"{path}: {_canonical(value)} is not a valid enum value"


def _enum_any_case(check: Validator, schema: Document, limit: Sequence[Any], value: Json, path: str) -> Iterator[str]:
    if _canonical(value).lower() not in [str(allowed).lower() for allowed in limit]:
        yield f"{path}: {_canonical(value)} is not a valid enum value"


def _const(check: Validator, schema: Document, limit: Any, value: Json, path: str) -> Iterator[str]:
    if not _same(value, limit):
        yield f"{path}: failed validation constraint for keyword [const]"


def _pattern(check: Validator, schema: Document, limit: str, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, str) and not matches(limit, value):
        yield f"{path}: failed validation constraint for keyword [pattern]"


def _format(check: Validator, schema: Document, limit: str, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, str) and limit in FORMATS and not matches(FORMATS[limit], value):
        yield f"{path}: failed validation constraint for keyword [format]: {value} is not {limit}"


def _size(kind: Any, is_fine: Callable[[int, int], bool], expected: str) -> Keyword:
    def check(validator: Validator, schema: Document, limit: int, value: Json, path: str) -> Iterator[str]:
        if isinstance(value, kind) and not is_fine(len(value), limit):
            yield f"{path}: expected {expected}: {limit}, actual: {len(value)}"

    return check


def _bound(is_fine: Callable[[float, float], bool], relation: str) -> Keyword:
    def check(validator: Validator, schema: Document, limit: float, value: Json, path: str) -> Iterator[str]:
        if isinstance(value, int | float) and not isinstance(value, bool) and not is_fine(value, limit):
            yield f"{path}: {value} is not {relation} {limit}"

    return check


def _all_of(check: Validator, schema: Document, limit: Sequence[Document], value: Json, path: str) -> Iterator[str]:
    for subschema in limit:
        yield from check.problems(subschema, value, path)


def _any_of(check: Validator, schema: Document, limit: Sequence[Document], value: Json, path: str) -> Iterator[str]:
    tried = [list(check.problems(subschema, value, path)) for subschema in limit]
    if all(tried):
        yield f"{path}: no subschema matched out of the total {len(limit)} subschemas"
        yield from min(tried, key=len)


def _one_of(check: Validator, schema: Document, limit: Sequence[Document], value: Json, path: str) -> Iterator[str]:
    tried = [list(check.problems(subschema, value, path)) for subschema in limit]
    matched = sum(not found for found in tried)
    if matched != 1:
        yield f"{path}: {matched} subschemas matched instead of one"
    if matched == 0:
        yield from min(tried, key=len)


def _not(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if not any(check.problems(limit, value, path)):
        yield f"{path}: failed validation constraint for keyword [not]"


def _if(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    branch = "else" if any(check.problems(limit, value, path)) else "then"
    yield from check.problems(schema.get(branch, {}), value, path)


def _needs(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, needed in limit.items():
            if name not in value:
                continue
            if isinstance(needed, Mapping):
                yield from check.problems(needed, value, path)
            else:
                missing = (other for other in needed if other not in value)
                yield from (f"{path}: property [{other}] is required when [{name}] is present" for other in missing)


def _excludes(check: Validator, schema: Document, limit: Document, value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping):
        for name, others in limit.items():
            clash = (other for other in others if name in value and other in value)
            yield from (f"{path}: property [{other}] is not permitted when [{name}] is present" for other in clash)


def _required_or(check: Validator, schema: Document, limit: Sequence[str], value: Json, path: str) -> Iterator[str]:
    if isinstance(value, Mapping) and not any(name in value for name in limit):
        yield f"{path}: required key [{' or '.join(limit)}] not found"


def _required_xor(check: Validator, schema: Document, limit: Sequence[str], value: Json, path: str) -> Iterator[str]:
    yield from _required_or(check, schema, limit, value, path)
    if isinstance(value, Mapping) and sum(name in value for name in limit) > 1:
        yield f"{path}: only one of [{', '.join(limit)}] is permitted"


_KEYWORDS: dict[str, Keyword] = {
    "additionalProperties": _additional,
    "allOf": _all_of,
    "anyOf": _any_of,
    "const": _const,
    "dependencies": _needs,
    "dependentExcluded": _excludes,
    "dependentRequired": _needs,
    "enum": _enum,
    "enumCaseInsensitive": _enum_any_case,
    "exclusiveMaximum": _bound(lambda found, limit: found < limit, "less than"),
    "exclusiveMinimum": _bound(lambda found, limit: found > limit, "greater than"),
    "format": _format,
    "if": _if,
    "items": _items,
    "maxItems": _size(list, lambda found, limit: found <= limit, "maximum item count"),
    "maxLength": _size(str, lambda found, limit: found <= limit, "maxLength"),
    "maxProperties": _size(Mapping, lambda found, limit: found <= limit, "maximum size"),
    "maximum": _bound(lambda found, limit: found <= limit, "less or equal to"),
    "minItems": _size(list, lambda found, limit: found >= limit, "minimum item count"),
    "minLength": _size(str, lambda found, limit: found >= limit, "minLength"),
    "minProperties": _size(Mapping, lambda found, limit: found >= limit, "minimum size"),
    "minimum": _bound(lambda found, limit: found >= limit, "greater or equal to"),
    "not": _not,
    "oneOf": _one_of,
    "pattern": _pattern,
    "patternProperties": _patterned,
    "prefixItems": _prefix,
    "properties": _properties,
    "required": _required,
    "requiredOr": _required_or,
    "requiredXor": _required_xor,
    "uniqueItems": _unique,
    "uniqueKeys": _unique_keys,
}
