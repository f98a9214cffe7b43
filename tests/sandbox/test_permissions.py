"""Every permission of the deployed roles is needed: without any one of them data does not flow, and it is said why."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import pytest

from sandbox.operations import denied, keys
from sandbox.run import Run
from sandbox.scenarios import Broken, Outcome, Scenario
from tests.conftest import Apps

from .conftest import deployed

STACK = "IotToFirehose"
RULE_ROLE, ERROR_ROLE, STREAM_ROLE = "IngestS3RuleRole", "IngestErrorRole", "IngestS3Role"
CUT_BEFORE = {
    "sqs:SendMessage": (RULE_ROLE, "firehose:PutRecord"),
    "sqs kms:Decrypt": (RULE_ROLE, "firehose:PutRecord"),
    "sqs kms:GenerateDataKey": (RULE_ROLE, "firehose:PutRecord"),
    "logs:PutLogEvents": (STREAM_ROLE, "s3:PutObject"),
}
"""What must fail before a permission is used at all: those of the failure paths."""


@pytest.fixture
def template(apps: Apps) -> dict[str, Any]:
    return copy.deepcopy(apps.get("app").templates[STACK])


def roles(template: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for id, resource in template["Resources"].items():
        if resource["Type"] == "AWS::IAM::Role":
            yield id, resource


def remove(template: dict[str, Any], role: str, action: str) -> None:
    """Take an action from a role's policies."""
    count = 0
    for id, resource in roles(template):
        if not id.startswith(role):
            continue
        for policy in resource["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                count += action in actions
                statement["Action"] = [one for one in actions if one != action] or "none:None"
    assert count == 1, f"{role} must have {action} once"


def one_message(run: Run) -> Outcome:
    """Publish, and wait for the object, or until something is refused."""
    run.client("iot-data").publish(topic="refarch/one/telemetry", qos=1, payload=b'{"id": 1}')
    bucket = run.resource(STACK, "AWS::S3::Bucket", "S3Bucket")

    def arrived() -> list[str]:
        refused = [one for one in run.warnings() if "not authorized" in one and "because" in one]
        if refused:
            raise Broken(" / ".join(refused))
        return keys(run, bucket, "data/")

    run.wait("the object", arrived)
    return Outcome("1 message", "1 object")


def cut(run: Run, role: str | None, action: str) -> AbstractContextManager[None]:
    if role is None:
        return nullcontext()
    return denied(run, run.resource(STACK, "AWS::IAM::Role", role), [action])


def test_the_message_arrives_with_all_permissions(run: Run, template: dict[str, Any]) -> None:
    with deployed(run, STACK, template):
        assert run.play(Scenario("probe", one_message)).arrived == "1 object"


def test_the_list_below_has_every_permission(template: dict[str, Any]) -> None:
    listed = {(role, action.split(" ")[-1]) for role, action in PERMISSIONS}
    found = set()
    for id, resource in roles(template):
        for policy in resource["Properties"]["Policies"]:
            for statement in policy["PolicyDocument"]["Statement"]:
                actions = [statement["Action"]] if isinstance(statement["Action"], str) else statement["Action"]
                role = next(role for role in (RULE_ROLE, ERROR_ROLE, STREAM_ROLE) if id.startswith(role))
                found |= {(role, action) for action in actions}
    assert found == listed


PERMISSIONS = [
    (RULE_ROLE, "firehose:PutRecord"),
    (ERROR_ROLE, "sqs:SendMessage"),
    (ERROR_ROLE, "sqs kms:Decrypt"),
    (ERROR_ROLE, "sqs kms:GenerateDataKey"),
    (STREAM_ROLE, "s3:GetBucketLocation"),
    (STREAM_ROLE, "s3:ListBucket"),
    (STREAM_ROLE, "s3:ListBucketMultipartUploads"),
    (STREAM_ROLE, "s3:AbortMultipartUpload"),
    (STREAM_ROLE, "s3:GetObject"),
    (STREAM_ROLE, "s3:PutObject"),
    (STREAM_ROLE, "kms:Decrypt"),
    (STREAM_ROLE, "kms:GenerateDataKey"),
    (STREAM_ROLE, "logs:PutLogEvents"),
]


@pytest.mark.parametrize(("role", "action"), PERMISSIONS)
def test_without_one_permission_the_scenario_fails_and_names_it(
    run: Run, template: dict[str, Any], role: str, action: str
) -> None:
    missing = action.rsplit(" ", maxsplit=1)[-1]
    remove(template, role, missing)
    with pytest.raises(Broken, match=f"perform: {missing} on resource"):  # noqa: SIM117 - the deployment fails too
        with deployed(run, STACK, template), cut(run, *CUT_BEFORE.get(action, (None, ""))):
            run.play(Scenario("probe", one_message))


def test_a_role_that_trusts_another_account_cannot_be_assumed(run: Run, template: dict[str, Any]) -> None:
    role = next(resource for id, resource in roles(template) if id.startswith(RULE_ROLE))
    trust = role["Properties"]["AssumeRolePolicyDocument"]["Statement"][0]
    trust["Condition"]["StringEquals"]["aws:SourceAccount"] = "111122223333"
    with pytest.raises(Broken, match="perform: sts:AssumeRole on resource"):  # noqa: SIM117 - nothing fails before
        with deployed(run, STACK, template):
            run.play(Scenario("probe", one_message))


@pytest.mark.parametrize("depends", [True, False])
def test_a_stream_created_before_its_roles_policy_is_refused(run: Run, template: dict[str, Any], depends: bool) -> None:
    id, role = next((id, resource) for id, resource in roles(template) if id.startswith(STREAM_ROLE))
    (policy,) = role["Properties"].pop("Policies")
    properties = {**policy, "Roles": [{"Ref": id}]}
    template["Resources"]["Later"] = {"Type": "AWS::IAM::Policy", "Properties": properties}
    stream = next(
        resource
        for resource in template["Resources"].values()
        if resource["Type"] == "AWS::KinesisFirehose::DeliveryStream"
    )
    if depends:
        stream["DependsOn"] = "Later"
    expected = nullcontext() if depends else pytest.raises(Broken, match="perform: s3:GetBucketLocation on resource")
    with expected, deployed(run, STACK, template):
        assert run.play(Scenario("probe", one_message)).arrived == "1 object"


def test_a_compression_that_the_sandbox_lacks_is_refused_by_name(run: Run, template: dict[str, Any]) -> None:
    for resource in template["Resources"].values():
        if resource["Type"] == "AWS::KinesisFirehose::DeliveryStream":
            resource["Properties"]["ExtendedS3DestinationConfiguration"]["CompressionFormat"] = "ZIP"
    with pytest.raises(Broken, match="no compression ZIP"), deployed(run, STACK, template):
        pass
