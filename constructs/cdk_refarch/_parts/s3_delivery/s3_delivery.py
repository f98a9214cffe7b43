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
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import service_role, use_key

from .destination import DEFAULT_INTERVAL_S, Targets, destination, interval
from .s3_bucket import ERRORS_FILTER, data_bucket
from .s3_sink import DEFAULT_LIFECYCLE, GlueTable, S3Sink, fixed_part

if TYPE_CHECKING:
    from aws_cdk import aws_glue as glue
    from aws_cdk import aws_lambda as lambda_

MAX_INTERVAL_S = 900
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_BufferingHints.html"""

LATE_AFTER_INTERVALS = 3
"""How many intervals, of 5 minutes at least, a record may wait before the freshness alarm rings."""

ARN_COLONS = 6
"""How many colons the ARN of a function has without a qualifier."""


class S3Delivery(Construct):
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
        self.bucket, self.access_log_bucket = self._buckets(sink, encryption_key, removal_policy)
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

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an identity read the objects, and use the key that they are encrypted with.

        Args:
            grantee: The identity.
        """
        grant = self.bucket.grant_read(grantee)
        if self.bucket.encryption_key is None:
            return grant.combine(self._object_key.grant_decrypt(grantee))
        return grant

    def metric(self, name: str, *, statistic: str = "Sum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return a metric of the stream.

        Args:
            name: Its name in the namespace ``AWS/Firehose``, see
                https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-metrics.html
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return cloudwatch.Metric(
            namespace="AWS/Firehose",
            metric_name=name,
            dimensions_map={"DeliveryStreamName": self.stream.ref},
            statistic=statistic,
            period=period,
        )

    def _buckets(
        self, sink: S3Sink, key: kms.IKey, removal_policy: cdk.RemovalPolicy
    ) -> tuple[s3.IBucket, s3.IBucket | None]:
        if sink.bucket is not None:
            return sink.bucket, None
        return data_bucket(
            self,
            key=key,
            access_log_bucket=sink.access_log_bucket,
            lifecycle=DEFAULT_LIFECYCLE if sink.lifecycle is None else sink.lifecycle,
            data_root=fixed_part(sink.data_prefix),
            error_root=fixed_part(sink.error_prefix),
            removal_policy=removal_policy,
        )

    def _names_of_table(self, sink: S3Sink, removal_policy: cdk.RemovalPolicy) -> GlueTable | None:
        if sink.parquet is None or isinstance(sink.parquet, GlueTable):
            return sink.parquet
        # Imported here, because aws_glue takes about 100 ms and only this sink uses it.
        from .parquet_table import parquet_table

        self.table, names = parquet_table(self, sink, self.bucket, sink.parquet, removal_policy)
        return names

    def _role(self, sink: S3Sink, log_stream: str, table: GlueTable | None) -> iam.Role:
        stack = cdk.Stack.of(self)
        roots = sorted({fixed_part(sink.data_prefix), fixed_part(sink.error_prefix)})
        # In order, a root that contains the other comes first and is enough.
        roots = [root for root in roots if root == roots[0] or not root.startswith(roots[0])]
        objects = [self.bucket.arn_for_objects(f"{root}*") for root in roots]
        log_resource = f"log-group:{self.log_group.log_group_name}:log-stream:{log_stream}"
        statements = [
            iam.PolicyStatement(
                actions=["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"],
                resources=[self.bucket.bucket_arn],
            ),
            iam.PolicyStatement(actions=["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"], resources=objects),
            use_key(self, self._object_key, "s3", ["kms:Decrypt", "kms:GenerateDataKey"]),
            iam.PolicyStatement(
                actions=["logs:PutLogEvents"],
                resources=[f"arn:{stack.partition}:logs:{stack.region}:{stack.account}:{log_resource}"],
            ),
        ]
        if sink.transform is not None:
            statements.append(_invoke(sink.transform))
        if table is not None:
            statements.append(self._read_table(table))
        role = service_role(
            self,
            "Role",
            service="firehose.amazonaws.com",
            # Firehose sends its caller's account as the external id. Whether it sends the source account too is not
            # documented, hence that condition only counts when the key is there.
            conditions={
                "StringEquals": {"sts:ExternalId": stack.account},
                "StringEqualsIfExists": {"aws:SourceAccount": stack.account},
            },
            description="Lets the Firehose stream write its objects and its error log",
            statements=statements,
        )
        for resource in objects:
            acknowledge_wildcard(
                role,
                resource,
                "Firehose makes up the names of the objects that it writes. The statement is limited to this bucket "
                "and to the fixed part of the prefixes for data and for errors.",
            )
        return role

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
                    cloudwatch.Metric(
                        namespace="AWS/S3",
                        metric_name="PutRequests",
                        dimensions_map={"BucketName": self.bucket.bucket_name, "FilterId": ERRORS_FILTER},
                        statistic="Sum",
                    ),
                    "Firehose wrote failed records to the error prefix, in a folder by the kind of error. Each has its "
                    "error code: mend the cause and replay them.",
                )
            )
        return found


def _invoke(function: lambda_.IFunction) -> iam.PolicyStatement:
    arn = function.function_arn
    # Firehose invokes the latest version by its qualified name; a version or an alias has a qualifier already.
    qualified = hasattr(function, "version") or hasattr(function, "alias_name") or arn.count(":") > ARN_COLONS
    return iam.PolicyStatement(
        actions=["lambda:GetFunctionConfiguration", "lambda:InvokeFunction"],
        resources=[arn] if qualified else [arn, f"{arn}:$LATEST"],
    )
