"""Rules select what a route says, and targets get where and how much: by two matchers, neither of which is ours."""

from __future__ import annotations

import hashlib
import itertools
import json
import re
from fnmatch import fnmatchcase
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from hypothesis import given, settings
from hypothesis import strategies as st
from ministack.services import eventbridge
from moto.events.models import EventPattern

from cdk_refarch import FindingRoute, MacieToEventBridge, Notification, Quarantine, Route, TicketQueue
from cdk_refarch._parts.names import address
from cdk_refarch.macie_to_eventbridge.pattern import PATHS, categories, event_pattern, input_template
from cdk_refarch.macie_to_eventbridge.routing import CATEGORIES, SEVERITIES, Category
from tests.unit.macie_to_eventbridge.findings import (
    BUCKET,
    FINDING_TYPES,
    KEY,
    SMALLEST,
    finding,
    policy_finding,
    sensitive_finding,
)
from tests.unit.templates import Template

NO_TARGET: Any = None


def matches(pattern: dict[str, Any], event: dict[str, Any]) -> bool:
    """Tell whether a pattern matches, as both matchers see it; ministack's refuses what AWS refuses."""
    by_moto = EventPattern.load(json.dumps(pattern)).matches_event(cast("Any", event))
    payload = {"Event": json.dumps(event), "EventPattern": json.dumps(pattern)}
    status, _, body = eventbridge._test_event_pattern(payload)
    assert status == 200, body
    assert by_moto == json.loads(body)["Result"]
    return by_moto


REPLAY = "cdk-refarch.macie.c8"
RECONCILED = "cdk-refarch.macie.reconciled.c8"


def passes(route: Route, event: dict[str, Any], *, reconciled: bool = False) -> bool:
    """Tell whether a rule of a route matches; never two, or the target would get the finding twice."""
    sources: dict[str, Any] = {"replay_source": REPLAY, "reconciled": RECONCILED if reconciled else None}
    found = [
        matches(event_pattern(route, category, **sources, forwarded=False), event) for category in categories(route)
    ]
    assert sum(found) <= 1
    return any(found)


def route(**given: Any) -> Route:
    return Route(id="Own", target=NO_TARGET, **given)


KINDS = [sensitive_finding, policy_finding]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("least", "severity"), list(itertools.product(SEVERITIES, SEVERITIES.values())))
def test_a_finding_passes_from_the_least_severity_upwards(make: Any, least: str, severity: str) -> None:
    order = list(SEVERITIES.values())
    expected = order.index(severity) >= list(SEVERITIES).index(cast("Any", least))
    assert passes(route(min_severity=least), make(severity=severity)) is expected


@pytest.mark.parametrize("type", FINDING_TYPES)
@pytest.mark.parametrize("wanted", [("CLASSIFICATION",), ("POLICY",), ("CLASSIFICATION", "POLICY")])
def test_only_the_categories_that_are_asked_for_pass(type: str, wanted: tuple[Category, ...]) -> None:
    expected = any(type.startswith(CATEGORIES[one]) for one in wanted)
    assert passes(route(categories=wanted), finding(type)) is expected


@pytest.mark.parametrize("type", FINDING_TYPES)
def test_only_the_types_that_are_asked_for_pass(type: str) -> None:
    both = route(finding_types=[FINDING_TYPES[0], FINDING_TYPES[-1]])
    assert passes(both, finding(type)) is (type in both.finding_types)
    assert passes(route(finding_types=[type]), finding(type))


def test_a_rule_is_only_made_for_categories_that_have_types_to_pass() -> None:
    assert categories(route()) == ["CLASSIFICATION", "POLICY"]
    assert categories(route(finding_types=["Policy:IAMUser/S3BucketPublic"])) == ["POLICY"]
    assert categories(route(finding_types=FINDING_TYPES, categories=["POLICY", "CLASSIFICATION"])) == [
        "POLICY",
        "CLASSIFICATION",
    ]


