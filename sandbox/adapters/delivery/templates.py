"""A template as a pipeline hands it to CloudFormation: its parameters, and those of Systems Manager behind them."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import engine

_SSM = "AWS::SSM::Parameter::Value<"
_DYNAMIC = re.compile(r"\{\{resolve:ssm:([^:}]+)")


def request(
    stack: str, body: str, given: Mapping[str, str], previous: Mapping[str, Any], tags: Mapping[str, str]
) -> dict[str, list[str]]:
    """The members of a request to CloudFormation; parameters that are not given keep their values.

    Args:
        stack: The stack's name.
        body: The template.
        given: The parameters that are given.
        previous: The parameters that the stack has.
        tags: The stack's tags.
    """
    members = {"StackName": [stack], "TemplateBody": [body]}
    declared = _parsed(body).get("Parameters") or {}
    kept = [name for name in declared if name not in given and name in previous]
    for number, name in enumerate([*given, *kept], 1):
        members[f"Parameters.member.{number}.ParameterKey"] = [name]
        value = {"UsePreviousValue": ["true"]} if name in kept else {"ParameterValue": [str(given[name])]}
        members |= {f"Parameters.member.{number}.{key}": one for key, one in value.items()}
    for number, (name, text) in enumerate(tags.items(), 1):
        members |= {f"Tags.member.{number}.Key": [name], f"Tags.member.{number}.Value": [text]}
    return members


def parameters(body: str, given: Mapping[str, str], previous: Mapping[str, Any]) -> Iterator[str]:
    """The names of the Systems Manager parameters that a template's values come from.

    Args:
        body: The template.
        given: The parameters that are given.
        previous: The parameters that the stack has.
    """
    for name, one in (_parsed(body).get("Parameters") or {}).items():
        if str(one.get("Type", "")).startswith(_SSM):
            known = (previous.get(name) or {}).get("SsmName")
            yield str(given.get(name) or known or one.get("Default", ""))
    yield from sorted(set(_DYNAMIC.findall(body)))


def _parsed(body: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = engine._parse_template(body)
    return found
