"""cfn-lint, with what it computes anew for each value of a template remembered: the same rules on the same values."""

from __future__ import annotations

import dataclasses
import functools
from collections import defaultdict
from collections.abc import Iterator, Mapping
from typing import Any

from cfnlint.config import ConfigMixIn
from cfnlint.context import context
from cfnlint.decode import decode_str
from cfnlint.jsonschema import validators
from cfnlint.jsonschema._utils import Unset
from cfnlint.rules.jsonschema.CfnLint import CfnLint
from cfnlint.runner import Runner

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
    """Let cfn-lint look up what does not change while it runs, which is a third of its time."""
    fields = functools.lru_cache(CLASSES)(dataclasses.fields)
    context.fields = validators.fields = fields
    validators.create = _remembered(validators.create)
    CfnLint.cfnLint = _checks


def _remembered(create: Any) -> Any:
    """Return ``create`` that makes a class once for the same keywords, filter and functions, not for each resource."""
    made: dict[Any, Any] = {}

    def remembering(validators: Any = None, function_filter: Any = None, fn_resolvers: Any = None) -> Any:
        # Functions and methods of rules are the same if they are those of the same rule; the filter holds only texts.
        key = (_items(validators), repr(function_filter), _items(fn_resolvers))
        if key not in made:
            made[key] = create(validators, function_filter, fn_resolvers)
        return made[key]

    return remembering


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
