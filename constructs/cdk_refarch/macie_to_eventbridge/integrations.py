"""A ready target: a queue for a ticket system."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import alarm

TICKET_VISIBILITY = cdk.Duration.minutes(5)
"""How long a ticket system has for a message."""

UNREAD_DAYS = 3
"""How long a ticket may wait before nobody seems to read tickets."""


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
