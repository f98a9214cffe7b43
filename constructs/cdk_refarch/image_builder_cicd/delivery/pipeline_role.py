"""The role of the pipeline, which fetches the source, builds and asks; stacks are deployed by roles that it assumes."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role

from .artifacts import OBJECTS, Store
from .deploy_statements import statement

CODEPIPELINE = "codepipeline.amazonaws.com"


def pipeline_role(
    scope: Construct, *, project_arn: str, stores: Sequence[Store], statements: Sequence[iam.PolicyStatement]
) -> iam.Role:
    """Create the role.

    Args:
        scope: The pipeline's construct.
        project_arn: The project that makes templates.
        stores: Where artifacts are, in all regions.
        statements: What the source and the approval need.
    """
    stack = cdk.Stack.of(scope)
    pipelines = f"arn:{stack.partition}:codepipeline:{stack.region}:{stack.account}:*"
    role = service_role(
        scope,
        "PipelineRole",
        service=CODEPIPELINE,
        # The pipeline needs the role before it exists, and has a name that CloudFormation makes up. If CodePipeline
        # should not say for which pipeline it works, which AWS does not document, the role is for CodePipeline all the
        # same: it works with roles of the pipeline's own account only.
        conditions={
            "StringEqualsIfExists": {"aws:SourceAccount": stack.account},
            "ArnLikeIfExists": {"aws:SourceArn": pipelines},
        },
        description="Lets the pipeline fetch the source, build templates and ask for approval",
        statements=[
            *statements,
            statement(["codebuild:BatchGetBuilds", "codebuild:StartBuild", "codebuild:StopBuild"], project_arn),
            *(one.looking() for one in stores),
            # With an access control list, as sources of connections are written: it gives the bucket's owner all.
            *(part for one in stores for part in one.writing(scope, "s3:PutObjectAcl")),
        ],
    )
    for store in stores:
        acknowledge_wildcard(role, store.objects, OBJECTS)
    return role


def let_assume(scope: Construct, role: iam.Role, role_arns: Sequence[str]) -> iam.CfnPolicy:
    """Let the pipeline assume the roles of its actions.

    It is no part of the role itself, because these roles name it, and so come after it.

    Args:
        scope: The pipeline's construct.
        role: The role of the pipeline.
        role_arns: The roles of its actions.
    """
    return iam.CfnPolicy(
        scope,
        "AssumeActionRoles",
        roles=[role.role_name],
        policy_name="AssumeActionRoles",
        policy_document=iam.PolicyDocument(statements=[statement(["sts:AssumeRole"], role_arns)]),
    )
