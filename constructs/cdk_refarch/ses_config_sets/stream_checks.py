"""Refusal of streams that Amazon SES would not create, or that would lose feedback or a reputation."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import get_args

from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice, check_choices
from cdk_refarch._parts.domain_checks import check_domain, is_under, known
from cdk_refarch._parts.list_checks import check_flag, check_known

from .identity_checks import mail_from
from .names import MAX_STREAM_NAME, STREAM_NAME, stream_id
from .values import (
    ALL_EVENTS,
    DomainIdentity,
    EventMetrics,
    Pause,
    PoolKind,
    Reputation,
    SendingStream,
    SuppressedReason,
    TrackingDomain,
    TrackingHttps,
)

CDK_NAMES = ("default", "resource")
"""The CDK leaves their ids out of the logical ids that it makes, so that two things may get the same."""

MAX_STREAMS = 30
"""The function that records feedback knows all streams and their configuration sets by an environment variable. Names
of 40 and 64 characters make 3300 bytes of it then, and Lambda takes 4 KB of all variables together:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

MAX_MANAGED_POOLS = 5
"""Of an account in a region: https://docs.aws.amazon.com/ses/latest/dg/managed-dedicated-sending.html"""

DELIVERY_S = (300, 50400)
"""https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_DeliveryOptions.html"""

MAX_DIMENSIONS = 10
"""https://docs.aws.amazon.com/ses/latest/dg/quotas.html"""

DIMENSION_NAME = "[A-Za-z0-9_:-]{1,256}"
DIMENSION_VALUE = "[A-Za-z0-9_-]{1,256}"
"""https://docs.aws.amazon.com/ses/latest/APIReference-V2/API_CloudWatchDimensionConfiguration.html"""

REVIEWED = {"bounce_rate": 0.05, "complaint_rate": 0.001}
"""From where on AWS reviews an account: https://docs.aws.amazon.com/ses/latest/dg/reputationdashboardmessages.html"""

STOPPED = {"bounce_rate": 0.1, "complaint_rate": 0.005}
"""From where on AWS may stop an account from sending, as said there."""

SEND_EVENTS = "see https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html"


def check_streams(checks: Checks, scope: Construct, streams: Mapping[str, SendingStream], identity: object) -> None:
    """Check the streams one by one and against each other.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        streams: The argument.
        identity: The identity; checked before.

    Raises:
        ValueError: If one is wrong, or two get in each other's way.
    """
    remedy = "give {'transactional': SendingStream()}"
    if isinstance(streams, SendingStream):
        checks.refuse("streams", "a mapping of names to streams", "one SendingStream", remedy)
    if not isinstance(streams, Mapping):
        got = f"{type(streams).__name__} {streams!r}"
        checks.refuse("streams", "a mapping of names to streams", got, remedy)
    if not streams:
        checks.refuse("streams", "a mapping of 1 or more streams", "an empty one", remedy)
    if len(streams) > MAX_STREAMS:
        remedy = "use a second construct for the rest"
        checks.refuse("streams", f"a mapping of at most {MAX_STREAMS} streams", f"one of {len(streams)}", remedy)
    _check_names(checks, list(streams))
    for name, stream in streams.items():
        checks.instance(f"streams[{name!r}]", stream, SendingStream, remedy="give SendingStream()")
        _check_stream(checks.within("Streams").within(stream_id(name)), scope, stream, identity)
    _check_together(checks, streams)


def _check_names(checks: Checks, given: list[str]) -> None:
    remedy = "call it transactional, say"
    seen: dict[str, str] = {}
    for name in given:
        check_known(checks, "streams", name, remedy=remedy)
        rule = "a mapping of names of lower-case letters, digits and single _ between them"
        checks.matches("streams", name, STREAM_NAME, rule=rule, remedy=remedy)
        if len(name) > MAX_STREAM_NAME:
            rule = f"a mapping of names of at most {MAX_STREAM_NAME} characters"
            checks.refuse("streams", rule, f"{len(name)} characters in {name!r}", remedy)
        if name in CDK_NAMES:
            rule = "a mapping of names without a meaning of their own in the CDK"
            checks.refuse("streams", rule, repr(name), remedy)
        other = seen.setdefault(stream_id(name), name)
        if other != name:
            got = f"{other!r} and {name!r}"
            checks.refuse("streams", "a mapping of names that differ in more than _", got, "rename one of them")


