"""What a service may do with a role: the emulator's own evaluator, asked where MiniStack does not ask it.

MiniStack evaluates the policies of callers. It does not evaluate the role that AWS IoT, Firehose or an alarm acts with;
the adapters ask here before they act, with the conditions that AWS sends, so that a missing permission fails as on AWS.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from ministack.core import iam_evaluator
from ministack.services import iam

_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Decrypt")
"""What a service does with the key of what it writes to."""


class Refused(Exception):
    """AWS would answer AccessDenied; the message is what it would say."""


@dataclass(frozen=True)
class Session:
    """A role as a service has assumed it."""

    role: str
    principal: str
    account: str
    region: str


def assume(role_arn: str, service: str, account: str, region: str, conditions: Mapping[str, str]) -> Session:
    """Assume a role as a service, if the role's trust policy admits it.

    Args:
        role_arn: The role.
        service: The service principal, such as ``iot.amazonaws.com``.
        account: The account that the service works for.
        region: Its region.
        conditions: The context of the call, such as ``aws:SourceArn``.

    Raises:
        Refused: If there is no such role or it does not trust the service under these conditions.
    """
    name = role_arn.rsplit("/", 1)[-1]
    role = iam._roles.get_scoped(account, None, name)
    if role is None:
        raise Refused(f"{service} cannot assume {role_arn}: there is no such role")
    document = role["AssumeRolePolicyDocument"]
    trust = json.loads(document) if isinstance(document, str) else document
    statements = [
        {**statement, "Resource": "*"}
        for statement in trust["Statement"]
        if iam_evaluator._service_principal_matches(statement.get("Principal"), service)
    ]
    context = _context(service, "Service", account, region, "sts:AssumeRole", role_arn, conditions)
    parsed = iam_evaluator.parse_policy_document({"Statement": statements})
    if iam_evaluator.evaluate(context, [parsed]).decision != "Allow":
        why = "because its trust policy does not allow it"
        raise Refused(f"{service} is not authorized to perform: sts:AssumeRole on resource: {role_arn} {why}")
    session = service.removesuffix(".amazonaws.com")
    return Session(name, f"arn:aws:sts::{account}:assumed-role/{name}/{session}", account, region)


def require(session: Session, action: str, resource: str, conditions: Mapping[str, str] | None = None) -> None:
    """Refuse what a role's policies, its boundary and the resource's own policy do not allow together.

    Args:
        session: The role, assumed.
        action: The IAM action.
        resource: The ARN.
        conditions: The context of the call.

    Raises:
        Refused: If it is not allowed.
    """
    context = _context(
        session.principal, "AssumedRole", session.account, session.region, action, resource, conditions or {}
    )
    policies = iam_evaluator._gather_role_policies(session.role, session.account)
    limits = iam_evaluator._permissions_boundary(iam._roles, session.role, session.account)
    result = iam_evaluator.evaluate(context, policies, *limits)
    service = action.split(":", maxsplit=1)[0]
    found = iam_evaluator._resource_policy(service, resource)
    if found is not None:
        needed = service == "kms"
        result = iam_evaluator.combine_resource_policy(result, context, *found, required=needed, limits=limits)
    if result.decision != "Allow":
        raise Refused(_denied(session.principal, action, resource, result))


def require_service(
    service: str, action: str, resource: str, account: str, region: str, conditions: Mapping[str, str]
) -> None:
    """Refuse what a resource's own policy does not allow a service principal to do.

    Args:
        service: The service principal, such as ``cloudwatch.amazonaws.com``.
        action: The IAM action.
        resource: The ARN of a resource that has a policy.
        account: The account that the service works for.
        region: Its region.
        conditions: The context of the call.

    Raises:
        Refused: If it is not allowed.
    """
    context = _context(service, "Service", account, region, action, resource, conditions)
    found = iam_evaluator._resource_policy(action.split(":", maxsplit=1)[0], resource)
    policy = found[0] if found else None
    result = iam_evaluator.evaluate_resource_policy(policy, context, service=service)
    if result.decision != "Allow":
        raise Refused(_denied(service, action, resource, result))


def require_key(session: Session, key: str, via: str, actions: Iterable[str] = _KEY_ACTIONS) -> None:
    """Refuse a service's use of a customer managed key on behalf of a role.

    Args:
        session: The role, assumed.
        key: The key's ARN or id; empty for none.
        via: The service that calls KMS, such as ``sqs``.
        actions: What the service does with the key.

    Raises:
        Refused: If it is not allowed or the key is not enabled.
    """
    if not key:
        return
    arn = key_arn(key, session.account, session.region)
    conditions = {
        "kms:ViaService": f"{via}.{session.region}.amazonaws.com",
        "kms:CallerAccount": session.account,
    }
    for action in actions:
        require(session, action, arn, conditions)
    refuse_disabled_key(arn)


def require_service_key(service: str, key: str, account: str, region: str, conditions: Mapping[str, str]) -> None:
    """Refuse a service's use of the key that its target is encrypted with, unless the key's policy admits it.

    Args:
        service: The service principal.
        key: The key's ARN or id; empty for none.
        account: The account that the service works for.
        region: Its region.
        conditions: The context of the call.

    Raises:
        Refused: If it is not allowed or the key is not enabled.
    """
    if not key:
        return
    arn = key_arn(key, account, region)
    for action in _KEY_ACTIONS:
        require_service(service, action, arn, account, region, conditions)
    refuse_disabled_key(arn)


def over_tls() -> None:
    """Let what this thread or task asks of MiniStack count as sent over TLS, as services' own calls are."""
    iam_evaluator.pin_request_origin("127.0.0.1", True)


def refuse_disabled_key(arn: str) -> None:
    """Refuse the use of a key that is disabled or going to be deleted.

    Args:
        arn: The key.

    Raises:
        Refused: If it is.
    """
    from ministack.services import kms

    key = kms._keys.get(arn.rsplit("/", 1)[-1])
    if key is None or key["KeyState"] != "Enabled":
        raise Refused(f"{arn} is {'not there' if key is None else key['KeyState']}")


def own_key(owner: Mapping[str, Any]) -> str:
    """The customer managed key of a queue or a topic; empty for none, or for a key of AWS.

    Args:
        owner: MiniStack's record of the queue or the topic.
    """
    key: str = owner["attributes"].get("KmsMasterKeyId", "")
    return "" if key.startswith("alias/aws/") else key


def key_arn(key: str, account: str, region: str) -> str:
    """The ARN of a key that is given by id or ARN.

    Args:
        key: The id or the ARN.
        account: The account of an id.
        region: The region of an id.
    """
    return key if key.startswith("arn:") else f"arn:aws:kms:{region}:{account}:key/{key}"


def _context(
    principal: str,
    kind: str,
    account: str,
    region: str,
    action: str,
    resource: str,
    conditions: Mapping[str, str],
) -> Any:
    return iam_evaluator.EvalContext(
        principal_arn=principal,
        principal_type=kind,
        principal_account=account,
        action=action,
        resource_arn=resource,
        region=region,
        secure_transport=True,
        service_context={name.lower(): value for name, value in conditions.items()},
    )


def _denied(principal: str, action: str, resource: str, result: Any) -> str:
    why = "with an explicit deny" if result.decision == "Deny" else f"because no policy allows the {action} action"
    return f"{principal} is not authorized to perform: {action} on resource: {resource} {why}"
