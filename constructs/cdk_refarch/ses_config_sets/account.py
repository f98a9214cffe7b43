"""Settings of the whole account, which stay when the construct is removed."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdk_refarch._parts.operation import Operation

from .values import SesAccount


class AccountSettings(Construct):
    """What a region of the account is told of suppression and of the Virtual Deliverability Manager.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        account: What is asked for; checked before.
        operation: What it shares with the other parts.
    """

    def __init__(self, scope: Construct, id: str, *, account: SesAccount, operation: Operation) -> None:
        super().__init__(scope, id)
        if account.engagement_metrics is not None or account.optimized_shared_delivery is not None:
            self._switch_deliverability_manager(account)
        if account.suppression is not None:
            # Imported here, because aws_lambda takes about 100 ms.
            from .provider import ACCOUNT_ACTIONS, provider

            reasons = {"Reasons": sorted(set(account.suppression))}
            provider(self, ACCOUNT_ACTIONS, operation).resource(self, "Suppression", "SesAccountSuppression", reasons)

    def _switch_deliverability_manager(self, account: SesAccount) -> None:
        made = ses.VdmAttributes(
            self,
            "DeliverabilityManager",
            engagement_metrics=bool(account.engagement_metrics),
            optimized_shared_delivery=bool(account.optimized_shared_delivery),
        )
        # Others in the account may rely on it by then.
        resource = made.node.default_child
        if isinstance(resource, cdk.CfnResource):
            resource.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
