"""Roles that others ask for: to start the pipeline, and to deploy fleets of another account."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam

from cdk_refarch import FleetDeployRoles, ImageBuilderCicd
from tests.unit.image_builder_cicd import delivery_built as known
from tests.unit.templates import Template, flat


def test_a_grant_to_start_is_for_this_pipeline() -> None:
    stack = cdk.Stack(cdk.App(), "Delivery", env=known.ENV)
    role = iam.Role(stack, "Starter", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
    ImageBuilderCicd(stack, "Cicd").grant_start(role).assert_success()
    policies = [flat(one["Properties"]) for one in Template(stack).all("AWS::IAM::Policy")]
    (policy,) = [one for one in policies if one["Roles"] == ["<Starter>"]]
    (only,) = policy["PolicyDocument"]["Statement"]
    assert only["Action"] == "codepipeline:StartPipelineExecution"
    assert only["Resource"] == f"arn:aws:codepipeline:{known.REGION}:{known.ACCOUNT}:<CicdPipeline>"


def test_a_second_place_of_an_account_uses_the_boundary_that_is_there() -> None:
    stack = cdk.Stack(cdk.App(), "Away", env=known.ENV)
    given: dict[str, Any] = {
        "pipeline_role_arn": f"arn:aws:iam::{known.OTHER_ACCOUNT}:role/pipeline",
        "artifact_bucket_arn": "arn:aws:s3:::artifacts",
        "artifact_key_arn": f"arn:aws:kms:{known.REGION}:{known.OTHER_ACCOUNT}:key/1",
        "boundary_name": "Limit",
    }
    first = FleetDeployRoles(stack, "First", stack_name="One", **given)
    with pytest.raises(
        ValueError, match=r"boundary_name must be made once .* existing_boundary=True in the second one"
    ):
        FleetDeployRoles(stack, "Second", stack_name="Two", **given)
    second = FleetDeployRoles(stack, "Second", stack_name="Two", existing_boundary=True, **given)
    assert first.boundary is not None
    assert second.boundary is None
    template = Template(stack)
    assert len(template.all("AWS::IAM::ManagedPolicy")) == 1
    role = flat(template.of(second.deploy_role)["Policies"])
    assert f"arn:aws:iam::{known.ACCOUNT}:policy/Limit" in str(role)
