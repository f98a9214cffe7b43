"""Refusal of bad arguments about where findings go, before anything is created."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_known, elements
from cdk_refarch._parts.resource_checks import check_resource, check_same_account
from cdk_refarch._parts.target_checks import check_receiver, check_target, which_bus

from .finding_checks import check_findings, check_samples, check_severity
from .pattern import FORWARDED, categories, event_pattern
from .routing import Notification, Route, TicketQueue
from .shared_checks import check_accounts, check_bucket_names, check_id, named

RESERVED_IDS = frozenset(("Notification", "Tickets", "Quarantine", "Audit"))
"""Ids of the construct's own routes."""

MAX_ID = 64

MAX_PATTERN = 2048
"""https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-quota.html"""

ANY_SOURCE = f"{FORWARDED}{'0' * 32}"
"""As long as the source of a replay."""

ORGANIZATION = r"o-[a-z0-9]{10,32}"
"""https://docs.aws.amazon.com/organizations/latest/APIReference/API_Organization.html"""


def check_route(checks: Checks, scope: Construct, route: Route, taken: Collection[str], heard: object = None) -> None:
    """Check a route by itself.

    Args:
        checks: The checks of the construct, or of the route when there may be several.
        scope: The scope that the construct is, or will be, put in.
        route: The route.
        taken: Ids of other routes.
        heard: The bus that is listened to; None for the default one.

    Raises:
        ValueError: If AWS would refuse it, or findings would get lost or never pass.
    """
    check_id(checks, route.id, longest=MAX_ID)
    if route.id in taken or route.id in RESERVED_IDS:
        checks.refuse("id", "one that is free", f"{route.id!r}, which is taken", "use another id")
    check_target(checks, scope, route.target, subject="findings", heard=heard)
    check_severity(checks, route.min_severity)
    check_findings(checks, route.categories, route.finding_types)
    check_bucket_names(checks, "buckets", route.buckets, patterns=True)
    check_samples(checks, route.include_samples)
    check_pattern(checks, route)
    queue = route.dead_letter_queue
    check_resource(checks, scope, "dead_letter_queue", queue, "queue_arn", "IQueue")
    if queue is None:
        return
    check_same_account(checks, "dead_letter_queue", queue, scope, "use a queue of this account")
    check_receiver(checks, "dead_letter_queue", queue, subject="findings")
    if getattr(route.target, "queue_arn", None) == queue.queue_arn:
        remedy = "leave it out to have one made"
        checks.refuse("target and dead_letter_queue", "two queues", "the same queue for both", remedy)


def check_pattern(checks: Checks, route: Route) -> None:
    """Check that the event patterns of a route are not too long.

    Args:
        checks: The checks of what the route is for.
        route: The route, whose arguments are right one by one.

    Raises:
        ValueError: If EventBridge would refuse one.
    """
    for category in categories(route):
        pattern = event_pattern(route, category, replay_source=ANY_SOURCE, reconciled=ANY_SOURCE, forwarded=True)
        length = len(json.dumps(pattern))
        if length > MAX_PATTERN and not any(map(is_token, route.buckets)):
            rule = f"short enough for an event pattern of {MAX_PATTERN} characters"
            checks.refuse("buckets", rule, f"{length} characters", "use wildcards, as in ['team-*'], or a second route")


def check_routes(checks: Checks, scope: Construct, routes: Sequence[Route], heard: object = None) -> None:
    """Check the routes one by one and against each other.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        routes: The argument.
        heard: The bus that is listened to; None for the default one.

    Raises:
        ValueError: If one is wrong, or two have the same id.
    """
    for route in named(checks, "routes", routes, Route, longest=MAX_ID):
        check_route(checks.within(route.id), scope, route, (), heard)


def check_notification(checks: Checks, notification: Notification | None) -> None:
    """Check who is told of findings.

    Args:
        checks: The checks of the construct.
        notification: The argument.

    Raises:
        ValueError: If an address is none, or a severity does not exist.
    """
    if notification is None:
        return
    remedy = "give Notification(emails=['security@example.com'])"
    checks.instance("notification", notification, Notification, remedy=remedy)
    inner = checks.within("Notification")
    remedy = "write it as ['security@example.com']"
    if isinstance(notification.emails, list) and cdk.Token.is_unresolved(notification.emails):
        inner.refuse("emails", "known when the app runs", "a token", remedy)
    for email in elements(inner, "emails", notification.emails, unit="addresses", remedy=remedy):
        check_known(inner, "emails", email, remedy=remedy)
        inner.matches("emails", email, r"[^@\s]+@[^@\s]+", rule="a list of addresses", remedy=remedy)
    check_severity(inner, notification.min_severity)
    check_samples(inner, notification.include_samples)


def check_ticket_queue(checks: Checks, ticket_queue: TicketQueue | None) -> None:
    """Check which findings become tickets.

    Args:
        checks: The checks of the construct.
        ticket_queue: The argument.

    Raises:
        ValueError: If a severity does not exist.
    """
    if ticket_queue is None:
        return
    checks.instance("ticket_queue", ticket_queue, TicketQueue, remedy="give TicketQueue() or leave it out")
    inner = checks.within("Tickets")
    check_severity(inner, ticket_queue.min_severity)
    check_samples(inner, ticket_queue.include_samples)


def check_bus(checks: Checks, argument: str, bus: object, scope: Construct | None = None) -> None:
    """Check an event bus that is brought along.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        bus: The bus, or None.
        scope: The scope that the construct will be put in, when the bus must be in its region; None if any will do.

    Raises:
        ValueError: If it is something else, or of another region.
    """
    check_resource(checks, scope, argument, bus, "event_bus_arn", "IEventBus")


def check_buses(checks: Checks, scope: Construct, event_bus: object, audit_bus: object) -> None:
    """Check the bus that is listened to and the one that all findings go to.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        event_bus: The argument.
        audit_bus: The argument.

    Raises:
        ValueError: If one is no bus, rules cannot listen to the one, or findings would come back from the other.
    """
    check_bus(checks, "event_bus", event_bus, scope)
    if getattr(event_bus, "event_bus_name", None) == "default":
        checks.refuse("event_bus", "a bus of one's own", "the default bus", "leave it out to listen to the default bus")
    check_bus(checks, "audit_bus", audit_bus)
    check_same_account(checks, "event_bus", event_bus, scope, "deploy the construct in that account")
    if audit_bus is not None and which_bus(event_bus, scope) == which_bus(audit_bus, scope):
        remedy = "give another bus, or leave audit_bus out"
        checks.refuse("audit_bus", "another bus than the one that is listened to", "the same", remedy)


def check_audit_bus(checks: Checks, organization_id: str | None, accounts: Sequence[str]) -> None:
    """Check who may send findings to an ``AuditBus``.

    Args:
        checks: The checks of the bus.
        organization_id: The argument.
        accounts: The argument.

    Raises:
        ValueError: If both or neither is given, or one is none.
    """
    check_accounts(checks, accounts)
    if (organization_id is None) == (len(accounts) == 0):
        got = "neither" if organization_id is None else "both"
        remedy = "give the organization, or the accounts that may send"
        checks.refuse("organization_id and accounts", "given one at a time", got, remedy)
    if organization_id is not None:
        remedy = "copy it from AWS Organizations"
        rule = "an id of an organization, as in o-a1b2c3d4e5"
        checks.matches("organization_id", organization_id, ORGANIZATION, rule=rule, remedy=remedy)
