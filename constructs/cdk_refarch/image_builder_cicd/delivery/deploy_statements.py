"""What AWS CloudFormation needs for the resources that stacks of images and of fleets both have.

The actions are those that the handlers of the resource types call, as their schemas say, without those that only
properties need which no construct of the library sets.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from aws_cdk import aws_iam as iam

from .stack_scope import STACK_TAG, StackScope

Conditions = dict[str, dict[str, Any]]


def statement(
    actions: Sequence[str], resources: str | Sequence[str], conditions: Conditions | None = None
) -> iam.PolicyStatement:
    """Return a statement that allows something.

    Args:
        actions: The actions.
        resources: One resource or several.
        conditions: When it holds; None for always.
    """
    named = [resources] if isinstance(resources, str) else list(resources)
    return iam.PolicyStatement(actions=list(actions), resources=named, conditions=conditions)


def tagged(stack: StackScope) -> Conditions:
    """Return the condition that a resource has the tag of the stack.

    Args:
        stack: The stack.
    """
    return {"StringEquals": {f"aws:ResourceTag/{STACK_TAG}": stack.stack_name}}


def tagging(stack: StackScope) -> Conditions:
    """Return the condition that a resource gets the tag of the stack.

    Args:
        stack: The stack.
    """
    return {"StringEquals": {f"aws:RequestTag/{STACK_TAG}": stack.stack_name}}


def deployed(stack: StackScope) -> Conditions:
    """Return the condition that CloudFormation has made a resource for the stack, which it marks with a tag.

    Args:
        stack: The stack.
    """
    return {"StringEquals": {"aws:ResourceTag/aws:cloudformation:stack-name": stack.stack_name}}


def role_statements(stack: StackScope, services: Sequence[str], service_linked: str) -> list[iam.PolicyStatement]:
    """Return what roles and instance profiles need.

    A role can be made and changed only while it has the permissions boundary, which nothing here can take away.

    Args:
        stack: The stack.
        services: The services that roles may be handed to.
        service_linked: The service whose service-linked role is created when the account has none.
    """
    roles, profiles = stack.global_arn(f"role/{stack.names}"), stack.global_arn(f"instance-profile/{stack.names}")
    linked = stack.global_arn(f"role/aws-service-role/{service_linked}/*")
    boundary = {"iam:PermissionsBoundary": stack.boundary_arn}
    return [
        statement(
            ["iam:CreateRole", "iam:DeleteRolePolicy", "iam:PutRolePermissionsBoundary", "iam:PutRolePolicy"],
            roles,
            {"StringEquals": boundary},
        ),
        # AWS's list of condition keys has the boundary for these too, AWS's guide to boundaries has not:
        # https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html
        statement(
            ["iam:DeleteRole", "iam:UpdateAssumeRolePolicy", "iam:UpdateRole", "iam:UpdateRoleDescription"],
            roles,
            {"StringEqualsIfExists": boundary},
        ),
        statement(
            [
                "iam:GetRole",
                "iam:GetRolePolicy",
                "iam:ListAttachedRolePolicies",
                "iam:ListRolePolicies",
                "iam:ListRoleTags",
                "iam:TagRole",
                "iam:UntagRole",
            ],
            roles,
        ),
        statement(["iam:PassRole"], roles, {"StringEquals": {"iam:PassedToService": list(services)}}),
        statement(
            [
                "iam:AddRoleToInstanceProfile",
                "iam:CreateInstanceProfile",
                "iam:DeleteInstanceProfile",
                "iam:GetInstanceProfile",
                "iam:RemoveRoleFromInstanceProfile",
            ],
            profiles,
        ),
        statement(["iam:CreateServiceLinkedRole"], linked, {"StringEquals": {"iam:AWSServiceName": service_linked}}),
        statement(["iam:GetRole"], linked),
    ]


def watch_statements(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return what alarms and rules of EventBridge need.

    Args:
        stack: The stack.
    """
    alarms, rules = stack.arn("cloudwatch", f"alarm:{stack.names}"), stack.arn("events", f"rule/{stack.names}")
    tags = ["ListTagsForResource", "TagResource", "UntagResource"]
    return [
        statement(
            [
                "cloudwatch:DeleteAlarms",
                "cloudwatch:DescribeAlarms",
                "cloudwatch:PutMetricAlarm",
                *(f"cloudwatch:{one}" for one in tags),
            ],
            alarms,
        ),
        statement(
            [
                "events:DeleteRule",
                "events:DescribeRule",
                "events:ListTargetsByRule",
                "events:PutRule",
                "events:PutTargets",
                "events:RemoveTargets",
                *(f"events:{one}" for one in tags),
            ],
            rules,
        ),
    ]


def security_group_statements(stack: StackScope) -> list[iam.PolicyStatement]:
    """Return what security groups need.

    Args:
        stack: The stack.
    """
    groups = stack.arn("ec2", "security-group/*")
    return [
        statement(["ec2:CreateSecurityGroup"], [groups, stack.arn("ec2", "vpc/*")]),
        statement(["ec2:CreateTags"], groups, {"StringEquals": {"ec2:CreateAction": "CreateSecurityGroup"}}),
        statement(
            [
                "ec2:AuthorizeSecurityGroupEgress",
                "ec2:AuthorizeSecurityGroupIngress",
                "ec2:CreateTags",
                "ec2:DeleteSecurityGroup",
                "ec2:DeleteTags",
                "ec2:RevokeSecurityGroupEgress",
                "ec2:RevokeSecurityGroupIngress",
                "ec2:UpdateSecurityGroupRuleDescriptionsEgress",
                "ec2:UpdateSecurityGroupRuleDescriptionsIngress",
            ],
            groups,
            deployed(stack),
        ),
    ]


def parameter_statements(stack: StackScope, *more: str) -> list[iam.PolicyStatement]:
    """Return what parameters of a template need that stand in Systems Manager.

    Args:
        stack: The stack.
        *more: Further actions on them.
    """
    return [statement([*more, "ssm:GetParameters"], stack.parameter_arns)]
