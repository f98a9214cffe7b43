"""Policy statements that every architecture writes alike."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from constructs import Construct

from .checks import is_token

OTHER_PARTITIONS = ("cn-", "us-iso", "eu-iso", "eusc-")
"""How regions begin whose endpoints end in something else than amazonaws.com."""


def statement(actions: list[str], *resources: str) -> iam.PolicyStatement:
    """Return a statement.

    Args:
        actions: What is allowed.
        resources: On what.
    """
    return iam.PolicyStatement(actions=actions, resources=list(resources))


def service_role(
    scope: Construct,
    id: str,
    *,
    service: str,
    conditions: dict[str, dict[str, str]],
    description: str,
    statements: list[iam.PolicyStatement],
) -> iam.Role:
    """Create a role that one service assumes, with its statements inside.

    The statements are part of the role and no policy of their own, so that nothing that uses the role can be created
    before they are in force.

    Args:
        scope: The construct that the role belongs to.
        id: Its id.
        service: The service principal.
        conditions: What keeps the service from being used by somebody else (confused deputy).
        description: What the role is for.
        statements: All that the role may do.
    """
    return iam.Role(
        scope,
        id,
        assumed_by=iam.PrincipalWithConditions(iam.ServicePrincipal(service), conditions),
        description=description,
        inline_policies={"Permissions": iam.PolicyDocument(statements=statements)},
    )


def use_key(scope: Construct, key: kms.IKey, service: str, actions: list[str]) -> iam.PolicyStatement:
    """Return the statement that lets a role use a key through one service only.

    Args:
        scope: Any construct of the stack.
        key: The key.
        service: The service that calls KMS for the role, as in ``s3``.
        actions: What the service needs.
    """
    return use_keys(scope, [key], service, actions)


def use_keys(scope: Construct, keys: Sequence[kms.IKey], service: str, actions: list[str]) -> iam.PolicyStatement:
    """Return the one statement that lets a role use several keys through one service only.

    Args:
        scope: Any construct of the stack.
        keys: The keys, at least one.
        service: The service that calls KMS for the role, as in ``s3``.
        actions: What the service needs.
    """
    stack = cdk.Stack.of(scope)
    hosts = [f"{service}.{stack.region}.amazonaws.com"]
    # AWS does not document which ending the value has outside the commercial partition, so both are admitted there.
    if is_token(stack.region) or stack.region.startswith(OTHER_PARTITIONS):
        hosts.append(f"{service}.{stack.region}.{stack.url_suffix}")
    return iam.PolicyStatement(
        actions=actions,
        resources=[key.key_arn for key in keys],
        conditions={"StringEquals": {"kms:ViaService": hosts if len(hosts) > 1 else hosts[0]}},
    )
