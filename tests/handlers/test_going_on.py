"""What the protocol of custom resources does for all of them: it goes on in another invocation, marks, attributes."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import FUNCTION_ARN, Context

PROVIDER = "cloudformation"
KIND = "Custom::Thing"
STACK = "arn:aws:cloudformation:eu-central-1:111122223333:stack/Site/1a2b"
NOW = 1_700_000_000

Kind = Callable[[Any, Any], Any]


@pytest.fixture
def lasting(aws: FakeAws, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch) -> CloudFormation:
    """A function that may go on for 50 minutes."""
    monkeypatch.setenv("LASTS_SECONDS", "3000")
    monkeypatch.setattr(time, "time", lambda: NOW + 0.5)
    aws.reply("lambda", "Invoke", {"StatusCode": 202}, repeat=True)
    return cloudformation


def never(event: Any, context: Any) -> None:
    raise AssertionError("must not be called")


def serve(cloudformation: CloudFormation, kind: Kind = never, delete: Kind = never) -> None:
    """Say what makes and what deletes a thing."""
    module = cloudformation.module
    module.handler = lambda event, context: module.serve(event, context, {KIND: kind}, delete)


def waits(cloudformation: CloudFormation) -> Kind:
    """Return a kind whose thing is never ready."""

    def kind(event: Any, context: Any) -> str:
        raise cloudformation.module.NotReadyError("thing is being made")

    return kind


@pytest.mark.parametrize("action", ["Create", "Update", "Delete"])
def test_what_is_not_ready_goes_on_in_another_invocation_and_is_not_answered(
    lasting: CloudFormation, capsys: pytest.CaptureFixture[str], action: str
) -> None:
    serve(lasting, waits(lasting), waits(lasting))
    assert lasting.send(KIND, {"Size": "1"}, action, PhysicalResourceId="thing") is None
    (call,) = lasting.given("Invoke")
    assert (call["FunctionName"], call["InvocationType"]) == (FUNCTION_ARN, "Event")
    (again,) = lasting.again
    assert (again["Began"], again["RequestType"], again["PhysicalResourceId"]) == (NOW, action, "thing")
    assert again["ResourceProperties"] == {"ServiceToken": "arn", "Size": "1"}
    assert "secret" not in capsys.readouterr().out


@pytest.mark.parametrize(("passed", "goes_on"), [(2999, True), (3000, False)])
def test_it_goes_on_for_as_long_as_it_may_last_and_then_fails_with_what_it_waited_for(
    lasting: CloudFormation, passed: int, goes_on: bool
) -> None:
    serve(lasting, waits(lasting))
    answer = lasting.send(KIND, {}, Began=NOW - passed)
    if goes_on:
        assert [again["Began"] for again in lasting.again] == [NOW - passed]
    else:
        assert lasting.again == []
        assert (answer["Status"], answer["Reason"]) == ("FAILED", "thing is being made")


def test_a_function_that_may_not_last_fails_at_once(cloudformation: CloudFormation) -> None:
    serve(cloudformation, waits(cloudformation))
    assert cloudformation.send(KIND, {})["Reason"] == "thing is being made"
    assert cloudformation.again == []


@pytest.mark.parametrize(
    "error", [FakeError("ThrottlingException", "Rate exceeded"), ReadTimeoutError(endpoint_url="https://ds")]
)
def test_what_passes_by_itself_goes_on_when_the_time_of_the_function_is_over(
    aws: FakeAws, lasting: CloudFormation, error: Exception
) -> None:
    aws.reply("ds", "GetDirectoryLimits", error, repeat=True)
    module = lasting.module
    serve(lasting, lambda _, context: module.patiently(context, module.client("ds").get_directory_limits, module.BUSY))
    assert lasting.send(KIND, {}, context=Context(60, look=10)) is None
    assert len(lasting.again) == 1


def test_a_permission_that_is_missing_fails_when_the_time_of_the_function_is_over(
    aws: FakeAws, lasting: CloudFormation
) -> None:
    aws.reply("ds", "GetDirectoryLimits", FakeError("AccessDeniedException", "not authorized"), repeat=True)
    module, context = lasting.module, Context(60, look=10)
    limits = module.client("ds").get_directory_limits
    serve(lasting, lambda _, context: module.patiently(context, limits, module.NOT_YET))
    answer = lasting.send(KIND, {}, context=context)
    assert answer["Status"] == "FAILED"
    assert "not authorized" in answer["Reason"]
    assert lasting.pauses == [1, 2, 4]
    assert lasting.again == []


def test_a_call_to_itself_that_is_throttled_or_lost_is_made_again(
    aws: FakeAws, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LASTS_SECONDS", "3000")
    serve(cloudformation, waits(cloudformation))
    aws.reply("lambda", "Invoke", FakeError("TooManyRequestsException", status=429))
    aws.reply("lambda", "Invoke", ConnectTimeoutError(endpoint_url="https://lambda"))
    aws.reply("lambda", "Invoke", {"StatusCode": 202})
    assert cloudformation.send(KIND, {}) is None
    assert cloudformation.pauses == [1, 2]


@pytest.mark.parametrize(
    ("error", "calls"), [("AccessDeniedException", 1), ("TooManyRequestsException", 3), ("ServiceException", 3)]
)
def test_a_call_to_itself_that_fails_is_answered(
    aws: FakeAws, cloudformation: CloudFormation, monkeypatch: pytest.MonkeyPatch, error: str, calls: int
) -> None:
    monkeypatch.setenv("LASTS_SECONDS", "3000")
    serve(cloudformation, waits(cloudformation))
    aws.reply("lambda", "Invoke", FakeError(error, "no"), repeat=True)
    answer = cloudformation.send(KIND, {})
    assert answer["Status"] == "FAILED"
    assert error in answer["Reason"]
    assert len(cloudformation.given("Invoke")) == calls


def test_attributes_are_answered(cloudformation: CloudFormation) -> None:
    serve(cloudformation, lambda event, context: ("thing", {"Address": "10.0.0.1"}))
    answer = cloudformation.send(KIND, {})
    assert (answer["PhysicalResourceId"], answer["Data"]) == ("thing", {"Address": "10.0.0.1"})
    serve(cloudformation, lambda event, context: "thing")
    assert "Data" not in cloudformation.send(KIND, {})
    serve(cloudformation, delete=lambda event, context: None)
    deleted = cloudformation.send(KIND, {}, "Delete", PhysicalResourceId="thing")
    assert (deleted["Status"], deleted["PhysicalResourceId"]) == ("SUCCESS", "thing")
    assert "Data" not in deleted


def test_kinds_know_when_the_function_was_first_called(lasting: CloudFormation) -> None:
    began: list[Any] = []

    def kind(event: Any, context: Any) -> str:
        began.append(event["Began"])
        return "thing"

    serve(lasting, kind)
    lasting.send(KIND, {})
    lasting.send(KIND, {}, Began=5)
    assert began == [NOW, 5]


def test_a_mark_names_stack_and_resource_and_never_is_too_long(cloudformation: CloudFormation) -> None:
    mark = cloudformation.module.mark
    event = {"StackId": STACK, "LogicalResourceId": "Connector"}
    assert mark(event) == "Site/1a2b/Connector"
    assert mark(event, "0a1b") == "Site/1a2b/Connector/0a1b"
    fits = mark(event | {"LogicalResourceId": "C" * (255 - len("Site/1a2b/"))})
    assert fits == "Site/1a2b/" + "C" * 245
    marks = {mark(event | {"LogicalResourceId": "C" * 250 + end}, part) for end in "ab" for part in "cd"}
    assert {len(one) for one in marks} == {255}
    assert len(marks) == 4
    assert all(one.startswith("Site/1a2b/CCC") for one in marks)


def test_what_is_refused_beside_what_was_there_is_not_deleted(cloudformation: CloudFormation) -> None:
    def refuses(event: Any, context: Any) -> str:
        raise cloudformation.module.RefusedError("thing is in the way")

    serve(cloudformation, refuses)
    answer = cloudformation.send(KIND, {})
    assert (answer["Status"], answer["Reason"]) == ("FAILED", "thing is in the way")
    assert answer["PhysicalResourceId"] == "refused-create"
    deleted = cloudformation.send(KIND, {}, "Delete", PhysicalResourceId="refused-create")
    assert (deleted["Status"], deleted["PhysicalResourceId"]) == ("SUCCESS", "refused-create")
    updated = cloudformation.send(KIND, {}, "Update", PhysicalResourceId="thing")
    assert (updated["Status"], updated["PhysicalResourceId"]) == ("FAILED", "thing")


def test_other_invocations_know_what_was_asked_for_and_seen(lasting: CloudFormation) -> None:
    module = lasting.module

    def asks(event: Any, context: Any) -> str:
        module.may_ask(event, "thing")
        module.asked(event)
        module.may_ask(event, "thing")
        raise AssertionError("must not be called")

    def sees(event: Any, context: Any) -> str:
        module.seen(event)
        return asks(event, context)

    serve(lasting, asks)
    assert lasting.send(KIND, {}) is None
    (again,) = lasting.again
    assert (again["Asked"], "Seen" in again) == (True, False)
    serve(lasting, sees)
    removed = "thing must be there, and was removed meanwhile, by a rollback or by hand"
    assert lasting.send(KIND, {}, Asked=True)["Reason"] == removed


@pytest.mark.parametrize(("passed", "is_known", "ends"), [(0, True, True), (89, False, False), (91, False, True)])
def test_a_delete_of_what_was_never_answered_looks_for_a_while(
    lasting: CloudFormation, passed: int, is_known: bool, ends: bool
) -> None:
    serve(lasting, delete=lambda event, context: lasting.module.may_end(event, is_known))
    answer = lasting.send(KIND, {}, "Delete", PhysicalResourceId="thing", Began=NOW - passed)
    assert (answer is not None) == ends


def test_a_client_is_of_its_region(cloudformation: CloudFormation) -> None:
    module = cloudformation.module
    assert module.client("ds").meta.region_name == "eu-central-1"
    assert module.client("ds", "eu-west-1").meta.region_name == "eu-west-1"
