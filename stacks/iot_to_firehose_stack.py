"""The stack ``IotToFirehose``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, cast

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch import AlarmTopic, BucketLifecycle, IotToFirehose, S3Sink

from .config import IotToFirehoseSettings, Settings

if TYPE_CHECKING:
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_sqs as sqs

    from cdk_refarch import OpenSearchDelivery, OpenSearchSink, RedshiftDelivery, RedshiftSink

IDS = {"s3": "S3", "opensearch": "OpenSearch", "opensearch_serverless": "Collection", "redshift": "Redshift"}
"""Setting to the id of its sink."""

ZONES = 3
"""What a domain of three zones and loads by way of the VPC need."""


class IotToFirehoseStack(cdk.Stack):
    """MQTT telemetry into a bucket and, if the settings ask for it, OpenSearch and Redshift, with alarms to a topic.

    Args:
        scope: The app.
        id: The stack's id and its name in CloudFormation.
        settings: The app's settings.

    Attributes:
        vpc: The network of sinks that need one; None without them.
        ingest: The architecture.
        alarm_topic: The topic that its alarms go to.
    """

    def __init__(self, scope: Construct, id: str, *, settings: Settings) -> None:
        super().__init__(scope, id, description="MQTT through an AWS IoT rule and Amazon Data Firehose to Amazon S3")
        own = settings.iot_to_firehose
        removal = cdk.RemovalPolicy.DESTROY if settings.removal == "destroy" else cdk.RemovalPolicy.RETAIN
        self.alarm_topic = AlarmTopic(self, "Alarms", email=settings.alarm_email, removal_policy=removal)
        self.vpc = self._network(own, removal)
        self.ingest = IotToFirehose(
            self,
            "Ingest",
            topic_filter=own.topic_filter,
            select=own.select,
            where=own.where,
            rule_name=own.rule_name,
            sinks=[self._sink(kind, own) for kind in own.sinks],
            alarm_topic=self.alarm_topic,
            removal_policy=removal,
        )
        for name, value, description in self._outputs(own):
            cdk.CfnOutput(self, name, value=value, description=description)

    def _network(self, own: IotToFirehoseSettings, removal: cdk.RemovalPolicy) -> ec2.IVpc | None:
        if own.sinks == ["s3"]:
            return None
        # Imported here, because aws_ec2 takes about 100 ms and nothing stands in a network by default.
        from .network import network

        made = network(self, own, zones=ZONES)
        if own.vpc_id is None and "opensearch" in own.sinks and removal is cdk.RemovalPolicy.RETAIN:
            # A domain that is kept needs it, and it could not be deleted.
            cdk.RemovalPolicies.of(made).retain()
        return made

    def _sink(self, kind: str, own: IotToFirehoseSettings) -> S3Sink | OpenSearchSink | RedshiftSink:
        days = own.expire_after_days
        lifecycle = None if days is None else BucketLifecycle(expire_after_days=days)
        if kind == "s3":
            return S3Sink(partition_by=own.partition_by, parquet=own.parquet, lifecycle=lifecycle)
        if kind == "redshift":
            from cdk_refarch import RedshiftSink, RedshiftWorkgroup

            return RedshiftSink(
                table=own.table,
                columns=own.columns,
                workgroup=RedshiftWorkgroup(),
                vpc=self.vpc,
                lifecycle=lifecycle,
            )
        from cdk_refarch import OpenSearchCollection, OpenSearchDomain, OpenSearchSink

        admins = [
            iam.Role.from_role_arn(self, f"{IDS[kind]}Admin{number}", arn)
            for number, arn in enumerate(own.admin_role_arns, start=1)
        ]
        to = (
            {"domain": OpenSearchDomain(admins=admins)}
            if kind == "opensearch"
            else {"collection": OpenSearchCollection(admins=admins)}
        )
        return OpenSearchSink(id=IDS[kind], index=own.index, vpc=self.vpc, lifecycle=lifecycle, **to)

    def _outputs(self, own: IotToFirehoseSettings) -> Iterator[tuple[str, str, str]]:
        ingest = self.ingest
        yield "TopicFilter", own.topic_filter, "Publish to an MQTT topic that this filter matches"
        yield "BasicIngestTopic", ingest.basic_ingest_topic, "Or begin the topic with this, free of messaging fees"
        for kind in own.sinks:
            delivery = ingest.deliveries[IDS[kind]]
            # Those of S3 have been there from the beginning and have kept their names.
            name = "" if kind == "s3" else IDS[kind]
            arrives = "records arrive: data/ or, when they fail, errors/" if kind == "s3" else "failed records arrive"
            yield f"{name}BucketName", delivery.bucket.bucket_name, f"Where {arrives}"
            yield f"{name}StreamName", delivery.stream.ref, "The Firehose stream"
            if kind == "redshift":
                yield from _warehouse(cast("RedshiftDelivery", delivery))
            elif kind != "s3":
                yield f"{name}Endpoint", cast("OpenSearchDelivery", delivery).endpoint, "Search here"
        yield "ErrorQueueUrl", ingest.error_queue.queue_url, "Messages that could not be delivered"
        for kind in own.sinks:
            name = "Error" if kind == "s3" else IDS[kind]
            yield (
                f"{name}LogGroup",
                ingest.deliveries[IDS[kind]].log_group.log_group_name,
                "Why Firehose could not deliver",
            )
        yield "AlarmTopicArn", self.alarm_topic.topic_arn, "Subscribe here to be told"


def _warehouse(delivery: RedshiftDelivery) -> Iterator[tuple[str, str, str]]:
    yield "RedshiftWorkgroup", str(delivery.workgroup_name), "Query here"
    yield "RedshiftNamespace", str(delivery.namespace_name), "It names the secret of its administrator"
    yield "RedshiftCopyRoleArn", cast("iam.IRole", delivery.copy_role).role_arn, "Repeats loads"
    yield "FailedLoadsUrl", cast("sqs.IQueue", delivery.failed_loads).queue_url, "Files that were not loaded, and why"
