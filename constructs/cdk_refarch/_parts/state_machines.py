"""State machines, made alike in every architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct

from .findings import acknowledge_wildcard
from .functions import TRACES
from .operation import Operation
from .policies import statement

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


def state_machine(
    scope: Construct,
    *,
    definition: Mapping[str, Any],
    does: str,
    statements: Sequence[iam.PolicyStatement],
    operation: Operation,
) -> sfn.StateMachine:
    """Create a standard state machine with a role and an encrypted log group of its own.

    Args:
        scope: The construct it belongs to.
        definition: The machine in Amazon States Language, with its ``TimeoutSeconds``.
        does: What its role is for, which the path of the construct follows, as in ``Calls the functions of``.
        statements: All that it may do, besides writing its log and traces.
        operation: What it shares with the other parts.
    """
    log_group = logs.LogGroup(
        scope,
        "Log",
        encryption_key=operation.encryption_key,
        retention=operation.log_retention,
        removal_policy=operation.removal_policy,
    )
    return sfn.StateMachine(
        scope,
        "StateMachine",
        definition_body=sfn.DefinitionBody.from_string(cdk.Stack.of(scope).to_json_string(dict(definition))),
        role=_role(scope, does, statements).without_policy_updates(),
        state_machine_type=sfn.StateMachineType.STANDARD,
        tracing_enabled=True,
        logs=sfn.LogOptions(destination=log_group, level=sfn.LogLevel.ALL, include_execution_data=True),
        removal_policy=operation.removal_policy,
    )


def _role(scope: Construct, does: str, statements: Sequence[iam.PolicyStatement]) -> iam.Role:
    stack = cdk.Stack.of(scope)
    machines = f"arn:{stack.partition}:states:{stack.region}:{stack.account}:stateMachine:*"
    conditions = {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": machines}}
    role = iam.Role(
        scope,
        "Role",
        assumed_by=iam.PrincipalWithConditions(iam.ServicePrincipal("states.amazonaws.com"), conditions),
        description=f"{does} {scope.node.path}"[:1000],
        inline_policies={
            "Permissions": iam.PolicyDocument(
                statements=[*statements, statement(LOG_DELIVERY, "*"), statement(TRACING, "*")]
            )
        },
    )
    acknowledge_wildcard(role, "*", f"{TRACES} {ANY_LOG}")
    return role


def invoke(
    function: str, payload: str | Mapping[str, Any], *retries: Mapping[str, Any], timeout_seconds: int
) -> dict[str, Any]:
    """Return a task that calls a function and waits for it, to be given its ``Next`` or ``End``.

    What Lambda itself fails on is tried again in any case.

    Args:
        function: The ARN of the function.
        payload: What it gets: a path into the state, or an object.
        retries: What else is tried again, and how; the first one that fits an error is taken.
        timeout_seconds: How long it may take.
    """
    given = {"Payload.$": payload} if isinstance(payload, str) else {"Payload": payload}
    again = {"ErrorEquals": LAMBDA_ERRORS, "IntervalSeconds": 2, "MaxAttempts": 4, "BackoffRate": 2}
    return {
        "Type": "Task",
        "Resource": f"arn:{cdk.Aws.PARTITION}:states:::lambda:invoke",
        "Parameters": {"FunctionName": function, **given},
        # Few results are needed. A null would say so, but the CDK leaves it out, and what is left is the result.
        "ResultPath": "$.result",
        "TimeoutSeconds": timeout_seconds,
        "Retry": [again, *retries],
    }
