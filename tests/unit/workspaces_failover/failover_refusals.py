"""What the tests of refusals of a failover share: sites that go together, and arguments of which one is replaced."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_refarch import AdConnector, ManagedAd, WorkspacesFailover, WorkspacesSite
from tests.unit.refusals import Call, fresh
from tests.unit.workspaces_failover.failover_built import ACCOUNT, PRIMARY, site_in, stack_in, zone_in

stack = fresh()
"""In the failover region, eu-west-1."""

ZONE = zone_in(stack)
NAME = "corp.example.com"

Made = Callable[[cdk.Stack], Any]
"""What makes a directory in a stack."""


@functools.cache
def made(
    region: str | None, account: str | None = ACCOUNT, directory: str | Made = "d-1111111111", **more: Any
) -> WorkspacesSite:
    """A site in an app of its own: what is refused never gets to put them together."""
    own = stack_in(cdk.App(), "Elsewhere", region, account)
    return site_in(own, directory if isinstance(directory, str) else directory(own), **more)


def managed(name: str = NAME, edition: Any = "Enterprise") -> Made:
    return lambda own: ManagedAd(name=name, vpc=_network(own), admin_secret=_secret(own), edition=edition)


def connector(controllers: Any, name: str = NAME, **more: Any) -> Made:
    return lambda own: AdConnector(
        name=name, vpc=_network(own), service_account=_secret(own), controllers=controllers, **more
    )


def _network(own: cdk.Stack) -> ec2.IVpc:
    ids = ["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"]
    return ec2.Vpc.from_vpc_attributes(
        own, "Vpc", vpc_id="vpc-0123456789abcdef0", availability_zones=["a", "b"], private_subnet_ids=ids
    )


def _secret(own: cdk.Stack) -> secretsmanager.ISecret:
    arn = f"arn:aws:secretsmanager:{own.region}:{ACCOUNT}:secret:own-123456"
    return secretsmanager.Secret.from_secret_complete_arn(own, "Secret", arn)


def primary_site() -> WorkspacesSite:
    return made(PRIMARY)


def failover_site() -> WorkspacesSite:
    return made("eu-west-1")


def failover(scope: cdk.Stack = stack, **arguments: Any) -> Call:
    """Call the construct with arguments that are legal but for those; those that are functions are called first."""
    return lambda: WorkspacesFailover(
        scope,
        "Tested",
        **{
            "zone": ZONE,
            "primary": primary_site(),
            "failover": failover_site(),
            **{name: one() if callable(one) else one for name, one in arguments.items()},
        },
    )
