"""Refusal of what a site cannot be made of, before anything is created."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.domain_checks import check_domain
from cdk_refarch._parts.list_checks import check_flag, check_known, elements
from cdk_refarch._parts.resource_checks import check_resource

from .regions import check_region
from .site_values import ClientAccess, DesktopDefaults, IpGroup, IpRule, SelfService

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

MAX_GROUPS, MAX_RULES = 25, 10
"""Of a directory and of a group: https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-limits.html"""

MAX_DESCRIPTION = 255
"""https://docs.aws.amazon.com/workspaces/latest/api/API_CreateIpGroup.html"""

GROUP_ID = "[A-Za-z][A-Za-z0-9]{0,63}"
INSIDE = tuple(ipaddress.IPv4Network(block) for block in ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"))
"""https://datatracker.ietf.org/doc/html/rfc1918"""

UNIT = r"OU=.+,DC=[^,=]+(,DC=[^,=]+)*"
ROLE_ARN = "arn:aws[a-z-]*:iam::[0-9]{12}:role/.+"


def check_fqdn(checks: Checks, scope: Construct, fqdn: object) -> None:
    """Check the name that clients are registered with, and the region that it is made in.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        fqdn: The argument.

    Raises:
        ValueError: If it is no domain that is known when the app runs, or the region has no connection aliases.
    """
    check_region(checks, "region of the stack", cdk.Stack.of(scope).region)
    check_known(checks, "fqdn", fqdn, remedy="write it: it is what finds one region from the other")
    check_domain(checks, "fqdn", fqdn)


def check_ip_groups(checks: Checks, groups: object) -> None:
    """Check where users may come from.

    Args:
        checks: The checks of the construct.
        groups: The argument.

    Raises:
        ValueError: If there is no group or one without rules, or WorkSpaces would refuse one.
    """
    remedy = "give [IpGroup(id='Office', rules=[IpRule(cidr='192.0.2.0/24')])]; 0.0.0.0/0 lets everybody come"
    found = elements(checks, "ip_groups", groups, unit="IP groups", remedy=remedy, low=1, high=MAX_GROUPS, known=True)
    ids: set[str] = set()
    for position, group in enumerate(found):
        checks.instance(f"ip_groups[{position}]", group, IpGroup, remedy=remedy)
        checks.matches(
            f"id of ip_groups[{position}]",
            group.id,
            GROUP_ID,
            rule="a letter and up to 63 letters and digits",
            remedy="give 'Office', say",
        )
        if group.id in ids:
            checks.refuse("ip_groups", "groups with different ids", f"{group.id!r} twice", "rename one of them")
        ids.add(group.id)
        _check_group(checks.within(f"IpGroup{group.id}"), group)


def check_settings(
    checks: Checks,
    scope: Construct,
    defaults: object,
    client_access: object,
    self_service: object,
    default_role: object,
) -> None:
    """Check how the directory is set.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        defaults: The argument.
        client_access: The argument.
        self_service: The argument.
        default_role: The argument.

    Raises:
        ValueError: If one is of another kind, or nobody could connect.
    """
    check_flag(checks, "default_role", default_role, remedy="give True, or False if the account has the role")
    if not isinstance(client_access, ClientAccess):
        checks.instance("client_access", client_access, ClientAccess, remedy="give ClientAccess(web=True), say")
        return
    _check_flags(checks, "client_access", client_access)
    if not any(vars(client_access).values()):
        checks.refuse("client_access", "open to one kind of device or more", "none", "let one kind of client in")
    if not isinstance(self_service, SelfService):
        checks.instance("self_service", self_service, SelfService, remedy="give SelfService(rebuild=True), say")
        return
    _check_flags(checks, "self_service", self_service)
    if not isinstance(defaults, DesktopDefaults):
        checks.instance("defaults", defaults, DesktopDefaults, remedy="give DesktopDefaults(maintenance_mode=True)")
        return
    _check_defaults(checks.within("Defaults"), scope, defaults)


def _check_flags(checks: Checks, argument: str, given: DataclassInstance) -> None:
    for name, value in vars(given).items():
        check_flag(checks, f"{name} of {argument}", value, remedy="give True or False")


def _check_defaults(checks: Checks, scope: Construct, defaults: DesktopDefaults) -> None:
    for name in ("internet_access", "local_administrator", "maintenance_mode"):
        check_flag(checks, name, getattr(defaults, name), remedy="give True or False")
    if defaults.organizational_unit is not None:
        remedy = "give 'OU=Desktops,DC=corp,DC=example,DC=com', say"
        rule = "the distinguished name of an organizational unit"
        checks.matches("organizational_unit", defaults.organizational_unit, UNIT, rule=rule, remedy=remedy)
    check_resource(checks, scope, "security_group", defaults.security_group, "security_group_id", "ISecurityGroup")
    if defaults.instance_role_arn is not None:
        rule, remedy = "the ARN of a role", "give 'arn:aws:iam::111122223333:role/Desktop', say"
        checks.matches("instance_role_arn", defaults.instance_role_arn, ROLE_ARN, rule=rule, remedy=remedy)


def _check_group(checks: Checks, group: IpGroup) -> None:
    remedy = "give [IpRule(cidr='192.0.2.0/24')], say: with an empty group nobody can connect"
    _check_description(checks, "description", group.description)
    rules = elements(checks, "rules", group.rules, unit="rules", remedy=remedy, low=1, high=MAX_RULES, known=True)
    seen: set[ipaddress.IPv4Network] = set()
    for position, rule in enumerate(rules):
        name = f"rules[{position}]"
        checks.instance(name, rule, IpRule, remedy=remedy)
        _check_description(checks, f"description of {name}", rule.description)
        block = _block(checks, f"cidr of {name}", rule.cidr)
        if block is not None and block in seen:
            checks.refuse("rules", "a list without repetition", f"{rule.cidr!r} twice", "drop one of them")
        if block is not None:
            seen.add(block)


def _check_description(checks: Checks, argument: str, value: object) -> None:
    checks.any_text(argument, value, remedy="give text, or leave it out")
    if not is_token(value) and len(str(value)) > MAX_DESCRIPTION:
        rule = f"up to {MAX_DESCRIPTION} characters"
        checks.refuse(argument, rule, f"{len(str(value))} characters", "shorten it")


def _block(checks: Checks, argument: str, value: object) -> ipaddress.IPv4Network | None:
    """Return a block of addresses, or None for one that is only known at deployment."""
    remedy = "give the public addresses of the office, the VPN or the NAT gateway, as in 192.0.2.0/24"
    text = checks.text(argument, value, remedy=remedy)
    if text is None:
        return None
    try:
        block = ipaddress.IPv4Network(text, strict=False)
    except ValueError:
        checks.refuse(argument, "an IPv4 address or block", repr(text), remedy)
    if text not in (str(block), str(block.network_address)):
        checks.refuse(argument, "a block that begins at its first address", repr(text), f"write {str(block)!r}")
    if any(block.subnet_of(inside) for inside in INSIDE):
        checks.refuse(argument, "of public addresses", repr(text), remedy)
    return block
