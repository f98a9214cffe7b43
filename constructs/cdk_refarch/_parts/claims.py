"""What there can be one of in an account and region, and so in one construct of a stack."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from weakref import WeakKeyDictionary

import aws_cdk as cdk
from constructs import Construct

from .checks import Checks

_CLAIMS: WeakKeyDictionary[cdk.Stack, dict[str, Construct]] = WeakKeyDictionary()


def check_claims(checks: Checks, scope: Construct, wanted: Mapping[str, str], remedies: Mapping[str, str]) -> None:
    """Refuse what another construct of the stack makes already.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        wanted: What is claimed, in words that nobody else uses for something else, such as ``session of Macie``, to the
            argument that asks for it.
        remedies: What to do, by argument; where it is left out, one of the two constructs is to go without.

    Raises:
        ValueError: If something is claimed twice.
    """
    taken = _CLAIMS.get(cdk.Stack.of(scope), {})
    for what, argument in wanted.items():
        owner = taken.get(what)
        if owner is not None and _is_there(owner):
            remedy = remedies.get(argument, "set it in one of the two")
            checks.refuse(argument, "made once in a stack", f"another by {owner.node.path}", remedy)


def claim(owner: Construct, wanted: Iterable[str]) -> None:
    """Remember what a construct makes.

    Args:
        owner: The construct.
        wanted: What is claimed, in the same words.
    """
    _CLAIMS.setdefault(cdk.Stack.of(owner), {}).update(dict.fromkeys(wanted, owner))


def _is_there(owner: Construct) -> bool:
    """Tell whether a construct was not taken out of the tree again."""
    above = owner.node.scope
    return above is not None and above.node.try_find_child(owner.node.id) is not None
