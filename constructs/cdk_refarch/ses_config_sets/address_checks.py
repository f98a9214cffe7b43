"""Checks of addresses of email."""

from __future__ import annotations

import re

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.domain_checks import DOMAIN, mended

LOCAL = r"(?=[^@]{1,64}@)[A-Za-z0-9!#%&'+/=^_`{|}~-]+(?:\.[A-Za-z0-9!#%&'+/=^_`{|}~-]+)*"
"""https://datatracker.ietf.org/doc/html/rfc5322#section-3.2.3, without what has a meaning of its own in policies."""

ADDRESS_RULE = "an address such as news@example.com, with a domain in lower case"


def check_address(checks: Checks, argument: str, value: object, *, local: str = LOCAL, rule: str = "") -> str | None:
    """Return an address without a display name, or None for one that is only known at deployment.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        value: What was given.
        local: The pattern of what stands before the @.
        rule: What that means, in words; empty for that of any address.

    Raises:
        ValueError: If it is no such address.
    """
    remedy = "give 'news@example.com', say"
    address = checks.text(argument, value, remedy=remedy)
    if address is not None and not re.fullmatch(f"(?:{local})@{DOMAIN}", address):
        bare = re.sub(r".*<([^<>]*)>\s*", r"\1", address).strip()
        before, at, domain = bare.rpartition("@")
        whole = f"{before}@{mended(domain) or domain}"
        fits = at and re.fullmatch(f"(?:{local})@{DOMAIN}", whole)
        checks.refuse(argument, rule or ADDRESS_RULE, repr(address), f"write {whole!r}" if fits else remedy)
    return address