BUCKETS = [
    (["lake"], "lake", True),
    (["lake"], "lake2", False),
    (["other", "lake"], "lake", True),
    (["la*"], "lake", True),
    (["la*"], "la", True),
    (["la*"], "a-lake", False),
    (["*"], "lake", True),
    (["*-data"], "team-data", True),
    (["*-data"], "team-data-2", False),
    (["team-*-data"], "team-a-data", True),
    (["team-*-data"], "team-data", False),
    (["team.*"], "teams", False),
    (["other", "la*"], "lake", True),
]


@pytest.mark.parametrize("make", KINDS)
@pytest.mark.parametrize(("names", "bucket", "expected"), BUCKETS)
def test_only_findings_of_named_buckets_pass(make: Any, names: list[str], bucket: str, expected: bool) -> None:
    assert passes(route(buckets=names), make(bucket=bucket)) is expected


@pytest.mark.parametrize("make", KINDS)
def test_samples_pass_only_where_they_are_asked_for(make: Any) -> None:
    assert not passes(route(), make(sample=True))
    assert passes(route(include_samples=True), make(sample=True))
    assert passes(route(include_samples=True), make())


@pytest.mark.parametrize("make", KINDS)
def test_archived_findings_never_pass(make: Any) -> None:
    assert not passes(route(min_severity="LOW", include_samples=True), make(archived=True))


@pytest.mark.parametrize("make", KINDS)
def test_other_sources_and_other_events_of_macie_never_pass(make: Any) -> None:
    assert not passes(route(), make(source="aws.guardduty"))
    assert not passes(route(), make(source="cdk-refarch.macie.other"))
    assert not passes(route(), {**make(), "detail-type": "AWS API Call via CloudTrail"})
    assert not passes(route(), make(severity="Critical"))


@pytest.mark.parametrize("make", KINDS)
def test_what_is_sent_after_passes_only_when_the_reconciler_is_on(make: Any) -> None:
    assert not passes(route(), make(source=RECONCILED))
    assert passes(route(), make(source=RECONCILED), reconciled=True)
    for other in ("cdk-refarch.macie", "cdk-refarch.macie.reconciled.", f"{RECONCILED}0"):
        assert not passes(route(), make(source=other), reconciled=True), other


def plain(route: Route, event: dict[str, Any], reconciled: bool) -> bool:
    """What the arguments of a route say, in Python."""
    detail = event["detail"]
    name = detail["resourcesAffected"]["s3Bucket"]["name"]
    order = ["Low", "Medium", "High"]
    heard = {"aws.macie", REPLAY, *([RECONCILED] if reconciled else [])}
    return (
        event["source"] in heard
        and order.index(detail["severity"]["description"]) >= ["LOW", "MEDIUM", "HIGH"].index(route.min_severity)
        and detail["category"] in route.categories
        and (not route.finding_types or detail["type"] in route.finding_types)
        and (not route.buckets or any(fnmatchcase(name, one) for one in route.buckets))
        and (route.include_samples or not detail["sample"])
        and not detail["archived"]
    )


NAMES = st.text("ab-", min_size=1, max_size=4)
NAME_PATTERNS = st.text("ab-*", min_size=1, max_size=4).filter(lambda text: "**" not in text)


@st.composite
def routes(draw: st.DrawFn) -> Route:
    kinds = draw(st.sampled_from([("CLASSIFICATION",), ("POLICY",), ("POLICY", "CLASSIFICATION")]))
    known = [one for one in FINDING_TYPES if any(one.startswith(CATEGORIES[cast("Any", kind)]) for kind in kinds)]
    return route(
        min_severity=draw(st.sampled_from(list(SEVERITIES))),
        categories=kinds,
        finding_types=draw(st.lists(st.sampled_from(known), max_size=3, unique=True)),
        buckets=draw(st.lists(NAME_PATTERNS, max_size=2, unique=True)),
        include_samples=draw(st.booleans()),
    )


EVENTS = st.builds(
    finding,
    st.sampled_from(FINDING_TYPES),
    severity=st.sampled_from(list(SEVERITIES.values())),
    bucket=NAMES,
    # Mostly as they are in an account, so that many pass.
    sample=st.sampled_from([False, False, True]),
    archived=st.sampled_from([False, False, False, True]),
    source=st.sampled_from(["aws.macie", "aws.macie", REPLAY, RECONCILED, "aws.s3"]),
)


