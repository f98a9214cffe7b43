"""A bad statement or resource is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import BucketLifecycle, IotToFirehose
from tests.unit.iot_to_firehose.refusals import (
    BUCKET,
    CODE,
    MANAGED,
    PYTHON,
    SECONDS,
    Cases,
    legal,
    names,
    refused,
    sink,
    stack,
    topic,
)

STATEMENTS: Cases = [
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

CLAUSES: Cases = [
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

RESOURCES: Cases = [
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

ALL = [*STATEMENTS, *CLAUSES, *RESOURCES]


@pytest.mark.parametrize(("arguments", "message"), ALL, ids=names(ALL))
def test_rejects(arguments: dict[str, Any], message: str) -> None:
    refused(arguments, message)


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
    {"topic_filter": "a", "where": "(a = 1 OR b = 2)"},
    {"topic_filter": "a", "select": "{'a': b}"},
    {"topic_filter": "a", "select": "where, a AS where"},
    {"sql": "SELECT [a, b] AS c FROM 'x' WHERE (a)"},
    {"topic_filter": "a", "select": "VALUE nullable", "batch": True},
]


@pytest.mark.parametrize("number", range(len(LEGAL)), ids=[str(arguments)[:60] for arguments in LEGAL])
def test_accepts(number: int) -> None:
    IotToFirehose(legal, f"LegalStatement{number}", **LEGAL[number])
