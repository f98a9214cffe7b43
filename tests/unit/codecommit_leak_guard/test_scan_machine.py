"""The state machine as Step Functions reads it. What it does is tried out in the embedded AWS, in ``tests/sandbox``."""

from __future__ import annotations

import re
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch._parts.state_machines import LAMBDA_ERRORS
from cdk_refarch.codecommit_leak_guard.leak_response import TIMEOUT as ANSWERING
from cdk_refarch.codecommit_leak_guard.leak_scan import CODE
from cdk_refarch.codecommit_leak_guard.leak_scan import TIMEOUT as SCANNING
from tests.unit.codecommit_leak_guard.built import Built, built
from tests.unit.scenes import Scene, State, following, reached
from tests.unit.templates import listed

EVERYTHING = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem"}
LAMBDAS = {"ErrorEquals": LAMBDA_ERRORS, "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2}
BUSY: dict[str, Any] = {"ErrorEquals": ["BusyError"], "IntervalSeconds": 10, "MaxAttempts": 40, "BackoffRate": 1}
QUEUE = "<GuardMachineFailedScans>"


def insists(interval: int, attempts: int) -> dict[str, Any]:
    """Whatever it fails on is tried again, each time three times later."""
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": interval,
        "MaxAttempts": attempts,
        "BackoffRate": 3,
    }


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


@pytest.fixture(scope="module")
def definition(made: Built) -> dict[str, Any]:
    found: dict[str, Any] = made.plain.definition
    return found


@pytest.fixture(scope="module")
def states(definition: dict[str, Any]) -> dict[str, State]:
    found: dict[str, State] = definition["States"]
    return found


@pytest.fixture(scope="module")
def each(states: dict[str, State]) -> dict[str, Any]:
    """What is done with some findings."""
    found: dict[str, Any] = states["Answer"]["ItemProcessor"]
    return found


def every(states: dict[str, State], each: dict[str, Any]) -> dict[str, State]:
    return {**states, **each["States"]}


def test_every_state_can_be_reached_and_every_next_one_is_there(
    definition: dict[str, Any], each: dict[str, Any]
) -> None:
    assert reached(definition) == set(definition["States"])
    assert reached(each) == set(each["States"])


def test_a_state_either_goes_on_or_ends(states: dict[str, State], each: dict[str, Any]) -> None:
    ends = {name: state["Type"] for name, state in states.items() if not list(following(state))}
    assert ends == {"Scanned": "Succeed", "Failed": "Fail"}
    assert {name for name, state in each["States"].items() if state.get("End")} == {"Respond", "SetAnswersAside"}
    assert not [name for name, state in states.items() if state.get("End")]


def test_the_guards_differ_in_nothing_but_what_they_refer_to(made: Built, definition: dict[str, Any]) -> None:
    for scene in (made.full, made.dry, made.told):
        assert scene.definition == definition


def test_a_run_begins_with_a_name_that_no_other_has_and_what_it_was_given(
    definition: dict[str, Any], states: dict[str, State]
) -> None:
    assert definition["StartAt"] == "Begin"
    # Names of runs may be given again after 90 days.
    walk = "States.Format('{}@{}', $$.Execution.Name, $$.Execution.StartTime)"
    assert states["Begin"] == {
        "Type": "Pass",
        "Parameters": {"walk.$": walk, "request.$": "$", "slice": 0},
        "Next": "Scan",
    }


CALLS: dict[str, tuple[str, dict[str, Any], int]] = {
    "Scan": ("Scan", {"Payload.$": "$"}, 930),
    "Respond": ("Response", {"Payload.$": "$"}, 330),
    "Report": ("Response", {"Payload": {"walk.$": "$.walk", "report.$": "$.report"}}, 330),
}


def test_tasks_call_the_functions_with_what_they_read(states: dict[str, State], each: dict[str, Any]) -> None:
    tasks = {name: one for name, one in every(states, each).items() if str(one.get("Resource")).endswith(":invoke")}
    assert set(tasks) == set(CALLS)
    for name, (part, payload, seconds) in CALLS.items():
        assert tasks[name]["Resource"] == "arn:aws:states:::lambda:invoke"
        assert tasks[name]["Parameters"] == {"FunctionName": f"<Guard{part}Function.Arn>", **payload}
        assert (tasks[name]["ResultPath"], tasks[name]["TimeoutSeconds"]) == ("$.result", seconds)


def test_a_function_may_run_out_of_its_time_before_the_machine_gives_it_up() -> None:
    assert SCANNING.to_seconds() < CALLS["Scan"][2] < SCANNING.to_seconds() + 60
    assert ANSWERING.to_seconds() < CALLS["Report"][2] < ANSWERING.to_seconds() + 60


def test_what_the_scan_returns_is_all_that_passes_on(states: dict[str, State]) -> None:
    assert states["Scan"]["OutputPath"] == "$.result.Payload"
    assert not [name for name, one in states.items() if "OutputPath" in one and name != "Scan"]
    assert (states["Scan"]["Next"], states["Answer"]["Next"]) == ("Answer", "Done")


