"""Fleets that AWS would refuse, or that no update could succeed for, are refused before anything exists."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_iam as iam

from cdk_refarch import FleetCapacity, FleetVolume, InstanceRefresh, RollingFleet, RollingUpdate
from tests.unit import refusals as given
from tests.unit.image_builder_cicd.fleet_built import LINUX, TYPE, WINDOWS, target_groups
from tests.unit.refusals import Call, Case, fresh, names, refused

stack = fresh()
VPC = ec2.Vpc(stack, "FleetVpc", max_azs=2)
ISOLATED = ec2.Vpc(
    stack,
    "IsolatedVpc",
    max_azs=1,
    subnet_configuration=[ec2.SubnetConfiguration(name="Inner", subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)],
)
NAMED = ec2.Vpc.from_vpc_attributes(
    stack, "NamedVpc", vpc_id="vpc-1", availability_zones=["eu-west-1a"], private_subnet_ids=["subnet-1"],
    private_subnet_route_table_ids=["rtb-1"],
)  # fmt: skip
OTHER = ec2.Vpc.from_vpc_attributes(stack, "OtherVpc", vpc_id="vpc-2", availability_zones=["eu-west-1a"])
FAR_VPC = ec2.Vpc.from_vpc_attributes(
    stack, "FarVpc", vpc_id="vpc-3", availability_zones=["us-east-1a"], region="us-east-1"
)
ATTACHED, NETWORK = target_groups(stack, VPC)
LONE = elbv2.ApplicationTargetGroup(stack, "LoneGroup", vpc=VPC, port=80)
ADDRESSES = elbv2.ApplicationTargetGroup(stack, "AddressGroup", vpc=VPC, port=80, target_type=elbv2.TargetType.IP)
ELSEWHERE = elbv2.ApplicationTargetGroup(stack, "OtherGroup", vpc=OTHER, port=80)
FAR_STACK = cdk.Stack(cdk.App(), "Far", env=cdk.Environment(region="us-east-1"))
FAR_GROUP = elbv2.ApplicationTargetGroup(FAR_STACK, "Group", vpc=OTHER, port=80)


def imported(number: int, region: str = "eu-west-1", **more: Any) -> elbv2.IApplicationTargetGroup:
    arn = f"arn:aws:elasticloadbalancing:{region}:111122223333:targetgroup/g{number}/{number:016}"
    balancer = f"arn:aws:elasticloadbalancing:{region}:111122223333:loadbalancer/app/b/{number:016}"
    return elbv2.ApplicationTargetGroup.from_target_group_attributes(
        stack, f"Imported{number}", target_group_arn=arn, **{"load_balancer_arns": balancer, **more}
    )


FAR_IMPORT, LONE_IMPORT = imported(91, "us-east-1"), imported(92, load_balancer_arns=None)
MANY = [imported(number) for number in range(11)]
ALARM = cloudwatch.Alarm.from_alarm_arn(stack, "Alarm", "arn:aws:cloudwatch:eu-west-1:111122223333:alarm:a")
FAR_ALARM = cloudwatch.Alarm.from_alarm_arn(stack, "FarAlarm", "arn:aws:cloudwatch:us-east-1:111122223333:alarm:a")
OTHERS_ALARM = cloudwatch.Alarm.from_alarm_arn(
    stack, "OthersAlarm", "arn:aws:cloudwatch:eu-west-1:444455556666:alarm:a"
)
MINUTES = cdk.Duration.minutes
SECONDS = cdk.Duration.seconds
LATER_TIME = SECONDS(given.LATER_NUMBER)


def fleet(**arguments: Any) -> Call:
    every = {"vpc": VPC, "image": LINUX, "instance_type": TYPE, **arguments}
    return lambda: RollingFleet(stack, "Tested", **every)


def size(**arguments: Any) -> Call:
    return fleet(capacity=FleetCapacity(**arguments))


def refresh(**arguments: Any) -> Call:
    return fleet(update=InstanceRefresh(**arguments))


def rolling(capacity: FleetCapacity = FleetCapacity(), **arguments: Any) -> Call:
    return fleet(update=RollingUpdate(**arguments), capacity=capacity)


def script(text: str) -> ec2.UserData:
    user_data = ec2.UserData.for_linux(shebang=text)
    user_data.add_commands("true")
    return user_data


TYPED = "got str 'x'; give"
WHOLE = "must be a whole number from"
SIZES = "give FleetCapacity(minimum=2, maximum=4), say"
RANGE = "give a number in this range"
PERCENT = "give a percentage in this range"
TEN = "give cdk.Duration.minutes(10), say"
QUARTER = "give cdk.Duration.minutes(15), say"
FIVE = "give cdk.Duration.minutes(5), say"
STEPS = "give [25, 100], say"
ONE_STATEMENT = "give [iam.PolicyStatement(actions=[...], resources=[...])]"
SUBNETS = "give ec2.SubnetSelection(subnet_type=...) with a type that the VPC has"
ROOM = "an update needs room for one to be replaced: lower it, or raise the maximum of capacity"
BALANCER = "create its listener before the fleet, or name load_balancer_arns where it is imported"
BASH = "user_data must be commands of bash when update is a RollingUpdate, got"
URLS = "give 'http://localhost:8080/health', say, or None to ask nothing"

INSTANCES: list[Case] = [
    (fleet(vpc=None), "vpc must be an IVpc, got NoneType None; give a construct that implements IVpc"),
    (fleet(vpc="x"), f"vpc must be an IVpc, {TYPED} a construct that implements IVpc"),
    (fleet(vpc=FAR_VPC), f"vpc {given.ELSEWHERE}"),
    (fleet(image="x"), f"image must be an IMachineImage, {TYPED} a construct that implements IMachineImage"),
    (fleet(instance_type="x"), f"instance_type must be an InstanceType, {TYPED} ec2.InstanceType('m7i.large'), say"),
    (fleet(subnets="x"), f"subnets must be a SubnetSelection, {TYPED} {SUBNETS[5:]}"),
    (
        fleet(vpc=ISOLATED),
        "subnets must be a selection of subnets that the VPC has, got There are no 'Private' subnet groups in this VPC. "
        f"Available types: Isolated,Deprecated_Isolated; {SUBNETS}",
    ),
    (
        fleet(vpc=NAMED, subnets=ec2.SubnetSelection(availability_zones=["eu-west-1c"])),
        f"subnets must be a selection of one subnet or more, got one of none; {SUBNETS}",
    ),
    (fleet(security_groups="x"), "security_groups must be a list, got str 'x'; leave it out to create one"),
    (
        fleet(security_groups=[]),
        "security_groups must be a list of 1 to 16 groups, got a list of 0; leave it out to create one",
    ),
    (
        fleet(security_groups=[None] * 17),
        "security_groups must be a list of 1 to 16 groups, got a list of 17; leave it out to create one",
    ),
    (
        fleet(security_groups=["x"]),
        f"security_groups[0] must be an ISecurityGroup, {TYPED} a construct that implements ISecurityGroup",
    ),
    (fleet(user_data="x"), f"user_data must be an UserData, {TYPED} ec2.UserData.for_linux(), say"),
    (fleet(statements="x"), f"statements must be a list, {TYPED} {ONE_STATEMENT[5:]}"),
    (fleet(statements=["x"]), f"statements[0] must be a PolicyStatement, {TYPED} {ONE_STATEMENT[5:]}"),
    (
        fleet(statements=[iam.PolicyStatement(principals=[iam.AnyPrincipal()])]),
        "statements[0] must be a statement without principals, got one with some; leave principals out",
    ),
    (fleet(volume="x"), f"volume must be a FleetVolume, {TYPED} FleetVolume(size_gib=20), or leave it out"),
    *(
        (
            fleet(volume=FleetVolume(size_gib=wrong)),
            f"size_gib of volume must be from 1 GiB to 16384 GiB, got {wrong} GiB; leave it out for the size of the image",
        )
        for wrong in (0, 16385)
    ),
    (
        fleet(volume=FleetVolume(device_name="xvda")),
        "device_name of volume must be a device under /dev, got 'xvda'; give what the image calls its root device, as in "
        "/dev/sda1",
    ),
    (fleet(encryption_key="x"), f"encryption_key must be an IKey, {TYPED} a construct that implements IKey"),
    (fleet(encryption_key=given.FAR_KEY), f"encryption_key {given.ELSEWHERE}"),
    (fleet(encryption_key=given.ALIAS), f"encryption_key {given.AN_ALIAS}"),
    (
        fleet(encryption_key=given.RSA_KEY),
        "encryption_key must be a symmetric key for encryption, got RSA_2048; volumes take no other",
    ),
    (fleet(alarm_topic=given.FAR_TOPIC), f"alarm_topic {given.ELSEWHERE}"),
]

CAPACITIES: list[Case] = [
    (fleet(capacity="x"), f"capacity must be a FleetCapacity, {TYPED} {SIZES[5:]}"),
    (size(minimum="2"), f"minimum of capacity {WHOLE} 0, got str '2'; {SIZES}"),
    (size(minimum=True), f"minimum of capacity {WHOLE} 0, got bool True; {SIZES}"),
    (size(minimum=-1), f"minimum of capacity {WHOLE} 0, got -1; {SIZES}"),
    (size(minimum=1.5), f"minimum of capacity {WHOLE} 0, got 1.5; {SIZES}"),
    (size(maximum=float("inf")), f"maximum of capacity {WHOLE} 1, got inf; {SIZES}"),
    (size(minimum=0, maximum=0), f"maximum of capacity {WHOLE} 1, got 0; {SIZES}"),
    (size(minimum=5), "minimum and maximum of capacity must be in this order, got 5 and 4; swap them"),
    (size(minimum=None), f"minimum of capacity {WHOLE} 0, got NoneType None; {SIZES}"),
    (size(desired=-1), f"desired of capacity {WHOLE} 0, got -1; {SIZES}"),
    *(
        (
            size(desired=wrong),
            f"desired of capacity must be from 2 instances to 4 instances, got {shown}; give a number in this range, or "
            "leave it out for the minimum",
        )
        for wrong, shown in ((1, "1 instance"), (5, "5 instances"))
    ),
]

HEALTH: list[Case] = [
    (fleet(health_check_grace=5), f"health_check_grace must be a Duration, got int 5; {FIVE}"),
    (fleet(health_check_grace=LATER_TIME), f"health_check_grace must be known when the app runs, got a token; {FIVE}"),
    (fleet(health_check_grace=SECONDS(86341)), f"health_check_grace must be from 0 s to 86340 s, got 86341 s; {FIVE}"),
    (
        fleet(target_groups=ATTACHED),
        f"target_groups must be a list, got ApplicationTargetGroup {ATTACHED!r}; give [elbv2.ApplicationTargetGroup(...)]",
    ),
    (
        fleet(target_groups=["x"]),
        f"target_groups[0] must be an IApplicationTargetGroup or an INetworkTargetGroup, {TYPED} "
        "[elbv2.ApplicationTargetGroup(...)]",
    ),
    (
        fleet(target_groups=[ATTACHED, NETWORK, ATTACHED]),
        "target_groups must be a list without repetition, got Stack/Application twice; drop one of them",
    ),
    (
        fleet(target_groups=[FAR_IMPORT]),
        "target_groups[0] must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        fleet(target_groups=[ATTACHED, FAR_GROUP]),
        "target_groups[1] must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        fleet(target_groups=[ADDRESSES]),
        "target_groups[0] must be a target group of instances, got one of the type ip; give one whose target_type is "
        "elbv2.TargetType.INSTANCE",
    ),
    (
        fleet(vpc=NAMED, target_groups=[ELSEWHERE]),
        "target_groups[0] must be in the VPC of the fleet, vpc-1, got one in vpc-2; use one of the same VPC",
    ),
    *(
        (
            fleet(target_groups=[one]),
            f"target_groups[0] must be a target group of a load balancer, got one of none; {BALANCER}",
        )
        for one in (LONE, LONE_IMPORT)
    ),
]

REFRESHES: list[Case] = [
    (
        fleet(update="x"),
        "update must be an InstanceRefresh or a RollingUpdate, got str 'x'; leave it out for InstanceRefresh()",
    ),
    *(
        (
            refresh(min_healthy_percentage=wrong),
            f"min_healthy_percentage of update must be from 0 % to 100 %, got {wrong} %; {PERCENT}",
        )
        for wrong in (-1, 101)
    ),
    *(
        (
            refresh(max_healthy_percentage=wrong),
            f"max_healthy_percentage of update must be from 100 % to 200 %, got {wrong} %; {PERCENT}",
        )
        for wrong in (99, 201)
    ),
    (
        refresh(max_healthy_percentage=None),
        "max_healthy_percentage of update must be from 100 % to 200 %, got NoneType None; leave it out",
    ),
    (
        refresh(min_healthy_percentage=49),
        "max_healthy_percentage and min_healthy_percentage of update must be at most 100 apart, got 150 and 49; lower the "
        "first or raise the other",
    ),
    (refresh(warmup=5), f"warmup of update must be a Duration, got int 5; {TEN}"),
    (refresh(warmup=SECONDS(172801)), f"warmup of update must be from 0 s to 172800 s, got 172801 s; {TEN}"),
    (refresh(bake=None), f"bake of update must be a Duration, got NoneType None; {TEN}"),
    (refresh(bake=SECONDS(172801)), f"bake of update must be from 0 s to 172800 s, got 172801 s; {TEN}"),
    (
        refresh(bake=cdk.Duration.millis(500)),
        f"bake of update must be a whole number from 0 s to 172800 s, got 0.5 s; {TEN}",
    ),
    (
        refresh(checkpoints=[100], checkpoint_delay=SECONDS(172801)),
        f"checkpoint_delay of update must be from 0 s to 172800 s, got 172801 s; {TEN}",
    ),
    (
        refresh(checkpoint_delay=MINUTES(1)),
        "checkpoint_delay of update must be given together with checkpoints, got without any; give "
        "checkpoints=[25, 100], say, or leave the delay out",
    ),
    (refresh(checkpoints=100), f"checkpoints of update must be a list, got int 100; {STEPS}"),
    (refresh(checkpoints=[None]), f"checkpoints of update must be percentages, got NoneType None; {STEPS}"),
    *(
        (
            refresh(checkpoints=[wrong, 100]),
            f"checkpoints of update must be from 1 % to 100 %, got {wrong} %; {STEPS}",
        )
        for wrong in (0, 101)
    ),
    *(
        (
            refresh(checkpoints=wrong),
            f"checkpoints of update must be percentages that rise to 100, got {wrong}; {STEPS}",
        )
        for wrong in ([50], [50, 50, 100], [60, 50, 100], [100, 50])
    ),
    (refresh(alarms="x"), "alarms of update must be a list, got str 'x'; give alarms of Amazon CloudWatch"),
    (
        refresh(alarms=["x"]),
        f"alarms of update[0] must be an IAlarm, {TYPED} a construct that implements IAlarm",
    ),
    (
        refresh(alarms=[None]),
        "alarms of update[0] must be an IAlarm, got NoneType None; give alarms of Amazon CloudWatch",
    ),
    (refresh(alarms=[FAR_ALARM]), f"alarms of update[0] {given.ELSEWHERE}"),
    (refresh(alarms=[OTHERS_ALARM]), f"alarms of update[0] {given.OTHER_ACCOUNT}; use one of the same account"),
    (
        fleet(update=InstanceRefresh(alarms=[ALARM] * 10), target_groups=[ATTACHED]),
        "alarms of update must be 9 at most beside those of the target groups, got 10; put some together in a "
        "cloudwatch.CompositeAlarm",
    ),
    (
        fleet(target_groups=MANY),
        "target_groups must be 10 at most, for the alarm of each is watched, got 11; use RollingUpdate, or fewer",
    ),
]

ROLLING: list[Case] = [
    *(
        (
            rolling(batch_size=wrong),
            f"batch_size of update must be from 1 instance to 100 instances, got {shown}; {RANGE}",
        )
        for wrong, shown in ((0, "0 instances"), (101, "101 instances"))
    ),
    (rolling(batch_size=None), f"batch_size of update must be a number from 1 to 100, got NoneType None; {RANGE}"),
    *(
        (
            rolling(min_successful_percentage=wrong),
            f"min_successful_percentage of update must be from 1 % to 100 %, got {wrong} %; {RANGE}",
        )
        for wrong in (0, 101)
    ),
    (
        rolling(min_successful_percentage=given.LATER_NUMBER),
        "min_successful_percentage of update must be known when the app runs, got a token; give a number, say 100",
    ),
    *(
        (
            rolling(min_in_service=wrong),
            "min_in_service of update must be from 0 instances to 3 instances when the maximum of capacity is 4, got "
            f"{wrong} instances; {ROOM}",
        )
        for wrong in (-1, 4)
    ),
    *(
        (rolling(pause=SECONDS(wrong)), f"pause of update must be from 1 s to 3600 s, got {wrong} s; {QUARTER}")
        for wrong in (0, 3601)
    ),
    (rolling(pause="PT15M"), f"pause of update must be a Duration, got str 'PT15M'; {QUARTER}"),
    (rolling(pause=LATER_TIME), f"pause of update must be known when the app runs, got a token; {QUARTER}"),
    *(
        (
            rolling(health_check_url=wrong),
            f"health_check_url of update must be a URL of http or https without quotes, got {wrong!r}; {URLS}",
        )
        for wrong in ("localhost", "http://", "http://a b", "http://localhost/'")
    ),
    (
        fleet(image=WINDOWS, update=RollingUpdate()),
        "update must be an InstanceRefresh for Windows, got RollingUpdate; use InstanceRefresh, which asks the load "
        "balancer",
    ),
    (
        fleet(user_data=ec2.UserData.custom("#!/bin/bash\ntrue"), update=RollingUpdate()),
        f"{BASH} a text that nothing can be put behind; give ec2.UserData.for_linux()",
    ),
    (
        fleet(user_data=ec2.UserData.for_windows(), update=RollingUpdate()),
        f"{BASH} a script that begins with '<powershell></powershell>'; give ec2.UserData.for_linux()",
    ),
    (
        fleet(user_data=script("#!/usr/bin/python3"), update=RollingUpdate()),
        f"{BASH} a script that begins with '#!/usr/bin/python3'; give ec2.UserData.for_linux()",
    ),
]

CASES = [*INSTANCES, *CAPACITIES, *HEALTH, *REFRESHES, *ROLLING]


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)
    assert stack.node.try_find_child("Tested") is None


GOOD: list[dict[str, Any]] = [
    {"vpc": NAMED},
    {"vpc": ISOLATED, "subnets": ec2.SubnetSelection(subnet_type=ec2.SubnetType.PRIVATE_ISOLATED)},
    {"security_groups": [ec2.SecurityGroup.from_security_group_id(stack, f"G{n}", f"sg-{n}") for n in range(16)]},
    {"volume": FleetVolume(size_gib=1)},
    {"volume": FleetVolume(size_gib=16384, device_name="/dev/sda1")},
    {"encryption_key": given.SYMMETRIC_KEY},
    {"capacity": FleetCapacity(minimum=0, maximum=1)},
    {"capacity": FleetCapacity(minimum=2, maximum=2, desired=2)},
    {"health_check_grace": SECONDS(0)},
    {"health_check_grace": SECONDS(86340)},
    {"target_groups": MANY[:10]},
    {"target_groups": MANY, "update": RollingUpdate()},
    {"update": InstanceRefresh(min_healthy_percentage=0, max_healthy_percentage=100)},
    {"update": InstanceRefresh(min_healthy_percentage=100, max_healthy_percentage=200)},
    {"update": InstanceRefresh(bake=SECONDS(0), warmup=SECONDS(0))},
    {"update": InstanceRefresh(bake=SECONDS(172800), checkpoints=[1, 99, 100], checkpoint_delay=SECONDS(172800))},
    {"update": InstanceRefresh(alarms=[ALARM] * 10)},
    {"update": InstanceRefresh(alarms=[ALARM] * 9), "target_groups": [ATTACHED]},
    {"update": RollingUpdate(batch_size=100, pause=SECONDS(3600), min_successful_percentage=1)},
    {"update": RollingUpdate(min_in_service=3, pause=SECONDS(1), health_check_url=None)},
    {"update": RollingUpdate(min_in_service=0), "user_data": script("#!/usr/bin/env bash")},
    {"user_data": ec2.UserData.custom("x")},
    {"image": WINDOWS, "user_data": ec2.UserData.for_windows()},
]


@pytest.mark.parametrize("arguments", GOOD, ids=lambda given: ",".join(given))
def test_takes_what_is_just_legal(arguments: dict[str, Any]) -> None:
    fleet(**arguments)()
    stack.node.try_remove_child("Tested")
