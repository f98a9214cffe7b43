"""Acknowledgement of findings of the security packs, next to the resource and by exact id."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import jsii
from constructs import IConstruct, IValidation


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Accept one finding for one construct, where reports show it with its reason.

    Args:
        scope: The construct that has the finding.
        finding: The rule's id with its pack, and with the part in brackets where the rule reports several.
        reason: Why a reviewer can accept it: one sentence or more.
    """
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def acknowledge_wildcard(scope: IConstruct, resource: str, reason: str) -> None:
    """Accept the finding about a wildcard in the resource of a policy statement.

    Args:
        scope: The role or policy that holds the statement.
        resource: The resource as it stands in the statement; its tokens are resolved.
        reason: Why the wildcard is as narrow as it can be.
    """
    scope.node.add_validation(_Wildcard(scope, resource, reason))


@jsii.implements(IValidation)
class _Wildcard:
    """Acknowledges when the tree is validated: only then a reference to another stack is what the packs will see."""

    def __init__(self, scope: IConstruct, resource: str, reason: str) -> None:
        self._scope, self._resource, self._reason = scope, resource, reason

    def validate(self) -> list[str]:
        flat = _flatten(cdk.Stack.of(self._scope).resolve(self._resource))
        acknowledge(self._scope, f"AwsSolutions::AwsSolutions-IAM5[Resource::{flat}]", self._reason)
        return []


def _flatten(value: Any) -> str:
    # The packs name a reference <LogicalId.Attribute> and a parameter <Name>.
    if isinstance(value, str):
        return value
    if "Fn::Join" in value:
        delimiter, parts = value["Fn::Join"]
        return str(delimiter).join(_flatten(part) for part in parts)
    if "Fn::GetAtt" in value:
        return "<{}.{}>".format(*value["Fn::GetAtt"])
    if "Ref" in value:
        return f"<{value['Ref']}>"
    if "Fn::ImportValue" in value:
        return _flatten(value["Fn::ImportValue"])
    return json.dumps(value, separators=(",", ":"))
