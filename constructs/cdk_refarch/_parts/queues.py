"""Queues where failed data waits."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .findings import acknowledge

RETENTION_DAYS = 14
"""The longest that Amazon SQS keeps a message."""

RECEIVES = 5
"""How often a message is received and not deleted before it is put aside."""


def failure_queue(
    scope: Construct, id: str, *, key: kms.IKey, removal_policy: cdk.RemovalPolicy, recognized: bool = False
) -> sqs.Queue:
    """Create an encrypted queue that keeps what failed for as long as a queue can.

    Args:
        scope: The construct that the queue belongs to.
        id: Its id.
        key: Encrypts the messages.
        removal_policy: What happens to the queue when the construct is removed.
        recognized: Whether a queue or a function of the app names it as its dead-letter queue, which the packs see.
    """
    queue = sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(RETENTION_DAYS),
        removal_policy=removal_policy,
    )
    reason = (
        "This queue is itself where failed messages wait to be replayed. It has an alarm, and no consumer that "
        "could fail, so that it needs no dead-letter queue of its own."
    )
    acknowledge(queue, "Serverless::Serverless-SQSRedrivePolicy", reason)
    if not recognized:
        acknowledge(queue, "AwsSolutions::AwsSolutions-SQS3", reason)
    return queue


def work_queue(
    scope: Construct,
    id: str,
    *,
    key: kms.IKey,
    failed: sqs.IQueue,
    visibility: cdk.Duration,
    removal_policy: cdk.RemovalPolicy,
    delay: cdk.Duration | None = None,
) -> sqs.Queue:
    """Create an encrypted queue that somebody reads, and puts messages aside that the reader always fails on.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        key: Encrypts messages.
        failed: Where messages go that were received five times and never deleted.
        visibility: How long a reader has for a message.
        removal_policy: What happens to the queue when the construct is removed.
        delay: How long a message stays unseen at first, at most 15 minutes; None for not at all.
    """
    return sqs.Queue(
        scope,
        id,
        encryption=sqs.QueueEncryption.KMS,
        encryption_master_key=key,
        enforce_ssl=True,
        retention_period=cdk.Duration.days(RETENTION_DAYS),
        delivery_delay=delay,
        visibility_timeout=visibility,
        dead_letter_queue=sqs.DeadLetterQueue(max_receive_count=RECEIVES, queue=failed),
        removal_policy=removal_policy,
    )
