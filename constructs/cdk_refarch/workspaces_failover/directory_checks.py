"""Refusal of directories that WorkSpaces could not use, before anything is created."""

from __future__ import annotations

import ipaddress
from typing import get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.list_checks import check_known, elements
from cdk_refarch._parts.resource_checks import check_present, check_resource, check_same_account
from cdk_refarch._parts.subnet_checks import check_subnets

from .directory_values import (
    AdConnector,
    ConnectorSize,
    Edition,
    ExistingDirectory,
    LocalReplica,
    ManagedAd,
    PrimaryControllers,
)
from .regions import check_other_region

DIRECTORY_ID = "d-[0-9a-f]{10}"
"""https://docs.aws.amazon.com/directoryservice/latest/devguide/API_DirectoryDescription.html"""

SUBNET_ID = "subnet-(?:[0-9a-f]{8}|[0-9a-f]{17})"
SUBNETS = 2
"""https://docs.aws.amazon.com/workspaces/latest/api/API_RegisterWorkspaceDirectory.html"""

NAME = r"([a-zA-Z0-9]+[.-])+[a-zA-Z0-9]+"
"""https://docs.aws.amazon.com/directoryservice/latest/devguide/API_ConnectDirectory.html"""

SHORT_NAME = r'(?=.{1,15}\Z)[^\\/:*?"<>|.]+[^\\/:*?"<>|]*'
"""https://docs.aws.amazon.com/directoryservice/latest/devguide/API_CreateMicrosoftAD.html; 15 characters of NetBIOS."""

PERSONAL = "WorkSpaces Pools, whose support ends on 2027-12-31, are not supported"


def check_directory(checks: Checks, scope: Construct, directory: object) -> None:
    """Check which directory the WorkSpaces belong to.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        directory: The argument.

    Raises:
        ValueError: If Directory Service or WorkSpaces would refuse it.
    """
    if isinstance(directory, ExistingDirectory):
        _check_existing(checks.within("Directory"), directory)
    elif isinstance(directory, ManagedAd):
        _check_managed(checks.within("Directory"), scope, directory)
    elif isinstance(directory, AdConnector):
        _check_connector(checks.within("Directory"), scope, directory)
    else:
        remedy = "give ExistingDirectory(directory_id='d-0123456789')"
        got = f"{type(directory).__name__} {directory!r}"
        checks.refuse("directory", "an ExistingDirectory, a ManagedAd or an AdConnector", got, remedy)


def _check_existing(checks: Checks, given: ExistingDirectory) -> None:
    remedy = "give the id that aws ds describe-directories shows"
    if isinstance(given.directory_id, str) and given.directory_id.startswith("wsd-"):
        checks.refuse(
            "directory_id", "that of a directory of AWS Directory Service", repr(given.directory_id), PERSONAL
        )
    checks.matches("directory_id", given.directory_id, DIRECTORY_ID, rule="d- and 10 hexadecimal digits", remedy=remedy)
    if given.subnet_ids is None:
        return
    remedy = "give two subnets of the directory's VPC, or leave them out"
    found = elements(checks, "subnet_ids", given.subnet_ids, unit="subnets", remedy=remedy, low=SUBNETS, high=SUBNETS)
    for position, one in enumerate(found):
        rule = "the id of a subnet"
        checks.matches(f"subnet_ids[{position}]", one, SUBNET_ID, rule=rule, remedy="give subnet-..., as EC2 shows it")


def _check_managed(checks: Checks, scope: Construct, given: ManagedAd) -> None:
    _check_created(checks, scope, given)
    _check_secret(checks, scope, "admin_secret", given.admin_secret)
    check_choice(checks, "edition", given.edition, get_args(Edition), remedy="give 'Enterprise'")


def _check_connector(checks: Checks, scope: Construct, given: AdConnector) -> None:
    _check_created(checks, scope, given)
    _check_secret(checks, scope, "service_account", given.service_account)
    check_choice(checks, "size", given.size, get_args(ConnectorSize), remedy="give 'Small'")
    controllers = given.controllers
    if isinstance(controllers, LocalReplica | PrimaryControllers):
        check_known(checks, "name", given.name, remedy="write it: the directory is found by it")
        inside = checks.within("Controllers")
        check_other_region(inside, "primary_region", controllers.primary_region, cdk.Stack.of(scope).region)
        if controllers.directory_id is not None:
            rule, remedy = "d- and 10 hexadecimal digits", "leave it out to find the directory by its name"
            inside.matches("directory_id", controllers.directory_id, DIRECTORY_ID, rule=rule, remedy=remedy)
        return
    remedy = "give LocalReplica(primary_region='us-east-1'), or ['10.0.0.10', '10.0.1.10'], say"
    if isinstance(controllers, str):
        checks.refuse("controllers", "a LocalReplica, PrimaryControllers or a list", f"str {controllers!r}", remedy)
    for position, one in enumerate(
        elements(checks, "controllers", controllers, unit="addresses", remedy=remedy, low=1, high=2)
    ):
        _check_address(checks, f"controllers[{position}]", one, remedy)


def _check_created(checks: Checks, scope: Construct, given: ManagedAd | AdConnector) -> None:
    remedy = "give 'corp.example.com', say"
    checks.matches("name", given.name, NAME, rule="a fully qualified domain name", remedy=remedy)
    if not is_token(given.name) and "." not in given.name:
        checks.refuse("name", "a domain name of two labels or more", repr(given.name), remedy)
    if given.short_name is not None:
        rule = '1 to 15 characters, none of them one of \\ / : * ? " < > | and a dot not the first'
        checks.matches("short_name", given.short_name, SHORT_NAME, rule=rule, remedy="give 'CORP', say")
    check_present(checks, "vpc", given.vpc, "vpc_id", "IVpc")
    checks.same_region("vpc", given.vpc, scope)
    check_same_account(checks, "vpc", given.vpc, scope, "give a VPC of the account")
    check_subnets(checks, given.vpc, given.subnets, count=SUBNETS)


def _check_secret(checks: Checks, scope: Construct, argument: str, given: object) -> None:
    check_present(checks, argument, given, "secret_arn", "ISecret")
    check_resource(checks, scope, argument, given, "secret_arn", "ISecret")


def _check_address(checks: Checks, argument: str, value: object, remedy: str) -> None:
    text = checks.text(argument, value, remedy=remedy)
    if text is None:
        return
    try:
        ipaddress.IPv4Address(text)
    except ValueError:
        checks.refuse(argument, "an IPv4 address", repr(text), remedy)