@settings(derandomize=True, deadline=None, max_examples=400, database=None)
@given(routes(), EVENTS, st.booleans())
def test_whatever_a_route_says_its_rules_select_that_and_nothing_else(
    wanted: Route, event: dict[str, Any], reconciled: bool
) -> None:
    assert passes(wanted, event, reconciled=reconciled) is plain(wanted, event, reconciled)


@pytest.fixture(scope="module")
def macie() -> tuple[MacieToEventBridge, dict[str, list[dict[str, Any]]]]:
    """A construct with every ready target, and the patterns of each route as they are in the template."""
    stack = cdk.Stack(cdk.App(), "Macie")
    queue = sqs.Queue.from_queue_arn(stack, "Queue", "arn:aws:sqs:eu-west-1:111122223333:q")
    made = MacieToEventBridge(
        stack,
        "Macie",
        **SMALLEST,
        routes=[Route(id="Own", target=queue, min_severity="LOW")],
        notification=Notification(include_samples=True),
        ticket_queue=TicketQueue(),
        quarantine=Quarantine(buckets=["team-*"]),
        audit_bus=events.EventBus.from_event_bus_name(stack, "Bus", "audit"),
        reconcile=True,
    )
    template = Template(stack)
    patterns = {
        id: [template.of(rule)["EventPattern"] for rule in one.rules.values()] for id, one in made.routes.items()
    }
    return made, patterns


def reached(macie: tuple[MacieToEventBridge, dict[str, list[dict[str, Any]]]], event: dict[str, Any]) -> set[str]:
    return {id for id, patterns in macie[1].items() if any(matches(one, event) for one in patterns)}


@pytest.mark.parametrize("make", KINDS)
def test_what_is_replayed_reaches_its_own_route_alone(macie: Any, make: Any) -> None:
    sources = {id: one.replay_source for id, one in macie[0].routes.items()}
    assert len(set(sources.values())) == len(sources) == 5
    for id, source in sources.items():
        # The quarantine is for objects only.
        expected = set() if id == "Quarantine" and make is policy_finding else {id}
        assert reached(macie, make(source=source, bucket="team-lake")) == expected


def test_what_the_audit_route_sends_on_reaches_the_routes_there(macie: Any) -> None:
    stack = cdk.Stack()
    bus = events.EventBus.from_event_bus_name(stack, "Bus", "audit")
    there = MacieToEventBridge(stack, "There", **SMALLEST, event_bus=bus, ticket_queue=TicketQueue())
    (pattern,) = (stack.resolve(one.event_pattern) for one in [there.routes["Tickets"].rules["POLICY"]])
    # A rule sends an event on with the source that it has: that of Macie, of the reconciler, or of a replay.
    for source in ("aws.macie", sent_after(macie[0]), macie[0].routes["Audit"].replay_source):
        assert matches(pattern, policy_finding(source=source)), source
    # A replay to a route that is no bus is none of its business, and nor is what others send.
    for source in (macie[0].routes["Own"].replay_source, "cdk-refarch.macie", "cdk-refarch.macie.other"):
        assert not matches(pattern, policy_finding(source=source)), source
    assert matches(pattern, policy_finding(source=there.routes["Tickets"].replay_source))


def sent_after(made: MacieToEventBridge) -> str:
    """The source of what the reconciler of a construct sends."""
    assert made.reconciler is not None
    template = Template(cdk.Stack.of(made))
    return str(template.of(made.reconciler.function)["Environment"]["Variables"]["SOURCE"])


def test_what_is_sent_after_reaches_the_routes_of_its_own_construct_alone() -> None:
    stack = cdk.Stack(cdk.App(), "Two")
    one, two = (
        MacieToEventBridge(stack, id, **SMALLEST, reconcile=True, ticket_queue=TicketQueue()) for id in ("One", "Two")
    )
    template = Template(stack)
    for made, other in ((one, two), (two, one)):
        pattern = template.of(made.routes["Tickets"].rules["POLICY"])["EventPattern"]
        assert matches(pattern, policy_finding(source=sent_after(made)))
        assert not matches(pattern, policy_finding(source=sent_after(other)))


