"""What Image Builder may do for one pipeline: AWS's own policy for it, narrowed to what the image needs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role

from .distribution_role import ROLE_NAME
from .image_keys import use_for_images
from .image_values import ImageRegion

IMAGE_BUILDER = "imagebuilder.amazonaws.com"
MARK = "EC2 Image Builder"
"""The value of the tag ``CreatedBy`` on all that Image Builder makes."""

POLICY = (
    "https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderExecutionPolicy.html is AWS's own "
    "policy, of which this is the part that the image needs."
)

IDS = f"Instances, volumes, snapshots and images get their ids when they are made; a tag limits the statement. {POLICY}"
"""Why statements about what Image Builder makes have wildcards."""

LISTS = f"Amazon EC2, Systems Manager and Amazon Inspector have no resources for actions that list. {POLICY}"
"""Why statements that list are for any resource."""

_TAGGED = {"StringEquals": {"aws:ResourceTag/CreatedBy": MARK}}
_TAGGING = {"StringEquals": {"aws:RequestTag/CreatedBy": MARK}}


@dataclass(frozen=True, kw_only=True)
class Uses:
    """What the pipeline has to do with.

    Args:
        pipeline_arn: The pipeline, by its name.
        instance_role: The role of the instances.
        security_group_ids: Their security groups.
        subnet_id: Their subnet.
        log_group_arns: Where builds and the pipeline are logged.
        key_arns: The keys that images are encrypted with.
        parameter_name: The parameter that gets the id of the image.
        distribution: Where the image goes.
        parent_parameter: The name of the parameter that names the parent image; None without one.
        scan: Whether the image is scanned.
    """

    pipeline_arn: str
    instance_role: iam.IRole
    security_group_ids: Sequence[str]
    subnet_id: str
    log_group_arns: Sequence[str]
    key_arns: Sequence[str]
    parameter_name: str
    distribution: Sequence[ImageRegion]
    parent_parameter: str | None
    scan: bool


def execution_role(scope: Construct, uses: Uses) -> iam.Role:
    """Create the role that Image Builder runs the pipeline with.

    Args:
        scope: The construct that it belongs to.
        uses: What the pipeline has to do with.
    """
    stack = cdk.Stack.of(scope)
    here = f"arn:{stack.partition}:ec2:{stack.region}"
    statements = [
        *_building(scope, here, uses),
        *_commanding(scope, here),
        *_distributing(scope, uses),
        *(_scanning(scope) if uses.scan else ()),
        *_listing(uses),
        iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=list(uses.log_group_arns)),
        iam.PolicyStatement(
            actions=["imagebuilder:StartImagePipelineExecution", "imagebuilder:TagResource"],
            resources=[uses.pipeline_arn],
        ),
    ]
    role = service_role(
        scope,
        "ExecutionRole",
        service=IMAGE_BUILDER,
        conditions={"StringEquals": {"aws:SourceAccount": stack.account}},
        description="Lets Image Builder build, test and distribute the image",
        statements=statements,
    )
    for statement in statements:
        for resource in statement.resources:
            if resource.endswith("*"):
                acknowledge_wildcard(role, resource, LISTS if resource == "*" else IDS)
    return role


def _building(scope: Construct, here: str, uses: Uses) -> list[iam.PolicyStatement]:
    stack = cdk.Stack.of(scope)
    mine = f"{here}:{stack.account}"
    images, snapshots = f"arn:{stack.partition}:ec2:*::image/*", f"arn:{stack.partition}:ec2:*::snapshot/*"
    instances, volumes = f"{mine}:instance/*", f"{mine}:volume/*"
    return [
        iam.PolicyStatement(
            actions=["ec2:RunInstances"],
            resources=[
                f"{here}::image/*",
                f"{here}::snapshot/*",
                f"{mine}:network-interface/*",
                f"{mine}:subnet/{uses.subnet_id}",
                *(f"{mine}:security-group/{group}" for group in uses.security_group_ids),
            ],
        ),
        iam.PolicyStatement(actions=["ec2:RunInstances"], resources=[instances, volumes], conditions=_TAGGING),
        iam.PolicyStatement(
            actions=["iam:PassRole"],
            resources=[uses.instance_role.role_arn],
            conditions={"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}},
        ),
        iam.PolicyStatement(
            actions=["ec2:CreateImage", "ec2:StartInstances", "ec2:StopInstances", "ec2:TerminateInstances"],
            resources=[instances],
            conditions=_TAGGED,
        ),
        iam.PolicyStatement(actions=["ec2:DescribeInstanceAttribute"], resources=[instances]),
        iam.PolicyStatement(
            actions=["ec2:CreateImage"], resources=[f"{here}::image/*", f"{here}::snapshot/*"], conditions=_TAGGING
        ),
        # What is left of an image that could not be finished.
        iam.PolicyStatement(actions=["ec2:DeregisterImage"], resources=[images], conditions=_TAGGED),
        iam.PolicyStatement(
            actions=["ec2:CreateTags"],
            resources=[instances, volumes, images, snapshots],
            conditions={
                "StringEquals": {
                    "aws:RequestTag/CreatedBy": MARK,
                    "ec2:CreateAction": ["CreateImage", "RunInstances"],
                }
            },
        ),
        iam.PolicyStatement(actions=["ec2:CreateTags"], resources=[images]),
        iam.PolicyStatement(actions=["ec2:CreateTags"], resources=[snapshots], conditions=_TAGGING),
        *use_for_images(uses.key_arns),
    ]


def _commanding(scope: Construct, here: str) -> list[iam.PolicyStatement]:
    stack = cdk.Stack.of(scope)
    documents = f"arn:{stack.partition}:ssm:{stack.region}::document"
    associations = f"arn:{stack.partition}:ssm:{stack.region}:{stack.account}:association/*"
    instances, inventory = f"{here}:{stack.account}:instance/*", f"{documents}/AWS-GatherSoftwareInventory"
    return [
        iam.PolicyStatement(
            actions=["ssm:SendCommand"],
            resources=[
                f"{documents}/{name}" for name in ("AWS-RunPowerShellScript", "AWS-RunShellScript", "AWSEC2-RunSysprep")
            ],
        ),
        iam.PolicyStatement(
            actions=["ssm:CreateAssociation", "ssm:SendCommand"], resources=[instances], conditions=_TAGGED
        ),
        iam.PolicyStatement(
            actions=["ssm:CreateAssociation", "ssm:DeleteAssociation"], resources=[associations, inventory]
        ),
        iam.PolicyStatement(actions=["ssm:DeleteAssociation"], resources=[instances]),
        iam.PolicyStatement(actions=["ssm:AddTagsToResource"], resources=[associations], conditions=_TAGGING),
        iam.PolicyStatement(actions=["ssm:DescribeAssociationExecutions"], resources=[associations]),
        iam.PolicyStatement(actions=["ssm:DescribeInstanceAssociationsStatus"], resources=[instances]),
        # The role that Systems Manager keeps the inventory of instances with.
        iam.PolicyStatement(
            actions=["iam:CreateServiceLinkedRole"],
            resources=[f"arn:{stack.partition}:iam::{stack.account}:role/aws-service-role/ssm.amazonaws.com/*"],
            conditions={"StringEquals": {"iam:AWSServiceName": "ssm.amazonaws.com"}},
        ),
    ]


def _distributing(scope: Construct, uses: Uses) -> list[iam.PolicyStatement]:
    stack = cdk.Stack.of(scope)
    arn, images = f"arn:{stack.partition}", f"arn:{stack.partition}:ec2:*::image/*"
    snapshots = f"{arn}:ec2:*::snapshot/*"
    elsewhere = [one for one in uses.distribution if one.region not in (None, stack.region) or one.copy_to_accounts]
    shared = [
        one
        for one in uses.distribution
        if one.share_with_accounts or one.share_with_organizations or one.share_with_organizational_units
    ]
    accounts = sorted({account for one in uses.distribution for account in one.copy_to_accounts})
    parameters = [
        f"{arn}:ssm:{one.region or stack.region}:{stack.account}:parameter{uses.parameter_name}"
        for one in uses.distribution
        if one.parameter
    ]
    statements = []
    if elsewhere:
        statements.append(iam.PolicyStatement(actions=["ec2:CopyImage"], resources=[images, snapshots]))
    if shared:
        statements += [
            iam.PolicyStatement(actions=["ec2:ModifyImageAttribute"], resources=[images], conditions=_TAGGED),
            iam.PolicyStatement(actions=["ec2:ModifySnapshotAttribute"], resources=[snapshots], conditions=_TAGGED),
        ]
    if accounts:
        roles = [f"{arn}:iam::{account}:role/{ROLE_NAME}" for account in accounts]
        statements.append(iam.PolicyStatement(actions=["sts:AssumeRole"], resources=roles))
    if parameters:
        statements.append(iam.PolicyStatement(actions=["ssm:GetParameter", "ssm:PutParameter"], resources=parameters))
    statements += _launch_templates(scope, uses)
    if uses.parent_parameter is not None:
        owner = "" if uses.parent_parameter.startswith("/aws/") else stack.account
        parent = f"{arn}:ssm:{stack.region}:{owner}:parameter/{uses.parent_parameter.lstrip('/')}"
        statements.append(iam.PolicyStatement(actions=["ssm:GetParameter"], resources=[parent]))
    return statements


def _launch_templates(scope: Construct, uses: Uses) -> list[iam.PolicyStatement]:
    stack = cdk.Stack.of(scope)
    templates = [
        f"arn:{stack.partition}:ec2:{one.region or stack.region}:{stack.account}:launch-template/"
        f"{template.launch_template_id}"
        for one in uses.distribution
        for template in one.launch_templates
        if template.account in (None, stack.account)
    ]
    if not templates:
        return []
    return [
        iam.PolicyStatement(
            actions=["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"], resources=templates
        ),
        iam.PolicyStatement(actions=["ec2:CreateTags"], resources=templates, conditions=_TAGGING),
        iam.PolicyStatement(
            actions=["ec2:DescribeLaunchTemplateVersions", "ec2:DescribeLaunchTemplates"], resources=["*"]
        ),
    ]


def _scanning(scope: Construct) -> list[iam.PolicyStatement]:
    stack = cdk.Stack.of(scope)
    rules = f"arn:{stack.partition}:events:{stack.region}:{stack.account}:rule/ImageBuilder-*"
    return [
        iam.PolicyStatement(actions=["inspector2:ListCoverage", "inspector2:ListFindings"], resources=["*"]),
        iam.PolicyStatement(
            actions=[
                "events:DeleteRule",
                "events:DescribeRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
            ],
            resources=[rules],
        ),
    ]


def _listing(uses: Uses) -> list[iam.PolicyStatement]:
    return [
        iam.PolicyStatement(
            actions=[
                "ec2:DescribeImages",
                "ec2:DescribeInstanceStatus",
                "ec2:DescribeInstanceTypeOfferings",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeSnapshots",
                "ec2:DescribeSubnets",
                "ec2:DescribeTags",
                "ssm:DescribeInstanceInformation",
                "ssm:GetCommandInvocation",
                "ssm:ListCommandInvocations",
                "ssm:ListInventoryEntries",
            ],
            resources=["*"],
        )
    ]
