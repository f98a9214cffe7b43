"""The function that scans what was pushed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.findings import acknowledge, acknowledge_wildcard
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.log_metrics import measure_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_keys

from .record import use_record

CODE = Path(__file__).parent / "handlers" / "guard"

NAMESPACE = "cdk-refarch/CodeCommitLeakGuard"

TIMEOUT = cdk.Duration.minutes(15)
"""The longest that a function may run. A push that takes longer goes on in another call."""

MEMORY_MIB = 1769
"""As much as makes one whole processor: https://docs.aws.amazon.com/lambda/latest/dg/configuration-memory.html"""

READING = [
    "codecommit:GetBlob",
    "codecommit:GetBranch",
    "codecommit:GetCommit",
    "codecommit:GetDifferences",
    "codecommit:GetFolder",
    "codecommit:ListBranches",
]

ONLY_THE_MACHINE = (
    "Only the state machine calls this function and waits for it: what fails is tried again, and then set aside in a "
    "queue that has an alarm."
)


class LeakScan(Construct):
    """A function that walks the commits of a push, scans what they changed, and writes down what it finds.

    It reads code, and may touch nothing but the record.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        table: The record.
        repositories: What it may read; None for all repositories of the account and region.
        decrypt_keys: The keys that repositories are encrypted with, where they are not the one of AWS.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        table: dynamodb.ITable,
        repositories: Sequence[codecommit.IRepository] | None,
        decrypt_keys: Sequence[kms.IKey],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        arns = self._arns(repositories)
        self.function: lambda_.Function = python_function(
            self,
            code=CODE,
            handler="scan.handler",
            description="Scans what was pushed to AWS CodeCommit for AWS credentials",
            timeout=TIMEOUT,
            memory_mib=MEMORY_MIB,
            statements=[
                statement(READING, *arns),
                *([use_keys(self, decrypt_keys, "codecommit", ["kms:Decrypt"])] if decrypt_keys else []),
                *use_record(self, table, operation, ["GetItem", "PutItem", "UpdateItem"]),
            ],
            environment={"TABLE_NAME": table.table_name},
            operation=operation,
        )
        acknowledge(self.function, "Serverless::Serverless-LambdaDLQ", ONLY_THE_MACHINE)
        if repositories is None:
            reason = "The guard watches all repositories of the account and region, unless some are given."
            acknowledge_wildcard(self.node.find_child("FunctionRole"), arns[0], reason)
        self._metric = f"NotScanned-{address(self)}"
        measure_lines(
            self,
            "NotScannedMetric",
            log_group_name=self.function.log_group.log_group_name,
            field="not_scanned",
            namespace=NAMESPACE,
            metric_name=self._metric,
        )
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The function that scans pushes failed, and is tried again for half an hour. Read its log. What it "
                "fails on for good waits in the queue of failed scans.",
            )
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic, suffix="Alarm")

    def metric_not_scanned(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many files of pushes could not be scanned.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        return cloudwatch.Metric(namespace=NAMESPACE, metric_name=self._metric, statistic="Sum", period=period)

    def _arns(self, repositories: Sequence[codecommit.IRepository] | None) -> list[str]:
        if repositories is not None:
            return [one.repository_arn for one in repositories]
        stack = cdk.Stack.of(self)
        return [f"arn:{stack.partition}:codecommit:{stack.region}:{stack.account}:*"]
