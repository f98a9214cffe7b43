"""A template as a pipeline hands it to CloudFormation: its parameters, and those of Systems Manager behind them."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.services.cloudformation import engine

_SSM = "AWS::SSM::Parameter::Value<"
_DYNAMIC = re.compile(r"\{\{resolve:ssm:([^:}]+)")


def request(stack: str, body: str, given: Mapping[str, str], tags: Mapping[str, str]) -> dict[str, list[str]]:
    """The members of a request to CloudFormation.

    Args:
        stack: The stack's name.
        body: The template.
        given: The parameters; others have their defaults.
        tags: The stack's tags.
    """
    # CodePipeline hands a template over by Amazon S3, where it may be larger; without white space it fits here too.
    compact = json.dumps(json.loads(body), separators=(",", ":")) if body.lstrip()[:1] == "{" else body
    members = {"StackName": [stack], "TemplateBody": [compact]}
    for number, (name, text) in enumerate(given.items(), 1):
        members[f"Parameters.member.{number}.ParameterKey"] = [name]
        members[f"Parameters.member.{number}.ParameterValue"] = [str(text)]
    for number, (name, text) in enumerate(tags.items(), 1):
        members |= {f"Tags.member.{number}.Key": [name], f"Tags.member.{number}.Value": [text]}
    return members


def parameters(body: str, given: Mapping[str, str]) -> Iterator[str]:
    """The names of the Systems Manager parameters that a template's values come from.

    Args:
        body: The template.
        given: The parameters; others have their defaults.
    """
    template: Mapping[str, Any] = engine._parse_template(body)
    for name, one in (template.get("Parameters") or {}).items():
        if str(one.get("Type", "")).startswith(_SSM):
            yield str(given.get(name) or one.get("Default", ""))
    yield from sorted(set(_DYNAMIC.findall(body)))
