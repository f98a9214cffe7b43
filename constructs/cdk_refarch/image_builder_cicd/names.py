"""Names that Image Builder wants to be told, and never lets change."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.names import address

LONGEST_STACK = 60
"""How much of a stack's name goes into names: those of Image Builder have 126 characters at most."""


def resource_prefix(scope: Construct) -> str:
    """Return what the names of an image's resources begin with: the stack's name, and what tells images apart.

    Image Builder takes names that differ in case alone for the same, and makes lower case of them in ARNs.

    Args:
        scope: The construct of the image.
    """
    return f"{stack_prefix(top_stack(scope).stack_name)}{address(scope)[:12]}"


def top_stack(scope: Construct) -> cdk.Stack:
    """Return the stack that a construct is deployed with, above all nested ones.

    Args:
        scope: The construct.
    """
    stack = cdk.Stack.of(scope)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return stack


def stack_prefix(stack_name: str) -> str:
    """Return what the names of Image Builder's resources of a stack begin with.

    Args:
        stack_name: The stack's name.
    """
    return f"{stack_name.lower()[:LONGEST_STACK]}-"
