"""A consumer's own answer to bounces or complaints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.keys import SNS, admit_topics_to_queues
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue

from .feedback_loop import admit_topic, subscribe, waiting

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_


class FeedbackHook(Construct):
    """A subscription of the feedback topic that passes some events on to a function or a queue.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        topic: The feedback topic.
        target: Whom to tell; checked before.
        event: The type of the events, as in their documents.
        sets: Names of the configuration sets whose events pass; empty for all.
        bounce_types: The types of bounces that pass; empty for any.
        operation: What it shares with the other parts.

    Attributes:
        subscription: The subscription.
        undelivered: Events that could not be handed over. What a function fails on later is the function's own affair.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic: sns.Topic,
        target: lambda_.IFunction | sqs.IQueue,
        event: str,
        sets: Sequence[str],
        bounce_types: Sequence[str],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.undelivered: sqs.Queue = failure_queue(
            self, "Undelivered", key=operation.encryption_key, removal_policy=operation.removal_policy
        )
        passing = _filter(event, sets, bounce_types)
        if hasattr(target, "function_arn"):
            self.subscription = self._to_function(topic, target.function_arn, passing)
        else:
            self.subscription = self._to_queue(topic, target, passing)
        watched: list[Watched] = [
            (
                "Undelivered",
                waiting(self.undelivered),
                "Feedback could not be handed to its target. Mend the target's policy or its key, and replay the "
                "messages of the queue.",
            )
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic, suffix="Alarm")

    def _to_function(
        self, topic: sns.Topic, function_arn: str, passing: dict[str, sns.FilterOrPolicy]
    ) -> sns.Subscription:
        from aws_cdk import aws_lambda as lambda_

        permission = lambda_.CfnPermission(
            self,
            "Permission",
            action="lambda:InvokeFunction",
            function_name=function_arn,
            principal=SNS,
            source_arn=topic.topic_arn,
        )
        made = sns.Subscription(
            self,
            "Subscription",
            topic=topic,
            protocol=sns.SubscriptionProtocol.LAMBDA,
            endpoint=function_arn,
            dead_letter_queue=self.undelivered,
            filter_policy_with_message_body=passing,
        )
        made.node.add_dependency(permission, self.undelivered)
        return made

    def _to_queue(
        self, topic: sns.Topic, queue: sqs.IQueue, passing: dict[str, sns.FilterOrPolicy]
    ) -> sns.Subscription:
        made = subscribe(
            self, "Subscription", topic=topic, queue=queue, undelivered=self.undelivered, body_filter=passing
        )
        if queue.encryption_master_key is not None:
            admit_topics_to_queues(self, queue.encryption_master_key, argument="key of target")
        if not admit_topic(queue, topic):
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:target-policy",
                "The policy of the given target cannot be changed by this app. It must let sns.amazonaws.com send "
                "messages for the feedback topic, or feedback does not reach it: "
                "https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html",
            )
        return made


def endpoint_of(target: lambda_.IFunction | sqs.IQueue) -> str:
    """Return the ARN of a target.

    Args:
        target: Whom to tell; checked before.
    """
    return target.function_arn if hasattr(target, "function_arn") else target.queue_arn


def _filter(event: str, sets: Sequence[str], bounce_types: Sequence[str]) -> dict[str, sns.FilterOrPolicy]:
    """Return what an event must look like, in its own words."""

    def one_of(values: Sequence[str]) -> sns.FilterOrPolicy:
        return sns.FilterOrPolicy.filter(sns.SubscriptionFilter(conditions=list(values)))

    passing = {"eventType": one_of([event])}
    if bounce_types:
        passing["bounce"] = sns.FilterOrPolicy.policy({"bounceType": one_of(bounce_types)})
    if sets:
        tags = sns.FilterOrPolicy.policy({"ses:configuration-set": one_of(sets)})
        passing["mail"] = sns.FilterOrPolicy.policy({"tags": tags})
    return passing
