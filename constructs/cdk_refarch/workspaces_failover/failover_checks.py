"""Refusal of two sites that users could not be redirected between."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.domain_checks import check_zone, is_private
from cdk_refarch._parts.list_checks import check_flag

from .directory_values import AdConnector, LocalReplica, ManagedAd, PrimaryControllers
from .redirection_record import check_ttl
from .workspaces_site import WorkspacesSite

MAX_DRILL_HOURS = 24
MIN_INTERVAL, MAX_INTERVAL = 5, 1440
"""In minutes."""


def check_sites(checks: Checks, scope: Construct, primary: object, failover: object) -> None:
    """Check that two sites belong together, and that the switch is not in the region of the primary one.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        primary: The argument.
        failover: The argument.

    Raises:
        ValueError: If they do not.
    """
    if not isinstance(primary, WorkspacesSite) or not isinstance(failover, WorkspacesSite):
        for argument, one in (("primary", primary), ("failover", failover)):
            checks.instance(argument, one, WorkspacesSite, remedy="give a WorkspacesSite of a stack in its region")
        return
    both, here = "primary and failover", cdk.Stack.of(scope)
    if primary.fqdn != failover.fqdn:
        got = f"{primary.fqdn} and {failover.fqdn}"
        checks.refuse(both, "sites of one fqdn", got, "give them the same: clients know no other")
    _check_stacks(checks, scope, {"primary": primary, "failover": failover, "the construct": scope})
    for argument, region in (("primary", primary.region), ("failover", failover.region), ("the stack", here.region)):
        if is_token(region):
            remedy = "give its stack an env with a region"
            checks.refuse(f"region of {argument}", "known when the app runs", "a token", remedy)
    if primary.region == failover.region:
        checks.refuse(both, "in different regions", f"both in {primary.region}", "put each into a stack of its region")
    if here.region == primary.region:
        remedy = (
            f"put it into a stack in {failover.region}: what redirects users must not be gone with the primary site"
        )
        checks.refuse("region of the stack", f"another than the primary's, {primary.region}", here.region, remedy)
    accounts = {here.account, *(cdk.Stack.of(one).account for one in (primary, failover))}
    known = sorted(one for one in accounts if not is_token(one))
    if len(known) > 1:
        remedy = "aliases of one name belong to one account"
        checks.refuse(both, "in the account of the stack", ", ".join(known), remedy)
    for region in sorted(failover.standby_of - {primary.region}):
        remedy = "name the region of the primary site"
        checks.refuse("primary_region of the failover site's standbys", primary.region, region, remedy)
    _check_directories(checks, primary, failover)


def _check_stacks(checks: Checks, scope: Construct, places: Mapping[str, Construct]) -> None:
    """Refuse what cannot be deployed in an order."""
    for argument, place in places.items():
        stack = cdk.Stack.of(place)
        if stack.nested_stack_parent is not None:
            remedy = "put it into the stack above: a nested one cannot wait for others"
            checks.refuse(f"stack of {argument}", "no nested one", stack.node.path, remedy)
    for argument, place in places.items():
        if place.node.root is scope.node.root and cdk.Stage.of(place) is not cdk.Stage.of(scope):
            remedy = "put the three stacks into one stage, which has an order"
            checks.refuse(f"stage of {argument}", "that of the construct", cdk.Stack.of(place).node.path, remedy)


def check_redirection(
    checks: Checks,
    zone: object,
    fqdn: str,
    ttl: object,
    check_dns: object,
    drill_duration: object,
    guard_interval: object,
) -> None:
    """Check how users are redirected.

    Args:
        checks: The checks of the construct.
        zone: The argument.
        fqdn: The name of the sites.
        ttl: The argument.
        check_dns: The argument.
        drill_duration: The argument.
        guard_interval: The argument.

    Raises:
        ValueError: If clients would not see the records, or a time is out of its range.
    """
    check_zone(checks, "zone", zone, fqdn, private=True)
    check_flag(checks, "check_dns", check_dns, remedy="give True, or False for a private zone")
    if check_dns and is_private(zone):
        remedy = "give check_dns=False: the runbook asks DNS from outside of your networks"
        checks.refuse("zone and check_dns", "a public zone when DNS is checked", "a private one", remedy)
    check_ttl(checks, ttl)
    _check_minutes(checks, "drill_duration", drill_duration, 1, MAX_DRILL_HOURS * 60, "give cdk.Duration.minutes(15)")
    remedy = "give cdk.Duration.hours(1), say"
    _check_minutes(checks, "guard_interval", guard_interval, MIN_INTERVAL, MAX_INTERVAL, remedy)


def _check_minutes(checks: Checks, argument: str, value: object, low: int, high: int, remedy: str) -> None:
    checks.instance(argument, value, cdk.Duration, remedy=remedy)
    if isinstance(value, cdk.Duration) and value.is_unresolved():
        checks.refuse(argument, "known when the app runs", "a token", remedy)
    seconds = checks.seconds(argument, value if isinstance(value, cdk.Duration) else None)
    checks.number(argument, None if seconds is None else seconds / 60, low, high, unit="minutes", remedy=remedy)


def _check_directories(checks: Checks, primary: WorkspacesSite, failover: WorkspacesSite) -> None:
    if isinstance(failover.directory, ManagedAd):
        remedy = "give AdConnector(...) or ExistingDirectory(...): users must be the same in both"
        checks.refuse("directory of failover", "an AD Connector or one that is there", "a ManagedAd", remedy)
    if not isinstance(failover.directory, AdConnector):
        return
    controllers = failover.directory.controllers
    if not isinstance(controllers, LocalReplica | PrimaryControllers):
        return
    if controllers.primary_region != primary.region:
        got, remedy = controllers.primary_region, "name the region of the primary site"
        checks.refuse("primary_region of the failover directory's controllers", primary.region, got, remedy)
    if not isinstance(primary.directory, ManagedAd):
        return
    if isinstance(controllers, LocalReplica) and primary.directory.edition != "Enterprise":
        remedy = "use Enterprise, or PrimaryControllers in the failover site"
        both = "edition of primary and controllers of failover"
        checks.refuse(both, "Enterprise for a LocalReplica", primary.directory.edition, remedy)
    names = (primary.directory.name, failover.directory.name)
    if names[0].lower() != names[1].lower() and not any(is_token(name) for name in names):
        remedy = "connect to the primary's directory"
        checks.refuse("names of the two directories", "the same", f"{names[0]} and {names[1]}", remedy)
