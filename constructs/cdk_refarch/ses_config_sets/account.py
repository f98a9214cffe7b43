"""Settings of the whole account, which stay when the construct is removed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ses as ses
from constructs import Construct

from .values import SesAccount


def wants_deliverability_manager(account: SesAccount | None) -> bool:
    """Tell whether the Virtual Deliverability Manager is to be switched.

    Args:
        account: What is asked for.
    """
    return account is not None and not (
        account.engagement_metrics is None and account.optimized_shared_delivery is None
    )


def deliverability_manager(scope: Construct, account: SesAccount) -> ses.VdmAttributes:
    """Switch the Virtual Deliverability Manager of the account.

    Args:
        scope: The construct that it belongs to.
        account: What is asked for; checked before.
    """
    made = ses.VdmAttributes(
        scope,
        "DeliverabilityManager",
        engagement_metrics=bool(account.engagement_metrics),
        optimized_shared_delivery=bool(account.optimized_shared_delivery),
    )
    # Others in the account may rely on it by then.
    resource = made.node.default_child
    if isinstance(resource, cdk.CfnResource):
        resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return made
