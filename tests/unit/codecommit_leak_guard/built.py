"""Guards that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns

from cdk_refarch import CodeCommitLeakGuard, LeakNotification, LeakResponse
from tests.unit.scenes import Scene
from tests.unit.templates import Template

ACCOUNT, REGION = "111122223333", "eu-west-1"
HERE = f"{REGION}:{ACCOUNT}"
QUARANTINE = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV3"
DEPLOY = f"arn:aws:iam::{ACCOUNT}:role/ci/deploy"
TOLD = f"arn:aws:sns:{HERE}:told"
MAILS = ["security@example.com", "on-call@example.com"]
MANY = [f"shop-{number:02}" for number in range(11)]


def stack_in(app: cdk.App, id: str, region: str = REGION) -> cdk.Stack:
    return cdk.Stack(app, id, env=cdk.Environment(account=ACCOUNT, region=region))


def known_as(scope: cdk.Stack, name: str, id: str = "") -> codecommit.IRepository:
    """A repository that is there."""
    return codecommit.Repository.from_repository_name(scope, id or f"Known-{name}", name)


def actions(scope: cdk.Stack, **more: Any) -> LeakResponse:
    """A response that does all that it can."""
    given: dict[str, Any] = {
        "quarantine_policy": iam.ManagedPolicy.from_managed_policy_arn(scope, "Quarantine", QUARANTINE),
        "revoke_roles": [
            iam.Role(scope, "Deploy", assumed_by=iam.AccountRootPrincipal()),
            iam.Role.from_role_arn(scope, "KnownDeploy", DEPLOY, mutable=False),
        ],
    }
    return LeakResponse(**{**given, **more})


@dataclass(frozen=True)
class Built:
    """All scenes."""

    plain: Scene
    """With nothing given."""
    full: Scene
    """With everything given, and triggers."""
    dry: Scene
    """A dry run that would do everything, and a topic that is known by its ARN alone."""
    told: Scene
    """More repositories than one rule takes, and addresses."""


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App(builtin_cloud_formation_validation=False, tree_metadata=False)
    makes: list[Callable[[cdk.App], CodeCommitLeakGuard]] = [_plain, _full, _dry, _told]
    made = [make(app) for make in makes]
    return Built(*(Scene(one, Template(cdk.Stack.of(one))) for one in made))


def _plain(app: cdk.App) -> CodeCommitLeakGuard:
    return CodeCommitLeakGuard(stack_in(app, "Plain"), "Guard")


def _full(app: cdk.App) -> CodeCommitLeakGuard:
    stack = stack_in(app, "Full")
    code, told = kms.Key(stack, "CodeKey"), kms.Key(stack, "ToldKey")
    return CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[
            codecommit.Repository(stack, "Shop", repository_name="shop", kms_key=code),
            known_as(stack, "lab"),
        ],
        decrypt_keys=[code],
        delivery="trigger",
        response=actions(
            stack, user_paths=["/people/", "/machines/"], exempt_users=["emergency"], break_glass_tag="keep"
        ),
        notification=LeakNotification(topic=sns.Topic(stack, "Told", master_key=told), security_hub=True),
        encryption_key=kms.Key(stack, "Given"),
        alarm_topic=sns.Topic(stack, "Woken"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
        log_retention=logs.RetentionDays.ONE_WEEK,
    )


def _dry(app: cdk.App) -> CodeCommitLeakGuard:
    stack = stack_in(app, "Dry")
    topic = sns.Topic.from_topic_arn(stack, "Told", TOLD)
    return CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[known_as(stack, "shop")],
        response=actions(stack, dry_run=True),
        notification=LeakNotification(topic=topic),
    )


def _told(app: cdk.App) -> CodeCommitLeakGuard:
    stack = stack_in(app, "Told")
    return CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[known_as(stack, name) for name in MANY],
        notification=LeakNotification(emails=MAILS),
        alarm_topic=sns.Topic(stack, "Woken"),
    )
