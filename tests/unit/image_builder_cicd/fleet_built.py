"""Fleets that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from cdk_refarch import FleetCapacity, FleetVolume, InstanceRefresh, RollingFleet, RollingUpdate
from tests.unit.templates import Template, flat

ACCOUNT, REGION = "111122223333", "eu-west-1"
ENV = cdk.Environment(account=ACCOUNT, region=REGION)
LINUX = ec2.MachineImage.from_ssm_parameter("/images/web")
WINDOWS = ec2.MachineImage.from_ssm_parameter("/images/windows", os=ec2.OperatingSystemType.WINDOWS)
TYPE = ec2.InstanceType("m7i.large")


@dataclass(frozen=True)
class Scene:
    """A fleet, and what its stack became."""

    fleet: RollingFleet
    template: Template

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, in a form that can be read."""
        return flat(self.template.of(construct))

    def resource(self, construct: Any) -> Any:
        """The whole resource of a construct, in the same form."""
        return flat(self.template.resource(construct))

    def shown(self, value: Any) -> Any:
        """A value with tokens in the same form."""
        return flat(self.template.resolve(value))

    def all(self, kind: str) -> list[Any]:
        """The properties of all resources of a type."""
        return [flat(one.get("Properties", {})) for one in self.template.all(kind)]

    @property
    def instances(self) -> Any:
        """What the launch template says of instances."""
        return self.of(self.fleet.launch_template)["LaunchTemplateData"]

    @property
    def update(self) -> Any:
        """The update policy of the group."""
        return self.resource(self.fleet.group)["UpdatePolicy"]

    @property
    def script(self) -> str:
        """What the instances run when they start."""
        return str(self.instances["UserData"]["Fn::Base64"])


@dataclass(frozen=True)
class Built:
    """All scenes, and what was given to them."""

    plain: Scene
    full: Scene
    rolling: Scene
    windows: Scene
    topic: sns.Topic
    key: kms.Key
    alarm: cloudwatch.Alarm
    given: ec2.SecurityGroup
    application: elbv2.ApplicationTargetGroup
    network: elbv2.NetworkTargetGroup

    @property
    def scenes(self) -> tuple[Scene, ...]:
        """All of them."""
        return self.plain, self.full, self.rolling, self.windows


def network_of(stack: cdk.Stack) -> ec2.Vpc:
    """A VPC with private subnets."""
    return ec2.Vpc(stack, "Vpc", max_azs=2)


def target_groups(stack: cdk.Stack, vpc: ec2.IVpc) -> tuple[elbv2.ApplicationTargetGroup, elbv2.NetworkTargetGroup]:
    """A target group of each kind, with a load balancer."""
    application = elbv2.ApplicationTargetGroup(stack, "Application", vpc=vpc, port=8080)
    balancer = elbv2.ApplicationLoadBalancer(stack, "ApplicationBalancer", vpc=vpc)
    balancer.add_listener("Listener", port=80, default_target_groups=[application])
    network = elbv2.NetworkTargetGroup(stack, "Network", vpc=vpc, port=8081)
    elbv2.NetworkLoadBalancer(stack, "NetworkBalancer", vpc=vpc).add_listener(
        "Listener", port=81, default_target_groups=[network]
    )
    return application, network


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App()
    more: dict[str, Any] = {}
    plain = cdk.Stack(app, "Plain", env=ENV)
    fleets = [RollingFleet(plain, "Fleet", vpc=network_of(plain), image=LINUX, instance_type=TYPE)]
    fleets.append(_full(cdk.Stack(app, "Full", env=ENV), more))
    fleets.append(_rolling(cdk.Stack(app, "Rolling", env=ENV)))
    windows = cdk.Stack(app, "Windows", env=ENV)
    capacity = FleetCapacity(minimum=0, maximum=1)
    fleets.append(
        RollingFleet(windows, "Fleet", vpc=network_of(windows), image=WINDOWS, instance_type=TYPE, capacity=capacity)
    )
    plain_one, full, rolling, windows_one = (Scene(one, Template(cdk.Stack.of(one))) for one in fleets)
    return Built(plain_one, full, rolling, windows_one, **more)


def _full(stack: cdk.Stack, more: dict[str, Any]) -> RollingFleet:
    vpc = network_of(stack)
    application, network = target_groups(stack, vpc)
    metric = cloudwatch.Metric(namespace="Shop", metric_name="Errors")
    more |= {
        "topic": sns.Topic(stack, "Topic"),
        "key": kms.Key(stack, "Key"),
        "alarm": cloudwatch.Alarm(stack, "Errors", metric=metric, threshold=1, evaluation_periods=1),
        "given": ec2.SecurityGroup(stack, "Given", vpc=vpc, allow_all_outbound=False),
        "application": application,
        "network": network,
    }
    other = ec2.SecurityGroup(stack, "Other", vpc=vpc, allow_all_outbound=False)
    user_data = ec2.UserData.for_linux()
    user_data.add_commands("systemctl start shop")
    return RollingFleet(
        stack,
        "Fleet",
        vpc=vpc,
        image=LINUX,
        instance_type=TYPE,
        capacity=FleetCapacity(minimum=3, maximum=9, desired=6),
        update=InstanceRefresh(
            min_healthy_percentage=90,
            max_healthy_percentage=120,
            warmup=cdk.Duration.minutes(2),
            bake=cdk.Duration.hours(1),
            alarms=[more["alarm"]],
            checkpoints=[20, 100],
            checkpoint_delay=cdk.Duration.minutes(30),
        ),
        subnets=ec2.SubnetSelection(subnets=vpc.private_subnets[:1]),
        security_groups=[more["given"], other],
        target_groups=[application, network],
        health_check_grace=cdk.Duration.seconds(90),
        user_data=user_data,
        statements=[iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::shop/app.tgz"])],
        volume=FleetVolume(size_gib=30, device_name="/dev/sda1"),
        encryption_key=more["key"],
        alarm_topic=more["topic"],
    )


def _rolling(stack: cdk.Stack) -> RollingFleet:
    user_data = ec2.UserData.for_linux()
    user_data.add_commands("set -e", "systemctl start shop")
    return RollingFleet(
        stack,
        "Fleet",
        vpc=network_of(stack),
        image=LINUX,
        instance_type=TYPE,
        capacity=FleetCapacity(minimum=3, maximum=3),
        update=RollingUpdate(
            batch_size=2,
            pause=cdk.Duration.minutes(20),
            min_successful_percentage=50,
            health_check_url="http://localhost:8080/health",
        ),
        user_data=user_data,
    )
