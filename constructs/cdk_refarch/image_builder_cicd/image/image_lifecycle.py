"""What becomes of old images."""

from __future__ import annotations

from collections.abc import Iterator

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role

from .execution_role import IMAGE_BUILDER, MARK
from .image_values import ImageLifecycle

L1 = imagebuilder.CfnLifecyclePolicy
POLICY = (
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html is "
    "AWS's own policy, of which this is the part for AMIs."
)
IMAGES = f"Images and snapshots get their ids when they are made; a tag limits the statement. {POLICY}"
LISTS = f"Amazon EC2 and the tagging API have no resources for actions that list. {POLICY}"


def lifecycle_policy(scope: Construct, *, prefix: str, lifecycle: ImageLifecycle) -> imagebuilder.CfnLifecyclePolicy:
    """Create the policy, and the role that Image Builder carries it out with.

    Args:
        scope: The construct that they belong to.
        prefix: The name of the policy and of the recipe.
        lifecycle: What becomes of old images.
    """
    return L1(
        scope,
        "Lifecycle",
        name=prefix,
        execution_role=_role(scope, prefix).role_arn,
        resource_type="AMI_IMAGE",
        policy_details=list(_details(lifecycle)),
        resource_selection=L1.ResourceSelectionProperty(
            # Of all versions: with one version, images of the others would stay for ever.
            recipes=[L1.RecipeSelectionProperty(name=prefix, semantic_version="x.x.x")]
        ),
        status="ENABLED",
    )


def _details(lifecycle: ImageLifecycle) -> Iterator[imagebuilder.CfnLifecyclePolicy.PolicyDetailProperty]:
    if lifecycle.deprecate_after is not None:
        yield L1.PolicyDetailProperty(
            action=L1.ActionProperty(type="DEPRECATE", include_resources=L1.IncludeResourcesProperty(amis=True)),
            filter=L1.FilterProperty(type="AGE", unit="DAYS", value=lifecycle.deprecate_after.to_days()),
            exclusion_rules=_excluded(lifecycle),
        )
    if lifecycle.delete_after is not None:
        yield L1.PolicyDetailProperty(
            action=L1.ActionProperty(
                type="DELETE", include_resources=L1.IncludeResourcesProperty(amis=True, snapshots=True)
            ),
            filter=L1.FilterProperty(
                type="AGE",
                unit="DAYS",
                value=lifecycle.delete_after.to_days(),
                retain_at_least=lifecycle.keep_at_least,
            ),
            exclusion_rules=_excluded(lifecycle),
        )


def _excluded(lifecycle: ImageLifecycle) -> imagebuilder.CfnLifecyclePolicy.ExclusionRulesProperty | None:
    if lifecycle.keep_launched_within is None:
        return None
    last = L1.LastLaunchedProperty(unit="DAYS", value=lifecycle.keep_launched_within.to_days())
    return L1.ExclusionRulesProperty(amis=L1.AmiExclusionRulesProperty(last_launched=last))


def _role(scope: Construct, prefix: str) -> iam.Role:
    stack = cdk.Stack.of(scope)
    arn = f"arn:{stack.partition}"
    images, snapshots = f"{arn}:ec2:*::image/*", f"{arn}:ec2:*::snapshot/*"
    own = f"{arn}:imagebuilder:{stack.region}:{stack.account}:image/{prefix}/*"
    made = {"StringEquals": {"aws:ResourceTag/CreatedBy": MARK}}
    marks = {
        "ForAllValues:StringEquals": {"aws:TagKeys": "DeprecatedBy"},
        "StringEquals": {"aws:RequestTag/DeprecatedBy": MARK, "aws:ResourceTag/CreatedBy": MARK},
    }
    role = service_role(
        scope,
        "LifecycleRole",
        service=IMAGE_BUILDER,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        description="Lets Image Builder deprecate and delete old images",
        statements=[
            iam.PolicyStatement(
                actions=[
                    "ec2:DeregisterImage",
                    "ec2:DescribeImageAttribute",
                    "ec2:DisableImageDeprecation",
                    "ec2:EnableImageDeprecation",
                ],
                resources=[images],
                conditions=made,
            ),
            iam.PolicyStatement(actions=["ec2:DeleteSnapshot"], resources=[snapshots], conditions=made),
            iam.PolicyStatement(
                actions=["ec2:CreateTags", "ec2:DeleteTags"], resources=[images, snapshots], conditions=marks
            ),
            iam.PolicyStatement(actions=["imagebuilder:DeleteImage"], resources=[own]),
            iam.PolicyStatement(actions=["ec2:DescribeImages", "tag:GetResources"], resources=["*"]),
        ],
    )
    for resource in (images, snapshots, own):
        acknowledge_wildcard(role, resource, IMAGES)
    acknowledge_wildcard(role, "*", LISTS)
    return role
