"""Descriptions of what Amazon EventBridge has."""

from __future__ import annotations

from constructs import Construct

MAX_DESCRIPTION = 512
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_PutRule.html"""


def described(what: str, scope: Construct) -> str:
    """Return the description of a rule or bus, as long as it may be.

    Args:
        what: What it does.
        scope: The construct that it does it for.
    """
    return f"{what} {scope.node.path}"[:MAX_DESCRIPTION]
