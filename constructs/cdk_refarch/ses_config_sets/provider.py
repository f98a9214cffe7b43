"""The custom resources: what CloudFormation lacks of Amazon SES."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.provider import Provider

from .operation import Operation
from .values import Inbound, SesAccount

ANY = (
    "AWS has no resources for the settings of an account and for the active receipt rule set. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html."
)
"""Why some statements are for any resource."""

ACCOUNT_ACTIONS = ["ses:PutAccountSuppressionAttributes"]
RECEIVING_ACTIONS = ["ses:DescribeActiveReceiptRuleSet", "ses:SetActiveReceiptRuleSet"]


def provider(
    scope: Construct, account: SesAccount | None, inbound: Inbound | None, operation: Operation
) -> Provider | None:
    """Create the function for the custom resources that are needed; None for none.

    Args:
        scope: The construct that it belongs to.
        account: What is asked for; checked before.
        inbound: What is asked for; checked before.
        operation: What it shares with the other parts.
    """
    actions = ACCOUNT_ACTIONS if account is not None and account.suppression is not None else []
    if inbound is not None and inbound.activate:
        actions = [*actions, *RECEIVING_ACTIONS]
    if not actions:
        return None
    return Provider(
        scope,
        "Provider",
        module="ses",
        description="Makes the settings of Amazon SES that CloudFormation lacks",
        statements=[iam.PolicyStatement(actions=actions, resources=["*"])],
        any_resource=ANY,
        encryption_key=operation.encryption_key,
        removal_policy=operation.removal_policy,
        log_retention=operation.log_retention,
    )


def account_suppression(scope: Construct, account: SesAccount, made: Provider) -> cdk.CustomResource | None:
    """Set why addresses are put on the account's suppression list.

    Args:
        scope: The construct that it belongs to.
        account: What is asked for; checked before.
        made: The function.
    """
    if account.suppression is None:
        return None
    return made.resource(
        scope, "AccountSuppression", "SesAccountSuppression", {"Reasons": sorted(set(account.suppression))}
    )
