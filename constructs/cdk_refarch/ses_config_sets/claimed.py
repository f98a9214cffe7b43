"""What of Amazon SES an account and region has once."""

from __future__ import annotations

from .identity import Identity, name_of
from .values import AddressIdentity, DomainIdentity, Inbound, SesAccount

REMEDIES = {
    "identity": "give the identity of the first, which its attribute identity is",
    "inbound": "give one of the two activate=False",
}


def claimed(identity: Identity, inbound: Inbound | None, account: SesAccount | None) -> dict[str, str]:
    """Return what a construct makes that there can be one of, and the argument that asks for it.

    Args:
        identity: What is asked for; checked before.
        inbound: What is asked for; checked before.
        account: What is asked for; checked before.
    """
    wanted = {}
    if isinstance(identity, DomainIdentity | AddressIdentity):
        wanted[f"identity {name_of(identity)} of Amazon SES"] = "identity"
    if inbound is not None and inbound.activate:
        wanted["active receipt rule set of Amazon SES"] = "inbound"
    if account is not None:
        wanted["account settings of Amazon SES"] = "account"
    return wanted
