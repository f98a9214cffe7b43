"""Names that AWS does not make up."""

from __future__ import annotations

import hashlib

import aws_cdk as cdk
from constructs import Construct


def address(scope: Construct) -> str:
    """Return what tells a construct from all others of the account, deployed from whatever app.

    Args:
        scope: The construct.
    """
    stack = cdk.Stack.of(scope)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    return hashlib.sha256(f"{stack.stack_name}/{scope.node.path}".encode()).hexdigest()[:32]
