"""The runbook as Step Functions reads it. What it does is tried out in the embedded AWS, in ``tests/sandbox``."""

from __future__ import annotations

from typing import Any

import pytest

from cdk_refarch._parts.state_machines import LAMBDA_ERRORS
from cdk_refarch.workspaces_failover.redirection import CODE
from tests.unit.scenes import State, following, reached
from tests.unit.templates import listed
from tests.unit.workspaces_failover.failover_built import Built, built

INVOKED: dict[str, tuple[str, dict[str, Any], str]] = {
    "Check": ("Guard", {"Payload.$": "$"}, "DryRun"),
    "Turn": ("Switch", {"Payload": {"turn.$": "$.check.target"}}, "Answered"),
    "Answered": ("Answer", {"Payload": {"site.$": "$.check.target"}}, "Drill"),
    "TurnBack": ("Switch", {"Payload": {"turn": "primary", "version.$": "$.turn.version"}}, "AnsweredBack"),
    "AnsweredBack": ("Answer", {"Payload": {"site": "primary"}}, "Outcome"),
}
"""The function that a task calls, with what, and the state after it."""

FAILURES = {"UnknownAction", "NotReady", "DrillFailed", "NotProved", "Overtaken"}
ENDS = {*FAILURES, "NothingDone", "Redirected", "DrillDone"}


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


@pytest.fixture(scope="module")
def states(made: Built) -> dict[str, State]:
    found: dict[str, State] = made.plain.definition["States"]
    return found


def exactly(variable: str, value: bool) -> list[dict[str, Any]]:
    """What holds for a variable that is there and is this value, and for no text that reads like it."""
    return [
        {"Variable": variable, "IsPresent": True},
        {"Variable": variable, "IsBoolean": True},
        {"Variable": variable, "BooleanEquals": value},
    ]


def test_every_state_can_be_reached_and_every_next_one_is_there(made: Built, states: dict[str, State]) -> None:
    assert reached(made.plain.definition) == set(states)


def test_a_state_either_goes_on_or_ends(states: dict[str, State]) -> None:
    ends = {name for name, state in states.items() if not list(following(state))}
    assert ends == ENDS
    assert {states[name]["Type"] for name in ends} == {"Succeed", "Fail"}
    assert {name for name in ends if states[name]["Type"] == "Fail"} == FAILURES


def test_tasks_call_the_functions_with_what_they_read(states: dict[str, State]) -> None:
    tasks = {name: state for name, state in states.items() if state["Type"] == "Task"}
    assert set(tasks) == set(INVOKED)
    for name, (part, payload, then) in INVOKED.items():
        assert tasks[name]["Resource"] == "arn:aws:states:::lambda:invoke"
        assert tasks[name]["Parameters"] == {"FunctionName": f"<Failover{part}Function.Arn>", **payload}
        assert (tasks[name]["Next"], tasks[name]["TimeoutSeconds"]) == (then, 300)


def test_no_result_takes_the_place_of_the_input_that_later_states_read(states: dict[str, State]) -> None:
    paths = {name: state["ResultPath"] for name, state in states.items() if state["Type"] == "Task"}
    assert paths == {**dict.fromkeys(INVOKED, "$.result"), "Check": "$.check", "Turn": "$.turn"}
    # All of it is in the output of a dry run.
    assert states["Check"]["ResultSelector"] == {
        "target.$": "$.Payload.target",
        "findings.$": "$.Payload.findings",
        "inTheWay.$": "$.Payload.inTheWay",
    }


def test_only_the_three_actions_are_begun(states: dict[str, State]) -> None:
    (choice,) = states["Action"]["Choices"]
    present, one_of = choice["And"]
    assert present == {"Variable": "$.action", "IsPresent": True}
    assert one_of["Or"] == [{"Variable": "$.action", "StringEquals": one} for one in ("failover", "failback", "drill")]
    assert (choice["Next"], states["Action"]["Default"]) == ("Check", "UnknownAction")
    assert states["UnknownAction"]["Cause"] == (
        "action must be one of failover, failback, drill; start again with one of them"
    )


def test_nothing_is_done_unless_dry_run_is_false_in_so_many_words(states: dict[str, State]) -> None:
    (choice,) = states["DryRun"]["Choices"]
    assert choice == {"And": exactly("$.dryRun", False), "Next": "NotTurned"}
    assert states["DryRun"]["Default"] == "NothingDone"
    before = {then: {name for name, state in states.items() if then in following(state)} for then in states}
    assert (before["Turn"], before["NotTurned"], before["GoOn"]) == ({"NotTurned"}, {"DryRun", "GoOn"}, {"NotChecked"})


