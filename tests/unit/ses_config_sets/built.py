"""Constructs that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import (
    AddressIdentity,
    Analytics,
    BucketLifecycle,
    Dmarc,
    DomainIdentity,
    EventMetrics,
    Feedback,
    FeedbackHook,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesAccount,
    SesConfigSets,
    TrackingDomain,
)
from tests.unit.templates import Template, flat, listed

ACCOUNT, REGION = "111122223333", "eu-west-1"
ENV = cdk.Environment(account=ACCOUNT, region=REGION)
HERE = f"{REGION}:{ACCOUNT}"

STREAMS = {
    "transactional": SendingStream(
        pool="STANDARD",
        suppression=[],
        max_delivery=cdk.Duration.hours(1),
        engagement_metrics=True,
        optimized_shared_delivery=False,
    ),
    "marketing": SendingStream(
        pool="MANAGED",
        suppression=["COMPLAINT", "BOUNCE"],
        tracking=TrackingDomain(domain="click.shop.example.com"),
        reputation=Reputation(
            bounce_rate=0.02, complaint_rate=0.0004, pause=Pause(bounce_rate=0.04, complaint_rate=0.002)
        ),
        feedback_events=["COMPLAINT", "BOUNCE"],
        analytics_events=["CLICK", "BOUNCE", "SEND"],
        event_bridge_events=["OPEN", "CLICK"],
        metrics=EventMetrics(dimensions={"campaign": "none", "ses:from-domain": "unknown"}, events=["SEND", "BOUNCE"]),
    ),
    "alerts": SendingStream(
        suppression=["COMPLAINT"],
        tracking=TrackingDomain(domain="go.shop.example.com", https="REQUIRE"),
        optimized_shared_delivery=True,
        analytics_events=[],
    ),
}


@dataclass(frozen=True)
class Scene:
    """A construct, and what its stack became."""

    email: SesConfigSets
    template: Template

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, in a form that can be read."""
        return flat(self.template.of(construct))

    def resource(self, construct: Any) -> dict[str, Any]:
        """The whole resource of a construct."""
        return self.template.resource(construct)

    def shown(self, value: Any) -> Any:
        """A value with tokens in the same form."""
        return flat(self.template.resolve(value))

    def all(self, kind: str) -> list[Any]:
        """The properties of all resources of a type."""
        return [flat(one.get("Properties", {})) for one in self.template.all(kind)]

    def named(self, path: str) -> Any:
        """A construct inside, by its path."""
        found: Any = self.email
        for id in path.split("/"):
            found = found.node.find_child(id)
        return found

    def waits_for(self, construct: Any, needed: Any) -> bool:
        """Whether a resource is made after another."""
        element = needed.node.default_child or needed
        return self.template.resolve(element.logical_id) in self.resource(construct).get("DependsOn", [])

    def destination(self, stream: str, kind: str) -> Any:
        """Where a stream's events go: Feedback, Analytics, EventBridge or CloudWatch."""
        made = self.of(self.email.streams[stream].node.find_child(f"{kind}Destination"))
        assert made["ConfigurationSetName"] == self.set_name(stream)
        return made["EventDestination"]

    def set_name(self, stream: str) -> str:
        """The name of a stream's configuration set."""
        return str(self.shown(self.email.streams[stream].configuration_set.configuration_set_name))

    def set_arn(self, stream: str) -> str:
        """The ARN of a stream's configuration set."""
        return f"arn:aws:ses:{HERE}:configuration-set/{self.set_name(stream)}"

    def key_arn(self) -> Any:
        """The ARN of the key."""
        return self.shown(self.email.encryption_key.key_arn)