def test_sources_have_the_address_of_what_they_belong_to(macie: Any) -> None:
    def hashed(text: str) -> str:
        return hashlib.sha256(text.encode()).hexdigest()[:32]

    sources = {id: one.replay_source for id, one in macie[0].routes.items()}
    start = "cdk-refarch.macie."
    expected = {id: f"{start}{hashed(f'Macie/Macie/Macie/Routes/{id}')}" for id in sources}
    # What goes to another bus is known there by its source.
    assert sources == {**expected, "Audit": f"{start}forwarded.{hashed('Macie/Macie/Macie/Routes/Audit')}"}
    assert sent_after(macie[0]) == f"{start}reconciled.{hashed('Macie/Macie/Macie')}"


def test_a_route_from_a_bus_of_ones_own_to_another_is_replayed_to_alone() -> None:
    stack = cdk.Stack()
    heard, target = (events.EventBus(stack, id) for id in ("Heard", "Target"))
    made = MacieToEventBridge(stack, "There", **SMALLEST, event_bus=heard, routes=[Route(id="On", target=target)])
    assert re.fullmatch(r"cdk-refarch\.macie\.[0-9a-f]{32}", made.routes["On"].replay_source)


def test_an_address_is_another_in_another_stack_and_the_name_of_the_root_stack_counts() -> None:
    app = cdk.App()

    def inside(stack: cdk.Stack) -> str:
        return address(Construct(stack, "Macie"))

    first, second = (cdk.Stack(app, id, stack_name=name) for id, name in (("A", "Same"), ("B", "Other")))
    nested = cdk.NestedStack(cdk.NestedStack(first, "Outer"), "Inner")
    found = [inside(one) for one in (first, second, nested)]
    assert len(set(found)) == 3
    paths = ("Same/A/Macie", "Other/B/Macie", "Same/A/Outer/Inner/Macie")
    assert found == [hashlib.sha256(path.encode()).hexdigest()[:32] for path in paths]
    # Two apps may have the same ids, but not stacks of the same name.
    twins = [inside(cdk.Stack(cdk.App(), "A", stack_name=name)) for name in ("Same", "Another")]
    assert twins[0] == found[0] != twins[1]


def test_each_ready_target_gets_what_it_is_for(macie: Any) -> None:
    everybody = {"Own", "Notification", "Tickets", "Audit"}
    assert reached(macie, sensitive_finding(bucket="team-lake")) == {*everybody, "Quarantine"}
    assert reached(macie, sensitive_finding(bucket="other")) == everybody
    assert reached(macie, policy_finding(bucket="team-lake")) == everybody
    assert reached(macie, policy_finding(severity="Medium")) == {"Own", "Tickets", "Audit"}
    assert reached(macie, policy_finding(severity="Low")) == {"Own", "Audit"}
    assert reached(macie, policy_finding(sample=True)) == {"Notification"}
    assert reached(macie, policy_finding(archived=True)) == set()
    assert reached(macie, policy_finding(source=sent_after(macie[0]))) == everybody
    assert reached(macie, policy_finding(source="cdk-refarch.macie.reconciled.other")) == set()


def apply(paths: dict[str, str], template: str, event: dict[str, Any]) -> str:
    """Apply an input transformer as EventBridge documents it.

    A variable outside quotes becomes the JSON of its value; one whose path leads nowhere, or to nothing, is not there.
    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-transform-target-input.html
    """
    assert "<" not in "".join(re.findall(r'"[^"]*"', template)), "within quotes, nothing is escaped"

    def value(found: re.Match[str]) -> str:
        value: Any = event
        for step in paths[found[1]].removeprefix("$.").split("."):
            value = value.get(step) if isinstance(value, dict) else None
        return "" if value is None else json.dumps(value)

    return re.sub(r"<(\w+)>", value, template)


