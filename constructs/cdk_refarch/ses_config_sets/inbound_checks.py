"""Refusal of receiving that Amazon SES would not do, or that would lose mail."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.domain_checks import check_domain, is_under, known
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_resource, check_same_account
from cdk_refarch._parts.s3_delivery.s3_checks import MAX_DAYS

from .address_checks import check_address
from .identity_checks import mail_from
from .region_checks import check_receiving_region
from .values import DomainIdentity, Inbound, SendingStream

MAX_RECIPIENTS = 500
"""Of a receipt rule: https://docs.aws.amazon.com/ses/latest/dg/quotas.html"""

EXAMPLE = "give ['support@example.com'], or ['example.com'] for all of the domain"


def check_inbound(
    checks: Checks,
    scope: Construct,
    inbound: Inbound | None,
    identity: object,
    streams: Mapping[str, SendingStream] | None = None,
) -> None:
    """Check what becomes of received mail.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        inbound: The argument.
        identity: The identity; checked before.
        streams: The streams, whose tracking domains may receive nothing; checked before.

    Raises:
        ValueError: If SES would refuse it, does not receive in the region, or mail would be lost.
    """
    if inbound is None:
        return
    checks.instance("inbound", inbound, Inbound, remedy="give Inbound(recipients=['support@example.com'])")
    check_receiving_region(checks, scope)
    inner = checks.within("Inbound")
    domains = _check_recipients(inner, inbound, identity)
    _check_tracking(inner, domains, streams or {})
    _check_bucket(inner, scope, inbound)
    check_resource(inner, scope, "function", inbound.function, "function_arn", "IFunction")
    check_same_account(inner, "function", inbound.function, scope, "use a function of this account")
    check_flag(inner, "strict", inbound.strict, remedy="give True to stop what could not be scanned")
    check_flag(inner, "mx_record", inbound.mx_record, remedy="give True for a domain that receives nowhere else")
    check_flag(inner, "activate", inbound.activate, remedy="give False to leave the active rule set as it is")
    if inbound.mx_record:
        _check_mx_record(inner, domains, identity)


def _check_recipients(checks: Checks, inbound: Inbound, identity: object) -> list[str]:
    """Return the domains of the recipients, tokens included."""
    given = elements(
        checks,
        "recipients",
        inbound.recipients,
        unit="recipients",
        remedy=EXAMPLE,
        low=1,
        high=MAX_RECIPIENTS,
        known=True,
    )
    domains = []
    for recipient in given:
        name = checks.text("recipients", recipient, remedy=EXAMPLE)
        if name is None:
            domains.append(str(recipient).rpartition("@")[2])
            continue
        if name.startswith("."):
            remedy = "name the subdomains one by one: each needs an MX record of its own"
            checks.refuse("recipients", "a list of addresses and domains", repr(name), remedy)
        if "@" in name[1:]:
            check_address(checks, "recipients", name)
        else:
            check_domain(checks, "recipients", name)
        domain = name.rpartition("@")[2]
        _check_domain(checks, name, domain, identity)
        domains.append(domain)
    return domains


def _check_domain(checks: Checks, name: str, domain: str, identity: object) -> None:
    if not isinstance(identity, DomainIdentity) or not known(identity.domain):
        return
    if not is_under(domain, identity.domain):
        remedy = "receive the rest in a construct with an identity of its own and activate=False"
        checks.refuse("recipients", f"a list of addresses and domains of {identity.domain}", repr(name), remedy)
    if domain == mail_from(identity):
        remedy = "use another domain, or another mail_from_subdomain"
        checks.refuse("recipients", "outside of the domain that only bounces return to", repr(name), remedy)


def _check_tracking(checks: Checks, domains: list[str], streams: Mapping[str, SendingStream]) -> None:
    for name, stream in streams.items():
        tracked = None if stream.tracking is None else stream.tracking.domain
        if known(tracked) and tracked in domains:
            # https://datatracker.ietf.org/doc/html/rfc1034#section-3.6.2
            got = f"{tracked} for both"
            remedy = f"give the stream {name} another one: its CNAME cannot stand beside an MX record"
            checks.refuse("recipients and domain of tracking", "of different domains", got, remedy)


def _check_bucket(checks: Checks, scope: Construct, inbound: Inbound) -> None:
    bucket = inbound.bucket
    check_resource(checks, scope, "bucket", bucket, "bucket_arn", "IBucket")
    check_same_account(checks, "bucket", bucket, scope, "use a bucket of this account")
    checks.key("key of bucket", getattr(bucket, "encryption_key", None))
    if bucket is not None and inbound.expire_after_days is not None:
        remedy = "set lifecycle rules on the bucket itself"
        checks.refuse("bucket and expire_after_days", "given one at a time", "both", remedy)
    child = None if bucket is None else bucket.node.default_child
    lock = getattr(child, "object_lock_configuration", None)
    if child is not None and lock is not None and "rule" in cdk.Stack.of(child).resolve(lock):
        # https://docs.aws.amazon.com/ses/latest/dg/receiving-email-action-s3.html
        remedy = "use another bucket: SES writes to none that locks each object"
        checks.refuse("bucket", "one without a default retention of Object Lock", "one with it", remedy)
    remedy = "leave it out to keep all mail"
    checks.number("expire_after_days", inbound.expire_after_days, 1, MAX_DAYS, unit="days", remedy=remedy)


def _check_mx_record(checks: Checks, domains: list[str], identity: object) -> None:
    if not isinstance(identity, DomainIdentity) or identity.hosted_zone is None:
        got = "mx_record alone"
        remedy = "give a DomainIdentity with its hosted_zone, or write the record of dns_records yourself"
        checks.refuse("mx_record and hosted_zone", "given together", got, remedy)
    if known(identity.domain, *domains) and identity.domain not in domains:
        got = f"{', '.join(dict.fromkeys(domains))} alone"
        remedy = "write the records of dns_records yourself"
        rule = f"given with a recipient of {identity.domain} itself"
        checks.refuse("mx_record and recipients", rule, got, remedy)
