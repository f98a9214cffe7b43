"""Golden images that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
import hashlib
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import (
    BuildInstance,
    BuildSchedule,
    GoldenImage,
    ImageComponent,
    ImageLifecycle,
    ImageRegion,
    LaunchTemplateUpdate,
    ManagedComponent,
    RootVolume,
)
from cdk_refarch._parts.event_route import EventRoute
from tests.unit.templates import Template, flat

ACCOUNT, REGION = "111122223333", "eu-west-1"
ENV = cdk.Environment(account=ACCOUNT, region=REGION)
HERE = f"{REGION}:{ACCOUNT}"
MINE = f"arn:aws:imagebuilder:{HERE}"
AMAZON = f"arn:aws:imagebuilder:{REGION}:aws"
ORGANIZATION = "arn:aws:organizations::999988887777:organization/o-exampleorgid"
UNIT = "arn:aws:organizations::999988887777:ou/o-exampleorgid/ou-exam-pleouid1"
FAR_KEY = "arn:aws:kms:us-east-1:111122223333:key/01234567-89ab-cdef-0123-456789abcdef"
TEMPLATE_IDS = ("lt-0123456789abcdef0", "lt-0123456789abcdef1")
PARENT = "ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-minimal-kernel-default-x86_64"
VPC, GROUP = "vpc-00000000000000001", "sg-00000000000000001"
PRIVATE_SUBNET, PUBLIC_SUBNET = "subnet-00000000000000001", "subnet-00000000000000002"
VENDOR = f"arn:aws:imagebuilder:{REGION}:444455556666:component/agent/1.2.3"


def bash(name: str, *commands: str) -> dict[str, Any]:
    """A step of a component."""
    return {"name": name, "action": "ExecuteBash", "inputs": {"commands": list(commands)}}


WEB: dict[str, Any] = {
    "schemaVersion": 1.0,
    "parameters": [{"Port": {"type": "string", "default": "80"}}],
    "phases": [
        {"name": "build", "steps": [bash("Install", "dnf -y install nginx")]},
        {"name": "test", "steps": [bash("Ask", "curl localhost:{{ Port }} # é")]},
    ],
}
YAML = """\
# Kept as it is.
schemaVersion: 1.0
phases: [{name: build, steps: [{name: Harden, action: ExecuteBash, inputs: {commands: ["sysctl -p"]}}]}]
"""
LONG = YAML + "#" * (16_001 - len(YAML))
"""One character more than stands in a template."""


@dataclass(frozen=True)
class Scene:
    """A golden image, and what its stack became."""

    image: GoldenImage
    template: Template

    @property
    def prefix(self) -> str:
        """What the names begin with, worked out anew."""
        stack = cdk.Stack.of(self.image).stack_name
        path = f"{stack}/{self.image.node.path}"
        return f"{stack.lower()}-{hashlib.sha256(path.encode()).hexdigest()[:12]}"

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, in a form that can be read."""
        return flat(self.template.of(construct))

    def shown(self, value: Any) -> Any:
        """A value with tokens in the same form."""
        return flat(self.template.resolve(value))

    def all(self, kind: str) -> list[Any]:
        """The properties of all resources of a type."""
        return [flat(one.get("Properties", {})) for one in self.template.all(f"AWS::{kind}")]

    def named(self, path: str) -> Any:
        """A construct inside, by its path."""
        found: Any = self.image
        for id in path.split("/"):
            found = found.node.find_child(id)
        return found

    def key_arn(self) -> str:
        """The ARN of the key."""
        return str(self.shown(self.image.encryption_key.key_arn))


@dataclass(frozen=True)
class Built:
    """All scenes, and what was given to them."""

    scenes: dict[str, Scene]
    alarms: sns.Topic
    queue: sqs.Queue
    routes: dict[str, EventRoute]
    starter: iam.Role
    own_key: kms.Key

    @property
    def plain(self) -> Scene:
        """With a network alone."""
        return self.scenes["Plain"]

    @property
    def full(self) -> Scene:
        """With all there is."""
        return self.scenes["Full"]

    @property
    def bare(self) -> Scene:
        """With as little as there can be."""
        return self.scenes["Bare"]


def network(stack: cdk.Stack, id: str = "Vpc") -> ec2.IVpc:
    """A network that the app does not own, so that it costs nothing."""
    return ec2.Vpc.from_vpc_attributes(
        stack,
        id,
        vpc_id=VPC,
        availability_zones=["a", "b"],
        public_subnet_ids=[PUBLIC_SUBNET, "subnet-00000000000000004"],
        public_subnet_route_table_ids=["rtb-00000000000000001"] * 2,
        private_subnet_ids=[PRIVATE_SUBNET, "subnet-00000000000000003"],
        private_subnet_route_table_ids=["rtb-00000000000000002"] * 2,
    )


def web(**given: Any) -> ImageComponent:
    """A component of one's own."""
    return ImageComponent(**{"id": "Web", "document": WEB, **given})


def _plain(stack: cdk.Stack, more: dict[str, Any]) -> GoldenImage:
    return GoldenImage(stack, "Image", vpc=network(stack))


