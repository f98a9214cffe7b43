"""Arguments of WorkspacesSite, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    AdConnector,
    ClientAccess,
    Desktop,
    DesktopDefaults,
    ExistingDirectory,
    IpGroup,
    IpRule,
    LocalReplica,
    ManagedAd,
    PrimaryControllers,
    SelfService,
    StandbyDesktop,
    WorkspacesSite,
)
from tests.unit.drawn import Choices, Drawn

HERE = "eu-west-1:111122223333"
HOURS = cdk.Duration.hours


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> WorkspacesSite:  # noqa: N802
    """Make the site; its name and its directory are its own, because a stack has each once."""
    given, number = arguments.pop("directory"), int(id.removeprefix("One"))
    if isinstance(given, ExistingDirectory) and given.directory_id == OWN:
        given = replace(given, directory_id=f"d-{number:010x}")
    if arguments["fqdn"] == OWN:
        arguments["fqdn"] = f"desktop-{number}.example.com"
    made = WorkspacesSite(scope, id, directory=given, **arguments)
    for warning in ("controllers-of-the-primary", "key-policy"):
        cdk.Annotations.of(made).acknowledge_warning(f"cdk-refarch:{warning}", "What is brought along is of no app.")
    return made


OWN = "own"
"""Stands for a name or an id that no other site of the stack has."""

# What is brought along belongs to no app, so that any app can use it.
_elsewhere = cdk.Stack(None, "Elsewhere")
_KEY = kms.Key.from_key_arn(_elsewhere, "Key", f"arn:aws:kms:{HERE}:key/01234567-89ab-cdef-0123-456789abcdef")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/own")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_FIFO = sns.Topic.from_topic_arn(_elsewhere, "Fifo", f"arn:aws:sns:{HERE}:t.fifo")
_GROUP = ec2.SecurityGroup.from_security_group_id(_elsewhere, "Group", "sg-00000000000000001")
_SECRET = secretsmanager.Secret.from_secret_complete_arn(
    _elsewhere, "Secret", f"arn:aws:secretsmanager:{HERE}:secret:corp/join-AbCdEf"
)
_NAMED = secretsmanager.Secret.from_secret_partial_arn(
    _elsewhere, "Named", f"arn:aws:secretsmanager:{HERE}:secret:corp/admin"
)
_SUBNETS = ["subnet-00000000000000001", "subnet-00000000000000002"]
_VPC, _EMPTY = (
    ec2.Vpc.from_vpc_attributes(
        _elsewhere,
        id,
        vpc_id="vpc-00000000000000001",
        availability_zones=["eu-west-1a", "eu-west-1b"],
        private_subnet_ids=subnets,
    )
    for id, subnets in (("Vpc", _SUBNETS), ("Empty", None))
)

# Each argument with values that are legal, at least alone, and with values that never are.
FLAG = ([True, False], ["yes", None])
REGION = (["us-east-1", "eu-central-1"], ["Virginia", "", None])
DIRECTORY_ID = ([None, "d-abcdef0123"], ["d-1", 1])
EXISTING: Choices = {"subnet_ids": ([None, _SUBNETS], [_SUBNETS[:1], ["subnet-1", "subnet-2"], "subnet-1"])}
CREATED: Choices = {
    "name": (["corp.example.com", "corp-1.example"], ["corp", "corp.example.com.", None]),
    "short_name": ([None, "CORP", "A" * 15], ["A" * 16, "CO/RP", ""]),
    "vpc": ([_VPC], [_EMPTY, "vpc-1", None]),
}
MANAGED: Choices = {
    **CREATED,
    "admin_secret": ([_SECRET, _NAMED], ["corp/admin", None]),
    "edition": (["Enterprise", "Standard"], ["enterprise", None]),
}
CONNECTED: Choices = {
    **CREATED,
    "service_account": ([_SECRET, _NAMED], ["corp/join", None]),
    "size": (["Small", "Large"], ["Medium", None]),
}
ADDRESSES = ([["10.0.0.10"], ["10.0.0.10", "10.0.1.10"]], [[], ["dc1"], "10.0.0.10", ["10.0.0.1"] * 2])
GROUPS = (
    [
        [IpGroup(id="Office", rules=[IpRule(cidr="192.0.2.0/24", description="Dublin")])],
        [IpGroup(id=id, rules=[IpRule(cidr="0.0.0.0/0")], description=id) for id in "AB"],
    ],
    [[], [IpGroup(id="A", rules=[])], [IpGroup(id="A", rules=[IpRule(cidr="10.0.0.1")])], ["192.0.2.0/24"]],
)
DESKTOP: Choices = {
    "bundle_id": (["wsb-0123456789"], ["bundle", None]),
    "running_mode": (["AUTO_STOP", "ALWAYS_ON", "MANUAL"], ["auto", None]),
    "auto_stop_after": ([None, HOURS(1), HOURS(48)], [HOURS(49), 60]),
    "compute_type": ([None, "PERFORMANCE"], ["performance"]),
    "root_volume_gib": ([None, 80, 175], [79, 2001]),
    "user_volume_gib": ([None, 50, 100], [9, "50"]),
    "tags": ([{}, {"team": "sales"}], [{"aws:team": "a"}, {"a": None}, "team"]),
}
STANDBY: Choices = {"primary_region": REGION, "replicate_data": FLAG}
DEFAULTS: Choices = {
    "internet_access": FLAG,
    "organizational_unit": ([None, "OU=Desktops,DC=corp,DC=com"], ["Desktops", 1]),
    "security_group": ([None, _GROUP], ["sg-1"]),
    "local_administrator": FLAG,
    "maintenance_mode": FLAG,
    "instance_role_arn": ([None, "arn:aws:iam::111122223333:role/Desktop"], ["Desktop"]),
}
CLIENTS: Choices = {"windows": FLAG, "macos": FLAG, "linux": FLAG, "web": FLAG}
OTHER: Choices = {
    "default_role": FLAG,
    "encryption_key": ([None, _KEY], [_KEY_ALIAS, "key"]),
    "alarm_topic": ([None, _TOPIC], [_FIFO, "topic"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
PARTS = ("name", "directory", "groups", "desktops", "settings", "other")


class Site(Drawn):
    """Arguments of the construct as they are drawn.

    Args:
        draw: What draws them.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, PARTS, tame=6)

    def directory(self) -> ExistingDirectory | ManagedAd | AdConnector:
        part = "directory"
        kind = self._draw(st.sampled_from(["existing", "managed", "connector"]))
        if kind == "existing":
            return ExistingDirectory(directory_id=self.one(part, ([OWN], ["d-1"])), **self.some(part, EXISTING))
        created = {"name": "corp.example.com", "vpc": _VPC}
        if kind == "managed":
            return ManagedAd(**{**created, "admin_secret": _SECRET, **self.some(part, MANAGED)})
        controllers: Any = self.one(part, ADDRESSES)
        where = self._draw(st.sampled_from([None, LocalReplica, PrimaryControllers]))
        if where is not None:
            controllers = where(primary_region=self.one(part, REGION), directory_id=self.one(part, DIRECTORY_ID))
        given = {**created, "service_account": _SECRET, "controllers": controllers}
        return AdConnector(**{**given, **self.some(part, CONNECTED)})

    def desktops(self) -> list[Desktop | StandbyDesktop]:
        part, found = "desktops", list[Desktop | StandbyDesktop]()
        if self.wants(part, 2):
            own = {"user_name": self.one(part, (["ana"], ["", "a b"])), "bundle_id": "wsb-0123456789"}
            found.append(Desktop(**{**own, **self.some(part, DESKTOP)}))
        if self.wants(part, 2):
            other = {"user_name": "ben", "primary_region": "us-east-1", **self.some(part, STANDBY)}
            found.append(StandbyDesktop(**other))
        return found


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Site(draw)
    return {
        "fqdn": drawn.one("name", ([OWN], ["desktop", "Desktop.example.com", None])),
        "directory": drawn.directory(),
        "ip_groups": drawn.one("groups", GROUPS),
        "desktops": drawn.desktops(),
        "defaults": DesktopDefaults(**drawn.some("settings", DEFAULTS)),
        "client_access": ClientAccess(**drawn.some("settings", CLIENTS)),
        "self_service": SelfService(rebuild=draw(st.booleans())),
        **drawn.some("other", OTHER),
    }


EXAMPLES = 10
"""Fewer than of the others, because each is many resources more."""

ARGUMENTS = arguments()
