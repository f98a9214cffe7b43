"""Refusal of identities that Amazon SES would not verify, or whose records would do harm."""

from __future__ import annotations

from typing import get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.domain_checks import LABELS, check_domain, check_zone, is_under, known

from .address_checks import check_address
from .dns import dmarc_text
from .values import AddressIdentity, Dmarc, DmarcPolicy, DomainIdentity

REPORT_LOCAL = r"[A-Za-z0-9._+=-]{1,64}"
"""Other characters must be encoded: https://datatracker.ietf.org/doc/html/rfc7489#section-6.2"""

REPORT_RULE = "an address with letters, digits and . _ + = - before the @ and a domain in lower case"

MAX_DMARC = 255
"""Of one text in a TXT record: https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/ResourceRecordTypes.html"""


def check_identity(checks: Checks, scope: Construct, identity: object) -> None:
    """Check whom mail is sent as.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        identity: The argument.

    Raises:
        ValueError: If SES would refuse it, or it could not be verified.
    """
    if isinstance(identity, DomainIdentity):
        _check_domain_identity(checks.within("Identity"), identity)
    elif isinstance(identity, AddressIdentity):
        check_address(checks.within("Identity"), "address", identity.address)
    elif hasattr(identity, "email_identity_arn"):
        _check_given(checks, scope, str(identity.email_identity_arn))
        checks.same_region("identity", identity, scope)
    else:
        remedy = "give DomainIdentity(domain='example.com')"
        if known(identity):
            kind = "AddressIdentity(address" if "@" in str(identity) else "DomainIdentity(domain"
            remedy = f"give {kind}={identity!r})"
        got = f"{type(identity).__name__} {identity!r}"
        checks.refuse("identity", "a DomainIdentity, an AddressIdentity or an IEmailIdentity", got, remedy)


def mail_from(identity: object) -> str | None:
    """Return the domain that bounces return to, or None when there is none or it is only known at deployment.

    Args:
        identity: The identity; checked before.
    """
    if isinstance(identity, DomainIdentity) and known(identity.mail_from_subdomain, identity.domain):
        return f"{identity.mail_from_subdomain}.{identity.domain}"
    return None


def _check_given(checks: Checks, scope: Construct, arn: str) -> None:
    """Refuse an imported identity of another region, which the CDK takes for one of the stack's region."""
    here = cdk.Stack.of(scope).region
    if known(arn, here) and arn.split(":")[3] != here:
        there = arn.split(":")[3]
        checks.refuse("identity", f"in the region of the stack, {here}", there, "use one of the same region")


def _check_domain_identity(checks: Checks, identity: DomainIdentity) -> None:
    check_domain(checks, "domain", identity.domain)
    _check_mail_from(checks, identity)
    if identity.hosted_zone is not None:
        check_zone(checks, "hosted_zone", identity.hosted_zone, identity.domain)
    if identity.dmarc is not None:
        checks.instance("dmarc", identity.dmarc, Dmarc, remedy="give Dmarc() or None")
        _check_dmarc(checks, identity.dmarc)


def _check_mail_from(checks: Checks, identity: DomainIdentity) -> None:
    remedy = "give 'bounce', say"
    subdomain = checks.text("mail_from_subdomain", identity.mail_from_subdomain, remedy=remedy)
    if subdomain is None:
        return
    if known(identity.domain) and is_under(subdomain, identity.domain):
        front = subdomain.removesuffix(identity.domain).removesuffix(".")
        remedy = f"write {front!r}" if front else remedy
        checks.refuse("mail_from_subdomain", "what stands before the domain", repr(subdomain), remedy)
    rule = "a label or more, of lower-case letters, digits and -"
    checks.matches("mail_from_subdomain", subdomain, LABELS, rule=rule, remedy=remedy)
    whole = mail_from(identity)
    if whole is not None:
        check_domain(checks, "mail_from_subdomain and domain", whole)


def _check_dmarc(checks: Checks, dmarc: Dmarc) -> None:
    remedy = "see https://datatracker.ietf.org/doc/html/rfc7489#section-6.3"
    check_choice(checks, "policy of dmarc", dmarc.policy, get_args(DmarcPolicy), remedy=remedy)
    if dmarc.subdomain_policy is not None:
        policies = get_args(DmarcPolicy)
        check_choice(checks, "subdomain_policy of dmarc", dmarc.subdomain_policy, policies, remedy=remedy)
    if dmarc.report_to is not None:
        check_address(checks, "report_to of dmarc", dmarc.report_to, local=REPORT_LOCAL, rule=REPORT_RULE)
        length = len(dmarc_text(dmarc)) if known(dmarc.report_to) else 0
        if length > MAX_DMARC:
            rule = f"short enough for a record of at most {MAX_DMARC} characters"
            checks.refuse("report_to of dmarc", rule, f"one of {length} characters", "give a shorter address")
