"""Conditions of templates with every function that CloudFormation has for them.

MiniStack compares parameters but leaves ``Fn::Join``, ``Fn::FindInMap`` and pseudo parameters in conditions as they
are, so that the CDK's own bootstrap template came out without its execution policy.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services.cloudformation import changesets, engine, handlers, stacks

_PLACES = (changesets, engine, handlers, stacks)


def install() -> None:
    """Put the adapter in MiniStack's place."""
    for place in _PLACES:
        place._evaluate_conditions = evaluated


def evaluated(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> dict[str, bool]:
    """Evaluate a template's conditions.

    Args:
        template: The template.
        parameters: MiniStack's parameters.
    """
    definitions = template.get("Conditions", {})
    found: dict[str, bool] = {}

    def holds(expression: Any) -> bool:
        ((function, given),) = expression.items()
        if function == "Condition":
            if given not in found:
                found[given] = holds(definitions[given])
            return found[given]
        if function == "Fn::Equals":
            left, right = map(value, given)
            return str(left) == str(right)
        results = [holds(one) for one in given]
        return {"Fn::And": all(results), "Fn::Or": any(results), "Fn::Not": not results[0]}[function]

    def value(expression: Any) -> Any:
        mappings = template.get("Mappings", {})
        return engine._resolve_refs(expression, {}, parameters, found, mappings, "", "")

    for name, definition in definitions.items():
        found.setdefault(name, holds(definition))
    return found
