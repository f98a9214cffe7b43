"""The topic of whoever looks at a change set before it is executed."""

from __future__ import annotations

import hashlib

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarm_topic import tell
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.policies import use_key

from .delivery_values import Approval
from .deploy_statements import statement


def approval_topic(scope: Construct, approval: Approval, key: kms.IKey) -> sns.ITopic:
    """Return the topic, given or created.

    Args:
        scope: The pipeline's construct.
        approval: Who is asked; checked before.
        key: Encrypts what is sent to a topic that is created.
    """
    if approval.topic is not None:
        return approval.topic
    topic = sns.Topic(scope, "ApprovalTopic", master_key=key, enforce_ssl=True)
    for address in approval.emails:
        # By the address, so that the others stay as they are when one goes.
        tell(topic, f"Email{hashlib.sha256(address.encode()).hexdigest()[:8]}", address)
    return topic


def approval_statements(scope: Construct, topic: sns.ITopic) -> list[iam.PolicyStatement]:
    """Return what the pipeline's role needs to ask.

    Args:
        scope: The pipeline's construct.
        topic: The topic.
    """
    statements = [statement(["sns:Publish"], topic.topic_arn)]
    key = getattr(topic, "master_key", None)
    return statements if key is None else [*statements, use_key(scope, key, "sns", USE)]
