"""Refusal of bad arguments of ``GoldenImage`` as a whole, before anything is created."""

from __future__ import annotations

from typing import Any, get_args

from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag
from cdk_refarch._parts.resource_checks import check_resources

from .build_checks import check_build, check_parent, check_volume
from .component_checks import FROM_X_ON, FROM_X_ON_RULE, check_components
from .distribution_checks import check_distribution
from .document_node import meant
from .image_values import Platform
from .schedule_checks import check_lifecycle, check_schedule, check_stale


def check_image(
    checks: Checks,
    scope: Construct,
    *,
    vpc: object,
    components: object,
    parent_image: object,
    platform: object,
    recipe_version: Any,
    volume: object,
    build: object,
    tests: object,
    distribution: object,
    parameter_name: object,
    schedule: object,
    build_on_deploy: object,
    lifecycle: object,
    scan: object,
    stale_after: object,
    encryption_key: object,
    alarm_topic: object,
    removal_policy: object,
    log_retention: object,
) -> None:
    """Check everything that a golden image is given.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        vpc: The argument, and so on.
        components: The argument.
        parent_image: The argument.
        platform: The argument.
        recipe_version: The argument.
        volume: The argument.
        build: The argument.
        tests: The argument.
        distribution: The argument.
        parameter_name: The argument.
        schedule: The argument.
        build_on_deploy: The argument.
        lifecycle: The argument.
        scan: The argument.
        stale_after: The argument.
        encryption_key: The argument.
        alarm_topic: The argument.
        removal_policy: The argument.
        log_retention: The argument.

    Raises:
        ValueError: If Image Builder would refuse one, or would not do what it says.
    """
    users = "volumes, images and logs"
    check_resources(checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
    runs = _platform(checks, platform)
    parent = check_parent(checks, scope, parent_image, runs)
    check_components(checks, scope, components, runs)
    remedy = "give 1.0.x to have Image Builder count"
    checks.matches("recipe_version", recipe_version, FROM_X_ON, rule=FROM_X_ON_RULE, remedy=remedy)
    check_volume(checks, volume, runs)
    check_build(checks, scope, vpc, build, parent, runs)
    _check_tests(checks, tests, scan)
    check_distribution(checks, scope, distribution, parameter_name)
    check_flag(checks, "build_on_deploy", build_on_deploy, remedy="give False to build by the schedule alone")
    check_stale(checks, stale_after, check_schedule(checks, schedule, parent))
    check_lifecycle(checks, lifecycle)


def _platform(checks: Checks, value: Any) -> Platform:
    if is_token(value):
        checks.refuse("platform", "known when the app runs", "a token", "give LINUX or WINDOWS")
    if value not in get_args(Platform):
        rule = f"one of {', '.join(get_args(Platform))}"
        checks.refuse("platform", rule, repr(value), meant(value, get_args(Platform), "there is no other"))
    found: Platform = value
    return found


def _check_tests(checks: Checks, tests: object, scan: object) -> None:
    check_flag(checks, "tests", tests, remedy="give False to test nothing")
    check_flag(checks, "scan", scan, remedy="give True to have Amazon Inspector scan the image")
    if scan and not tests:
        # https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_ImageScanningConfiguration.html
        remedy = "what is scanned is the instance that tests run on"
        checks.refuse("scan and tests", "switched on together", "scan alone", remedy)
