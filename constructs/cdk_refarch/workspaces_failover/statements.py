"""What the functions of a site may do, as the Service Authorization Reference names it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.policies import statement, use_key

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_secretsmanager as secretsmanager

MARK = "cdk-refarch:resource"
"""The tag by which the functions know what they have made; it begins with the name of the stack."""

ANY_WORKSPACES = (
    "The actions of WorkSpaces that describe or tag know no resources. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkspaces.html."
)
ANY_DIRECTORY = (
    "The actions of Directory Service that describe all directories or make one know no resources. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsdirectoryservice.html."
)
ANY_NETWORK = (
    "Directory Service and WorkSpaces ask Amazon EC2 in the name of their caller, who may not do it alone. "
    "https://docs.aws.amazon.com/directoryservice/latest/admin-guide/UsingWithDS_IAM_ResourcePermissions.html."
)


def workspaces_arn(scope: Construct, kind: str, name: str, *, region: str | None = None) -> str:
    """Return the ARN of something of WorkSpaces in the account.

    Args:
        scope: Any construct of the stack.
        kind: What it is, as in ``directory``.
        name: Its id, or a wildcard.
        region: Its region; None for the stack's.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:workspaces:{region or stack.region}:{stack.account}:{kind}/{name}"


def directory_arn(scope: Construct, name: str, *, region: str | None = None) -> str:
    """Return the ARN of a directory of the account in AWS Directory Service.

    Args:
        scope: Any construct of the stack.
        name: Its id, or a wildcard.
        region: Its region; None for the stack's.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:ds:{region or stack.region}:{stack.account}:directory/{name}"


def tag(*keys: str) -> iam.PolicyStatement:
    """Return the statement that lets a role give the marks of its function to what it makes in WorkSpaces.

    Args:
        keys: The keys of the tags.
    """
    made = statement(["workspaces:CreateTags"], "*")
    made.add_conditions({"ForAllValues:StringEquals": {"aws:TagKeys": list(keys)}})
    return made


def of_this_stack(scope: Construct, actions: list[str], *resources: str) -> iam.PolicyStatement:
    """Return a statement for what carries the mark of a custom resource of the stack.

    Args:
        scope: Any construct of the stack.
        actions: What is allowed.
        resources: On what.
    """
    made = statement(actions, *resources)
    made.add_conditions({"StringLike": {f"aws:ResourceTag/{MARK}": f"{cdk.Stack.of(scope).stack_name}/*"}})
    return made


def on_its_behalf(actions: list[str]) -> iam.PolicyStatement:
    """Return a statement for what a service asks another one for in the name of its caller, who may not do it alone.

    Args:
        actions: What is allowed, on resources that the service names itself.
    """
    made = statement(actions, "*")
    made.add_conditions({"Bool": {"aws:ViaAWSService": "true"}})
    return made


def read_secret(scope: Construct, secret: secretsmanager.ISecret) -> list[iam.PolicyStatement]:
    """Return what a role needs to read a secret.

    Args:
        scope: Any construct of the stack.
        secret: The secret.
    """
    # The ARN of a secret that is known by its name lacks the six characters behind it.
    arn = secret.secret_full_arn or f"{secret.secret_arn}-??????"
    statements = [statement(["secretsmanager:GetSecretValue"], arn)]
    if secret.encryption_key is not None:
        statements.append(use_key(scope, secret.encryption_key, "secretsmanager", ["kms:Decrypt"]))
    return statements


def encrypt_volumes(scope: Construct, key: kms.IKey) -> list[iam.PolicyStatement]:
    """Return what a role needs to have volumes encrypted by WorkSpaces.

    Args:
        scope: Any construct of the stack.
        key: The key.
    """
    grant = use_key(scope, key, "workspaces", ["kms:CreateGrant"])
    grant.add_conditions({"Bool": {"kms:GrantIsForAWSResource": "true"}})
    return [grant, use_key(scope, key, "workspaces", ["kms:DescribeKey"])]
