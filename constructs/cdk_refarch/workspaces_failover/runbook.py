"""The runbook: fail over, fail back, and the drill that proves both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.state_machines import invoke, state_machine

ACTIONS = ("failover", "failback", "drill")

LONGEST_SECONDS = 7200
"""How long everything but the hold of a drill may take, with all its retries: no turn back is cut off."""

ANSWER_SECONDS, ANSWER_TRIES = 10, 60
"""Health checks take up to two minutes to notice, and resolvers keep an answer for one more."""


class Runbook(Construct):
    """A state machine that redirects users, step by step and each of them checked.

    Its input is ``{"action": "failover"}``, ``failback`` or ``drill``. It only tells what it would do, and what is in
    the way, unless ``"dryRun": false`` is given as well; ``"force": true`` goes on whatever is in the way, and fails
    over even if nobody can tell what is. A drill turns back what it has turned, and nothing that another run has turned
    meanwhile.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        guard: The function that tells what is in the way.
        switch: The function that turns the switch.
        answer: The function that asks DNS.
        hold: How long a drill leaves users at the failover site.
        operation: What it shares with the other parts.

    Attributes:
        state_machine: The state machine.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        guard: lambda_.IFunction,
        switch: lambda_.IFunction,
        answer: lambda_.IFunction,
        hold: cdk.Duration,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        definition = _definition(
            guard.function_arn, switch.function_arn, answer.function_arn, hold_seconds=int(hold.to_seconds())
        )
        functions = [guard.function_arn, switch.function_arn, answer.function_arn]
        self.state_machine: sfn.StateMachine = state_machine(
            self,
            definition=definition,
            does="Calls the functions of the runbook",
            statements=[statement(["lambda:InvokeFunction"], *functions)],
            operation=operation,
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, self._watched(), operation.alarm_topic)

    def _watched(self) -> list[Watched]:
        machine = self.state_machine
        then = "See in its history which step, and by the parameter of the switch where users are sent now."
        return [
            ("RunbookFailed", machine.metric_failed(), f"A run of the runbook failed. {then}"),
            ("RunbookTimedOut", machine.metric_timed_out(), f"A run of the runbook took too long. {then}"),
            ("RunbookAborted", machine.metric_aborted(), f"Somebody ended a run of the runbook. {then}"),
        ]


def _definition(guard: str, switch: str, answer: str, *, hold_seconds: int) -> dict[str, Any]:
    """Return the state machine in Amazon States Language."""
    problem = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "Problem"}
    asks_again = {
        "ErrorEquals": ["NotAnsweredError"],
        "IntervalSeconds": ANSWER_SECONDS,
        "MaxAttempts": ANSWER_TRIES,
        "BackoffRate": 1,
    }
    insists = {"ErrorEquals": ["States.ALL"], "IntervalSeconds": 5, "MaxAttempts": 5, "BackoffRate": 2}
    # Does not pass by itself; the first one that fits is taken.
    yields = {"ErrorEquals": ["OvertakenError"], "MaxAttempts": 0}
    failed = {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"}
    told = {f"{name}.$": f"$.Payload.{name}" for name in ("target", "findings", "inTheWay")}
    return {
        "Comment": "Redirects users of WorkSpaces to the other region, or only says what is in the way",
        "StartAt": "Action",
        # Here, because the CDK does not write its own argument into a definition that is a text.
        "TimeoutSeconds": hold_seconds + LONGEST_SECONDS,
        "States": {
            "Action": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.action", "IsPresent": True},
                            {"Or": [{"Variable": "$.action", "StringEquals": one} for one in ACTIONS]},
                        ],
                        "Next": "Check",
                    }
                ],
                "Default": "UnknownAction",
            },
            "UnknownAction": {
                "Type": "Fail",
                "Error": "UnknownAction",
                "Cause": f"action must be one of {', '.join(ACTIONS)}; start again with one of them",
            },
            "Check": {
                **_task(guard, "$", "DryRun"),
                "ResultSelector": told,
                "ResultPath": "$.check",
                "Catch": [{**problem, "Next": "NotChecked"}],
            },
            "NotChecked": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.action", "StringEquals": "failover"},
                            *_is("$.dryRun", False),
                            *_is("$.force", True),
                        ],
                        "Next": "GoOn",
                    }
                ],
                "Default": "NotReady",
            },
            "NotReady": failed,
            # A disaster may have taken what the guard asks, or the guard itself.
            "GoOn": {
                "Type": "Pass",
                "Result": {"target": "failover", "findings": [], "inTheWay": []},
                "ResultPath": "$.check",
                "Next": "NotTurned",
            },
            "DryRun": {
                "Type": "Choice",
                "Choices": [{"And": _is("$.dryRun", False), "Next": "NotTurned"}],
                "Default": "NothingDone",
            },
            "NothingDone": {"Type": "Succeed"},
            # For a drill whose turn fails: it turns back in any case.
            "NotTurned": {"Type": "Pass", "Result": {"version": 0}, "ResultPath": "$.turn", "Next": "Turn"},
            "Turn": {
                **_task(switch, {"turn.$": "$.check.target"}, "Answered", insists),
                "ResultSelector": {"version.$": "$.Payload.version"},
                "ResultPath": "$.turn",
                "Catch": [problem],
            },
            "Answered": {**_task(answer, {"site.$": "$.check.target"}, "Drill", asks_again), "Catch": [problem]},
            "Drill": _in_drill("Hold", "Redirected"),
            "Redirected": {"Type": "Succeed"},
            "Hold": {"Type": "Wait", "Seconds": hold_seconds, "Next": "TurnBack"},
            "TurnBack": {
                **_task(switch, {"turn": "primary", "version.$": "$.turn.version"}, "AnsweredBack", yields, insists),
                "Catch": [{"ErrorEquals": ["OvertakenError"], "ResultPath": "$.problem", "Next": "Overtaken"}],
            },
            # The switch stays where the other run has put it, which the cause tells.
            "Overtaken": failed,
            "AnsweredBack": _task(answer, {"site": "primary"}, "Outcome", asks_again),
            "Outcome": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.problem", "IsPresent": True, "Next": "DrillFailed"}],
                "Default": "DrillDone",
            },
            "DrillDone": {"Type": "Succeed"},
            "DrillFailed": failed,
            "Problem": _in_drill("TurnBack", "NotProved"),
            "NotProved": failed,
        },
    }


def _is(variable: str, value: bool) -> list[dict[str, Any]]:
    """Return what must hold together for a variable to be there and to be this, and no text that reads like it."""
    return [
        {"Variable": variable, "IsPresent": True},
        {"Variable": variable, "IsBoolean": True},
        {"Variable": variable, "BooleanEquals": value},
    ]


def _in_drill(then: str, otherwise: str) -> dict[str, Any]:
    choice = {"Variable": "$.action", "StringEquals": "drill", "Next": then}
    return {"Type": "Choice", "Choices": [choice], "Default": otherwise}


def _task(function: str, payload: str | Mapping[str, Any], then: str, *retries: Mapping[str, Any]) -> dict[str, Any]:
    return {**invoke(function, payload, *retries, timeout_seconds=300), "Next": then}
