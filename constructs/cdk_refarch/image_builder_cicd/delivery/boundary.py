"""What roles can be allowed at most that a pipeline's stacks create."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch.image_builder_cicd.image.instance_role import CHANNEL_ACTIONS
from cdk_refarch.image_builder_cicd.names import stack_prefix

from .deploy_statements import statement
from .stack_scope import name_pattern

MARK = "EC2 Image Builder"
"""The value of the tag ``CreatedBy`` on all that Image Builder makes."""

LIMIT = (
    "A permissions boundary allows nothing by itself: roles of the stacks are allowed what it has and what their own "
    "statements have, which name resources. "
    "https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html."
)
"""Why the boundary has wildcards."""

_TAGGED = {"StringEquals": {"aws:ResourceTag/CreatedBy": MARK}}
_TAGGING = {"StringEquals": {"aws:RequestTag/CreatedBy": MARK}}
_TO_EC2 = {"StringEquals": {"iam:PassedToService": ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"]}}


class Boundary(Construct):
    """A managed policy that every role must have as its permissions boundary.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        image_stack: The stack of the golden image whose roles it is for; None if it is for fleets alone.
        statements: What roles may be allowed besides.
        name: Its name; None to have one made up.

    Attributes:
        policy: The policy.
        name: Its name.
        arn: Its ARN.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image_stack: str | None,
        statements: Sequence[iam.PolicyStatement],
        name: str | None = None,
    ) -> None:
        super().__init__(scope, id)
        arns = _Arns(cdk.Stack.of(self))
        limits = [_signals(arns)]
        if image_stack is not None:
            limits += [*_images(arns, image_stack), *_keys(arns), *_commands(arns), *_agent(arns), *_lists()]
        self.policy = iam.CfnManagedPolicy(
            self,
            "Policy",
            managed_policy_name=name,
            description="The most that roles of the stacks can be allowed which the pipeline deploys",
            policy_document=iam.PolicyDocument(statements=[*limits, *statements]),
        )
        self.arn: str = self.policy.ref
        self.name: str = cdk.Fn.select(1, cdk.Fn.split("/", self.policy.ref)) if name is None else name
        for resource in dict.fromkeys(resource for one in limits for resource in one.resources):
            if "*" in resource:
                acknowledge_wildcard(self.policy, resource, LIMIT)


class _Arns:
    """ARNs of the account, in any region: images go to others."""

    def __init__(self, stack: cdk.Stack) -> None:
        self._partition, self.account = stack.partition, stack.account

    def of(self, service: str, resource: str, *, account: str | None = None, region: str = "*") -> str:
        return f"arn:{self._partition}:{service}:{region}:{self.account if account is None else account}:{resource}"

    def ec2(self, *kinds: str) -> list[str]:
        """Return all resources of these kinds; images and snapshots belong to no account in their ARNs."""
        shared = ("image", "snapshot")
        return [self.of("ec2", f"{kind}/*", account="" if kind in shared else None) for kind in kinds]


def _agent(arns: _Arns) -> Iterator[iam.PolicyStatement]:
    yield statement(
        [
            "ssm:ListInstanceAssociations",
            "ssm:PutComplianceItems",
            "ssm:UpdateInstanceAssociationStatus",
            "ssm:UpdateInstanceInformation",
        ],
        arns.ec2("instance"),
    )
    yield statement(["ssm:DescribeDocument", "ssm:GetDocument"], arns.of("ssm", "document/AWS*", account=""))
    yield statement(["logs:CreateLogStream", "logs:PutLogEvents"], arns.of("logs", "log-group:*"))
    yield statement(CHANNEL_ACTIONS, "*")


def _signals(arns: _Arns) -> iam.PolicyStatement:
    return statement(["cloudformation:SignalResource"], arns.of("cloudformation", "stack/*"))