def _check_together(checks: Checks, streams: Mapping[str, SendingStream]) -> None:
    managed = [name for name, stream in streams.items() if stream.pool == "MANAGED"]
    if len(managed) > MAX_MANAGED_POOLS:
        rule = f"a mapping of at most {MAX_MANAGED_POOLS} streams with a MANAGED pool"
        checks.refuse("streams", rule, f"{len(managed)} of them", "give several streams one pool of your own")
    for name, stream in streams.items():
        if stream.reputation.pause is not None and f"{name}_pause" in streams:
            # Alarms of the one would have the names of the other's.
            got = f"{name!r}, which pauses itself, and {name + '_pause'!r}"
            checks.refuse("streams", "a mapping of names that tell their alarms apart", got, "rename one of them")
    protocols: dict[str, str] = {}
    for tracking in (stream.tracking for stream in streams.values()):
        if tracking is not None:
            other = protocols.setdefault(tracking.domain, tracking.https)
            # With OPTIONAL the domain leads to SES, with the others to a distribution.
            if "OPTIONAL" in (other, tracking.https) and other != tracking.https:
                rule = "a mapping in which a tracking domain has one https"
                got = f"{other} and {tracking.https} for {tracking.domain}"
                checks.refuse("streams", rule, got, "give one of the streams another tracking domain")


def _check_stream(checks: Checks, scope: Construct, stream: SendingStream, identity: object) -> None:
    _check_pool(checks, scope, stream.pool)
    if stream.suppression is not None:
        check_suppression(checks, "suppression", stream.suppression)
    if stream.tracking is not None:
        checks.instance("tracking", stream.tracking, TrackingDomain, remedy="give TrackingDomain(domain=...)")
        _check_tracking(checks, stream.tracking, identity)
    for flag in ("engagement_metrics", "optimized_shared_delivery"):
        if getattr(stream, flag) is not None:
            check_flag(checks, flag, getattr(stream, flag), remedy="leave it out for the account's setting")
    _check_delivery(checks, stream)
    checks.instance("reputation", stream.reputation, Reputation, remedy="give Reputation() or leave it out")
    _check_reputation(checks, stream.reputation)
    _check_events(checks, stream)


def _check_pool(checks: Checks, scope: Construct, pool: object) -> None:
    kinds = get_args(PoolKind)
    if isinstance(pool, str):
        remedy = "give ses.DedicatedIpPool.from_dedicated_ip_pool_name(...) for a pool that exists"
        check_choice(checks, "pool", pool, kinds, remedy=remedy)
    elif not hasattr(pool, "dedicated_ip_pool_name"):
        got = f"{type(pool).__name__} {pool!r}"
        checks.refuse("pool", f"one of {', '.join(kinds)}, or an IDedicatedIpPool", got, "give 'SHARED', say")
    else:
        checks.same_region("pool", pool, scope)


def check_suppression(checks: Checks, argument: str, given: object) -> None:
    """Check why addresses are put on the suppression list.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: What was given.

    Raises:
        ValueError: If it is no list of reasons.
    """
    remedy = "give ['BOUNCE', 'COMPLAINT'], or [] for never"
    check_choices(checks, argument, given, get_args(SuppressedReason), unit="reasons", remedy=remedy)


def _check_tracking(checks: Checks, tracking: TrackingDomain, identity: object) -> None:
    argument = "domain of tracking"
    domain = check_domain(checks, argument, tracking.domain)
    remedy = "leave it out for OPTIONAL"
    check_choice(checks, "https of tracking", tracking.https, get_args(TrackingHttps), remedy=remedy)
    if domain is None or not isinstance(identity, DomainIdentity) or not known(identity.domain):
        return
    remedy = f"give 'click.{identity.domain}', say"
    if domain == identity.domain or not is_under(domain, identity.domain):
        checks.refuse(argument, f"a subdomain of {identity.domain}", repr(domain), remedy)
    if domain == mail_from(identity):
        checks.refuse(argument, "another one than that of mail_from_subdomain", repr(domain), remedy)


