"""The two roles that a stack is deployed with: the pipeline's, which calls CloudFormation, and CloudFormation's."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role

from .artifacts import OBJECTS, Store
from .boundary import Boundary
from .deploy_role_checks import check_deploy_roles
from .deploy_statements import statement
from .fleet_statements import fleet_statements
from .stack_scope import StackScope, scope_of

CLOUDFORMATION = "cloudformation.amazonaws.com"

NAMED = (
    "CloudFormation makes up the names and ids of what it creates. The pattern ends in a wildcard where its part "
    "begins, and where ids are made up as a whole, a tag or a condition limits the statement. "
    "https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html."
)
"""Why statements of CloudFormation's role have wildcards."""

STACKS = "A stack's ARN ends in an id that CloudFormation makes up when it is created, and the name comes before it."
"""Why statements of the pipeline's role about stacks have wildcards."""


def deploy_role(
    scope: Construct,
    stack: StackScope,
    statements: Sequence[iam.PolicyStatement],
    further: Sequence[iam.PolicyStatement],
) -> iam.Role:
    """Create the role that CloudFormation deploys a stack with.

    Args:
        scope: The construct that it belongs to.
        stack: The stack.
        statements: What it may do.
        further: What it may do besides, as somebody asked for.
    """
    role = service_role(
        scope,
        "DeployRole",
        service=CLOUDFORMATION,
        # If CloudFormation should not say for which stack it works, which AWS documents for extensions only, the role
        # is for CloudFormation all the same: only roles of a stack's own account can be handed to it.
        conditions={
            "StringEqualsIfExists": {"aws:SourceAccount": stack.account},
            "ArnLikeIfExists": {"aws:SourceArn": stack.stack_arn},
        },
        description=f"Lets CloudFormation deploy the stack {stack.stack_name} and no other",
        statements=[*statements, *further],
    )
    for resource in dict.fromkeys(resource for one in statements for resource in one.resources):
        if "*" in resource:
            acknowledge_wildcard(role, resource, NAMED)
    return role


def action_role(
    scope: Construct, stack: StackScope, *, deploy_role_arn: str, pipeline: iam.IPrincipal, artifacts: Store
) -> iam.Role:
    """Create the role by which a pipeline has a stack deployed.

    Args:
        scope: The construct that it belongs to.
        stack: The stack.
        deploy_role_arn: The role that CloudFormation deploys it with.
        pipeline: Who assumes the role.
        artifacts: Where the templates are.
    """
    role = iam.Role(
        scope,
        "ActionRole",
        assumed_by=pipeline,
        description=f"Lets the pipeline make and execute change sets of the stack {stack.stack_name}",
        inline_policies={
            "Permissions": iam.PolicyDocument(
                statements=[
                    # With no other role, for it decides what a template can do.
                    statement(
                        ["cloudformation:CreateChangeSet"],
                        stack.stack_arn,
                        {"StringEquals": {"cloudformation:RoleArn": deploy_role_arn}},
                    ),
                    statement(
                        [
                            "cloudformation:DeleteChangeSet",
                            "cloudformation:DescribeChangeSet",
                            "cloudformation:DescribeStackEvents",
                            "cloudformation:DescribeStacks",
                            "cloudformation:ExecuteChangeSet",
                        ],
                        stack.stack_arn,
                    ),
                    statement(
                        ["iam:PassRole"],
                        deploy_role_arn,
                        {"StringEquals": {"iam:PassedToService": CLOUDFORMATION}},
                    ),
                    # CloudFormation reads the values of a template's parameters for whoever makes a change set.
                    statement(["ssm:GetParameters"], stack.parameter_arns),
                    *artifacts.reading(scope),
                ]
            )
        },
    )
    acknowledge_wildcard(role, stack.stack_arn, STACKS)
    acknowledge_wildcard(role, stack.parameter_arns[0], NAMED)
    acknowledge_wildcard(role, artifacts.objects, OBJECTS)
    return role


