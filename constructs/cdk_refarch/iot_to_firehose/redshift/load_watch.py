"""What looks after the files that Redshift loads by itself, because it tells nobody of those that it cannot load."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.event_route import EventRoute
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_key
from cdk_refarch._parts.queues import failure_queue, work_queue
from cdk_refarch._parts.s3_delivery.s3_sink import DATA_ROOT

from .auto_copy import OWN_STATEMENTS, own_statements

CODE = Path(__file__).parent.parent / "handlers" / "loads"

TIMEOUT = cdk.Duration.minutes(3)
"""A workgroup that sleeps takes a while to wake up."""

PATIENCE = cdk.Duration.minutes(15)
"""After how long a file is looked for, and how long until it is looked for again: the longest delay of a queue."""

BATCH = 100

BATCH_WINDOW_S = 300
"""The longest that Lambda waits for more messages, so that few queries wake the workgroup."""


class LoadWatch(Construct):
    """Each file that arrives is looked for in what Redshift has loaded; one that is not there is told of in a queue.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        bucket: The bucket that files arrive in.
        workgroup_name: The workgroup.
        workgroup_arn: Its ARN.
        database: The database.
        table: The schema and the table with a dot between.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        role: Its role, whose user in the database may see loads and nothing else.
        failed_loads: Files that were not loaded, each with what Redshift says of it.
        files: Files that are to be looked for.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        bucket: s3.IBucket,
        workgroup_name: str,
        workgroup_arn: str,
        database: str,
        table: str,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        key, policy = operation.encryption_key, operation.removal_policy
        self.failed_loads = failure_queue(self, "FailedLoads", key=key, removal_policy=policy, recognized=True)
        self.files = work_queue(
            self,
            "Files",
            key=key,
            failed=self.failed_loads,
            visibility=PATIENCE,
            removal_policy=policy,
            delay=PATIENCE,
        )
        route = EventRoute(
            self,
            "Arrivals",
            target=self.files,
            patterns={
                "Arrived": {
                    "source": ["aws.s3"],
                    "detail-type": ["Object Created"],
                    "detail": {"bucket": {"name": [bucket.bucket_name]}, "object": {"key": [{"prefix": DATA_ROOT}]}},
                }
            },
            description="Files for Amazon Redshift to the queue of those that are looked after, for",
            subject="events about files",
            after_loss="compare the bucket with sys_copy_job_detail",
            operation=operation,
        )
        self.function = python_function(
            self,
            code=CODE,
            description="Looks after the files that Amazon Redshift loads by itself",
            timeout=TIMEOUT,
            statements=[
                statement(["redshift-data:ExecuteStatement"], workgroup_arn),
                statement(["redshift-serverless:GetCredentials"], workgroup_arn),
                own_statements(),
                statement(["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"], self.files.queue_arn),
                statement(["sqs:SendMessage"], self.failed_loads.queue_arn),
                use_key(self, key, "sqs", USE),
            ],
            environment={
                "WORKGROUP": workgroup_name,
                "DATABASE": database,
                "TABLE": table,
                "FAILED_QUEUE_URL": self.failed_loads.queue_url,
            },
            operation=operation,
            any_resource=OWN_STATEMENTS,
        )
        acknowledge(
            self.function,
            "Serverless::Serverless-LambdaDLQ",
            "The function reads a queue: what it fails on stays there and goes to that queue's dead-letter queue.",
        )
        self.role = cast("iam.Role", self.node.find_child("FunctionRole"))
        self.alarms: Mapping[str, cloudwatch.Alarm] = {
            **self._alarms(operation),
            **{f"Arrivals{name}": one for name, one in route.alarms.items()},
        }

    def begin(self, job: str) -> None:
        """Look after the files of a job.

        Args:
            job: Its name.
        """
        self.function.add_environment("JOB", job)
        mapping = lambda_.CfnEventSourceMapping(
            self,
            "Mapping",
            function_name=self.function.function_arn,
            event_source_arn=self.files.queue_arn,
            batch_size=BATCH,
            maximum_batching_window_in_seconds=BATCH_WINDOW_S,
            function_response_types=["ReportBatchItemFailures"],
        )
        acknowledge(
            mapping,
            "Serverless::Serverless-LambdaEventSourceMappingDestination",
            "Lambda has such destinations for streams only. What fails on the way from a queue goes to the queue's own "
            "dead-letter queue.",
        )

    def _alarms(self, operation: Operation) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "LoadsFailed",
                self.failed_loads.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Redshift has not loaded files, or nobody could ask it, and they wait in the queue of failed loads for "
                "14 days, each with the reason. Mend the table, the records or the workgroup, and repeat the loads.",
            )
        ]
        return alarms(self, watched, operation.alarm_topic)
