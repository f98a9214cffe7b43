"""The topic that alarms go to."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from constructs import Construct

from .checks import Checks
from .findings import acknowledge
from .keys import CLOUDWATCH, own_key


class AlarmTopic(sns.Topic):
    """An encrypted topic that CloudWatch alarms can really publish to.

    Creates a topic that refuses plain HTTP, and a key. Both say in their policies that CloudWatch may use them for
    alarms of this account: without that, alarms on an encrypted topic are lost without a trace.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        email: An address that gets the alarms, once its owner has confirmed; None for nobody.
        removal_policy: What happens to the key when the construct is removed.

    Attributes:
        encryption_key: The key.

    Raises:
        ValueError: If the address is none, or the removal policy of another kind.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        email: str | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
    ) -> None:
        checks = Checks.of(scope, id)
        checks.removal_policy(removal_policy)
        if email is not None:
            checks.matches("email", email, r"[^@\s]+@[^@\s]+", rule="an address", remedy="write it as ops@example.com")
        # The topic needs the key before it exists itself, so that the key stands beside it.
        self.encryption_key = own_key(
            scope,
            f"{id}Key",
            description=f"Encrypts the alarms sent to {scope.node.path}/{id}",
            removal_policy=removal_policy,
        )
        super().__init__(scope, id, master_key=self.encryption_key, enforce_ssl=True)
        stack = cdk.Stack.of(self)
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        self.encryption_key.add_to_resource_policy(
            iam.PolicyStatement(
                principals=[iam.ServicePrincipal(CLOUDWATCH)],
                actions=["kms:Decrypt", "kms:GenerateDataKey*"],
                resources=["*"],
                conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
            )
        )
        admit_alarms(self)
        if email is not None:
            tell(self, "Email", email)


def admit_alarms(topic: sns.ITopic) -> None:
    """Let alarms of the account publish to a topic.

    A topic policy takes the place of the default one, under which they may.

    Args:
        topic: The topic, which has a policy.
    """
    stack = cdk.Stack.of(topic)
    topic.add_to_resource_policy(
        iam.PolicyStatement(
            principals=[iam.ServicePrincipal(CLOUDWATCH)],
            actions=["sns:Publish"],
            resources=[topic.topic_arn],
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {
                    "aws:SourceArn": f"arn:{stack.partition}:cloudwatch:{stack.region}:{stack.account}:alarm:*"
                },
            },
        )
    )


def tell(topic: sns.Topic, id: str, address: str) -> None:
    """Send what is published to an address, once its owner has confirmed.

    Args:
        topic: The topic.
        id: The id of the subscription.
        address: The address.
    """
    subscription = sns.Subscription(topic, id, topic=topic, protocol=sns.SubscriptionProtocol.EMAIL, endpoint=address)
    acknowledge(
        subscription,
        "Serverless::Serverless-SNSRedrivePolicy",
        "Amazon SNS tries an address for hours, and a mail that bounces has no reader to replay it for. Whoever must "
        "not miss one subscribes a queue.",
    )
