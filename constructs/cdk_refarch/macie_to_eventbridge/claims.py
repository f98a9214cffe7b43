"""What belongs to an account and region once, and so to one construct of a stack."""

from __future__ import annotations

from weakref import WeakKeyDictionary

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks

from .values import MacieSession, ResultsExport

_CLAIMS: WeakKeyDictionary[cdk.Stack, dict[str, Construct]] = WeakKeyDictionary()

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
        owner = taken.get(what)
        if owner is not None and _is_there(owner):
            remedy = REMEDIES.get(what, "set it in one of the two")
            checks.refuse(what, "made once in a stack", f"another by {owner.node.path}", remedy)


def _is_there(owner: Construct) -> bool:
    """Tell whether a construct was not taken out of the tree again."""
    above = owner.node.scope
    return above is not None and above.node.try_find_child(owner.node.id) is not None


def claim(owner: Construct, wanted: list[str]) -> None:
    """Remember what a construct makes.

    Args:
        owner: The construct.
        wanted: What is claimed.
    """
    _CLAIMS.setdefault(cdk.Stack.of(owner), {}).update(dict.fromkeys(wanted, owner))
