"""A bad sink is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iot as iot

from cdk_refarch import BucketLifecycle, GlueTable, IotToFirehose, S3Sink
from tests.unit.iot_to_firehose.refusals import (
    BUCKET,
    BY_DEVICE,
    EVENTS,
    FUNCTION,
    MIB,
    NO_DAYS,
    SECONDS,
    Cases,
    legal,
    names,
    refused,
    sink,
    stack,
)

SINKS: Cases = [
    (
        {"topic_filter": "a", "sinks": S3Sink()},
        "sinks must be a list, got one S3Sink; put brackets around it",
    ),
    (
        {"topic_filter": "a", "sinks": None},
        "sinks must be a list, got NoneType None; give [S3Sink(...)] or leave it out",
    ),
    (
        {
            "topic_filter": "a",
            "sinks": [S3Sink(bucket=BUCKET, error_prefix="x/"), S3Sink(id="X", bucket=BUCKET, prefix="x/y/")],
        },
        "sinks must be a list of sinks that write to different places, got data of X among the errors of S3; give one of them "
        "another prefix",
    ),
    (
        {"topic_filter": "a", "sinks": [iot.CfnTopicRule.ActionProperty(iot_events=EVENTS)]},
        "sinks must be a list of S3Sink, OpenSearchSink and RedshiftSink, got ActionProperty; AWS IoT Events ended on "
        "2026-05-20; give S3Sink(...)",
    ),
    (sink(id=cdk.Aws.REGION), "id must be known when the app runs, got a token; call it Raw or Archive, say"),
    ({"topic_filter": "a", "sinks": []}, "sinks must be from 1 to 10 sinks, got 0 sinks; add S3Sink()"),
    (
        {"topic_filter": "a", "sinks": [S3Sink(id=f"S{n}") for n in range(11)]},
        "sinks must be from 1 to 10 sinks, got 11 sinks; use a second rule for the rest",
    ),
    (
        {"topic_filter": "a", "sinks": [S3Sink(), S3Sink(prefix="other/")]},
        "sinks must be a list of sinks with distinct ids, got 'S3' twice; give one of them an id",
    ),
    (
        {"topic_filter": "a", "sinks": [S3Sink(bucket=BUCKET), S3Sink(id="Other", bucket=BUCKET)]},
        "sinks must be a list of sinks that write to different places, got "
        "'data/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/' twice in one bucket; give one of them another prefix",
    ),
    (
        {"topic_filter": "a", "sinks": [iot.CfnTopicRule.IotAnalyticsActionProperty(channel_name="c", role_arn="r")]},
        "sinks must be a list of S3Sink, OpenSearchSink and RedshiftSink, got "
        "IotAnalyticsActionProperty; AWS IoT Analytics ended on 2025-12-15; give S3Sink(...)",
    ),
    (sink(id="s3-sink"), "id must be a PascalCase word, got 's3-sink'; call it Raw or Archive, say"),
    (sink(id="Rule"), "sinks must be a list of sinks with ids of their own, got 'Rule'; use another id"),
]

DELIVERY: Cases = [
    *(
        (
            sink(parquet={"t": "int"}, prefix=prefix, error_prefix=errors),
            f"prefix must be a folder without the failed records when parquet makes a table of it, got {prefix!r}; begin prefix "
            "and error_prefix with a folder each",
        )
        for prefix, errors in (("x/", "x/errors/"), ("", "errors/"), ("!{timestamp:yyyy}/", "errors/"))
    ),
    (
        sink(parquet=GlueTable(database_name="d", table_name="T*")),
        "table_name must be a name without white space, *, ? and /, got 'T*'; name the table as the catalog does",
    ),
    (
        sink(prefix="!{partitionKeyFromLambda:x}/", transform=FUNCTION, buffer_interval=SECONDS(1)),
        "buffer_interval must be from 60 s to 900 s when partitionKeyFromLambda is set, got 1 s; raise it or drop "
        "partitionKeyFromLambda",
    ),
    (
        sink(prefix="data/\ud800/"),
        "prefix must be valid Unicode, got 'data/\\ud800/'; give text such as 'telemetry/'",
    ),
    (
        sink(partition_by={"device": "device"}),
        "partition_by['device'] must be a jq path that begins with a dot, got 'device'; write '.device'",
    ),
    *(
        (
            sink(partition_by={"device": wrong}),
            f"partition_by['device'] must be one whole jq 1.6 expression without a comment, got {wrong!r}; write '.device.id', "
            "say",
        )
        for wrong in (".a |", ".a # b", "$.a", ", .a")
    ),
    (
        sink(partition_by={"day": ".day"}),
        "partition_by must be a mapping with other names than day and hour, which the default prefix has, got 'day'; rename "
        "the key or give a prefix",
    ),
    (
        sink(partition_by={"Site": ".site"}, parquet={"t": "int"}),
        "partition_by must be in lower case when it names columns of a table, got 'Site'; rename the key",
    ),
    *(
        (
            sink(partition_by=BY_DEVICE, split_records=wrong),
            f"split_records must be JSON in capitals, or a delimiter, got {type(wrong).__name__} {wrong!r}; write JSON, or name "
            "the delimiter",
        )
        for wrong in ("", "json", 5)
    ),
    (sink(buffer_size=MIB(0)), "buffer_size must be from 1 MiB to 128 MiB, got 0 MiB; give a size in this range"),
    (sink(buffer_size=MIB(129)), "buffer_size must be from 1 MiB to 128 MiB, got 129 MiB; give a size in this range"),
    (
        sink(buffer_size=cdk.Size.kibibytes(1500)),
        "buffer_size must be a whole number from 1 MiB to 128 MiB, got 1.46484 MiB; give a size in this range",
    ),
    (sink(buffer_size=5), "buffer_size must be a Size, got int 5; give cdk.Size.mebibytes(...)"),
    (
        sink(buffer_size=MIB(63), partition_by=BY_DEVICE),
        "buffer_size must be from 64 MiB to 128 MiB when partition_by is set, got 63 MiB; raise it or drop partition_by",
    ),
    (
        sink(buffer_size=MIB(63), parquet={"t": "int"}),
        "buffer_size must be from 64 MiB to 128 MiB when parquet is set, got 63 MiB; raise it or drop parquet",
    ),
    (
        sink(buffer_size=MIB(63), parquet={"t": "int"}, partition_by=BY_DEVICE),
        "buffer_size must be from 64 MiB to 128 MiB when partition_by and parquet are set, got 63 MiB; raise it or drop "
        "partition_by and parquet",
    ),
    (
        sink(buffer_interval=SECONDS(901)),
        "buffer_interval must be from 0 s to 900 s, got 901 s; give a time in this range",
    ),
    (sink(buffer_interval=60), "buffer_interval must be a Duration, got int 60; give cdk.Duration.seconds(...)"),
    (
        sink(buffer_interval=SECONDS(59), partition_by=BY_DEVICE),
        "buffer_interval must be from 60 s to 900 s when partition_by is set, got 59 s; raise it or drop partition_by",
    ),
    (
        sink(compression="LZ4"),
        "compression must be one of GZIP, Snappy, ZIP, HADOOP_SNAPPY, UNCOMPRESSED, got 'LZ4'; leave it out for GZIP",
    ),
    (
        sink(compression="GZIP", parquet={"t": "int"}),
        "compression and parquet must be given one at a time, got 'GZIP' with parquet; drop compression: Parquet compresses "
        "inside with Snappy",
    ),
    (
        sink(partition_by={}),
        "partition_by must be from 1 key to 50 keys, got 0 keys; give a mapping such as {'device': '.device.id'}",
    ),
    (
        sink(partition_by=["device"]),
        "partition_by must be a mapping, got list ['device']; give a mapping such as {'device': '.device.id'}",
    ),
    (
        sink(partition_by={"device id": ".d"}),
        "partition_by must be a mapping whose names are letters, digits and _, got 'device id'; rename the key; the "
        "expression may be any jq",
    ),
    (
        sink(partition_by={"device": ""}),
        "partition_by['device'] must be text that is not empty, got ''; give a jq 1.6 expression such as '.device.id'",
    ),
    (
        sink(partition_by={"device": '.a | test("x"'}),
        "partition_by['device'] must be text with matching brackets, got '.a | test(\"x\"'; close (",
    ),
    (
        sink(split_records="JSON"),
        "split_records and partition_by must be given together, got split_records alone; set partition_by, or have each "
        "record sent by itself",
    ),
    (
        sink(parquet={"Temp": "int"}),
        "parquet must be a mapping whose column names are lower-case letters, digits and _, got 'Temp'; use the lower-case "
        "name: Firehose matches keys of JSON without regard to case",
    ),
    (
        sink(parquet={"t": "integer"}),
        "parquet['t'] must be a Hive type, got 'integer'; see https://docs.aws.amazon.com/athena/latest/ug/data-types.html",
    ),
    (
        sink(parquet={"t": "array<int"}),
        "parquet['t'] must be a Hive type, got 'array<int'; see https://docs.aws.amazon.com/athena/latest/ug/data-types.html",
    ),
    (
        sink(parquet={}),
        "parquet must be a mapping of columns to types, or a GlueTable, got {}; give {'temperature': 'double'} or a GlueTable",
    ),
    (
        sink(parquet={"device": "string"}, partition_by=BY_DEVICE),
        "parquet must be a mapping of columns that are not partitions as well, got 'device'; rename the partition, as in "
        "partition_by={'device_id': '.device'}",
    ),
    (
        sink(parquet=GlueTable(database_name="d", table_name="")),
        "table_name must be a name without white space, *, ? and /, got ''; name the table as the catalog does",
    ),
]

HINT = "see https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"
PREFIXES: Cases = [
    (
        sink(prefix="a/${timestamp:yyyy}/"),
        f"prefix must be free of ${{ and control characters, got 'a/${{timestamp:yyyy}}/'; write !{{...}} for expressions; {HINT}",
    ),
    (
        sink(prefix="a/!{timestamp:yyyy-bb}/"),
        "prefix must be a prefix with date patterns of Java's DateTimeFormatter, got !{timestamp:yyyy-bb}; quote or drop 'b'; "
        f"{HINT}",
    ),
    (
        sink(error_prefix=""),
        "error_prefix must be text that is not empty, got ''; failed records need a place; leave it out for errors/",
    ),
    (
        sink(error_prefix=None),
        "error_prefix must be text, got NoneType None; failed records need a place; leave it out for errors/",
    ),
    (
        sink(error_prefix="failed/!{timestamp:yyyy}/"),
        "error_prefix must be a prefix with !{firehose:error-output-type} when it has expressions, got "
        "'failed/!{timestamp:yyyy}/'; add it, so that each kind of failure has its folder",
    ),
    (
        sink(error_prefix="e/!{firehose:error-output-type}/!{partitionKeyFromQuery:device}/", partition_by=BY_DEVICE),
        "error_prefix must be free of partition keys, got "
        "'e/!{firehose:error-output-type}/!{partitionKeyFromQuery:device}/'; drop !{partitionKeyFromQuery:device}",
    ),
    (
        sink(prefix="a/!{firehose:error-output-type}/"),
        "prefix must be free of error-output-type, got 'a/!{firehose:error-output-type}/'; that belongs in error_prefix",
    ),
    (
        sink(prefix="a/!{timestamp:yyyy/"),
        f"prefix must be text with every !{{ closed by }}, got 'a/!{{timestamp:yyyy/'; {HINT}",
    ),
    (
        sink(prefix="a/!{date:yyyy}/"),
        "prefix must be text with expressions of timestamp, firehose, partitionKeyFromQuery, partitionKeyFromLambda, got "
        f"!{{date:yyyy}}; {HINT}",
    ),
    (sink(prefix="x" * 1025), "prefix must be at most 1024 characters, got 1025 characters; shorten it"),
    (
        sink(prefix="errors/data/"),
        "prefix and error_prefix must be apart, so that failed records are not read as data, got 'errors/data/' and "
        "'errors/!{firehose:error-output-type}/day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/'; give one of them another "
        "folder",
    ),
    (
        sink(prefix="a/!{partitionKeyFromQuery:site}/", partition_by={"site": ".s", "device": ".d"}),
        "prefix must be a prefix that uses every key of partition_by, got 'a/!{partitionKeyFromQuery:site}/'; add "
        "!{partitionKeyFromQuery:device} to prefix or drop the key",
    ),
    (
        sink(prefix="a/!{partitionKeyFromQuery:site}/"),
        "prefix must be a prefix that uses only keys of partition_by, got 'a/!{partitionKeyFromQuery:site}/'; add 'site' to "
        "partition_by or drop it from prefix",
    ),
    (
        sink(prefix="a/!{partitionKeyFromLambda:site}/"),
        "prefix must be free of keys from Lambda when there is no transform, got 'a/!{partitionKeyFromLambda:site}/'; give "
        "the function that returns the keys as transform",
    ),
]

LIFECYCLES: Cases = [
    *(
        (
            sink(lifecycle=BucketLifecycle(expire_after_days=days)),
            f"expire_after_days must be a whole number from 1 day to 2147483647 days, got {shown} days; raise it or drop the "
            "earlier step",
        )
        for days, shown in NO_DAYS
    ),
    (
        sink(lifecycle=BucketLifecycle(expire_after_days=2**31)),
        "expire_after_days must be from 1 day to 2147483647 days, got 2147483648 days; raise it or drop the earlier step",
    ),
    (
        sink(lifecycle=BucketLifecycle(errors_expire_after_days=9), error_prefix="!{firehose:error-output-type}/"),
        "errors_expire_after_days and error_prefix must be given with a fixed beginning of the prefix, or all objects would "
        "expire, got '!{firehose:error-output-type}/'; begin error_prefix with a folder",
    ),
    (
        sink(lifecycle=BucketLifecycle(infrequent_access_after_days=29)),
        "infrequent_access_after_days must be from 30 days to 2147483647 days, got 29 days; raise it or drop the earlier step",
    ),
    (
        sink(lifecycle=BucketLifecycle(infrequent_access_after_days=30, archive_after_days=59)),
        "archive_after_days must be from 60 days to 2147483647 days when infrequent_access_after_days is 30, got 59 days; "
        "raise it or drop the earlier step",
    ),
    (
        sink(lifecycle=BucketLifecycle(archive_after_days=120, expire_after_days=120)),
        "expire_after_days must be from 121 days to 2147483647 days when archive_after_days is 120, got 120 days; raise it "
        "or drop the earlier step",
    ),
    (
        sink(lifecycle=BucketLifecycle(errors_expire_after_days=0)),
        "errors_expire_after_days must be from 1 day to 2147483647 days, got 0 days; give the time you need to repair a "
        "failure",
    ),
    (
        sink(lifecycle=30),
        "lifecycle must be a BucketLifecycle, got int 30; give BucketLifecycle(expire_after_days=...)",
    ),
]

ALL = [*SINKS, *DELIVERY, *PREFIXES, *LIFECYCLES]


@pytest.mark.parametrize(("arguments", "message"), ALL, ids=names(ALL))
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    refused(arguments, message)


def test_a_refusal_names_the_sink_when_there_are_several() -> None:
    sinks = [S3Sink(), S3Sink(id="Archive", buffer_size=MIB(200))]
    with pytest.raises(ValueError, match=r"^Fleet/Ingest/Archive: buffer_size must be from 1 MiB to 128 MiB"):
        IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)


LEGAL: list[dict[str, Any]] = [
    sink(prefix="a/!{timestamp:'year='yyyy/MM}/", partition_by=None),
    sink(partition_by={"d": '.a.b // "none"', "e": '(.t | strftime("%Y"))'}),
    sink(partition_by={"day": ".day"}, prefix="!{partitionKeyFromQuery:day}/"),
    sink(partition_by={"d": ".d"}, split_records="\n"),
    sink(buffer_size=MIB(1), buffer_interval=SECONDS(0)),
    sink(buffer_size=MIB(128), buffer_interval=SECONDS(900)),
    sink(buffer_size=MIB(64), buffer_interval=SECONDS(60), partition_by=BY_DEVICE),
    sink(buffer_size=cdk.Size.gibibytes(0.125), parquet=GlueTable(database_name="d", table_name="t")),
    sink(parquet={"a": "array<struct<x:int,y:map<string,double>>>", "d": "decimal(10,2)"}, compression="UNCOMPRESSED"),
    sink(prefix="", error_prefix="failed/"),
    sink(partition_by={"a": '.a | split("#")[0]', "b": "now"}),
    sink(prefix="!{timestamp:yyyy}/", error_prefix="!{firehose:error-output-type}/"),
    sink(prefix="a/!{partitionKeyFromLambda:site}/", transform=FUNCTION),
    sink(prefix="!{firehose:random-string}/"),
    sink(lifecycle=BucketLifecycle(infrequent_access_after_days=30, archive_after_days=60, expire_after_days=61)),
    sink(lifecycle=BucketLifecycle(expire_after_days=1)),
    {"topic_filter": "a", "sinks": [S3Sink(id=f"S{n}") for n in range(10)]},
    {"topic_filter": "a", "sinks": [S3Sink(bucket=BUCKET), S3Sink(id="Other", bucket=BUCKET, prefix="other/")]},
]


@pytest.mark.parametrize("number", range(len(LEGAL)), ids=[str(arguments)[:60] for arguments in LEGAL])
def test_accepts(number: int) -> None:
    IotToFirehose(legal, f"LegalSink{number}", **LEGAL[number])
