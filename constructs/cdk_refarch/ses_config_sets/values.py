"""What a user says about sending and receiving email: small frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal, get_args

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_route53 as route53
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_ses as ses

    from cdk_refarch._parts.s3_delivery.s3_sink import BucketLifecycle

EmailEvent = Literal[
    "SEND",
    "REJECT",
    "BOUNCE",
    "COMPLAINT",
    "DELIVERY",
    "OPEN",
    "CLICK",
    "RENDERING_FAILURE",
    "DELIVERY_DELAY",
    "SUBSCRIPTION",
]
SuppressedReason = Literal["BOUNCE", "COMPLAINT"]
BounceType = Literal["Permanent", "Transient", "Undetermined"]
DmarcPolicy = Literal["none", "quarantine", "reject"]
PoolKind = Literal["SHARED", "STANDARD", "MANAGED"]
TrackingHttps = Literal["OPTIONAL", "REQUIRE", "REQUIRE_OPEN_ONLY"]

ALL_EVENTS: tuple[EmailEvent, ...] = get_args(EmailEvent)
FEEDBACK_EVENTS: tuple[EmailEvent, ...] = ("BOUNCE", "COMPLAINT", "REJECT", "RENDERING_FAILURE", "DELIVERY_DELAY")


@dataclass(frozen=True, kw_only=True)
class Dmarc:
    """What receivers do with mail that only pretends to come from the domain.

    Args:
        policy: What becomes of such mail: ``none`` only reports it.
        subdomain_policy: The same for subdomains; None for ``policy``.
        report_to: The address that receivers send their daily reports to; None for no reports. An address of another
            domain gets reports only if that domain has a TXT record that says so.
    """

    policy: DmarcPolicy = "quarantine"
    subdomain_policy: DmarcPolicy | None = None
    report_to: str | None = None


@dataclass(frozen=True, kw_only=True)
class DomainIdentity:
    """A domain to send from, verified by records in the DNS.

    Args:
        domain: The domain, such as ``example.com``. Any address of it may be sent from.
        hosted_zone: The public hosted zone, of the domain or of one above it, that gets the records; None to write
            them elsewhere by hand: they are in ``dns_records``.
        mail_from_subdomain: The subdomain that bounces return to, which has an MX record to SES and an SPF record;
            nothing else may receive or send there.
        dmarc: The DMARC policy of the domain; None for a domain that has one.
    """

    domain: str
    hosted_zone: route53.IHostedZone | None = None
    mail_from_subdomain: str = "bounce"
    dmarc: Dmarc | None = Dmarc()


@dataclass(frozen=True, kw_only=True)
class AddressIdentity:
    """A single address to send from. SES sends a mail there with a link that must be followed within 24 hours.

    Args:
        address: The address.
    """

    address: str


@dataclass(frozen=True, kw_only=True)
class TrackingDomain:
    """A domain of one's own in the links by which opens and clicks are seen.

    Args:
        domain: A subdomain of the identity, such as ``click.example.com``.
        https: ``OPTIONAL`` keeps the protocol of the link; the other two need a distribution of one's own, with a
            certificate, in front of SES, and the domain's record must lead to it.
    """

    domain: str
    https: TrackingHttps = "OPTIONAL"


@dataclass(frozen=True, kw_only=True)
class Pause:
    """At what rates a stream stops sending by itself, until somebody resumes it.

    Args:
        bounce_rate: The share of hard bounces, above the rate that rings the alarm and at most 0.1.
        complaint_rate: The share of complaints, above the rate that rings the alarm and at most 0.005.
    """

    bounce_rate: float = 0.045
    complaint_rate: float = 0.0009


@dataclass(frozen=True, kw_only=True)
class Reputation:
    """When a stream's reputation is in danger. AWS reviews accounts from 5 % bounces and 0.1 % complaints on.

    Args:
        bounce_rate: The share of hard bounces that rings the alarm, above 0 and at most 0.05.
        complaint_rate: The share of complaints that rings the alarm, above 0 and at most 0.001.
        pause: Whether, and at what rates, the stream stops sending by itself; None for an alarm only.
    """

    bounce_rate: float = 0.025
    complaint_rate: float = 0.0005
    pause: Pause | None = None


@dataclass(frozen=True, kw_only=True)
class EventMetrics:
    """Events counted as CloudWatch metrics, which are billed for each combination of values.

    Args:
        dimensions: Name of a message tag to the value for messages without it.
        events: What is counted.
    """

    dimensions: Mapping[str, str]
    events: Sequence[EmailEvent] = ALL_EVENTS


@dataclass(frozen=True, kw_only=True)
class SendingStream:
    """A kind of email, such as transactional, with a configuration set and a reputation of its own.

    Mail goes out over TLS or not at all.

    Args:
        pool: The addresses that mail is sent from: ``SHARED`` with other customers, a pool of its own that SES sizes
            and warms up (``MANAGED``) or that leased addresses are put into by hand (``STANDARD``), or a given pool. A
            pool of another kind is another pool.
        suppression: Why addresses are put on the account's suppression list and skipped; None for the account's
            settings, empty for never.
        tracking: The domain in tracked links; None for the domain of SES.
        engagement_metrics: Whether the Virtual Deliverability Manager shows opens and clicks; None for the account's
            setting. Needs ``SesAccount.engagement_metrics``, or VDM switched on elsewhere.
        optimized_shared_delivery: Whether the Virtual Deliverability Manager chooses among shared addresses; None for
            the account's setting.
        max_delivery: How long SES tries to deliver, from 5 minutes to 14 hours; None for 14 hours.
        reputation: When alarms ring and whether the stream pauses itself.
        feedback_events: What goes to the feedback topic at once.
        analytics_events: What is kept for analysis.
        event_bridge_events: What goes to the account's default event bus as well.
        metrics: What CloudWatch counts by message tags; None for nothing.
    """

    pool: PoolKind | ses.IDedicatedIpPool = "SHARED"
    suppression: Sequence[SuppressedReason] | None = None
    tracking: TrackingDomain | None = None
    engagement_metrics: bool | None = None
    optimized_shared_delivery: bool | None = None
    max_delivery: cdk.Duration | None = None
    reputation: Reputation = Reputation()
    feedback_events: Sequence[EmailEvent] = FEEDBACK_EVENTS
    analytics_events: Sequence[EmailEvent] = ALL_EVENTS
    event_bridge_events: Sequence[EmailEvent] = ()
    metrics: EventMetrics | None = None


@dataclass(frozen=True, kw_only=True)
class Feedback:
    """What becomes of bounces, complaints, delays, and mail that SES took and did not send.

    Args:
        record: Whether a function keeps, for each address and stream, the last event of each kind in a table. Without
            it, whoever reads the queue must delete messages.
        keep_transient_days: For how many days what is no reason to stop sending is kept, from 1 to 3650; hard bounces
            and complaints stay.
    """

    record: bool = True
    keep_transient_days: int = 90


@dataclass(frozen=True, kw_only=True)
class Analytics:
    """All events in Amazon S3, as a table with ready queries.

    Args:
        bucket: The bucket to write to; None to create one.
        access_log_bucket: Where the created bucket's access logs go; None to create one. Not together with ``bucket``.
        lifecycle: Moves and expiry of objects in the created bucket; None to move events to Standard-IA after 90 days
            and keep them, and to delete those that do not fit the table, which are kept whole with headers and
            subject, after 90 days. Not together with ``bucket``.
        buffer_interval: How long Firehose collects at most, from 0 s to 900 s; None for 300 s.
        campaign_tag: The message tag that names a campaign, in lower case.
    """

    bucket: s3.IBucket | None = None
    access_log_bucket: s3.IBucket | None = None
    lifecycle: BucketLifecycle | None = None
    buffer_interval: cdk.Duration | None = None
    campaign_tag: str = "campaign"


@dataclass(frozen=True, kw_only=True)
class Inbound:
    """Email that SES receives: scanned, kept in a bucket and told of.

    Args:
        recipients: The addresses, or whole domains, of verified identities, from 1 to 500.
        bucket: The bucket that mail is written to, under ``mail/``; None to create one.
        expire_after_days: Days until mail in the created bucket is deleted, from 1; None to keep it. Not together with
            ``bucket``.
        function: Called with each mail's headers and verdicts once it is in the bucket; None for nothing.
        strict: Whether mail is stopped as well when a scan gave no clear answer.
        mx_record: Whether the hosted zone of the identity gets the MX record that brings the domain's mail to SES.
            Only for a domain that receives none elsewhere.
        activate: Whether the rule set becomes the account's active one, of which there is one in a region. When the
            construct is removed, the one that was active before is active again.
    """

    recipients: Sequence[str]
    bucket: s3.IBucket | None = None
    expire_after_days: int | None = None
    function: lambda_.IFunction | None = None
    strict: bool = False
    mx_record: bool = False
    activate: bool = True


@dataclass(frozen=True, kw_only=True)
class SesAccount:
    """Settings of the whole account in a region. They stay when the construct is removed.

    Args:
        suppression: Why addresses are put on the account's suppression list; None to leave that as it is.
        engagement_metrics: Whether the Virtual Deliverability Manager shows opens and clicks, billed by message; None,
            with ``optimized_shared_delivery`` None too, to leave it as it is.
        optimized_shared_delivery: Whether it chooses among shared addresses, billed by message.
    """

    suppression: Sequence[SuppressedReason] | None = None
    engagement_metrics: bool | None = None
    optimized_shared_delivery: bool | None = None


@dataclass(frozen=True, kw_only=True)
class DnsRecord:
    """A record that the domain needs.

    Args:
        name: Its name, such as ``_dmarc.example.com``.
        type: Its type.
        value: Its value as zone files have it, without quotes around a text.
        why: What it is for.
    """

    name: str
    type: Literal["CNAME", "MX", "TXT"]
    value: str
    why: str = field(compare=False, default="")
