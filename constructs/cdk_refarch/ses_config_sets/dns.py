"""The records that a domain needs to send and receive, listed and, with a hosted zone, written."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ses as ses
from constructs import Construct

from .values import Dmarc, DnsRecord, DomainIdentity, SendingStream

TTL = cdk.Duration.minutes(30)
"""Long enough for resolvers to keep it, short enough to mend a mistake."""

SPF = "v=spf1 include:amazonses.com ~all"
"""https://docs.aws.amazon.com/ses/latest/dg/mail-from.html"""

MX_PREFERENCE = 10


def sending_records(scope: Construct, wanted: DomainIdentity, identity: ses.EmailIdentity) -> dict[str, DnsRecord]:
    """Return the records by which receivers know that mail is from the domain, by what they are.

    Args:
        scope: Any construct of the stack.
        wanted: The domain; checked before.
        identity: The identity.
    """
    region = cdk.Stack.of(scope).region
    mail_from = f"{wanted.mail_from_subdomain}.{wanted.domain}"
    records = {
        f"Dkim{number}": DnsRecord(
            name=record.name, type="CNAME", value=record.value, why="DKIM: SES signs mail of the domain"
        )
        for number, record in enumerate(identity.dkim_records, 1)
    }
    records["MailFromMx"] = DnsRecord(
        name=mail_from,
        type="MX",
        value=f"{MX_PREFERENCE} feedback-smtp.{region}.amazonses.com",
        why="MAIL FROM: bounces return to SES",
    )
    records["MailFromSpf"] = DnsRecord(
        name=mail_from, type="TXT", value=SPF, why="SPF: SES may send for the MAIL FROM domain"
    )
    if wanted.dmarc is not None:
        records["Dmarc"] = DnsRecord(
            name=f"_dmarc.{wanted.domain}",
            type="TXT",
            value=dmarc_text(wanted.dmarc),
            why="DMARC: what receivers do with mail that pretends to be from the domain",
        )
    return records


def dmarc_text(dmarc: Dmarc) -> str:
    """Return the text of the DMARC record.

    Alignment is relaxed, which is the default: bounces return to a subdomain.

    Args:
        dmarc: What is asked for; checked before.
    """
    tags = {"v": "DMARC1", "p": dmarc.policy}
    if dmarc.subdomain_policy is not None:
        tags["sp"] = dmarc.subdomain_policy
    if dmarc.report_to is not None:
        tags["rua"] = f"mailto:{dmarc.report_to}"
    return "; ".join(f"{name}={value}" for name, value in tags.items())


def tracking_records(scope: Construct, streams: Iterable[SendingStream]) -> dict[str, DnsRecord]:
    """Return the records of the domains in tracked links that need no distribution in front.

    Args:
        scope: Any construct of the stack.
        streams: The streams; checked before.
    """
    region = cdk.Stack.of(scope).region
    domains = {one.tracking.domain for one in streams if one.tracking is not None and one.tracking.https == "OPTIONAL"}
    return {
        # Named by the domain: a record whose id changes would be made anew before the old one is gone.
        f"Tracking{hashlib.sha256(domain.encode()).hexdigest()[:8]}": DnsRecord(
            name=domain,
            type="CNAME",
            value=f"r.{region}.awstrack.me",
            why="Tracking: links by which opens and clicks are seen",
        )
        for domain in sorted(domains)
    }


def receiving_record(scope: Construct, domain: str) -> DnsRecord:
    """Return the record that brings a domain's mail to SES.

    Args:
        scope: Any construct of the stack.
        domain: The domain.
    """
    # Everywhere in the commercial partition, the only one with email receiving.
    host = f"inbound-smtp.{cdk.Stack.of(scope).region}.amazonaws.com"
    return DnsRecord(name=domain, type="MX", value=f"{MX_PREFERENCE} {host}", why="Receiving: mail comes to SES")


def write(scope: Construct, zone: route53.IHostedZone, records: Mapping[str, DnsRecord]) -> None:
    """Write records into a hosted zone.

    Args:
        scope: The construct that they belong to.
        zone: The zone.
        records: The records by their ids.
    """
    for id, record in records.items():
        route53.CfnRecordSet(
            scope,
            id,
            hosted_zone_id=zone.hosted_zone_id,
            name=f"{record.name}.",
            type=record.type,
            ttl=str(TTL.to_seconds()),
            resource_records=[f'"{record.value}"' if record.type == "TXT" else record.value],
        )
