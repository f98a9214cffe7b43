"""Sites that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch import (
    AdConnector,
    ClientAccess,
    ConnectionAlias,
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
from tests.unit.templates import Template, flat

ACCOUNT, REGION = "111122223333", "eu-west-1"
ENV = cdk.Environment(account=ACCOUNT, region=REGION)
HERE = f"{REGION}:{ACCOUNT}"
DIRECTORY, OTHER_DIRECTORY = "d-0123456789", "d-abcdef0123"
FQDN = "desktop.example.com"
BUNDLE = "wsb-0123456789"
VPC, SUBNETS = "vpc-00000000000000001", ["subnet-00000000000000001", "subnet-00000000000000002"]
ROLE = f"arn:aws:iam::{ACCOUNT}:role/Desktop"
SECRET = f"arn:aws:secretsmanager:{HERE}:secret:corp/join"
OFFICE = IpGroup(id="Office", rules=[IpRule(cidr="192.0.2.0/24")])
SMALLEST: dict[str, Any] = {
    "fqdn": FQDN,
    "directory": ExistingDirectory(directory_id=DIRECTORY),
    "ip_groups": [OFFICE],
}


def network(stack: cdk.Stack) -> ec2.IVpc:
    """A network that the app does not own."""
    return ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id=VPC, availability_zones=["eu-west-1a", "eu-west-1b"], private_subnet_ids=SUBNETS
    )


def joiner(stack: cdk.Stack) -> secretsmanager.ISecret:
    """The secret of an account that may join computers."""
    return secretsmanager.Secret.from_secret_name_v2(stack, "Joiner", "corp/join")


@dataclass(frozen=True)
class Scene:
    """A site, or a connection alias alone, and what its stack became."""

    made: Construct
    template: Template

    @property
    def site(self) -> WorkspacesSite:
        """The site."""
        assert isinstance(self.made, WorkspacesSite)
        return self.made

    def named(self, path: str) -> Any:
        """A construct inside, by its path."""
        found: Any = self.made
        for id in path.split("/"):
            found = found.node.find_child(id)
        return found

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, or of one by its path, in a form that can be read."""
        return flat(self.template.of(self.named(construct) if isinstance(construct, str) else construct))

    def asked(self, path: str) -> Any:
        """The same of a custom resource, without what all of them have."""
        own = {"ServiceToken", "ServiceTimeout"}
        return {name: value for name, value in self.of(path).items() if name not in own}

    def resource(self, construct: Any) -> dict[str, Any]:
        """The whole resource."""
        return self.template.resource(self.named(construct) if isinstance(construct, str) else construct)

    def all(self, kind: str) -> list[dict[str, Any]]:
        """The resources of a type."""
        return self.template.all(kind)

    def shown(self, value: Any) -> Any:
        """A value with tokens in the same form."""
        return flat(self.template.resolve(value))

    @property
    def assembly(self) -> Path:
        """Where the app is synthesized to, with the code of functions."""
        app = self.made.node.root
        assert isinstance(app, cdk.App)
        return Path(app.outdir)

    def id(self, path: str) -> str:
        """The logical id of a resource."""
        found = self.named(path)
        name: str = self.template.resolve((found.node.default_child or found).logical_id)
        return name

    def waits_for(self, path: str) -> set[str]:
        """The logical ids of all resources that one is created after, and deleted before."""
        resources = self.template.json["Resources"]
        reached: set[str] = set()
        left = [self.id(path)]
        while left:
            text = json.dumps(resources[left.pop()])
            left += (found := {name for name in resources if f'"{name}"' in text} - reached)
            reached |= found
        return reached


@dataclass(frozen=True)
class Built:
    """All scenes, and what was given to them."""

    scenes: dict[str, Scene]
    topic: sns.Topic
    key: kms.Key
    secret: secretsmanager.Secret

    def __getitem__(self, name: str) -> Scene:
        """A scene by its name."""
        return self.scenes[name]


More = dict[str, Any]


