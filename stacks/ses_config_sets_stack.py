"""The stack ``SesConfigSets``."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk_refarch import (
    AddressIdentity,
    AlarmTopic,
    Analytics,
    BucketLifecycle,
    Dmarc,
    DomainIdentity,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesAccount,
    SesConfigSets,
    TrackingDomain,
)

from .config import SesConfigSetsSettings, Settings, StreamSettings

PRODUCTION = (
    "New accounts send to verified addresses only, until AWS has granted production access: aws sesv2 get-account "
    "--query ProductionAccessEnabled; ask for it with aws sesv2 put-account-details"
)


class SesConfigSetsStack(cdk.Stack):
    """Streams of email with feedback, analytics and reputation, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        email: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="Email by Amazon SES in streams, with the feedback loop closed")
        own = settings.ses_config_sets
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        lifecycle = None
        if own.expire_after_days is not None:
            days = own.expire_after_days
            lifecycle = BucketLifecycle(expire_after_days=days, errors_expire_after_days=days)
        self.email = SesConfigSets(
            self,
            "Email",
            identity=self._identity(own),
            streams={name: _stream(one) for name, one in own.streams.items()},
            default_stream=own.default_stream,
            analytics=Analytics(lifecycle=lifecycle) if own.analytics else None,
            inbound=Inbound(recipients=own.inbound_recipients, mx_record=own.inbound_mx_record)
            if own.inbound_recipients
            else None,
            account=None if own.account_suppression is None else SesAccount(suppression=own.account_suppression),
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        for name, value, description in self._outputs():
            cdk.CfnOutput(self, name, value=value, description=description)

    def _identity(self, own: SesConfigSetsSettings) -> DomainIdentity | AddressIdentity:
        if own.address is not None:
            return AddressIdentity(address=own.address)
        zone = None
        if own.hosted_zone_id is not None:
            zone = route53.HostedZone.from_hosted_zone_attributes(
                self, "Zone", hosted_zone_id=own.hosted_zone_id, zone_name=own.hosted_zone_name or own.domain
            )
        return DomainIdentity(
            domain=own.domain,
            hosted_zone=zone,
            mail_from_subdomain=own.mail_from_subdomain,
            dmarc=None
            if own.dmarc_policy == "existing"
            else Dmarc(policy=own.dmarc_policy, report_to=own.dmarc_report_to),
        )

    def _outputs(self) -> Iterator[tuple[str, str, str]]:
        email = self.email
        yield "ProductionAccess", PRODUCTION, "What a new account has to ask for"
        yield "IdentityArn", email.identity.email_identity_arn, "What mail is sent as"
        for number, record in enumerate(email.dns_records, 1):
            yield f"DnsRecord{number}", f"{record.name} {record.type} {record.value}", record.why
        for name, stream in email.streams.items():
            title = "".join(part.capitalize() for part in name.split("_"))
            given = stream.configuration_set.configuration_set_name
            yield f"{title}ConfigurationSet", given, f"Name this when you send {name} mail"
        feedback = email.feedback
        yield "FeedbackTopicArn", feedback.topic.topic_arn, "Bounces, complaints, rejects and delays, at once"
        yield "FeedbackQueueUrl", feedback.queue.queue_url, "The same, waiting to be recorded"
        yield "FailedEventsUrl", feedback.failed_events.queue_url, "Feedback that could not be recorded"
        if feedback.record is not None:
            yield "ContactsTableName", feedback.record.table.table_name, "What is known of each address"
        if email.analytics is not None:
            yield "EventsBucketName", email.analytics.delivery.bucket.bucket_name, "All events: data/, or errors/"
            yield "EventsStreamName", email.analytics.delivery.stream.ref, "The Firehose stream of events"
            yield "WorkGroupName", email.analytics.work_group.ref, "Choose it in Athena: it has the saved queries"
        if email.inbound is not None:
            yield "ReceivedMailBucketName", email.inbound.bucket.bucket_name, "Received mail, under mail/"
            yield "ReceivedMailTopicArn", email.inbound.topic.topic_arn, "Told of each received mail"
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told of alarms"


def _stream(own: StreamSettings) -> SendingStream:
    minutes = own.max_delivery_minutes
    return SendingStream(
        pool=own.pool,
        suppression=own.suppression,
        tracking=None if own.tracking_domain is None else TrackingDomain(domain=own.tracking_domain),
        max_delivery=None if minutes is None else cdk.Duration.minutes(minutes),
        reputation=Reputation(pause=Pause() if own.pause else None),
    )
