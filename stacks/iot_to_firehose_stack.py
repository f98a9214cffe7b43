"""The stack ``IotToFirehose``."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch import AlarmTopic, BucketLifecycle, IotToFirehose, S3Sink

from .config import Settings


class IotToFirehoseStack(cdk.Stack):
    """MQTT telemetry into a bucket, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        ingest: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="MQTT through an AWS IoT rule and Amazon Data Firehose to Amazon S3")
        own = settings.iot_to_firehose
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.ingest = IotToFirehose(
            self,
            "Ingest",
            topic_filter=own.topic_filter,
            select=own.select,
            where=own.where,
            rule_name=own.rule_name,
            sinks=[
                S3Sink(
                    partition_by=own.partition_by,
                    parquet=own.parquet,
                    lifecycle=None
                    if own.expire_after_days is None
                    else BucketLifecycle(expire_after_days=own.expire_after_days),
                )
            ],
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        self._outputs(own.topic_filter)

    def _outputs(self, topic_filter: str) -> None:
        delivery = self.ingest.deliveries["S3"]
        for name, value, description in (
            ("TopicFilter", topic_filter, "Publish to an MQTT topic that this filter matches"),
            (
                "BasicIngestTopic",
                self.ingest.basic_ingest_topic,
                "Or begin the topic with this, free of messaging fees",
            ),
            ("BucketName", delivery.bucket.bucket_name, "Where records arrive: data/ or, when they fail, errors/"),
            ("StreamName", delivery.stream.ref, "The Firehose stream"),
            ("ErrorQueueUrl", self.ingest.error_queue.queue_url, "Messages that could not be delivered"),
            ("ErrorLogGroup", delivery.log_group.log_group_name, "Why Firehose could not deliver"),
            ("AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told"),
        ):
            cdk.CfnOutput(self, name, value=value, description=description)
