"""Refusal of bad arguments of ``FleetDeployRoles``, before anything is created."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.list_checks import check_flag, check_known

from .stack_checks import check_apart, check_qualifier, check_stack_name, check_statements

PIPELINE_ROLE = r"arn:aws[a-z-]*:iam::[0-9]{12}:role/[A-Za-z0-9+=,.@_/-]+\*?"
BUCKET = r"arn:aws[a-z-]*:s3:::[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]"
KEY = r"arn:aws[a-z-]*:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
POLICY_NAME = r"[A-Za-z0-9+=,.@_-]{1,128}"
"""https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreatePolicy.html"""


def check_deploy_roles(
    checks: Checks,
    scope: Construct,
    *,
    stack_name: object,
    image_stack: object,
    pipeline_role_arn: object,
    artifact_bucket_arn: str,
    artifact_key_arn: str,
    boundary_name: object,
    existing_boundary: object,
    bootstrap_qualifier: object,
    statements: object,
    boundary_statements: object,
) -> None:
    """Check the arguments.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        stack_name: The argument.
        image_stack: The argument.
        pipeline_role_arn: The argument.
        artifact_bucket_arn: The argument.
        artifact_key_arn: The argument.
        boundary_name: The argument.
        existing_boundary: The argument.
        bootstrap_qualifier: The argument.
        statements: The argument.
        boundary_statements: The argument.

    Raises:
        ValueError: If AWS would refuse one, or a role could touch more than its stack.
    """
    check_flag(checks, "existing_boundary", existing_boundary, remedy="give existing_boundary=True or False")
    if existing_boundary and boundary_statements:
        remedy = "give boundary_statements to the FleetDeployRoles that creates the boundary"
        got = "both"
        checks.refuse("existing_boundary and boundary_statements", "given one at a time", got, remedy)
    check_stack_name(checks, "stack_name", stack_name)
    check_stack_name(checks, "image_stack", image_stack)
    check_apart(checks, "stack_name", [str(stack_name)], [cdk.Stack.of(scope).stack_name])
    remedy = "give pipeline_role.role_arn of ImageBuilderCicd as text, which its stack has as an output"
    check_known(checks, "pipeline_role_arn", pipeline_role_arn, remedy=remedy)
    rule = "the ARN of a role, where * may stand for the end of its name"
    checks.matches("pipeline_role_arn", str(pipeline_role_arn), PIPELINE_ROLE, rule=rule, remedy=remedy)
    for argument, value, pattern, what in (
        ("artifact_bucket_arn", artifact_bucket_arn, BUCKET, "bucket"),
        ("artifact_key_arn", artifact_key_arn, KEY, "key"),
    ):
        remedy = f"give the ARN of the {what} that the pipeline uses in this region"
        checks.matches(argument, value, pattern, rule=f"the ARN of a {what}", remedy=remedy)
    remedy = "give boundary_name of ImageBuilderCicd as text, which its stack has as an output"
    check_known(checks, "boundary_name", boundary_name, remedy=remedy)
    rule = "from 1 to 128 letters, digits and +=,.@_-"
    checks.matches("boundary_name", str(boundary_name), POLICY_NAME, rule=rule, remedy=remedy)
    check_qualifier(checks, bootstrap_qualifier)
    check_statements(checks, "statements", statements)
    check_statements(checks, "boundary_statements", boundary_statements)
