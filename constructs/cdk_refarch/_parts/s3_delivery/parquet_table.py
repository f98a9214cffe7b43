"""The Glue table that describes Parquet objects, to Firehose when it writes and to Athena when it reads."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_glue as glue
from aws_cdk import aws_s3 as s3
from constructs import Construct

from .s3_sink import DATA_ROOT, GlueTable, S3Sink, fixed_part

PARQUET = "org.apache.hadoop.hive.ql.io.parquet"


def parquet_table(
    scope: Construct,
    sink: S3Sink,
    bucket: s3.IBucket,
    columns: Mapping[str, str],
    removal_policy: cdk.RemovalPolicy,
) -> tuple[glue.CfnTable, GlueTable]:
    """Create a table in a database of its own.

    With the default prefix the partitions are projected: Athena finds new ones by itself and no crawler is needed.

    Args:
        scope: The construct that it belongs to.
        sink: The sink whose objects it describes.
        bucket: The bucket that they are in.
        columns: Column names to Hive types.
        removal_policy: What happens to the table and its database when the construct is removed.

    Returns:
        The table, and its names.
    """
    catalog = cdk.Stack.of(scope).account
    database = glue.CfnDatabase(
        scope,
        "Database",
        catalog_id=catalog,
        database_input=glue.CfnDatabase.DatabaseInputProperty(description=f"Records delivered by {scope.node.path}"),
    )
    projected = sink.prefix is None
    l1 = glue.CfnTable
    table = glue.CfnTable(
        scope,
        "Table",
        catalog_id=catalog,
        database_name=database.ref,
        table_input=l1.TableInputProperty(
            # The database is the construct's own, so that the name is free in it.
            name="records",
            table_type="EXTERNAL_TABLE",
            parameters={"classification": "parquet", **(_projection(sink) if projected else {})},
            partition_keys=_partition_columns(sink) if projected else None,
            storage_descriptor=l1.StorageDescriptorProperty(
                columns=[l1.ColumnProperty(name=name, type=kind) for name, kind in columns.items()],
                location=bucket.s3_url_for_object(DATA_ROOT if projected else _folder(sink.data_prefix)),
                input_format=f"{PARQUET}.MapredParquetInputFormat",
                output_format=f"{PARQUET}.MapredParquetOutputFormat",
                serde_info=l1.SerdeInfoProperty(serialization_library=f"{PARQUET}.serde.ParquetHiveSerDe"),
            ),
        ),
    )
    for resource in (database, table):
        resource.apply_removal_policy(removal_policy)
    return table, GlueTable(database_name=database.ref, table_name=table.ref)


def _partition_columns(sink: S3Sink) -> list[glue.CfnTable.ColumnProperty]:
    column = glue.CfnTable.ColumnProperty
    keys = [column(name=name, type="string") for name in sink.partition_by or {}]
    return [*keys, column(name="day", type="string"), column(name="hour", type="int")]


def _projection(sink: S3Sink) -> dict[str, str]:
    # https://docs.aws.amazon.com/athena/latest/ug/partition-projection-supported-types.html
    settings = {
        "projection.enabled": "true",
        "projection.day.type": "date",
        "projection.day.format": "yyyy-MM-dd",
        "projection.day.range": "NOW-10YEARS,NOW+1DAYS",
        "projection.hour.type": "integer",
        "projection.hour.range": "0,23",
        "projection.hour.digits": "2",
    }
    for name in sink.partition_by or {}:
        settings[f"projection.{name}.type"] = "injected"
    return settings


def _folder(prefix: str) -> str:
    folder, slash, _ = fixed_part(prefix).rpartition("/")
    return folder + slash
