"""Reading templates in tests: resources by type, and values as the stack resolves them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import aws_cdk as cdk

PSEUDO = {"AWS::Partition": "aws", "AWS::URLSuffix": "amazonaws.com"}

Row = tuple[str, str, str]
"""Action, resource and condition."""


class Template:
    """A synthesized stack.

    Args:
        stack: The stack; its app is synthesized once.
    """

    def __init__(self, stack: cdk.Stack) -> None:
        self._stack = stack
        app = stack.node.root
        assert isinstance(app, cdk.App)
        self.json: dict[str, Any] = app.synth().get_stack_by_name(stack.stack_name).template

    def of(self, construct: Any) -> dict[str, Any]:
        """Return the properties of a construct's resource.

        Args:
            construct: An L1, or an L2 with one.
        """
        properties: dict[str, Any] = self.resource(construct).get("Properties", {})
        return properties

    def resource(self, construct: Any) -> dict[str, Any]:
        """Return the whole resource of a construct.

        Args:
            construct: An L1, or an L2 with one.
        """
        element = construct.node.default_child or construct
        found: dict[str, Any] = self.json["Resources"][self._stack.resolve(element.logical_id)]
        return found

    def all(self, kind: str) -> list[dict[str, Any]]:
        """Return all resources of a type.

        Args:
            kind: Such as ``AWS::S3::Bucket``.
        """
        return [resource for resource in self.json["Resources"].values() if resource["Type"] == kind]

    def resolve(self, value: Any) -> Any:
        """Return what a value with tokens is in the template.

        Args:
            value: Any value.
        """
        return self._stack.resolve(value)


def plain(logical_id: str) -> str:
    """Return a logical id without its hash."""
    return re.sub("[0-9A-F]{8}$", "", logical_id)


def flat(value: Any) -> Any:
    """Show references as <LogicalId.Attribute>, without the hash of the id."""
    if isinstance(value, list):
        return [flat(item) for item in value]
    if not isinstance(value, dict):
        return value
    if "Fn::Join" in value:
        return "".join(flat(value["Fn::Join"][1]))
    if "Fn::GetAtt" in value:
        return f"<{plain(value['Fn::GetAtt'][0])}.{value['Fn::GetAtt'][1]}>"
    if "Ref" in value:
        return PSEUDO.get(value["Ref"], f"<{plain(value['Ref'])}>")
    return {key: flat(item) for key, item in value.items()}


def listed(value: Any) -> list[Any]:
    """Return a list as it is, and anything else as the only element of one."""
    return value if isinstance(value, list) else [value]


def rows(role: dict[str, Any]) -> Iterator[Row]:
    """The role's permissions: action, resource and condition."""
    assert "ManagedPolicyArns" not in role
    for policy in role["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            assert statement["Effect"] == "Allow"
            for action in listed(statement["Action"]):
                for resource in listed(statement["Resource"]):
                    yield action, flat(resource), str(flat(statement.get("Condition", "")))
