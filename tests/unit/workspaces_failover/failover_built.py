"""Failovers that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns

from cdk_refarch import (
    Desktop,
    ExistingDirectory,
    IpGroup,
    IpRule,
    RedirectionRecord,
    RoutingControl,
    StandbyDesktop,
    WorkspacesFailover,
    WorkspacesSite,
)
from tests.unit.scenes import Scene
from tests.unit.templates import Template

ACCOUNT, PRIMARY, FAILOVER, THIRD = "111122223333", "us-east-1", "eu-west-1", "eu-central-1"
FQDN, ZONE = "desktop.example.com", "Z0123456789ABCDEFGHIJ"
CONTROL_ARN = f"arn:aws:route53-recovery-control::{ACCOUNT}:controlpanel/0123abcd/routingcontrol/4567ef89"
ENDPOINTS = {"us-east-1": "https://one.example.com/v1", "ap-northeast-1": "https://two.example.com/v1"}
CONTROL = RoutingControl(arn=CONTROL_ARN, endpoints=ENDPOINTS)
HEALTH_CHECK = "0123abcd-0123-0123-0123-0123456789ab"
GROUPS = [IpGroup(id="Office", rules=[IpRule(cidr="198.51.100.0/24")])]
DIRECTORIES = {"primary": "d-1111111111", "failover": "d-2222222222"}


def quiet_app(**given: Any) -> cdk.App:
    """An app whose synthesis leaves out the validation, which takes seconds and which the gate has."""
    return cdk.App(builtin_cloud_formation_validation=False, **given)


def stack_in(app: cdk.Stage, id: str, region: str | None, account: str | None = ACCOUNT) -> cdk.Stack:
    return cdk.Stack(app, id, env=cdk.Environment(account=account, region=region))


def site_in(scope: cdk.Stack, directory: Any = "d-1111111111", **more: Any) -> WorkspacesSite:
    """A site on a directory that is there."""
    given = ExistingDirectory(directory_id=directory) if isinstance(directory, str) else directory
    return WorkspacesSite(scope, "Site", **{"fqdn": FQDN, "directory": given, "ip_groups": GROUPS, **more})


def zone_in(scope: cdk.Stack, name: str = "example.com", id: str = "Zone") -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(scope, id, hosted_zone_id=ZONE, zone_name=name)


@dataclass(frozen=True)
class Pair:
    """Two sites, and the stack that redirects between them."""

    primary: WorkspacesSite
    failover: WorkspacesSite
    here: cdk.Stack

    def failed_over(self, **arguments: Any) -> WorkspacesFailover:
        """Put them together."""
        both = {"primary": self.primary, "failover": self.failover}
        zone = {} if "zone" in arguments else {"zone": zone_in(self.here)}
        return WorkspacesFailover(self.here, "Failover", **{**both, **zone, **arguments})


def pair_in(
    app: cdk.Stage,
    name: str = "",
    *,
    fqdn: str = FQDN,
    region: str = FAILOVER,
    primary: dict[str, Any] | None = None,
    failover: dict[str, Any] | None = None,
) -> Pair:
    """Two sites in stacks of their own, and a stack for what redirects."""
    there, standby = stack_in(app, f"{name}Primary", PRIMARY), stack_in(app, f"{name}Standby", FAILOVER)
    return Pair(
        site_in(there, **{"fqdn": fqdn, "directory": DIRECTORIES["primary"], **(primary or {})}),
        site_in(standby, **{"fqdn": fqdn, "directory": DIRECTORIES["failover"], **(failover or {})}),
        stack_in(app, f"{name}Redirection", region),
    )


@dataclass(frozen=True)
class Built:
    """All scenes."""

    plain: Scene
    full: Scene
    record: Scene
    """Records alone."""


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = quiet_app()
    makes: list[Callable[[cdk.App], Any]] = [_plain, _full, _record]
    made = [make(app) for make in makes]
    return Built(*(Scene(one, Template(cdk.Stack.of(one))) for one in made))


def _plain(app: cdk.App) -> WorkspacesFailover:
    return pair_in(app, "Plain").failed_over()


def trigger(scope: cdk.Stack, id: str = "Canary", **changes: Any) -> cloudwatch.Alarm:
    """An alarm that Route 53 can follow."""
    metric = changes.pop("metric", None) or cloudwatch.Metric(
        namespace="Own",
        metric_name="Failed",
        statistic=changes.pop("statistic", "Maximum"),
        period=changes.pop("period", cdk.Duration.minutes(1)),
    )
    return cloudwatch.Alarm(
        scope,
        id,
        **{"alarm_name": f"own-{id}", "metric": metric, "threshold": 1, "evaluation_periods": 3, **changes},
    )


def _full(app: cdk.App) -> WorkspacesFailover:
    pair = pair_in(
        app,
        "Full",
        region=THIRD,
        primary={"desktops": [Desktop(user_name=user, bundle_id="wsb-0a1b2c3d4") for user in ("ann", "bob")]},
        failover={"desktops": [StandbyDesktop(user_name=user, primary_region=PRIMARY) for user in ("ANN", "bob")]},
    )
    return pair.failed_over(
        zone=route53.PublicHostedZone(pair.here, "Own", zone_name="example.com"),
        trigger_alarms=[pair.primary.alarms["MostlyUnhealthy"], trigger(pair.here)],
        routing_control=CONTROL,
        ttl=cdk.Duration.seconds(30),
        check_dns=False,
        drill_duration=cdk.Duration.minutes(30),
        guard_interval=cdk.Duration.minutes(5),
        encryption_key=kms.Key(pair.here, "Given"),
        alarm_topic=sns.Topic(pair.here, "Told"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
        log_retention=logs.RetentionDays.ONE_WEEK,
    )


def _record(app: cdk.App) -> RedirectionRecord:
    stack = stack_in(app, "Records", THIRD)
    return RedirectionRecord(
        stack,
        "Record",
        zone=zone_in(stack),
        fqdn=FQDN,
        primary_identifier="abc123",
        failover_identifier="xyz789",
        health_check_id=HEALTH_CHECK,
        ttl=cdk.Duration.seconds(1),
    )
