"""What the tests of refusals of sites share: arguments that are legal, one of which is then replaced."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_refarch import (
    AdConnector,
    ClientAccess,
    Desktop,
    DesktopDefaults,
    ExistingDirectory,
    IpGroup,
    IpRule,
    ManagedAd,
    SelfService,
    StandbyDesktop,
)
from cdk_refarch._parts.resource_checks import check_resources
from cdk_refarch.workspaces_failover.desktop_checks import check_desktops
from cdk_refarch.workspaces_failover.directory_checks import check_directory
from cdk_refarch.workspaces_failover.site_checks import check_fqdn, check_ip_groups, check_settings
from tests.unit.refusals import Call, checks, fresh

stack = fresh()
FAR = cdk.Stack(cdk.App(), "Far", env=cdk.Environment(account="111122223333", region="us-east-1"))
OTHERS = cdk.Stack(cdk.App(), "Others", env=cdk.Environment(account="444455556666", region="eu-west-1"))
SUBNET_IDS = [f"subnet-{number:017}" for number in range(3)]


def network(scope: cdk.Stack, id: str = "Network", zones: str = "ab") -> ec2.IVpc:
    """Bring a network along that has a private subnet in each zone."""
    return ec2.Vpc.from_vpc_attributes(
        scope,
        id,
        vpc_id="vpc-00000000000000001",
        availability_zones=[f"eu-west-1{zone}" for zone in zones],
        private_subnet_ids=[f"subnet-{number:017}" for number in range(len(zones))],
    )


def secret(scope: cdk.Stack) -> secretsmanager.ISecret:
    """Bring a secret along."""
    return secretsmanager.Secret.from_secret_name_v2(scope, "Secret", "corp/join")


VPC, SECRET = network(stack), secret(stack)
OFFICE = IpRule(cidr="192.0.2.0/24")
BUNDLE = "wsb-0123456789"
EVERYTHING: dict[str, Any] = {
    "fqdn": "desktop.example.com",
    "directory": ExistingDirectory(directory_id="d-0123456789"),
    "ip_groups": [IpGroup(id="Office", rules=[OFFICE])],
    "desktops": (),
    "defaults": DesktopDefaults(),
    "client_access": ClientAccess(),
    "self_service": SelfService(),
    "default_role": True,
    "encryption_key": None,
    "alarm_topic": None,
    "removal_policy": cdk.RemovalPolicy.RETAIN,
    "log_retention": logs.RetentionDays.ONE_YEAR,
}

SETTINGS = {"defaults", "client_access", "self_service", "default_role"}
SHARED = {"encryption_key", "alarm_topic", "removal_policy", "log_retention"}


def site(**arguments: Any) -> Call:
    """Check these arguments of a site as it does; ``test_site_refusals.py`` shows that it does."""
    return lambda: _check(arguments)


def _check(arguments: dict[str, Any]) -> None:
    given = {**EVERYTHING, **arguments}
    if "fqdn" in arguments:
        check_fqdn(checks, stack, given["fqdn"])
    if "directory" in arguments:
        check_directory(checks, stack, given["directory"])
    if "ip_groups" in arguments:
        check_ip_groups(checks, given["ip_groups"])
    if "desktops" in arguments:
        check_desktops(checks, stack, given["desktops"])
    if SETTINGS & set(arguments):
        check_settings(checks, stack, **{name: given[name] for name in SETTINGS})
    if SHARED & set(arguments):
        check_resources(checks, stack, **{name: given[name] for name in SHARED}, users="volumes and logs")


def managed(**arguments: Any) -> dict[str, Any]:
    """Return the argument for a Managed AD."""
    return {"directory": ManagedAd(**{"name": "corp.example.com", "vpc": VPC, "admin_secret": SECRET, **arguments})}


def connector(**arguments: Any) -> dict[str, Any]:
    """Return the argument for an AD Connector."""
    own: dict[str, Any] = {"name": "corp.example.com", "vpc": VPC, "service_account": SECRET}
    return {"directory": AdConnector(**{**own, "controllers": ["10.0.0.10"], **arguments})}


def desktop(**arguments: Any) -> dict[str, Any]:
    """Return the argument for the WorkSpace of one user."""
    return {"desktops": [Desktop(**{"user_name": "ana", "bundle_id": BUNDLE, **arguments})]}


def standby(**arguments: Any) -> dict[str, Any]:
    """Return the argument for the standby of one user."""
    return {"desktops": [StandbyDesktop(**{"user_name": "ana", "primary_region": "us-east-1", **arguments})]}


def group(**arguments: Any) -> dict[str, Any]:
    """Return the argument for one IP group."""
    return {"ip_groups": [IpGroup(**{"id": "Office", "rules": [OFFICE], **arguments})]}


def rule(**arguments: Any) -> dict[str, Any]:
    """Return the argument for one rule of an IP group."""
    return group(rules=[IpRule(**{"cidr": "192.0.2.0/24", **arguments})])
