"""The topic of whoever looks at a change set before it is executed."""

from __future__ import annotations

from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.people_topic import people_topic

from .delivery_values import Approval


def approval_topic(scope: Construct, approval: Approval, key: kms.IKey) -> sns.ITopic:
    """Return the topic, given or created.

    Args:
        scope: The pipeline's construct.
        approval: Who is asked; checked before.
        key: Encrypts what is sent to a topic that is created.
    """
    if approval.topic is not None:
        return approval.topic
    return people_topic(scope, "ApprovalTopic", emails=approval.emails, key=key)
