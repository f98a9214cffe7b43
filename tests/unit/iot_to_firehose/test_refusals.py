"""Bad arguments are refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import BucketLifecycle, GlueTable, IotToFirehose, S3Sink

MIB = cdk.Size.mebibytes
SECONDS = cdk.Duration.seconds
BY_DEVICE = {"device": ".device"}
stack = cdk.Stack(cdk.App(), "Fleet", env=cdk.Environment(account="111122223333", region="eu-west-1"))
BUCKET = s3.Bucket.from_bucket_name(stack, "Lake", "lake")
CODE = lambda_.Code.from_inline("h = print")
PYTHON = lambda_.Runtime.PYTHON_3_13
MANAGED = kms.Alias.from_alias_name(stack, "Managed", "alias/aws/sns")
EVENTS = iot.CfnTopicRule.IotEventsActionProperty(input_name="i", role_arn="r")
NO_DAYS: list[tuple[Any, str]] = [(float("nan"), "nan"), (float("inf"), "inf"), (1.5, "1.5")]
FUNCTION = lambda_.Function.from_function_arn(stack, "Fn", "arn:aws:lambda:eu-west-1:111122223333:function:f")


def sink(**arguments: Any) -> dict[str, Any]:
    return {"topic_filter": "a/+", "sinks": [S3Sink(**arguments)]}


def topic(topic_filter: str) -> dict[str, Any]:
    return {"topic_filter": topic_filter}


STATEMENTS: list[tuple[dict[str, Any], str]] = [
    ({}, "topic_filter and sql must be given one at a time, got neither; give topic_filter='fleet/+/telemetry', say"),
    (
        {"topic_filter": "a", "sql": "SELECT * FROM 'a'"},
        "topic_filter and sql must be given one at a time, got both; give topic_filter='fleet/+/telemetry', say",
    ),
    (topic(""), "topic_filter must be text that is not empty, got ''; give a filter such as 'fleet/+/telemetry'"),
    ({"topic_filter": 7}, "topic_filter must be text, got int 7; give a filter such as 'fleet/+/telemetry'"),
    (
        topic("a/#/b"),
        "topic_filter must be a filter with # alone on its last level, got 'a/#/b'; put # last, after a slash",
    ),
    (
        topic("a/b#"),
        "topic_filter must be a filter with # alone on its last level, got 'a/b#'; put # last, after a slash",
    ),
    (topic("a/b+/c"), "topic_filter must be a filter with + alone on its level, got 'a/b+/c'; put slashes around +"),
    (
        topic("a'b"),
        'topic_filter must be free of quotes and control characters, got "a\'b"; rename the topic',
    ),
    (
        topic("a\nb"),
        "topic_filter must be free of quotes and control characters, got 'a\\nb'; rename the topic",
    ),
    (topic("ü" * 129), "topic_filter must be at most 256 bytes, got 258 bytes; shorten it"),
    (
        topic("1/2/3/4/5/6/7/8/9"),
        "topic_filter must be at most 7 slashes deep, got '1/2/3/4/5/6/7/8/9'; use fewer levels",
    ),
    (
        topic("$aws/rules/mine/a"),
        "topic_filter must be outside the reserved topics that begin with $, got '$aws/rules/mine/a'; devices reach this "
        "rule through basic_ingest_topic without naming it here; for service topics such as $aws/events give the whole "
        "statement as sql",
    ),
    (
        {"topic_filter": "a", "select": "SELECT *"},
        "select must be what follows the word SELECT, got 'SELECT *'; drop the word SELECT",
    ),
    (
        {"topic_filter": "a", "where": "where t > 5"},
        "where must be what follows the word WHERE, got 'where t > 5'; drop the word WHERE",
    ),
    (
        {"topic_filter": "a", "where": " "},
        "where must be text that is not empty, got ' '; leave it out or give what follows the keyword",
    ),
    (
        {"topic_filter": "a", "where": "x = 'y"},
        'where must be text with every quote closed, got "x = \'y"; close the quote',
    ),
    ({"topic_filter": "a", "select": "abs(x"}, "select must be text with matching brackets, got 'abs(x'; close ("),
    (
        {"topic_filter": "a", "select": "abs x)"},
        "select must be text with matching brackets, got 'abs x)'; open the bracket before )",
    ),
    (
        {"topic_filter": "a", "select": "machinelearning_predict('m', 'r', *)"},
        "select must be free of machinelearning_predict, got \"machinelearning_predict('m', 'r', *)\"; call a model from the "
        "transform: Amazon Machine Learning takes no new customers since 2017-05",
    ),
    (
        {"sql": "UPDATE x"},
        "sql must be a statement that begins with SELECT, got 'UPDATE x'; write it as SELECT ... FROM 'topic/filter' WHERE ...",
    ),
    (
        {"sql": "SELECT * WHERE x > 1"},
        "sql must be a statement with SELECT, FROM and a topic filter in quotes, got 'SELECT * WHERE x > 1'; write it as SELECT ... "
        "FROM 'topic/filter' WHERE ...; for Basic Ingest alone any topic will do",
    ),
    (
        {"sql": "SELECT * FROM 'a/#/b'"},
        "topic filter in sql must be a filter with # alone on its last level, got 'a/#/b'; put # last, after a slash",
    ),
    (
        {"sql": "SELECT * FROM '$aws/rules/mine/a'"},
        "sql must be a statement that selects from a topic of its own, or of a service under $aws/, got '$aws/rules/mine/a'; "
        "name any topic: Basic Ingest messages reach the rule whatever stands in FROM",
    ),
    (
        {"sql": "SELECT * FROM 'a'", "where": "x > 1"},
        "sql and where must be given one at a time, got both; put the where into sql",
    ),
    (
        {"sql": "SELECT * FROM 'a'", "select": "x"},
        "sql and select must be given one at a time, got both; put the select into sql",
    ),
    (
        {"topic_filter": "a", "select": "x, y", "batch": True},
        "batch and select must be a select list that yields an array when batch is set, got 'x, y'; write VALUE and the "
        "array, as in 'VALUE readings', or drop batch",
    ),
    (
        {"sql": "SELECT value {'a': 1} FROM 'a'", "batch": True},
        "batch and select must be a select list that yields an array when batch is set, got \"value {'a': 1}\"; write VALUE "
        "and the array, as in 'VALUE readings', or drop batch",
    ),
    (
        {"topic_filter": "a", "batch": "yes"},
        "batch must be True or False, got 'yes'; give True for SQL that yields an array",
    ),
    (
        {"topic_filter": "a", "rule_name": "my-rule"},
        "rule_name must be from 1 to 128 letters, digits and _, got 'my-rule'; replace other characters by _",
    ),
]

CLAUSES: list[tuple[dict[str, Any], str]] = [
    (
        {"sql": f"SELECT * FROM 'a' {rest}"},
        f"sql must be a statement with nothing but WHERE after the topic filter, got \"SELECT * FROM 'a' {rest}\"; write it as "
        "SELECT ... FROM 'topic/filter' WHERE ...",
    )
    for rest in (", 'b'", "GROUP BY x", "LIMIT 3", "JOIN 'b'", "; DROP", "WHERE", "FROM 'b'")
]
CLAUSES += [
    (
        {"sql": "SELECT (a FROM 'b'"},
        "sql must be text with matching brackets, got \"SELECT (a FROM 'b'\"; close (",
    ),
    (
        {"sql": "SELECT DISTINCT x FROM 'a'"},
        "sql must be AWS IoT SQL, got 'DISTINCT x'; it has no DISTINCT; drop it",
    ),
    (
        {"sql": "SELECT * FROM 'a' WHERE x LIKE 'b'"},
        "sql must be AWS IoT SQL, got \"x LIKE 'b'\"; it has no LIKE; use startswith() or regexp_matches()",
    ),
    (
        {"sql": "SELECT FROM 'a'"},
        "sql must be a statement with SELECT, FROM and a topic filter in quotes, got \"SELECT FROM 'a'\"; write it as SELECT ... "
        "FROM 'topic/filter' WHERE ...; for Basic Ingest alone any topic will do",
    ),
    (
        {"sql": "SELECT * FROM '$share/g/a'"},
        "sql must be a statement that selects from a topic of its own, or of a service under $aws/, got '$share/g/a'; name any "
        "topic: Basic Ingest messages reach the rule whatever stands in FROM",
    ),
    (
        {"sql": "SELECT * FROM '$aws/events/#/x'"},
        "topic filter in sql must be a filter with # alone on its last level, got '$aws/events/#/x'; put # last, after a slash",
    ),
    (
        {"topic_filter": "a", "select": "x FROM 'b'"},
        "select must be a single clause, got \"x FROM 'b'\"; drop FROM and what follows it",
    ),
    (
        {"topic_filter": "a", "select": "*,"},
        "select must be a list without a comma at its end, got '*,'; drop the comma",
    ),
    (
        {"topic_filter": "a", "where": "x = 1; y"},
        "where must be a single clause, got 'x = 1; y'; drop ; and what follows it",
    ),
    (
        {"topic_filter": "a", "where": "x = 1 ORDER BY y"},
        "where must be AWS IoT SQL, got 'x = 1 ORDER BY y'; it has no ORDER BY; use its functions instead",
    ),
    (
        {"topic_filter": "a", "where": "x LIKE 'a%'"},
        "where must be AWS IoT SQL, got \"x LIKE 'a%'\"; it has no LIKE; use startswith() or regexp_matches()",
    ),
    (
        {"topic_filter": "a", "where": "x BETWEEN 1 AND 2"},
        "where must be AWS IoT SQL, got 'x BETWEEN 1 AND 2'; it has no BETWEEN; use >= and <=",
    ),
    *(
        (
            {"topic_filter": "a", "select": select, "batch": True},
            f"batch and select must be a select list that yields an array when batch is set, got {select!r}; write VALUE and "
            "the array, as in 'VALUE readings', or drop batch",
        )
        for select in ("VALUE", "VALUE a, b", "VALUE a AS b", "VALUE topic(2)", "VALUE -3", "* , x")
    ),
]

RESOURCES: list[tuple[dict[str, Any], str]] = [
    (
        {"topic_filter": "a", "encryption_key": kms.Key(stack, "Aliased").add_alias("own")},
        "encryption_key must be a key, got an alias; give the key itself, by kms.Key.from_key_arn or "
        "kms.Key.from_lookup",
    ),
    (
        {"topic_filter": "a", "alarm_topic": sns.Topic(stack, "Silent", master_key=MANAGED)},
        "alarm_topic must be encrypted with a key of your own, got one with alias/aws/sns; use AlarmTopic, or a key that "
        "admits cloudwatch.amazonaws.com",
    ),
    (
        {
            "topic_filter": "a",
            "error_queue": sqs.Queue.from_queue_arn(stack, "Far", "arn:aws:sqs:us-east-1:111122223333:q"),
        },
        "error_queue must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        sink(
            transform=lambda_.Function.from_function_arn(
                stack, "FarFn", "arn:aws:lambda:us-east-1:111122223333:function:f"
            )
        ),
        "transform must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        sink(transform=lambda_.Function(stack, "Slow", code=CODE, handler="h", runtime=PYTHON, timeout=SECONDS(301))),
        "timeout of transform must be from 1 s to 300 s, got 301 s; lower it: Firehose does not wait longer for an invocation",
    ),
    (
        {"topic_filter": "a", "removal_policy": "destroy"},
        "removal_policy must be a RemovalPolicy, got str 'destroy'; give cdk.RemovalPolicy.RETAIN or cdk.RemovalPolicy.DESTROY",
    ),
    (
        {"topic_filter": "a", "removal_policy": cdk.RemovalPolicy.SNAPSHOT},
        "removal_policy must be a policy that buckets and queues have, got SNAPSHOT; give cdk.RemovalPolicy.RETAIN or "
        "cdk.RemovalPolicy.DESTROY",
    ),
    (
        {"topic_filter": "a", "log_retention": 365},
        "log_retention must be a RetentionDays, got int 365; give logs.RetentionDays.ONE_YEAR, say",
    ),
    (
        {"topic_filter": "a", "alarm_topic": sns.Topic(stack, "FifoTopic", fifo=True)},
        "alarm_topic must be a standard topic, got a FIFO one; CloudWatch alarms cannot send to FIFO ones",
    ),
    (
        sink(access_log_bucket=s3.Bucket(stack, "Keyed", encryption=s3.BucketEncryption.KMS)),
        "access_log_bucket must be a bucket without a KMS key, got one with a key; use a bucket encrypted with S3-managed keys: "
        "access logs are not delivered to others",
    ),
    (
        {"topic_filter": "a", "encryption_key": "alias/aws/s3"},
        "encryption_key must be an IKey, got str 'alias/aws/s3'; give a construct that implements IKey",
    ),
    (
        {"topic_filter": "a", "error_queue": sqs.Queue(stack, "Fifo", fifo=True)},
        "error_queue must be a standard queue, got a FIFO one; AWS IoT rules cannot send to FIFO ones",
    ),
    (sink(bucket="lake"), "bucket must be a bucket, got str; give a construct that implements IBucket"),
    (
        sink(bucket=BUCKET, lifecycle=BucketLifecycle()),
        "bucket and lifecycle must be given one at a time, got both; set lifecycle rules on the bucket itself",
    ),
    (
        sink(bucket=BUCKET, access_log_bucket=BUCKET),
        "bucket and access_log_bucket must be given one at a time, got both; set logging on the bucket itself",
    ),
    (sink(transform="f"), "transform must be a Lambda function, got str; give a construct that implements IFunction"),
]

SINKS: list[tuple[dict[str, Any], str]] = [
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
        "sinks must be a list of S3Sink, got ActionProperty; AWS IoT Events ended on 2026-05-20; give S3Sink(...)",
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
        "sinks must be a list of S3Sink, got IotAnalyticsActionProperty; AWS IoT Analytics ended on 2025-12-15; "
        "give S3Sink(...)",
    ),
    (sink(id="s3-sink"), "id must be a PascalCase word, got 's3-sink'; call it Raw or Archive, say"),
    (sink(id="Rule"), "sinks must be a list of sinks with ids of their own, got 'Rule'; use another id"),
]

DELIVERY: list[tuple[dict[str, Any], str]] = [
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
        "split_records and partition_by must be given together, got split_records alone; set partition_by, or split the array "
        "in the rule with batch=True",
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
PREFIXES: list[tuple[dict[str, Any], str]] = [
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

LIFECYCLES: list[tuple[dict[str, Any], str]] = [
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

ALL = [*STATEMENTS, *CLAUSES, *RESOURCES, *SINKS, *DELIVERY, *PREFIXES, *LIFECYCLES]


@pytest.mark.parametrize(("arguments", "message"), ALL, ids=[message[:60] for _, message in ALL])
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    before = {construct.node.path for construct in stack.node.find_all()}
    with pytest.raises(ValueError, match="must be") as caught:
        IotToFirehose(stack, "Ingest", **arguments)
    assert str(caught.value) == f"Fleet/Ingest: {message}"
    assert {construct.node.path for construct in stack.node.find_all()} == before


def test_a_refusal_names_the_sink_when_there_are_several() -> None:
    sinks = [S3Sink(), S3Sink(id="Archive", buffer_size=MIB(200))]
    with pytest.raises(ValueError, match=r"^Fleet/Ingest/Archive: buffer_size must be from 1 MiB to 128 MiB"):
        IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)


LEGAL: list[dict[str, Any]] = [
    topic("#"),
    topic("+/+"),
    topic("/a//b/"),
    topic("ü" * 128),
    topic("1/2/3/4/5/6/7/8"),
    {"topic_filter": "a", "rule_name": "R" * 128},
    {"topic_filter": "a", "where": "name = 'it''s (odd' AND x IN ['a', 'b']"},
    {"topic_filter": "a", "select": "VALUE [x, y]", "batch": True},
    {"topic_filter": "a", "batch": True},
    {"sql": "select value readings from 'a/#' where exists(readings)", "batch": True},
    {"sql": "SET @x = 1 SELECT *, ' FROM ' AS y FROM 'a'"},
    {"sql": "SELECT (SELECT v FROM e WHERE n = 't') AS t FROM 'my/topic'"},
    {"sql": "SELECT * FROM '$aws/events/presence/connected/+'"},
    {"sql": "SELECT a.from, a.where AS like FROM 'b' WHERE like > 5 AND limit < 3 AND order IN ['x']"},
    {"topic_filter": "a", "select": "VALUE(readings)", "batch": True},
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
    {"topic_filter": "a", "where": "(a = 1 OR b = 2)"},
    {"topic_filter": "a", "select": "{'a': b}"},
    {"topic_filter": "a", "select": "where, a AS where"},
    {"sql": "SELECT [a, b] AS c FROM 'x' WHERE (a)"},
    {"topic_filter": "a", "select": "VALUE nullable", "batch": True},
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
    IotToFirehose(stack, f"Legal{number}", **LEGAL[number])