def received(event: dict[str, Any], category: Category | None = None) -> dict[str, Any]:
    category = category or event["detail"]["category"]
    found: dict[str, Any] = json.loads(apply(PATHS[category], input_template(category), event))
    return found


HEAD = ["id", "type", "title", "severity", "count", "createdAt", "updatedAt", "account", "region", "sample"]
WHERE = ["bucket", "bucketArn"]


@pytest.mark.parametrize("type", FINDING_TYPES)
def test_a_target_gets_valid_json_with_these_fields_and_no_other(type: str) -> None:
    event = finding(type)
    found = received(event)
    more = [] if type.startswith("Policy:") else ["object", "result"]
    assert list(found) == [*HEAD, *WHERE, *more]
    detail = event["detail"]
    assert {name: found[name] for name in HEAD} == {
        **{name: detail[name] for name in ("id", "type", "title", "count", "createdAt", "updatedAt", "region")},
        "severity": "High",
        "account": "111122223333",
        "sample": False,
    }
    assert (found["bucket"], found["bucketArn"]) == (BUCKET, f"arn:aws:s3:::{BUCKET}")


def test_a_target_learns_where_the_data_is_and_how_much() -> None:
    event = sensitive_finding()
    found = received(event)
    assert found["object"] == event["detail"]["resourcesAffected"]["s3Object"]
    assert (found["object"]["key"], found["object"]["size"]) == (KEY, 4750)
    assert found["result"] == event["detail"]["classificationDetails"]["result"]
    assert found["result"]["sensitiveData"][0]["totalCount"] == 65


@pytest.mark.parametrize(
    "key", ['say "hi".csv', "a\nb\tc", "Zoë/\U0001f512/名簿.csv", "back\\slash", "<id>", "{}", "a'b"]
)
def test_a_key_survives_whatever_is_in_it(key: str) -> None:
    found = received(sensitive_finding(key=key))
    assert found["object"]["key"] == key
    assert found["object"]["path"] == f"{BUCKET}/{key}"


@settings(derandomize=True, deadline=None, max_examples=100, database=None)
@given(st.text(max_size=40))
def test_any_text_survives(key: str) -> None:
    assert received(sensitive_finding(key=key))["object"]["key"] == key


def test_the_template_of_sensitive_data_would_be_no_json_for_a_policy_finding() -> None:
    assert received(policy_finding(), "POLICY")
    with pytest.raises(json.JSONDecodeError):
        received(policy_finding(), "CLASSIFICATION")


def test_ministack_makes_the_same_of_the_template() -> None:
    for event in (sensitive_finding(key='"\n\U0001f512'), policy_finding()):
        category = event["detail"]["category"]
        transformer = {"InputPathsMap": PATHS[category], "InputTemplate": input_template(category)}
        view = eventbridge._pattern_event_view(eventbridge._event_from_test_payload(event))
        assert json.loads(eventbridge._apply_input_transformer(transformer, None, view)) == received(event)


def test_variables_are_named_as_eventbridge_takes_them_and_there_are_not_too_many() -> None:
    # https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_InputTransformer.html
    for category, paths in PATHS.items():
        assert len(paths) <= 100
        assert all(re.fullmatch(r"[A-Za-z0-9_-]{1,256}", name) and not name.startswith("AWS") for name in paths)
        assert all(path.startswith("$.") and len(path) <= 256 for path in paths.values())
        assert len(input_template(category)) <= 8192


def test_only_buses_and_the_quarantine_get_events_as_they_are(macie: Any) -> None:
    made = macie[0]
    template = Template(cdk.Stack.of(made))
    for id, one in made.routes.items():
        assert isinstance(one, FindingRoute)
        for category, rule in one.rules.items():
            (target,) = template.of(rule)["Targets"]
            transformer = target.get("InputTransformer")
            if id in ("Audit", "Quarantine"):
                assert transformer is None
            else:
                assert transformer == {"InputPathsMap": PATHS[category], "InputTemplate": input_template(category)}
            assert not {"Input", "InputPath"} & set(target)
