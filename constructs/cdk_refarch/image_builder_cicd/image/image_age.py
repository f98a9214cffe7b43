"""How old the newest image is: what no event tells, because nothing happens when no image is built."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.event_function import Occasion, call
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.log_metrics import measure_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue

HANDLERS = Path(__file__).parent.parent / "handlers"
NAMESPACE = "CdkRefarch/GoldenImage"
TIMEOUT = cdk.Duration.minutes(1)


class ImageAge(Construct):
    """Asks once a day how old the newest image is that can be used.

    CloudWatch looks back a week at most, so that no alarm on events could tell that there was none for a month.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        pipeline: The pipeline that builds the images.
        stale_after: How old the newest image may become.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        failed_events: Calls that failed; tomorrow's asks the same, so that none is to be replayed.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        pipeline: imagebuilder.CfnImagePipeline,
        stale_after: cdk.Duration,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.failed_events: sqs.IQueue = failure_queue(
            self,
            "FailedEvents",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        self.function: lambda_.Function = python_function(
            self,
            code=HANDLERS / "image_age",
            description="Tells how old the newest golden image is",
            timeout=TIMEOUT,
            statements=[
                iam.PolicyStatement(
                    actions=["imagebuilder:GetImagePipeline", "imagebuilder:ListImagePipelineImages"],
                    resources=[pipeline.attr_arn],
                )
            ],
            environment={"PIPELINE_ARN": pipeline.attr_arn},
            operation=operation,
            failed_events=self.failed_events,
        )
        occasion = Occasion(description="Asks how old the newest image is, for", schedule_expression="rate(1 day)")
        call(self, self.function, self.failed_events, {"Daily": occasion})
        self._metric_name = f"AgeInDays-{address(self)}"
        measure_lines(
            self,
            "AgeMetric",
            log_group_name=self.function.log_group.log_group_name,
            field="age_days",
            namespace=NAMESPACE,
            metric_name=self._metric_name,
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(stale_after, operation)

    def metric_age(self, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return the age of the newest image in days.

        Args:
            period: Length of a period; None for a day.
        """
        return cloudwatch.Metric(
            namespace=NAMESPACE,
            metric_name=self._metric_name,
            statistic="Maximum",
            period=period or cdk.Duration.days(1),
        )

    def _alarms(self, stale_after: cdk.Duration, operation: Operation) -> dict[str, cloudwatch.Alarm]:
        failing: list[Watched] = [
            (
                "AgeUnknown",
                self.failed_events.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "Nobody knows how old the newest image is: the function that asks failed three times. Read its log, "
                "mend it, and purge the queue; it asks again tomorrow.",
            )
        ]
        stale = alarm(
            self,
            "StaleAlarm",
            metric=self.metric_age(),
            threshold=stale_after.to_days(),
            description=f"No new image for {stale_after.to_days()} days. See in Image Builder whether the pipeline's "
            "schedule is enabled and why its last builds failed.",
            topic=operation.alarm_topic,
            # A day without an answer says nothing of the image: ``AgeUnknown`` tells of it.
            missing=cloudwatch.TreatMissingData.IGNORE,
        )
        return {"Stale": stale, **alarms(self, failing, operation.alarm_topic, suffix="Alarm")}
