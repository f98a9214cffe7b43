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
HOPELESS: dict[str, Any] = {"ErrorEquals": ["OvertakenError", "QueueTooLongError", "ValueError"], "MaxAttempts": 0}
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
    ends = {name: state["Type"] for name, state in every(states, each).items() if not list(following(state))}
    assert ends == {"Scanned": "Succeed", "Failed": "Fail", "Told": "Succeed", "SetAnswersAside": "Task"}
    assert [name for name, state in every(states, each).items() if state.get("End")] == ["SetAnswersAside"]


def test_the_guards_differ_in_nothing_but_what_they_refer_to(made: Built, definition: dict[str, Any]) -> None:
    for scene in (made.full, made.dry, made.told):
        assert scene.definition == definition


def test_a_run_goes_on_with_a_walk_that_was_begun_and_begins_another_otherwise(
    definition: dict[str, Any], states: dict[str, State]
) -> None:
    assert definition["StartAt"] == "Begun"
    there = [{"Variable": f"$.{one}", "IsPresent": True} for one in ("walk", "request", "slice")]
    assert states["Begun"] == {"Type": "Choice", "Choices": [{"And": there, "Next": "Scan"}], "Default": "Begin"}


def test_a_run_begins_with_a_name_that_no_other_has_and_what_it_was_given(states: dict[str, State]) -> None:
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
        "Choices": [
            {"And": [done, report], "Next": "Report"},
            {**done, "Next": "Scanned"},
            {"Variable": "$.hand_over", "BooleanEquals": True, "Next": "HandOver"},
        ],
        "Default": "Scan",
    }
    assert states["Report"]["Next"] == "Scanned"


def test_another_run_goes_on_with_what_the_next_slice_needs(states: dict[str, State]) -> None:
    passed = {f"{one}.$": f"$.{one}" for one in ("walk", "request", "slice")}
    assert states["HandOver"] == {
        "Type": "Task",
        "Resource": "arn:aws:states:::states:startExecution",
        "Parameters": {"StateMachineArn.$": "$$.StateMachine.Id", "Input": passed},
        "ResultPath": "$.result",
        "Retry": [insists(3, 5)],
        "Catch": [{**EVERYTHING, "Next": "SetAside"}],
        "Next": "Scanned",
    }
    # What another run takes for begun is what is passed on.
    (begun,) = states["Begun"]["Choices"]
    assert {one["Variable"] for one in begun["And"]} == set(passed.values())


def test_a_run_hands_over_before_its_history_is_full(states: dict[str, State], each: dict[str, Any]) -> None:
    # https://docs.aws.amazon.com/step-functions/latest/apireference/API_HistoryEvent.html
    events = {"Task": 5, "Map": 4, "Choice": 2, "Succeed": 2}
    code = (CODE / "scan.py").read_text()
    limits = {name: int(value) for name, value in re.findall(r"^(\w+) = (\d+)$", code, re.MULTILINE)}
    # Each batch begins and ends besides.
    answered = 2 + sum(events[each["States"][one]["Type"]] for one in ("Respond", "Answered", "Told"))
    slice_ = sum(events[states[one]["Type"]] for one in ("Scan", "Answer", "Done"))
    fullest = slice_ + limits["MOST_FINDINGS"] // limits["IN_BATCH"] * answered
    # A fifth is left for what is tried again.
    assert limits["IN_RUN"] * fullest <= 0.8 * 25_000


def test_answers_wait_for_a_run_that_answers_the_same_leak_and_are_asked_for_again(each: dict[str, Any]) -> None:
    states = each["States"]
    assert states["Respond"]["Next"] == "Answered"
    busy = {"Variable": "$.result.Payload.busy", "BooleanEquals": True, "Next": "Wait"}
    assert states["Answered"] == {"Type": "Choice", "Choices": [busy], "Default": "Told"}
    assert states["Wait"] == {"Type": "Wait", "Seconds": 20, "Next": "Respond"}


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


def test_a_scan_that_fails_is_set_aside_so_that_it_goes_on_where_it_was_and_the_run_fails(
    states: dict[str, State],
) -> None:
    caught = {name: one["Catch"] for name, one in states.items() if "Catch" in one}
    goes_on = {name: [{**EVERYTHING, "Next": "SetAside"}] for name in ("Scan", "Report", "HandOver")}
    # Where another run has gone on with the walk, this one never can.
    goes_on["Scan"].insert(0, {"ErrorEquals": ["OvertakenError"], "ResultPath": "$.problem", "Next": "Failed"})
    # Who goes on with the walk is not given findings that were never answered.
    assert caught == {**goes_on, "Answer": [{**EVERYTHING, "Next": "SetRequestAside"}]}
    for name, path in (("SetAside", "$"), ("SetRequestAside", "$.request")):
        assert states[name] == {
            "Type": "Task",
            "Resource": "arn:aws:states:::sqs:sendMessage",
            "Parameters": {"QueueUrl": QUEUE, "MessageBody.$": f"States.JsonToString({path})"},
            "ResultPath": "$.result",
            "Retry": [insists(3, 5)],
            "Next": "Failed",
        }
    assert states["Failed"] == {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}


def test_each_task_is_tried_again_unless_that_is_hopeless(states: dict[str, State], each: dict[str, Any]) -> None:
    tasks = {name: one for name, one in every(states, each).items() if one["Type"] == "Task"}
    assert {name: one.get("Retry") for name, one in tasks.items()} == {
        # The first that fits an error is taken.
        "Scan": [LAMBDAS, HOPELESS, insists(5, 6)],
        "Respond": [LAMBDAS, HOPELESS, insists(3, 5)],
        "Report": [LAMBDAS, insists(3, 5)],
        "HandOver": [insists(3, 5)],
        "SetAside": [insists(3, 5)],
        "SetRequestAside": [insists(3, 5)],
        "SetAnswersAside": [insists(3, 5)],
    }


def test_an_error_that_is_known_by_name_is_one_that_the_functions_raise(
    states: dict[str, State], each: dict[str, Any]
) -> None:
    retries = [one for state in every(states, each).values() for one in state.get("Retry", ())]
    named = {error for one in retries for error in one["ErrorEquals"]} - {*LAMBDA_ERRORS, "States.ALL"}
    assert named == set(HOPELESS["ErrorEquals"])
    sources = "".join(path.read_text() for path in CODE.glob("*.py"))
    own = set(re.findall(r"^class (\w+Error)\(Exception\):", sources, re.MULTILINE))
    assert named - own == {"ValueError"}
    for one in named:
        assert re.search(rf"^ +raise {one}\(", sources, re.MULTILINE), one


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
