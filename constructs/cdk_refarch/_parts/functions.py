"""Functions in Python, made alike in every architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .findings import acknowledge, acknowledge_wildcard
from .keys import USE
from .operation import Operation
from .policies import use_key

RUNTIME = lambda_.Runtime.PYTHON_3_14

TRACES = (
    "X-Ray has no resources for the actions that send it traces. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html."
)
"""Why the statement for traces is for any resource."""


def python_function(
    scope: Construct,
    *,
    code: Path,
    description: str,
    timeout: cdk.Duration,
    statements: Sequence[iam.PolicyStatement],
    environment: Mapping[str, str],
    operation: Operation,
    handler: str = "index.handler",
    exclude: Sequence[str] = ("__pycache__",),
    any_resource: str = "",
    failed_events: sqs.IQueue | None = None,
    memory_mib: int = 256,
) -> lambda_.Function:
    """Create a function with a role and an encrypted log group of its own.

    Args:
        scope: The construct it belongs to.
        code: The folder of its code.
        description: What it does.
        timeout: How long it may run.
        statements: All that it may do, besides writing its log and using the queue of failed events.
        environment: What it reads from its environment.
        operation: What it shares with the other parts.
        handler: The module and the function in it that Lambda calls.
        exclude: What of the folder is not its code, as glob patterns; those that begin with ! are exceptions.
        any_resource: Why some of the statements are for any resource, in sentences; empty if none is.
        failed_events: Where events go that it failed on three times; None where its caller hears of failures.
        memory_mib: Its memory in MiB.
    """
    log_group = logs.LogGroup(
        scope,
        "Log",
        encryption_key=operation.encryption_key,
        retention=operation.log_retention,
        removal_policy=operation.removal_policy,
    )
    role = _role(
        scope,
        description,
        log_group,
        [*statements, *_sending(scope, failed_events)],
        f"{TRACES} {any_resource}".strip(),
    )
    return lambda_.Function(
        scope,
        "Function",
        runtime=RUNTIME,
        handler=handler,
        code=lambda_.Code.from_asset(str(code), exclude=list(exclude)),
        description=description,
        # The role has all that it needs before anything uses it; what the L2 would add comes in a policy of its own.
        role=role.without_policy_updates(),
        timeout=timeout,
        memory_size=memory_mib,
        environment=dict(environment),
        log_group=log_group,
        tracing=lambda_.Tracing.ACTIVE,
        dead_letter_queue=failed_events,
    )


def _sending(scope: Construct, queue: sqs.IQueue | None) -> list[iam.PolicyStatement]:
    if queue is None:
        return []
    statements = [iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])]
    if queue.encryption_master_key is not None:
        statements.append(use_key(scope, queue.encryption_master_key, "sqs", USE))
    return statements


def _role(
    scope: Construct,
    description: str,
    log_group: logs.LogGroup,
    statements: Sequence[iam.PolicyStatement],
    any_resource: str,
) -> iam.Role:
    streams = log_group.log_group_arn
    role = iam.Role(
        scope,
        "FunctionRole",
        assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"),
        description=description,
        inline_policies={
            "Permissions": iam.PolicyDocument(
                statements=[
                    iam.PolicyStatement(actions=["logs:CreateLogStream", "logs:PutLogEvents"], resources=[streams]),
                    iam.PolicyStatement(actions=["xray:PutTelemetryRecords", "xray:PutTraceSegments"], resources=["*"]),
                    *statements,
                ]
            )
        },
    )
    acknowledge_wildcard(role, "*", any_resource)
    acknowledge(role, "Serverless::Serverless-LambdaStarPermissions", any_resource)
    return role
