"""What rolls out images that no commit has made: those of the schedule."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.event_function import Occasion, call
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue
from cdk_refarch.image_builder_cicd.names import stack_prefix

from .deploy_statements import statement
from .stages import IMAGE_STAGE

HANDLERS = Path(__file__).parent.parent / "handlers"
TIMEOUT = cdk.Duration.minutes(2)


class PipelineStarter(Construct):
    """A function that starts the pipeline when an image is available that no run of it waits for.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        image_stack: The stack of the image.
        pipeline_name: The pipeline.
        pipeline_arn: The pipeline.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        rule: The rule that calls it.
        failed_events: Events that it was not called for, or failed on three times.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        image_stack: str,
        pipeline_name: str,
        pipeline_arn: str,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.failed_events: sqs.Queue = failure_queue(
            self,
            "FailedEvents",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        self.function: lambda_.Function = python_function(
            self,
            code=HANDLERS / "pipeline_starter",
            description="Starts the pipeline when there is a new golden image",
            timeout=TIMEOUT,
            statements=[
                statement(["codepipeline:GetPipelineState", "codepipeline:StartPipelineExecution"], pipeline_arn)
            ],
            environment={"PIPELINE_NAME": pipeline_name, "STAGE_NAME": IMAGE_STAGE},
            operation=operation,
            failed_events=self.failed_events,
        )
        stack = cdk.Stack.of(self)
        images = f"arn:{stack.partition}:imagebuilder:{stack.region}:{stack.account}:image/{stack_prefix(image_stack)}"
        occasion = Occasion(
            description="Tells of new golden images, for",
            event_pattern={
                "source": ["aws.imagebuilder"],
                "detail-type": ["EC2 Image Builder Image State Change"],
                "resources": [{"prefix": images}],
                "detail": {"state": {"status": ["AVAILABLE"]}},
            },
        )
        self.rule: events.CfnRule = call(self, self.function, self.failed_events, {"Available": occasion})["Available"]
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The function that starts the pipeline for a new image failed, and is called again twice. Read its "
                "log.",
            ),
            (
                "FailedEvents",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "A new image did not start the pipeline, and fleets run an old one. Mend the cause by the function's "
                "log, start the pipeline by hand, and purge the queue.",
            ),
        ]
        self.alarms: Mapping[str, cloudwatch.Alarm] = alarms(self, watched, operation.alarm_topic, suffix="Alarm")
