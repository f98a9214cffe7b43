"""Who may use the key that the volumes of a fleet are encrypted with."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from cdk_refarch._parts.keys import admit

ROLE = "aws-service-role/autoscaling.amazonaws.com/AWSServiceRoleForAutoScaling"
"""The role of Auto Scaling that is in every account with a group: AWS makes it with the first."""

USE = ["kms:Decrypt", "kms:DescribeKey", "kms:Encrypt", "kms:GenerateDataKey*", "kms:ReEncrypt*"]

SOURCE = "https://docs.aws.amazon.com/autoscaling/ec2/userguide/key-policy-requirements-EBS-encryption.html"


def admit_auto_scaling(scope: Construct, key: kms.IKey) -> None:
    """Let Auto Scaling of this account start instances whose volumes the key encrypts.

    Args:
        scope: Any construct of the stack.
        key: The key. A warning is shown when its policy is not the app's to change.
    """
    stack = cdk.Stack.of(scope)
    # As principal, KMS refuses the role until the account's first group made it; and the account as principal only
    # lets policies of the role decide, of which AWS wrote the only one, without a word on keys:
    # https://docs.aws.amazon.com/kms/latest/developerguide/key-policy-default.html
    conditions: dict[str, dict[str, str]] = {
        "StringEquals": {
            "aws:PrincipalArn": f"arn:{stack.partition}:iam::{stack.account}:role/{ROLE}",
            "kms:CallerAccount": stack.account,
        }
    }
    use = iam.PolicyStatement(principals=[iam.AnyPrincipal()], actions=USE, resources=["*"], conditions=conditions)
    grants = iam.PolicyStatement(
        principals=[iam.AnyPrincipal()],
        actions=["kms:CreateGrant"],
        resources=["*"],
        conditions={**conditions, "Bool": {"kms:GrantIsForAWSResource": "true"}},
    )
    needed = f"role/{ROLE} of this account encrypt, decrypt and create grants for AWS resources, or no instance starts"
    admit(scope, key, use, needed=needed, source=SOURCE)
    key.add_to_resource_policy(grants, True)
