"""Checks of domains and of addresses of email."""

from __future__ import annotations

import re

from cdk_refarch._parts.checks import Checks, is_token

LABEL = "[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
LABELS = rf"{LABEL}(?:\.{LABEL})*"
"""https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.1"""

DOMAIN = rf"(?=.{{1,253}}\Z)(?:{LABEL}\.)+(?![0-9]+\Z){LABEL}"
"""253 characters: https://datatracker.ietf.org/doc/html/rfc1035#section-2.3.4, less the root."""

LOCAL = r"(?=[^@]{1,64}@)[A-Za-z0-9!#%&'+/=^_`{|}~-]+(?:\.[A-Za-z0-9!#%&'+/=^_`{|}~-]+)*"
"""https://datatracker.ietf.org/doc/html/rfc5322#section-3.2.3, without what has a meaning of its own in policies."""

DOMAIN_RULE = "a domain of lower-case letters, digits and - such as example.com"
ADDRESS_RULE = "an address such as news@example.com, with a domain in lower case"


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
        mended = _mended(domain)
        checks.refuse(argument, DOMAIN_RULE, repr(domain), f"write {mended!r}" if mended else remedy)
    return domain


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
        mended = f"{before}@{_mended(domain) or domain}"
        fits = at and re.fullmatch(f"(?:{local})@{DOMAIN}", mended)
        checks.refuse(argument, rule or ADDRESS_RULE, repr(address), f"write {mended!r}" if fits else remedy)
    return address


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


def _mended(text: str) -> str | None:
    """Return the domain that somebody probably meant, in the letters of the DNS, or None."""
    plain = re.sub(r"^[a-z]+://", "", text.strip().lower()).rpartition("@")[2].partition("/")[0].strip(".")
    try:
        plain = plain.encode("idna").decode()
    except UnicodeError:
        return None
    return plain if re.fullmatch(DOMAIN, plain) else None
