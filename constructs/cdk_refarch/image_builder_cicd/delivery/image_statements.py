"""What AWS CloudFormation needs for a stack with a ``GoldenImage``, and nothing else."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

from cdk_refarch.image_builder_cicd.names import stack_prefix

from .deploy_statements import (
    parameter_statements,
    role_statements,
    security_group_statements,
    statement,
    tagged,
    tagging,
    watch_statements,
)
from .stack_scope import StackScope

IMAGE_BUILDER = "imagebuilder.amazonaws.com"

SERVICES = ("ec2.amazonaws.com", "ec2.amazonaws.com.cn", IMAGE_BUILDER, "lambda.amazonaws.com")
"""The services that a role of an image's stack may be handed to. Amazon EC2 has a name of its own in China."""

MADE = (
    "Component",
    "DistributionConfiguration",
    "Image",
    "ImagePipeline",
    "ImageRecipe",
    "InfrastructureConfiguration",
    "LifecyclePolicy",
)
CHANGED = ("DistributionConfiguration", "ImagePipeline", "InfrastructureConfiguration", "LifecyclePolicy")
"""The resources of Image Builder, and those of them that are changed in their place."""


def image_statements(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return the statements.

    Args:
        stack: The stack of the image.
    """
    return [
        *_image_builder(stack),
        *role_statements(stack, SERVICES, IMAGE_BUILDER),
        *_keys(stack),
        *_logs(stack),
        *_functions(stack),
        *_queues(stack),
        *watch_statements(stack),
        *security_group_statements(stack),
        *parameter_statements(stack, "ssm:GetParameter"),
        statement(["s3:GetObject"], f"{stack.asset_bucket_arn}/*"),
        statement(["s3:GetBucketLocation", "s3:ListBucket"], stack.asset_bucket_arn),
        statement(
            [
                "autoscaling:DescribeAutoScalingGroups",
                "ec2:DescribeImages",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeSecurityGroups",
                "inspector2:BatchGetAccountStatus",
                "logs:DescribeLogGroups",
            ],
            "*",
        ),
    ]


def _image_builder(stack: StackScope) -> list[iam.PolicyStatement]:
    actions = [f"{verb}{kind}" for kind in MADE for verb in ("Create", "Delete", "Get")]
    actions += [f"Update{kind}" for kind in CHANGED]
    actions += ["CancelImageCreation", "StartImagePipelineExecution", "TagResource", "UntagResource"]
    own = stack.arn("imagebuilder", f"*/{stack_prefix(stack.stack_name)}*")
    amazon = f"arn:{stack.partition}:imagebuilder:{stack.region}:aws:*"
    return [
        statement([f"imagebuilder:{action}" for action in sorted(actions)], own),
        statement(["imagebuilder:GetComponent", "imagebuilder:GetImage", "imagebuilder:GetWorkflow"], amazon),
        # Whoever makes a distribution configuration must be able to do what it will do.
        statement(
            ["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"],
            stack.arn("ec2", "launch-template/*"),
            {"StringEquals": {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}},
        ),
    ]


def _keys(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return what keys need, which must have the tag of the stack from the beginning."""
    keys = stack.arn("kms", "key/*")
    return [
        statement(["kms:CreateKey"], "*", tagging(stack)),
        statement(["kms:TagResource"], keys, tagging(stack)),
        statement(
            [
                "kms:DescribeKey",
                "kms:DisableKey",
                "kms:DisableKeyRotation",
                "kms:EnableKey",
                "kms:EnableKeyRotation",
                "kms:GetKeyPolicy",
                "kms:GetKeyRotationStatus",
                "kms:ListResourceTags",
                "kms:PutKeyPolicy",
                "kms:ScheduleKeyDeletion",
                "kms:UntagResource",
                "kms:UpdateKeyDescription",
            ],
            keys,
            tagged(stack),
        ),
    ]


def _logs(stack: StackScope) -> list[iam.PolicyStatement]:
    groups = [
        stack.arn("logs", f"log-group:{stack.names}"),
        stack.arn("logs", f"log-group:/aws/imagebuilder/{stack_prefix(stack.stack_name)}*"),
    ]
    return [
        statement(
            [
                "logs:AssociateKmsKey",
                "logs:CreateLogGroup",
                "logs:DeleteLogGroup",
                "logs:DeleteMetricFilter",
                "logs:DeleteRetentionPolicy",
                "logs:DescribeMetricFilters",
                "logs:DisassociateKmsKey",
                "logs:GetDataProtectionPolicy",
                "logs:ListTagsForResource",
                "logs:PutMetricFilter",
                "logs:PutRetentionPolicy",
                "logs:TagResource",
                "logs:UntagResource",
            ],
            groups,
        ),
        statement(["logs:DescribeIndexPolicies"], "*"),
    ]


def _functions(stack: StackScope) -> list[iam.PolicyStatement]:
    return [
        statement(
            [
                "lambda:AddPermission",
                "lambda:CreateFunction",
                "lambda:DeleteFunction",
                "lambda:GetFunction",
                "lambda:GetFunctionCodeSigningConfig",
                "lambda:GetFunctionRecursionConfig",
                "lambda:GetFunctionScalingConfig",
                "lambda:GetPolicy",
                "lambda:GetRuntimeManagementConfig",
                "lambda:ListTags",
                "lambda:RemovePermission",
                "lambda:TagResource",
                "lambda:UntagResource",
                "lambda:UpdateFunctionCode",
                "lambda:UpdateFunctionConfiguration",
            ],
            stack.arn("lambda", f"function:{stack.names}"),
        )
    ]


def _queues(stack: StackScope) -> list[iam.PolicyStatement]:
    return [
        statement(
            [
                "sqs:CreateQueue",
                "sqs:DeleteQueue",
                "sqs:GetQueueAttributes",
                "sqs:GetQueueUrl",
                "sqs:ListQueueTags",
                "sqs:SetQueueAttributes",
                "sqs:TagQueue",
                "sqs:UntagQueue",
            ],
            stack.arn("sqs", stack.names),
        )
    ]
