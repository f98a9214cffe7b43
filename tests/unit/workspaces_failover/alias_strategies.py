"""Arguments of ConnectionAlias, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import ConnectionAlias
from tests.unit.drawn import Choices, Drawn

OWN = "own"
"""Stands for a name that no other alias of the stack has."""


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> ConnectionAlias:  # noqa: N802
    """Make the alias; its name is its own, because a stack has each once."""
    if arguments["fqdn"] == OWN:
        arguments["fqdn"] = f"{id.lower()}.example.com"
    made = ConnectionAlias(scope, id, **arguments)
    cdk.Annotations.of(made).acknowledge_warning("cdk-refarch:key-policy", "What is brought along is of no app.")
    return made


_elsewhere = cdk.Stack(None, "Elsewhere")
_KEY = kms.Key.from_key_arn(
    _elsewhere, "Key", "arn:aws:kms:eu-west-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef"
)
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/own")

# Each argument with values that are legal, at least alone, and with values that never are.
WHAT: Choices = {
    "fqdn": ([OWN], ["desktop", "Desktop.example.com", "", None]),
    "directory_id": (["d-0123456789", "d-abcdef0123"], ["d-1", "wsd-0123456789", "", None]),
}
OTHER: Choices = {
    "encryption_key": ([None, _KEY], [_KEY_ALIAS, "key"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones or, more often, also some that are never legal."""
    drawn = Drawn(draw, ("what", "other"), tame=2)
    return {**{name: drawn.one("what", values) for name, values in WHAT.items()}, **drawn.some("other", OTHER)}


EXAMPLES = 10
"""Fewer than of the others, because there is little to combine."""

ARGUMENTS = arguments()