def _full(stack: cdk.Stack, more: More) -> Construct:
    more |= {"topic": sns.Topic(stack, "Topic"), "key": kms.Key(stack, "Own")}
    return WorkspacesSite(
        stack,
        "Site",
        fqdn=FQDN,
        directory=ExistingDirectory(directory_id=DIRECTORY, subnet_ids=SUBNETS),
        ip_groups=[
            IpGroup(
                id="Offices",
                description="All of them",
                rules=[IpRule(cidr="192.0.2.0/24", description="Dublin"), IpRule(cidr="198.51.100.7")],
            ),
            OFFICE,
        ],
        desktops=[
            Desktop(user_name="ana", bundle_id=BUNDLE),
            Desktop(
                user_name="b.en",
                bundle_id=BUNDLE,
                auto_stop_after=cdk.Duration.hours(2),
                compute_type="POWER",
                root_volume_gib=175,
                user_volume_gib=100,
                tags={"team": "sales"},
            ),
            Desktop(user_name="chloe", bundle_id=BUNDLE, running_mode="ALWAYS_ON"),
            Desktop(user_name="dan", bundle_id=BUNDLE, running_mode="MANUAL"),
        ],
        defaults=DesktopDefaults(
            internet_access=True,
            organizational_unit="OU=Desktops,DC=corp,DC=example,DC=com",
            security_group=ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-00000000000000001"),
            local_administrator=True,
            maintenance_mode=False,
            instance_role_arn=ROLE,
        ),
        client_access=ClientAccess(
            windows=False,
            macos=False,
            linux=False,
            ios=True,
            android=True,
            chrome_os=True,
            web=True,
            zero_client=True,
            thin_client=True,
        ),
        self_service=SelfService(
            restart=False, increase_volume=True, change_compute_type=True, switch_running_mode=True, rebuild=True
        ),
        default_role=False,
        encryption_key=more["key"],
        alarm_topic=more["topic"],
        removal_policy=cdk.RemovalPolicy.DESTROY,
        log_retention=logs.RetentionDays.ONE_WEEK,
    )


def _managed(stack: cdk.Stack, more: More) -> Construct:
    more["secret"] = secretsmanager.Secret(stack, "Admin", encryption_key=kms.Key(stack, "AdminKey"))
    directory = ManagedAd(name="corp.example.com", vpc=network(stack), admin_secret=more["secret"])
    return WorkspacesSite(stack, "Site", **{**SMALLEST, "directory": directory})


def _standard(stack: cdk.Stack, more: More) -> Construct:
    vpc = ec2.Vpc(stack, "Own", max_azs=2)
    directory = ManagedAd(
        name="corp.example.com",
        vpc=vpc,
        admin_secret=joiner(stack),
        edition="Standard",
        short_name="CORP",
        subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
    )
    given = {**SMALLEST, "directory": directory, "removal_policy": cdk.RemovalPolicy.DESTROY}
    return WorkspacesSite(stack, "Site", **given)


def _local(stack: cdk.Stack, more: More) -> Construct:
    directory = AdConnector(
        name="corp.example.com",
        vpc=network(stack),
        service_account=joiner(stack),
        controllers=LocalReplica(primary_region="us-east-1"),
    )
    desktops = [
        StandbyDesktop(user_name="ana", primary_region="us-east-1"),
        StandbyDesktop(user_name="ben", primary_region="eu-central-1", replicate_data=False),
        Desktop(user_name="chloe", bundle_id=BUNDLE),
    ]
    return WorkspacesSite(stack, "Site", **{**SMALLEST, "directory": directory, "desktops": desktops})


def _known(stack: cdk.Stack, more: More) -> Construct:
    key = kms.Key(stack, "JoinerKey")
    directory = AdConnector(
        name="corp.example.com",
        vpc=network(stack),
        service_account=secretsmanager.Secret(stack, "Joiner", encryption_key=key),
        controllers=LocalReplica(primary_region="us-east-1", directory_id=OTHER_DIRECTORY),
        size="Large",
        short_name="CORP",
    )
    given = {**SMALLEST, "directory": directory, "removal_policy": cdk.RemovalPolicy.DESTROY}
    return WorkspacesSite(stack, "Site", **given)


def _connects(controllers: PrimaryControllers | list[str]) -> Make:
    def make(stack: cdk.Stack, more: More) -> Construct:
        directory = AdConnector(
            name="corp.example.com", vpc=network(stack), service_account=joiner(stack), controllers=controllers
        )
        return WorkspacesSite(stack, "Site", **{**SMALLEST, "directory": directory})

    return make


Make = Callable[[cdk.Stack, More], Construct]

STACKS: dict[str, Make] = {
    "Plain": lambda stack, more: WorkspacesSite(stack, "Site", **SMALLEST),
    "Full": _full,
    "Managed": _managed,
    "Standard": _standard,
    "Local": _local,
    "Known": _known,
    "Remote": _connects(PrimaryControllers(primary_region="us-east-1")),
    "RemoteKnown": _connects(PrimaryControllers(primary_region="us-east-1", directory_id=OTHER_DIRECTORY)),
    "Addresses": _connects(["10.0.0.10", "10.0.1.10"]),
    "Alone": lambda stack, more: ConnectionAlias(stack, "Alias", fqdn=FQDN, directory_id=DIRECTORY),
}


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App(builtin_cloud_formation_validation=False)
    more: More = {}
    made = {id: make(cdk.Stack(app, id, env=ENV), more) for id, make in STACKS.items()}
    return Built({id: Scene(one, Template(cdk.Stack.of(one))) for id, one in made.items()}, **more)
