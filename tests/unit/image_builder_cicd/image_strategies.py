"""Arguments of GoldenImage, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct
from hypothesis import strategies as st

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
from tests.unit.drawn import Choices, Drawn
from tests.unit.image_builder_cicd.built import FAR_KEY, ORGANIZATION, UNIT, WEB, network


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> GoldenImage:  # noqa: N802
    """Make the construct, and send its events."""
    routes = arguments.pop("routes", [])
    image = GoldenImage(scope, id, **arguments)
    cdk.Annotations.of(image).acknowledge_warning("cdk-refarch:key-policy", "The keys of other regions are imported.")
    try:
        for method, route, target in routes:
            getattr(image, method)(route, target)
    except ValueError:
        # What is refused then leaves the construct behind, as it was.
        scope.node.try_remove_child(id)
        raise
    return image


DAYS = cdk.Duration.days
HERE = "eu-west-1:111122223333"

# What is brought along belongs to no app, so that any app can use it.
_elsewhere = cdk.Stack(None, "ImagesElsewhere")
_VPC = network(_elsewhere)
_OPEN = ec2.Vpc.from_vpc_attributes(
    _elsewhere,
    "Open",
    vpc_id="vpc-00000000000000002",
    availability_zones=["a"],
    public_subnet_ids=["subnet-00000000000000009"],
    public_subnet_route_table_ids=["rtb-00000000000000009"],
)
_GROUP = ec2.SecurityGroup.from_security_group_id(_elsewhere, "Group", "sg-00000000000000001")
_FUNCTION = lambda_.Function.from_function_arn(_elsewhere, "Fn", f"arn:aws:lambda:{HERE}:function:f")
_FIFO = sqs.Queue.from_queue_arn(_elsewhere, "Fifo", f"arn:aws:sqs:{HERE}:q.fifo")
_BUCKET = s3.Bucket.from_bucket_name(_elsewhere, "Bucket", "lake")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/images")
_FAR_KEY = kms.Key.from_key_arn(_elsewhere, "Far", FAR_KEY)
_ANY = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::packages/web.rpm"])


# Each argument with values that are legal, at least alone, and with values that never are.
FLAG = ([True, False], ["yes"])
VERSIONS = (["1.0.0", "2.11.3"], ["1.0", "1.0.x", "v1", ""])
COMPONENT: Choices = {"version": VERSIONS, "parameters": ([{}, {"Port": "81"}], [{"Other": "1"}, ["Port"]])}
DOCUMENTS = (
    [WEB, {**WEB, "schemaVersion": "1.0", "phases": WEB["phases"][:1]}],
    [{}, {**WEB, "schemaVersion": 2.0}, {**WEB, "phases": []}, {**WEB, "stages": []}, "schemaVersion: 1.0"],
)
COMPONENT_IDS = (["Web", "Harden", "A1"], ["web", "", "Resource", "Two words", "WEB"])
MANAGED: Choices = {"version": (["x.x.x", "1.0.x", "1.0.4"], ["latest", "x"]), "parameters": ([{}], ["none"])}
MANAGED_NAMES = (
    ["update-linux", "aws-cli-version-2-linux", "arn:aws:imagebuilder:eu-west-1:444455556666:component/agent/1.2.3"],
    ["Update", "update-windows", "arn:aws:imagebuilder:eu-west-1:444455556666:component/agent", ""],
)
VOLUME: Choices = {
    "size_gib": ([1, 30, 16_000], [0, 16_001, 1.5, "30"]),
    "device_name": (["/dev/xvda", "/dev/sda1"], ["xvda", "C:", ""]),
}
BUILD: Choices = {
    "instance_types": (
        [["m7i.large"], ["t3.medium", "t3a.medium"]],
        [[], "m7i.large", ["large"], ["m7i.large", "m7g.large"]],
    ),
    "subnets": ([ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)], ["private"]),
    "security_groups": ([[_GROUP]], [[], _GROUP, [_GROUP, _GROUP], ["sg-1"]]),
    "statements": ([[_ANY]], [_ANY, ["s3:GetObject"]]),
    "terminate_on_failure": FLAG,
    "working_directory": (["/var/build", "/opt"], ["build", "", "C:/"]),
}
ACCOUNTS = ([[], ["444455556666"], ["444455556666", "777788889999"]], ["444455556666", [444455556666], ["12345"]])
TEMPLATES = (
    [[LaunchTemplateUpdate(launch_template_id="lt-0123456789abcdef0")]],
    [["lt-0123456789abcdef0"], [LaunchTemplateUpdate(launch_template_id="web")]],
)
REGION: Choices = {
    "share_with_accounts": ACCOUNTS,
    "copy_to_accounts": ACCOUNTS,
    "share_with_organizations": ([[ORGANIZATION]], [[UNIT], ORGANIZATION, ["o-exampleorgid"]]),
    "share_with_organizational_units": ([[UNIT]], [[ORGANIZATION], ["ou-exam-pleouid1"]]),
    "parameter": FLAG,
    "launch_templates": TEMPLATES,
}
SCHEDULE: Choices = {
    "expression": (
        ["cron(0 3 ? * sun *)", "cron(30 4 1 * ? *)", "rate(7 days)", "rate(1 day)"],
        ["cron(0 3 * * *)", "cron(0 25 ? * sun *)", "cron(0 3 * * sun *)", "rate(1 hour)", "weekly", ""],
    ),
    "timezone": (["Europe/Berlin", "Etc/UTC"], ["Berlin", "CET+1", ""]),
    "only_with_updates": FLAG,
    "disable_after_failures": ([1, 10, None], [0, 11]),
}
LIFECYCLE: Choices = {
    "deprecate_after": ([DAYS(1), DAYS(30), None], [DAYS(1001), cdk.Duration.hours(1), 30]),
    "delete_after": ([DAYS(400), DAYS(1000)], [DAYS(1001), "never"]),
    "keep_at_least": ([1, 10], [0, 11, None]),
    "keep_launched_within": ([DAYS(1), DAYS(365), None], [DAYS(366), 30]),
}
OTHER: Choices = {
    "tests": FLAG,
    "scan": FLAG,
    "build_on_deploy": FLAG,
    "recipe_version": (["1.0.x", "x.x.x", "2.0.0"], ["x.0.0", "1.0", "", None]),
    "parameter_name": (["/images/web", None], ["images/web", "/aws/web", "/images/*", ""]),
    "stale_after": ([DAYS(60), DAYS(365), None], [DAYS(0), DAYS(366), 30]),
    "encryption_key": ([None], [_KEY_ALIAS, "key"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
    "log_retention": ([logs.RetentionDays.ONE_YEAR], [365]),
}
PARENTS = (
    ["amazon-linux-2023-x86", "ssm:/aws/service/base", "ubuntu-server-24-lts-x86"],
    [
        "Amazon Linux",
        "ami-1",
        "ami-0123456789abcdef0",
        "windows-server-2022-english-core-base-x86",
        "ssm:",
        "amazon-linux-2023-arm64",
    ],
)
ROUTE_IDS = (["Tell", "Mend"], [""])
TARGETS = ([_FUNCTION], [_FIFO, _BUCKET, None])
METHODS = ["on_available", "on_failed", "on_disabled", "on_vulnerability"]
PARTS = ("components", "parent", "volume", "build", "regions", "schedule", "lifecycle", "routes", "other")


class Image(Drawn):
    """Arguments of the construct as they are drawn.

    Args:
        draw: What draws them.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, PARTS, tame=5)

    def components(self) -> list[ImageComponent | ManagedComponent]:
        found: list[ImageComponent | ManagedComponent] = []
        if self._draw(st.booleans()):
            name = self.one("components", MANAGED_NAMES)
            # The version of an ARN is at its end.
            more = {} if name.startswith("arn:") else self.some("components", MANAGED)
            found.append(ManagedComponent(name=name, **more))
        for number in range(self._draw(st.sampled_from([0, 1, 1, 2]))):
            legal, never = COMPONENT_IDS
            id, document = self.one("components", (legal[number:][:1], never)), self.one("components", DOCUMENTS)
            found.append(ImageComponent(id=id, document=document, **self.some("components", COMPONENT)))
        return found

    def regions(self) -> list[ImageRegion]:
        found = [ImageRegion(**self.some("regions", REGION))]
        if self._draw(st.booleans()):
            region = self.one("regions", (["us-east-1", "eu-central-1"], ["Ireland", ""]))
            key = _FAR_KEY if region == "us-east-1" else None
            found.append(ImageRegion(region=region, encryption_key=key, **self.some("regions", REGION, most=1)))
        return found

    def route(self) -> tuple[str, str, Any]:
        method = self._draw(st.sampled_from(METHODS))
        return method, self._draw(st.sampled_from(ROUTE_IDS[0])), self.one("routes", TARGETS)


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Image(draw)
    parts: dict[str, tuple[int, str, Callable[[], Any]]] = {
        "components": (2, "components", drawn.components),
        "parent_image": (3, "parent", lambda: drawn.one("parent", PARENTS)),
        "volume": (3, "volume", lambda: RootVolume(**drawn.some("volume", VOLUME))),
        "build": (3, "build", lambda: BuildInstance(**drawn.some("build", BUILD))),
        "distribution": (2, "regions", drawn.regions),
        "schedule": (2, "schedule", lambda: BuildSchedule(**drawn.some("schedule", SCHEDULE))),
        "lifecycle": (3, "lifecycle", lambda: ImageLifecycle(**drawn.some("lifecycle", LIFECYCLE))),
        "routes": (6, "routes", lambda: [drawn.route()]),
    }
    return {
        "vpc": drawn.one("other", ([_VPC], [_OPEN, None])),
        "alarm_topic": drawn.one("other", ([_TOPIC], ["topic"])),
        **{name: make() for name, (one_in, part, make) in parts.items() if drawn.wants(part, one_in)},
        **drawn.some("other", OTHER, most=3),
    }


EXAMPLES = 24
"""Fewer than of the others, because each is many resources more."""

ARGUMENTS = arguments()
