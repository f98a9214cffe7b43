"""Templates as text: references become <LogicalId> or <LogicalId.Attribute>, joins become strings."""

from __future__ import annotations

import json
import re
from typing import Any

PSEUDO = {"AWS::Partition": "aws", "AWS::Region": "eu-west-1", "AWS::AccountId": "111122223333"}
"""Values for what only a deployment knows, the same in every table."""

SUFFIX = "amazonaws.com"


def flat(value: Any) -> Any:
    """Return a value of a template with its intrinsic functions replaced by text.

    Args:
        value: Any part of a template.
    """
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    if len(value) == 1:
        ((name, inner),) = value.items()
        if name == "Ref":
            return SUFFIX if inner == "AWS::URLSuffix" else PSEUDO.get(inner, f"<{inner}>")
        if name == "Fn::GetAtt":
            return f"<{'.'.join(inner) if isinstance(inner, list) else inner}>"
        if name == "Fn::Join":
            return inner[0].join(str(flat(item)) for item in flat(inner[1]))
        if name == "Fn::Sub":
            text, extra = inner if isinstance(inner, list) else (inner, {})
            return re.sub(r"\$\{([^}!]+)\}", lambda m: str(flat(extra.get(m[1], {"Ref": m[1]}))), text)
        if name == "Fn::ImportValue":
            return f"<{flat(inner)}>"
        if name.startswith("Fn::"):
            return f"<{name[4:]} {json.dumps(flat(inner))}>"
    return {key: flat(item) for key, item in value.items()}


def listed(value: Any) -> list[Any]:
    """Return a value as a list, for what a template may have once or several times.

    Args:
        value: A list, one item, or None.
    """
    if value is None:
        return []
    return value if isinstance(value, list) else [value]
