"""The roles that a delivery acts with: the pipeline's, an action's that it assumes, and sessions for what it starts."""

from __future__ import annotations

import secrets
import time

from ministack.core import iam_evaluator
from ministack.services import iam, sts

from sandbox.adapters import access


def account_of(arn: str) -> str:
    """The account in an ARN.

    Args:
        arn: The ARN.
    """
    return arn.split(":")[4]


def assume(role: str, service: str, region: str, source: str) -> access.Session:
    """Assume a role as a service, in the role's account.

    Args:
        role: The role's ARN.
        service: The service principal.
        region: The region that it works in.
        source: The ARN of the resource that it works for.

    Raises:
        access.Refused: If the role is not there or does not trust the service.
    """
    conditions = {"aws:SourceArn": source, "aws:SourceAccount": account_of(source)}
    return access.assume(role, service, account_of(role), region, conditions)


def assume_from(session: access.Session, role: str, region: str) -> access.Session:
    """Assume another role with a role that is assumed already.

    Args:
        session: The role that assumes.
        role: The ARN of the role to assume.
        region: The region to work in.

    Raises:
        access.Refused: If the one may not, or the other does not trust it.
    """
    access.require(session, "sts:AssumeRole", role)
    name, account = role.rpartition("/")[2], account_of(role)
    found = iam._roles.get_scoped(account, None, name)
    trust = found["AssumeRolePolicyDocument"] if found else "{}"
    context = iam_evaluator.EvalContext(
        principal_arn=session.principal,
        principal_type="AssumedRole",
        principal_account=session.account,
        action="sts:AssumeRole",
        resource_arn=role,
        region=region,
        secure_transport=True,
    )
    if not iam_evaluator.evaluate_trust_policy(trust, session.principal, context):
        raise access.Refused(f"{session.principal} is not authorized to perform: sts:AssumeRole on resource: {role}")
    return access.Session(name, f"arn:aws:sts::{account}:assumed-role/{name}/codepipeline", account, region)


def credentials(session: access.Session, name: str) -> dict[str, str]:
    """Credentials of a role for commands, which MiniStack evaluates like any caller's.

    Args:
        session: The role, assumed.
        name: The name of the session.

    Returns:
        What the commands need in their environment.
    """
    key, secret, token = f"ASIA{secrets.token_hex(8).upper()}", secrets.token_hex(20), secrets.token_hex(60)
    role = iam._roles.get_scoped(session.account, None, session.role)
    arn = f"arn:aws:sts::{session.account}:assumed-role/{session.role}/{name}"
    made = {
        "Arn": arn,
        "UserId": f"{role['RoleId']}:{name}",
        "SecretAccessKey": secret,
        "SessionToken": token,
        "Expiration": time.time() + 12 * 3600,
        "AccountId": session.account,
        "PrincipalType": "AssumedRole",
    }
    sts.register_session(key, made)
    return {"AWS_ACCESS_KEY_ID": key, "AWS_SECRET_ACCESS_KEY": secret, "AWS_SESSION_TOKEN": token}