def _full(stack: cdk.Stack, more: dict[str, Any]) -> GoldenImage:
    more |= {"alarms": sns.Topic(stack, "Alarms"), "queue": sqs.Queue(stack, "Queue")}
    folder = Path(tempfile.mkdtemp())
    for name, text in (("harden.yaml", YAML), ("long.yaml", LONG)):
        (folder / name).write_text(text)
    image = GoldenImage(
        stack,
        "Image",
        vpc=network(stack),
        components=[
            ManagedComponent(name="update-linux"),
            web(parameters={"Port": "8080"}, version="2.1.0"),
            ImageComponent(id="Harden", path=folder / "harden.yaml"),
            ManagedComponent(name=VENDOR, parameters={"Modes": ["a", "b"]}),
            ImageComponent(id="Long", path=str(folder / "long.yaml")),
        ],
        parent_image=PARENT,
        recipe_version="2.x.x",
        volume=RootVolume(size_gib=40, device_name="/dev/sda1"),
        build=BuildInstance(
            instance_types=["m7i.large"],
            subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC),
            statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::packages/web.rpm"])],
            terminate_on_failure=False,
            working_directory="/var/build",
        ),
        distribution=_everywhere(stack),
        parameter_name="/images/web",
        schedule=BuildSchedule(
            expression="rate(7 days)", timezone="Europe/Berlin", only_with_updates=False, disable_after_failures=10
        ),
        lifecycle=ImageLifecycle(
            deprecate_after=None,
            delete_after=cdk.Duration.days(120),
            keep_at_least=3,
            keep_launched_within=cdk.Duration.days(30),
        ),
        scan=True,
        stale_after=cdk.Duration.days(14),
        alarm_topic=more["alarms"],
        removal_policy=cdk.RemovalPolicy.DESTROY,
        log_retention=logs.RetentionDays.ONE_YEAR,
    )
    more["routes"] = {
        "Available": image.on_available("Tell", more["queue"]),
        "Failed": image.on_failed("Mend", more["queue"]),
        "Vulnerable": image.on_vulnerability("Patch", more["queue"]),
        "Disabled": image.on_disabled("Enable", more["queue"]),
    }
    more["starter"] = iam.Role(stack, "Starter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    image.grant_start(more["starter"])
    return image


def _everywhere(stack: cdk.Stack) -> list[ImageRegion]:
    home, far = (LaunchTemplateUpdate(launch_template_id=one) for one in TEMPLATE_IDS)
    theirs = LaunchTemplateUpdate(launch_template_id="lt-0123456789abcdef2", account="444455556666", set_default=False)
    return [
        ImageRegion(
            copy_to_accounts=["444455556666"],
            share_with_accounts=["777788889999", "555566667777"],
            share_with_organizations=[ORGANIZATION],
            launch_templates=[home, theirs],
        ),
        ImageRegion(
            region="us-east-1",
            encryption_key=kms.Key.from_key_arn(stack, "Far", FAR_KEY),
            share_with_organizational_units=[UNIT],
            launch_templates=[far],
        ),
        ImageRegion(region="ap-south-1", parameter=False),
    ]


def _bare(stack: cdk.Stack, more: dict[str, Any]) -> GoldenImage:
    more["own_key"] = kms.Key(stack, "Own")
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", GROUP)
    return GoldenImage(
        stack,
        "Image",
        vpc=network(stack),
        parent_image="windows-server-2022-english-core-base-x86",
        platform="WINDOWS",
        build=BuildInstance(security_groups=[group]),
        tests=False,
        distribution=[ImageRegion(parameter=False)],
        schedule=None,
        build_on_deploy=False,
        lifecycle=None,
        stale_after=None,
        encryption_key=more["own_key"],
    )


HOME_UPDATE = LaunchTemplateUpdate(launch_template_id=TEMPLATE_IDS[0])
THEIR_UPDATE = LaunchTemplateUpdate(launch_template_id=TEMPLATE_IDS[0], account="444455556666")

FEATURES: dict[str, dict[str, Any]] = {
    "Regions": {"distribution": [ImageRegion(), ImageRegion(region="us-east-1")]},
    "Home": {"distribution": [ImageRegion(region=REGION)]},
    "Copies": {"distribution": [ImageRegion(copy_to_accounts=["444455556666", "222233334444"])]},
    "Shares": {"distribution": [ImageRegion(share_with_accounts=["444455556666"])]},
    "Organizations": {"distribution": [ImageRegion(share_with_organizations=[ORGANIZATION])]},
    "Units": {"distribution": [ImageRegion(share_with_organizational_units=[UNIT])]},
    "Templates": {"distribution": [ImageRegion(launch_templates=[HOME_UPDATE])]},
    "Theirs": {
        "distribution": [ImageRegion(copy_to_accounts=["444455556666"], launch_templates=[THEIR_UPDATE])],
    },
    "Public": {"parent_image": PARENT},
    "Parent": {"parent_image": "ssm:images/base"},
    "Scan": {"scan": True},
    "Silent": {"distribution": [ImageRegion(parameter=False)]},
    "Elsewhere": {"parameter_name": "/images/web"},
    "Components": {"components": [web(), ManagedComponent(name="update-linux"), ManagedComponent(name=VENDOR)]},
    "Statements": {
        "build": BuildInstance(
            statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::p/*"])]
        )
    },
}
"""Images with one thing more each."""


Make = Callable[[cdk.Stack, dict[str, Any]], GoldenImage]


def _with(given: dict[str, Any]) -> Make:
    return lambda stack, more: GoldenImage(stack, "Image", vpc=network(stack), **given)


STACKS: dict[str, Make] = {"Plain": _plain, "Full": _full, "Bare": _bare}
STACKS |= {name: _with(given) for name, given in FEATURES.items()}


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App()
    more: dict[str, Any] = {}
    made = {id: make(cdk.Stack(app, id, env=ENV), more) for id, make in STACKS.items()}
    return Built({id: Scene(one, Template(cdk.Stack.of(one))) for id, one in made.items()}, **more)
