"""Bad routes, and what is made of them, are refused before anything exists, in words that tell what to do."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
from aws_cdk import aws_kinesisfirehose as firehose

from cdk_refarch._parts.rule_targets import target_kind
from cdk_refarch.macie_to_eventbridge import quarantine_checks, routing_checks
from cdk_refarch.macie_to_eventbridge.routing import FindingType, Notification, Quarantine, Route, TicketQueue
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, names, refused, stack

ENCRYPTED: FindingType = "Policy:IAMUser/S3BucketEncryptionDisabled"
PERSONAL: FindingType = "SensitiveData:S3Object/Personal"


def route(heard: Any = None, scope: Any = stack, **arguments: Any) -> Call:
    wanted = Route(**{"id": "Security", "target": given.TOPIC, **arguments})
    return lambda: routing_checks.check_route(checks, scope, wanted, {"Taken"}, heard)


def routes(wanted: Any) -> Call:
    return lambda: routing_checks.check_routes(checks, stack, wanted)


def notification(**arguments: Any) -> Call:
    return lambda: routing_checks.check_notification(checks, Notification(**arguments))


def tickets(**arguments: Any) -> Call:
    return lambda: routing_checks.check_ticket_queue(checks, TicketQueue(**arguments))


def quarantine(**arguments: Any) -> Call:
    return lambda: quarantine_checks.check_quarantine(checks, stack, Quarantine(**arguments))


def buses(event_bus: Any, audit_bus: Any) -> Call:
    return lambda: routing_checks.check_buses(checks, stack, event_bus, audit_bus)


OTHER_ACCOUNT = "must be in the account of the stack, 111122223333, got 444455556666"
TARGETS = "a topic, a queue, a Lambda function, a state machine, an event bus or a Firehose stream"
NO_ORDER = "findings need no order; use a standard one"
ADMIT = "use a key that admits events.amazonaws.com: EventBridge has no access to this one"
NO_SEVERITY = "Amazon Macie has no such severity, and HIGH is the highest"
PATTERNS = "buckets must be a list of bucket names, where * stands for any text, got"

TARGETED: list[Case] = [
    (
        route(id="security"),
        "id must be a PascalCase word of 1 to 64 letters and digits, got 'security'; call it PublicData, say",
    ),
    (
        route(id="S" * 65),
        f"id must be a PascalCase word of 1 to 64 letters and digits, got '{'S' * 65}'; call it PublicData, say",
    ),
    (route(id=7), "id must be text, got int 7; call it PublicData, say"),
    (route(id=given.LATER), "id must be known when the app runs, got a token; call it PublicData, say"),
    (route(id="Taken"), "id must be one that is free, got 'Taken', which is taken; use another id"),
    (
        route(target="arn:aws:sns:eu-west-1:111122223333:t"),
        f"target must be {TARGETS}, got str 'arn:aws:sns:eu-west-1:111122223333:t'; give a construct such as sns.Topic(...)",
    ),
    (route(target=None), f"target must be {TARGETS}, got NoneType None; give a construct such as sns.Topic(...)"),
    *(
        (
            route(target=far),
            "target must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
        )
        for far in (given.FAR_TOPIC, given.FAR_QUEUE, given.FAR_FUNCTION)
    ),
    *(
        (
            route(target=others),
            f"target {OTHER_ACCOUNT}; send to a bus there, and on from it",
        )
        for others in (given.OTHERS_TOPIC, given.OTHERS_QUEUE, given.OTHERS_FUNCTION, given.OTHERS_MACHINE)
    ),
    *(
        (
            route(target=bus, heard=heard),
            "target must be another bus than the one that is listened to, got the same; EventBridge does not send events in a "
            "circle; give another bus",
        )
        for bus, heard in (
            (given.DEFAULT_BUS, None),
            (given.SAME_DEFAULT, None),
            (given.BUS, given.BUS),
            (given.SAME_BUS, given.BUS),
        )
    ),
    (route(target=given.FIFO_TOPIC), f"target must be a standard topic, got a FIFO one; {NO_ORDER}"),
    (route(target=given.FIFO_QUEUE), f"target must be a standard queue, got a FIFO one; {NO_ORDER}"),
    (
        route(target=given.MANAGED_TOPIC),
        f"target must be encrypted with a key of your own, got one with alias/aws/sns; {ADMIT}",
    ),
    *(
        (
            route(target=managed),
            f"target must be encrypted with a key of your own, got one with alias/aws/sqs; {ADMIT}",
        )
        for managed in (given.MANAGED_QUEUE, given.SQS_QUEUE)
    ),
    (
        route(dead_letter_queue="q"),
        "dead_letter_queue must be an IQueue, got str 'q'; give a construct that implements IQueue",
    ),
    (
        route(dead_letter_queue=given.FAR_QUEUE),
        "dead_letter_queue must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        route(dead_letter_queue=given.OTHERS_QUEUE),
        f"dead_letter_queue {OTHER_ACCOUNT}; use a queue of this account",
    ),
    (
        route(dead_letter_queue=given.FIFO_QUEUE),
        f"dead_letter_queue must be a standard queue, got a FIFO one; {NO_ORDER}",
    ),
    (
        route(dead_letter_queue=given.MANAGED_QUEUE),
        f"dead_letter_queue must be encrypted with a key of your own, got one with alias/aws/sqs; {ADMIT}",
    ),
    *(
        (
            route(target=given.QUEUE, dead_letter_queue=same),
            "target and dead_letter_queue must be two queues, got the same queue for both; leave it out to have one made",
        )
        for same in (given.QUEUE, given.SAME_QUEUE)
    ),
]
FILTERED: list[Case] = [
    *(
        (
            route(min_severity=severity),
            f"min_severity must be one of LOW, MEDIUM, HIGH, got '{severity}'; {NO_SEVERITY}",
        )
        for severity in ("Critical", "CRITICAL", "", "INFORMATIONAL")
    ),
    (route(min_severity="High"), "min_severity must be one of LOW, MEDIUM, HIGH, got 'High'; write 'HIGH'"),
    (route(min_severity=7), f"min_severity must be one of LOW, MEDIUM, HIGH, got int 7; {NO_SEVERITY}"),
    (route(min_severity=None), f"min_severity must be one of LOW, MEDIUM, HIGH, got NoneType None; {NO_SEVERITY}"),
    (route(min_severity=given.LATER), "min_severity must be known when the app runs, got a token; give 'HIGH', say"),
    (route(categories=[]), "categories must be a list of 1 to 2 categories, got a list of 0; leave it out for both"),
    (route(categories="POLICY"), "categories must be a list, got str 'POLICY'; leave it out for both"),
    (
        route(categories=["POLICY", "POLICY"]),
        "categories must be a list without repetition, got 'POLICY' twice; drop one of them",
    ),
    (
        route(categories=["Policy"]),
        "categories must be a list of CLASSIFICATION and POLICY, got 'Policy'; did you mean 'POLICY'?",
    ),
    (
        route(categories=["THREAT"]),
        "categories must be a list of CLASSIFICATION and POLICY, got 'THREAT'; leave it out for both",
    ),
    (
        route(categories=[given.LATER]),
        "categories must be known when the app runs, got a token; leave it out for both",
    ),
    (route(finding_types=PERSONAL), f"finding_types must be a list, got str {PERSONAL!r}; leave it out for all types"),
    (
        route(finding_types=["SensitiveData:S3Object/Personel"]),
        "finding_types must be a list of types that Amazon Macie has, got 'SensitiveData:S3Object/Personel'; did you mean "
        f"{PERSONAL!r}?",
    ),
    (
        route(finding_types=["S3BucketEncryptionDisabled"]),
        "finding_types must be a list of types that Amazon Macie has, got 'S3BucketEncryptionDisabled'; did you mean "
        f"{ENCRYPTED!r}?",
    ),
    (
        route(finding_types=["Recon:EC2/Portscan"]),
        "finding_types must be a list of types that Amazon Macie has, got 'Recon:EC2/Portscan'; see "
        "https://docs.aws.amazon.com/macie/latest/user/findings-types.html",
    ),
    (
        route(finding_types=[PERSONAL, PERSONAL]),
        f"finding_types must be a list without repetition, got {PERSONAL!r} twice; drop one of them",
    ),
    (
        route(finding_types=[PERSONAL], categories=["POLICY"]),
        "finding_types and categories must be given so that the types belong to the categories, got "
        f"{PERSONAL!r} without CLASSIFICATION; add 'CLASSIFICATION' to categories or drop the type",
    ),
    (
        route(finding_types=[given.LATER]),
        "finding_types must be known when the app runs, got a token; leave it out for all types",
    ),
    (route(buckets="team"), "buckets must be a list, got str 'team'; give ['team-data', 'team-logs'], say"),
    (route(buckets=["a**"]), f"{PATTERNS} 'a**'; write one * in the place of two"),
    (route(buckets=["arn:aws:s3:::a"]), f"{PATTERNS} 'arn:aws:s3:::a'; write the name alone, as in 'team-data'"),
    (route(buckets=["s3://team/"]), f"{PATTERNS} 's3://team/'; write the name alone, as in 'team-data'"),
    (route(buckets=[""]), f"{PATTERNS} ''; write the name alone, as in 'team-data'"),
    (route(buckets=["team", "team"]), "buckets must be a list without repetition, got 'team' twice; drop one of them"),
    (route(buckets=[7]), "buckets must be text, got int 7; give bucket.bucket_name"),
    (
        route(include_samples="no"),
        "include_samples must be True or False, got 'no'; give True to let sample findings pass",
    ),
]

SECURITY = Route(id="Security", target=given.TOPIC)

SEVERAL: list[Case] = [
    (routes(SECURITY), "routes must be a list, got one Route; put brackets around it"),
    (routes(None), "routes must be a list, got NoneType None; give [Route(...)]"),
    (routes(["Tickets"]), "each of routes must be a Route, got str 'Tickets'; give Route(...)"),
    (
        routes([SECURITY, SECURITY]),
        "routes must be a list with distinct ids, got 'Security' twice; give one of them another id",
    ),
    *(
        (
            routes([Route(id=id, target=given.TOPIC)]),
            f"{id}: id must be one that is free, got {id!r}, which is taken; use another id",
        )
        for id in sorted(routing_checks.RESERVED_IDS)
    ),
    (
        routes([SECURITY, Route(id="Other", target=given.TOPIC, min_severity="Critical")]),  # type: ignore[arg-type]
        f"Other: min_severity must be one of LOW, MEDIUM, HIGH, got 'Critical'; {NO_SEVERITY}",
    ),
]

OTHERS: list[Case] = [
    (
        lambda: routing_checks.check_notification(checks, "ops@example.com"),  # type: ignore[arg-type]
        "notification must be a Notification, got str 'ops@example.com'; give Notification(emails=['security@example.com'])",
    ),
    (
        notification(emails="ops@example.com"),
        "Notification: emails must be a list, got str 'ops@example.com'; write it as ['security@example.com']",
    ),
    (
        notification(emails=["ops.example.com"]),
        "Notification: emails must be a list of addresses, got 'ops.example.com'; write it as ['security@example.com']",
    ),
    (
        notification(emails=["a@b.c", given.LATER]),
        "Notification: emails must be known when the app runs, got a token; write it as ['security@example.com']",
    ),
    (
        notification(emails=["a@b.c", "a@b.c"]),
        "Notification: emails must be a list without repetition, got 'a@b.c' twice; drop one of them",
    ),
    (
        notification(min_severity="SEVERE"),
        f"Notification: min_severity must be one of LOW, MEDIUM, HIGH, got 'SEVERE'; {NO_SEVERITY}",
    ),
    (
        notification(include_samples=None),
        "Notification: include_samples must be True or False, got None; give True to let sample findings pass",
    ),
    (
        lambda: routing_checks.check_ticket_queue(checks, True),  # type: ignore[arg-type]
        "ticket_queue must be a TicketQueue, got bool True; give TicketQueue() or leave it out",
    ),
    (tickets(min_severity=3), f"Tickets: min_severity must be one of LOW, MEDIUM, HIGH, got int 3; {NO_SEVERITY}"),
    (
        tickets(include_samples=1),
        "Tickets: include_samples must be True or False, got 1; give True to let sample findings pass",
    ),
    (
        buses("default", None),
        "event_bus must be an IEventBus, got str 'default'; give a construct that implements IEventBus",
    ),
    (
        buses(None, "default"),
        "audit_bus must be an IEventBus, got str 'default'; give a construct that implements IEventBus",
    ),
    (
        buses(given.FAR_BUS, None),
        "event_bus must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (buses(given.OTHERS_BUS, None), f"event_bus {OTHER_ACCOUNT}; deploy the construct in that account"),
    *(
        (
            buses(heard, audit),
            "audit_bus must be another bus than the one that is listened to, got the same; give another bus, or leave audit_bus out",
        )
        for heard, audit in (
            (given.BUS, given.SAME_BUS),
            (None, given.DEFAULT_BUS),
            (None, given.SAME_DEFAULT),
        )
    ),
]

QUARANTINED: list[Case] = [
    (
        lambda: quarantine_checks.check_quarantine(checks, stack, True),  # type: ignore[arg-type]
        "quarantine must be a Quarantine, got bool True; give Quarantine() or leave it out",
    ),
    (quarantine(dry_run="yes"), "Quarantine: dry_run must be True or False, got 'yes'; give False to let it act"),
    *(
        (
            quarantine(**{action: "no"}),
            f"Quarantine: {action} must be True or False, got 'no'; give False to leave that undone",
        )
        for action in ("tag", "copy", "block_public_access")
    ),
    (
        quarantine(tag=False, copy=False, block_public_access=False),
        "Quarantine: tag, copy and block_public_access must be True for one at least, got False for all; leave one of them "
        "on, or leave out the quarantine",
    ),
    (
        quarantine(dry_run=False),
        "Quarantine: dry_run and buckets must be given together when it is no dry run, got dry_run=False alone; name the "
        "buckets that it may change, as in ['team-*']",
    ),
    (quarantine(buckets=["a b"]), f"Quarantine: {PATTERNS} 'a b'; write the name alone, as in 'team-data'"),
    *(
        (
            quarantine(buckets=["team-data", name]),
            f"Quarantine: buckets must be names with 3 characters at least besides *, got {name!r}; name the buckets that the "
            "function may change, as in ['team-*']",
        )
        for name in ("*", "te*", "*t*e*", "ab")
    ),
    (quarantine(decrypt_keys=[None]), "Quarantine: decrypt_keys must be a list of keys, got NoneType None; drop it"),
    (
        quarantine(decrypt_keys=["alias/own"]),
        "Quarantine: decrypt_keys must be an IKey, got str 'alias/own'; give a construct that implements IKey",
    ),
    (
        quarantine(decrypt_keys=[given.ALIAS]),
        "Quarantine: each of decrypt_keys must be a key, got an alias; give the key itself, by kms.Key.from_key_arn or "
        "kms.Key.from_lookup",
    ),
    (
        quarantine(decrypt_keys=[given.FAR_KEY]),
        "Quarantine: decrypt_keys must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        quarantine(min_severity="high"),
        "Quarantine: min_severity must be one of LOW, MEDIUM, HIGH, got 'high'; write 'HIGH'",
    ),
    *(
        (
            quarantine(lock_days=days),
            f"Quarantine: lock_days must be from 1 day to 36500 days, got {shown}; give the days that you need to answer a "
            "finding",
        )
        for days, shown in ((0, "0 days"), (36501, "36501 days"), (None, "NoneType None"), (True, "bool True"))
    ),
    (
        quarantine(include_samples="x"),
        "Quarantine: include_samples must be True or False, got 'x'; give True to let sample findings pass",
    ),
]

ALL = [*TARGETED, *FILTERED, *SEVERAL, *OTHERS, *QUARANTINED]


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    *(
        route(target=target)
        for target in (
            *(given.TOPIC, given.OWN_TOPIC, given.QUEUE, given.OWN_QUEUE, given.FUNCTION, given.MACHINE),
            *(given.BUS, given.FAR_BUS, given.STREAM, given.CFN_STREAM),
        )
    ),
    # Buses take what other accounts and regions send, and so do default ones that are not the one here.
    *(route(target=target) for target in (given.OTHERS_BUS, given.OTHERS_DEFAULT, given.FAR_DEFAULT)),
    *(route(target=target, heard=given.BUS) for target in (given.FAR_BUS, given.OTHERS_BUS, given.DEFAULT_BUS)),
    # Where the account of the stack is not known, nothing can be said.
    route(target=given.OTHERS_QUEUE, scope=given.anywhere),
    route(target=given.SAME_DEFAULT, scope=given.anywhere),
    route(dead_letter_queue=given.OTHERS_QUEUE, scope=given.anywhere),
    route(id="S"),
    route(id="S" * 64),
    *(route(min_severity=severity) for severity in ("LOW", "MEDIUM", "HIGH")),
    route(categories=["POLICY"], finding_types=[ENCRYPTED]),
    route(finding_types=[PERSONAL, ENCRYPTED]),
    route(buckets=["*", "a*", "team-*-data", "team.data", "a" * 63, given.LATER, given.LATER]),
    route(buckets=given.LATER_LIST),
    route(include_samples=True, dead_letter_queue=given.QUEUE),
    route(target=given.QUEUE, dead_letter_queue=given.OWN_QUEUE),
    routes([]),
    routes((SECURITY, Route(id="Other", target=given.TOPIC))),
    notification(emails=["a@b.c", "d@e.f"], min_severity="LOW", include_samples=True),
    lambda: routing_checks.check_notification(checks, None),
    tickets(min_severity="HIGH", include_samples=True),
    lambda: routing_checks.check_ticket_queue(checks, None),
    quarantine(),
    quarantine(dry_run=False, buckets=["team-*"], decrypt_keys=[given.KEY], lock_days=1),
    quarantine(tag=False, copy=False, lock_days=36500),
    quarantine(buckets=["tea*", "*a*b*c*", "abc", given.LATER]),
    quarantine(dry_run=False, buckets=given.LATER_LIST, lock_days=2),
    lambda: quarantine_checks.check_quarantine(checks, stack, None),
    buses(None, None),
    buses(given.BUS, given.FAR_BUS),
    buses(given.BUS, given.OTHERS_BUS),
    buses(given.BUS, given.DEFAULT_BUS),
    buses(None, given.BUS),
    buses(None, given.OTHERS_DEFAULT),
    buses(None, given.FAR_DEFAULT),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


@pytest.mark.parametrize(
    ("target", "kind"),
    [
        (given.TOPIC, "sns"),
        (given.QUEUE, "sqs"),
        (given.FUNCTION, "lambda"),
        (given.MACHINE, "states"),
        (given.BUS, "events"),
        (given.STREAM, "firehose"),
        (given.CFN_STREAM, "firehose"),
        (given.CFN_TOPIC, None),
        (given.BUCKET, None),
        (None, None),
    ],
)
def test_a_target_is_known_by_its_arn(target: object, kind: str | None) -> None:
    assert target_kind(target) == kind


def test_a_list_where_one_key_belongs_is_asked_for() -> None:
    with pytest.raises(ValueError, match=r"^Stack/Tested/Quarantine: decrypt_keys must be a list, got "):
        quarantine(decrypt_keys=given.KEY)()


def test_a_topic_is_no_dead_letter_queue() -> None:
    with pytest.raises(ValueError, match=r"^Stack/Tested: dead_letter_queue must be an IQueue, got "):
        route(dead_letter_queue=given.TOPIC)()


def test_no_module_is_loaded_for_a_target_that_nobody_uses() -> None:
    code = (
        "import sys; from cdk_refarch.macie_to_eventbridge import routing_checks; "
        "print([name for name in ('stepfunctions', 'kinesisfirehose') if f'aws_cdk.aws_{name}' in sys.modules])"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"


def test_rejects_more_names_than_a_pattern_can_hold() -> None:
    named = [f"bucket-of-team-{number:048}" for number in range(30)]
    message = (
        "buckets must be short enough for an event pattern of 2048 characters, got {} characters; use wildcards, as in "
        "['team-*'], or a second route"
    )
    route(buckets=named[:22])()
    refused(route(buckets=named), message.format(2456))
    refused(quarantine(buckets=named), f"Quarantine: {message.format(2456)}")
    route(buckets=[*named, given.LATER])()


def test_rejects_a_lock_that_is_known_at_deployment_only() -> None:
    refused(
        quarantine(lock_days=given.LATER_NUMBER),
        "Quarantine: lock_days must be known when the app runs, got a token; write the number, or read it from the context",
    )


def test_rejects_the_default_bus_as_a_bus_of_ones_own() -> None:
    refused(
        buses(given.DEFAULT_BUS, None),
        "event_bus must be a bus of one's own, got the default bus; leave it out to listen to the default bus",
    )


def test_rejects_streams_of_elsewhere_and_addresses_that_are_known_at_deployment_only() -> None:
    def stream(id: str, where: str) -> Call:
        arn = f"arn:aws:firehose:{where}:deliverystream/s"
        return route(target=firehose.DeliveryStream.from_delivery_stream_arn(stack, id, arn))

    stream("NearStream", given.HERE)()
    where = "target must be in the {0} of the stack, {1}, got {2}; use a stream of the same {0}"
    refused(stream("FarStream", given.THERE), where.format("region", "eu-west-1", "us-east-1"))
    other = stream("OtherStream", "eu-west-1:999988887777")
    refused(other, where.format("account", "111122223333", "999988887777"))
    refused(
        notification(emails=given.LATER_LIST),
        "Notification: emails must be known when the app runs, got a token; write it as ['security@example.com']",
    )
