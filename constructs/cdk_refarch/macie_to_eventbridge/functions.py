"""The functions of the architecture, made alike."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge, acknowledge_wildcard
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.policies import use_key

HANDLERS = Path(__file__).parent / "handlers"

RUNTIME = lambda_.Runtime.PYTHON_3_14

ANY = (
    "AWS has no resources for these actions: those of X-Ray for traces, those of Macie for sessions, settings and "
    "findings. "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmacie.html."
)
"""Why some statements are for any resource."""


def python_function(
    scope: Construct,
    *,
    handler: str,
    description: str,
    timeout: cdk.Duration,
    statements: Sequence[iam.PolicyStatement],
    environment: Mapping[str, str],
    encryption_key: kms.IKey,
    removal_policy: cdk.RemovalPolicy,
    log_retention: logs.RetentionDays,
    failed_events: sqs.IQueue | None = None,
    memory_mib: int = 256,
) -> lambda_.Function:
    """Create a function with a role and an encrypted log group of its own.

    Args:
        scope: The construct it belongs to.
        handler: The folder of its code.
        description: What it does.
        timeout: How long it may run.
        statements: All that it may do, besides writing its log and using the queue of failed events.
        environment: What it reads from its environment.
        encryption_key: Encrypts the log.
        removal_policy: What happens to the log when the construct is removed.
        log_retention: How long the log is kept.
        failed_events: Where events go that it failed on three times; None where nobody calls it asynchronously.
        memory_mib: Its memory in MiB.
    """
    log_group = logs.LogGroup(
        scope, "Log", encryption_key=encryption_key, retention=log_retention, removal_policy=removal_policy
    )
    role = _role(scope, description, log_group, [*statements, *_sending(scope, failed_events)])
    function = lambda_.Function(
        scope,
        "Function",
        runtime=RUNTIME,
        handler="index.handler",
        code=lambda_.Code.from_asset(str(HANDLERS / handler), exclude=["__pycache__"]),
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
    if failed_events is None:
        acknowledge(
            function,
            "Serverless::Serverless-LambdaDLQ",
            "Only CloudFormation calls this function. It answers every call, failures too, and CloudFormation tells of "
            "them and rolls back.",
        )
    return function


def _sending(scope: Construct, queue: sqs.IQueue | None) -> list[iam.PolicyStatement]:
    if queue is None:
        return []
    statements = [iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])]
    if queue.encryption_master_key is not None:
        statements.append(use_key(scope, queue.encryption_master_key, "sqs", USE))
    return statements


def _role(
    scope: Construct, description: str, log_group: logs.LogGroup, statements: Sequence[iam.PolicyStatement]
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
    acknowledge_wildcard(role, "*", ANY)
    acknowledge(role, "Serverless::Serverless-LambdaStarPermissions", ANY)
    return role