def test_a_forced_failover_needs_no_guard_and_nothing_else_does_without(states: dict[str, State]) -> None:
    assert states["Check"]["Catch"] == [
        {"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "NotChecked"}
    ]
    (choice,) = states["NotChecked"]["Choices"]
    failing_over = {"Variable": "$.action", "StringEquals": "failover"}
    needed = [failing_over, *exactly("$.dryRun", False), *exactly("$.force", True)]
    assert choice == {"And": needed, "Next": "GoOn"}
    assert states["NotChecked"]["Default"] == "NotReady"
    assert states["NotReady"] == {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}
    # As if the guard had found nothing.
    assert states["GoOn"] == {
        "Type": "Pass",
        "Result": {"target": "failover", "findings": [], "inTheWay": []},
        "ResultPath": "$.check",
        "Next": "NotTurned",
    }
    selected = {name.removesuffix(".$") for name in states["Check"]["ResultSelector"]}
    assert selected == set(states["GoOn"]["Result"])


def test_a_drill_turns_back_its_own_turn_and_tells_if_it_is_not_the_last(states: dict[str, State]) -> None:
    assert states["NotTurned"] == {
        "Type": "Pass",
        "Result": {"version": 0},
        "ResultPath": "$.turn",
        "Next": "Turn",
    }
    assert states["Turn"]["ResultSelector"] == {"version.$": "$.Payload.version"}
    caught = {"ErrorEquals": ["OvertakenError"], "ResultPath": "$.problem", "Next": "Overtaken"}
    assert states["TurnBack"]["Catch"] == [caught]
    assert states["Overtaken"] == {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}


def test_a_drill_holds_and_turns_back_and_everything_else_stays(states: dict[str, State]) -> None:
    drill = {"Variable": "$.action", "StringEquals": "drill"}
    assert states["Drill"] == {"Type": "Choice", "Choices": [{**drill, "Next": "Hold"}], "Default": "Redirected"}
    assert states["Hold"] == {"Type": "Wait", "Seconds": 900, "Next": "TurnBack"}


def test_a_problem_of_a_drill_turns_back_first_and_then_fails(states: dict[str, State]) -> None:
    caught = [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "Problem"}]
    assert states["Turn"]["Catch"] == states["Answered"]["Catch"] == caught
    assert {name for name, state in states.items() if "Catch" in state} == {"Check", "Turn", "Answered", "TurnBack"}
    (drill,) = states["Problem"]["Choices"]
    assert drill == {"Variable": "$.action", "StringEquals": "drill", "Next": "TurnBack"}
    assert states["Problem"]["Default"] == "NotProved"
    (problem,) = states["Outcome"]["Choices"]
    assert problem == {"Variable": "$.problem", "IsPresent": True, "Next": "DrillFailed"}
    assert states["Outcome"]["Default"] == "DrillDone"
    told = {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}
    assert states["DrillFailed"] == states["NotProved"] == told


def test_lambda_is_asked_again_the_switch_insists_and_dns_is_waited_for(states: dict[str, State]) -> None:
    retries = {name: state["Retry"] for name, state in states.items() if "Retry" in state}
    assert set(retries) == set(INVOKED)
    lambdas = {"ErrorEquals": LAMBDA_ERRORS, "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2}
    insists = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2}
    asks = {"ErrorEquals": ["NotAnsweredError"], "IntervalSeconds": 10, "MaxAttempts": 60, "BackoffRate": 1}
    assert retries == {
        "Check": [lambdas],
        "Turn": [lambdas, insists],
        "TurnBack": [lambdas, {"ErrorEquals": ["OvertakenError"], "MaxAttempts": 0}, insists],
        **{name: [lambdas, asks] for name in ("Answered", "AnsweredBack")},
    }


def test_errors_that_are_retried_are_those_that_the_functions_raise(states: dict[str, State]) -> None:
    assert "class NotAnsweredError(Exception)" in (CODE / "answer.py").read_text()
    named = {error for state in states.values() for one in state.get("Retry", ()) for error in one["ErrorEquals"]}
    assert "class OvertakenError(Exception)" in (CODE / "switch.py").read_text()
    # What keeps the runbook back does not pass by itself.
    assert named == {*LAMBDA_ERRORS, "States.ALL", "NotAnsweredError", "OvertakenError"}


def test_the_machine_ends_only_after_everything_with_all_its_retries(made: Built) -> None:
    for scene, hold in ((made.plain, 900), (made.full, 1800)):
        definition = scene.definition
        states = definition["States"]
        assert states["Hold"]["Seconds"] == hold
        answering = sum(one["IntervalSeconds"] * one["MaxAttempts"] for one in states["Answered"]["Retry"])
        # Each of the calls is over after seven seconds.
        longest = 2 * (answering + 60 * 7) + len(INVOKED) * 300
        assert hold + longest < definition["TimeoutSeconds"] <= hold + 7200


def test_every_run_is_logged_and_traced(made: Built) -> None:
    machine = made.plain.of(made.plain.made.state_machine)
    assert machine["StateMachineType"] == "STANDARD"
    assert machine["TracingConfiguration"] == {"Enabled": True}
    assert machine["LoggingConfiguration"] == {
        "Destinations": [{"CloudWatchLogsLogGroup": {"LogGroupArn": "<FailoverRunbookLog.Arn>"}}],
        "IncludeExecutionData": True,
        "Level": "ALL",
    }
    role = made.plain.template.resolve(made.plain.named("Runbook/Role").node.default_child.logical_id)
    assert role in listed(made.plain.template.resource(made.plain.made.state_machine)["DependsOn"])
