"""The state machine that brings a scan to its end: scan, answer, go on."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_key
from cdk_refarch._parts.queues import failure_queue
from cdk_refarch._parts.state_machines import invoke, state_machine

LONGEST_DAYS = 7
"""How long the scan of a whole history may take."""

SCAN_SECONDS, ANSWER_SECONDS = 930, 330
"""A little longer than the functions may run."""

HOPELESS = {"ErrorEquals": ["OvertakenError", "QueueTooLongError", "ValueError"], "MaxAttempts": 0}
"""What does not pass by itself; the first that fits an error is taken."""

BUSY_SECONDS = 20
"""How long a run waits for another one that answers the same leak."""

AT_ONCE = 4
"""How many leaks are answered at the same time; IAM allows few calls in a second."""


class ScanMachine(Construct):
    """A state machine that calls the scanning function until everything is scanned, and answers what it finds between.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        scan: The function that scans.
        respond: The function that answers and tells.
        operation: What it shares with the other parts.

    Attributes:
        state_machine: The state machine.
        failed_scans: Inputs of the machine that must be given to it again: scans and answers that failed for good.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        scan: lambda_.IFunction,
        respond: lambda_.IFunction,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        key = operation.encryption_key
        self.failed_scans: sqs.Queue = failure_queue(
            self, "FailedScans", key=key, removal_policy=operation.removal_policy
        )
        self.state_machine: sfn.StateMachine = state_machine(
            self,
            definition=_definition(scan.function_arn, respond.function_arn, self.failed_scans.queue_url),
            does="Calls the functions of the leak guard, for",
            statements=[
                statement(["lambda:InvokeFunction"], scan.function_arn, respond.function_arn),
                statement(["sqs:SendMessage"], self.failed_scans.queue_arn),
                use_key(self, key, "sqs", USE),
            ],
            operation=operation,
        )
        self._go_on()
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(operation.alarm_topic)

    def _go_on(self) -> None:
        """Let the machine start itself, where a history gets too long."""
        # A policy of its own, because the machine needs the role before its name is known.
        iam.Policy(
            self,
            "GoingOn",
            roles=[cast("iam.IRole", self.node.find_child("Role"))],
            statements=[statement(["states:StartExecution"], self.state_machine.state_machine_arn)],
        )

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        machine = self.state_machine
        again = "Start the machine again with its input, or the request in it: aws stepfunctions describe-execution."
        watched: list[Watched] = [
            (
                "FailedScans",
                self.failed_scans.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Pushes were not scanned, or leaks not answered. Mend the cause, and start the state machine with each "
                "message of the queue before it drops them after 14 days.",
            ),
            (
                "ScansFailed",
                machine.metric_failed(),
                "A scan failed for good. Its input is in the queue of failed scans, unless the queue could not take "
                "it: the history of the run has it as well.",
            ),
            ("ScansTimedOut", machine.metric_timed_out(), f"A scan took longer than a week and was ended. {again}"),
            ("ScansAborted", machine.metric_aborted(), f"Somebody ended a scan. {again}"),
        ]
        return alarms(self, watched, topic, suffix="Alarm")