def _check_delivery(checks: Checks, stream: SendingStream) -> None:
    seconds = checks.seconds("max_delivery", stream.max_delivery)
    if stream.max_delivery is not None and seconds is None:
        # The CDK compares it with its bounds.
        remedy = "give cdk.Duration.hours(1), say"
        checks.refuse("max_delivery", "known when the app runs", "a token", remedy)
    low, high = DELIVERY_S
    checks.number("max_delivery", seconds, low, high, unit="s", remedy="leave it out for 14 hours")


def _check_reputation(checks: Checks, reputation: Reputation) -> None:
    pause = reputation.pause
    if pause is not None:
        checks.instance("pause of reputation", pause, Pause, remedy="give Pause() or leave it out")
    for rate, highest in REVIEWED.items():
        alarm = getattr(reputation, rate)
        remedy = f"AWS reviews accounts from {highest} on; leave it out for {getattr(Reputation(), rate)}"
        _check_share(checks, f"{rate} of reputation", alarm, 0, highest, remedy=remedy)
        if pause is not None:
            low = 0 if is_token(alarm) else alarm
            remedy = f"a stream pauses after its alarm rang, and before AWS stops the account at {STOPPED[rate]}"
            _check_share(checks, f"{rate} of pause", getattr(pause, rate), low, STOPPED[rate], remedy=remedy)


def _check_share(checks: Checks, argument: str, value: object, low: float, high: float, *, remedy: str) -> None:
    rule = f"above {low} and at most {high}"
    if isinstance(value, bool) or not isinstance(value, int | float):
        checks.refuse(argument, rule, f"{type(value).__name__} {value!r}", remedy)
    if not is_token(value) and not (math.isfinite(value) and low < value <= high):
        checks.refuse(argument, rule, value, remedy)


def _check_events(checks: Checks, stream: SendingStream) -> None:
    def check(argument: str, given: object, low: int = 0) -> None:
        check_choices(checks, argument, given, ALL_EVENTS, unit="events", remedy=SEND_EVENTS, low=low)

    check("feedback_events", stream.feedback_events)
    lost = [event for event in ("BOUNCE", "COMPLAINT") if event not in stream.feedback_events]
    if lost:
        got = f"a list without {' and '.join(lost)}"
        remedy = "add what is missing: nobody else is told of it"
        checks.refuse("feedback_events", "a list with BOUNCE and COMPLAINT", got, remedy)
    check("analytics_events", stream.analytics_events)
    check("event_bridge_events", stream.event_bridge_events)
    if stream.metrics is not None:
        remedy = "give EventMetrics(dimensions={'campaign': 'none'})"
        checks.instance("metrics", stream.metrics, EventMetrics, remedy=remedy)
        _check_dimensions(checks, stream.metrics.dimensions)
        check("events of metrics", stream.metrics.events, low=1)


def _check_dimensions(checks: Checks, dimensions: object) -> None:
    argument = "dimensions of metrics"
    remedy = "give {'campaign': 'none'}, say"
    if not isinstance(dimensions, Mapping):
        got = f"{type(dimensions).__name__} {dimensions!r}"
        checks.refuse(argument, "a mapping of message tags to default values", got, remedy)
    if not 1 <= len(dimensions) <= MAX_DIMENSIONS:
        checks.refuse(argument, f"a mapping of 1 to {MAX_DIMENSIONS} tags", f"one of {len(dimensions)}", remedy)
    for name, value in dimensions.items():
        rule = "a mapping of tags of 1 to 256 letters, digits, _, - and :"
        checks.matches(argument, name, DIMENSION_NAME, rule=rule, remedy=remedy)
        rule = "1 to 256 letters, digits, _ and -"
        checks.matches(f"{argument}[{name!r}]", value, DIMENSION_VALUE, rule=rule, remedy=remedy)
