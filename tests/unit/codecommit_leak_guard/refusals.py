"""What the tests of refusals share: calls of the construct with one argument that is replaced."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns

from cdk_refarch import CodeCommitLeakGuard, LeakNotification, LeakResponse
from tests.unit import refusals as given
from tests.unit.refusals import Call, fresh

stack = fresh()

REPOSITORY = codecommit.Repository.from_repository_arn(stack, "Repository", f"arn:aws:codecommit:{given.HERE}:shop")
SAME = codecommit.Repository.from_repository_arn(stack, "Same", f"arn:aws:codecommit:{given.HERE}:shop")
FAR = codecommit.Repository.from_repository_arn(stack, "Far", f"arn:aws:codecommit:{given.THERE}:shop")
OTHERS = codecommit.Repository.from_repository_arn(stack, "Others", f"arn:aws:codecommit:{given.OTHERS}:shop")
ENCRYPTED = codecommit.Repository(stack, "Encrypted", repository_name="encrypted", kms_key=given.KEY)
PLAIN_ENCRYPTED = codecommit.Repository(stack, "PlainEncrypted", repository_name="plain", kms_key=given.PLAIN_KEY)
BY_KEY_ID = codecommit.Repository(stack, "ByKeyId", repository_name="by-key-id")
BY_KEY_ID.node.default_child.kms_key_id = "1"  # type: ignore[union-attr]
ALIASED = codecommit.Repository(stack, "Aliased", repository_name="aliased", kms_key=given.ALIAS)
UNKNOWN = codecommit.Repository.from_repository_arn(stack, "Unknown", given.LATER)

ROLE = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/deploy")
OTHERS_ROLE = iam.Role.from_role_arn(stack, "OthersRole", "arn:aws:iam::444455556666:role/deploy")
LATER_ROLE = iam.Role.from_role_arn(stack, "LaterRole", given.LATER)
ALIASED_TOPIC = sns.Topic(stack, "AliasedTopic", master_key=given.ALIAS)
POLICY = iam.ManagedPolicy.from_aws_managed_policy_name("AWSCompromisedKeyQuarantineV3")


def repositories(number: int) -> list[codecommit.IRepository]:
    """So many different ones."""
    scope = fresh()
    return [codecommit.Repository.from_repository_name(scope, f"One{one}", f"shop-{one}") for one in range(number)]


def repository(name: str) -> codecommit.IRepository:
    """One that is known by its name."""
    return codecommit.Repository.from_repository_name(fresh(), "Named", name)


def keys(number: int) -> list[kms.IKey]:
    """So many different ones."""
    scope = fresh()
    arns = [f"arn:aws:kms:{given.HERE}:key/01234567-89ab-cdef-0123-{one:012}" for one in range(number)]
    return [kms.Key.from_key_arn(scope, f"Key{one}", arn) for one, arn in enumerate(arns)]


def role(name: str, prefix: str = "arn:aws:iam::111122223333:role/") -> iam.IRole:
    """One that is known by its ARN."""
    return iam.Role.from_role_arn(fresh(), "Role", prefix + name)


def roles(number: int, length: int = 8) -> list[iam.IRole]:
    """So many different ones, with names of this length."""
    return [role(f"{one:02}".ljust(length, "r")) for one in range(number)]


def policy(rest: str) -> iam.IManagedPolicy:
    """One that is known by its ARN."""
    return iam.ManagedPolicy.from_managed_policy_arn(fresh(), "Policy", f"arn:aws:iam::{rest}")


def guard(scope: cdk.Stack | None = None, **arguments: Any) -> Call:
    """Call the construct; a stack of its own lets it be made as often as it is legal."""
    return lambda: CodeCommitLeakGuard(scope or fresh(), "Tested", **arguments)


def response(**arguments: Any) -> Call:
    return lambda: CodeCommitLeakGuard(fresh(), "Tested", response=LeakResponse(**arguments))


def notification(**arguments: Any) -> Call:
    return lambda: CodeCommitLeakGuard(fresh(), "Tested", notification=LeakNotification(**arguments))
