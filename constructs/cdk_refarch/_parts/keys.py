"""Keys: made alike in every architecture, and opened to the services that use them."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

CLOUDWATCH = "cloudwatch.amazonaws.com"
EVENTS = "events.amazonaws.com"
SES = "ses.amazonaws.com"
SNS = "sns.amazonaws.com"

USE = ["kms:Decrypt", "kms:GenerateDataKey"]
"""What a service needs to write what it cannot read, and to read its own data keys."""


def own_key(scope: Construct, id: str, *, description: str, removal_policy: cdk.RemovalPolicy) -> kms.Key:
    """Create a key that is rotated every year.

    Args:
        scope: The construct that the key belongs to.
        id: Its id.
        description: What it encrypts.
        removal_policy: What happens to it when the construct is removed.
    """
    return kms.Key(scope, id, description=description, enable_key_rotation=True, removal_policy=removal_policy)


def key_for(scope: Construct, given: kms.IKey | None, *, data: str, removal_policy: cdk.RemovalPolicy) -> kms.IKey:
    """Return what an architecture encrypts with, open to its logs: the key that it was given, or one of its own.

    Args:
        scope: The architecture's construct.
        given: The argument ``encryption_key``.
        data: What it encrypts, such as ``messages and logs``.
        removal_policy: What happens to the construct's own key when it is removed.
    """
    key = given
    if key is None:
        description = f"Encrypts the {data} of {scope.node.path}"
        key = own_key(scope, "Key", description=description, removal_policy=removal_policy)
    admit_logs(scope, key)
    return key


def admit(
    scope: Construct,
    key: kms.IKey,
    statement: iam.PolicyStatement,
    *,
    needed: str,
    source: str,
    argument: str = "encryption_key",
) -> None:
    """Add a statement to a key's policy, or warn where the policy is not the app's to change.

    Args:
        scope: The construct that the warning is shown at.
        key: The key.
        statement: Whom it must admit.
        needed: The rest of the sentence "It must let ...".
        source: Where AWS says so.
        argument: The argument that the key was given with.
    """
    if not key.add_to_resource_policy(statement, True).statement_added:
        cdk.Annotations.of(scope).add_warning_v2(
            "cdk-refarch:key-policy",
            f"The policy of the given {argument} cannot be changed by this app. It must let {needed}: {source}",
        )


def admit_logs(scope: Construct, key: kms.IKey) -> None:
    """Let CloudWatch Logs of this account and region use a key, which its policy must say in so many words.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
    """
    stack = cdk.Stack.of(scope)
    arn = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:*"
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(f"logs.{stack.region}.{stack.url_suffix}")],
        actions=["kms:Decrypt", "kms:Encrypt", "kms:DescribeKey", "kms:GenerateDataKey*", "kms:ReEncrypt*"],
        resources=["*"],
        conditions={"ArnLike": {"kms:EncryptionContext:aws:logs:arn": arn}},
    )
    admit(
        scope,
        key,
        statement,
        needed="CloudWatch Logs encrypt with it, or the log group cannot be created",
        source="https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/encrypt-log-data-kms.html",
    )


def own_rules(scope: Construct) -> dict[str, dict[str, str]]:
    """Return the conditions by which only EventBridge rules of this account and region are meant.

    Args:
        scope: Any construct of the stack.
    """
    stack = cdk.Stack.of(scope)
    rules = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/*"
    return {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": rules}}


def admit_rules_to_queues(scope: Construct, key: kms.IKey) -> None:
    """Let EventBridge rules of this account and region put events into queues that the key encrypts.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
    """
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(EVENTS)], actions=USE, resources=["*"], conditions=own_rules(scope)
    )
    admit(
        scope,
        key,
        statement,
        needed="events.amazonaws.com decrypt and generate data keys, or events do not reach the queue",
        source="https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html",
    )


def admit_to_topics(scope: Construct, key: kms.IKey, service: str) -> None:
    """Let a service publish to topics of this account and region that the key encrypts.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
        service: The service principal, EventBridge or SES.
    """
    stack = cdk.Stack.of(scope)
    topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:*"
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(service)],
        actions=USE,
        resources=["*"],
        # On their way to a topic, these services do not say for whom they work, as far as AWS documents it: a condition
        # on the source account or the source ARN might never be met.
        conditions={"ArnLike": {"kms:EncryptionContext:aws:sns:topicArn": topics}},
    )
    admit(
        scope,
        key,
        statement,
        needed=f"{service} decrypt and generate data keys without a condition on the source, or what it publishes does "
        "not reach the topic",
        source="https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html",
    )


def admit_topics_to_queues(scope: Construct, key: kms.IKey, *, argument: str = "encryption_key") -> None:
    """Let topics of this account and region put messages into queues that the key encrypts.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
        argument: The argument that the key was given with.
    """
    stack = cdk.Stack.of(scope)
    # Not the one topic: the topic is encrypted with the key and has to wait for it.
    topics = f"arn:{stack.partition}:sns:{stack.region}:{stack.account}:*"
    statement = iam.PolicyStatement(
        principals=[iam.ServicePrincipal(SNS)],
        actions=USE,
        resources=["*"],
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": topics}},
    )
    admit(
        scope,
        key,
        statement,
        needed="sns.amazonaws.com decrypt and generate data keys, or messages do not reach the queue",
        source="https://docs.aws.amazon.com/sns/latest/dg/sns-enable-encryption-for-topic-sqs-queue-subscriptions.html",
        argument=argument,
    )
