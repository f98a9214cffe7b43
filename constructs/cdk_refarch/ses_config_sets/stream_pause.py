"""A stream that stops sending by itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue

from .functions import HANDLERS
from .values import Pause

if TYPE_CHECKING:
    from .email_stream import EmailStream

TIMEOUT = cdk.Duration.seconds(30)


class StreamPause(Construct):
    """Pauses one configuration set when its bounces or complaints pass a bound. Only people resume it.

    Creates two alarms, the function that they call, which may do nothing but switch this set's sending, and a queue for
    alarms that the function failed on.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        stream: The stream.
        pause: At what rates; checked before.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        failed_pauses: Alarms that the function failed on three times.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, stream: EmailStream, pause: Pause, operation: Operation) -> None:
        super().__init__(scope, id)
        self.failed_pauses: sqs.Queue = failure_queue(
            self,
            "FailedPauses",
            key=operation.encryption_key,
            removal_policy=operation.removal_policy,
            recognized=True,
        )
        self.function = python_function(
            self,
            code=HANDLERS / "stream_pauser",
            description="Pauses one configuration set of Amazon SES",
            timeout=TIMEOUT,
            statements=[
                iam.PolicyStatement(
                    actions=["ses:PutConfigurationSetSendingOptions"], resources=[stream.configuration_set_arn]
                )
            ],
            environment={"CONFIGURATION_SET": stream.configuration_set.configuration_set_name},
            operation=operation,
            failed_events=self.failed_pauses,
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = {
            **self._triggers(stream, pause, operation.alarm_topic),
            **self._failures(operation.alarm_topic),
        }

    def _triggers(self, stream: EmailStream, pause: Pause, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        made = {}
        for name, metric, threshold in (
            ("BounceRate", stream.metric_bounce_rate(), pause.bounce_rate),
            ("ComplaintRate", stream.metric_complaint_rate(), pause.complaint_rate),
        ):
            made[name] = alarm(
                self,
                name,
                metric=metric,
                threshold=threshold,
                comparison=cloudwatch.ComparisonOperator.GREATER_THAN_OR_EQUAL_TO_THRESHOLD,
                description="The stream is paused: its senders get an error. Find the cause, clean the list, and "
                "resume it with aws sesv2 put-configuration-set-sending-options --sending-enabled.",
                topic=topic,
                missing=cloudwatch.TreatMissingData.IGNORE,
            )
            made[name].add_alarm_action(actions.LambdaAction(self.function, use_unique_permission_id=True))
        return made

    def _failures(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The function that pauses the stream failed, and is called again twice. Read its log, and pause the "
                "stream by hand.",
            ),
            (
                "Failed",
                self.failed_pauses.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "The stream could not be paused and goes on sending. Pause it by hand, mend the function by its log, "
                "and purge the queue.",
            ),
        ]
        return alarms(self, watched, topic, suffix="Alarm")
