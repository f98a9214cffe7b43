"""A Firehose stream that loads its files into Redshift itself, over the internet."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_key
from cdk_refarch._parts.s3_delivery.destination import DEFAULT_BUFFER_MIB, DEFAULT_INTERVAL_S, transforming
from cdk_refarch._parts.s3_delivery.s3_bucket import failures_metric, sink_bucket
from cdk_refarch._parts.s3_delivery.stream_role import stream_role
from cdk_refarch._parts.sinks import Delivery

from .redshift_sink import DirectCopy, RedshiftSink
from .workgroup import secret_resource

RETRY_S = 3600
"""Firehose's own default."""

OPTIONS = "FORMAT AS JSON 'auto ignorecase' GZIP TIMEFORMAT 'auto'"

_L1 = firehose.CfnDeliveryStream


class DirectDelivery(Delivery):
    """Records put to a Firehose stream become rows of a table that is there, by a COPY that Firehose makes.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sink: What to deliver and where; checked before.
        direct: The database.
        operation: What it shares with the other parts.
    """

    separator = "\n"

    def __init__(
        self, scope: Construct, id: str, *, sink: RedshiftSink, direct: DirectCopy, operation: Operation
    ) -> None:
        super().__init__(scope, id)
        key = self._object_key = operation.encryption_key
        self.bucket, self.access_log_bucket = sink_bucket(self, sink.staging, key, operation.removal_policy)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )
        streams = [
            logs.LogStream(
                self, name, log_group=self.log_group, removal_policy=operation.removal_policy
            ).log_stream_name
            for name in ("LogStream", "StagingLogStream")
        ]
        secret = [statement(["secretsmanager:GetSecretValue"], secret_resource(direct.secret))]
        if direct.secret.encryption_key is not None:
            secret.append(use_key(self, direct.secret.encryption_key, "secretsmanager", ["kms:Decrypt"]))
        self.role = stream_role(
            self,
            bucket=self.bucket,
            # Firehose writes its manifests beside the prefixes.
            prefixes=("",),
            object_key=key,
            log_group=self.log_group,
            log_streams=streams,
            transform=sink.transform,
            further=secret,
            description="Lets the Firehose stream log in to Amazon Redshift, write its files and its error log",
        )
        self.stream = _L1(
            self,
            "RedshiftStream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=_L1.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="CUSTOMER_MANAGED_CMK", key_arn=key.key_arn
            ),
            redshift_destination_configuration=self._destination(sink, direct, streams),
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(operation)

    def _destination(
        self, sink: RedshiftSink, direct: DirectCopy, streams: list[str]
    ) -> _L1.RedshiftDestinationConfigurationProperty:
        size, wait, retry = sink.buffer_size, sink.buffer_interval, direct.retry_duration

        def log(name: str) -> _L1.CloudWatchLoggingOptionsProperty:
            return _L1.CloudWatchLoggingOptionsProperty(
                enabled=True, log_group_name=self.log_group.log_group_name, log_stream_name=name
            )

        return _L1.RedshiftDestinationConfigurationProperty(
            cluster_jdbcurl=f"jdbc:redshift://{direct.public_endpoint}/{direct.database}",
            copy_command=_L1.CopyCommandProperty(
                data_table_name=f"{sink.schema}.{sink.table}",
                data_table_columns=None if direct.columns is None else cdk.Fn.join(",", list(direct.columns)),
                copy_options=OPTIONS,
            ),
            role_arn=self.role.role_arn,
            secrets_manager_configuration=_L1.SecretsManagerConfigurationProperty(
                enabled=True, secret_arn=direct.secret.secret_arn
            ),
            retry_options=_L1.RedshiftRetryOptionsProperty(
                duration_in_seconds=RETRY_S if retry is None else int(retry.to_seconds())
            ),
            s3_backup_mode="Disabled",
            s3_configuration=_L1.S3DestinationConfigurationProperty(
                bucket_arn=self.bucket.bucket_arn,
                role_arn=self.role.role_arn,
                prefix=sink.data_prefix,
                error_output_prefix=sink.error_prefix,
                compression_format="GZIP",
                buffering_hints=_L1.BufferingHintsProperty(
                    size_in_m_bs=DEFAULT_BUFFER_MIB if size is None else int(size.to_mebibytes()),
                    interval_in_seconds=DEFAULT_INTERVAL_S if wait is None else int(wait.to_seconds()),
                ),
                encryption_configuration=_L1.EncryptionConfigurationProperty(
                    kms_encryption_config=_L1.KMSEncryptionConfigProperty(awskms_key_arn=self._object_key.key_arn)
                ),
                cloud_watch_logging_options=log(streams[1]),
            ),
            cloud_watch_logging_options=log(streams[0]),
            processing_configuration=None if sink.transform is None else transforming(sink.transform),
        )

    def _alarms(self, operation: Operation) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Throttled",
                self.metric("ThrottledRecords"),
                "The stream took fewer records than were sent. Ask for a higher quota, then replay what the sender "
                "could not deliver and kept.",
            ),
            (
                "RecordsFailed",
                failures_metric(self.bucket),
                "Firehose wrote failed records, or the manifest of files that it could not load, to the error prefix. "
                "Read the stream's error log, mend the cause and replay them.",
            ),
        ]
        made = alarms(self, watched, operation.alarm_topic)
        made["LoadsFailed"] = alarm(
            self,
            "LoadsFailed",
            metric=self.metric("DeliveryToRedshift.Success", statistic="Minimum"),
            threshold=1,
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            description="A COPY into Redshift failed. Firehose tries again for as long as it was told, then it writes "
            "a manifest of the files to errors/manifests: mend the cause and repeat the COPY with it.",
            topic=operation.alarm_topic,
        )
        return made
