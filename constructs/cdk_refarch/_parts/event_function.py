"""Rules that call a function, and where calls go that could not be made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from aws_cdk import aws_events as events
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .descriptions import described
from .rule_targets import admit, admit_to_queue

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_


@dataclass(frozen=True, kw_only=True)
class Occasion:
    """When a function is called: for events or by the clock, so that exactly one of the last two is given.

    Args:
        description: What the function does then, which the path of its construct follows, as in ``Looks for ..., for``.
        event_pattern: The pattern of the events that it is called for.
        schedule_expression: When it is called, as in ``rate(1 hour)``.
    """

    description: str
    event_pattern: Mapping[str, Any] | None = None
    schedule_expression: str | None = None


def call(
    scope: Construct, function: lambda_.IFunction, failed_events: sqs.IQueue, occasions: Mapping[str, Occasion]
) -> dict[str, events.CfnRule]:
    """Create the rules on the account's default bus that call a function, and let them.

    Args:
        scope: The construct that they belong to.
        function: The function.
        failed_events: Where events go that could not be delivered to the function.
        occasions: Id of a rule to when it calls.

    Returns:
        The rules by id.
    """
    l1 = events.CfnRule
    target = l1.TargetProperty(
        id="Target",
        arn=function.function_arn,
        dead_letter_config=l1.DeadLetterConfigProperty(arn=failed_events.queue_arn),
    )
    rules = {
        id: l1(
            scope,
            id,
            description=described(occasion.description, scope),
            event_pattern=occasion.event_pattern,
            schedule_expression=occasion.schedule_expression,
            state="ENABLED",
            targets=[target],
        )
        for id, occasion in occasions.items()
    }
    admit(scope, "lambda", function, rules, subject="events")
    admit_to_queue(scope, failed_events, rules, argument="failed_events", subject="events")
    return rules
