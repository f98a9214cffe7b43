"""What AWS CloudFormation needs for a stack with a ``RollingFleet``, and nothing else."""

from __future__ import annotations

from aws_cdk import aws_iam as iam

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

AUTO_SCALING = "autoscaling.amazonaws.com"

SERVICES = ("ec2.amazonaws.com", "ec2.amazonaws.com.cn")
"""The services that a role of a fleet's stack may be handed to. Amazon EC2 has a name of its own in China."""


def fleet_statements(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return the statements.

    Args:
        stack: The stack of the fleet.
    """
    return [
        *_group(stack),
        *_launch_template(stack),
        *_instances(stack),
        *role_statements(stack, SERVICES, AUTO_SCALING),
        *watch_statements(stack),
        *security_group_statements(stack),
        *parameter_statements(stack),
        statement(
            [
                "autoscaling:DescribeAutoScalingGroups",
                "autoscaling:DescribeAutoScalingInstances",
                "autoscaling:DescribeInstanceRefreshes",
                "autoscaling:DescribeLifecycleHooks",
                "autoscaling:DescribeLoadBalancerTargetGroups",
                "autoscaling:DescribeNotificationConfigurations",
                "autoscaling:DescribeScalingActivities",
                "autoscaling:DescribeScheduledActions",
                "autoscaling:DescribeTags",
                "autoscaling:DescribeTrafficSources",
                "ec2:DescribeAvailabilityZones",
                "ec2:DescribeImages",
                "ec2:DescribeInstanceTypes",
                "ec2:DescribeInstances",
                "ec2:DescribeLaunchTemplateVersions",
                "ec2:DescribeLaunchTemplates",
                "ec2:DescribeSecurityGroups",
                "ec2:DescribeSubnets",
                "ec2:DescribeVpcs",
                "elasticloadbalancing:DescribeTargetGroups",
                "elasticloadbalancing:DescribeTargetHealth",
            ],
            "*",
        ),
    ]


def _group(stack: StackScope) -> list[iam.PolicyStatement]:
    groups = stack.arn("autoscaling", f"autoScalingGroup:*:autoScalingGroupName/{stack.names}")
    actions = [
        "AttachLoadBalancerTargetGroups",
        "AttachTrafficSources",
        "CancelInstanceRefresh",
        "CreateAutoScalingGroup",
        "CreateOrUpdateTags",
        "DeleteAutoScalingGroup",
        "DeleteLifecycleHook",
        "DeleteNotificationConfiguration",
        "DeleteTags",
        "DetachLoadBalancerTargetGroups",
        "DetachTrafficSources",
        "DisableMetricsCollection",
        "EnableMetricsCollection",
        "PutLifecycleHook",
        "PutNotificationConfiguration",
        "ResumeProcesses",
        "StartInstanceRefresh",
        "SuspendProcesses",
        # CloudFormation itself terminates the instances of a rolling update.
        "TerminateInstanceInAutoScalingGroup",
        "UpdateAutoScalingGroup",
    ]
    return [statement([f"autoscaling:{action}" for action in actions], groups)]


def _launch_template(stack: StackScope) -> list[iam.PolicyStatement]:
    templates = stack.arn("ec2", "launch-template/*")
    return [
        statement(["ec2:CreateLaunchTemplate"], templates, tagging(stack)),
        statement(
            ["ec2:CreateTags"],
            templates,
            {"StringEquals": {**tagging(stack)["StringEquals"], "ec2:CreateAction": "CreateLaunchTemplate"}},
        ),
        statement(
            ["ec2:CreateLaunchTemplateVersion", "ec2:DeleteLaunchTemplate", "ec2:DeleteTags"], templates, tagged(stack)
        ),
    ]


def _instances(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return what Auto Scaling asks for before it takes a launch template: whether one could start it oneself."""
    images = f"arn:{stack.partition}:ec2:{stack.region}"
    from_template = {"ArnLike": {"ec2:LaunchTemplate": stack.arn("ec2", "launch-template/*")}}
    return [
        statement(["ec2:RunInstances"], stack.arn("ec2", "launch-template/*"), tagged(stack)),
        statement(
            ["ec2:RunInstances"],
            [
                f"{images}::image/*",
                f"{images}::snapshot/*",
                *(
                    stack.arn("ec2", f"{kind}/*")
                    for kind in ("instance", "network-interface", "security-group", "subnet", "volume")
                ),
            ],
            from_template,
        ),
        statement(
            ["ec2:CreateTags"],
            [stack.arn("ec2", f"{kind}/*") for kind in ("instance", "network-interface", "volume")],
            {"StringEquals": {"ec2:CreateAction": "RunInstances"}},
        ),
    ]
