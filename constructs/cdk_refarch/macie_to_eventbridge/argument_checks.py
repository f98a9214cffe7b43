"""Refusal of bad arguments of ``MacieToEventBridge`` as a whole, before anything is created."""

from __future__ import annotations

from collections.abc import Sequence

from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag

from . import discovery_checks, routing_checks
from .quarantine_checks import check_quarantine
from .routing import Notification, Quarantine, Route, TicketQueue
from .values import (
    AllowList,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    ResultsExport,
    SuppressionRule,
)

REGIONS = (
    *("af-south-1", "ap-east-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1"),
    *("ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1", "eu-isoe-west-1", "eu-north-1"),
    *("eu-south-1", "eu-west-1", "eu-west-2", "eu-west-3", "eusc-de-east-1", "il-central-1", "me-south-1"),
    *("sa-east-1", "us-east-1", "us-east-2", "us-iso-east-1", "us-iso-west-1", "us-isob-east-1"),
    *("us-isob-west-1", "us-isof-east-1", "us-isof-south-1", "us-west-1", "us-west-2"),
)
"""Where CloudFormation has ``AWS::Macie::Session``: https://docs.aws.amazon.com/general/latest/gr/macie.html"""

REGIONS_WITHOUT = (
    *("ap-east-2", "ap-south-2", "ap-southeast-3", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
    *("ap-southeast-7", "ca-west-1", "cn-north-1", "cn-northwest-1", "eu-central-2", "eu-south-2"),
    *("me-central-1", "mx-central-1", "us-gov-east-1", "us-gov-west-1"),
)
"""Where it has none. A region in neither list is new, and may have it."""


def check_discovery(
    checks: Checks,
    scope: Construct,
    session: MacieSession,
    results_export: ResultsExport,
    custom_data_identifiers: Sequence[CustomDataIdentifier],
    allow_lists: Sequence[AllowList],
    suppression_rules: Sequence[SuppressionRule],
    jobs: Sequence[ClassificationJob],
) -> None:
    """Check what Macie looks for.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        session: The argument.
        results_export: The argument.
        custom_data_identifiers: The argument.
        allow_lists: The argument.
        suppression_rules: The argument.
        jobs: The argument.

    Raises:
        ValueError: If Macie would refuse one, or could do nothing with it.
    """
    discovery_checks.check_session(checks, session)
    discovery_checks.check_results_export(checks, scope, results_export)
    discovery_checks.check_custom_data_identifiers(checks, custom_data_identifiers)
    discovery_checks.check_allow_lists(checks, scope, allow_lists)
    discovery_checks.check_suppression_rules(checks, suppression_rules)
    discovery_checks.check_jobs(checks, jobs, custom_data_identifiers, allow_lists)


def check_responses(
    checks: Checks,
    scope: Construct,
    routes: Sequence[Route],
    notification: Notification | None,
    ticket_queue: TicketQueue | None,
    quarantine: Quarantine | None,
    audit_bus: object,
    event_bus: object,
    reconcile: bool,
) -> None:
    """Check where findings go.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        routes: The argument.
        notification: The argument.
        ticket_queue: The argument.
        quarantine: The argument.
        audit_bus: The argument.
        event_bus: The argument.
        reconcile: The argument.

    Raises:
        ValueError: If AWS would refuse one, or findings would get lost or never pass.
    """
    routing_checks.check_routes(checks, scope, routes, event_bus)
    routing_checks.check_notification(checks, notification)
    routing_checks.check_ticket_queue(checks, ticket_queue)
    check_quarantine(checks, scope, quarantine)
    routing_checks.check_buses(checks, scope, event_bus, audit_bus)
    check_flag(checks, "reconcile", reconcile, remedy="give True to send findings after whose events were lost")
    for argument, given in (("reconcile", reconcile), ("quarantine", quarantine is not None)):
        if given and event_bus is not None:
            remedy = f"set {argument} in the accounts whose findings they are"
            checks.refuse(f"{argument} and event_bus", "given one at a time", "both", remedy)


def check_region(checks: Checks, region: str) -> None:
    """Refuse a region that is known to be without Amazon Macie.

    Args:
        checks: The checks of the construct.
        region: The region of the stack; skipped when it is only known at deployment.

    Raises:
        ValueError: If Macie is not there.
    """
    if is_token(region) or region not in REGIONS_WITHOUT:
        return
    area = region.partition("-")[0]
    near = [one for one in REGIONS if one.partition("-")[0] == area and "iso" not in one] or ["eu-west-1", "us-east-1"]
    # Regions of China and of the US government are worlds of their own.
    apart = area == "cn" or "-gov-" in region
    remedy = "leave it out of this partition" if apart else f"deploy the stack to {' or '.join(near)}"
    checks.refuse("region of the stack", "one that has Amazon Macie", region, remedy)
