"""The order of creation that shows a dependency that is missing."""

from __future__ import annotations

from typing import Any

import pytest
from ministack.services.cloudformation.engine import _extract_deps

from sandbox.adapters.ordering import worst_order
from sandbox.run import Run
from tests.sandbox.conftest import deployed


def order(**resources: dict[str, Any]) -> list[str]:
    return worst_order(resources, _extract_deps, set(resources))


FUNCTION = {"Type": "AWS::Lambda::Function"}
POLICY = {"Type": "AWS::IAM::Policy"}


def waiting_for(*names: str, **resource: Any) -> dict[str, Any]:
    return {**resource, "DependsOn": list(names)}


def test_permissions_come_last_among_what_could_be_created() -> None:
    assert order(A=POLICY, B=FUNCTION, C=waiting_for("B", **FUNCTION)) == ["B", "C", "A"]


@pytest.mark.parametrize(
    "late",
    [
        "AWS::IAM::ManagedPolicy",
        "AWS::IAM::Policy",
        "AWS::Lambda::Permission",
        "AWS::S3::BucketPolicy",
        "AWS::SNS::TopicPolicy",
        "AWS::SQS::QueuePolicy",
    ],
)
def test_every_kind_of_permission_is_held_back(late: str) -> None:
    assert order(A={"Type": late}, B=FUNCTION) == ["B", "A"]


def test_a_permission_is_in_time_for_who_waits_for_it() -> None:
    assert order(A=POLICY, B=waiting_for("A", **FUNCTION), C=FUNCTION) == ["C", "A", "B"]


def test_a_permission_that_nothing_waits_for_comes_after_one_that_is_awaited() -> None:
    assert order(A=POLICY, Z=POLICY, B=waiting_for("Z", **FUNCTION)) == ["Z", "B", "A"]


def test_a_permission_that_only_permissions_wait_for_comes_after_one_that_is_awaited() -> None:
    found = order(A=POLICY, B=waiting_for("A", **POLICY), Y=POLICY, Z=waiting_for("Y", **FUNCTION))
    assert found == ["Y", "Z", "A", "B"]


def test_references_are_dependencies() -> None:
    reference = {"Type": "AWS::SQS::Queue", "Properties": {"QueueName": {"Fn::GetAtt": ["P", "Id"]}}}
    assert order(A=reference, P=POLICY) == ["P", "A"]


def test_refuses_a_circle() -> None:
    with pytest.raises(ValueError, match="Circular dependency detected among resources: A, B"):
        order(A=waiting_for("B", **FUNCTION), B=waiting_for("A", **POLICY), C=FUNCTION)


def test_the_emulator_creates_a_policy_that_nothing_waits_for_last(run: Run) -> None:
    queue = {"Type": "AWS::SQS::Queue"}
    statement = {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    policy = {
        "Type": "AWS::SQS::QueuePolicy",
        "Properties": {"Queues": [{"Ref": "First"}], "PolicyDocument": document},
    }
    with deployed(run, "ordered", {"Resources": {"First": queue, "Access": policy, "Other": queue}}):
        events = run.client("cloudformation").describe_stack_events(StackName="ordered")["StackEvents"]
        done = [one["LogicalResourceId"] for one in events if one["ResourceStatus"] == "CREATE_COMPLETE"]
        assert [name for name in reversed(done) if name != "ordered"] == ["First", "Other", "Access"]