def _images(arns: _Arns, image_stack: str) -> Iterator[iam.PolicyStatement]:
    own, anything = stack_prefix(image_stack), arns.of("ec2", "*", account="*")
    started_with = arns.ec2("image", "network-interface", "security-group", "snapshot", "subnet")
    yield statement(["ec2:RunInstances"], started_with)
    yield statement(["ec2:CreateImage", "ec2:RunInstances"], anything, _TAGGING)
    # What is made is marked as it is made: whoever could mark what is there could do with it all that is below.
    creating = {"ec2:CreateAction": ["CopyImage", "CreateImage", "RunInstances"]}
    yield statement(["ec2:CreateTags"], anything, {"StringEquals": {**_TAGGING["StringEquals"], **creating}})
    yield statement(
        [
            "ec2:CreateImage",
            "ec2:CreateLaunchTemplateVersion",
            "ec2:CreateTags",
            "ec2:DeleteSnapshot",
            "ec2:DeleteTags",
            "ec2:DeregisterImage",
            "ec2:DescribeImageAttribute",
            "ec2:DisableImageDeprecation",
            "ec2:EnableImageDeprecation",
            "ec2:ModifyImageAttribute",
            "ec2:ModifyLaunchTemplate",
            "ec2:ModifySnapshotAttribute",
            "ec2:StartInstances",
            "ec2:StopInstances",
            "ec2:TerminateInstances",
        ],
        anything,
        _TAGGED,
    )
    # Copies are marked afterwards, and their ids are not known before.
    yield statement(["ec2:CopyImage", "ec2:CreateTags"], arns.ec2("image", "snapshot"))
    yield statement(["iam:PassRole"], arns.of("iam", f"role/{name_pattern(image_stack)}", region=""), _TO_EC2)
    yield statement(
        ["sts:AssumeRole"], arns.of("iam", "role/EC2ImageBuilderDistributionCrossAccountRole", account="*", region="")
    )
    yield statement(["ssm:GetParameter", "ssm:PutParameter"], arns.of("ssm", f"parameter/imagebuilder/{own}*"))
    yield statement(["ssm:GetParameter"], arns.of("ssm", "parameter/aws/service/*", account=""))
    yield statement(["s3:GetObject"], arns.of("s3", "ec2imagebuilder*", account="", region=""))
    yield statement(["imagebuilder:GetComponent"], arns.of("imagebuilder", "component/*", account="*"))
    yield statement(
        [
            "imagebuilder:DeleteImage",
            "imagebuilder:GetImagePipeline",
            "imagebuilder:ListImagePipelineImages",
            "imagebuilder:StartImagePipelineExecution",
            "imagebuilder:TagResource",
        ],
        arns.of("imagebuilder", f"*/{own}*"),
    )
    yield statement(["sqs:SendMessage"], arns.of("sqs", name_pattern(image_stack)))
    yield statement(
        ["events:DeleteRule", "events:DescribeRule", "events:PutRule", "events:PutTargets", "events:RemoveTargets"],
        arns.of("events", "rule/ImageBuilder-*"),
    )


def _keys(arns: _Arns) -> Iterator[iam.PolicyStatement]:
    keys = arns.of("kms", "key/*", account="*")
    yield statement(
        [
            "kms:Decrypt",
            "kms:DescribeKey",
            "kms:Encrypt",
            "kms:GenerateDataKey",
            "kms:GenerateDataKeyWithoutPlaintext",
            "kms:ReEncryptFrom",
            "kms:ReEncryptTo",
        ],
        keys,
        {"StringLike": {"kms:ViaService": ["ec2.*", "sqs.*"]}},
    )
    yield statement(["kms:CreateGrant"], keys, {"Bool": {"kms:GrantIsForAWSResource": "true"}})


def _commands(arns: _Arns) -> Iterator[iam.PolicyStatement]:
    instances, associations = arns.ec2("instance"), arns.of("ssm", "association/*")
    documents = arns.of("ssm", "document/AWS*", account="")
    yield statement(["ssm:CreateAssociation", "ssm:SendCommand"], documents)
    yield statement(["ssm:CreateAssociation", "ssm:SendCommand"], instances, _TAGGED)
    yield statement(["ec2:DescribeInstanceAttribute", "ssm:DescribeInstanceAssociationsStatus"], instances)
    yield statement(["ssm:DeleteAssociation"], [associations, documents, *instances])
    yield statement(
        ["ssm:AddTagsToResource", "ssm:CreateAssociation", "ssm:DescribeAssociationExecutions"], associations
    )
    yield statement(
        ["iam:CreateServiceLinkedRole"],
        arns.of("iam", "role/aws-service-role/ssm.amazonaws.com/*", region=""),
        {"StringEquals": {"iam:AWSServiceName": "ssm.amazonaws.com"}},
    )


def _lists() -> Iterator[iam.PolicyStatement]:
    yield statement(
        [
            "ec2:DescribeImages",
            "ec2:DescribeInstanceStatus",
            "ec2:DescribeInstanceTypeOfferings",
            "ec2:DescribeInstanceTypes",
            "ec2:DescribeInstances",
            "ec2:DescribeLaunchTemplateVersions",
            "ec2:DescribeLaunchTemplates",
            "ec2:DescribeSnapshots",
            "ec2:DescribeSubnets",
            "ec2:DescribeTags",
            "inspector2:ListCoverage",
            "inspector2:ListFindings",
            "ssm:DescribeInstanceInformation",
            "ssm:GetCommandInvocation",
            "ssm:ListCommandInvocations",
            "ssm:ListInventoryEntries",
            "tag:GetResources",
            "xray:PutTelemetryRecords",
            "xray:PutTraceSegments",
        ],
        "*",
    )
