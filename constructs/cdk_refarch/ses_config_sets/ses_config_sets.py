"""Amazon SES configuration sets with the feedback loop closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.resource_checks import check_resources

from . import dns, sending, use_checks
from .account import AccountSettings
from .argument_checks import check_account, check_sending
from .claimed import REMEDIES, claimed
from .email_stream import EmailStream
from .feedback_hook import FeedbackHook, endpoint_of
from .feedback_loop import FeedbackLoop
from .identity import Identity, make_identity, name_of
from .inbound_checks import check_inbound
from .names import stream_id
from .region_checks import check_sending_region
from .values import (
    Analytics,
    BounceType,
    DnsRecord,
    DomainIdentity,
    Feedback,
    Inbound,
    SendingStream,
    SesAccount,
)

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from .analytics import EventAnalytics
    from .inbound_mail import InboundMail


class SesConfigSets(Construct):
    """Email in streams of their own, with what becomes of it told at once, kept, counted and acted on.

    Creates a configuration set for each stream, the identity with its records, a topic, queue and table for bounces and
    complaints, a table of all events with ready queries, alarms on reputations and on every way to fail, roles and
    policies with exactly the needed permissions, and a key.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        identity: The domain or the address to send from; an ``IEmailIdentity`` that exists is only sent from.
        streams: The kinds of email, by names of lower-case letters, digits and _, such as ``transactional``.
        default_stream: The stream of mail whose sender names no configuration set; None for the first one, so that one
            put in front of it takes its place.
        feedback: What becomes of bounces, complaints, delays, and mail that SES took and did not send.
        analytics: Where all events are kept; None to keep none.
        inbound: What becomes of mail to the domain; None to receive none.
        account: Settings of the whole account in the region; None to leave them as they are.
        encryption_key: Encrypts events, records, received mail and logs; None to create one. A given key that the app
            does not own must admit this account's IAM policies, SES, SNS, Athena and CloudWatch Logs.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to events, records, received mail, logs and the key when the construct is removed.
        log_retention: How long logs are kept.

    Attributes:
        identity: The identity, given or created.
        dns_records: The records that the domain needs. Those for sending, and for links over HTTP, are written to the
            hosted zone, and the MX record with ``mx_record``; all others somebody has to write, or nothing is sent.
        streams: What was made for each stream, by its name: ``configuration_set``, ``pool``, ``pause`` ...
        feedback: The topic, the queues and the ``record`` of contacts.
        analytics: The ``delivery`` of events, the ``work_group`` and its ``queries``; None without ``analytics``.
        inbound: The ``rule_set``, ``bucket`` and ``topic`` of received mail; None without ``inbound``.
        encryption_key: The key, given or created.
        alarms: All alarms by name; those of a stream begin with its name in PascalCase.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or that would lose mail or events.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        identity: Identity,
        streams: Mapping[str, SendingStream],
        default_stream: str | None = None,
        feedback: Feedback = Feedback(),
        analytics: Analytics | None = Analytics(),
        inbound: Inbound | None = None,
        account: SesAccount | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        self._checks = Checks.of(scope, id)
        check_sending_region(self._checks, scope)
        users = "topics, queues, buckets and logs"
        check_resources(self._checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
        check_sending(self._checks, scope, identity, streams, default_stream, feedback, analytics)
        check_inbound(self._checks, scope, inbound, identity, streams)
        check_account(self._checks, account, streams)
        once = claimed(identity, inbound, account)
        check_claims(self._checks, scope, once, REMEDIES)
        super().__init__(scope, id)
        claim(self, once)
        data = "events, contacts, received mail and logs"
        self.encryption_key: kms.IKey = key_for(self, encryption_key, data=data, removal_policy=removal_policy)
        self._operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self._sender = name_of(identity)
        self._alarms: dict[str, cloudwatch.Alarm] = {}
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms
        self.streams: Mapping[str, EmailStream] = self._streams(streams)
        both = {name: (self.streams[name], wanted) for name, wanted in streams.items()}
        default = next(iter(streams)) if default_stream is None else default_stream
        self.identity, records = make_identity(self, identity, self.streams[default])
        self.feedback = FeedbackLoop(self, "Feedback", feedback=feedback, streams=both, operation=self._operation)
        self._alarms.update({f"Feedback{name}": one for name, one in self.feedback.alarms.items()})
        self._told = {self.feedback.queue.queue_arn: "Feedback"}
        self.analytics = None if analytics is None else self._analytics(analytics, both)
        if account is not None:
            AccountSettings(self, "Account", account=account, operation=self._operation)
        self.inbound = None if inbound is None else self._inbound(inbound)
        self.dns_records: tuple[DnsRecord, ...] = self._records(identity, streams, inbound, records)

    def grant_send(
        self,
        grantee: iam.IGrantable,
        *,
        stream: str,
        from_addresses: Sequence[str],
        template_names: Sequence[str] = (),
    ) -> iam.Grant:
        """Let an identity send mail of one stream, from some addresses, and nothing else.

        Args:
            grantee: The identity.
            stream: The name of the stream. Whoever sends names its configuration set; without a name, SES takes the one
                of ``default_stream``, and refuses senders of another.
            from_addresses: The addresses of From, without a display name, as they will be written: SES tells upper case
                from lower. * stands for any text, as in ``*@example.com``.
            template_names: Templates that may be used; with any, templated mail may be sent. Not by ``SendBulkEmail``,
                for which SES does not say from which address.

        Returns:
            The grant.

        Raises:
            ValueError: If there is no such stream, or an address that the identity does not have.
        """
        use_checks.check_grantee(self._checks, grantee, self)
        use_checks.check_grant(self._checks, stream, from_addresses, template_names, self.streams, self._sender)
        return sending.grant(
            self, grantee, self.identity, self.streams[stream], list(from_addresses), list(template_names)
        )

    def on_bounce(
        self,
        id: str,
        target: lambda_.IFunction | sqs.IQueue,
        *,
        streams: Sequence[str] = (),
        bounce_types: Sequence[BounceType] = ("Permanent",),
    ) -> FeedbackHook:
        """Tell a function or a queue of bounces.

        A function gets messages of Amazon SNS, a queue the events themselves. Events come in any order, and
        some twice.

        Args:
            id: The id of what is made, a PascalCase word.
            target: Whom to tell.
            streams: The streams whose bounces are told; empty for all.
            bounce_types: Which bounces are told; empty for all.

        Returns:
            What was made, with its ``undelivered`` queue and alarms.

        Raises:
            ValueError: If an argument is one that AWS would refuse, or there is no such stream.
        """
        use_checks.check_bounce_types(self._checks, bounce_types)
        return self._hook(id, target, "Bounce", streams, bounce_types)

    def on_complaint(
        self, id: str, target: lambda_.IFunction | sqs.IQueue, *, streams: Sequence[str] = ()
    ) -> FeedbackHook:
        """Tell a function or a queue of complaints, as ``on_bounce`` does of bounces.

        Args:
            id: The id of what is made, a PascalCase word.
            target: Whom to tell.
            streams: The streams whose complaints are told; empty for all.

        Returns:
            What was made, with its ``undelivered`` queue and alarms.

        Raises:
            ValueError: If an argument is one that AWS would refuse, or there is no such stream.
        """
        return self._hook(id, target, "Complaint", streams, ())

    def _hook(
        self,
        id: str,
        target: lambda_.IFunction | sqs.IQueue,
        event: str,
        streams: Sequence[str],
        bounce_types: Sequence[str],
    ) -> FeedbackHook:
        use_checks.check_hook(self._checks, self, id, target, streams, self.streams, bounce_types)
        endpoint = endpoint_of(target)
        use_checks.check_endpoint(self._checks, endpoint, self._told)
        self._told[endpoint] = id
        made = FeedbackHook(
            self,
            id,
            topic=self.feedback.topic,
            target=target,
            event=event,
            sets=[self.streams[name].configuration_set.configuration_set_name for name in streams],
            bounce_types=bounce_types,
            operation=self._operation,
        )
        self._alarms.update({f"{id}{name}": one for name, one in made.alarms.items()})
        return made

    def _streams(self, wanted: Mapping[str, SendingStream]) -> dict[str, EmailStream]:
        above = Construct(self, "Streams")
        made = {
            name: EmailStream(above, stream_id(name), stream=stream, operation=self._operation)
            for name, stream in wanted.items()
        }
        for name, stream in made.items():
            self._alarms.update({f"{stream_id(name)}{alarm}": one for alarm, one in stream.alarms.items()})
        return made

    def _analytics(self, wanted: Analytics, streams: Mapping[str, tuple[EmailStream, SendingStream]]) -> EventAnalytics:
        # Imported here, because Firehose, Glue and Athena take their time and only this needs them.
        from .analytics import EventAnalytics

        made = EventAnalytics(self, "Analytics", analytics=wanted, streams=streams, operation=self._operation)
        self._alarms.update({f"Analytics{name}": one for name, one in made.alarms.items()})
        return made

    def _inbound(self, wanted: Inbound) -> InboundMail:
        # Imported here, because aws_lambda takes about 100 ms.
        from .inbound_mail import InboundMail

        made = InboundMail(self, "Inbound", inbound=wanted, operation=self._operation)
        self._alarms.update({f"Inbound{name}": one for name, one in made.alarms.items()})
        return made

    def _records(
        self,
        identity: Identity,
        streams: Mapping[str, SendingStream],
        inbound: Inbound | None,
        records: Mapping[str, DnsRecord],
    ) -> tuple[DnsRecord, ...]:
        records = {**records, **dns.tracking_records(self, streams.values())}
        recipients = () if inbound is None else inbound.recipients
        domains = dict.fromkeys(one.rpartition("@")[2] for one in recipients if "@" in one or not is_token(one))
        received = {domain: dns.receiving_record(self, domain) for domain in domains}
        if isinstance(identity, DomainIdentity) and identity.hosted_zone is not None:
            written = dict(records)
            if inbound is not None and inbound.mx_record:
                written["InboundMx"] = received[identity.domain]
            dns.write(Construct(self, "Records"), identity.hosted_zone, written)
        return (*records.values(), *received.values())
