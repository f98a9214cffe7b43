"""Pipelines that the tests of this folder read, all in one app that is synthesized once."""

from __future__ import annotations

import functools
from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_refarch import (
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    FleetDeployRoles,
    ImageBuilderCicd,
    ImageDeployment,
    TemplateBuild,
)
from tests.unit.templates import Template, flat, listed

ACCOUNT, REGION = "111122223333", "eu-west-1"
OTHER_ACCOUNT, OTHER_REGION = "444455556666", "us-east-1"
ENV = cdk.Environment(account=ACCOUNT, region=REGION)
CONNECTION = f"arn:aws:codeconnections:{REGION}:{ACCOUNT}:connection/01234567-89ab-cdef-0123-456789abcdef"
OLD_CONNECTION = CONNECTION.replace("codeconnections", "codestar-connections")
ACTION_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/action"
DEPLOY_ROLE = f"arn:aws:iam::{OTHER_ACCOUNT}:role/deploy"
NEAR_ACTION_ROLE = ACTION_ROLE + "-near"
FAR_KEY = f"arn:aws:kms:{OTHER_REGION}:{ACCOUNT}:key/far"
PIPELINE_ROLE = f"arn:aws:iam::{ACCOUNT}:role/Delivery-*"
READING = iam.PolicyStatement(actions=["s3:GetObject"], resources=["arn:aws:s3:::packages/*"])


@dataclass(frozen=True)
class Scene:
    """A construct, and what its stack became."""

    made: Any
    template: Template

    def of(self, construct: Any) -> Any:
        """The properties of a construct's resource, in a form that can be read."""
        return flat(self.template.of(construct))

    def shown(self, value: Any) -> Any:
        """A value with tokens in the same form."""
        return flat(self.template.resolve(value))

    def all(self, kind: str) -> list[Any]:
        """The properties of all resources of a type."""
        return [flat(one.get("Properties", {})) for one in self.template.all(kind)]

    def named(self, path: str) -> Any:
        """A construct inside, by its path."""
        found: Any = self.made
        for id in path.split("/"):
            found = found.node.find_child(id)
        return found

    def statements(self, path: str) -> list[dict[str, Any]]:
        """All that a role may do, by the path of the role."""
        role = self.of(self.named(path))
        assert "ManagedPolicyArns" not in role
        return [one for policy in role["Policies"] for one in policy["PolicyDocument"]["Statement"]]

    def trust(self, path: str) -> Any:
        """Who may assume a role."""
        (only,) = self.of(self.named(path))["AssumeRolePolicyDocument"]["Statement"]
        return {name: only[name] for name in ("Principal", "Condition") if name in only}

    def stage(self, name: str) -> list[Any]:
        """The actions of a stage."""
        (found,) = (one for one in self.of(self.made.pipeline)["Stages"] if one["Name"] == name)
        actions: list[Any] = found["Actions"]
        return actions

    def action(self, stage: str, name: str) -> Any:
        """One action."""
        (found,) = (one for one in self.stage(stage) if one["Name"] == name)
        return found

    @property
    def variables(self) -> dict[str, Any]:
        """What the build reads in its environment."""
        return {one["Name"]: one["Value"] for one in self.of(self.made.project)["Environment"]["EnvironmentVariables"]}


def permissions(statements: list[dict[str, Any]]) -> set[tuple[str, str, str]]:
    """Action, resource and condition of statements that allow something."""
    return {
        (action, resource, str(one.get("Condition", "")))
        for one in statements
        for action in listed(one["Action"])
        for resource in listed(one["Resource"])
        if one["Effect"] == "Allow"
    }


def allowing(statements: list[dict[str, Any]], action: str) -> list[dict[str, Any]]:
    """The statements that allow an action."""
    return [one for one in statements if any(fnmatchcase(action, known) for known in listed(one["Action"]))]


def may(statements: list[dict[str, Any]], action: str, resource: str) -> bool:
    """Whether an action on a resource is allowed, whatever the conditions."""
    return any(
        fnmatchcase(resource, pattern) for one in allowing(statements, action) for pattern in listed(one["Resource"])
    )


@dataclass(frozen=True)
class Built:
    """All scenes."""

    plain: Scene
    full: Scene
    given: Scene
    away: Scene

    @property
    def pipelines(self) -> Iterator[Scene]:
        """Those with a pipeline."""
        yield from (self.plain, self.full, self.given)


