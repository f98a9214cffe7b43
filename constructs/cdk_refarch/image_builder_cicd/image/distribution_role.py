"""The role in an account that gets copies of an image."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.findings import acknowledge_wildcard

from .image_keys import use_for_images
from .role_checks import check_distribution_role

ROLE_NAME = "EC2ImageBuilderDistributionCrossAccountRole"
"""The name by which Image Builder looks for the role:
https://docs.aws.amazon.com/imagebuilder/latest/userguide/cross-account-dist.html"""

IMAGES = "The id of an image is known only when it is copied, and what is copied belongs to the other account."
REGIONS = "The role is the one of the account for all regions that images are copied to."
LISTS = "Amazon EC2 has no resources for actions that list."
_CLAIM = f"role {ROLE_NAME} of the account"


class ImageDistributionRole(Construct):
    """Lets a golden image of another account be copied into this one.

    Creates the role with the one name that Image Builder looks for. There can be one in an account, for all regions.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        source_account: The account in which images are built.
        encryption_key_arns: The keys that images are encrypted with: there, and those of ``ImageRegion`` here. Their
            policies must admit this account.
        parameter_names: The parameters of Systems Manager that get the id of the copy, in any region: the
            ``parameter_name`` of the image.
        launch_template_ids: Launch templates of this account that get a version with the copy. They must be tagged
            ``CreatedBy`` with ``EC2 Image Builder``.

    Attributes:
        role: The role.

    Raises:
        ValueError: If an argument is none that AWS takes.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        source_account: str,
        encryption_key_arns: Sequence[str] = (),
        parameter_names: Sequence[str] = (),
        launch_template_ids: Sequence[str] = (),
    ) -> None:
        checks = Checks.of(scope, id)
        check_distribution_role(
            checks, scope, source_account, encryption_key_arns, parameter_names, launch_template_ids
        )
        check_claims(checks, scope, {_CLAIM: "source_account"}, {"source_account": "one of the two is enough"})
        super().__init__(scope, id)
        claim(self, [_CLAIM])
        arn = f"arn:{cdk.Stack.of(self).partition}"
        images, snapshots = f"{arn}:ec2:*::image/*", f"{arn}:ec2:*::snapshot/*"
        self.role = iam.Role(
            self,
            "Role",
            role_name=ROLE_NAME,
            assumed_by=iam.AccountPrincipal(source_account),
            description=f"Lets Image Builder of account {source_account} copy images into this one",
            inline_policies={
                "Permissions": iam.PolicyDocument(
                    statements=[
                        iam.PolicyStatement(actions=["ec2:CopyImage"], resources=[images, snapshots]),
                        iam.PolicyStatement(actions=["ec2:CreateTags", "ec2:ModifyImageAttribute"], resources=[images]),
                        iam.PolicyStatement(actions=["ec2:DescribeImages"], resources=["*"]),
                        *use_for_images(encryption_key_arns),
                        *self._parameters(parameter_names),
                        *self._launch_templates(launch_template_ids),
                    ]
                )
            },
        )
        acknowledge_wildcard(self.role, images, IMAGES)
        acknowledge_wildcard(self.role, snapshots, IMAGES)
        for resource in (*self._parameter_arns(parameter_names), *self._launch_template_arns(launch_template_ids)):
            acknowledge_wildcard(self.role, resource, REGIONS)
        acknowledge_wildcard(self.role, "*", LISTS)

    def _parameters(self, names: Sequence[str]) -> list[iam.PolicyStatement]:
        resources = self._parameter_arns(names)
        return [iam.PolicyStatement(actions=["ssm:GetParameter", "ssm:PutParameter"], resources=resources)] * bool(
            names
        )

    def _parameter_arns(self, names: Sequence[str]) -> list[str]:
        stack = cdk.Stack.of(self)
        return [f"arn:{stack.partition}:ssm:*:{stack.account}:parameter{name}" for name in names]

    def _launch_templates(self, ids: Sequence[str]) -> list[iam.PolicyStatement]:
        if not ids:
            return []
        resources = self._launch_template_arns(ids)
        return [
            iam.PolicyStatement(
                actions=["ec2:CreateLaunchTemplateVersion", "ec2:ModifyLaunchTemplate"],
                resources=resources,
                conditions={"StringEquals": {"aws:ResourceTag/CreatedBy": "EC2 Image Builder"}},
            ),
            iam.PolicyStatement(
                actions=["ec2:CreateTags"],
                resources=resources,
                conditions={"StringEquals": {"aws:RequestTag/CreatedBy": "EC2 Image Builder"}},
            ),
            iam.PolicyStatement(actions=["ec2:DescribeLaunchTemplates"], resources=["*"]),
        ]

    def _launch_template_arns(self, ids: Sequence[str]) -> list[str]:
        stack = cdk.Stack.of(self)
        return [f"arn:{stack.partition}:ec2:*:{stack.account}:launch-template/{one}" for one in ids]
