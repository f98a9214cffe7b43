"""What a Firehose stream is told about its S3 destination."""

from __future__ import annotations

import base64
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_kinesisfirehose as firehose

from cdk_refarch._parts.checks import is_token

from .s3_sink import GlueTable, S3Sink

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_

DEFAULT_BUFFER_MIB = 5
"""Firehose's own default."""

DEFAULT_LARGE_BUFFER_MIB = 128
"""Firehose's own default with dynamic partitioning or conversion."""

DEFAULT_INTERVAL_S = 300
"""Firehose's own default."""

_PLAIN_JQ_PATH = re.compile(r"\.[A-Za-z_][A-Za-z0-9_]*(\.[A-Za-z_][A-Za-z0-9_]*)*")
_L1 = firehose.CfnDeliveryStream


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The names and ARNs that the destination refers to."""

    bucket_arn: str
    key_arn: str
    role_arn: str
    region: str
    log_group_name: str
    log_stream_name: str
    table: GlueTable | None


def interval(sink: S3Sink) -> cdk.Duration:
    """Return how long the stream waits at most before it writes an object.

    Args:
        sink: The sink.
    """
    return cdk.Duration.seconds(DEFAULT_INTERVAL_S) if sink.buffer_interval is None else sink.buffer_interval


def destination(sink: S3Sink, to: Targets) -> _L1.ExtendedS3DestinationConfigurationProperty:
    """Return the destination of a stream.

    Args:
        sink: What to deliver.
        to: Where to.
    """
    large = sink.partitioned or to.table is not None
    size = sink.buffer_size
    if size is None:
        size = cdk.Size.mebibytes(DEFAULT_LARGE_BUFFER_MIB if large else DEFAULT_BUFFER_MIB)
    steps = _processors(sink)
    return _L1.ExtendedS3DestinationConfigurationProperty(
        bucket_arn=to.bucket_arn,
        role_arn=to.role_arn,
        prefix=sink.data_prefix,
        error_output_prefix=sink.error_prefix,
        compression_format=sink.compression or ("GZIP" if to.table is None else "UNCOMPRESSED"),
        buffering_hints=_L1.BufferingHintsProperty(
            size_in_m_bs=size.to_mebibytes(), interval_in_seconds=interval(sink).to_seconds()
        ),
        encryption_configuration=_L1.EncryptionConfigurationProperty(
            kms_encryption_config=_L1.KMSEncryptionConfigProperty(awskms_key_arn=to.key_arn)
        ),
        cloud_watch_logging_options=_L1.CloudWatchLoggingOptionsProperty(
            enabled=True, log_group_name=to.log_group_name, log_stream_name=to.log_stream_name
        ),
        dynamic_partitioning_configuration=(
            _L1.DynamicPartitioningConfigurationProperty(enabled=True) if sink.partitioned else None
        ),
        processing_configuration=(
            _L1.ProcessingConfigurationProperty(enabled=True, processors=steps) if steps else None
        ),
        data_format_conversion_configuration=None if to.table is None else _conversion(to.table, to),
    )


def _processors(sink: S3Sink) -> list[_L1.ProcessorProperty]:
    steps = []
    if sink.split_records == "JSON":
        steps.append(_step("RecordDeAggregation", {"SubRecordType": "JSON"}))
    elif sink.split_records is not None:
        encoded = base64.b64encode(sink.split_records.encode()).decode()
        delimiter = cdk.Fn.base64(sink.split_records) if is_token(sink.split_records) else encoded
        steps.append(_step("RecordDeAggregation", {"SubRecordType": "DELIMITED", "Delimiter": delimiter}))
    if sink.transform is not None:
        steps.append(_step("Lambda", {"LambdaArn": sink.transform.function_arn}))
    if sink.partition_by is not None:
        query = ",".join(f"{name}:{_jq_value(path)}" for name, path in sink.partition_by.items())
        parameters = {"MetadataExtractionQuery": f"{{{query}}}", "JsonParsingEngine": "JQ-1.6"}
        steps.append(_step("MetadataExtraction", parameters))
    if sink.split_records is not None and sink.parquet is None:
        steps.append(_step("AppendDelimiterToRecord", {}))
    return steps


def transforming(function: lambda_.IFunction) -> _L1.ProcessingConfigurationProperty:
    """Return what a stream is told about a function that transforms its records.

    Args:
        function: The function.
    """
    return _L1.ProcessingConfigurationProperty(
        enabled=True, processors=[_step("Lambda", {"LambdaArn": function.function_arn})]
    )


def _step(kind: str, parameters: dict[str, str]) -> _L1.ProcessorProperty:
    return _L1.ProcessorProperty(
        type=kind,
        parameters=[
            _L1.ProcessorParameterProperty(parameter_name=name, parameter_value=value)
            for name, value in parameters.items()
        ],
    )


def _jq_value(expression: str) -> str:
    # In a jq object only a simple term can stand bare.
    return expression if _PLAIN_JQ_PATH.fullmatch(expression) else f"({expression})"


def _conversion(table: GlueTable, to: Targets) -> _L1.DataFormatConversionConfigurationProperty:
    return _L1.DataFormatConversionConfigurationProperty(
        enabled=True,
        schema_configuration=_L1.SchemaConfigurationProperty(
            role_arn=to.role_arn,
            database_name=table.database_name,
            table_name=table.table_name,
            region=to.region,
            version_id="LATEST",
        ),
        input_format_configuration=_L1.InputFormatConfigurationProperty(
            deserializer=_L1.DeserializerProperty(open_x_json_ser_de=_L1.OpenXJsonSerDeProperty())
        ),
        output_format_configuration=_L1.OutputFormatConfigurationProperty(
            serializer=_L1.SerializerProperty(parquet_ser_de=_L1.ParquetSerDeProperty(compression="SNAPPY"))
        ),
    )
