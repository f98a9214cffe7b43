#!/usr/bin/env python3
"""A platform team's own app: one golden image for three regions and two accounts, and a fleet that starts from it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_elasticloadbalancingv2 as elbv2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from cdk_refarch import (
    AlarmTopic,
    BuildSchedule,
    FleetCapacity,
    GoldenImage,
    ImageComponent,
    ImageDistributionRole,
    ImageLifecycle,
    ImageRegion,
    InstanceRefresh,
    ManagedComponent,
    RollingFleet,
)

STAGING, PRODUCTION = "111122223333", "444455556666"
BUILDER = "777788889999"
PARAMETER = "/imagebuilder/base/latest"
KEYS = {
    "eu-west-1": f"arn:aws:kms:eu-west-1:{BUILDER}:key/1111aaaa-0000-4000-8000-000000000001",
    "ap-southeast-2": f"arn:aws:kms:ap-southeast-2:{BUILDER}:key/1111aaaa-0000-4000-8000-000000000002",
}
"""Keys of other regions, whose policies admit the two accounts."""

DOCUMENT = {
    "schemaVersion": 1.0,
    "phases": [
        {
            "name": "build",
            "steps": [
                {
                    "name": "Agent",
                    "action": "ExecuteBash",
                    "inputs": {"commands": ["dnf --assumeyes install amazon-cloudwatch-agent"]},
                }
            ],
        },
        {
            "name": "test",
            "steps": [
                {
                    "name": "Agent",
                    "action": "ExecuteBash",
                    "inputs": {"commands": ["rpm --query amazon-cloudwatch-agent"]},
                }
            ],
        },
    ],
}


def network(stack: cdk.Stack) -> ec2.IVpc:
    """Return the network of the team, which another app made.

    Args:
        stack: The stack that uses it.
    """
    return ec2.Vpc.from_vpc_attributes(
        stack,
        "Network",
        vpc_id="vpc-0a1b2c3d4e5f60718",
        availability_zones=["us-east-1a", "us-east-1b"],
        private_subnet_ids=["subnet-0a1b2c3d4e5f60711", "subnet-0a1b2c3d4e5f60712"],
        private_subnet_route_table_ids=["rtb-0a1b2c3d4e5f60711", "rtb-0a1b2c3d4e5f60712"],
    )


class BaseImage(cdk.Stack):
    """The image, copied to production and shared with staging in three regions."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        self.base = GoldenImage(
            self,
            "Base",
            vpc=network(self),
            components=[
                ManagedComponent(name="update-linux"),
                ImageComponent(id="Agent", document=DOCUMENT),
                ManagedComponent(name="simple-boot-test-linux"),
            ],
            distribution=[
                ImageRegion(copy_to_accounts=[PRODUCTION], share_with_accounts=[STAGING]),
                *(
                    ImageRegion(
                        region=region,
                        encryption_key=kms.Key.from_key_arn(self, f"Key-{region}", arn),
                        copy_to_accounts=[PRODUCTION],
                        share_with_accounts=[STAGING],
                    )
                    for region, arn in KEYS.items()
                ),
            ],
            parameter_name=PARAMETER,
            schedule=BuildSchedule(expression="cron(0 2 ? * mon *)", timezone="Europe/Berlin", only_with_updates=False),
            lifecycle=ImageLifecycle(deprecate_after=cdk.Duration.days(30), delete_after=cdk.Duration.days(180)),
            scan=True,
            stale_after=cdk.Duration.days(10),
            alarm_topic=alarms,
        )
        cdk.Annotations.of(self.base).acknowledge_warning(
            "cdk-refarch:key-policy", "The policies of the keys in KEYS admit the two accounts and Auto Scaling."
        )
        failed = sqs.Queue(
            self,
            "Vulnerabilities",
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=self.base.encryption_key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
        )
        reason = "The team's ticket system reads it, and puts aside what it cannot read."
        acknowledge(failed, "Serverless::Serverless-SQSRedrivePolicy", reason)
        acknowledge(failed, "AwsSolutions::AwsSolutions-SQS3", reason)
        self.base.on_vulnerability("Tickets", failed)


class Production(cdk.Stack):
    """What production needs once: the role by which images are copied into it."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        ImageDistributionRole(
            self,
            "Images",
            source_account=BUILDER,
            encryption_key_arns=list(KEYS.values()),
            parameter_names=[PARAMETER],
        )


class WebFleet(cdk.Stack):
    """Web servers of the image, behind a load balancer that another app made."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        target_group = elbv2.ApplicationTargetGroup.from_target_group_attributes(
            self,
            "TargetGroup",
            target_group_arn="arn:aws:elasticloadbalancing:us-east-1:444455556666:targetgroup/web/0123456789abcdef",
            load_balancer_arns="arn:aws:elasticloadbalancing:us-east-1:444455556666:loadbalancer/app/web/0123456789abcdef",
        )
        fleet = RollingFleet(
            self,
            "Web",
            vpc=network(self),
            image=ec2.MachineImage.from_ssm_parameter(PARAMETER),
            instance_type=ec2.InstanceType("m7i.large"),
            capacity=FleetCapacity(minimum=3, maximum=9),
            update=InstanceRefresh(checkpoints=[34, 100], checkpoint_delay=cdk.Duration.minutes(30)),
            target_groups=[target_group],
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        balancer = ec2.SecurityGroup.from_security_group_id(self, "Balancer", "sg-0a1b2c3d4e5f60718", mutable=False)
        fleet.connections.allow_from(balancer, ec2.Port.HTTP, "Requests and health checks")
        cdk.Annotations.of(target_group).acknowledge_warning(
            "@aws-cdk/aws-elbv2:albTargetGroupCannotRegisterConnectable", "The load balancer is let in right above."
        )


def acknowledge(scope: IConstruct, finding: str, reason: str) -> None:
    """Accept a finding of the security packs, where reports show it with its reason."""
    cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    BaseImage(app, "BaseImage")
    Production(app, "Production")
    WebFleet(app, "WebFleet")
    return app


if __name__ == "__main__":
    build().synth()
