"""The bus where findings of many accounts come together."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.descriptions import described

from .pattern import DETAIL_TYPE, OWN
from .routing_checks import check_audit_bus

MAX_NAME = 256
"""https://docs.aws.amazon.com/eventbridge/latest/APIReference/API_CreateEventBus.html"""


class AuditBus(Construct):
    """An event bus that takes findings of Macie from other accounts, and no other events.

    Creates the bus and its policy. Give it to ``MacieToEventBridge`` as ``audit_bus`` in the accounts that send, and as
    ``event_bus`` where routes listen to it.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        organization_id: The organization whose accounts may send, as in ``o-a1b2c3d4e5``. Exactly one of
            ``organization_id`` and ``accounts``.
        accounts: The accounts that may send, of 12 digits each.

    Attributes:
        bus: The bus.

    Raises:
        ValueError: If both or neither is given, or one is none.
    """

    def __init__(
        self, scope: Construct, id: str, *, organization_id: str | None = None, accounts: Sequence[str] = ()
    ) -> None:
        check_audit_bus(Checks.of(scope, id), organization_id, accounts)
        super().__init__(scope, id)
        # A bus must have a name, and one that is known now can be given to stacks of other accounts and regions.
        name = cdk.Names.unique_resource_name(self, max_length=MAX_NAME)
        self.bus = events.EventBus(
            self, "Bus", event_bus_name=name, description=described("Findings of Macie from many accounts,", self)
        )
        conditions: dict[str, dict[str, str | list[str]]] = {
            # What rules send on keeps its source; the others are those of replays and of the reconciler.
            "StringLike": {"events:source": ["aws.macie", f"{OWN}*"]},
            "StringEquals": {"events:detail-type": DETAIL_TYPE},
        }
        if organization_id is not None:
            conditions["StringEquals"]["aws:PrincipalOrgID"] = organization_id
        senders: list[iam.IPrincipal] = (
            [iam.AccountPrincipal(account) for account in accounts] if organization_id is None else [iam.AnyPrincipal()]
        )
        self.bus.add_to_resource_policy(
            iam.PolicyStatement(
                sid="Findings",
                principals=senders,
                actions=["events:PutEvents"],
                resources=[self.bus.event_bus_arn],
                conditions=conditions,
            )
        )