def test_answers_get_the_run_and_ids_of_findings_and_nothing_else(states: dict[str, State]) -> None:
    ids = {"findings.$": "$$.Map.Item.Value"}
    answer = states["Answer"]
    assert (answer["Type"], answer["ItemsPath"], answer["ResultPath"]) == ("Map", "$.findings", "$.answers")
    assert answer["ItemSelector"] == {"walk.$": "$.walk", **ids, "again": ids}
    assert answer["ItemProcessor"]["ProcessorConfig"] == {"Mode": "INLINE"}
    assert answer["MaxConcurrency"] == 4


def test_the_scan_goes_on_until_it_is_done_and_reports_what_there_is_to_report(states: dict[str, State]) -> None:
    done = {"Variable": "$.done", "BooleanEquals": True}
    report = {"Variable": "$.report", "IsPresent": True}
    assert states["Done"] == {
        "Type": "Choice",
        "Choices": [{"And": [done, report], "Next": "Report"}, {**done, "Next": "Scanned"}],
        "Default": "Scan",
    }
    assert states["Report"]["Next"] == "Scanned"


def test_answers_that_fail_are_set_aside_by_their_ids_and_the_others_go_on(each: dict[str, Any]) -> None:
    assert each["States"]["Respond"]["Catch"] == [{**EVERYTHING, "Next": "SetAnswersAside"}]
    assert each["States"]["SetAnswersAside"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": QUEUE, "MessageBody.$": "States.JsonToString($.again)"},
        "ResultPath": "$.result",
        "Retry": [insists(3, 5)],
        "End": True,
    }


def test_a_scan_that_fails_is_set_aside_as_it_was_given_and_the_run_fails(states: dict[str, State]) -> None:
    caught = {name: one["Catch"] for name, one in states.items() if "Catch" in one}
    assert caught == {name: [{**EVERYTHING, "Next": "SetAside"}] for name in ("Scan", "Answer", "Report")}
    assert states["SetAside"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": QUEUE, "MessageBody.$": "States.JsonToString($.request)"},
        "ResultPath": "$.result",
        "Retry": [insists(3, 5)],
        "Next": "Failed",
    }
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}


def test_each_task_is_tried_again_lambda_first_and_those_that_wait_for_another_run_longest(
    states: dict[str, State], each: dict[str, Any]
) -> None:
    tasks = {name: one for name, one in every(states, each).items() if one["Type"] == "Task"}
    assert {name: one.get("Retry") for name, one in tasks.items()} == {
        "Scan": [LAMBDAS, insists(5, 6)],
        "Respond": [LAMBDAS, BUSY, insists(3, 5)],
        "Report": [LAMBDAS, insists(3, 5)],
        "SetAside": [insists(3, 5)],
        "SetAnswersAside": [insists(3, 5)],
    }
    assert BUSY["IntervalSeconds"] * BUSY["MaxAttempts"] > ANSWERING.to_seconds()


def test_an_error_that_is_retried_by_name_is_one_that_the_function_raises(each: dict[str, Any]) -> None:
    named = {error for one in each["States"]["Respond"]["Retry"] for error in one["ErrorEquals"]}
    own = named - {*LAMBDA_ERRORS, "States.ALL"}
    assert own == {"BusyError"}
    sources = "".join(path.read_text() for path in CODE.glob("*.py"))
    assert re.search(r"^class BusyError\(\w*(Error|Exception)\):", sources, re.MULTILINE)


def test_what_the_alarm_says_of_tries_is_true(made: Built, states: dict[str, State]) -> None:
    retry = states["Scan"]["Retry"][-1]
    waits = [retry["IntervalSeconds"] * retry["BackoffRate"] ** tried for tried in range(retry["MaxAttempts"])]
    assert 25 * 60 < sum(waits) < 35 * 60
    assert "tried again for half an hour" in made.plain.of(made.plain.made.alarms["ScanErrors"])["AlarmDescription"]


def test_a_run_ends_after_a_week_at_last_as_its_alarm_says(made: Built, definition: dict[str, Any]) -> None:
    assert definition["TimeoutSeconds"] == cdk.Duration.days(7).to_seconds()
    assert "longer than a week" in made.plain.of(made.plain.made.alarms["ScansTimedOut"])["AlarmDescription"]


def test_every_run_is_standard_logged_and_traced(made: Built) -> None:
    for scene in (made.plain, made.full):
        _assert_told(scene)


def _assert_told(scene: Scene) -> None:
    machine = scene.of(scene.made.state_machine)
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"] == {
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "<GuardMachineLog.Arn>"}}],
        "IncludeExecutionData": True,
        "Level": "ALL",
    }
    role = scene.template.resolve(scene.named("Machine/Role").node.default_child.logical_id)
    assert role in listed(scene.template.resource(scene.made.state_machine)["DependsOn"])
