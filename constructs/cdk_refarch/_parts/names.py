"""Names that AWS does not make up."""

from __future__ import annotations

import hashlib

import aws_cdk as cdk
from constructs import Construct


def address(scope: Construct, id: str | None = None) -> str:
    """Return what tells a construct from all others of the account, deployed from whatever app.

    Args:
        scope: The construct.
        id: The id of another one that is about to be made in it, which is meant then.
    """
    stack = cdk.Stack.of(scope)
    while stack.nested_stack_parent is not None:
        stack = stack.nested_stack_parent
    path = scope.node.path if id is None else f"{scope.node.path}/{id}"
    return hashlib.sha256(f"{stack.stack_name}/{path}".encode()).hexdigest()[:32]
