"""The role of WorkSpaces is made once in an account, and one that others have made stays as it is."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation

PROVIDER = "workspaces_role"
KIND = "Custom::WorkspacesDefaultRole"
ROLE = "workspaces_DefaultRole"
OURS = {"Key": "cdk-refarch:resource", "Value": ROLE}
POLICIES = {"AmazonWorkSpacesServiceAccess", "AmazonWorkSpacesSelfServiceAccess"}


class Iam:
    """The role of an account, which is seen only some calls after it was made."""

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.reset()
        for operation, answer in (
            ("GetRole", self._get),
            ("CreateRole", self._create),
            ("AttachRolePolicy", self._attach),
        ):
            aws.reply("iam", operation, self._replying(answer), repeat=True)

    def reset(self, faults: dict[int, str] | None = None, hidden: int = 0) -> None:
        self.role: dict[str, Any] | None = None
        self.policies: set[str] = set()
        self.faults, self.hidden, self._calls = faults or {}, hidden, 0
        self.aws.calls.clear()

    def made(self, *tags: dict[str, str]) -> dict[str, Any]:
        self.role = {
            "Path": "/",
            "RoleName": ROLE,
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": f"arn:aws:iam::111122223333:role/{ROLE}",
            "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
            "Tags": list(tags),
        }
        return self.role

    def _replying(self, answer: Any) -> Any:
        def reply(given: dict[str, Any]) -> Any:
            fault = self.faults.get(self._calls)
            self._calls += 1
            if fault == "throttled":
                raise FakeError("Throttling")
            made = answer(given)
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://iam")
            return made

        return reply

    def _seen(self) -> dict[str, Any]:
        if self.role is None:
            raise FakeError("NoSuchEntity", status=404)
        if self.hidden:
            self.hidden -= 1
            raise FakeError("NoSuchEntity", status=404)
        return self.role

    def _get(self, _: dict[str, Any]) -> dict[str, Any]:
        return {"Role": self._seen()}

    def _create(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.role:
            raise FakeError("EntityAlreadyExists", status=409)
        return {"Role": self.made(*given["Tags"])}

    def _attach(self, given: dict[str, Any]) -> dict[str, Any]:
        self._seen()
        self.policies.add(given["PolicyArn"])
        return {}


@pytest.fixture
def role(aws: FakeAws) -> Iam:
    return Iam(aws)


@pytest.mark.parametrize("partition", ["aws", "aws-cn"])
def test_the_role_is_made_with_the_two_policies(
    aws: FakeAws, role: Iam, cloudformation: CloudFormation, partition: str
) -> None:
    answer = cloudformation.send(KIND, {"Partition": partition})
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ROLE)
    assert role.policies == {f"arn:{partition}:iam::aws:policy/{name}" for name in POLICIES}
    (made,) = cloudformation.given("CreateRole")
    assert (made["RoleName"], made["Tags"]) == (ROLE, [OURS])
    (statement,) = json.loads(made["AssumeRolePolicyDocument"])["Statement"]
    assert statement == {
        "Effect": "Allow",
        "Principal": {"Service": "workspaces.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    assert aws.actions() == {"iam:GetRole", "iam:CreateRole", "iam:AttachRolePolicy"}


def test_a_role_of_others_is_left_as_it_is(aws: FakeAws, role: Iam, cloudformation: CloudFormation) -> None:
    role.made({"Key": "team", "Value": "desktops"})
    assert cloudformation.send(KIND, {"Partition": "aws"})["Status"] == "SUCCESS"
    assert aws.actions() == {"iam:GetRole"}


def test_a_role_of_ours_gets_the_policies_that_it_lacks(role: Iam, cloudformation: CloudFormation) -> None:
    role.made(OURS)
    assert cloudformation.send(KIND, {"Partition": "aws"})["Status"] == "SUCCESS"
    assert cloudformation.given("CreateRole") == []
    assert len(role.policies) == 2


def test_a_role_that_somebody_makes_at_the_same_time_is_looked_at_again(
    aws: FakeAws, role: Iam, cloudformation: CloudFormation
) -> None:
    role.made()
    role.hidden = 1
    assert cloudformation.send(KIND, {"Partition": "aws"})["Status"] == "SUCCESS"
    assert aws.actions() == {"iam:GetRole", "iam:CreateRole"}
    assert cloudformation.pauses == [1]


@pytest.mark.parametrize("physical_id", [ROLE, "failed-create"])
def test_the_role_stays_when_the_stack_goes(
    aws: FakeAws, role: Iam, cloudformation: CloudFormation, physical_id: str
) -> None:
    answer = cloudformation.send(KIND, {"Partition": "aws"}, "Delete", PhysicalResourceId=physical_id)
    assert (answer["Status"], aws.calls) == ("SUCCESS", [])


def test_a_role_that_may_not_be_made_fails_in_words_of_iam(aws: FakeAws, cloudformation: CloudFormation) -> None:
    aws.reply("iam", "GetRole", FakeError("NoSuchEntity", status=404))
    aws.reply("iam", "CreateRole", FakeError("LimitExceeded", "too many roles", status=409))
    answer = cloudformation.send(KIND, {"Partition": "aws"})
    assert (answer["Status"], "too many roles" in answer["Reason"]) == ("FAILED", True)


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=20,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    faults=st.dictionaries(st.integers(0, 12), st.sampled_from(("throttled", "lost")), max_size=6),
    hidden=st.integers(0, 4),
)
def test_whatever_goes_wrong_the_role_has_its_policies(
    role: Iam, cloudformation: CloudFormation, faults: dict[int, str], hidden: int
) -> None:
    role.reset(faults, hidden)
    assert cloudformation.send(KIND, {"Partition": "aws"})["Status"] == "SUCCESS"
    assert len(role.policies) == 2
