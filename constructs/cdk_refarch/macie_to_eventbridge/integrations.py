"""Ready targets: a topic for people, and a queue for a ticket system."""

from __future__ import annotations

import hashlib

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarm_topic import tell
from cdk_refarch._parts.alarms import alarm
from cdk_refarch._parts.queues import RETENTION_DAYS

from .routing import Notification

RECEIVES = 5
"""How often a ticket system gets a message that it does not delete, before the message is put aside."""

VISIBILITY = cdk.Duration.minutes(5)
"""How long a ticket system has for a message."""

UNREAD_DAYS = 3
"""How long a ticket may wait before nobody seems to read tickets."""


def notification_topic(scope: Construct, id: str, *, notification: Notification, key: kms.IKey) -> sns.Topic:
    """Create an encrypted topic for people.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        notification: Who is told; checked before.
        key: Encrypts messages.
    """
    topic = sns.Topic(scope, id, master_key=key, enforce_ssl=True)
    for address in notification.emails:
        # Named by the address: under a number, those behind one that is dropped would be subscribed anew, which is the
        # same subscription, and then unsubscribed.
        tell(topic, f"Email{hashlib.sha256(address.encode()).hexdigest()[:8]}", address)
    return topic


def ticket_queue(
    scope: Construct, id: str, *, key: kms.IKey, failed: sqs.IQueue, removal_policy: cdk.RemovalPolicy
) -> sqs.Queue:
    """Create an encrypted queue for a ticket system.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        key: Encrypts messages.
        failed: Where messages go that the ticket system always fails on.
        removal_policy: What happens to the queue when the construct is removed.
    """
    return sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(RETENTION_DAYS),
        visibility_timeout=VISIBILITY,
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=failed),
        removal_policy=removal_policy,
    )


def ticket_alarms(
    scope: Construct, queue: sqs.Queue, failed: sqs.Queue, topic: sns.ITopic | None
) -> dict[str, cloudwatch.Alarm]:
    """Create the alarms of a ticket queue.

    Args:
        scope: The construct they belong to.
        queue: The queue.
        failed: Its dead-letter queue.
        topic: Where they go; None for nowhere.
    """
    return {
        "FailedTickets": alarm(
            scope,
            "FailedTicketsAlarm",
            metric=failed.metric_approximate_number_of_messages_visible(statistic="Maximum"),
            description="The ticket system received messages five times and never deleted them. Mend it, and move them "
            "back from the queue of failed tickets.",
            topic=topic,
        ),
        "UnreadTickets": alarm(
            scope,
            "UnreadTicketsAlarm",
            metric=queue.metric_approximate_age_of_oldest_message(statistic="Maximum"),
            threshold=UNREAD_DAYS * 24 * 3600,
            description="A ticket has waited for three days, and after 14 days it is gone. See why the ticket system "
            "does not read its queue.",
            topic=topic,
        ),
    }
