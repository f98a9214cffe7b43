"""What belongs to a stack that a pipeline deploys, by the names that AWS CloudFormation gives."""

from __future__ import annotations

from dataclasses import dataclass

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch.image_builder_cicd.names import stack_prefix

KEPT_OF_STACK = 24
"""How much of a stack's name is surely left in a name that CloudFormation makes: it shortens what would be longer than
the service takes, which are 64 characters for roles, functions and rules.
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-name.html"""

STACK_TAG = "cdk-refarch:stack"
"""The tag with the stack's name that keys and launch templates must have, which CloudFormation names at random."""


def name_pattern(stack_name: str) -> str:
    """Return the pattern of the names that CloudFormation makes for resources of a stack.

    Args:
        stack_name: The stack's name.
    """
    return f"{stack_name}-*" if len(stack_name) <= KEPT_OF_STACK else f"{stack_name[:KEPT_OF_STACK]}*"


@dataclass(frozen=True, kw_only=True)
class StackScope:
    """A stack, and where it is deployed.

    Args:
        stack_name: Its name.
        partition: The partition.
        region: The region.
        account: The account.
        boundary_arn: The policy that every role of the stack must have as its permissions boundary.
        image_stack: The stack of the golden image, whose parameters are read.
        qualifier: The qualifier of the CDK's bootstrap stack.
    """

    stack_name: str
    partition: str
    region: str
    account: str
    boundary_arn: str
    image_stack: str
    qualifier: str

    @property
    def names(self) -> str:
        """The pattern of the names of its resources."""
        return name_pattern(self.stack_name)

    @property
    def stack_arn(self) -> str:
        """The stack itself, with any id."""
        return self.arn("cloudformation", f"stack/{self.stack_name}/*")

    @property
    def parameter_arns(self) -> list[str]:
        """The parameters of Systems Manager that its template may name: those of images, and the bootstrap version."""
        return [
            self.arn("ssm", f"parameter/imagebuilder/{stack_prefix(self.image_stack)}*"),
            self.arn("ssm", f"parameter/cdk-bootstrap/{self.qualifier}/version"),
        ]

    @property
    def asset_bucket_arn(self) -> str:
        """The bucket of the CDK's assets, among which are the code of functions and long components."""
        return f"arn:{self.partition}:s3:::cdk-{self.qualifier}-assets-{self.account}-{self.region}"

    def arn(self, service: str, resource: str) -> str:
        """Return an ARN in its region and account.

        Args:
            service: The service.
            resource: What comes last.
        """
        return f"arn:{self.partition}:{service}:{self.region}:{self.account}:{resource}"

    def global_arn(self, resource: str) -> str:
        """Return an ARN of IAM in its account.

        Args:
            resource: What comes last.
        """
        return f"arn:{self.partition}:iam::{self.account}:{resource}"


def scope_of(
    scope: Construct,
    *,
    stack_name: str,
    boundary_arn: str,
    image_stack: str,
    qualifier: str,
    region: str | None = None,
) -> StackScope:
    """Return a stack of the account that a construct is in.

    Args:
        scope: The construct.
        stack_name: The stack's name.
        boundary_arn: The permissions boundary of its roles.
        image_stack: The stack of the golden image.
        qualifier: The qualifier of the CDK's bootstrap stack.
        region: Its region; None for the construct's.
    """
    here = cdk.Stack.of(scope)
    return StackScope(
        stack_name=stack_name,
        partition=here.partition,
        region=region or here.region,
        account=here.account,
        boundary_arn=boundary_arn,
        image_stack=image_stack,
        qualifier=qualifier,
    )
