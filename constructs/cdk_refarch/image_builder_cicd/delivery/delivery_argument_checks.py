"""Refusal of bad arguments of ``ImageBuilderCicd`` as a whole, before anything is created."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag

from .delivery_checks import (
    check_approval,
    check_build,
    check_image,
    check_log_bucket,
    check_names,
    check_source,
)
from .delivery_values import (
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    ImageDeployment,
    TemplateBuild,
)
from .deployment_checks import check_fleets
from .stack_checks import check_statements

REMEDIES = {"image": "give the stacks of one of the two another name"}


def check_delivery(
    checks: Checks,
    scope: Construct,
    *,
    source: CodeCommitSource | ConnectionSource,
    image: ImageDeployment,
    fleets: Sequence[FleetDeployment],
    build: TemplateBuild,
    approval: Approval | None,
    follow_images: bool,
    artifact_buckets: Mapping[str, s3.IBucket],
    boundary_statements: Sequence[iam.PolicyStatement],
    access_log_bucket: s3.IBucket | None,
) -> None:
    """Check what is delivered, from where, and through whose hands.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        source: The argument.
        image: The argument.
        fleets: The argument.
        build: The argument.
        approval: The argument.
        follow_images: The argument.
        artifact_buckets: The argument.
        boundary_statements: The argument.
        access_log_bucket: The argument.

    Raises:
        ValueError: If AWS would refuse one, or a role could touch more than its stack.
    """
    check_source(checks, scope, source)
    check_image(checks, scope, image)
    check_fleets(checks, scope, fleets, artifact_buckets)
    check_names(checks, scope, image.stack_name, [fleet.stack_name for fleet in fleets])
    check_build(checks, build)
    check_approval(checks, scope, approval)
    check_flag(checks, "follow_images", follow_images, remedy="give False to roll out commits only")
    check_statements(checks, "boundary_statements", boundary_statements)
    check_log_bucket(checks, scope, access_log_bucket)


def claimed(image: ImageDeployment, fleets: Sequence[FleetDeployment]) -> dict[str, str]:
    """Return the stacks that only one pipeline can deploy, and the argument that asks for each.

    Args:
        image: What is asked for; checked before.
        fleets: What is asked for; checked before.
    """
    wanted = {f"pipeline of the stack {image.stack_name}": "image"}
    for fleet in fleets:
        where = f"{fleet.account or 'here'} {fleet.region or 'here'}"
        wanted[f"pipeline of the stack {fleet.stack_name} in {where}"] = "fleets"
    return wanted
