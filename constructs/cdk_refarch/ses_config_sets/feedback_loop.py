"""What SES tells of mail that did not arrive or was not wanted: a topic, a queue behind it, and a record."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_ses as ses
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.keys import SES, SNS, admit_to_topics, admit_topics_to_queues
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue, work_queue

from .email_stream import EmailStream, stream_names
from .values import Feedback, SendingStream

if TYPE_CHECKING:
    from .contact_record import ContactRecord

HANDLER_SECONDS = 60
"""How long the function may take for a batch of 10 events."""

VISIBILITY = cdk.Duration.seconds(6 * HANDLER_SECONDS)
"""https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html: six times what the function may take."""

LATE = cdk.Duration.minutes(30)
"""How long feedback may wait; a reputation is lost within hours."""


class FeedbackLoop(Construct):
    """What SES tells of mail that did not arrive or was not wanted, told at once and lost nowhere.

    Creates an encrypted topic that SES may publish to for the streams, a queue behind it, a dead-letter queue for both
    hops, alarms, and the record of contacts unless it is not wanted.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        feedback: What is asked for; checked before.
        streams: The streams by name, with what was asked for.
        operation: What it shares with the other parts.

    Attributes:
        topic: The topic. Besides events it gets a line of plain text from SES whenever a destination is created.
        queue: The queue behind it.
        failed_events: Events that the topic could not put into the queue, or that were received five times and never
            deleted. They look the same and are moved back together.
        record: The function and the table of contacts; None without ``record``.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        feedback: Feedback,
        streams: Mapping[str, tuple[EmailStream, SendingStream]],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        key, removal_policy = operation.encryption_key, operation.removal_policy
        admit_to_topics(self, key, SES)
        admit_topics_to_queues(self, key)
        self.topic = sns.Topic(self, "Topic", master_key=key, enforce_ssl=True)
        self._admit(streams)
        self.failed_events: sqs.Queue = failure_queue(
            self, "FailedEvents", key=key, removal_policy=removal_policy, recognized=True
        )
        self.queue = work_queue(
            self, "Queue", key=key, failed=self.failed_events, visibility=VISIBILITY, removal_policy=removal_policy
        )
        admit_topic(self.queue, self.topic)
        subscription = subscribe(
            self, "Subscription", topic=self.topic, queue=self.queue, undelivered=self.failed_events
        )
        self._send_events(streams, subscription)
        self.record: ContactRecord | None = None
        made = self._own_alarms(operation.alarm_topic)
        if feedback.record:
            # Imported here, because aws_lambda and aws_dynamodb take their time and only the record needs them.
            from .contact_record import ContactRecord

            self.record = ContactRecord(
                self, "Record", feedback=feedback, queue=self.queue, sets=stream_names(streams), operation=operation
            )
            made |= {f"Record{name}": one for name, one in self.record.alarms.items()}
        self.alarms: Mapping[str, cloudwatch.Alarm] = made

    def _admit(self, streams: Mapping[str, tuple[EmailStream, SendingStream]]) -> None:
        # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html
        self.topic.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(SES)],
                actions=["sns:Publish"],
                resources=[self.topic.topic_arn],
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": cdk.Stack.of(self).account,
                        "aws:SourceArn": [stream.configuration_set_arn for stream, _ in streams.values()],
                    }
                },
            )
        )

    def _send_events(
        self, streams: Mapping[str, tuple[EmailStream, SendingStream]], subscription: sns.Subscription
    ) -> None:
        l1 = ses.CfnConfigurationSetEventDestination
        for stream, wanted in streams.values():
            destination = stream.send_events(
                "FeedbackDestination",
                wanted.feedback_events,
                sns_destination=l1.SnsDestinationProperty(topic_arn=self.topic.topic_arn),
            )
            # SES publishes a line to see whether it may, and events from then on.
            destination.node.add_dependency(self.topic, subscription)

    def _own_alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "FailedEvents",
                waiting(self.failed_events),
                "Feedback could not be put into its queue, or was received five times and never deleted. It waits for "
                "14 days: mend the queue's policy, the key or the reader, and move it back with aws sqs "
                "start-message-move-task.",
            )
        ]
        made = alarms(self, watched, topic, suffix="Alarm")
        made["Late"] = alarm(
            self,
            "LateAlarm",
            metric=self.queue.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            threshold=LATE.to_seconds(),
            description="Feedback has waited for half an hour, and mail still goes to addresses that bounce. See why "
            "the reader of the queue does not come after it.",
            topic=topic,
        )
        return made


def waiting(queue: sqs.IQueue) -> cloudwatch.Metric:
    """Return how many messages wait in a queue.

    Args:
        queue: The queue.
    """
    return queue.metric_approximate_number_of_messages_visible(statistic="Maximum")


def subscribe(
    scope: Construct,
    id: str,
    *,
    topic: sns.ITopic,
    queue: sqs.IQueue,
    undelivered: sqs.IQueue,
    body_filter: Mapping[str, sns.FilterOrPolicy] | None = None,
) -> sns.Subscription:
    """Put what a topic gets into a queue, as it is; ``admit_topic`` lets it.

    Args:
        scope: The construct that it belongs to.
        id: Its id.
        topic: The topic.
        queue: The queue.
        undelivered: Where messages go that the queue refuses.
        body_filter: Which messages, by their content; None for all.
    """
    made = sns.Subscription(
        scope,
        id,
        topic=topic,
        protocol=sns.SubscriptionProtocol.SQS,
        endpoint=queue.queue_arn,
        raw_message_delivery=True,
        # The L2 lets the topic send there as well.
        dead_letter_queue=undelivered,
        filter_policy_with_message_body=None if body_filter is None else dict(body_filter),
    )
    for needed in (queue, undelivered):
        # Nothing is sent before the policies let it in. Another stack has its policies before this one begins.
        if cdk.Stack.of(needed) is cdk.Stack.of(scope):
            made.node.add_dependency(needed)
    return made


def admit_topic(queue: sqs.IQueue, topic: sns.ITopic) -> bool:
    """Let a topic send to a queue, and tell whether the queue's policy is the app's to change.

    Args:
        queue: The queue.
        topic: The topic.
    """
    stack = cdk.Stack.of(topic)
    conditions = {"ArnEquals": {"aws:SourceArn": topic.topic_arn}}
    if cdk.Stack.of(queue) is not stack:
        # In another stack, the queue's policy would have to wait for this stack, and this stack for the queue.
        topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:*"
        conditions = {"ArnLike": {"aws:SourceArn": topics}}
    return queue.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(SNS)],
            actions=["sqs:SendMessage"],
            resources=[queue.queue_arn],
            conditions=conditions,
        )
    ).statement_added
