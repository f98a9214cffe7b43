"""Arguments of MacieToEventBridge, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    AllowList,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Organization,
    Quarantine,
    ResultsExport,
    Route,
    SuppressionRule,
    TicketQueue,
)


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> MacieToEventBridge:  # noqa: N802
    """Make the construct in a stack of its own, for a stack has what belongs to an account only once."""
    if not scope.node.children:
        # A template without resources is none.
        cdk.CfnWaitConditionHandle(scope, "Nothing")
    own = cdk.Stack(scope, id)
    try:
        return MacieToEventBridge(own, "Macie", **arguments)
    except ValueError:
        if not own.node.children:
            scope.node.try_remove_child(id)
        raise


# What is brought along belongs to no app, so that any app can use it. The policies of topics and queues could not be
# changed then, of which a warning tells; the ready targets are a topic and a queue.
_elsewhere = cdk.Stack(None, "Elsewhere")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", "arn:aws:sns:eu-west-1:111122223333:t")
_FIFO = sns.Topic.from_topic_arn(_elsewhere, "Fifo", "arn:aws:sns:eu-west-1:111122223333:t.fifo")
_FUNCTION = lambda_.Function.from_function_arn(_elsewhere, "Fn", "arn:aws:lambda:eu-west-1:111122223333:function:f")
_MACHINE = sfn.StateMachine.from_state_machine_arn(
    _elsewhere, "Machine", "arn:aws:states:eu-west-1:111122223333:stateMachine:m"
)
_BUS = events.EventBus.from_event_bus_arn(_elsewhere, "Bus", "arn:aws:events:eu-west-1:111122223333:event-bus/b")

Choices = dict[str, tuple[list[Any], list[Any]]]

# Each argument with values that are legal, at least alone, and with values that never are.
SEVERITY = (["LOW", "MEDIUM", "HIGH"], ["CRITICAL", "High", None])
NAMES = ([["lake"], ["team-data", "team.logs"]], ["lake", ["a/b"], ["lake", "lake"]])
PATTERNS = ([["lake"], ["team-*", "*"], []], [["a**b"], ["s3://lake"], "lake"])
SAMPLES = ([True, False], ["yes", None])
WORDS = ([["badge", "employee"], []], [["ab"], "badge", [7]])
TEXT = (["What it is for"], ["", "x" * 600])

SESSION: Choices = {
    "existing": ([True, False], ["no"]),
    "publishing_frequency": (["ONE_HOUR", "SIX_HOURS"], ["DAILY"]),
    "automated_discovery": ([True, False], ["ENABLED"]),
    "excluded_buckets": NAMES,
    "security_hub": ([True, False], [1]),
    "organization": (
        [Organization(auto_enable_members=True), Organization(auto_enable_members=False, discovery_members="NEW")],
        [Organization(auto_enable_members=True, discovery_members="SOME"), True],  # type: ignore[arg-type]
    ),
}
RESULTS: Choices = {
    "enabled": ([True, False], ["no"]),
    "prefix": (["macie/", "a/b/"], ["/macie/", "macie", "a*/"]),
    "infrequent_access_after_days": ([30, 90], [29, "30"]),
    "expire_after_days": ([31, 400], [0, 1.5]),
}
IDENTIFIER: Choices = {
    "regex": (["BN-[0-9]{6}", r"\bA\d+\b"], ["", "(?=a)b", "a*", "(a"]),
    "keywords": WORDS,
    "ignore_words": ([["test badge"]], [["abc"]]),
    "maximum_match_distance": ([1, 300], [0, 301]),
    "description": TEXT,
}
LIST: Choices = {"regex": (["BN-000[0-9]{3}"], ["", None]), "description": TEXT}
RULE: Choices = {
    "criteria": (
        [{"type": ["Policy:IAMUser/S3BucketPublic"]}, {"severity.description": ["Low", "Medium"], "sample": ["true"]}],
        [{}, {"kind": ["x"]}, {"severity.description": ["Critical"]}, {"type": []}],
    ),
    "description": TEXT,
}
CRITERIA = [BucketCriteria(), BucketCriteria(tags={"Data": "Customers"}, access=["PUBLIC"], excluded_buckets=["tmp"])]
JOB: Choices = {
    "schedule": (["DAILY", "MONDAY", 1, 31], ["HOURLY", 0, 32, "1"]),
    "initial_run": ([True, False], ["yes"]),
    "sampling_percentage": ([1, 100], [0, 101, None]),
    "object_prefixes": ([["exports/"], []], [[""], "exports/"]),
    "custom_data_identifiers": ([None, []], [["Missing"]]),
    "managed_data_identifiers": (["RECOMMENDED", "ALL"], ["SOME"]),
    "description": TEXT,
}
WHERE: list[Choices] = [
    {"buckets": NAMES},
    {"bucket_criteria": (list(CRITERIA), [{}, BucketCriteria(accounts=["1"]), BucketCriteria(tags={})])},
]
ROUTE: Choices = {
    "min_severity": SEVERITY,
    "categories": ([["CLASSIFICATION"], ["POLICY"], ["POLICY", "CLASSIFICATION"]], [[], ["SENSITIVE"], "POLICY"]),
    "finding_types": (
        [["Policy:IAMUser/S3BucketPublic"], ["SensitiveData:S3Object/Personal", "SensitiveData:S3Object/Multiple"]],
        [["SensitiveData:Personal"], "Policy:IAMUser/S3BucketPublic"],
    ),
    "buckets": PATTERNS,
    "include_samples": SAMPLES,
    "dead_letter_queue": ([None], [_TOPIC, "queue"]),
}
# A quarantine must not change every bucket of the account.
QUARANTINED = ([["lake"], ["team-*", "*-data"], []], [["*"], ["a**b"], "lake"])
TARGET = ([_FUNCTION, _MACHINE, _BUS], [_FIFO, None, "topic"])
QUARANTINE: Choices = {
    "dry_run": ([True, False], ["yes"]),
    "buckets": QUARANTINED,
    "min_severity": SEVERITY,
    "lock_days": ([1, 36500], [0, None]),
    "tag": ([True, False], ["no"]),
    "copy": ([True, False], ["no"]),
    "block_public_access": ([True, False], ["no"]),
    "include_samples": SAMPLES,
}
TOLD: Choices = {"min_severity": SEVERITY, "include_samples": SAMPLES}
MAILS = ([["a@example.com"], []], [["nobody"], "a@example.com"])
OTHER: Choices = {
    "audit_bus": ([_BUS], ["bus", _TOPIC]),
    "event_bus": ([_BUS], ["bus"]),
    "reconcile": ([True, False], ["yes"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
IDS = (["One", "Other"], ["one", "Default", ""])
ROUTE_IDS = (["One", "Other"], ["Tickets", "one", ""])


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, as often, also some that are never legal."""
    wild = draw(st.booleans())

    def one(values: tuple[list[Any], list[Any]]) -> Any:
        return draw(st.sampled_from([*values[0], *(values[1] if wild else [])]))

    def some(choices: Choices, most: int = 2) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
        return {name: one(choices[name]) for name in names}

    def whole(choices: Choices, *needed: str) -> dict[str, Any]:
        return {**some(choices), **{name: one(choices[name]) for name in needed}}

    def where() -> dict[str, Any]:
        choice = draw(st.sampled_from(WHERE))
        return whole(choice, *choice)

    parts: dict[str, Callable[[], Any]] = {
        "session": lambda: MacieSession(**some(SESSION)),
        "results_export": lambda: ResultsExport(**some(RESULTS)),
        "custom_data_identifiers": lambda: [CustomDataIdentifier(id=one(IDS), **whole(IDENTIFIER, "regex"))],
        "allow_lists": lambda: [AllowList(id=one(IDS), **whole(LIST, "regex"))],
        "suppression_rules": lambda: [SuppressionRule(id=one(IDS), **whole(RULE, "criteria"))],
        "jobs": lambda: [ClassificationJob(id=one(IDS), **where(), **some(JOB))],
        "routes": lambda: [
            Route(id=one(ROUTE_IDS), target=one(TARGET), **some(ROUTE)) for _ in range(draw(st.integers(1, 2)))
        ],
        "notification": lambda: Notification(emails=one(MAILS), **some(TOLD)),
        "ticket_queue": lambda: TicketQueue(**some(TOLD)),
        "quarantine": lambda: Quarantine(**some(QUARANTINE, 4)),
    }
    names = draw(st.lists(st.sampled_from(sorted(parts)), max_size=3, unique=True))
    return {**{name: parts[name]() for name in names}, **some(OTHER)}


ARGUMENTS = arguments()
