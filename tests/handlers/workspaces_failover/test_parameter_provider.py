"""The parameter of the switch is made once, and no deployment turns it, whatever is deployed again or goes wrong."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.lifecycle import Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import Crash

PROVIDER = "switch_parameter"
KIND = "Custom::SwitchParameter"
ASKED = {
    "Name": "cdk-refarch-0123",
    "Value": "primary",
    "Description": "Where users are sent",
    "AllowedPattern": "^(primary|failover)$",
}


class Parameters:
    """The parameters of an account.

    Attributes:
        values: Their values by name.
        faults: What goes wrong by the number of the call: throttled, busy, lost (the reply), crash (behind it).
    """

    def __init__(self, aws: FakeAws, crash: Callable[[], None] | None = None) -> None:
        self.aws, self._crash = aws, crash
        self.reset()
        aws.reply("ssm", "PutParameter", self._replying(self._put), repeat=True)
        aws.reply("ssm", "DeleteParameter", self._replying(self._delete), repeat=True)

    def reset(self, faults: dict[int, str] | None = None) -> None:
        self.values: dict[str, str] = {}
        self.faults, self._calls = faults or {}, 0
        self.aws.calls.clear()

    def _replying(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        def reply(given: dict[str, Any]) -> dict[str, Any]:
            fault = self.faults.get(self._calls)
            self._calls += 1
            if fault in ("throttled", "busy"):
                raise FakeError("ThrottlingException" if fault == "throttled" else "TooManyUpdates")
            made = answer(given)
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://ssm")
            if fault == "crash" and self._crash:
                self._crash()
            return made

        return reply

    def _put(self, given: dict[str, Any]) -> dict[str, Any]:
        assert (given["Type"], given["Overwrite"]) == ("String", False)
        if given["Name"] in self.values:
            raise FakeError("ParameterAlreadyExists")
        self.values[given["Name"]] = given["Value"]
        return {"Version": 1, "Tier": "Standard"}

    def _delete(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.values.pop(given["Name"], None) is None:
            raise FakeError("ParameterNotFound")
        return {}


@pytest.fixture
def parameters(aws: FakeAws) -> Parameters:
    return Parameters(aws)


def test_the_parameter_is_put_with_all_that_was_asked_for(
    aws: FakeAws, parameters: Parameters, cloudformation: CloudFormation
) -> None:
    answer = cloudformation.send(KIND, ASKED)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ASKED["Name"])
    assert cloudformation.given("PutParameter") == [{**ASKED, "Type": "String", "Overwrite": False}]
    assert aws.actions() == {"ssm:PutParameter"}


def test_to_create_it_twice_leaves_it_where_somebody_has_turned_it(
    parameters: Parameters, cloudformation: CloudFormation
) -> None:
    assert cloudformation.send(KIND, ASKED)["Status"] == "SUCCESS"
    parameters.values[ASKED["Name"]] = "failover"
    answer = cloudformation.send(KIND, ASKED)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ASKED["Name"])
    assert parameters.values == {ASKED["Name"]: "failover"}


@pytest.mark.parametrize("there", [True, False])
def test_an_update_asks_systems_manager_for_nothing(
    aws: FakeAws, parameters: Parameters, cloudformation: CloudFormation, there: bool
) -> None:
    # Not even where it is gone: put back, it would be turned.
    parameters.values = {ASKED["Name"]: "failover"} if there else {}
    before = dict(parameters.values)
    known = {"PhysicalResourceId": ASKED["Name"], "OldResourceProperties": ASKED}
    answer = cloudformation.send(KIND, {**ASKED, "Description": "Another"}, "Update", **known)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ASKED["Name"])
    assert (parameters.values, aws.calls) == (before, [])


def test_to_delete_it_twice_is_fine(aws: FakeAws, parameters: Parameters, cloudformation: CloudFormation) -> None:
    parameters.values = {ASKED["Name"]: "failover", "another": "value"}
    for _ in range(2):
        answer = cloudformation.send(KIND, ASKED, "Delete", PhysicalResourceId=ASKED["Name"])
        assert answer["Status"] == "SUCCESS"
        assert parameters.values == {"another": "value"}
    assert aws.actions() == {"ssm:DeleteParameter"}


@pytest.mark.parametrize("physical_id", ["failed-create", "Stack-Site-MADEUP"])
def test_what_a_creation_that_failed_has_put_is_deleted(
    parameters: Parameters, cloudformation: CloudFormation, physical_id: str
) -> None:
    parameters.values = {ASKED["Name"]: "primary"}
    assert cloudformation.send(KIND, ASKED, "Delete", PhysicalResourceId=physical_id)["Status"] == "SUCCESS"
    assert parameters.values == {}


@pytest.mark.parametrize(("action", "known"), [("Create", {}), ("Delete", {"PhysicalResourceId": ASKED["Name"]})])
def test_it_waits_while_systems_manager_is_busy(
    parameters: Parameters, cloudformation: CloudFormation, action: str, known: dict[str, str]
) -> None:
    parameters.faults = {0: "throttled", 1: "busy", 2: "throttled"}
    assert cloudformation.send(KIND, ASKED, action, **known)["Status"] == "SUCCESS"
    assert cloudformation.pauses == [1, 2, 4]


def test_it_waits_until_its_role_is_known_and_fails_when_there_is_no_more_time(
    aws: FakeAws, cloudformation: CloudFormation
) -> None:
    aws.reply("ssm", "PutParameter", FakeError("AccessDeniedException", "no"))
    aws.reply("ssm", "PutParameter", {"Version": 1, "Tier": "Standard"})
    assert cloudformation.send(KIND, ASKED)["Status"] == "SUCCESS"
    aws.reply("ssm", "PutParameter", FakeError("ThrottlingException", "slower"))
    answer = cloudformation.send(KIND, ASKED, context=Context(10))
    assert (answer["Status"], "slower" in answer["Reason"]) == ("FAILED", True)


@pytest.mark.parametrize(("action", "operation"), [("Create", "PutParameter"), ("Delete", "DeleteParameter")])
def test_what_cannot_be_done_fails_in_words_of_systems_manager(
    aws: FakeAws, cloudformation: CloudFormation, action: str, operation: str
) -> None:
    aws.reply("ssm", operation, FakeError("ValidationException", "not like this"))
    answer = cloudformation.send(KIND, ASKED, action, PhysicalResourceId=ASKED["Name"])
    assert (answer["Status"], "not like this" in answer["Reason"]) == ("FAILED", True)


class Stack:
    """A stack with the switch, whose functions crash at times."""

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.lifecycle = Lifecycle(aws, monkeypatch, PROVIDER, KIND)
        self.parameters = Parameters(aws, self._crash)

    def _crash(self) -> None:
        self.lifecycle.service.crashed = True
        raise Crash


@pytest.fixture
def stack(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Stack:
    return Stack(aws, monkeypatch)


FAULTS = st.dictionaries(st.integers(0, 12), st.sampled_from(("throttled", "busy", "lost", "crash")), max_size=6)
"""What goes wrong by the number of the call; a third crash of one request would end what Lambda tries."""


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=60,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    faults=FAULTS.filter(lambda faults: list(faults.values()).count("crash") < 3),
    steps=st.lists(st.sampled_from(("turn", "update", "rename")), max_size=5),
)
def test_whatever_goes_wrong_no_deployment_turns_the_switch_and_nothing_is_left(
    stack: Stack, faults: dict[int, str], steps: list[str]
) -> None:
    stack.lifecycle.start()
    stack.parameters.reset(faults)
    stack.lifecycle.create(ASKED)
    value = "primary"
    for step in steps:
        if stack.lifecycle.made is None:
            break
        name, asked = stack.lifecycle.made
        assert stack.parameters.values == {name: value}
        if step == "turn":
            value = stack.parameters.values[name] = "failover"
        elif step == "update":
            stack.lifecycle.update({**asked, "Description": f"{asked['Description']}!"})
        else:
            stack.lifecycle.update({**asked, "Name": f"{name}-"})
            # Another parameter is another switch.
            value = value if stack.lifecycle.made[0] == name else "primary"
    stack.lifecycle.end()
    assert stack.parameters.values == {}
