"""A fleet of instances that is rolled over to another image."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.subnet_checks import selection
from cdk_refarch.image_builder_cicd.auto_scaling_key import admit_auto_scaling

from . import fleet_alarms, fleet_instances
from .fleet_checks import Instances, check_capacity, check_instances, operating_system
from .fleet_update_checks import check_health, check_update
from .fleet_updates import update_policy, wait_for_signals
from .fleet_values import FleetCapacity, FleetVolume, InstanceRefresh, RollingUpdate

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_sns as sns

    from .fleet_alarms import TargetGroup


class RollingFleet(Construct):
    """Instances of one image that are replaced, some at a time, when the image is another one.

    Creates a launch template, an Auto Scaling group with its update policy, a role and a security group for the
    instances, and alarms on the fleet and on its updates. The instances answer metadata requests with a token only and
    not to containers, have encrypted volumes and no key pair.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        vpc: Where the instances are.
        image: What they start from. An image that is looked up at the deployment, such as the ``machine_image`` of a
            ``GoldenImage`` or one of a parameter, is rolled out by the deployment. One that is looked up at each launch
            is not, and no update can be rolled back to the former one.
        instance_type: Their type, of the image's architecture.
        capacity: How many there are.
        update: How they are replaced: ``InstanceRefresh``, which asks load balancers and alarms, or ``RollingUpdate``,
            which waits for signals of the instances.
        subnets: Where in the VPC they are; None for private subnets with a way out.
        security_groups: Their security groups; None to create one that lets nothing in, and HTTPS out.
        target_groups: Target groups of load balancers that they belong to, and by whose health checks they are known to
            be healthy. A target group must have its listener before. The CDK lets Application Load Balancers of the app
            in; what else must reach the instances is let in by ``connections``.
        health_check_grace: How long an instance has to become healthy, up to 1439 minutes.
        user_data: What they run when they start; None for nothing. For ``RollingUpdate`` commands are put behind it:
            give each fleet one of its own, for Linux, and begin it with ``set -e`` so that what fails is seen.
        statements: What the instances may do. Without any they may do nothing, nor be managed by Systems Manager.
        volume: The volume that they start from.
        encryption_key: Encrypts the volumes, whatever the image is encrypted with; None for the image's key or, if it
            has none, the one that the account encrypts volumes with. A given key that the app does not own must admit
            the service-linked role of Auto Scaling.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.

    Attributes:
        group: The Auto Scaling group.
        launch_template: The launch template.
        role: The role of the instances.
        security_group: The security group that was created; None if some were given.
        connections: What the instances may reach, and who may reach them.
        alarms: The alarms by name.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or no update could succeed.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        image: ec2.IMachineImage,
        instance_type: ec2.InstanceType,
        capacity: FleetCapacity = FleetCapacity(),
        update: InstanceRefresh | RollingUpdate = InstanceRefresh(),
        subnets: ec2.SubnetSelection | None = None,
        security_groups: Sequence[ec2.ISecurityGroup] | None = None,
        target_groups: Sequence[TargetGroup] = (),
        health_check_grace: cdk.Duration = cdk.Duration.minutes(5),
        user_data: ec2.UserData | None = None,
        statements: Sequence[iam.PolicyStatement] = (),
        volume: FleetVolume = FleetVolume(),
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
    ) -> None:
        checks = Checks.of(scope, id)
        given = Instances(
            vpc=vpc,
            image=image,
            instance_type=instance_type,
            subnets=subnets,
            security_groups=security_groups,
            user_data=user_data,
            statements=statements,
            volume=volume,
            encryption_key=encryption_key,
        )
        check_instances(checks, scope, given, alarm_topic)
        check_capacity(checks, capacity)
        check_health(checks, scope, vpc, target_groups, health_check_grace)
        check_update(checks, scope, update, capacity, target_groups, given)
        system = operating_system(scope, image)
        super().__init__(scope, id)
        if encryption_key is not None:
            admit_auto_scaling(self, encryption_key)
        self.role: iam.Role = fleet_instances.instance_role(self, statements)
        self.security_group: ec2.SecurityGroup | None = None
        self.launch_template = self._launch_template(given, system)
        grace = health_check_grace
        unhealthy = fleet_alarms.unhealthy_hosts(self, target_groups, grace=grace, topic=alarm_topic)
        self.group = self._group(given, capacity, update, target_groups, grace, unhealthy)
        self.connections: ec2.Connections = self.group.connections
        self.alarms: Mapping[str, cloudwatch.Alarm] = {
            **fleet_alarms.too_few(
                self, self.metric_in_service(), minimum=capacity.minimum, grace=grace, topic=alarm_topic
            ),
            **unhealthy,
            **fleet_alarms.failures(self, self.group, update, alarm_topic),
        }

    def metric_in_service(self, *, statistic: str = "Minimum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many instances are in service.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for a minute, after which the group counts them again.
        """
        return cloudwatch.Metric(
            namespace="AWS/AutoScaling",
            metric_name="GroupInServiceInstances",
            dimensions_map={"AutoScalingGroupName": self.group.auto_scaling_group_name},
            statistic=statistic,
            period=fleet_alarms.MINUTE if period is None else period,
        )

    def _launch_template(self, given: Instances, system: ec2.OperatingSystemType) -> ec2.LaunchTemplate:
        groups = given.security_groups
        if groups is None:
            self.security_group = fleet_instances.own_security_group(self, given.vpc)
            groups = [self.security_group]
        # Whether there are user data must not depend on the consumer's feature flags.
        user_data = ec2.UserData.for_operating_system(system) if given.user_data is None else given.user_data
        return fleet_instances.launch_template(
            self, given, role=self.role, security_groups=groups, user_data=user_data, system=system
        )

    def _group(
        self,
        given: Instances,
        capacity: FleetCapacity,
        update: InstanceRefresh | RollingUpdate,
        target_groups: Sequence[TargetGroup],
        grace: cdk.Duration,
        unhealthy: Mapping[str, cloudwatch.Alarm],
    ) -> autoscaling.AutoScalingGroup:
        checks, load_balancer = autoscaling.HealthChecks, autoscaling.AdditionalHealthCheckType.ELB
        made = autoscaling.AutoScalingGroup(
            self,
            "Group",
            vpc=given.vpc,
            vpc_subnets=ec2.SubnetSelection(**selection(given.subnets)),
            launch_template=self.launch_template,
            min_capacity=capacity.minimum,
            max_capacity=capacity.maximum,
            desired_capacity=capacity.desired,
            ignore_unmodified_size_properties=True,
            health_checks=checks.with_additional_checks(additional_types=[load_balancer], grace_period=grace)
            if target_groups
            else checks.ec2(grace_period=grace),
            group_metrics=[autoscaling.GroupMetrics.all()],
            update_policy=update_policy(update, capacity, unhealthy.values()),
        )
        for group in target_groups:
            group.add_target(made)
        # In a network of the same stack, the first instances would be started before there is a way out.
        selected = given.vpc.select_subnets(**selection(given.subnets))
        made.node.add_dependency(selected.internet_connectivity_established)
        if isinstance(update, RollingUpdate):
            wait_for_signals(made, made.user_data, update, capacity)
        # It would be so without ignore_unmodified_size_properties.
        cdk.Annotations.of(made).acknowledge_warning("@aws-cdk/aws-autoscaling:desiredCapacitySet")
        acknowledge(
            made,
            "AwsSolutions::AwsSolutions-AS3",
            "A message for each instance that comes or goes is read by nobody. Launches that fail ring the alarm "
            "LaunchFailed, and instances that are missing the alarm InService.",
        )
        return made
