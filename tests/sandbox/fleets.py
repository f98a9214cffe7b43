"""Groups of instances for the tests of the fleet: their templates, and what is seen of them from outside."""

from __future__ import annotations

import base64
import json
import ssl
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sandbox.run import Run

from .conftest import deployed

ACCOUNT, REGION = "123456789012", "us-east-1"
SUBNETS = ["subnet-00000001", "subnet-00000002"]
SIGNALS = base64.b64encode(b"#!/bin/sh\nstart\n/opt/aws/bin/cfn-signal -e 0\n").decode()
REFRESH = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 150, "InstanceWarmup": 15}
ROOT = {"Effect": "Allow", "Principal": {"AWS": f"arn:aws:iam::{ACCOUNT}:root"}, "Action": "kms:*", "Resource": "*"}
LINKED = f"arn:aws:iam::{ACCOUNT}:role/aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
USES = {
    "Effect": "Allow",
    "Principal": {"AWS": LINKED},
    "Action": ["kms:Decrypt", "kms:GenerateDataKey*", "kms:DescribeKey", "kms:ReEncrypt*"],
    "Resource": "*",
}
GRANTS = {
    "Effect": "Allow",
    "Principal": {"AWS": LINKED},
    "Action": "kms:CreateGrant",
    "Resource": "*",
    "Condition": {"Bool": {"kms:GrantIsForAWSResource": "true"}},
}
Template = dict[str, Any]


def image(run: Run, **tags: str) -> str:
    """An image; its tags say whether its instances work."""
    ec2 = run.client("ec2")
    id = str(ec2.register_image(Name=f"image-{uuid4().hex}", RootDeviceName="/dev/xvda")["ImageId"])
    if tags:
        ec2.create_tags(Resources=[id], Tags=[{"Key": f"sandbox:{key}", "Value": value} for key, value in tags.items()])
    return id


def fleet(image: Any, policy: Any = None, creation: Any = None, data: Any = None, **properties: Any) -> Template:
    """A template with a group of two to four instances."""
    launch = {"ImageId": image, "InstanceType": "t3.micro", **(data or {})}
    group = {
        "MinSize": "2",
        "MaxSize": "4",
        "VPCZoneIdentifier": SUBNETS,
        "HealthCheckGracePeriod": 30,
        "LaunchTemplate": {
            "LaunchTemplateId": {"Ref": "Template"},
            "Version": {"Fn::GetAtt": ["Template", "LatestVersionNumber"]},
        },
        **properties,
    }
    attributes = {"UpdatePolicy": policy, "CreationPolicy": creation}
    definition = {"Type": "AWS::AutoScaling::AutoScalingGroup", "Properties": group}
    definition |= {name: value for name, value in attributes.items() if value}
    template = {"Type": "AWS::EC2::LaunchTemplate", "Properties": {"LaunchTemplateData": launch}}
    return {"Resources": {"Template": template, "Group": definition}}


def refreshed(image: Any, preferences: Any = None, **more: Any) -> Template:
    """A group whose updates are instance refreshes."""
    refresh = {"Strategy": "Rolling", "Preferences": {**REFRESH, **(preferences or {})}}
    sizes = {"IgnoreUnmodifiedGroupSizeProperties": True}
    return fleet(image, {"AutoScalingInstanceRefresh": refresh, "AutoScalingScheduledAction": sizes}, **more)


def rolled(image: Any, **policy: Any) -> Template:
    """A group whose updates are rolling updates that wait for signals."""
    rolling = {"MinInstancesInService": 2, "MaxBatchSize": 1, "PauseTime": "PT15M", "WaitOnResourceSignals": True}
    return fleet(image, {"AutoScalingRollingUpdate": rolling | policy}, data={"UserData": SIGNALS})


