"""Functions in Python, made alike in every architecture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

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

if TYPE_CHECKING:
    from .network import Network

RUNTIME = lambda_.Runtime.PYTHON_3_14

INTERFACES = (
    "Lambda makes and removes the network interfaces of functions in a VPC with these permissions on any resource; the "
    "function's own code is denied them. "
    "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions."
)
"""Why the statement for network interfaces is for any resource."""

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
    network: Network | None = None,
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
        network: Where in a VPC it stands; None for nowhere.
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
        [*statements, *_sending(scope, failed_events), *_standing(network)],
        f"{TRACES} {any_resource} {'' if network is None else INTERFACES}".strip(),
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
        **_place(network),
    )


def _sending(scope: Construct, queue: sqs.IQueue | None) -> list[iam.PolicyStatement]:
    if queue is None:
        return []
    statements = [iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])]
    if queue.encryption_master_key is not None:
        statements.append(use_key(scope, queue.encryption_master_key, "sqs", USE))
    return statements


def _standing(network: Network | None) -> list[iam.PolicyStatement]:
    if network is None:
        return []
    calls = [
        "ec2:AssignPrivateIpAddresses",
        "ec2:CreateNetworkInterface",
        "ec2:DeleteNetworkInterface",
        "ec2:DescribeNetworkInterfaces",
        "ec2:DescribeSubnets",
        "ec2:UnassignPrivateIpAddresses",
    ]
    # Lambda itself needs this, the function's code does not:
    # https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions
    code = {"ArnLike": {"lambda:SourceFunctionArn": "*"}}
    return [
        iam.PolicyStatement(actions=calls, resources=["*"]),
        iam.PolicyStatement(effect=iam.Effect.DENY, actions=calls, resources=["*"], conditions=code),
    ]


def _place(network: Network | None) -> dict[str, Any]:
    if network is None:
        return {}
    # Imported here, because aws_ec2 takes about 100 ms and few functions stand in a VPC.
    from aws_cdk import aws_ec2 as ec2

    return {
        "vpc": network.vpc,
        "vpc_subnets": ec2.SubnetSelection(subnets=list(network.subnets)),
        "security_groups": [network.security_group],
    }


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