@functools.cache
def built() -> Built:
    """Return all scenes."""
    app = cdk.App()
    makes = {"Plain": _plain, "Full": _full, "Given": _given, "Away": _away}
    made = []
    for name, make in makes.items():
        account, region = (OTHER_ACCOUNT, OTHER_REGION) if name == "Away" else (ACCOUNT, REGION)
        made.append(make(cdk.Stack(app, f"{name}Delivery", env=cdk.Environment(account=account, region=region))))
    return Built(*(Scene(one, Template(cdk.Stack.of(one))) for one in made))


def _plain(stack: cdk.Stack) -> ImageBuilderCicd:
    return ImageBuilderCicd(stack, "Cicd")


def far_bucket(stack: cdk.Stack, id: str = "Far") -> s3.IBucket:
    """A bucket of the other region, with a key."""
    key = kms.Key.from_key_arn(stack, f"{id}Key", FAR_KEY)
    return s3.Bucket.from_bucket_attributes(
        stack, id, bucket_name="far-artifacts", encryption_key=key, region=OTHER_REGION
    )


def _full(stack: cdk.Stack) -> ImageBuilderCicd:
    return ImageBuilderCicd(
        stack,
        "Cicd",
        source=ConnectionSource(connection_arn=CONNECTION, repository="group/part/images", branch="release"),
        image=ImageDeployment(stack_name="Web-Image", template="image.json", statements=[READING]),
        fleets=[
            FleetDeployment(id="Staging", stack_name="Staging", parameters={"MinSize": "1"}, statements=[READING]),
            FleetDeployment(id="Far", stack_name="Portal", region=OTHER_REGION, template="out/web.json"),
            FleetDeployment(
                id="Away",
                stack_name="Shop",
                region=OTHER_REGION,
                account=OTHER_ACCOUNT,
                action_role_arn=ACTION_ROLE,
                deploy_role_arn=DEPLOY_ROLE,
            ),
            FleetDeployment(
                id="Near",
                stack_name="Desk",
                account=OTHER_ACCOUNT,
                action_role_arn=NEAR_ACTION_ROLE,
                deploy_role_arn=DEPLOY_ROLE,
            ),
        ],
        build=TemplateBuild(
            buildspec="ci/build.yml",
            environment={"STAGE": "production"},
            timeout=cdk.Duration.hours(1),
            bootstrap_qualifier="images",
        ),
        approval=Approval(emails=["ops@example.com", "dev@example.com"], timeout=cdk.Duration.hours(8)),
        artifact_buckets={OTHER_REGION: far_bucket(stack)},
        boundary_statements=[READING],
        alarm_topic=sns.Topic(stack, "Alarms"),
        removal_policy=cdk.RemovalPolicy.DESTROY,
    )


def _given(stack: cdk.Stack) -> ImageBuilderCicd:
    return ImageBuilderCicd(
        stack,
        "Cicd",
        source=CodeCommitSource(repository=codecommit.Repository(stack, "Repository", repository_name="images")),
        image=ImageDeployment(
            deploy_role=iam.Role.from_role_arn(stack, "Role", f"arn:aws:iam::{ACCOUNT}:role/image-deploy")
        ),
        fleets=[FleetDeployment(deploy_role_arn=f"arn:aws:iam::{ACCOUNT}:role/fleet-deploy")],
        approval=Approval(topic=sns.Topic(stack, "Asked", master_key=kms.Key(stack, "AskedKey"))),
        follow_images=False,
        encryption_key=kms.Key(stack, "Own"),
        access_log_bucket=s3.Bucket(stack, "Logs"),
    )


def _away(stack: cdk.Stack) -> FleetDeployRoles:
    return FleetDeployRoles(
        stack,
        "Roles",
        stack_name="Shop",
        image_stack="Web-Image",
        pipeline_role_arn=PIPELINE_ROLE,
        artifact_bucket_arn="arn:aws:s3:::far-artifacts",
        artifact_key_arn=FAR_KEY,
        boundary_name="FullDelivery-Boundary-1",
        bootstrap_qualifier="images",
        statements=[READING],
        boundary_statements=[READING],
    )
