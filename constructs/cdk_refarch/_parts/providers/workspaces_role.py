"""The role that WorkSpaces works with in an account, which its console makes and its API only asks for."""

import json
from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import MARK, NOT_YET, NotReadyError, client, code, patiently, serve

ROLE = "workspaces_DefaultRole"
"""The name that WorkSpaces looks for.

https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-access-control.html#create-default-role
"""

POLICIES = ("AmazonWorkSpacesServiceAccess", "AmazonWorkSpacesSelfServiceAccess")

# A role that was just made is not known everywhere.
PASSING = NOT_YET | {"ConcurrentModification", "NoSuchEntity", "ServiceFailure"}

TRUST = {
    "Version": "2012-10-17",
    "Statement": [
        {"Effect": "Allow", "Principal": {"Service": "workspaces.amazonaws.com"}, "Action": "sts:AssumeRole"}
    ],
}

iam = client("iam")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _ensure(event: dict[str, Any], context: Any) -> str:
    """Make the role unless there is one; what others have made stays as it is."""
    patiently(context, _find_or_make, PASSING, partition=event["ResourceProperties"]["Partition"])
    return ROLE


def _find_or_make(partition: str) -> None:
    """Make the role, or go on with one of ours that may lack policies yet."""
    role = _role()
    if role is None:
        _create()
    elif {"Key": MARK, "Value": ROLE} not in role.get("Tags", []):
        return
    for policy in POLICIES:
        iam.attach_role_policy(RoleName=ROLE, PolicyArn=f"arn:{partition}:iam::aws:policy/{policy}")


def _role() -> dict[str, Any] | None:
    """Return the role; None if there is none."""
    try:
        role: dict[str, Any] = iam.get_role(RoleName=ROLE)["Role"]
    except ClientError as error:
        if code(error) != "NoSuchEntity":
            raise
        return None
    return role


def _create() -> None:
    """Create the role; if somebody has in the meantime, it is looked at again."""
    try:
        iam.create_role(
            RoleName=ROLE,
            AssumeRolePolicyDocument=json.dumps(TRUST),
            Description="Lets Amazon WorkSpaces work in this account; it is the same for all of its directories",
            Tags=[{"Key": MARK, "Value": ROLE}],
        )
    except ClientError as error:
        if code(error) != "EntityAlreadyExists":
            raise
        raise NotReadyError(f"somebody else is creating the role {ROLE}") from error


def _delete(_: dict[str, Any], __: Any) -> None:
    """Leave the role: directories of other stacks may need it."""


KINDS: dict[str, Callable[[dict[str, Any], Any], str]] = {"Custom::WorkspacesDefaultRole": _ensure}
