"""The pipeline that builds images, and the image that a deployment builds with it."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from constructs import Construct

from .build_infrastructure import BuildInfrastructure
from .image_values import BuildSchedule

L1 = imagebuilder.CfnImagePipeline
CONDITIONS = {True: "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE", False: "EXPRESSION_MATCH_ONLY"}
"""Whether it takes an update to build an image, to what Image Builder calls that."""


def image_pipeline(
    scope: Construct,
    *,
    prefix: str,
    recipe: imagebuilder.CfnImageRecipe,
    build: BuildInfrastructure,
    distribution: imagebuilder.CfnDistributionConfiguration,
    role: iam.IRole,
    tests: bool,
    schedule: BuildSchedule | None,
    scan: bool,
) -> imagebuilder.CfnImagePipeline:
    """Create the pipeline.

    Args:
        scope: The construct it belongs to.
        prefix: Its name.
        recipe: What is done.
        build: What it is done on, and where it is logged.
        distribution: Where the image goes.
        role: The role that Image Builder runs it with.
        tests: Whether the image is tested.
        schedule: When it runs; None for never by itself.
        scan: Whether the image is scanned.
    """
    return L1(
        scope,
        "Pipeline",
        name=prefix,
        status="ENABLED",
        image_recipe_arn=recipe.attr_arn,
        infrastructure_configuration_arn=build.configuration.attr_arn,
        distribution_configuration_arn=distribution.attr_arn,
        execution_role=role.role_arn,
        enhanced_image_metadata_enabled=True,
        image_tests_configuration=L1.ImageTestsConfigurationProperty(image_tests_enabled=tests),
        image_scanning_configuration=L1.ImageScanningConfigurationProperty(image_scanning_enabled=True)
        if scan
        else None,
        logging_configuration=L1.PipelineLoggingConfigurationProperty(
            image_log_group_name=build.image_log.log_group_name,
            pipeline_log_group_name=build.pipeline_log.log_group_name,
        ),
        schedule=None if schedule is None else _schedule(schedule),
    )


def deployed_image(scope: Construct, pipeline: imagebuilder.CfnImagePipeline) -> imagebuilder.CfnImage:
    """Create the image that the pipeline builds when a deployment has changed it.

    Args:
        scope: The construct it belongs to.
        pipeline: The pipeline.
    """
    l1 = imagebuilder.CfnImage
    image = l1(
        scope,
        "Image",
        image_pipeline_execution_settings=l1.ImagePipelineExecutionSettingsProperty(
            deployment_id=pipeline.attr_deployment_id, on_update=True
        ),
    )
    # A deployment that is rolled back must not delete what the parameter points to already, and one that succeeds not
    # what instances still run: the lifecycle policy cleans up.
    image.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return image


def _schedule(schedule: BuildSchedule) -> imagebuilder.CfnImagePipeline.ScheduleProperty:
    failures = schedule.disable_after_failures
    return L1.ScheduleProperty(
        schedule_expression=schedule.expression,
        timezone=schedule.timezone,
        pipeline_execution_start_condition=CONDITIONS[schedule.only_with_updates],
        auto_disable_policy=None if failures is None else L1.AutoDisablePolicyProperty(failure_count=failures),
    )
