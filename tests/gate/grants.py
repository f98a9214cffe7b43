"""Who may do what in a template: every role and every resource policy as rows, expanded and readable."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any, NamedTuple

from .arns import expand
from .intrinsics import flat, listed

POLICY_TYPES = ("AWS::IAM::Policy", "AWS::IAM::ManagedPolicy", "AWS::IAM::RolePolicy")
RESOURCE_POLICIES = {
    "AWS::S3::BucketPolicy": ("Bucket", "PolicyDocument"),
    "AWS::SQS::QueuePolicy": ("Queues", "PolicyDocument"),
    "AWS::SNS::TopicPolicy": ("Topics", "PolicyDocument"),
    "AWS::KMS::Key": (None, "KeyPolicy"),
    "AWS::SecretsManager::ResourcePolicy": ("SecretId", "ResourcePolicy"),
    "AWS::IoT::Policy": (None, "PolicyDocument"),
    "AWS::RedshiftServerless::Namespace": (None, "NamespaceResourcePolicy"),
    "AWS::OpenSearchService::Domain": (None, "AccessPolicies"),
}
"""Type to the property that names what the policy is on (None for itself) and the one with the document."""


class Row(NamedTuple):
    """One permission."""

    holder: str
    effect: str
    principal: str
    action: str
    resource: str
    condition: str

    def __str__(self) -> str:
        parts = [self.effect.lower(), self.principal, self.action, "on", self.resource]
        return " ".join(filter(None, [*parts, f"if {self.condition}" if self.condition else ""]))


def rows(template: dict[str, Any]) -> list[Row]:
    """Return every permission of a template: of roles, users and groups, of trust and of resource policies.

    Args:
        template: The template.
    """
    found: set[Row] = set()
    for logical_id, resource in template["Resources"].items():
        found |= set(_of_resource(logical_id, resource))
    return sorted(found)


def _of_resource(logical_id: str, resource: dict[str, Any]) -> Iterator[Row]:
    properties = resource.get("Properties", {})
    kind = resource["Type"]
    if kind == "AWS::IAM::Role":
        yield from _statements(f"trust of {logical_id}", properties["AssumeRolePolicyDocument"])
        for managed in listed(properties.get("ManagedPolicyArns")):
            yield Row(f"role {logical_id}", "Allow", "", "managed policy", str(flat(managed)), "")
        for policy in properties.get("Policies", []):
            yield from _statements(f"role {logical_id}", policy["PolicyDocument"])
    elif kind in POLICY_TYPES:
        holders = [
            *listed(properties.get("Roles")),
            *listed(properties.get("Users")),
            *listed(properties.get("Groups")),
        ]
        for holder in holders or [properties.get("RoleName", "nobody")]:
            yield from _statements(f"role {str(flat(holder)).strip('<>')}", properties["PolicyDocument"])
    elif kind in RESOURCE_POLICIES:
        target, document = RESOURCE_POLICIES[kind]
        on = [logical_id] if target is None else [str(flat(one)).strip("<>") for one in listed(properties[target])]
        for name in on if document in properties else ():
            yield from _statements(f"policy on {name}", properties[document])
    elif kind == "AWS::Lambda::Permission":
        yield _permission(properties)


def _permission(properties: dict[str, Any]) -> Row:
    """Return the permission of a function's policy, whose conditions are properties."""
    given = flat(properties)
    function = str(given["FunctionName"])
    conditions = [
        f"{operator} {key} {json.dumps(given[name])}"
        for operator, key, name in (
            ("ArnLike", "aws:SourceArn", "SourceArn"),
            ("StringEquals", "aws:SourceAccount", "SourceAccount"),
        )
        if name in given
    ]
    # A service has dots in its name, an account or a role has colons or none.
    kind = "Service" if "." in given["Principal"] and ":" not in given["Principal"] else "AWS"
    holder = f"policy on {function.strip('<>').partition('.')[0]}"
    return Row(holder, "Allow", f"{kind}:{given['Principal']}", given["Action"], function, " and ".join(conditions))


def _statements(holder: str, document: dict[str, Any]) -> Iterator[Row]:
    for statement in listed(document["Statement"]):
        condition = flat(statement.get("Condition", {}))
        shown = " and ".join(
            f"{operator} {key} {json.dumps(value)}"
            for operator, keys in sorted(condition.items())
            for key, value in sorted(keys.items())
        )
        for negated in ("NotAction", "NotResource", "NotPrincipal"):
            if negated in statement:
                raise ValueError(f"{holder} must say what is meant, got {negated}; name actions and resources")
        for principal in _principals(statement.get("Principal")):
            for pattern in listed(statement["Action"]):
                for action in [pattern] if pattern.endswith(":*") or pattern == "*" else expand(pattern):
                    for resource in listed(statement.get("Resource")) or [""]:
                        yield Row(holder, statement["Effect"], principal, action, str(flat(resource)), shown)


def _principals(principal: Any) -> list[str]:
    if principal is None:
        return [""]
    if isinstance(principal, str):
        return [principal]
    return [f"{kind}:{flat(name)}" for kind, names in principal.items() for name in listed(names)]


def table(template: dict[str, Any]) -> str:
    """Return the permissions as text, a block for each holder.

    Args:
        template: The template.
    """
    blocks: dict[str, list[str]] = {}
    for row in rows(template):
        blocks.setdefault(row.holder, []).append(f"  {row}")
    return "\n".join(f"{holder}\n" + "\n".join(lines) + "\n" for holder, lines in blocks.items())
