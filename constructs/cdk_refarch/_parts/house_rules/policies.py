"""Reading policies: statements, principals and what conditions really narrow."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from .template import Resource, dig, is_intrinsic, listing, literal, parsed, shape

RESOURCE_POLICIES = {
    "AWS::Backup::BackupVault": "AccessPolicy",
    "AWS::DynamoDB::Table": "ResourcePolicy.PolicyDocument",
    "AWS::ECR::Repository": "RepositoryPolicyText",
    "AWS::EFS::FileSystem": "FileSystemPolicy",
    "AWS::Events::EventBusPolicy": "Statement",
    "AWS::IAM::Role": "AssumeRolePolicyDocument",
    "AWS::Kinesis::ResourcePolicy": "ResourcePolicy",
    "AWS::KMS::Key": "KeyPolicy",
    "AWS::KMS::ReplicaKey": "KeyPolicy",
    "AWS::Logs::ResourcePolicy": "PolicyDocument",
    "AWS::OpenSearchService::Domain": "AccessPolicies",
    "AWS::S3::AccessPoint": "Policy",
    "AWS::S3::BucketPolicy": "PolicyDocument",
    "AWS::SecretsManager::ResourcePolicy": "ResourcePolicy",
    "AWS::SNS::TopicInlinePolicy": "PolicyDocument",
    "AWS::SNS::TopicPolicy": "PolicyDocument",
    "AWS::SQS::QueueInlinePolicy": "PolicyDocument",
    "AWS::SQS::QueuePolicy": "PolicyDocument",
}
"""Where each type of resource says who may use it."""

IDENTITY_POLICIES = (
    "AWS::IAM::GroupPolicy",
    "AWS::IAM::ManagedPolicy",
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::IAM::RolePolicy",
    "AWS::IAM::User",
    "AWS::IAM::UserPolicy",
)
"""The types of resources that say what somebody may do."""

WILDCARDS = {"*", "0.0.0.0/0", "::/0"}


def granted_by(resource: Resource) -> Iterator[dict[str, Any]]:
    """Yield the statements by which a resource says who may use it.

    Args:
        resource: A resource of one of the types in ``RESOURCE_POLICIES``.
    """
    document = resource.get(*RESOURCE_POLICIES[resource.kind].split("."))
    yield from _allowing({"Statement": document} if resource.kind == "AWS::Events::EventBusPolicy" else document)


def granted_to(resource: Resource) -> Iterator[dict[str, Any]]:
    """Yield the statements that say what somebody may do.

    Args:
        resource: A resource of one of the types in ``IDENTITY_POLICIES``.
    """
    yield from _allowing(resource.get("PolicyDocument"))
    for policy in listing(resource.get("Policies")):
        yield from _allowing(dig(policy, "PolicyDocument"))


def statements(document: Any) -> Iterator[dict[str, Any]]:
    """Yield the statements of a policy that are known.

    Args:
        document: The policy.
    """
    for statement in listing(dig(parsed(document), "Statement")):
        if isinstance(statement, dict) and not is_intrinsic(statement):
            yield statement


def _allowing(document: Any) -> Iterator[dict[str, Any]]:
    return (statement for statement in statements(document) if statement.get("Effect") == "Allow")


def is_for_everyone(statement: dict[str, Any]) -> bool:
    """Tell whether the principal of a statement is the whole world.

    Args:
        statement: The statement.
    """
    return "*" in (statement.get("Principal"), *listing(dig(statement, "Principal", "AWS")))


def services(statement: dict[str, Any]) -> Iterator[str]:
    """Yield the service principals of a statement, without what follows the service's name.

    Args:
        statement: The statement.
    """
    principal = dig(statement, "Principal", "Service")
    for one in [principal] if is_intrinsic(principal) else listing(principal):
        yield service_name(one)


def service_name(principal: Any) -> str:
    """Return the name of the service in a principal such as ``events.amazonaws.com``.

    Args:
        principal: The principal.
    """
    return re.sub(r"\.(amazonaws\.com(\.cn)?|<AWS\.URLSuffix>)$", "", shape(principal))


def narrows(statement: dict[str, Any], says_who: Callable[[str], bool]) -> bool:
    """Tell whether a condition keeps others out, as far as it is known.

    Operators that a request without the key passes, and those that exclude, keep nobody out for sure.

    Args:
        statement: The statement.
        says_who: Whether a key, in small letters, is about the caller.
    """
    condition = statement.get("Condition")
    if is_intrinsic(condition):
        return True
    for operator, tests in condition.items() if isinstance(condition, dict) else ():
        if "Not" in operator or operator.startswith("ForAllValues:") or operator.endswith(("IfExists", "Null")):
            continue
        if is_intrinsic(tests):
            return True
        for key, value in tests.items() if isinstance(tests, dict) else ():
            if says_who(key.lower()) and not any(_is_open(one) for one in listing(value)):
                return True
    return False


def _is_open(value: Any) -> bool:
    text = shape(value)
    arn = text.split(":")
    return text in WILDCARDS or (arn[0] == "arn" and (len(arn) < 5 or arn[4] == "*"))


def denies_plain_http(document: Any) -> bool:
    """Tell whether a policy refuses everyone who comes without TLS, or cannot be read.

    Args:
        document: The policy.
    """
    if is_intrinsic(document) or is_intrinsic(dig(parsed(document), "Statement")):
        return True
    for statement in statements(document):
        tests = dig(statement, "Condition", "Bool")
        insecure = [
            str(value).lower() == "false"
            for key, values in (tests.items() if isinstance(tests, dict) else ())
            if key.lower() == "aws:securetransport"
            for value in listing(values)
        ]
        if literal(statement.get("Effect")) == "Deny" and is_for_everyone(statement) and any(insecure):
            return True
    return False