class FleetDeployRoles(Construct):
    """The roles by which a pipeline of another account deploys a fleet into this one, and into this region.

    Creates the role that the pipeline assumes, the role that CloudFormation deploys the stack with, which can make a
    ``RollingFleet`` and nothing else, and the permissions boundary that every role of the stack must have.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        stack_name: The fleet's stack.
        image_stack: The stack of the golden image, which the parameter with the image's id is called after.
        pipeline_role_arn: The role of the pipeline, ``pipeline_role`` of ``ImageBuilderCicd``. Where it is not there
            yet, ``*`` stands for what is not known of its name.
        artifact_bucket_arn: The bucket with the pipeline's artifacts in this region.
        artifact_key_arn: The key that the bucket is encrypted with.
        boundary_name: The name of the permissions boundary, which is the one of the pipeline's, so that a template has
            one name for all accounts: ``boundary_name`` of ``ImageBuilderCicd``.
        existing_boundary: Whether the permissions boundary is there already, created by another ``FleetDeployRoles`` of
            the account: for another stack, or in another region.
        bootstrap_qualifier: The qualifier of the CDK's bootstrap stack.
        statements: What CloudFormation may do besides, for other resources of the stack.
        boundary_statements: What the stack's roles may be allowed besides. Not together with ``existing_boundary``.

    Attributes:
        action_role: The role for ``action_role_arn`` of ``FleetDeployment``.
        deploy_role: The role for ``deploy_role_arn`` of ``FleetDeployment``.
        boundary: The permissions boundary; None with ``existing_boundary``.

    Raises:
        ValueError: If an argument is one that AWS would refuse.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        stack_name: str = "Fleet",
        image_stack: str = "GoldenImage",
        pipeline_role_arn: str,
        artifact_bucket_arn: str,
        artifact_key_arn: str,
        boundary_name: str,
        existing_boundary: bool = False,
        bootstrap_qualifier: str = "hnb659fds",
        statements: Sequence[iam.PolicyStatement] = (),
        boundary_statements: Sequence[iam.PolicyStatement] = (),
    ) -> None:
        checks = Checks.of(scope, id)
        check_deploy_roles(
            checks,
            scope,
            stack_name=stack_name,
            image_stack=image_stack,
            pipeline_role_arn=pipeline_role_arn,
            artifact_bucket_arn=artifact_bucket_arn,
            artifact_key_arn=artifact_key_arn,
            boundary_name=boundary_name,
            existing_boundary=existing_boundary,
            bootstrap_qualifier=bootstrap_qualifier,
            statements=statements,
            boundary_statements=boundary_statements,
        )
        once = {} if existing_boundary else {f"policy {boundary_name} of the account": "boundary_name"}
        check_claims(checks, scope, once, {"boundary_name": "give existing_boundary=True in the second one"})
        super().__init__(scope, id)
        claim(self, once)
        self.boundary: iam.CfnManagedPolicy | None = None
        if not existing_boundary:
            made = Boundary(self, "Boundary", image_stack=None, statements=boundary_statements, name=boundary_name)
            self.boundary = made.policy
        aws = cdk.Stack.of(self)
        stack = scope_of(
            self,
            stack_name=stack_name,
            boundary_arn=f"arn:{aws.partition}:iam::{aws.account}:policy/{boundary_name}"
            if self.boundary is None
            else self.boundary.ref,
            image_stack=image_stack,
            qualifier=bootstrap_qualifier,
        )
        self.deploy_role: iam.Role = deploy_role(self, stack, fleet_statements(stack), statements)
        self.action_role: iam.Role = action_role(
            self,
            stack,
            deploy_role_arn=self.deploy_role.role_arn,
            pipeline=_role_of_another_account(pipeline_role_arn),
            artifacts=Store(cdk.Stack.of(self).region, artifact_bucket_arn, artifact_key_arn),
        )


def _role_of_another_account(arn: str) -> iam.IPrincipal:
    # The account with a condition, because a role that is not there yet would be refused as a principal.
    return iam.PrincipalWithConditions(iam.AccountPrincipal(arn.split(":")[4]), {"ArnLike": {"aws:PrincipalArn": arn}})