def _definition(scan: str, respond: str, queue_url: str) -> dict[str, Any]:
    """Return the state machine in Amazon States Language."""
    fails = {"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem"}
    return {
        "Comment": "Scans a push or a whole history for AWS credentials and answers what it finds",
        "StartAt": "Begun",
        # Here, because the CDK does not write its own argument into a definition that is a text.
        "TimeoutSeconds": LONGEST_DAYS * 24 * 3600,
        "States": {
            # What was set aside, or handed over by an earlier run, goes on where it was.
            "Begun": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [{"Variable": f"$.{one}", "IsPresent": True} for one in ("walk", "request", "slice")],
                        "Next": "Scan",
                    }
                ],
                "Default": "Begin",
            },
            "Begin": {
                "Type": "Pass",
                # Names of runs may be given again after 90 days.
                "Parameters": {
                    "walk.$": "States.Format('{}@{}', $$.Execution.Name, $$.Execution.StartTime)",
                    "request.$": "$",
                    "slice": 0,
                },
                "Next": "Scan",
            },
            "Scan": {
                # Repositories are shared with people, whose calls are throttled together with these.
                **invoke(scan, "$", HOPELESS, _insists(5, 6), timeout_seconds=SCAN_SECONDS),
                "OutputPath": "$.result.Payload",
                # Where another run has gone on with the walk, this one cannot, however often it is tried.
                "Catch": [
                    {**fails, "ErrorEquals": ["OvertakenError"], "Next": "Failed"},
                    {**fails, "Next": "SetAside"},
                ],
                "Next": "Answer",
            },
            # Its findings would be lost to whoever goes on with the walk; another walk comes across them again.
            "Answer": {**_answers(respond, queue_url), "Catch": [{**fails, "Next": "SetRequestAside"}]},
            "Done": {
                "Type": "Choice",
                "Choices": [
                    {
                        "And": [
                            {"Variable": "$.done", "BooleanEquals": True},
                            {"Variable": "$.report", "IsPresent": True},
                        ],
                        "Next": "Report",
                    },
                    {"Variable": "$.done", "BooleanEquals": True, "Next": "Scanned"},
                    {"Variable": "$.hand_over", "BooleanEquals": True, "Next": "HandOver"},
                ],
                "Default": "Scan",
            },
            "Report": {
                **invoke(
                    respond,
                    {"walk.$": "$.walk", "report.$": "$.report"},
                    _insists(3, 5),
                    timeout_seconds=ANSWER_SECONDS,
                ),
                "Catch": [{**fails, "Next": "SetAside"}],
                "Next": "Scanned",
            },
            # A history has 25,000 events: https://docs.aws.amazon.com/step-functions/latest/dg/service-quotas.html
            "HandOver": {
                "Type": "Task",
                "Resource": f"arn:{cdk.Aws.PARTITION}:states:::states:startExecution",
                "Parameters": {
                    "StateMachineArn.$": "$$.StateMachine.Id",
                    "Input": {"walk.$": "$.walk", "request.$": "$.request", "slice.$": "$.slice"},
                },
                "ResultPath": "$.result",
                "Retry": [_insists(3, 5)],
                "Catch": [{**fails, "Next": "SetAside"}],
                "Next": "Scanned",
            },
            "Scanned": {"Type": "Succeed"},
            "SetAside": {**_set_aside(queue_url, "$"), "Next": "Failed"},
            "SetRequestAside": {**_set_aside(queue_url, "$.request"), "Next": "Failed"},
            "Failed": {"Type": "Fail", "ErrorPath": "$.problem.Error", "CausePath": "$.problem.Cause"},
        },
    }


def _answers(respond: str, queue_url: str) -> dict[str, Any]:
    """Return the state that answers findings, some at a time. Those that fail do not keep the others back."""
    return {
        "Type": "Map",
        "ItemsPath": "$.findings",
        "ItemSelector": {
            "walk.$": "$.walk",
            "findings.$": "$$.Map.Item.Value",
            "again": {"findings.$": "$$.Map.Item.Value"},
        },
        "MaxConcurrency": AT_ONCE,
        "ItemProcessor": {
            "ProcessorConfig": {"Mode": "INLINE"},
            "StartAt": "Respond",
            "States": {
                "Respond": {
                    **invoke(respond, "$", HOPELESS, _insists(3, 5), timeout_seconds=ANSWER_SECONDS),
                    "Catch": [{"ErrorEquals": ["States.ALL"], "ResultPath": "$.problem", "Next": "SetAnswersAside"}],
                    "Next": "Answered",
                },
                # Another run answers one of them, until its function must have ended.
                "Answered": {
                    "Type": "Choice",
                    "Choices": [{"Variable": "$.result.Payload.busy", "BooleanEquals": True, "Next": "Wait"}],
                    "Default": "Told",
                },
                "Wait": {"Type": "Wait", "Seconds": BUSY_SECONDS, "Next": "Respond"},
                "Told": {"Type": "Succeed"},
                "SetAnswersAside": {**_set_aside(queue_url, "$.again"), "End": True},
            },
        },
        "ResultPath": "$.answers",
        "Next": "Done",
    }


def _insists(interval_seconds: int, attempts: int) -> dict[str, Any]:
    return {
        "ErrorEquals": ["States.ALL"],
        "IntervalSeconds": interval_seconds,
        "MaxAttempts": attempts,
        "BackoffRate": 3,
    }


def _set_aside(queue_url: str, path: str) -> dict[str, Any]:
    return {
        "Type": "Task",
        "Resource": f"arn:{cdk.Aws.PARTITION}:states:::sqs:sendMessage",
        "Parameters": {"QueueUrl": queue_url, "MessageBody.$": f"States.JsonToString({path})"},
        "ResultPath": "$.result",
        "Retry": [_insists(3, 5)],
    }
