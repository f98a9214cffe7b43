"""Sites that users could not be redirected between are refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from functools import partial
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_route53 as route53

from cdk_refarch import AdConnector, LocalReplica, PrimaryControllers, StandbyDesktop
from cdk_refarch.workspaces_failover import failover_checks
from tests.unit import refusals as given
from tests.unit.refusals import Case, checks, fresh, names, refused
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_refusals import (
    ZONE,
    Made,
    connector,
    failover,
    failover_site,
    made,
    managed,
    primary_site,
    stack,
)

MINUTES, SECONDS = cdk.Duration.minutes, cdk.Duration.seconds
THIRD = known.stack_in(cdk.App(), "Stack", known.THIRD)
BESIDE_PRIMARY = known.stack_in(cdk.App(), "Stack", known.PRIMARY)
NOWHERE = known.stack_in(cdk.App(), "Stack", None)
A_SITE = "must be a WorkspacesSite, got"
SITE_REMEDY = "give a WorkspacesSite of a stack in its region"
ENV = "must be known when the app runs, got a token; give its stack an env with a region"
BOTH = "primary and failover must be"
OF_ACCOUNT = f"{BOTH} in the account of the stack, got 111122223333, 444455556666; aliases of one name belong to one "
OF_CONTROLLERS = "primary_region of the failover directory's controllers must be us-east-1, got"
DRILL = "drill_duration must be from 1 minute to 1440 minutes"
GUARD = "guard_interval must be from 5 minutes to 1440 minutes"
TTL = "ttl must be from 1 second to 60 seconds"
LATER = "must be known when the app runs, got a token; give cdk.Duration"
VPC = ec2.Vpc.from_vpc_attributes(stack, "Vpc", vpc_id="vpc-1", availability_zones=["a"])


MANAGED, STANDARD = managed(), managed(edition="Standard")
REPLICA = connector(LocalReplica(primary_region=known.PRIMARY))
CONTROLLERS = connector(PrimaryControllers(primary_region=known.PRIMARY))


def to(directory: Made, primary: Made = MANAGED, region: str = "eu-west-1") -> Any:
    """A failover from a directory to another one."""
    return failover(
        primary=partial(made, known.PRIMARY, directory=primary),
        failover=partial(made, region, directory=directory),
    )


def standby(region: str) -> Any:
    return partial(made, "eu-west-1", desktops=(StandbyDesktop(user_name="ann", primary_region=region),))


SITES: list[Case] = [
    (failover(primary="a"), f"primary {A_SITE} str 'a'; {SITE_REMEDY}"),
    (failover(failover="b"), f"failover {A_SITE} str 'b'; {SITE_REMEDY}"),
    (failover(failover=None), f"failover {A_SITE} NoneType None; {SITE_REMEDY}"),
    (
        failover(failover=partial(made, "eu-west-1", fqdn="other.example.com")),
        f"{BOTH} sites of one fqdn, got desktop.example.com and other.example.com; give them the same: clients know no "
        "other",
    ),
    (failover(primary=partial(made, None)), f"region of primary {ENV}"),
    (failover(failover=partial(made, None)), f"region of failover {ENV}"),
    (failover(NOWHERE), f"region of the stack {ENV}"),
    (
        failover(failover=primary_site),
        f"{BOTH} in different regions, got both in us-east-1; put each into a stack of its region",
    ),
    (
        failover(BESIDE_PRIMARY),
        "region of the stack must be another than the primary's, us-east-1, got us-east-1; put it into a stack in "
        "eu-west-1: what redirects users must not be gone with the primary site",
    ),
    (failover(primary=partial(made, known.PRIMARY, "444455556666")), f"{OF_ACCOUNT}account"),
    (failover(failover=partial(made, "eu-west-1", "444455556666")), f"{OF_ACCOUNT}account"),
    (
        failover(primary=partial(made, known.PRIMARY, "444455556666"), failover=partial(made, "eu-west-1", None)),
        f"{OF_ACCOUNT}account",
    ),
    (
        failover(failover=standby("us-west-2")),
        "primary_region of the failover site's standbys must be us-east-1, got us-west-2; name the region of the "
        "primary site",
    ),
    (
        to(MANAGED),
        "directory of failover must be an AD Connector or one that is there, got a ManagedAd; give AdConnector(...) or "
        "ExistingDirectory(...): users must be the same in both",
    ),
    *(
        (
            to(connector(kind(primary_region="us-west-2"))),
            f"{OF_CONTROLLERS} us-west-2; name the region of the primary site",
        )
        for kind in (LocalReplica, PrimaryControllers)
    ),
    (
        to(REPLICA, STANDARD),
        "edition of primary and controllers of failover must be Enterprise for a LocalReplica, got Standard; use "
        "Enterprise, or PrimaryControllers in the failover site",
    ),
    (
        to(connector(PrimaryControllers(primary_region=known.PRIMARY), "other.example.com")),
        "names of the two directories must be the same, got corp.example.com and other.example.com; connect to the "
        "primary's directory",
    ),
]

REDIRECTION: list[Case] = [
    (
        failover(zone="example.com"),
        "zone must be an IHostedZone, got str 'example.com'; give a construct that implements IHostedZone",
    ),
    (
        failover(zone=known.zone_in(stack, "example.org", "Other")),
        "zone must be one that desktop.example.com is in, got the zone of example.org; give the zone of the domain or "
        "of one above it",
    ),
    *(
        (
            failover(zone=private),
            "zone and check_dns must be a public zone when DNS is checked, got a private one; give check_dns=False: "
            "the runbook asks DNS from outside of your networks",
        )
        for private in (
            route53.PrivateHostedZone(stack, "Private", zone_name="example.com", vpc=VPC),
            route53.HostedZone(stack, "WithNetwork", zone_name="example.com", vpcs=[VPC]),
        )
    ),
    (
        failover(check_dns="no"),
        "check_dns must be True or False, got 'no'; give True, or False for a private zone",
    ),
    (failover(ttl=60), "ttl must be a Duration, got int 60; give cdk.Duration.seconds(60)"),
    (failover(ttl=SECONDS(0)), f"{TTL}, got 0 seconds; give cdk.Duration.seconds(60), or less"),
    (failover(ttl=SECONDS(61)), f"{TTL}, got 61 seconds; give cdk.Duration.seconds(60), or less"),
    (
        failover(ttl=cdk.Duration.millis(1500)),
        "ttl must be a whole number from 1 second to 60 seconds, got 1.5 seconds; give cdk.Duration.seconds(60), or "
        "less",
    ),
    (
        failover(ttl=MINUTES(given.LATER_NUMBER)),
        "ttl must be in seconds when it is a token, got minutes; give cdk.Duration.seconds(token)",
    ),
    (
        failover(drill_duration=15),
        "drill_duration must be a Duration, got int 15; give cdk.Duration.minutes(15)",
    ),
    (failover(drill_duration=SECONDS(0)), f"{DRILL}, got 0 minutes; give cdk.Duration.minutes(15)"),
    (failover(drill_duration=MINUTES(1441)), f"{DRILL}, got 1441 minutes; give cdk.Duration.minutes(15)"),
    (
        failover(drill_duration=SECONDS(90)),
        "drill_duration must be a whole number from 1 minute to 1440 minutes, got 1.5 minutes; give "
        "cdk.Duration.minutes(15)",
    ),
    (failover(drill_duration=MINUTES(given.LATER_NUMBER)), f"drill_duration {LATER}.minutes(15)"),
    (
        failover(guard_interval="1h"),
        "guard_interval must be a Duration, got str '1h'; give cdk.Duration.hours(1), say",
    ),
    (failover(guard_interval=MINUTES(4)), f"{GUARD}, got 4 minutes; give cdk.Duration.hours(1), say"),
    (failover(guard_interval=MINUTES(1441)), f"{GUARD}, got 1441 minutes; give cdk.Duration.hours(1), say"),
    (failover(guard_interval=SECONDS(given.LATER_NUMBER)), f"guard_interval {LATER}.hours(1), say"),
]

RESOURCES: list[Case] = [
    (
        failover(encryption_key="key"),
        "encryption_key must be an IKey, got str 'key'; give a construct that implements IKey",
    ),
    (failover(encryption_key=given.FAR_KEY), f"encryption_key {given.ELSEWHERE}"),
    (
        failover(encryption_key=given.RSA_KEY),
        "encryption_key must be a symmetric key for encryption, got RSA_2048; queues and logs take no other",
    ),
    (failover(alarm_topic=given.FAR_TOPIC), f"alarm_topic {given.ELSEWHERE}"),
    (
        failover(removal_policy=cdk.RemovalPolicy.SNAPSHOT),
        "removal_policy must be a policy that buckets and queues have, got SNAPSHOT; give cdk.RemovalPolicy.RETAIN or "
        "cdk.RemovalPolicy.DESTROY",
    ),
    (
        failover(log_retention=365),
        "log_retention must be a RetentionDays, got int 365; give logs.RetentionDays.ONE_YEAR, say",
    ),
]

REFUSED = [*SITES, *REDIRECTION, *RESOURCES]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=names(REFUSED))
def test_rejects(call: given.Call, message: str) -> None:
    refused(call, message)


def test_a_refusal_leaves_nothing_behind() -> None:
    assert [one.node.try_find_child("Tested") for one in (stack, NOWHERE, BESIDE_PRIMARY)] == [None] * 3


def test_what_redirects_a_name_is_made_once_in_a_stack() -> None:
    pair = known.pair_in(cdk.App(), region=known.THIRD)
    pair.failed_over()
    with pytest.raises(ValueError, match="must be made once in a stack") as caught:
        failover(pair.here, primary=pair.primary, failover=pair.failover)()
    assert str(caught.value) == (
        "Redirection/Tested: primary must be made once in a stack, got another by Redirection/Failover; use the one "
        "that is there"
    )


@pytest.mark.parametrize("scope", [stack, THIRD], ids=["failover", "third"])
def test_the_stack_may_be_in_the_failover_region_or_a_third_one(scope: cdk.Stack) -> None:
    failover_checks.check_sites(checks, scope, primary_site(), failover_site())


def test_accounts_and_names_that_are_not_known_are_not_compared() -> None:
    anywhere = made("eu-west-1", None)
    failover_checks.check_sites(checks, stack, primary_site(), anywhere)
    later = made(known.PRIMARY, None, managed(given.LATER))
    connected = made("eu-west-1", None, CONTROLLERS)
    failover_checks.check_sites(checks, stack, later, connected)


@pytest.mark.parametrize(
    ("directory", "primary"),
    [
        (REPLICA, MANAGED),
        (connector(LocalReplica(primary_region=known.PRIMARY), "CORP.example.com"), MANAGED),
        (CONTROLLERS, STANDARD),
        (REPLICA, "d-1111111111"),
        (connector(["192.0.2.1", "192.0.2.2"], "other.example.com"), MANAGED),
        ("d-1111111111", MANAGED),
    ],
)
def test_directories_that_go_together_are_taken(directory: str | Made, primary: str | Made) -> None:
    both = made(known.PRIMARY, directory=primary), made("eu-west-1", directory=directory)
    failover_checks.check_sites(checks, stack, *both)
    assert isinstance(both[1].directory, AdConnector) is (directory != "d-1111111111")


def test_standbys_of_the_primary_region_are_taken() -> None:
    failover_checks.check_sites(checks, stack, primary_site(), standby(known.PRIMARY)())


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": SECONDS(1)},
        {"ttl": SECONDS(60)},
        {"ttl": SECONDS(given.LATER_NUMBER)},
        {"drill_duration": MINUTES(1)},
        {"drill_duration": MINUTES(1440)},
        {"guard_interval": MINUTES(5)},
        {"guard_interval": MINUTES(1440)},
        {"check_dns": False, "zone": route53.PrivateHostedZone(fresh(), "Own", zone_name="example.com", vpc=VPC)},
        {"zone": known.zone_in(fresh(), "desktop.example.com")},
        {"zone": known.zone_in(fresh(), given.LATER)},
        {"zone": route53.HostedZone.from_hosted_zone_id(fresh(), "Own", "Z1")},
    ],
    ids=str,
)
def test_what_is_within_its_bounds_is_taken(changes: dict[str, Any]) -> None:
    legal = {
        "zone": ZONE,
        "fqdn": known.FQDN,
        "ttl": SECONDS(60),
        "check_dns": True,
        "drill_duration": MINUTES(15),
        "guard_interval": MINUTES(60),
    }
    failover_checks.check_redirection(checks, **{**legal, **changes})
