"""What belongs to an account and region once, and so to one construct of a stack."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks

from .values import MacieSession, ResultsExport

_CLAIMS: WeakKeyDictionary[cdk.Stack, dict[str, str]] = WeakKeyDictionary()

SETTINGS = ("automated_discovery", "security_hub", "organization")

REMEDIES = {
    "session": "give session=MacieSession(existing=True)",
    "results_export": "give results_export=ResultsExport(enabled=False)",
}


def claimed(session: MacieSession, results_export: ResultsExport) -> list[str]:
    """Return what a construct makes that there can be one of.

    Args:
        session: What is asked for; checked before.
        results_export: What is asked for; checked before.
    """
    wanted = {"session": not session.existing, "results_export": results_export.enabled}
    wanted |= {what: getattr(session, what) is not None for what in SETTINGS}
    return [what for what, claims in wanted.items() if claims]


def check_claims(checks: Checks, scope: Construct, wanted: list[str]) -> None:
    """Refuse what another construct of the stack makes already.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        wanted: What is claimed.

    Raises:
        ValueError: If something is claimed twice.
    """
    taken = _CLAIMS.get(cdk.Stack.of(scope), {})
    for what in wanted:
        if what in taken:
            checks.refuse(
                what,
                "made once in a stack",
                f"another by {taken[what]}",
                REMEDIES.get(what, "set it in one of the two"),
            )


def claim(owner: Construct, wanted: list[str]) -> None:
    """Remember what a construct makes.

    Args:
        owner: The construct.
        wanted: What is claimed.
    """
    _CLAIMS.setdefault(cdk.Stack.of(owner), {}).update(dict.fromkeys(wanted, owner.node.path))
