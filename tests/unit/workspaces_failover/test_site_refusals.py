"""Sites that AWS would refuse, or that nobody could connect to, are refused before anything exists."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_refarch import ClientAccess, ConnectionAlias, DesktopDefaults, IpGroup, IpRule, SelfService, WorkspacesSite
from cdk_refarch._parts.claims import claim
from cdk_refarch.workspaces_failover.connection_alias import alias_claims
from cdk_refarch.workspaces_failover.regions import REGIONS
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, names, refused
from tests.unit.workspaces_failover.refusals import EVERYTHING, FAR, OFFICE, group, rule, site, stack

FAR_GROUP = ec2.SecurityGroup.from_security_group_id(FAR, "Group", "sg-00000000000000001")
GROUP = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-00000000000000001")
NO_DEVICES = ClientAccess(windows=False, macos=False, linux=False)

WRITE_IT = "write it: it is what finds one region from the other"
DOMAIN = "fqdn must be a domain of lower-case letters, digits and - such as example.com"
GROUPS = "give [IpGroup(id='Office', rules=[IpRule(cidr='192.0.2.0/24')])]; 0.0.0.0/0 lets everybody come"
RULES = "give [IpRule(cidr='192.0.2.0/24')], say: with an empty group nobody can connect"
PUBLIC = "give the public addresses of the office, the VPN or the NAT gateway, as in 192.0.2.0/24"
ID = "id of ip_groups[0] must be a letter and up to 63 letters and digits"


def within(region: str, **arguments: Any) -> Call:
    env = cdk.Environment(account="111122223333", region=region)
    return lambda: WorkspacesSite(cdk.Stack(cdk.App(), "Stack", env=env), "Tested", **{**EVERYTHING, **arguments})


def alias(**arguments: Any) -> Call:
    own = {"fqdn": "desktop.example.com", "directory_id": "d-0123456789", **arguments}
    return lambda: ConnectionAlias(stack, "Tested", **own)


def groups(count: int) -> dict[str, Any]:
    return {"ip_groups": [IpGroup(id=f"Group{number}", rules=[OFFICE]) for number in range(count)]}


def rules(count: int) -> dict[str, Any]:
    return group(rules=[IpRule(cidr=f"192.0.2.{number}") for number in range(count)])


def unit(value: Any) -> dict[str, Any]:
    return {"defaults": DesktopDefaults(organizational_unit=value)}


NAMES: list[Case] = [
    *((within(region), f"region of the stack must be one with connection aliases of WorkSpaces: {', '.join(REGIONS)}, got {region}; choose one of them") for region in ("us-east-2", "cn-northwest-1", "us-gov-west-1")),
    (site(fqdn=None), f"fqdn must be text, got NoneType None; {WRITE_IT}"),
    (site(fqdn=given.LATER), f"fqdn must be known when the app runs, got a token; {WRITE_IT}"),
    (site(fqdn=" "), "fqdn must be text that is not empty, got ' '; give 'example.com', say"),
    (site(fqdn="Desktop.Example.com"), f"{DOMAIN}, got 'Desktop.Example.com'; write 'desktop.example.com'"),
    (site(fqdn="https://desktop.example.com/"), f"{DOMAIN}, got 'https://desktop.example.com/'; write 'desktop.example.com'"),
    (site(fqdn="desktop"), f"{DOMAIN}, got 'desktop'; give 'example.com', say"),
    (alias(fqdn="desktop"), f"{DOMAIN}, got 'desktop'; give 'example.com', say"),
    *((alias(directory_id=wrong), f"directory_id must be d- and 10 hexadecimal digits, got {wrong!r}; give the id that aws ds describe-directories shows") for wrong in ("d-012345678", "d-01234567890", "wsd-0123456789", "d-012345678G")),
    (alias(directory_id=None), "directory_id must be text, got NoneType None; give the id that aws ds describe-directories shows"),
    (alias(encryption_key=given.RSA_KEY), "encryption_key must be a symmetric key for encryption, got RSA_2048; logs take no other"),
]  # fmt: skip

ADDRESSES: list[Case] = [
    *((site(ip_groups=wrong), f"ip_groups must be a list, got {shown}; {GROUPS}") for wrong, shown in ((None, "NoneType None"), ("192.0.2.0/24", "str '192.0.2.0/24'"))),
    (site(ip_groups=given.LATER_LIST), f"ip_groups must be a list that is known when the app runs, got a token; {GROUPS}"),
    (site(ip_groups=[]), f"ip_groups must be a list of 1 to 25 IP groups, got a list of 0; {GROUPS}"),
    (site(**groups(26)), f"ip_groups must be a list of 1 to 25 IP groups, got a list of 26; {GROUPS}"),
    (site(ip_groups=["192.0.2.0/24"]), f"ip_groups[0] must be an IpGroup, got str '192.0.2.0/24'; {GROUPS}"),
    *((site(**group(id=wrong)), f"{ID}, got {wrong!r}; give 'Office', say") for wrong in ("", "1st", "Head-Office", "é", "A" * 65)),
    (site(**group(id=None)), "id of ip_groups[0] must be text, got NoneType None; give 'Office', say"),
    (site(ip_groups=[IpGroup(id="Office", rules=[OFFICE])] * 2), "ip_groups must be groups with different ids, got 'Office' twice; rename one of them"),
    (site(**group(description=None)), "IpGroupOffice: description must be text, got NoneType None; give text, or leave it out"),
    (site(**group(description="a" * 256)), "IpGroupOffice: description must be up to 255 characters, got 256 characters; shorten it"),
    *((site(**group(rules=wrong)), f"IpGroupOffice: rules must be a list, got {shown}; {RULES}") for wrong, shown in ((None, "NoneType None"), (OFFICE, f"IpRule {OFFICE!r}"))),
    (site(**group(rules=[])), f"IpGroupOffice: rules must be a list of 1 to 10 rules, got a list of 0; {RULES}"),
    (site(**rules(11)), f"IpGroupOffice: rules must be a list of 1 to 10 rules, got a list of 11; {RULES}"),
    (site(**group(rules=given.LATER_LIST)), f"IpGroupOffice: rules must be a list that is known when the app runs, got a token; {RULES}"),
    (site(**group(rules=["192.0.2.0/24"])), f"IpGroupOffice: rules[0] must be an IpRule, got str '192.0.2.0/24'; {RULES}"),
    (site(**rule(description="a" * 256)), "IpGroupOffice: description of rules[0] must be up to 255 characters, got 256 characters; shorten it"),
    (site(**rule(description=1)), "IpGroupOffice: description of rules[0] must be text, got int 1; give text, or leave it out"),
    (site(**rule(cidr=None)), f"IpGroupOffice: cidr of rules[0] must be text, got NoneType None; {PUBLIC}"),
    (site(**rule(cidr="")), f"IpGroupOffice: cidr of rules[0] must be text that is not empty, got ''; {PUBLIC}"),
    *((site(**rule(cidr=wrong)), f"IpGroupOffice: cidr of rules[0] must be an IPv4 address or block, got {wrong!r}; {PUBLIC}") for wrong in ("office", "192.0.2.0/33", "192.0.2.256", "2001:db8::/32", "192.0.2.0 ")),
    *((site(**rule(cidr=wrong)), f"IpGroupOffice: cidr of rules[0] must be a block that begins at its first address, got {wrong!r}; write {meant!r}") for wrong, meant in (("192.0.2.1/24", "192.0.2.0/24"), ("192.0.2.0/255.255.255.0", "192.0.2.0/24"))),
    *((site(**rule(cidr=wrong)), f"IpGroupOffice: cidr of rules[0] must be of public addresses, got {wrong!r}; {PUBLIC}") for wrong in ("10.0.0.0/8", "10.255.255.255", "172.16.0.0/12", "172.31.255.255", "192.168.0.0/16", "192.168.255.255/32")),
    (site(**group(rules=[IpRule(cidr="192.0.2.1"), IpRule(cidr="192.0.2.1/32")])), "IpGroupOffice: rules must be a list without repetition, got '192.0.2.1/32' twice; drop one of them"),
]  # fmt: skip

SETTINGS: list[Case] = [
    (site(default_role="no"), "default_role must be True or False, got 'no'; give True, or False if the account has the role"),
    (site(client_access=None), "client_access must be a ClientAccess, got NoneType None; give ClientAccess(web=True), say"),
    (site(client_access=ClientAccess(web="yes")), "web of client_access must be True or False, got 'yes'; give True or False"),  # type: ignore[arg-type]
    (site(client_access=NO_DEVICES), "client_access must be open to one kind of device or more, got none; let one kind of client in"),
    (site(self_service=True), "self_service must be a SelfService, got bool True; give SelfService(rebuild=True), say"),
    (site(self_service=SelfService(rebuild=1)), "rebuild of self_service must be True or False, got 1; give True or False"),  # type: ignore[arg-type]
    (site(defaults={}), "defaults must be a DesktopDefaults, got dict {}; give DesktopDefaults(maintenance_mode=True)"),
    *((site(defaults=DesktopDefaults(**{name: None})), f"Defaults: {name} must be True or False, got None; give True or False") for name in ("internet_access", "local_administrator", "maintenance_mode")),  # type: ignore[arg-type]
    *((site(**unit(wrong)), f"Defaults: organizational_unit must be the distinguished name of an organizational unit, got {wrong!r}; give 'OU=Desktops,DC=corp,DC=example,DC=com', say") for wrong in ("", "Desktops", "OU=Desktops", "DC=corp,DC=com", "OU=,DC=com", "OU=Desktops,DC=", "OU=Desktops,DC=corp;DC=com,DC=a=b")),
    (site(**unit(1)), "Defaults: organizational_unit must be text, got int 1; give 'OU=Desktops,DC=corp,DC=example,DC=com', say"),
    (site(defaults=DesktopDefaults(security_group="sg-1")), "Defaults: security_group must be an ISecurityGroup, got str 'sg-1'; give a construct that implements ISecurityGroup"),  # type: ignore[arg-type]
    (site(defaults=DesktopDefaults(security_group=FAR_GROUP)), f"Defaults: security_group {given.ELSEWHERE}"),
    *((site(defaults=DesktopDefaults(instance_role_arn=wrong)), f"Defaults: instance_role_arn must be the ARN of a role, got {wrong!r}; give 'arn:aws:iam::111122223333:role/Desktop', say") for wrong in ("Desktop", "arn:aws:iam::111122223333:role/", "arn:aws:iam::11112222333:role/Desktop", "arn:aws:iam::111122223333:instance-profile/Desktop")),
]  # fmt: skip

SHARED: list[Case] = [
    (site(encryption_key=given.FAR_KEY), f"encryption_key {given.ELSEWHERE}"),
    (site(encryption_key=given.ALIAS), f"encryption_key {given.AN_ALIAS}"),
    (site(encryption_key=given.RSA_KEY), "encryption_key must be a symmetric key for encryption, got RSA_2048; volumes and logs take no other"),
    (site(alarm_topic=given.FAR_TOPIC), f"alarm_topic {given.ELSEWHERE}"),
    (site(alarm_topic=given.FIFO_TOPIC), "alarm_topic must be a standard topic, got a FIFO one; CloudWatch alarms cannot send to FIFO ones"),
    (site(removal_policy=cdk.RemovalPolicy.SNAPSHOT), "removal_policy must be a policy that buckets and queues have, got SNAPSHOT; give cdk.RemovalPolicy.RETAIN or cdk.RemovalPolicy.DESTROY"),
    (site(log_retention=30), "log_retention must be a RetentionDays, got int 30; give logs.RetentionDays.ONE_YEAR, say"),
]  # fmt: skip

ALL = [*NAMES, *ADDRESSES, *SETTINGS, *SHARED]

LEGAL: list[Call] = [
    *(site(fqdn=name) for name in ("a.b", "1.example.com", "desktop-1.corp.example.com")),
    *(site(**groups(count)) for count in (1, 25)),
    *(site(**rules(count)) for count in (1, 10)),
    *(site(**group(id=id)) for id in ("A", "a" * 64, "Office1")),
    site(**group(description="a" * 255)),
    *(site(**rule(description=text)) for text in ("", "a" * 255, given.LATER)),
    *(site(**rule(cidr=block)) for block in ("0.0.0.0/0", "192.0.2.1", "192.0.2.1/32", "172.15.255.255", "172.32.0.0", "11.0.0.0/8", "192.167.0.0/16", given.LATER)),
    site(client_access=ClientAccess(windows=False, macos=False, linux=False, zero_client=True)),
    site(default_role=False),
    *(site(**unit(name)) for name in ("OU=Desktops,DC=com", "OU=A,OU=B,DC=corp,DC=example,DC=com", given.LATER)),
    *(site(defaults=DesktopDefaults(instance_role_arn=arn)) for arn in ("arn:aws:iam::111122223333:role/a/b", given.LATER)),
    site(defaults=DesktopDefaults(security_group=GROUP)),
    site(encryption_key=given.KEY, alarm_topic=given.TOPIC),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


WRONG = {name: object() for name in EVERYTHING}


@pytest.mark.parametrize("name", WRONG)
def test_a_site_checks_each_argument_before_it_exists(name: str) -> None:
    with pytest.raises(ValueError, match=rf"^Stack/Tested: {name} must be"):
        WorkspacesSite(stack, "Tested", **{**EVERYTHING, name: WRONG[name]})
    assert stack.node.try_find_child("Tested") is None


def test_a_directory_is_registered_and_a_name_is_taken_once_in_a_stack() -> None:
    own = given.fresh()
    owner = cdk.CfnParameter(own, "Owner")
    claim(owner, ["registration of the directory d-0123456789"])
    once = "must be made once in a stack, got another by Stack/Owner; put the two sites together"
    refused(lambda: WorkspacesSite(own, "Tested", **EVERYTHING), f"directory {once}")
    own.node.try_remove_child("Owner")
    claim(cdk.CfnParameter(own, "Other"), alias_claims("desktop.example.com"))
    for make, remedy in (
        (lambda: WorkspacesSite(own, "Tested", **EVERYTHING), "put the two sites together"),
        (
            lambda: ConnectionAlias(own, "Tested", fqdn="desktop.example.com", directory_id="d-0123456789"),
            "use the one that is there",
        ),
    ):
        refused(make, f"fqdn must be made once in a stack, got another by Stack/Other; {remedy}")
        assert own.node.try_find_child("Tested") is None
