"""cfn-lint, with what it computes anew for each value of a template remembered: the same rules on the same values."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.context import context
from cfnlint.decode import decode_str
from cfnlint.jsonschema import _keywords, validators
from cfnlint.jsonschema._utils import Unset
from cfnlint.rules.jsonschema.CfnLint import CfnLint
from cfnlint.rules.resources.properties import Enum
from cfnlint.runner import Runner
from cfnlint.schema.resolver import _resolver
from cfnlint.template import Template

# W3005: CDK writes dependencies that references imply as well. W3045: CDK has its own way with access control lists.
LINT = {"ignore_checks": ["W3005", "W3045"], "include_checks": ["W", "E", "I3510"]}
CLASSES = 4096
"""Validators that are remembered; a run has a few hundred."""


@functools.cache
def linter() -> Runner:
    """cfn-lint with its rules and their schemas, which take longer to read than a template to be linted."""
    _remember()
    return Runner(ConfigMixIn(**LINT))


def silence(template: str) -> list[Any]:
    """Return what cfn-lint says of a template."""
    runner = linter()
    decoded, errors = decode_str(template)
    return errors or list(runner.validate_template(decoded))


def _remember() -> None:
    """Let cfn-lint look up what does not change while it runs, which is half of its time."""
    fields = functools.lru_cache(CLASSES)(dataclasses.fields)
    context.fields = validators.fields = fields
    validators.create = _remembered(validators.create)
    for one in (validators.CfnTemplateValidator, validators.StandardValidator):
        _evolve_by_copying(one)
    context.Context.evolve = _evolved_context
    context.Path.descend = _descended
    CfnLint.cfnLint = _checks
    _keywords.enum = Enum.enum = _enumerated(_keywords.enum)
    _resolver._match_keyword = functools.cache(_resolver._match_keyword)
    _resolver._search_schema = _searched(_resolver._search_schema)
    for name in ("get_valid_getatts", "is_cdk_template"):
        setattr(Template, name, _once(getattr(Template, name)))


def _remembered(create: Any) -> Any:
    """Return ``create`` that makes a class once for the same keywords, filter and functions, not for each resource."""
    made: dict[Any, Any] = {}

    def remembering(validators: Any = None, function_filter: Any = None, fn_resolvers: Any = None) -> Any:
        # Functions and methods of rules are the same if they are those of the same rule; the filter holds only texts.
        key = (_items(validators), repr(function_filter), _items(fn_resolvers))
        if key not in made:
            made[key] = _evolve_by_copying(create(validators, function_filter, fn_resolvers))
        return made[key]

    return remembering


def _evolve_by_copying(kind: Any) -> Any:
    """Let validators of a class be made from another by a copy of what it holds, not field by field."""
    fields: tuple[Any, ...] = dataclasses.fields(kind)
    inherited = [field.name for field in fields if field.init]
    fixed = {field.name: field.default_factory() for field in fields if not field.init}
    slowly = kind.evolve

    def evolve(self: Any, **changes: Any) -> Any:
        if changes.get("context", self.context) is None or changes.get("resolver", self.resolver) is None:
            return slowly(self, **changes)
        made = object.__new__(kind)
        held = self.__dict__
        made.__dict__ = {**{name: held[name] for name in inherited}, **fixed, **changes}
        return made

    kind.evolve = evolve
    return kind


def _evolved_context(self: Any, **changes: Any) -> Any:
    """Return a context with changes as ``Context.evolve`` does, without a call for each field that stays."""
    if "ref_values" in changes:
        changes["ref_values"] = {**self.ref_values, **changes["ref_values"]}
    made = object.__new__(type(self))
    made.__dict__.update(self.__dict__)
    if "resources" in changes:
        made.__dict__.pop("module_names", None)
    made.__dict__.update(changes)
    return made


def _descended(self: Any, path: Any = None, value_path: Any = None, cfn_path: Any = None) -> Any:
    """Return a path with a step more as ``Path.descend`` does, without a look at its fields."""
    if cfn_path in context.FUNCTIONS or isinstance(cfn_path, int):
        raise ValueError(f"{cfn_path!r} cannot be in 'cfn_path'")
    made = object.__new__(type(self))
    steps = {"path": path, "value_path": value_path, "cfn_path": cfn_path}
    held = self.__dict__
    made.__dict__.update(
        {name: held[name] + deque([step]) if step is not None else held[name] for name, step in steps.items()}
    )
    return made


def _enumerated(enum: Any) -> Any:
    """Return ``enum`` that takes a text that is in the list before it compares it with each text of the list."""

    def enumerated(validator: Any, enums: Any, instance: Any, schema: Any) -> Any:
        found = isinstance(instance, str) and instance in enums
        return () if found else enum(validator, enums, instance, schema)

    return enumerated


def _searched(search: Any) -> Any:
    """Return ``_search_schema`` that looks through a schema once for each keyword."""
    found: dict[Any, Any] = {}

    def searched(schema: Any, matcher: Any) -> Any:
        key = (id(schema), matcher)
        if key not in found:
            # The schema is held too, so that no other one can have its id.
            found[key] = (schema, list(search(schema, matcher)))
        return found[key][1]

    return searched


def _once(method: Any) -> Any:
    """Return a method that computes what it says of a template once."""

    @functools.wraps(method)
    def once(self: Any) -> Any:
        key = f"_once_{method.__name__}"
        if key not in self.__dict__:
            self.__dict__[key] = method(self)
        return self.__dict__[key]

    return once


def _items(mapping: Mapping[str, Any] | None) -> frozenset[Any]:
    return frozenset((mapping or {}).items())


def _checks(rule: Any, validator: Any, keywords: Any, instance: Any, schema: Any) -> Iterator[Any]:
    """Run the rules of the keywords as ``CfnLint.cfnLint`` does, without a look at all rules for each keyword."""
    found = _by_keyword(rule)
    if not any(keyword in found for keyword in keywords):
        return
    validator = validator.evolve(function_filter=validator.function_filter.evolve(add_cfn_lint_keyword=False))
    # cfn-lint adds the path of each value to the list of its schema, so that it would run a rule once for every value
    # that it ever saw there.
    keywords[:] = dict.fromkeys(keywords)
    for keyword in tuple(keywords):
        for child in found.get(keyword, ()):
            for error in child.validate(validator, keyword, instance, schema):
                if error.rule is None and isinstance(error.validator, Unset):
                    error.rule = child
                yield error


def _by_keyword(rule: Any) -> Mapping[str, list[Any]]:
    index: Mapping[str, list[Any]] | None = rule.__dict__.get("_by_keyword")
    if index is None:
        index = defaultdict(list)
        for child in rule.child_rules.values():
            if child is not None and child.id:
                for keyword in child.keywords:
                    index[keyword].append(child)
        rule.__dict__["_by_keyword"] = index
    return index