@dataclass(frozen=True)
class Built:
    """All scenes, and what was given to them."""

    plain: Scene
    full: Scene
    bare: Scene
    given: Scene
    alarms: sns.Topic
    pool_name: str
    consumer: lambda_.Function
    told: lambda_.Function
    queues: dict[str, sqs.IQueue]
    hooks: dict[str, FeedbackHook]
    senders: dict[str, iam.Role]
    reader: iam.Role
    mail: s3.Bucket
    lake: s3.Bucket
    zone: route53.IHostedZone

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All of them."""
        return self.plain, self.full, self.bare, self.given

    def scene(self, name: str) -> Scene:
        """One of them by its name."""
        found: Scene = getattr(self, name)
        return found


def function(stack: cdk.Stack, id: str) -> lambda_.Function:
    """A function of the consumer."""
    code = lambda_.Code.from_inline("def handler(event, context): pass")
    return lambda_.Function(stack, id, runtime=lambda_.Runtime.PYTHON_3_14, handler="index.handler", code=code)


def role(stack: cdk.Stack, id: str) -> iam.Role:
    """A role of the consumer."""
    return iam.Role(stack, id, assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App()
    more: dict[str, Any] = {}
    made = [make(cdk.Stack(app, id, env=ENV), more) for id, make in STACKS.items()]
    plain, full, bare, given = (Scene(one, Template(cdk.Stack.of(one))) for one in made)
    return Built(plain, full, bare, given, **more)


def _plain(stack: cdk.Stack, more: dict[str, Any]) -> SesConfigSets:
    identity = DomainIdentity(domain="example.com")
    return SesConfigSets(stack, "Email", identity=identity, streams={"transactional": SendingStream()})


def _full(stack: cdk.Stack, more: dict[str, Any]) -> SesConfigSets:
    zone = route53.HostedZone.from_hosted_zone_attributes(stack, "Zone", hosted_zone_id="Z1", zone_name="example.com")
    more |= {"zone": zone, "alarms": sns.Topic(stack, "Alarms"), "consumer": function(stack, "Consumer")}
    more["pool_name"] = "leased"
    pool = ses.DedicatedIpPool.from_dedicated_ip_pool_name(stack, "Leased", "leased")
    email = SesConfigSets(
        stack,
        "Email",
        identity=DomainIdentity(
            domain="shop.example.com",
            hosted_zone=zone,
            mail_from_subdomain="mail.return",
            dmarc=Dmarc(policy="reject", subdomain_policy="quarantine", report_to="dmarc@example.com"),
        ),
        streams={**STREAMS, "news_letter": SendingStream(pool=pool, suppression=["BOUNCE"])},
        default_stream="marketing",
        feedback=Feedback(keep_transient_days=7),
        analytics=Analytics(
            campaign_tag="mailing",
            buffer_interval=cdk.Duration.seconds(60),
            lifecycle=BucketLifecycle(expire_after_days=400),
        ),
        inbound=Inbound(
            recipients=["shop.example.com", "help@in.shop.example.com", "info@in.shop.example.com"],
            expire_after_days=365,
            function=more["consumer"],
            strict=True,
            mx_record=True,
        ),
        account=SesAccount(
            suppression=["COMPLAINT", "BOUNCE"], engagement_metrics=True, optimized_shared_delivery=True
        ),
        alarm_topic=more["alarms"],
        removal_policy=cdk.RemovalPolicy.DESTROY,
        log_retention=logs.RetentionDays.ONE_YEAR,
    )
    _use(stack, email, more)
    return email


def _use(stack: cdk.Stack, email: SesConfigSets, more: dict[str, Any]) -> None:
    queues: dict[str, sqs.IQueue] = {
        "Soft": sqs.Queue(stack, "SoftQueue", encryption_master_key=kms.Key(stack, "SoftKey")),
        "Unsubscribe": sqs.Queue(stack, "UnsubscribeQueue"),
        "Elsewhere": sqs.Queue.from_queue_arn(stack, "ElsewhereQueue", f"arn:aws:sqs:{HERE}:elsewhere"),
    }
    more |= {"queues": queues, "told": function(stack, "Told")}
    more["hooks"] = {
        "Clean": email.on_bounce("Clean", more["told"]),
        "Soft": email.on_bounce(
            "Soft", queues["Soft"], streams=["marketing"], bounce_types=["Transient", "Undetermined"]
        ),
        "Unsubscribe": email.on_complaint("Unsubscribe", queues["Unsubscribe"], streams=["marketing", "news_letter"]),
        "Elsewhere": email.on_bounce("Elsewhere", queues["Elsewhere"], bounce_types=[]),
    }
    senders = {id: role(stack, id) for id in ("Orders", "News")}
    more["senders"] = senders
    email.grant_send(senders["Orders"], stream="transactional", from_addresses=["orders@shop.example.com"])
    email.grant_send(
        senders["News"],
        stream="marketing",
        from_addresses=["*@news.shop.example.com", "hello@shop.example.com"],
        template_names=["Welcome", "Weekly"],
    )
    more["reader"] = role(stack, "Reader")
    assert email.feedback.record is not None
    email.feedback.record.grant_read(more["reader"])


def _bare(stack: cdk.Stack, more: dict[str, Any]) -> SesConfigSets:
    return SesConfigSets(
        stack,
        "Email",
        identity=AddressIdentity(address="news@example.org"),
        streams={"news": SendingStream(event_bridge_events=["SEND"])},
        feedback=Feedback(record=False),
        analytics=None,
        account=SesAccount(optimized_shared_delivery=True),
        encryption_key=kms.Key(stack, "Own"),
    )


def _given(stack: cdk.Stack, more: dict[str, Any]) -> SesConfigSets:
    more["mail"] = s3.Bucket(stack, "Mail", encryption_key=kms.Key(stack, "MailKey"))
    more["lake"] = s3.Bucket(stack, "Lake")
    return SesConfigSets(
        stack,
        "Email",
        identity=ses.EmailIdentity.from_email_identity_name(stack, "Identity", "example.net"),
        streams={"transactional": SendingStream(), "marketing": SendingStream(reputation=Reputation(pause=Pause()))},
        analytics=Analytics(bucket=more["lake"]),
        inbound=Inbound(recipients=["support@example.net"], bucket=more["mail"], activate=False),
        encryption_key=kms.Key.from_key_arn(stack, "Own", f"arn:aws:kms:{HERE}:key/own"),
    )


STACKS: dict[str, Callable[[cdk.Stack, dict[str, Any]], SesConfigSets]] = {
    "Plain": _plain,
    "Full": _full,
    "Bare": _bare,
    "Given": _given,
}


def allowed(properties: Any) -> list[Any]:
    """The statements of a policy that allow something, without their effect and their id."""
    document = properties.get("PolicyDocument") or properties["KeyPolicy"]
    return [
        {name: one[name] for name in ("Action", "Principal", "Resource", "Condition") if name in one}
        for one in document["Statement"]
        if one["Effect"] == "Allow"
    ]


def permissions(made: Any) -> set[tuple[str, str, str]]:
    """Action, resource and condition of all that a role of the construct may do."""
    assert "ManagedPolicyArns" not in made
    return {
        (action, resource, str(one.get("Condition", "")))
        for policy in made["Policies"]
        for one in allowed(policy)
        for action in listed(one["Action"])
        for resource in listed(one["Resource"])
    }


def service(name: str) -> dict[str, str]:
    """A service as the principal of a statement."""
    return {"Service": f"{name}.amazonaws.com"}
