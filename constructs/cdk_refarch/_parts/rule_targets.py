"""What lets a rule reach its target: policies of the target, or a role of the rule."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, cast

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from .keys import EVENTS, admit_rules_to_queues, admit_to_topics, own_rules
from .policies import service_role

if TYPE_CHECKING:
    from aws_cdk import aws_kinesisfirehose as firehose
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from aws_cdk import aws_stepfunctions as sfn

    Target = (
        sns.ITopic
        | sqs.IQueue
        | lambda_.IFunction
        | sfn.IStateMachine
        | events.IEventBus
        | firehose.IDeliveryStream
        | firehose.CfnDeliveryStream
    )

Kind = Literal["sns", "sqs", "lambda", "states", "events", "firehose"]

ARNS: dict[str, Kind] = {
    "topic_arn": "sns",
    "queue_arn": "sqs",
    "function_arn": "lambda",
    "state_machine_arn": "states",
    "event_bus_arn": "events",
    "delivery_stream_arn": "firehose",
}
"""Attribute that a kind of target has, and no other, to the kind."""

ROLE_ACTIONS: dict[Kind, list[str]] = {
    "states": ["states:StartExecution"],
    "events": ["events:PutEvents"],
    "firehose": ["firehose:PutRecord", "firehose:PutRecordBatch"],
}
"""What the rule's role may do with targets that have no policy for EventBridge:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""


@dataclass(frozen=True)
class Reached:
    """A target as a rule names it.

    Attributes:
        kind: Its kind.
        arn: Its ARN.
        role: The role that the rule has for it; None where the target has a policy.
    """

    kind: Kind
    arn: str
    role: iam.Role | None


def target_kind(target: object) -> Kind | None:
    """Return the kind of a target, or None for what is none.

    Looks at attributes, because importing all classes that a target can be of takes half a second.

    Args:
        target: What was given.
    """
    if getattr(target, "cfn_resource_type", "") == "AWS::KinesisFirehose::DeliveryStream":
        return "firehose"
    return next((kind for attribute, kind in ARNS.items() if hasattr(target, attribute)), None)


def reach(scope: Construct, target: Target, *, subject: str) -> Reached:
    """Create the role that a rule needs for its target; the target's own policy comes with ``admit``.

    Args:
        scope: The route.
        target: Where the events go; checked before.
        subject: What the events are called in texts, in the plural.
    """
    kind = cast("Kind", target_kind(target))
    arn = _arn(target)
    if kind not in ROLE_ACTIONS:
        return Reached(kind, arn, None)
    role = service_role(
        scope,
        "Role",
        service=EVENTS,
        # The rules need the role before they exist, and on a bus of one's own their ARN has its name.
        conditions=own_rules(scope),
        description=f"Lets the EventBridge rules of the route hand {subject} to their target",
        statements=[iam.PolicyStatement(actions=ROLE_ACTIONS[kind], resources=[arn])],
    )
    return Reached(kind, arn, role)


def admit(scope: Construct, kind: Kind, target: Target, rules: Mapping[str, events.CfnRule], *, subject: str) -> None:
    """Let rules reach a target that has a policy, and use the key that it is encrypted with.

    Args:
        scope: The construct that the rules belong to.
        kind: The target's kind.
        target: Where the events go.
        rules: The rules by id.
        subject: What the events are called in texts, in the plural.
    """
    if kind == "sns":
        _admit_to_topic(scope, cast("sns.ITopic", target), subject)
    elif kind == "sqs":
        admit_to_queue(scope, cast("sqs.IQueue", target), rules, argument="target", subject=subject)
    elif kind == "lambda":
        _admit_to_function(scope, cast("lambda_.IFunction", target), rules)


def admit_to_queue(
    scope: Construct, queue: sqs.IQueue, rules: Mapping[str, events.CfnRule], *, argument: str, subject: str
) -> None:
    """Let rules send to a queue, and use its key.

    Args:
        scope: The construct that the rules belong to.
        queue: The queue.
        rules: The rules by id.
        argument: The argument that the queue was given as.
        subject: What the events are called in texts, in the plural.
    """
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(EVENTS)],
        actions=["sqs:SendMessage"],
        resources=[queue.queue_arn],
        conditions=_from_rules(scope, queue, rules),
    )
    if not queue.add_to_resource_policy(statement).statement_added:
        _warn(scope, argument, subject, "send messages", "eb-use-resource-based.html#eb-sqs-permissions")
    if queue.encryption_master_key is not None:
        admit_rules_to_queues(scope, queue.encryption_master_key)


def _from_rules(scope: Construct, queue: sqs.IQueue, rules: Mapping[str, events.CfnRule]) -> dict[str, Any]:
    if cdk.Stack.of(queue) is cdk.Stack.of(scope):
        return {"ArnEquals": {"aws:SourceArn": [rule.attr_arn for rule in rules.values()]}}
    # In another stack, the queue's policy would have to wait for this stack, and this stack for the queue.
    return own_rules(scope)


def _admit_to_topic(scope: Construct, topic: sns.ITopic, subject: str) -> None:
    # Without a condition, because EventBridge does not say on the way to a topic for whom it works:
    # https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html#eb-sns-permissions
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(EVENTS)], actions=["sns:Publish"], resources=[topic.topic_arn]
    )
    if not topic.add_to_resource_policy(statement).statement_added:
        _warn(scope, "target", subject, "publish without a condition", "eb-use-resource-based.html#eb-sns-permissions")
    key = getattr(topic, "master_key", None)
    if key is not None:
        admit_to_topics(scope, key, EVENTS)


def _admit_to_function(scope: Construct, function: lambda_.IFunction, rules: Mapping[str, events.CfnRule]) -> None:
    from aws_cdk import aws_lambda as lambda_

    for name, rule in rules.items():
        lambda_.CfnPermission(
            scope,
            f"{name}Permission",
            action="lambda:InvokeFunction",
            function_name=function.function_arn,
            principal=EVENTS,
            source_arn=rule.attr_arn,
        )


def _arn(target: Target) -> str:
    for attribute in ARNS:
        if hasattr(target, attribute):
            return str(getattr(target, attribute))
    return str(getattr(target, "attr_arn"))  # noqa: B009 - of the L1 stream alone


def _warn(scope: Construct, argument: str, subject: str, needed: str, page: str) -> None:
    cdk.Annotations.of(scope).add_warning_v2(
        f"cdk-refarch:{argument}-policy",
        f"The policy of the given {argument} cannot be changed by this app. It must let events.amazonaws.com {needed}, "
        f"or {subject} do not reach it: https://docs.aws.amazon.com/eventbridge/latest/userguide/{page}",
    )
