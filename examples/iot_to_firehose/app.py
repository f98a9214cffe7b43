#!/usr/bin/env python3
"""A fleet's own app: device telemetry by device, and a consumer that hears of every new object."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch import AlarmTopic, IotToFirehose, S3Sink

THING = "${iot:Connection.Thing.ThingName}"


class Fleet(cdk.Stack):
    """Telemetry arrives in folders by device; a queue gets a message for each object."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        telemetry = IotToFirehose(
            self,
            "Telemetry",
            topic_filter="fleet/+/telemetry",
            select="*, topic(2) AS device, timestamp() AS received",
            where="temperature > -100",
            sinks=[S3Sink(partition_by={"device": ".device"})],
            alarm_topic=alarms,
        )
        self._device_policy(telemetry)
        self._consumer(telemetry, alarms)

    def _device_policy(self, telemetry: IotToFirehose) -> None:
        """Each device connects as itself and publishes its own telemetry, nothing else."""
        document = iam.PolicyDocument()
        document.add_statements(
            iam.PolicyStatement(
                actions=["iot:Connect"],
                resources=[self.format_arn(service="iot", resource="client", resource_name=THING)],
            )
        )
        telemetry.grant_publish(document)
        iot.CfnPolicy(self, "DevicePolicy", policy_document=document)

    def _consumer(self, telemetry: IotToFirehose, alarms: sns.ITopic) -> None:
        """The bucket tells EventBridge about its objects, so that a consumer is a rule and a target."""
        failed = self._queue("ConsumerFailed", telemetry)
        cdk.Validations.of(failed).acknowledge(
            cdk.Acknowledgment(
                id="Serverless::Serverless-SQSRedrivePolicy",
                reason="This queue is the last resort of the consumer, and has no consumer of its own that could fail.",
            )
        )
        queue = self._queue("Consumer", telemetry, sqs.DeadLetterQueue(queue=failed, max_receive_count=5))
        waiting = failed.metric_approximate_number_of_messages_visible(statistic="Maximum")
        alarm = waiting.create_alarm(self, "ConsumerFailing", threshold=1, evaluation_periods=1)
        alarm.add_alarm_action(actions.SnsAction(alarms))
        events.Rule(
            self,
            "NewObjects",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [telemetry.deliveries["S3"].bucket.bucket_name]},
                    "object": {"key": [{"prefix": "data/"}]},
                },
            ),
            targets=[targets.SqsQueue(queue, dead_letter_queue=failed)],
        )

    def _queue(self, id: str, telemetry: IotToFirehose, failed: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=telemetry.encryption_key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
            dead_letter_queue=failed,
        )


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    Fleet(app, "Fleet")
    return app


if __name__ == "__main__":
    build().synth()
