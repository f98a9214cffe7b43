"""The records that a domain needs to send and receive, listed and, with a hosted zone, written."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdk_refarch._parts.checks import is_token

from .values import DnsRecord, DomainIdentity, SendingStream

TTL = cdk.Duration.minutes(30)
"""Long enough for resolvers to keep it, short enough to mend a mistake."""

SPF = "v=spf1 include:amazonses.com ~all"
"""https://docs.aws.amazon.com/ses/latest/dg/mail-from.html"""

MX_PREFERENCE = 10


def sending_records(scope: Construct, wanted: DomainIdentity, identity: ses.EmailIdentity) -> list[DnsRecord]:
    """Return the records by which receivers know that mail is from the domain.

    Args:
        scope: Any construct of the stack.
        wanted: The domain; checked before.
        identity: The identity.
    """
    region = cdk.Stack.of(scope).region
    mail_from = f"{wanted.mail_from_subdomain}.{wanted.domain}"
    records = [
        DnsRecord(name=record.name, type="CNAME", value=record.value, why="DKIM: SES signs mail of the domain")
        for record in identity.dkim_records
    ]
    records += [
        DnsRecord(
            name=mail_from,
            type="MX",
            value=f"{MX_PREFERENCE} feedback-smtp.{region}.amazonses.com",
            why="MAIL FROM: bounces return to SES",
        ),
        DnsRecord(name=mail_from, type="TXT", value=SPF, why="SPF: SES may send for the MAIL FROM domain"),
    ]
    if wanted.dmarc is not None:
        records.append(
            DnsRecord(
                name=f"_dmarc.{wanted.domain}",
                type="TXT",
                value=dmarc_text(wanted),
                why="DMARC: what receivers do with mail that pretends to be from the domain",
            )
        )
    return records


def dmarc_text(wanted: DomainIdentity) -> str:
    """Return the text of the DMARC record.

    Alignment is relaxed, which is the default: bounces return to a subdomain.

    Args:
        wanted: The domain, with a policy.
    """
    dmarc = wanted.dmarc
    if dmarc is None:
        return ""
    tags = {"v": "DMARC1", "p": dmarc.policy}
    if dmarc.subdomain_policy is not None:
        tags["sp"] = dmarc.subdomain_policy
    if dmarc.report_to is not None:
        tags["rua"] = f"mailto:{dmarc.report_to}"
    return "; ".join(f"{name}={value}" for name, value in tags.items())


def tracking_records(scope: Construct, streams: Sequence[SendingStream]) -> list[DnsRecord]:
    """Return the records of the domains in tracked links that need no distribution in front.

    Args:
        scope: Any construct of the stack.
        streams: The streams; checked before.
    """
    region = cdk.Stack.of(scope).region
    domains = {one.tracking.domain: None for one in streams if one.tracking and one.tracking.https == "OPTIONAL"}
    return [
        DnsRecord(
            name=domain,
            type="CNAME",
            value=f"r.{region}.awstrack.me",
            why="Tracking: links by which opens and clicks are seen",
        )
        for domain in domains
    ]


def receiving_record(scope: Construct, domain: str) -> DnsRecord:
    """Return the record that brings a domain's mail to SES.

    Args:
        scope: Any construct of the stack.
        domain: The domain.
    """
    # Everywhere in the commercial partition, the only one with email receiving.
    host = f"inbound-smtp.{cdk.Stack.of(scope).region}.amazonaws.com"
    return DnsRecord(name=domain, type="MX", value=f"{MX_PREFERENCE} {host}", why="Receiving: mail comes to SES")


def write(scope: Construct, zone: route53.IHostedZone, records: Sequence[DnsRecord], domain: str) -> None:
    """Write records into a hosted zone.

    Args:
        scope: The construct that they belong to.
        zone: The zone.
        records: The records.
        domain: The domain that they are about, which their ids leave out.
    """
    dkim = 0
    for record in records:
        if is_token(record.name):
            # The names of the DKIM records are known at deployment only.
            dkim += 1
            id = f"Dkim{dkim}"
        else:
            id = f"{_id(record.name.removesuffix(domain).strip('._'))}{record.type.capitalize()}"
        route53.CfnRecordSet(
            scope,
            id,
            hosted_zone_id=zone.hosted_zone_id,
            name=f"{record.name}.",
            type=record.type,
            ttl=str(TTL.to_seconds()),
            resource_records=[f'"{record.value}"' if record.type == "TXT" else record.value],
        )


def _id(label: str) -> str:
    """Return the id of what stands before the domain, which is another one for every other label."""
    parts = label.split(".")
    # go-shop and go.shop, or a1.b and a1b, would be the same in PascalCase.
    return "".join(map(str.capitalize, parts)) if all(map(str.isalpha, parts)) else f"{label}."
