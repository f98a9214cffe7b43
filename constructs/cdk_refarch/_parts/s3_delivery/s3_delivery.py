"""A Firehose stream that delivers to Amazon S3, with everything it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.sinks import Delivery

from .destination import DEFAULT_INTERVAL_S, Targets, destination, interval
from .s3_bucket import failures_metric, sink_bucket
from .s3_sink import GlueTable, S3Sink, fixed_part
from .stream_role import stream_role

if TYPE_CHECKING:
    from aws_cdk import aws_glue as glue

MAX_INTERVAL_S = 900
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html"""

LATE_AFTER_INTERVALS = 3
"""How many intervals, of 5 minutes at least, a record may wait before the freshness alarm rings."""


class S3Delivery(Delivery):
    """Records put to a Firehose stream arrive in a bucket, and those that cannot be processed under a prefix of it.

    Creates the stream, its role, a log group, alarms and, unless they are given, the bucket with an access log bucket
    and the Glue table.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sink: What to deliver and where; checked before.
        encryption_key: Encrypts the stream, the logs, and the objects unless the given bucket has a key of its own.
        alarm_topic: Where alarms go; None for nowhere.
        removal_policy: What happens to data when the construct is removed.
        log_retention: How long the stream's error log is kept.

    Attributes:
        stream: The Firehose stream.
        role: The role that the stream works with.
        bucket: The bucket that it writes to, given or created.
        access_log_bucket: Where the created bucket's access logs go, given or created; None for a given bucket.
        log_group: The stream's error log.
        table: The created Glue table; None without ``parquet`` columns.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        sink: S3Sink,
        encryption_key: kms.IKey,
        alarm_topic: sns.ITopic | None,
        removal_policy: cdk.RemovalPolicy,
        log_retention: logs.RetentionDays,
    ) -> None:
        super().__init__(scope, id)
        # Where Firehose takes messages apart, it writes the newlines itself.
        self.separator = "\n" if sink.split_records is None else None
        self.bucket, self.access_log_bucket = sink_bucket(self, sink, encryption_key, removal_policy)
        self.table: glue.CfnTable | None = None
        table = self._names_of_table(sink, removal_policy)
        self.log_group = logs.LogGroup(
            self, "Log", encryption_key=encryption_key, retention=log_retention, removal_policy=removal_policy
        )
        log_stream = logs.LogStream(self, "LogStream", log_group=self.log_group, removal_policy=removal_policy)
        self._object_key = self.bucket.encryption_key or encryption_key
        self.role = self._role(sink, log_stream.log_stream_name, table)
        l1 = firehose.CfnDeliveryStream
        self.stream = l1(
            self,
            # Firehose cannot switch dynamic partitioning in place, though CloudFormation would try to: under another
            # id it is another stream.
            "PartitionedStream" if sink.partitioned else "Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=l1.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="CUSTOMER_MANAGED_CMK", key_arn=encryption_key.key_arn
            ),
            extended_s3_destination_configuration=destination(
                sink,
                Targets(
                    bucket_arn=self.bucket.bucket_arn,
                    key_arn=self._object_key.key_arn,
                    role_arn=self.role.role_arn,
                    region=cdk.Stack.of(self).region,
                    log_group_name=self.log_group.log_group_name,
                    log_stream_name=log_stream.log_stream_name,
                    table=table,
                ),
            ),
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(sink, alarm_topic)

    def _names_of_table(self, sink: S3Sink, removal_policy: cdk.RemovalPolicy) -> GlueTable | None:
        if sink.parquet is None or isinstance(sink.parquet, GlueTable):
            return sink.parquet
        # Imported here, because aws_glue takes about 100 ms and only this sink uses it.
        from .parquet_table import parquet_table

        self.table, names = parquet_table(self, sink, self.bucket, sink.parquet, removal_policy)
        return names

    def _role(self, sink: S3Sink, log_stream: str, table: GlueTable | None) -> iam.Role:
        return stream_role(
            self,
            bucket=self.bucket,
            prefixes=(sink.data_prefix, sink.error_prefix),
            object_key=self._object_key,
            log_group=self.log_group,
            log_streams=[log_stream],
            transform=sink.transform,
            further=() if table is None else [self._read_table(table)],
        )

    def _read_table(self, table: GlueTable) -> iam.PolicyStatement:
        stack = cdk.Stack.of(self)
        catalog = f"arn:{stack.partition}:glue:{stack.region}:{stack.account}"
        return iam.PolicyStatement(
            actions=["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"],
            resources=[
                f"{catalog}:catalog",
                f"{catalog}:database/{table.database_name}",
                f"{catalog}:table/{table.database_name}/{table.table_name}",
            ],
        )

    def _alarms(self, sink: S3Sink, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        wait = interval(sink)
        seconds = MAX_INTERVAL_S if wait.is_unresolved() else wait.to_seconds()
        late = max(seconds, DEFAULT_INTERVAL_S) * LATE_AFTER_INTERVALS
        made = {
            "Freshness": alarm(
                self,
                "Freshness",
                metric=self.metric("DeliveryToS3.DataFreshness", statistic="Maximum"),
                threshold=late,
                description="Firehose has not delivered its oldest record for too long, and gives up after 24 hours. "
                "Read the stream's error log and mend access to the bucket and the key.",
                topic=topic,
            )
        }
        made |= alarms(self, self._failures(sink), topic)
        if sink.transform is not None:
            made["TransformFailed"] = alarm(
                self,
                "TransformFailed",
                metric=self.metric("ExecuteProcessing.Success", statistic="Minimum"),
                threshold=1,
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                description="The transform function failed for whole batches. They are under processing-failed in the "
                "error prefix: mend the function and replay them.",
                topic=topic,
            )
        return made

    def _failures(self, sink: S3Sink) -> list[Watched]:
        found: list[Watched] = [
            (
                "Throttled",
                self.metric("ThrottledRecords"),
                "The stream took fewer records than were sent. Ask for a higher quota, then replay what the sender "
                "could not deliver and kept.",
            )
        ]
        if sink.parquet is not None:
            found.append(
                (
                    "ConversionFailed",
                    self.metric("FailedConversion.Records"),
                    "Records did not fit the table. They are under format-conversion-failed in the error prefix: mend "
                    "the table or the sender and replay them.",
                )
            )
        if sink.partitioned:
            found.append(
                (
                    "PartitionsExceeded",
                    self.metric("PartitionCountExceeded", statistic="Maximum"),
                    "More partitions are open than the stream may have, and their records go to the error prefix. Use "
                    "a key with fewer values or ask for a higher quota, then replay them.",
                )
            )
        if sink.bucket is None and fixed_part(sink.error_prefix):
            found.append(
                (
                    "RecordsFailed",
                    failures_metric(self.bucket),
                    "Firehose wrote failed records to the error prefix, in a folder by the kind of error. Each has its "
                    "error code: mend the cause and replay them.",
                )
            )
        return found
