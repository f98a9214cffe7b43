"""The runbook: fail over, fail back, and the drill that proves both."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.functions import TRACES
from cdk_refarch._parts.operation import Operation

from .statements import statement

ACTIONS = ("failover", "failback", "drill")

LONGEST_SECONDS = 7200
"""How long everything but the hold of a drill may take, with all its retries: no turn back is cut off."""

ANSWER_SECONDS, ANSWER_TRIES = 10, 60
"""Health checks take up to two minutes to notice, and resolvers keep an answer for one more."""

LAMBDA_ERRORS = [
    "Lambda.ClientExecutionTimeoutException",
    "Lambda.SdkClientException",
    "Lambda.AWSLambdaException",
    "Lambda.ServiceException",
    "Lambda.TooManyRequestsException",
]
"""https://docs.aws.amazon.com/step-functions/latest/dg/bp-lambda-serviceexception.html"""

LOG_DELIVERY = [
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
]
TRACING = [
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
]
ANY_LOG = (
    "CloudWatch Logs has no resources for the delivery of logs. "
    "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html."
)


class Runbook(Construct):
    """A state machine that redirects users, step by step and each of them checked.

    Its input is ``{"action": "failover"}``, ``failback`` or ``drill``. It only tells what it would do, and what is in
    the way, unless ``"dryRun": false`` is given as well; ``"force": true`` goes on whatever is in the way.

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
        log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=operation.encryption_key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )
        definition = _definition(
            guard.function_arn, switch.function_arn, answer.function_arn, hold_seconds=int(hold.to_seconds())
        )
        self.state_machine: sfn.StateMachine = sfn.StateMachine(
            self,
            "StateMachine",
            definition_body=sfn.DefinitionBody.from_string(cdk.Stack.of(self).to_json_string(definition)),
            role=self._role([guard.function_arn, switch.function_arn, answer.function_arn]).without_policy_updates(),
            state_machine_type=sfn.StateMachineType.STANDARD,
            tracing_enabled=True,
            logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
            removal_policy=operation.removal_policy,
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, self._watched(), operation.alarm_topic)

    def _role(self, functions: list[str]) -> iam.Role:
        stack = cdk.Stack.of(self)
        machines = f"arn:{stack.partition}:states:{stack.region}:{stack.account}:stateMachine:*"
        conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": machines}}
        role = iam.Role(
            self,
            "Role",
            assumed_by=iam.PrincipalWithConditions(iam.ServicePrincipal("states.amazonaws.com"), conditions),
            description=f"Calls the functions of the runbook {self.node.path}"[:1000],
            inline_policies={
                "Permissions": iam.PolicyDocument(
                    statements=[
                        statement(["lambda:InvokeFunction"], *functions),
                        statement(LOG_DELIVERY, "*"),
                        statement(TRACING, "*"),
                    ]
                )
            },
        )
        acknowledge_wildcard(role, "*", f"{TRACES} {ANY_LOG}")
        return role

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
            },
            "DryRun": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.dryRun", "IsPresent": True},
                            {"Variable": "$.dryRun", "IsBoolean": True},
                            {"Variable": "$.dryRun", "BooleanEquals": False},
                        ],
                        "Next": "Turn",
                    }
                ],
                "Default": "NothingDone",
            },
            "NothingDone": {"Type": "Succeed"},
            "Turn": {**_task(switch, {"turn.$": "$.check.target"}, "Answered", insists), "Catch": [problem]},
            "Answered": {**_task(answer, {"site.$": "$.check.target"}, "Drill", asks_again), "Catch": [problem]},
            "Drill": _in_drill("Hold", "Redirected"),
            "Redirected": {"Type": "Succeed"},
            "Hold": {"Type": "Wait", "Seconds": hold_seconds, "Next": "TurnBack"},
            "TurnBack": _task(switch, {"turn": "primary"}, "AnsweredBack", insists),
            "AnsweredBack": _task(answer, {"site": "primary"}, "Outcome", asks_again),
            "Outcome": {
                "Type": "Choice",
                "Choices": [{"Variable": "$.problem", "IsPresent": True, "Next": "DrillFailed"}],
                "Default": "DrillDone",
            },
            "DrillDone": {"Type": "Succeed"},
            "DrillFailed": {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"},
            "Problem": _in_drill("TurnBack", "NotProved"),
            "NotProved": {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"},
        },
    }


def _in_drill(then: str, otherwise: str) -> dict[str, Any]:
    choice = {"Variable": "$.action", "StringEquals": "drill", "Next": then}
    return {"Type": "Choice", "Choices": [choice], "Default": otherwise}


def _task(function: str, payload: str | Mapping[str, Any], then: str, *retries: Mapping[str, Any]) -> dict[str, Any]:
    given = {"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}
    again = {"ErrorEquals": LAMBDA_ERRORS, "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2}
    return {
        "Type": "Task",
        "Resource": f"arn:{cdk.Aws.PARTITION}:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, **given},
        # None of the results is needed. A null would say so, but the CDK leaves it out, and what is left is the result.
        "ResultPath": "$.result",
        "TimeoutSeconds": 300,
        "Retry": [again, *retries],
        "Next": then,
    }
