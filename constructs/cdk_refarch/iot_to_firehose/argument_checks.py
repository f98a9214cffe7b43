"""Refusal of bad arguments of ``IotToFirehose``, before anything is created."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag, check_known
from cdk_refarch._parts.resource_checks import check_resource
from cdk_refarch._parts.s3_delivery.s3_sink import fixed_part
from cdk_refarch._parts.sinks import Sink

from . import rule_sql, topics
from .rule_action import RuleAction
from .topics import Heard

MAX_ACTIONS = 10
"""https://docs.aws.amazon.com/general/latest/gr/iot-core.html, rules engine limits."""

RESERVED_IDS = frozenset(
    (
        *("Key", "ErrorQueue", "ErrorRole", "Rule"),
        *("ErrorQueueNotEmpty", "ErrorActionFailed", "RuleParseErrors", "RuleThrottled"),
        # These two have a meaning of their own in the CDK.
        *("Default", "Resource"),
    )
)
"""Ids of what the construct itself creates beside its sinks and actions."""

KINDS_OF_SINKS = "S3Sink, OpenSearchSink and RedshiftSink"
KINDS_OF_ACTIONS = (
    "LambdaAction, SqsAction, SnsAction, KinesisAction, StepFunctionsAction, DynamoDbAction, RepublishAction and "
    "S3Action"
)

DEAD_ACTIONS = {
    "IotAnalytics": "AWS IoT Analytics ended on 2025-12-15",
    "IotEvents": "AWS IoT Events ended on 2026-05-20",
    "Timestream": "Amazon Timestream for LiveAnalytics takes no new customers",
}
"""Rule actions that CloudFormation still knows and AWS does not serve any more."""


def check_statement(
    checks: Checks, topic_filter: str | None, sql: str | None, select: str, where: str | None, batch: bool
) -> Heard:
    """Check the arguments that make up the rule's statement.

    Args:
        checks: The checks of the construct.
        topic_filter: The argument.
        sql: The argument.
        select: The argument.
        where: The argument.
        batch: The argument.

    Returns:
        What the rule listens to.

    Raises:
        ValueError: If AWS IoT would refuse the statement, or it could never work.
    """
    if (topic_filter is None) == (sql is None):
        got = "neither" if sql is None else "both"
        checks.refuse("topic_filter and sql", "given one at a time", got, "give topic_filter='fleet/+/telemetry', say")
    check_flag(checks, "batch", batch, remedy="give True for SQL that yields an array")
    if sql is not None:
        for argument, given in (("select", select != "*"), ("where", where is not None)):
            if given:
                checks.refuse(f"sql and {argument}", "given one at a time", "both", f"put the {argument} into sql")
        statement = rule_sql.check_sql(checks, sql)
        if statement.topic_filter is not None:
            topics.check_filter_of_statement(checks, statement.topic_filter)
        if batch and statement.select is not None:
            rule_sql.check_batch(checks, statement.select)
        return Heard(statement.topic_filter, batch)
    topics.check_filter(checks, topic_filter)
    rule_sql.check_clause(checks, "select", select, "SELECT")
    if where is not None:
        rule_sql.check_clause(checks, "where", where, "WHERE")
    if batch:
        rule_sql.check_batch(checks, select)
    return Heard(topic_filter, batch)


def check_rule(checks: Checks, scope: Construct, rule_name: str | None, error_queue: object) -> None:
    """Check the rule's name, and where it puts what could not be delivered.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        rule_name: The argument.
        error_queue: The argument.

    Raises:
        ValueError: If AWS IoT has no such names, or cannot send to the queue.
    """
    if rule_name is not None:
        rule = "from 1 to 128 letters, digits and _"
        checks.matches("rule_name", rule_name, rule_sql.RULE_NAME, rule=rule, remedy="replace other characters by _")
    check_resource(checks, scope, "error_queue", error_queue, "queue_arn", "IQueue")
    if getattr(error_queue, "fifo", False):
        checks.refuse("error_queue", "a standard queue", "a FIFO one", "AWS IoT rules cannot send to FIFO ones")
    checks.key("key of error_queue", getattr(error_queue, "encryption_master_key", None))


