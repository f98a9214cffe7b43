"""Refusal of bad arguments of ``IotToFirehose``, before anything is created."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NoReturn

from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag
from cdk_refarch._parts.resource_checks import check_resource
from cdk_refarch._parts.s3_delivery.s3_checks import check_sink
from cdk_refarch._parts.s3_delivery.s3_sink import S3Sink, fixed_part

from . import rule_sql, topics

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
"""Ids of what the construct itself creates beside its sinks."""

DEAD_ACTIONS = {
    "IotAnalytics": "AWS IoT Analytics ended on 2025-12-15",
    "IotEvents": "AWS IoT Events ended on 2026-05-20",
    "Timestream": "Amazon Timestream for LiveAnalytics takes no new customers",
}
"""Rule actions that CloudFormation still knows and AWS does not serve any more."""


def check_statement(
    checks: Checks, topic_filter: str | None, sql: str | None, select: str, where: str | None, batch: bool
) -> None:
    """Check the arguments that make up the rule's statement.

    Args:
        checks: The checks of the construct.
        topic_filter: The argument.
        sql: The argument.
        select: The argument.
        where: The argument.
        batch: The argument.

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
        return
    topics.check_filter(checks, topic_filter)
    rule_sql.check_clause(checks, "select", select, "SELECT")
    if where is not None:
        rule_sql.check_clause(checks, "where", where, "WHERE")
    if batch:
        rule_sql.check_batch(checks, select)


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


def check_sinks(checks: Checks, sinks: Sequence[S3Sink], scope: Construct) -> None:
    """Check the sinks one by one and against each other.

    Args:
        checks: The checks of the construct.
        sinks: The argument.
        scope: The scope that the construct will be put in.

    Raises:
        ValueError: If one is wrong, or two would be the same.
    """
    if isinstance(sinks, S3Sink):
        checks.refuse("sinks", "a list", "one S3Sink", "put brackets around it")
    if not isinstance(sinks, Sequence) or isinstance(sinks, str):
        checks.refuse("sinks", "a list", f"{type(sinks).__name__} {sinks!r}", "give [S3Sink(...)] or leave it out")
    if not 1 <= len(sinks) <= MAX_ACTIONS:
        remedy = "add S3Sink()" if not sinks else "use a second rule for the rest"
        checks.refuse("sinks", f"from 1 to {MAX_ACTIONS} sinks", f"{len(sinks)} sinks", remedy)
    seen: list[S3Sink] = []
    for sink in sinks:
        if not isinstance(sink, S3Sink):
            _refuse_other_kinds(checks, sink)
        # One sink needs no more words than the construct's path to be told from others.
        inner = checks if len(sinks) == 1 else checks.within(str(sink.id))
        check_sink(inner, sink)
        inner.same_region("transform", sink.transform, scope)
        if sink.id in RESERVED_IDS:
            checks.refuse("sinks", "a list of sinks with ids of their own", repr(sink.id), "use another id")
        for other in seen:
            _check_pair(checks, other, sink)
        seen.append(sink)


def _refuse_other_kinds(checks: Checks, given: object) -> NoReturn:
    kind = type(given).__name__
    kinds = [kind, *(name.replace("_", "") for name, value in getattr(given, "_values", {}).items() if value)]
    ended = [text for name, text in DEAD_ACTIONS.items() if any(one.lower().startswith(name.lower()) for one in kinds)]
    checks.refuse("sinks", "a list of S3Sink", kind, "; ".join([*ended, "give S3Sink(...)"]))


def _check_pair(checks: Checks, one: S3Sink, other: S3Sink) -> None:
    if one.id == other.id:
        checks.refuse("sinks", "a list of sinks with distinct ids", f"{one.id!r} twice", "give one of them an id")
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
