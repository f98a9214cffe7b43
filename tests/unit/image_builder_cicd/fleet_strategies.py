"""Arguments of RollingFleet, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import FleetCapacity, FleetVolume, InstanceRefresh, RollingFleet, RollingUpdate
from tests.unit.drawn import Choices, Drawn

HERE = "eu-west-1:111122223333"
VPC_ID = "vpc-0123456789abcdef0"


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> RollingFleet:  # noqa: N802
    """Make the fleet, with user data of its own, because a rolling update puts commands behind them."""
    if arguments.get("user_data") in SCRIPTS:
        arguments["user_data"] = SCRIPTS[arguments["user_data"]]()
    return RollingFleet(scope, id, **arguments)


SCRIPTS: dict[str, Any] = {
    "linux": ec2.UserData.for_linux,
    "windows": ec2.UserData.for_windows,
    "custom": lambda: ec2.UserData.custom("#!/bin/bash"),
}
SECONDS, MINUTES = cdk.Duration.seconds, cdk.Duration.minutes

# What is brought along belongs to no app, so that any app can use it. The policy of a key could not be changed then, of
# which a warning tells.
_elsewhere = cdk.Stack(None, "Elsewhere")


def _network(id: str, vpc_id: str, **more: Any) -> ec2.IVpc:
    return ec2.Vpc.from_vpc_attributes(
        _elsewhere, id, vpc_id=vpc_id, availability_zones=["eu-west-1a", "eu-west-1b"], **more
    )


def _group(id: str, region: str, **more: Any) -> elbv2.IApplicationTargetGroup:
    arn = f"arn:aws:elasticloadbalancing:{region}:targetgroup/{id.lower()}/0123456789abcdef"
    return elbv2.ApplicationTargetGroup.from_target_group_attributes(_elsewhere, id, target_group_arn=arn, **more)


_VPC = _network("Vpc", VPC_ID, private_subnet_ids=["subnet-0123456789abcdef0", "subnet-0123456789abcdef1"])
_EMPTY = _network("Empty", "vpc-0123456789abcdef1")
_BALANCER = f"arn:aws:elasticloadbalancing:{HERE}:loadbalancer/app/b/0123456789abcdef"
_GROUP = _group("Web", HERE, load_balancer_arns=_BALANCER)
_LONE = _group("Lone", HERE)
_ALARM = cloudwatch.Alarm.from_alarm_arn(_elsewhere, "Alarm", f"arn:aws:cloudwatch:{HERE}:alarm:a")
_TOPIC = sns.Topic.from_topic_arn(_elsewhere, "Topic", f"arn:aws:sns:{HERE}:t")
_KEY_ALIAS = kms.Alias.from_alias_name(_elsewhere, "Alias", "alias/volumes")
_FIREWALL = ec2.SecurityGroup.from_security_group_id(_elsewhere, "Firewall", "sg-0123456789abcdef0")
_LINUX = ec2.MachineImage.latest_amazon_linux2023()
_WINDOWS = ec2.MachineImage.latest_windows(ec2.WindowsVersion.WINDOWS_SERVER_2022_ENGLISH_FULL_BASE)
_READ = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::shop/app.tgz"])
_FOR_ALL = iam.PolicyStatement(actions=["s3:GetObject"], resources=["*"], principals=[iam.AnyPrincipal()])


# Each argument with values that are legal, at least alone, and with values that never are.
CAPACITY: Choices = {
    "minimum": ([0, 1, 4], [-1, 1.5, "2", None]),
    "maximum": ([1, 4, 20], [0, None, True]),
    "desired": ([1, 2, 4], [-1, 2.5]),
}
REFRESH: Choices = {
    "min_healthy_percentage": ([0, 90, 100], [-1, 101, "90"]),
    "max_healthy_percentage": ([100, 150, 200], [99, 201, None]),
    "warmup": ([SECONDS(0), MINUTES(3)], [180]),
    "bake": ([SECONDS(0), MINUTES(2880)], [MINUTES(2881), None]),
    "alarms": ([[_ALARM], [_ALARM] * 10], [[_ALARM] * 11, _ALARM, [None]]),
    "checkpoints": ([[100], [10, 50, 100]], [[50], [100, 50], [0, 100], 50]),
    "checkpoint_delay": ([SECONDS(0), MINUTES(60)], [MINUTES(2881), 60]),
}
ROLLING: Choices = {
    "batch_size": ([1, 100], [0, 101, None]),
    "min_in_service": ([0, 1, 3], [-1, 0.5]),
    "pause": ([SECONDS(1), MINUTES(60)], [MINUTES(61), SECONDS(0), "PT5M"]),
    "min_successful_percentage": ([1, 50, 100], [0, 101]),
    "health_check_url": ([None, "http://localhost:8080/health?full=1"], ["localhost", "http://a b", "http://a'"]),
}
VOLUME: Choices = {
    "size_gib": ([1, 16384], [0, 16385, 8.5]),
    "device_name": (["/dev/sda1", "/dev/xvda"], ["sda1", "/dev/", ""]),
}
WHERE: Choices = {
    "subnets": ([ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)], ["private", _EMPTY]),
    "security_groups": ([[_FIREWALL], [_FIREWALL] * 2], [[], [None], _FIREWALL]),
    "target_groups": ([[_GROUP], []], [[_LONE], [_GROUP] * 2, _GROUP]),
    "health_check_grace": ([SECONDS(0), MINUTES(1439)], [MINUTES(1440), 300]),
}
OTHER: Choices = {
    "user_data": (["linux", "windows"], ["#!/bin/sh"]),
    "statements": ([[_READ], []], [[_FOR_ALL], _READ, ["s3:*"]]),
    "encryption_key": ([None], [_KEY_ALIAS, "key"]),
    "image": ([_LINUX, _WINDOWS], ["ami-1"]),
    "instance_type": ([ec2.InstanceType("t4g.small")], ["t4g.small"]),
    "vpc": ([_VPC], [_EMPTY, VPC_ID]),
}
PARTS = ("capacity", "update", "volume", "where", "other")


class Fleet(Drawn):
    """Arguments of the construct as they are drawn.

    Args:
        draw: What draws them.
    """

    def __init__(self, draw: st.DrawFn) -> None:
        super().__init__(draw, PARTS, tame=8)

    def update(self) -> Any:
        if self._draw(st.booleans()):
            return RollingUpdate(**self.some("update", ROLLING))
        return InstanceRefresh(**self.some("update", REFRESH))


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Fleet(draw)
    return {
        "vpc": _VPC,
        "image": _LINUX,
        "instance_type": ec2.InstanceType("m7i.large"),
        "capacity": FleetCapacity(**drawn.some("capacity", CAPACITY)),
        "update": drawn.update(),
        "volume": FleetVolume(**drawn.some("volume", VOLUME)),
        "alarm_topic": _TOPIC,
        **drawn.some("where", WHERE),
        **drawn.some("other", OTHER),
    }


ARGUMENTS = arguments()