class Fleet:
    """A deployed group."""

    def __init__(self, run: Run, stack: str) -> None:
        self.run, self.stack, self.api = run, stack, run.client("autoscaling")
        self.name = run.resource(stack, "AWS::AutoScaling::AutoScalingGroup")

    def group(self) -> dict[str, Any]:
        found: dict[str, Any] = self.api.describe_auto_scaling_groups(AutoScalingGroupNames=[self.name])
        return dict(found["AutoScalingGroups"][0])

    def instances(self) -> list[dict[str, Any]]:
        """EC2's view of the instances that are coming or in service."""
        ids = [one["InstanceId"] for one in self.group()["Instances"] if one["LifecycleState"] != "Terminating"]
        pages = self.run.client("ec2").describe_instances(InstanceIds=ids)["Reservations"] if ids else []
        return [dict(one) for page in pages for one in page["Instances"]]

    def images(self) -> list[str]:
        return [one["ImageId"] for one in self.instances()]

    def update(self, template: Template) -> str:
        """Update the stack; the status that it has then."""
        cloudformation = self.run.client("cloudformation")
        cloudformation.update_stack(StackName=self.stack, TemplateBody=json.dumps(template))

        def ended() -> str | None:
            state = str(cloudformation.describe_stacks(StackName=self.stack)["Stacks"][0]["StackStatus"])
            return None if state.endswith("_IN_PROGRESS") else state

        return self.run.wait("the update", ended, 30)

    def reason(self) -> str:
        """Why the group could not be updated last."""
        events = self.run.client("cloudformation").describe_stack_events(StackName=self.stack)["StackEvents"]
        return next(str(one["ResourceStatusReason"]) for one in events if one["ResourceStatus"] == "UPDATE_FAILED")

    def history(self) -> list[tuple[float, int, int, list[str]]]:
        found = ask(self.run, f"/_sandbox/fleet/history?group={self.name}")["history"]
        return [(float(when), int(ready), int(desired), list(images)) for when, ready, desired, images in found]

    def fewest(self) -> int:
        """The fewest instances that were ready at a time, since all were for the first time."""
        ready = [count for _, count, _, _ in self.history()]
        return min(ready[ready.index(2) :])

    def refreshes(self) -> list[str]:
        found = self.api.describe_instance_refreshes(AutoScalingGroupName=self.name)["InstanceRefreshes"]
        return [str(one["Status"]) for one in found]

    def settled(self, *images: str) -> bool:
        group = self.group()
        return sorted(self.images()) == sorted(images) and len(group["Instances"]) == len(images)


@contextmanager
def running(run: Run, template: Template) -> Iterator[Fleet]:
    stack = f"fleet-{uuid4().hex[:8]}"
    with deployed(run, stack, template):
        yield Fleet(run, stack)


@contextmanager
def heard(run: Run) -> Iterator[str]:
    """A queue that hears of what Auto Scaling tells."""
    name, sqs, events = f"q{uuid4().hex[:8]}", run.client("sqs"), run.client("events")
    arn = f"arn:aws:sqs:{REGION}:{ACCOUNT}:{name}"
    allow = {"Effect": "Allow", "Principal": {"Service": "events.amazonaws.com"}, "Action": "*", "Resource": arn}
    queue = sqs.create_queue(QueueName=name, Attributes={"Policy": json.dumps({"Statement": [allow]})})["QueueUrl"]
    events.put_rule(Name=name, EventPattern=json.dumps({"source": ["aws.autoscaling"]}))
    events.put_targets(Rule=name, Targets=[{"Id": "Queue", "Arn": arn}])
    yield queue
    events.remove_targets(Rule=name, Ids=["Queue"])
    events.delete_rule(Name=name)
    sqs.delete_queue(QueueUrl=queue)


def balanced(template: Template, delay: int = 60) -> Template:
    """A group behind a load balancer whose health it looks at."""
    check = {"HealthCheckIntervalSeconds": 10, "HealthyThresholdCount": 2}
    drain = [{"Key": "deregistration_delay.timeout_seconds", "Value": str(delay)}]
    vpc = {"VpcId": "vpc-00000001", "Protocol": "HTTP", "Port": 80, "TargetGroupAttributes": drain}
    forward = [{"Type": "forward", "TargetGroupArn": {"Ref": "Targets"}}]
    listener = {"LoadBalancerArn": {"Ref": "Balancer"}, "Port": 80, "Protocol": "HTTP", "DefaultActions": forward}
    elb = "AWS::ElasticLoadBalancingV2"
    more = {
        "Targets": {"Type": f"{elb}::TargetGroup", "Properties": {**vpc, **check}},
        "Balancer": {"Type": f"{elb}::LoadBalancer", "Properties": {"Subnets": SUBNETS}},
        "Listener": {"Type": f"{elb}::Listener", "Properties": listener},
    }
    group = template["Resources"]["Group"]
    group["Properties"] |= {"TargetGroupARNs": [{"Ref": "Targets"}], "HealthCheckType": "ELB"}
    return {"Resources": {**template["Resources"], **more, "Group": {**group, "DependsOn": "Listener"}}}


def ask(run: Run, path: str) -> Any:
    trust = ssl.create_default_context(cafile=str(run.sandbox.ca))
    with urllib.request.urlopen(f"{run.sandbox.endpoint}{path}", timeout=10, context=trust) as answer:  # noqa: S310
        return json.load(answer)
