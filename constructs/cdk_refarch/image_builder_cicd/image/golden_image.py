"""An image that Image Builder builds, tests and distributes, with its deployment, by the clock, or both."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.event_route import EventRoute
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch.image_builder_cicd.auto_scaling_key import admit_auto_scaling
from cdk_refarch.image_builder_cicd.names import resource_prefix

from .build_infrastructure import BuildInfrastructure
from .distribution import distribution_configuration
from .execution_role import Uses, execution_role
from .image_checks import check_image
from .image_events import ImageEvents
from .image_keys import admit_accounts
from .image_lifecycle import lifecycle_policy
from .image_pipeline import deployed_image, image_pipeline
from .image_values import (
    BuildInstance,
    BuildSchedule,
    ImageComponent,
    ImageLifecycle,
    ImageRegion,
    ManagedComponent,
    Platform,
    RootVolume,
)
from .recipe import component_arns, make_components, make_recipe, named_parent

if TYPE_CHECKING:
    from cdk_refarch._parts.rule_targets import Target

    from .image_age import ImageAge


class GoldenImage(Construct):
    """An image of one's own for instances, built from components, tested, encrypted and kept up to date.

    Creates the components, the recipe, the infrastructure and the distribution configuration, the pipeline with its
    schedule, an image with each deployment that changes it, a policy for old images, rules and alarms for every way to
    fail, roles with exactly the needed permissions, logs, and a key.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        vpc: Where instances are started to build and test the image.
        components: What is done to the image and how it is tested, in this order.
        parent_image: What it is made from: the name of an image that Amazon manages, such as
            ``amazon-linux-2023-arm64``, the ARN of any image of Image Builder, the id of an AMI, or ``ssm:`` with the
            name of a parameter.
        platform: What it runs.
        recipe_version: Version of the recipe, three numbers. From the first ``x`` on, Image Builder counts up.
        volume: The root volume.
        build: The instances that the image is built and tested on.
        tests: Whether the image is tested on an instance that is started from it. An image that fails goes nowhere.
        distribution: Where the image goes, the stack's own region among it.
        parameter_name: The parameter of Systems Manager that gets the id of the image, in all regions; None for
            ``/imagebuilder/``, the name of the pipeline, and ``/latest``. Image Builder creates it.
        schedule: When an image is built besides the deployments that change it; None for never.
        build_on_deploy: Whether a deployment that changes the image builds it, and waits for it.
        lifecycle: What becomes of old images; None to keep them.
        scan: Whether Amazon Inspector scans the image, which must be activated in the account.
        stale_after: After how many days without a new image an alarm rings, from 1 to 365; None for no alarm.
        encryption_key: Encrypts the image and logs; None to create one. A given key that the app does not own must
            admit this account's IAM policies, CloudWatch Logs, the role of Auto Scaling, and the accounts that the
            image is shared with.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to logs and the key when the construct is removed. Images, recipes and components
            stay in any case.
        log_retention: How long logs are kept.

    Attributes:
        pipeline: The pipeline.
        recipe: The recipe.
        components: The construct's own components by id.
        build: What it is built on: ``configuration``, ``instance_role``, ``security_group`` and logs.
        distribution: The distribution configuration.
        image: The image of the deployment; None without ``build_on_deploy``.
        parameter_name: The name of the parameter that has the id of the newest image.
        machine_image: The newest image, looked up by each deployment of the stack that uses it.
        machine_image_at_launch: The newest image, looked up whenever an instance is started.
        execution_role: The role that Image Builder runs the pipeline with.
        lifecycle: The policy for old images; None without ``lifecycle``.
        age: The function that tells how old the newest image is; None without ``stale_after``.
        events: The rules for what happens to the images, with ``rules`` by name.
        encryption_key: The key, given or created.
        alarms: All alarms by name.

    Raises:
        ValueError: If an argument is one that Image Builder would refuse, or would not do what it says.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        vpc: ec2.IVpc,
        components: Sequence[ImageComponent | ManagedComponent] = (),
        parent_image: str = "amazon-linux-2023-x86",
        platform: Platform = "LINUX",
        recipe_version: str = "1.0.x",
        volume: RootVolume = RootVolume(),
        build: BuildInstance = BuildInstance(),
        tests: bool = True,
        distribution: Sequence[ImageRegion] = (ImageRegion(),),
        parameter_name: str | None = None,
        schedule: BuildSchedule | None = BuildSchedule(),
        build_on_deploy: bool = True,
        lifecycle: ImageLifecycle | None = ImageLifecycle(),
        scan: bool = False,
        stale_after: cdk.Duration | None = cdk.Duration.days(30),
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        checks = Checks.of(scope, id)
        check_image(
            checks,
            scope,
            vpc=vpc,
            components=components,
            parent_image=parent_image,
            platform=platform,
            recipe_version=recipe_version,
            volume=volume,
            build=build,
            tests=tests,
            distribution=distribution,
            parameter_name=parameter_name,
            schedule=schedule,
            build_on_deploy=build_on_deploy,
            lifecycle=lifecycle,
            scan=scan,
            stale_after=stale_after,
            encryption_key=encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        super().__init__(scope, id)
        self._prefix = resource_prefix(self)
        self._os = ec2.OperatingSystemType[platform]
        self.parameter_name = f"/imagebuilder/{self._prefix}/latest" if parameter_name is None else parameter_name
        self.encryption_key: kms.IKey = key_for(
            self, encryption_key, data="image and logs", removal_policy=removal_policy
        )
        admit_auto_scaling(self, self.encryption_key)
        admit_accounts(self, self.encryption_key, distribution)
        for one in distribution:
            if one.encryption_key is not None:
                admit_auto_scaling(self, one.encryption_key)
                admit_accounts(self, one.encryption_key, [one])
        self._operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.components: Mapping[str, imagebuilder.CfnComponent] = make_components(
            Construct(self, "Components"), prefix=self._prefix, components=components, platform=platform
        )
        parent = named_parent(self, parent_image)
        self.recipe = make_recipe(
            self,
            prefix=self._prefix,
            parent=parent,
            version=recipe_version,
            components=components,
            made=self.components,
            volume=volume,
            platform=platform,
            key=self.encryption_key,
            working_directory=build.working_directory,
        )
        self.build = BuildInfrastructure(
            self,
            "Build",
            prefix=self._prefix,
            vpc=vpc,
            build=build,
            component_arns=component_arns(self, self._prefix, components),
            operation=self._operation,
        )
        self.distribution = distribution_configuration(
            self,
            prefix=self._prefix,
            regions=distribution,
            parameter_name=self.parameter_name,
            key=self.encryption_key,
        )
        self.execution_role = self._execution_role(parent, distribution, scan)
        self.pipeline = image_pipeline(
            self,
            prefix=self._prefix,
            recipe=self.recipe,
            build=self.build,
            distribution=self.distribution,
            role=self.execution_role,
            tests=tests,
            schedule=schedule,
            scan=scan,
        )
        self.image = deployed_image(self, self.pipeline) if build_on_deploy else None
        self.lifecycle = None if lifecycle is None else lifecycle_policy(self, prefix=self._prefix, lifecycle=lifecycle)
        self.events = ImageEvents(
            self, "Events", prefix=self._prefix, pipeline=self.pipeline, scan=scan, operation=self._operation
        )
        self.age = None if stale_after is None else self._age(stale_after)
        self.alarms: Mapping[str, cloudwatch.Alarm] = {
            **self.events.alarms,
            **({} if self.age is None else self.age.alarms),
        }

    @property
    def machine_image(self) -> ec2.IMachineImage:
        """The newest image, looked up by each deployment of the stack that uses it."""
        return ec2.MachineImage.from_ssm_parameter(self.parameter_name, os=self._os)

    @property
    def machine_image_at_launch(self) -> ec2.IMachineImage:
        """The newest image, looked up whenever an instance is started; no deployment sees that it has changed."""
        return ec2.MachineImage.resolve_ssm_parameter_at_launch(self.parameter_name, os=self._os)

    def grant_start(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an identity have the pipeline build an image.

        Args:
            grantee: The identity.
        """
        return iam.Grant.add_to_principal(
            grantee=grantee,
            actions=["imagebuilder:GetImagePipeline", "imagebuilder:StartImagePipelineExecution"],
            resource_arns=[self.pipeline.attr_arn],
        )

    def on_available(self, id: str, target: Target) -> EventRoute:
        """Send the event to a target that an image was built, tested and distributed.

        Args:
            id: The id of the route.
            target: A topic, queue, function, state machine, event bus or Firehose stream.

        Raises:
            ValueError: If the target is of another kind.
        """
        return self.events.route(id, target, "Available")

    def on_failed(self, id: str, target: Target) -> EventRoute:
        """Send the event to a target that an image could not be built, failed its tests, or was not distributed.

        Args:
            id: The id of the route.
            target: As in ``on_available``.

        Raises:
            ValueError: If the target is of another kind.
        """
        return self.events.route(id, target, "Failed")

    def on_vulnerability(self, id: str, target: Target) -> EventRoute:
        """Send the event to a target that Amazon Inspector found critical or high vulnerabilities.

        Args:
            id: The id of the route.
            target: As in ``on_available``.

        Raises:
            ValueError: If the target is of another kind, or the image is not scanned.
        """
        return self.events.route(id, target, "Vulnerable")

    def on_disabled(self, id: str, target: Target) -> EventRoute:
        """Send the event to a target that the schedule was disabled after too many failures.

        Args:
            id: The id of the route.
            target: As in ``on_available``.

        Raises:
            ValueError: If the target is of another kind.
        """
        return self.events.route(id, target, "Disabled")

    def _execution_role(self, parent: str, distribution: Sequence[ImageRegion], scan: bool) -> iam.Role:
        stack = cdk.Stack.of(self)
        keys = [one.encryption_key.key_arn for one in distribution if one.encryption_key is not None]
        return execution_role(
            self,
            Uses(
                # By its name: the pipeline has to wait for the role.
                pipeline_arn=f"arn:{stack.partition}:imagebuilder:{stack.region}:{stack.account}"
                f":image-pipeline/{self._prefix}",
                instance_role=self.build.instance_role,
                security_group_ids=self.build.security_group_ids,
                subnet_id=self.build.subnet_id,
                log_group_arns=[self.build.image_log.log_group_arn, self.build.pipeline_log.log_group_arn],
                key_arns=[self.encryption_key.key_arn, *keys],
                parameter_name=self.parameter_name,
                distribution=distribution,
                parent_parameter=parent.removeprefix("ssm:") if parent.startswith("ssm:") else None,
                scan=scan,
            ),
        )

    def _age(self, stale_after: cdk.Duration) -> ImageAge:
        from .image_age import ImageAge

        return ImageAge(self, "Age", pipeline=self.pipeline, stale_after=stale_after, operation=self._operation)
