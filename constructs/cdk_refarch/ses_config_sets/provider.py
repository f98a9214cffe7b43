"""The custom resources: what CloudFormation lacks of Amazon SES."""

from __future__ import annotations

from collections.abc import Sequence

from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.provider import Provider

ANY = (
    "AWS has no resources for the settings of an account and for the active receipt rule set. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html."
)
"""Why some statements are for any resource."""

ACCOUNT_ACTIONS = ("ses:PutAccountSuppressionAttributes",)
RECEIVING_ACTIONS = ("ses:DescribeActiveReceiptRuleSet", "ses:SetActiveReceiptRuleSet")


def provider(scope: Construct, actions: Sequence[str], operation: Operation) -> Provider:
    """Create the function for a custom resource, one for each: an update that drops the resource drops it as well.

    Were it shared, its role would lose the permission first, and the resource could not be undone.

    Args:
        scope: The construct that it belongs to.
        actions: What the resource needs.
        operation: What it shares with the other parts.
    """
    return Provider(
        scope,
        "Provider",
        module="ses",
        description="Makes a setting of Amazon SES that CloudFormation lacks",
        statements=[iam.PolicyStatement(actions=list(actions), resources=["*"])],
        any_resource=ANY,
        operation=operation,
    )
