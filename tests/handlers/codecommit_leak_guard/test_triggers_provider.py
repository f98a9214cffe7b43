"""The trigger of a repository that belongs to others: all others stay as they are, whoever writes at the same time."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.lifecycle import Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import Crash

PROVIDER = "codecommit_triggers"
KIND = "Custom::CodeCommitTrigger"
FUNCTION = "arn:aws:lambda:eu-central-1:111122223333:function:start"
ASKED = {"RepositoryName": "shop", "FunctionArn": FUNCTION, "Name": "leak-guard"}
OURS = {
    "name": "leak-guard",
    "destinationArn": FUNCTION,
    "branches": list[str](),
    "events": ["createReference", "updateReference"],
}
KNOWN = {"PhysicalResourceId": "shop/leak-guard"}


def other(name: str = "build") -> dict[str, Any]:
    return {
        "name": name,
        "destinationArn": "arn:aws:sns:eu-central-1:111122223333:build",
        "customData": "nightly",
        "branches": ["main"],
        "events": ["all"],
    }


class Repository:
    """The triggers of repositories, of which CodeCommit writes all at once.

    Attributes:
        triggers: The triggers by repository.
        faults: What goes wrong by the number of the call: throttled, lost (the reply), crash (behind it).
        then: What happens behind the next write.
    """

    def __init__(self, aws: FakeAws, crash: Callable[[], None] | None = None) -> None:
        self.aws, self._crash = aws, crash
        self.reset()
        aws.reply("codecommit", "GetRepositoryTriggers", self._replying(self._get), repeat=True)
        aws.reply("codecommit", "PutRepositoryTriggers", self._replying(self._put), repeat=True)

    def reset(self, faults: dict[int, str] | None = None) -> None:
        self.triggers: dict[str, list[dict[str, Any]]] = {"shop": [other()]}
        self.faults, self._calls = faults or {}, 0
        self.then: Callable[[], None] | None = None
        self.aws.calls.clear()

    @property
    def names(self) -> list[str]:
        return [one["name"] for one in self.triggers["shop"]]

    @property
    def writes(self) -> int:
        return sum(call.operation == "PutRepositoryTriggers" for call in self.aws.calls)

    def _replying(self, answer: Callable[[dict[str, Any]], dict[str, Any]]) -> Any:
        def reply(given: dict[str, Any]) -> dict[str, Any]:
            fault = self.faults.get(self._calls)
            self._calls += 1
            if fault == "throttled":
                raise FakeError("ThrottlingException")
            if given["repositoryName"] not in self.triggers:
                raise FakeError("RepositoryDoesNotExistException", f"{given['repositoryName']} does not exist")
            made = answer(given)
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://codecommit")
            if fault == "crash" and self._crash:
                self._crash()
            return made

        return reply

    def _get(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"configurationId": "1", "triggers": self.triggers[given["repositoryName"]]}

    def _put(self, given: dict[str, Any]) -> dict[str, Any]:
        triggers = given["triggers"]
        assert len({one["name"] for one in triggers}) == len(triggers) <= 10
        assert all(one["events"] for one in triggers)
        self.triggers[given["repositoryName"]] = triggers
        if self.then:
            then, self.then = self.then, None
            then()
        return {"configurationId": "2"}


@pytest.fixture
def repository(aws: FakeAws) -> Repository:
    return Repository(aws)


def test_the_trigger_is_put_beside_the_others(repository: Repository, cloudformation: CloudFormation) -> None:
    answer = cloudformation.send(KIND, ASKED)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "shop/leak-guard")
    assert repository.triggers["shop"] == [other(), OURS]
    assert repository.aws.actions() == {"codecommit:GetRepositoryTriggers", "codecommit:PutRepositoryTriggers"}


@pytest.mark.parametrize("action", ["Create", "Update"])
def test_one_that_is_there_is_not_written_again(
    repository: Repository, cloudformation: CloudFormation, action: str
) -> None:
    # CodeCommit may leave out what is empty, or show it.
    shown = {**OURS, "customData": "", "events": ["updateReference", "createReference"]}
    repository.triggers["shop"] = [shown, other()]
    assert cloudformation.send(KIND, ASKED, action, **KNOWN)["Status"] == "SUCCESS"
    assert repository.writes == 0


@pytest.mark.parametrize("changed", [{"branches": ["main"]}, {"events": ["updateReference"]}, {"customData": "x"}])
def test_one_that_somebody_has_changed_is_mended(
    repository: Repository, cloudformation: CloudFormation, changed: dict[str, Any]
) -> None:
    repository.triggers["shop"] = [{**OURS, **changed}, other()]
    assert cloudformation.send(KIND, ASKED, "Update", OldResourceProperties=ASKED, **KNOWN)["Status"] == "SUCCESS"
    assert repository.triggers["shop"] == [other(), OURS]


def test_one_of_the_same_name_for_something_else_is_not_taken(
    repository: Repository, cloudformation: CloudFormation
) -> None:
    repository.triggers["shop"] = [other("leak-guard")]
    answer = cloudformation.send(KIND, ASKED)
    assert answer["Reason"] == (
        "repository shop must have no trigger leak-guard of anything else, got one for "
        "arn:aws:sns:eu-central-1:111122223333:build; delete it there first"
    )
    assert cloudformation.send(KIND, ASKED, "Delete", **{**KNOWN, **_id(answer)})["Status"] == "SUCCESS"
    assert repository.triggers["shop"] == [other("leak-guard")]


@pytest.mark.parametrize("others", [9, 10])
def test_a_repository_has_room_for_ten(repository: Repository, cloudformation: CloudFormation, others: int) -> None:
    repository.triggers["shop"] = before = [other(str(number)) for number in range(others)]
    answer = cloudformation.send(KIND, ASKED)
    if others == 9:
        assert repository.triggers["shop"] == [*before, OURS]
        return
    assert (answer["Status"], answer["Reason"]) == (
        "FAILED",
        "repository shop must have fewer than 10 other triggers, got 10; delete one there first, or let EventBridge "
        "tell of pushes",
    )
    assert cloudformation.send(KIND, ASKED, "Delete", **_id(answer))["Status"] == "SUCCESS"
    assert repository.triggers["shop"] == before


@pytest.mark.parametrize("changed", [{"FunctionArn": f"{FUNCTION}-2"}, {"Name": "guard"}])
def test_another_function_or_name_replaces_it_in_one_write_also_where_there_is_no_more_room(
    repository: Repository, cloudformation: CloudFormation, changed: dict[str, str]
) -> None:
    others = [other(str(number)) for number in range(9)]
    repository.triggers["shop"] = [*others, OURS]
    asked = {**ASKED, **changed}
    answer = cloudformation.send(KIND, asked, "Update", OldResourceProperties=ASKED, **KNOWN)
    ours = {**OURS, "name": asked["Name"], "destinationArn": asked["FunctionArn"]}
    assert (answer["Status"], repository.writes) == ("SUCCESS", 1)
    assert repository.triggers["shop"] == [*others, ours]
    # CloudFormation deletes what had another id before.
    if answer["PhysicalResourceId"] != KNOWN["PhysicalResourceId"]:
        assert cloudformation.send(KIND, ASKED, "Delete", **KNOWN)["Status"] == "SUCCESS"
    assert repository.triggers["shop"] == [*others, ours]


def test_another_repository_gets_it_and_the_first_one_loses_it_with_the_delete(
    repository: Repository, cloudformation: CloudFormation
) -> None:
    repository.triggers |= {"shop": [other(), OURS], "forum": []}
    moved = {**ASKED, "RepositoryName": "forum"}
    answer = cloudformation.send(KIND, moved, "Update", OldResourceProperties=ASKED, **KNOWN)
    assert answer["PhysicalResourceId"] == "forum/leak-guard"
    cloudformation.send(KIND, ASKED, "Delete", **KNOWN)
    assert repository.triggers == {"shop": [other()], "forum": [OURS]}


def test_of_two_names_the_one_that_it_had_goes(repository: Repository, cloudformation: CloudFormation) -> None:
    renamed = {**OURS, "name": "guard"}
    repository.triggers["shop"] = [OURS, renamed, other()]
    cloudformation.send(KIND, {**ASKED, "Name": "guard"}, "Update", OldResourceProperties=ASKED, **KNOWN)
    assert repository.triggers["shop"] == [other(), renamed]


def test_another_repository_keeps_what_has_the_name_that_this_one_had(
    repository: Repository, cloudformation: CloudFormation
) -> None:
    repository.triggers["forum"] = [OURS]
    asked = {**ASKED, "RepositoryName": "forum", "Name": "guard"}
    cloudformation.send(KIND, asked, "Update", OldResourceProperties=ASKED, **KNOWN)
    assert repository.triggers["forum"] == [OURS, {**OURS, "name": "guard"}]


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ([other(), OURS], [other()]),
        ([OURS], []),
        ([other()], [other()]),
        ([{**OURS, "destinationArn": f"{FUNCTION}-2"}], [{**OURS, "destinationArn": f"{FUNCTION}-2"}]),
    ],
)
def test_a_delete_takes_away_its_own_only(
    repository: Repository, cloudformation: CloudFormation, before: list[Any], after: list[Any]
) -> None:
    repository.triggers["shop"] = before
    assert cloudformation.send(KIND, ASKED, "Delete", **KNOWN)["Status"] == "SUCCESS"
    assert repository.triggers["shop"] == after
    assert repository.writes == (before != after)


def test_a_repository_that_is_gone_is_fine_to_delete_from_and_not_to_create_in(
    repository: Repository, cloudformation: CloudFormation
) -> None:
    repository.triggers.clear()
    assert cloudformation.send(KIND, ASKED, "Delete", **KNOWN)["Status"] == "SUCCESS"
    answer = cloudformation.send(KIND, ASKED)
    assert (answer["Status"], "shop does not exist" in answer["Reason"]) == ("FAILED", True)


@pytest.mark.parametrize("action", ["Create", "Delete"])
def test_who_writes_at_the_same_time_does_not_win(
    repository: Repository, cloudformation: CloudFormation, action: str
) -> None:
    before = [other()] if action == "Create" else [other(), OURS]
    repository.triggers["shop"] = before
    # Read before our write, and written behind it.
    repository.then = lambda: repository.triggers.update(shop=[*before, other("late")])
    assert cloudformation.send(KIND, ASKED, action, **KNOWN)["Status"] == "SUCCESS"
    assert repository.names == ["build", "late", *(["leak-guard"] if action == "Create" else [])]
    assert cloudformation.pauses == [1, 2]


def test_what_others_always_overwrite_fails_in_time(repository: Repository, cloudformation: CloudFormation) -> None:
    def overwrite() -> None:
        repository.triggers["shop"] = [other()]
        repository.then = overwrite

    overwrite()
    answer = cloudformation.send(KIND, ASKED, context=Context(60, look=5))
    assert (answer["Status"], answer["Reason"]) == (
        "FAILED",
        "repository shop does not show trigger leak-guard yet, or somebody has overwritten it",
    )


def _id(answer: Any) -> dict[str, str]:
    return {"PhysicalResourceId": answer["PhysicalResourceId"]}


FAULTS = st.dictionaries(st.integers(0, 14), st.sampled_from(("throttled", "lost", "crash")), max_size=6)


def test_whatever_goes_wrong_it_is_there_once_or_not_at_all_and_the_others_stay(
    aws: FakeAws, monkeypatch: pytest.MonkeyPatch
) -> None:
    lifecycle = Lifecycle(aws, monkeypatch, PROVIDER, KIND)

    def crash() -> None:
        lifecycle.service.crashed = True
        raise Crash

    repository = Repository(aws, crash)

    @settings(derandomize=True, database=None, deadline=None, max_examples=100)
    @given(
        # A third crash of one request would end what Lambda tries.
        faults=FAULTS.filter(lambda faults: list(faults.values()).count("crash") < 3),
        steps=st.lists(st.sampled_from(({"Name": "guard"}, {"FunctionArn": f"{FUNCTION}-2"}, {})), max_size=4),
    )
    def go(faults: dict[int, str], steps: list[dict[str, str]]) -> None:
        lifecycle.start()
        repository.reset(faults)
        lifecycle.create(ASKED)
        for step in steps:
            if lifecycle.made is None:
                break
            lifecycle.update({**ASKED, **step})
            asked = lifecycle.made[1]
            ours = {**OURS, "name": asked["Name"], "destinationArn": asked["FunctionArn"]}
            assert repository.triggers["shop"] == [other(), ours]
        lifecycle.end()
        assert repository.triggers["shop"] == [other()]

    go()
