"""What the instances may do that an image is built and tested on."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role

EC2 = "ec2.amazonaws.com"

CHANNEL_ACTIONS = [
    "ec2messages:AcknowledgeMessage",
    "ec2messages:DeleteMessage",
    "ec2messages:FailMessage",
    "ec2messages:GetEndpoint",
    "ec2messages:GetMessages",
    "ec2messages:SendReply",
    "ssm:ListAssociations",
    "ssm:PutInventory",
    "ssmmessages:CreateControlChannel",
    "ssmmessages:CreateDataChannel",
    "ssmmessages:OpenControlChannel",
    "ssmmessages:OpenDataChannel",
]
"""What the agent of Systems Manager does that IAM knows no resource for."""

AGENT = (
    "The agent of Systems Manager registers an instance that gets its id only when it is started, and its channels are "
    "no resources of IAM. "
    "https://docs.aws.amazon.com/systems-manager/latest/userguide/setup-instance-permissions.html."
)
"""Why the statements of the agent have wildcards."""

DOWNLOADS = (
    "Image Builder downloads its component runner from buckets of AWS's own, whose names differ by region. "
    "https://docs.aws.amazon.com/imagebuilder/latest/userguide/image-builder-setting-up.html."
)
"""Why the statement for AWS's buckets has wildcards."""

COMPONENTS = "Amazon's components have versions that are not known before the build, and are the same for everyone."
"""Why the statement for components has wildcards."""


def instance_role(
    scope: Construct,
    *,
    component_arns: Sequence[str],
    log_group: logs.LogGroup,
    statements: Sequence[iam.PolicyStatement],
) -> iam.Role:
    """Create the role of the instances, with what AWS's managed policies give them as far as it is needed.

    Left out of ``AmazonSSMManagedInstanceCore`` are the parameters of the account, which it lets everybody read on the
    instance.

    Args:
        scope: The construct that it belongs to.
        component_arns: The components, by ARNs with wildcards.
        log_group: Where the runner of components writes its log.
        statements: What the user's components need.
    """
    stack = cdk.Stack.of(scope)
    arn = f"arn:{stack.partition}"
    instances = f"{arn}:ec2:{stack.region}:{stack.account}:instance/*"
    downloads = f"{arn}:s3:::ec2imagebuilder*/*"
    role = service_role(
        scope,
        "InstanceRole",
        service=EC2,
        # Amazon EC2 assumes roles of instances without saying for which one.
        conditions={},
        description="Lets an instance be built into an image, and be tested",
        statements=[
            iam.PolicyStatement(actions=["imagebuilder:GetComponent"], resources=list(component_arns)),
            iam.PolicyStatement(actions=["s3:GetObject"], resources=[downloads]),
            iam.PolicyStatement(
                actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[log_group.log_group_arn]
            ),
            iam.PolicyStatement(
                actions=[
                    "ssm:ListInstanceAssociations",
                    "ssm:PutComplianceItems",
                    "ssm:UpdateInstanceAssociationStatus",
                    "ssm:UpdateInstanceInformation",
                ],
                resources=[instances],
            ),
            iam.PolicyStatement(
                actions=["ssm:DescribeDocument", "ssm:GetDocument"],
                resources=[f"{arn}:ssm:{stack.region}::document/AWS-GatherSoftwareInventory"],
            ),
            iam.PolicyStatement(
                actions=CHANNEL_ACTIONS,
                resources=["*"],
            ),
            *statements,
        ],
    )
    acknowledge_wildcard(role, "*", AGENT)
    acknowledge_wildcard(role, instances, AGENT)
    acknowledge_wildcard(role, downloads, DOWNLOADS)
    for component in component_arns:
        acknowledge_wildcard(role, component, COMPONENTS)
    return role
