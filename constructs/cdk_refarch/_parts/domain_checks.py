"""Checks of domains, and of the hosted zones that their records are in."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk

from .checks import Checks, is_token

LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
LABELS = rf"{LABEL}(?:\.{LABEL})*"
"""https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.1"""

DOMAIN = rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}"
"""253 characters: https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4, less the root."""

DOMAIN_RULE = "a domain of lower-case letters, digits and - such as example.com"


def check_domain(checks: Checks, argument: str, value: object) -> str | None:
    """Return a domain, or None for one that is only known at deployment.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        value: What was given.

    Raises:
        ValueError: If it is no domain as the DNS has it.
    """
    remedy = "give 'example.com', say"
    domain = checks.text(argument, value, remedy=remedy)
    if domain is not None and not re.fullmatch(DOMAIN, domain):
        meant = mended(domain)
        checks.refuse(argument, DOMAIN_RULE, repr(domain), f"write {meant!r}" if meant else remedy)
    return domain


def check_zone(checks: Checks, argument: str, zone: Any, domain: object, *, private: bool = False) -> None:
    """Refuse what is no hosted zone, or one that a domain is not in.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        zone: What was given.
        domain: The domain whose records are made in it; checked before.
        private: Whether a private zone will do.

    Raises:
        ValueError: If it is something else, or the zone of another domain.
    """
    if not hasattr(zone, "hosted_zone_id"):
        got = f"{type(zone).__name__} {zone!r}"
        remedy = "give a construct that implements IHostedZone" + ("" if private else ", or leave it out")
        checks.refuse(argument, "an IHostedZone", got, remedy)
    if not private and is_private(zone):
        checks.refuse(argument, "a public zone", "a private one", "nobody outside sees the records of that one")
    try:
        name = zone.zone_name
    except RuntimeError:
        # The CDK raises for a zone that is known by its id only.
        return
    # The name of a token would be another one in lower case.
    if known(name, domain) and not is_under(str(domain), name.rstrip(".").lower()):
        remedy = "give the zone of the domain or of one above it"
        checks.refuse(argument, f"one that {domain} is in", f"the zone of {name}", remedy)


def is_private(zone: Any) -> bool:
    """Tell whether a hosted zone is known to be private. One that is imported does not tell.

    Args:
        zone: The zone.
    """
    child = zone.node.default_child
    # It may get its networks late.
    return child is not None and bool(cdk.Stack.of(child).resolve(getattr(child, "vpcs", None)))


def is_under(domain: str, above: str) -> bool:
    """Tell whether a domain is another one or below it.

    Args:
        domain: The domain.
        above: The other one.
    """
    return domain == above or domain.endswith(f".{above}")


def known(*values: object) -> bool:
    """Tell whether all values are texts that are known now, so that they can be compared.

    Args:
        values: The values.
    """
    return all(isinstance(value, str) and not is_token(value) for value in values)


def mended(text: str) -> str | None:
    """Return the domain that somebody probably meant, in the letters of the DNS, or None.

    Args:
        text: What was given.
    """
    plain = re.sub(r"^[a-z]+://", "", text.strip().lower()).rpartition("@")[2].partition("/")[0].strip(".")
    try:
        plain = plain.encode("idna").decode()
    except UnicodeError:
        return None
    return plain if re.fullmatch(DOMAIN, plain) else None
