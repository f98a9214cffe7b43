"""Reading templates in tests: resources by type, and values as the stack resolves them."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk


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
