"""What the tests of refusals share: calls of the construct with one argument that is replaced."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
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


def guard(scope: cdk.Stack | None = None, **arguments: Any) -> Call:
    """Call the construct; a stack of its own lets it be made as often as it is legal."""
    return lambda: CodeCommitLeakGuard(scope or fresh(), "Tested", **arguments)


def response(**arguments: Any) -> Call:
    return lambda: CodeCommitLeakGuard(fresh(), "Tested", response=LeakResponse(**arguments))


def notification(**arguments: Any) -> Call:
    return lambda: CodeCommitLeakGuard(fresh(), "Tested", notification=LeakNotification(**arguments))
