"""Streams that SES would not create, or that would lose feedback or a reputation, are refused before anything exists."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ses as ses

from cdk_refarch.ses_config_sets import stream_checks
from cdk_refarch.ses_config_sets.values import (
    ALL_EVENTS,
    DomainIdentity,
    EventMetrics,
    Pause,
    Reputation,
    SendingStream,
    TrackingDomain,
)
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack
from tests.unit.ses_config_sets.refusals import DOMAIN, IDENTITY

POOL = ses.DedicatedIpPool.from_dedicated_ip_pool_name(stack, "Pool", "pool")
SECONDS = cdk.Duration.seconds


def streams(wanted: Any, identity: Any = DOMAIN) -> Call:
    return lambda: stream_checks.check_streams(checks, stack, wanted, identity)


def stream(**arguments: Any) -> Call:
    return streams({"news": SendingStream(**arguments)})


def named(*wanted: Any) -> Call:
    return streams(dict.fromkeys(wanted, SendingStream()))


def tracking(domain: Any, identity: Any = DOMAIN, **arguments: Any) -> Call:
    return streams({"news": SendingStream(tracking=TrackingDomain(domain=domain, **arguments))}, identity)


def clicks(https: Any) -> TrackingDomain:
    return TrackingDomain(domain="click.example.com", https=https)


def reputation(**arguments: Any) -> Call:
    return stream(reputation=Reputation(**arguments))


def pause(alarm: Mapping[str, Any] | None = None, **arguments: Any) -> Call:
    return reputation(**(alarm or {}), pause=Pause(**arguments))


def metrics(dimensions: Any = None, **arguments: Any) -> Call:
    tags = {"campaign": "none"} if dimensions is None else dimensions
    return stream(metrics=EventMetrics(dimensions=tags, **arguments))


NAMED = "streams must be a mapping of names"
WORDS = f"{NAMED} of lower-case letters, digits and single _ between them, got"
EVENTS = ", ".join(ALL_EVENTS)
SEE = "see https://docs.aws.amazon.com/ses/latest/dg/monitor-using-event-publishing.html"
REASONS = "give ['BOUNCE', 'COMPLAINT'], or [] for never"
BOUNCES = "bounce_rate of reputation must be above 0 and at most 0.05, got"
COMPLAINTS = "complaint_rate of reputation must be above 0 and at most 0.001, got"
PAUSED = "a stream pauses after its alarm rang, and before AWS stops the account at"
TAGS = "dimensions of metrics must be a mapping of tags of 1 to 256 letters, digits, _, - and :, got"
TAKE = "give {'campaign': 'none'}, say"

NAMES: list[Case] = [
    (
        streams(SendingStream()),
        "streams must be a mapping of names to streams, got one SendingStream; give {'transactional': SendingStream()}",
    ),
    *(
        (
            streams(wrong),
            f"streams must be a mapping of names to streams, got {type(wrong).__name__} {wrong!r}; give "
            "{'transactional': SendingStream()}",
        )
        for wrong in (None, ["news"], "news")
    ),
    (
        streams({}),
        "streams must be a mapping of 1 or more streams, got an empty one; give {'transactional': SendingStream()}",
    ),
    (
        named(*(f"s{number}" for number in range(31))),
        "streams must be a mapping of at most 30 streams, got one of 31; use a second construct for the rest",
    ),
    (named(7), "streams must be text, got int 7; call it transactional, say"),
    (named(given.LATER), "streams must be known when the app runs, got a token; call it transactional, say"),
    *(
        (named(wrong), f"{WORDS} {wrong!r}; call it transactional, say")
        for wrong in ("", "News", "my-news", "_news", "news_", "my__news", "1news", "news\n", "nëws")
    ),
    (
        named("a" * 41),
        f"{NAMED} of at most 40 characters, got 41 characters in '{'a' * 41}'; call it transactional, say",
    ),
    *(
        (
            named(wrong),
            f"{NAMED} without a meaning of their own in the CDK, got {wrong!r}; call it transactional, say",
        )
        for wrong in ("default", "resource")
    ),
    (named("a1", "a_1"), f"{NAMED} that differ in more than _, got 'a1' and 'a_1'; rename one of them"),
    (streams({"news": None}), "streams['news'] must be a SendingStream, got NoneType None; give SendingStream()"),
    (
        streams({"news": SendingStream(reputation=Reputation(pause=Pause())), "news_pause": SendingStream()}),
        f"{NAMED} that tell their alarms apart, got 'news', which pauses itself, and 'news_pause'; rename one of them",
    ),
    (
        streams({f"s{number}": SendingStream(pool="MANAGED") for number in range(6)}),
        "streams must be a mapping of at most 5 streams with a MANAGED pool, got 6 of them; give several streams one pool "
        "of your own",
    ),
    *(
        (
            streams({"a": SendingStream(tracking=clicks(one)), "b": SendingStream(tracking=clicks(other))}),
            f"streams must be a mapping in which a tracking domain has one https, got {one} and {other} for "
            "click.example.com; give one of the streams another tracking domain",
        )
        for one, other in (("OPTIONAL", "REQUIRE"), ("REQUIRE_OPEN_ONLY", "OPTIONAL"))
    ),
]

SENDING: list[Case] = [
    (stream(pool="shared"), "pool must be one of SHARED, STANDARD, MANAGED, got 'shared'; write 'SHARED'"),
    (
        stream(pool="my-pool"),
        "pool must be one of SHARED, STANDARD, MANAGED, got 'my-pool'; give "
        "ses.DedicatedIpPool.from_dedicated_ip_pool_name(...) for a pool that exists",
    ),
    (
        stream(pool=given.LATER),
        "pool must be known when the app runs, got a token; give ses.DedicatedIpPool.from_dedicated_ip_pool_name(...) for "
        "a pool that exists",
    ),
    (
        stream(pool=None),
        "pool must be one of SHARED, STANDARD, MANAGED, or an IDedicatedIpPool, got NoneType None; give 'SHARED', say",
    ),
    (stream(suppression="BOUNCE"), f"suppression must be a list, got str 'BOUNCE'; {REASONS}"),
    (
        stream(suppression=["Bounce"]),
        "suppression must be a list of reasons among BOUNCE, COMPLAINT, got 'Bounce'; write 'BOUNCE'",
    ),
    (
        stream(suppression=["SPAM"]),
        f"suppression must be a list of reasons among BOUNCE, COMPLAINT, got 'SPAM'; {REASONS}",
    ),
    (
        stream(suppression=["BOUNCE", "BOUNCE"]),
        "suppression must be a list without repetition, got 'BOUNCE' twice; drop one of them",
    ),
    (stream(suppression=[True]), f"suppression must be text, got bool True; {REASONS}"),
    *(
        (
            stream(**{flag: wrong}),
            f"{flag} must be True or False, got {wrong!r}; leave it out for the account's setting",
        )
        for flag in ("engagement_metrics", "optimized_shared_delivery")
        for wrong in ("no", 1)
    ),
    *(
        (
            stream(max_delivery=wrong),
            f"max_delivery must be from 300 s to 50400 s, got {shown}; leave it out for 14 hours",
        )
        for wrong, shown in ((SECONDS(299), "299 s"), (SECONDS(50401), "50401 s"))
    ),
    (
        stream(max_delivery=cdk.Duration.millis(300500)),
        "max_delivery must be a whole number from 300 s to 50400 s, got 300.5 s; leave it out for 14 hours",
    ),
    (stream(max_delivery=3600), "max_delivery must be a Duration, got int 3600; give cdk.Duration.seconds(...)"),
    (
        stream(max_delivery=SECONDS(given.LATER_NUMBER)),
        "max_delivery must be known when the app runs, got a token; give cdk.Duration.hours(1), say",
    ),
    (
        stream(tracking="click.example.com"),
        "tracking must be a TrackingDomain, got str 'click.example.com'; give TrackingDomain(domain=...)",
    ),
    (
        tracking("https://click.example.com"),
        "domain of tracking must be a domain of lower-case letters, digits and - such as example.com, got "
        "'https://click.example.com'; write 'click.example.com'",
    ),
    *(
        (
            tracking(wrong),
            f"domain of tracking must be a subdomain of example.com, got {wrong!r}; give 'click.example.com', say",
        )
        for wrong in ("example.com", "click.other.com", "clickexample.com", "com.example.org")
    ),
    (
        tracking("bounce.example.com"),
        "domain of tracking must be another one than that of mail_from_subdomain, got 'bounce.example.com'; give "
        "'click.example.com', say",
    ),
    (
        tracking("click.example.com", https="required"),
        "https of tracking must be one of OPTIONAL, REQUIRE, REQUIRE_OPEN_ONLY, got 'required'; leave it out for OPTIONAL",
    ),
    (
        tracking("click.example.com", https="require-open-only"),
        "https of tracking must be one of OPTIONAL, REQUIRE, REQUIRE_OPEN_ONLY, got 'require-open-only'; write "
        "'REQUIRE_OPEN_ONLY'",
    ),
]

RATES: list[Case] = [
    (
        stream(reputation=0.05),
        "reputation must be a Reputation, got float 0.05; give Reputation() or leave it out",
    ),
    *(
        (
            reputation(bounce_rate=wrong),
            f"{BOUNCES} {shown}; AWS reviews accounts from 0.05 on; leave it out for 0.025",
        )
        for wrong, shown in (
            *((0, "0"), (-0.01, "-0.01"), (0.0501, "0.0501"), (5, "5"), (float("nan"), "nan"), (float("inf"), "inf")),
            *((True, "bool True"), ("0.01", "str '0.01'"), (None, "NoneType None")),
        )
    ),
    *(
        (
            reputation(complaint_rate=wrong),
            f"{COMPLAINTS} {wrong}; AWS reviews accounts from 0.001 on; leave it out for 0.0005",
        )
        for wrong in (0, 0.0011)
    ),
    (
        reputation(pause=True),
        "pause of reputation must be a Pause, got bool True; give Pause() or leave it out",
    ),
    *(
        (
            pause(bounce_rate=wrong),
            f"bounce_rate of pause must be above 0.025 and at most 0.1, got {wrong}; {PAUSED} 0.1",
        )
        for wrong in (0.025, 0.1001, float("nan"))
    ),
    *(
        (
            pause({"complaint_rate": 0.001}, complaint_rate=wrong),
            f"complaint_rate of pause must be above 0.001 and at most 0.005, got {wrong}; {PAUSED} 0.005",
        )
        for wrong in (0.001, 0.0051)
    ),
    (
        pause({"bounce_rate": given.LATER_NUMBER}, bounce_rate=0.2),
        f"bounce_rate of pause must be above 0 and at most 0.1, got 0.2; {PAUSED} 0.1",
    ),
]

EVENT_LISTS: list[Case] = [
    *(
        (stream(**{argument: "BOUNCE"}), f"{argument} must be a list, got str 'BOUNCE'; {SEE}")
        for argument in ("feedback_events", "analytics_events", "event_bridge_events")
    ),
    *(
        (
            stream(**{argument: [*ALL_EVENTS[1:], wrong]}),
            f"{argument} must be a list of events among {EVENTS}, got {wrong!r}; {remedy}",
        )
        for argument in ("feedback_events", "analytics_events", "event_bridge_events")
        for wrong, remedy in (
            ("Send", "write 'SEND'"),
            ("Rendering Failure", "write 'RENDERING_FAILURE'"),
            ("UNSUBSCRIBE", SEE),
        )
    ),
    (
        stream(feedback_events=["BOUNCE", "COMPLAINT", "BOUNCE"]),
        "feedback_events must be a list without repetition, got 'BOUNCE' twice; drop one of them",
    ),
    *(
        (
            stream(feedback_events=wrong),
            f"feedback_events must be a list with BOUNCE and COMPLAINT, got a list without {lost}; add what is missing: "
            "nobody else is told of it",
        )
        for wrong, lost in (
            ([], "BOUNCE and COMPLAINT"),
            (["BOUNCE", "REJECT"], "COMPLAINT"),
            (["COMPLAINT"], "BOUNCE"),
        )
    ),
    (
        stream(analytics_events=[given.LATER]),
        f"analytics_events must be known when the app runs, got a token; {SEE}",
    ),
    (
        stream(analytics_events=given.LATER_LIST),
        f"analytics_events must be a list that is known when the app runs, got a token; {SEE}",
    ),
    (
        stream(metrics={"campaign": "none"}),
        "metrics must be an EventMetrics, got dict {'campaign': 'none'}; give EventMetrics(dimensions={'campaign': 'none'})",
    ),
    (metrics(events=[]), f"events of metrics must be a list of 1 or more events, got a list of 0; {SEE}"),
    (metrics(events=["BOUNCES"]), f"events of metrics must be a list of events among {EVENTS}, got 'BOUNCES'; {SEE}"),
    (
        metrics(["campaign"]),
        f"dimensions of metrics must be a mapping of message tags to default values, got list ['campaign']; {TAKE}",
    ),
    *(
        (
            metrics({f"tag{number}": "none" for number in range(count)}),
            f"dimensions of metrics must be a mapping of 1 to 10 tags, got one of {count}; {TAKE}",
        )
        for count in (0, 11)
    ),
    *((metrics({wrong: "none"}), f"{TAGS} {wrong!r}; {TAKE}") for wrong in ("", "my tag", "a.b", "ü")),
    (metrics({"a" * 257: "none"}), f"{TAGS} '{'a' * 119}...; {TAKE}"),
    (metrics({7: "none"}), f"dimensions of metrics must be text, got int 7; {TAKE}"),
    *(
        (
            metrics({"campaign": wrong}),
            f"dimensions of metrics['campaign'] must be 1 to 256 letters, digits, _ and -, got {wrong!r}; {TAKE}",
        )
        for wrong in ("", "not set", "a:b", "a@b")
    ),
]

ALL = [*NAMES, *((call, f"Streams/News: {message}") for call, message in (*SENDING, *RATES, *EVENT_LISTS))]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    named("news"),
    named(*(f"s{number}" for number in range(30))),
    named("a" * 40, "transactional", "ab", "a_b", "a1", "a_b_1", "news_pause", "news"),
    streams({f"s{number}": SendingStream(pool="MANAGED" if number else "STANDARD") for number in range(6)}),
    streams({"news": SendingStream(), "other": SendingStream(reputation=Reputation(pause=Pause()))}),
    *(stream(pool=pool) for pool in ("SHARED", "STANDARD", "MANAGED", POOL)),
    *(stream(suppression=reasons) for reasons in ([], ("BOUNCE",), ["COMPLAINT"], ["COMPLAINT", "BOUNCE"])),
    *(stream(engagement_metrics=flag, optimized_shared_delivery=flag) for flag in (None, True, False)),
    *(stream(max_delivery=SECONDS(seconds)) for seconds in (300, 50400)),
    stream(max_delivery=cdk.Duration.millis(300000)),
    *(tracking("click.example.com", https=https) for https in ("OPTIONAL", "REQUIRE", "REQUIRE_OPEN_ONLY")),
    tracking("a.b.example.com"),
    tracking(given.LATER),
    tracking("click.other.com", IDENTITY),
    tracking("click.other.com", DomainIdentity(domain=given.LATER)),
    tracking("bounce.example.com", DomainIdentity(domain="example.com", mail_from_subdomain="back")),
    streams(
        {
            "a": SendingStream(tracking=clicks("REQUIRE")),
            "b": SendingStream(tracking=clicks("REQUIRE_OPEN_ONLY")),
            "c": SendingStream(tracking=TrackingDomain(domain="other.example.com")),
            "d": SendingStream(tracking=TrackingDomain(domain="other.example.com")),
        }
    ),
    reputation(bounce_rate=0.05, complaint_rate=0.001),
    reputation(bounce_rate=0.000001, complaint_rate=0.000001),
    reputation(bounce_rate=given.LATER_NUMBER, complaint_rate=given.LATER_NUMBER),
    pause(bounce_rate=0.0251, complaint_rate=0.00051),
    pause(bounce_rate=0.1, complaint_rate=0.005),
    pause(bounce_rate=given.LATER_NUMBER),
    pause({"bounce_rate": given.LATER_NUMBER}, bounce_rate=0.01),
    stream(feedback_events=("COMPLAINT", "BOUNCE")),
    stream(feedback_events=ALL_EVENTS, analytics_events=[], event_bridge_events=ALL_EVENTS),
    metrics(),
    metrics({f"tag{number}": "none" for number in range(10)}, events=["BOUNCE"]),
    metrics({"ses:configuration-set": "None_-1", "a" * 256: "b" * 256, "later": given.LATER}),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_the_function_that_records_feedback_can_know_as_many_streams_as_there_may_be() -> None:
    longest = {f"{number:064}": f"{number:040}" for number in range(stream_checks.MAX_STREAMS)}
    others = {"TABLE_NAME": "t" * 255, "KEEP_TRANSIENT_DAYS": "3650"}
    variables = {"STREAMS": json.dumps(longest, separators=(",", ":")), **others}
    assert sum(len(name) + len(value) for name, value in variables.items()) <= 4096


def test_rejects_a_pool_of_another_region() -> None:
    far = ses.DedicatedIpPool(cdk.Stack(cdk.App(), "Far", env=cdk.Environment(region="us-east-1")), "Pool")
    refused(stream(pool=far), f"Streams/News: pool {given.ELSEWHERE}")
