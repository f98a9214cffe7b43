"""Arguments of SesConfigSets, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    AddressIdentity,
    Analytics,
    BucketLifecycle,
    Dmarc,
    DomainIdentity,
    EventMetrics,
    Feedback,
    Inbound,
    Pause,
    Reputation,
    SendingStream,
    SesAccount,
    SesConfigSets,
    TrackingDomain,
)
from tests.unit.drawn import Choices, Drawn


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> SesConfigSets:  # noqa: N802
    """Make the construct in a stack of its own, for a stack has what belongs to an account only once; and use it."""
    if not scope.node.children:
        # A template without resources is none.
        cdk.CfnWaitConditionHandle(scope, "Nothing")
    hooks = arguments.pop("hooks", [])
    own = cdk.Stack(scope, id)
    try:
        email = SesConfigSets(own, "Email", **arguments)
    except ValueError:
        if not own.node.children:
            scope.node.try_remove_child(id)
        raise
    try:
        for method, hook, target, given in hooks:
            getattr(email, method)(hook, target, **given)
    except ValueError:
        # What is refused then leaves the construct behind, as it was.
        scope.node.try_remove_child(id)
        raise
    return email


SECONDS = cdk.Duration.seconds
HERE = "eu-west-1:111122223333"

# What is brought along belongs to no app, so that any app can use it. The policies of queues, and of the bucket for
# mail, could not be changed then, of which a warning tells.
_elsewhere = cdk.Stack(None, "Elsewhere")
_ZONE = route53.HostedZone.from_hosted_zone_attributes(_elsewhere, "Zone", hosted_zone_id="Z1", zone_name="example.com")
_OTHER_ZONE = route53.HostedZone.from_hosted_zone_attributes(
    _elsewhere, "OtherZone", hosted_zone_id="Z2", zone_name="example.org"
)
_POOL = ses.DedicatedIpPool.from_dedicated_ip_pool_name(_elsewhere, "Pool", "leased")
_IDENTITY = ses.EmailIdentity.from_email_identity_name(_elsewhere, "Identity", "example.com")
_FUNCTION = lambda_.Function.from_function_arn(_elsewhere, "Fn", f"arn:aws:lambda:{HERE}:function:f")
_QUEUE = sqs.Queue.from_queue_arn(_elsewhere, "Queue", f"arn:aws:sqs:{HERE}:q")
_FIFO = sqs.Queue.from_queue_arn(_elsewhere, "Fifo", f"arn:aws:sqs:{HERE}:q.fifo")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_BUCKET = s3.Bucket.from_bucket_name(_elsewhere, "Bucket", "lake")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/mail")


# Each argument with values that are legal, at least alone, and with values that never are.
FLAG = ([True, False], ["yes"])
EVENTS = ([["SEND", "BOUNCE"], [], ["OPEN"]], [["Bounce"], "SEND", ["SEND", "SEND"]])
REASONS = ([["BOUNCE"], ["COMPLAINT", "BOUNCE"], []], [["Bounce"], "BOUNCE", ["SPAM"]])
DMARC: Choices = {
    "policy": (["none", "quarantine", "reject"], ["NONE", None]),
    "subdomain_policy": (["none", "reject"], ["some"]),
    "report_to": (["dmarc@example.com", "d+r@reports.example.org"], ["Reports <a@example.com>", "a,b@example.com"]),
}
DOMAIN: Choices = {
    "hosted_zone": ([_ZONE], [_OTHER_ZONE, "Z1"]),
    "mail_from_subdomain": (["bounce", "mail-from.return"], ["", "Bounce", "a b", "bounce.example.com"]),
    "dmarc": ([None, Dmarc()], ["none"]),
}
NAMES = (["example.com", "shop.example.com"], ["Example.com", "https://example.com", "", "localhost"])
ADDRESSES = (["news@example.com"], ["news", "News <news@example.com>", ""])
REPUTATION: Choices = {
    "bounce_rate": ([0.01, 0.05], [0, 0.06, 5]),
    "complaint_rate": ([0.0001, 0.001], [0, 0.002]),
}
PAUSE: Choices = {
    "bounce_rate": ([0.06, 0.1], [0, 0.11]),
    "complaint_rate": ([0.002, 0.005], [0, 0.006]),
}
STREAM: Choices = {
    "pool": (["SHARED", "STANDARD", "MANAGED", _POOL], ["managed", None]),
    "suppression": REASONS,
    "tracking": (
        [
            TrackingDomain(domain="click.shop.example.com"),
            TrackingDomain(domain="go.shop.example.com", https="REQUIRE"),
        ],
        [TrackingDomain(domain="Click"), "click.example.com", TrackingDomain(domain="a.example.com", https="on")],  # type: ignore[arg-type]
    ),
    "engagement_metrics": FLAG,
    "optimized_shared_delivery": FLAG,
    "max_delivery": ([SECONDS(300), SECONDS(50400)], [SECONDS(299), SECONDS(50401), 600]),
    "feedback_events": ([["BOUNCE", "COMPLAINT"]], [["BOUNCE"], []]),
    "analytics_events": EVENTS,
    "event_bridge_events": EVENTS,
    "metrics": (
        [EventMetrics(dimensions={"campaign": "none"}), EventMetrics(dimensions={"a:b": "c"}, events=["SEND"])],
        [EventMetrics(dimensions={}), EventMetrics(dimensions={"a b": "c"}), {"campaign": "none"}],
    ),
}
FEEDBACK: Choices = {"record": FLAG, "keep_transient_days": ([1, 3650], [0, 3651, None])}
ANALYTICS: Choices = {
    "bucket": ([_BUCKET], ["lake"]),
    "lifecycle": ([BucketLifecycle(expire_after_days=400)], [BucketLifecycle(expire_after_days=0)]),
    "buffer_interval": ([SECONDS(0), SECONDS(900)], [SECONDS(901), 60]),
    "campaign_tag": (["mailing", "a_b-c"], ["Mailing", "", "it's"]),
}
INBOUND: Choices = {
    "bucket": ([None], ["mail"]),
    "expire_after_days": ([1, 365], [0, 1.5]),
    "function": ([_FUNCTION], [_QUEUE]),
    "strict": FLAG,
    "mx_record": FLAG,
    "activate": FLAG,
}
RECIPIENTS = ([["shop.example.com"], ["a@shop.example.com"]], [[], "shop.example.com", [".example.com"], ["A b@c.d"]])
ACCOUNT: Choices = {"suppression": REASONS, "engagement_metrics": FLAG, "optimized_shared_delivery": FLAG}
OTHER: Choices = {
    "encryption_key": ([None], [_KEY_ALIAS, "key"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
STREAM_NAMES = (["news", "order_mails", "a1"], ["News", "", "my-news", "default"])
HOOK_IDS = (["Clean", "Tell"], ["Key", "clean", ""])
TARGETS = ([_FUNCTION], [_FIFO, _TOPIC, None])
TYPES = ([["Permanent"], [], ["Transient", "Undetermined"]], [["permanent"], "Permanent"])
PARTS = ("identity", "streams", "reputation", "feedback", "analytics", "inbound", "account", "hooks", "other")


class Mail(Drawn):
    """Arguments of the construct as they are drawn.

    Args:
        draw: What draws them.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, PARTS, tame=3)

    def identity(self) -> Any:
        kind = self._draw(st.sampled_from(["domain", "domain", "address", "given"]))
        if kind == "address":
            return AddressIdentity(address=self.one("identity", ADDRESSES))
        if kind == "given":
            return self.one("identity", ([_IDENTITY], ["example.com", None]))
        dmarc = Dmarc(**self.some("identity", DMARC))
        return DomainIdentity(
            domain=self.one("identity", NAMES), **{"dmarc": dmarc, **self.some("identity", DOMAIN, most=3)}
        )

    def streams(self) -> dict[str, SendingStream]:
        count = self._draw(st.sampled_from([1, 1, 2]))
        return {self.one("streams", STREAM_NAMES): self._stream() for _ in range(count)}

    def _stream(self) -> SendingStream:
        pause = Pause(**self.some("reputation", PAUSE)) if self.wants("reputation", 3) else None
        reputation = Reputation(**self.some("reputation", REPUTATION), pause=pause)
        return SendingStream(reputation=reputation, **self.some("streams", STREAM))

    def hook(self, streams: list[str]) -> tuple[str, str, Any, dict[str, Any]]:
        given = {"streams": self.one("hooks", ([[], streams], [["missing"]]))}
        method = self._draw(st.sampled_from(["on_bounce", "on_complaint"]))
        if method == "on_bounce":
            given["bounce_types"] = self.one("hooks", TYPES)
        return method, self.one("hooks", HOOK_IDS), self.one("hooks", TARGETS), given


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Mail(draw)
    streams = drawn.streams()
    parts: dict[str, tuple[int, Callable[[], Any]]] = {
        "feedback": (3, lambda: Feedback(**drawn.some("feedback", FEEDBACK))),
        "inbound": (
            4,
            lambda: Inbound(recipients=drawn.one("inbound", RECIPIENTS), **drawn.some("inbound", INBOUND)),
        ),
        "account": (3, lambda: SesAccount(**drawn.some("account", ACCOUNT))),
        "hooks": (3, lambda: [drawn.hook(sorted(streams))]),
        "analytics": (6, lambda: Analytics(**drawn.some("analytics", ANALYTICS))),
    }
    return {
        "identity": drawn.identity(),
        "streams": streams,
        # What takes most of the time is seldom drawn.
        "analytics": None,
        "feedback": Feedback(record=False),
        # An alarm that pauses a stream, and others that tell nobody, are a finding.
        "alarm_topic": drawn.one("other", ([_TOPIC], ["topic"])),
        **{name: make() for name, (one_in, make) in parts.items() if drawn.wants(name, one_in)},
        **drawn.some("other", OTHER),
    }


ARGUMENTS = arguments()
