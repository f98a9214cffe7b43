"""The pipeline works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import (
    AlarmTopic,
    Approval,
    CodeCommitSource,
    ConnectionSource,
    FleetDeployment,
    FleetDeployRoles,
    ImageBuilderCicd,
    ImageDeployment,
    TemplateBuild,
)
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.image_builder_cicd import delivery_built as known
from tests.unit.templates import Template, flat

ACCOUNT = known.ACCOUNT


def everything(stack: cdk.Stack, **more: Any) -> ImageBuilderCicd:
    """A pipeline with all its parts, apart from a connection."""
    return ImageBuilderCicd(
        stack,
        "Cicd",
        fleets=[FleetDeployment(), FleetDeployment(id="Shop", stack_name="Shop")],
        approval=Approval(emails=["ops@example.com"]),
        **more,
    )


def roles(stack: cdk.Stack) -> FleetDeployRoles:
    return FleetDeployRoles(
        stack,
        "Roles",
        pipeline_role_arn=known.PIPELINE_ROLE,
        artifact_bucket_arn="arn:aws:s3:::far-artifacts",
        artifact_key_arn=known.FAR_KEY,
        boundary_name="Boundary",
    )


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["all", "none"])
def test_whatever_the_flags_of_the_app_the_packs_find_nothing_and_the_pipeline_is_the_same(
    flags: dict[str, Any], tmp_path: Path
) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Delivery")
    made = everything(stack, alarm_topic=AlarmTopic(stack, "Alarms"))
    roles(cdk.Stack(app, "Away"))
    app.synth()
    assert open_findings(app, tmp_path) == []
    pipeline = Template(stack).of(made.pipeline)
    assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")
    kinds = [one["Type"] for one in Template(stack).json["Resources"].values()]
    assert kinds.count("AWS::KMS::Key") == 2
    assert kinds.count("AWS::CodePipeline::Pipeline") == 1


def test_what_the_flags_change_are_no_permissions() -> None:
    found = []
    for flags in (FLAGS, NO_FLAGS):
        stack = cdk.Stack(cdk.App(post_cli_context=flags), "Delivery")
        everything(stack)
        found.append(
            {
                json.dumps(flat(one["Properties"]["AssumeRolePolicyDocument"]))
                for one in Template(stack).all("AWS::IAM::Role")
            }
        )
    assert found[0] == found[1]


def test_names_and_values_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery")
    later = Later(stack)
    ImageBuilderCicd(
        stack,
        "Cicd",
        source=CodeCommitSource(
            repository=codecommit.Repository.from_repository_name(stack, "Repository", later.name), branch=later.name
        ),
        image=ImageDeployment(deploy_role=iam.Role.from_role_arn(stack, "Role", later.name)),
        fleets=[FleetDeployment(parameters={"MinSize": later.name}, deploy_role_arn=later.name)],
        build=TemplateBuild(environment={"STAGE": later.name}),
        approval=Approval(topic=sns.Topic.from_topic_arn(stack, "Topic", later.name)),
        encryption_key=kms.Key.from_key_arn(stack, "Key", later.name),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Alarms", later.name),
        access_log_bucket=s3.Bucket.from_bucket_name(stack, "Logs", later.name),
    )
    ImageBuilderCicd(
        stack,
        "Connected",
        source=ConnectionSource(connection_arn=later.name, repository=later.name, branch=later.name),
        image=ImageDeployment(stack_name="Other"),
        fleets=[FleetDeployment(stack_name="Web")],
        approval=Approval(emails=[later.name]),
    )
    assert Later.unused(Template(stack)) == []


def test_a_connection_of_later_may_be_of_either_service() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery")
    source = ConnectionSource(connection_arn=Later(stack).name, repository="owner/name")
    made = ImageBuilderCicd(stack, "Cicd", source=source)
    text = json.dumps(Template(stack).of(made.pipeline_role))
    assert "codeconnections:UseConnection" in text
    assert "codestar-connections:UseConnection" in text


@pytest.mark.parametrize(
    ("region", "partition", "host"),
    [
        ("us-gov-west-1", "aws-us-gov", "s3.us-gov-west-1.amazonaws.com"),
        ("cn-north-1", "aws-cn", "s3.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_arns_and_hosts_are_those_of_the_partition(region: str, partition: str, host: str) -> None:
    stack = cdk.Stack(cdk.App(), "Delivery", env=cdk.Environment(account=ACCOUNT, region=region))
    made = everything(stack)
    away = cdk.Stack(cdk.App(), "Away", env=cdk.Environment(account="444455556666", region=region))
    roles(away)
    for template in (Template(stack), Template(away)):
        written = json.dumps([one for one in template.json["Resources"].values() if one["Type"].startswith("AWS::IAM")])
        # What is given from elsewhere is as it was given.
        written = written.replace(known.PIPELINE_ROLE, "").replace(known.FAR_KEY, "").replace("arn:aws:s3:::far", "")
        assert "arn:aws:" not in written
    role = json.dumps(Template(stack).of(made.pipeline_role))
    resolved = role.replace(
        '{"Ref": "AWS::URLSuffix"}', "amazonaws.com.cn" if partition == "aws-cn" else "amazonaws.com"
    )
    assert host in resolved or host.removesuffix("amazonaws.com.cn") in resolved


def test_everything_given_may_be_of_other_stacks() -> None:
    app = cdk.App()
    base = cdk.Stack(app, "Base", env=known.ENV)
    key, logs = kms.Key(base, "Key"), s3.Bucket(base, "Logs")
    repository = codecommit.Repository(base, "Repository", repository_name="images")
    role = iam.Role(base, "Role", assumed_by=iam.ServicePrincipal("cloudformation.amazonaws.com"))
    stack = cdk.Stack(app, "Delivery", env=known.ENV)
    ImageBuilderCicd(
        stack,
        "Cicd",
        source=CodeCommitSource(repository=repository),
        image=ImageDeployment(deploy_role=role),
        approval=Approval(topic=sns.Topic(base, "Asked")),
        encryption_key=key,
        access_log_bucket=logs,
        alarm_topic=AlarmTopic(base, "Alarms"),
    )
    assert refers(stack)
    assert not refers(base)


def test_two_pipelines_fit_in_one_stack() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery", env=known.ENV)
    for name in ("One", "Two"):
        ImageBuilderCicd(
            stack,
            name,
            image=ImageDeployment(stack_name=f"Image{name}"),
            fleets=[FleetDeployment(stack_name=f"Fleet{name}")],
        )
    repositories = {one["Properties"]["RepositoryName"] for one in Template(stack).all("AWS::CodeCommit::Repository")}
    assert len(repositories) == 2


def warnings(stack: cdk.Stack) -> list[str]:
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return sorted({str(one.entry.data).rpartition("[ack: ")[2].rstrip("]") for one in found})


def test_it_warns_of_what_somebody_else_has_to_do() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery", env=known.ENV)
    ImageBuilderCicd(
        stack,
        "Cicd",
        source=ConnectionSource(connection_arn=known.CONNECTION, repository="owner/name"),
        fleets=[
            FleetDeployment(),
            FleetDeployment(
                id="Away",
                stack_name="Shop",
                account=known.OTHER_ACCOUNT,
                region=known.OTHER_REGION,
                action_role_arn=known.ACTION_ROLE,
                deploy_role_arn=known.DEPLOY_ROLE,
            ),
        ],
        artifact_buckets={known.OTHER_REGION: known.far_bucket(stack)},
    )
    assert warnings(stack) == [
        "cdk-refarch:artifact-bucket-policy",
        "cdk-refarch:connection",
        "cdk-refarch:key-policy",
    ]


def test_it_warns_of_nothing_by_default() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery", env=known.ENV)
    ImageBuilderCicd(stack, "Cicd")
    assert warnings(stack) == []


def test_the_pipeline_loads_no_service_of_the_other_constructs() -> None:
    import subprocess
    import sys

    from tests.conftest import ROOT

    script = (
        "import sys; sys.path.insert(0, 'constructs'); "
        "from cdk_refarch.image_builder_cicd.delivery import image_builder_cicd, deploy_roles; "
        "print([name for name in sys.modules if name in "
        "('aws_cdk.aws_autoscaling', 'aws_cdk.aws_imagebuilder', 'aws_cdk.aws_codecommit')])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
