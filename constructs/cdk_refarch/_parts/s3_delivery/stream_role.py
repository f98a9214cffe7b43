"""The role that a Firehose stream works with: what every one needs for its objects, its log and its function."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role, use_key

from .s3_sink import fixed_part

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_logs as logs
    from aws_cdk import aws_s3 as s3

ARN_COLONS = 6
"""How many colons the ARN of a function has without a qualifier."""


def stream_role(
    scope: Construct,
    *,
    bucket: s3.IBucket,
    prefixes: Iterable[str],
    object_key: kms.IKey,
    log_group: logs.ILogGroup,
    log_streams: Sequence[str],
    transform: lambda_.IFunction | None,
    further: Sequence[iam.PolicyStatement] = (),
    description: str = "Lets the Firehose stream write its objects and its error log",
) -> iam.Role:
    """Create the role of a stream.

    Args:
        scope: The construct that it belongs to.
        bucket: The bucket that the stream writes to.
        prefixes: The prefixes of what it writes there, with their expressions.
        object_key: What the objects are encrypted with.
        log_group: Its error log.
        log_streams: The streams of the log that it writes to.
        transform: The function that it calls; None for none.
        further: What it may do besides.
        description: What the role is for.
    """
    stack = cdk.Stack.of(scope)
    roots = sorted({fixed_part(prefix) for prefix in prefixes})
    # In order, a root that contains the other comes first and is enough.
    roots = [root for root in roots if root == roots[0] or not root.startswith(roots[0])]
    objects = [bucket.arn_for_objects(f"{root}*") for root in roots]
    group = f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:log-group:{log_group.log_group_name}"
    statements = [
        iam.PolicyStatement(
            actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
            resources=[bucket.bucket_arn],
        ),
        iam.PolicyStatement(actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], resources=objects),
        use_key(scope, object_key, "s3", ["kms:Decrypt", "kms:GenerateDataKey"]),
        iam.PolicyStatement(
            actions=["logs:PutLogEvents"], resources=[f"{group}:log-stream:{name}" for name in log_streams]
        ),
    ]
    if transform is not None:
        statements.append(_invoke(transform))
    role = service_role(
        scope,
        "Role",
        service="firehose.amazonaws.com",
        # Firehose sends its caller's account as the external id. Whether it sends the source account too is not
        # documented, hence that condition only counts when the key is there.
        conditions={
            "StringEquals": {"sts:ExternalId": stack.account},
            "StringEqualsIfExists": {"aws:SourceAccount": stack.account},
        },
        description=description,
        statements=[*statements, *further],
    )
    for resource in objects:
        acknowledge_wildcard(
            role,
            resource,
            "Firehose makes up the names of the objects that it writes. The statement is limited to this bucket "
            "and to the fixed part of the prefixes for data and for errors.",
        )
    return role


def _invoke(function: lambda_.IFunction) -> iam.PolicyStatement:
    arn = function.function_arn
    # Firehose invokes the latest version by its qualified name; a version or an alias has a qualifier already.
    qualified = hasattr(function, "version") or hasattr(function, "alias_name") or arn.count(":") > ARN_COLONS
    return iam.PolicyStatement(
        actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
        resources=[arn] if qualified else [arn, f"{arn}:$LATEST"],
    )