def check_sinks(checks: Checks, sinks: Sequence[Sink], scope: Construct) -> None:
    """Check the sinks one by one and against each other.

    Args:
        checks: The checks of the construct.
        sinks: The argument.
        scope: The scope that the construct will be put in.

    Raises:
        ValueError: If one is wrong, or two would be the same.
    """
    _check_list(checks, "sinks", sinks, Sink, KINDS_OF_SINKS)
    if not 1 <= len(sinks) <= MAX_ACTIONS:
        remedy = "add S3Sink()" if not sinks else "use a second rule for the rest"
        checks.refuse("sinks", f"from 1 to {MAX_ACTIONS} sinks", f"{len(sinks)} sinks", remedy)
    for position, sink in enumerate(sinks):
        # One sink needs no more words than the construct's path to be told from others.
        inner = checks if len(sinks) == 1 else checks.within(str(sink.id))
        _check_id(inner, sink.id, "call it Raw or Archive, say")
        sink.check(inner, scope)
        _check_ids(checks, "sinks", sink.id, [other.id for other in sinks[:position]])
        for other in sinks[:position]:
            _check_pair(checks, other, sink)


def check_actions(
    checks: Checks, actions: Sequence[RuleAction], sinks: Sequence[Sink], scope: Construct, heard: Heard
) -> None:
    """Check the further actions one by one and against each other.

    Args:
        checks: The checks of the construct.
        actions: The argument.
        sinks: The sinks; checked before.
        scope: The scope that the construct will be put in.
        heard: What the rule listens to.

    Raises:
        ValueError: If one is wrong, or there are too many.
    """
    _check_list(checks, "actions", actions, RuleAction, KINDS_OF_ACTIONS)
    count = len(sinks) + len(actions)
    if count > MAX_ACTIONS:
        got = f"{len(sinks)} sinks and {len(actions)} actions"
        remedy = "use a second rule for the rest"
        checks.refuse("sinks and actions", f"at most {MAX_ACTIONS} together", got, remedy)
    taken = [sink.id for sink in sinks]
    for action in actions:
        inner = checks.within(str(action.id))
        _check_id(inner, action.id, "call it Notify or Forward, say")
        action.check(inner, scope, heard)
        _check_ids(checks, "actions", action.id, taken)
        taken.append(action.id)


def _check_list(checks: Checks, argument: str, given: object, kind: type, kinds: str) -> None:
    example = kinds.partition(",")[0]
    if isinstance(given, kind):
        checks.refuse(argument, "a list", f"one {type(given).__name__}", "put brackets around it")
    if not isinstance(given, Sequence) or isinstance(given, str):
        got = f"{type(given).__name__} {given!r}"
        checks.refuse(argument, "a list", got, f"give [{example}(...)] or leave it out")
    for one in given:
        if not isinstance(one, kind):
            _refuse_other_kinds(checks, argument, one, kinds)


def _refuse_other_kinds(checks: Checks, argument: str, given: object, allowed: str) -> NoReturn:
    kind = type(given).__name__
    kinds = [kind, *(name.replace("_", "") for name, value in getattr(given, "_values", {}).items() if value)]
    ended = [text for name, text in DEAD_ACTIONS.items() if any(one.lower().startswith(name.lower()) for one in kinds)]
    example = allowed.partition(",")[0]
    checks.refuse(argument, f"a list of {allowed}", kind, "; ".join([*ended, f"give {example}(...)"]))


def _check_id(checks: Checks, id: str, remedy: str) -> None:
    check_known(checks, "id", id, remedy=remedy)
    checks.matches("id", id, r"[A-Z][A-Za-z0-9]{0,63}", rule="a PascalCase word", remedy=remedy)


def _check_ids(checks: Checks, argument: str, id: str, taken: Sequence[str]) -> None:
    if id in RESERVED_IDS:
        checks.refuse(argument, f"a list of {argument} with ids of their own", repr(id), "use another id")
    if id in taken:
        checks.refuse(argument, f"a list of {argument} with distinct ids", f"{id!r} twice", "give one of them an id")


def _check_pair(checks: Checks, one: Sink, other: Sink) -> None:
    if one.bucket is None or other.bucket is None or one.bucket.bucket_name != other.bucket.bucket_name:
        return
    remedy = "give one of them another prefix"
    if one.data_prefix == other.data_prefix:
        got = f"{one.data_prefix!r} twice in one bucket"
        checks.refuse("sinks", "a list of sinks that write to different places", got, remedy)
    for data, errors in ((one, other), (other, one)):
        root = fixed_part(errors.error_prefix)
        if root and fixed_part(data.data_prefix).startswith(root):
            got = f"data of {data.id} among the errors of {errors.id}"
            checks.refuse("sinks", "a list of sinks that write to different places", got, remedy)
