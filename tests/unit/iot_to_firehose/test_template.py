"""What IotToFirehose makes of its arguments."""

from __future__ import annotations

import re
from typing import Any, NamedTuple

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import (
    BucketLifecycle,
    GlueTable,
    IotToFirehose,
    LambdaAction,
    OpenSearchDomain,
    OpenSearchSink,
    RedshiftSink,
    RedshiftWorkgroup,
    S3Delivery,
    S3Sink,
)
from tests.conftest import ROOT
from tests.unit.templates import Template


class Made(NamedTuple):
    plain: IotToFirehose
    given: IotToFirehose
    rich: IotToFirehose
    array: IotToFirehose
    topic: sns.ITopic
    key: kms.IKey
    template: Template

    def stream(self, ingest: IotToFirehose) -> dict[str, Any]:
        destination: dict[str, Any] = self.template.of(ingest.deliveries["S3"].stream)[
            "ExtendedS3DestinationConfiguration"
        ]
        return destination

    def rule(self, ingest: IotToFirehose) -> dict[str, Any]:
        payload: dict[str, Any] = self.template.of(ingest.rule)["TopicRulePayload"]
        return payload


@pytest.fixture(scope="module")
def made() -> Made:
    stack = cdk.Stack(cdk.App(), "Fleet")
    topic = sns.Topic(stack, "Topic")
    key = kms.Key(stack, "Own")
    function = lambda_.Function.from_function_arn(stack, "Fn", "arn:aws:lambda:eu-west-1:111122223333:function:f")
    return Made(
        plain=IotToFirehose(stack, "Plain", topic_filter="fleet/+/telemetry", where="t > 5"),
        given=IotToFirehose(
            stack,
            "Given",
            sql="SELECT temperature FROM 'a'",
            sinks=[S3Sink(bucket=s3.Bucket(stack, "Lake", encryption_key=key), prefix="iot/")],
            error_queue=sqs.Queue(stack, "Failed"),
            encryption_key=key,
            alarm_topic=topic,
            rule_name="named",
            removal_policy=cdk.RemovalPolicy.DESTROY,
        ),
        rich=IotToFirehose(
            stack,
            "Rich",
            topic_filter="a",
            sinks=[
                S3Sink(
                    partition_by={"site": ".site", "kind": '.kind // "none"'},
                    split_records="||",
                    transform=function,
                    parquet={"temperature": "double"},
                    lifecycle=BucketLifecycle(archive_after_days=7, errors_expire_after_days=60),
                )
            ],
            alarm_topic=topic,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        ),
        array=IotToFirehose(
            stack,
            "Array",
            topic_filter="a",
            select="VALUE readings",
            batch=True,
            sinks=[
                S3Sink(
                    partition_by={"site": ".site"},
                    split_records="JSON",
                    compression="Snappy",
                    buffer_size=cdk.Size.mebibytes(100),
                    buffer_interval=cdk.Duration.minutes(2),
                )
            ],
        ),
        topic=topic,
        key=key,
        template=Template(stack),
    )


def test_the_statement_is_built_from_topic_filter_select_and_where(made: Made) -> None:
    assert made.rule(made.plain)["Sql"] == "SELECT * FROM 'fleet/+/telemetry' WHERE t > 5"
    assert made.rule(made.given)["Sql"] == "SELECT temperature FROM 'a'"


def test_the_sql_version_is_always_said(made: Made) -> None:
    assert made.rule(made.plain)["AwsIotSqlVersion"] == "2016-03-23"


def test_records_end_in_a_newline_from_exactly_one_side(made: Made) -> None:
    assert made.rule(made.plain)["Actions"][0]["Firehose"]["Separator"] == "\n"
    assert "Separator" not in made.rule(made.array)["Actions"][0]["Firehose"]
    assert processors(made, made.array)[-1] == {"Type": "AppendDelimiterToRecord", "Parameters": []}


def test_batch_mode_is_only_on_when_asked_for(made: Made) -> None:
    assert made.rule(made.plain)["Actions"][0]["Firehose"]["BatchMode"] is False
    assert made.rule(made.array)["Actions"][0]["Firehose"]["BatchMode"] is True


def test_messages_that_fail_go_to_the_error_queue_as_json(made: Made) -> None:
    action = made.rule(made.plain)["ErrorAction"]["Sqs"]
    assert action["QueueUrl"] == made.template.resolve(made.plain.error_queue.queue_url)
    assert action["UseBase64"] is False


def test_the_error_queue_is_encrypted_with_the_key_and_keeps_messages_for_14_days(made: Made) -> None:
    queue = made.template.of(made.plain.error_queue)
    assert queue["MessageRetentionPeriod"] == 14 * 24 * 3600
    assert queue["KmsMasterKeyId"] == made.template.resolve(made.plain.encryption_key.key_arn)


def test_the_stream_is_encrypted_with_the_key(made: Made) -> None:
    stream = made.template.of(made.plain.deliveries["S3"].stream)
    assert stream["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyType": "CUSTOMER_MANAGED_CMK",
        "KeyARN": made.template.resolve(made.plain.encryption_key.key_arn),
    }


def test_objects_are_compressed_and_buffered_by_default(made: Made) -> None:
    assert made.stream(made.plain)["CompressionFormat"] == "GZIP"
    assert made.stream(made.plain)["BufferingHints"] == {"SizeInMBs": 5, "IntervalInSeconds": 300}
    assert made.stream(made.array)["CompressionFormat"] == "Snappy"
    assert made.stream(made.array)["BufferingHints"] == {"SizeInMBs": 100, "IntervalInSeconds": 120}


def test_data_and_errors_have_folders_by_time_partition_and_kind(made: Made) -> None:
    when = "day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
    assert made.stream(made.plain)["Prefix"] == f"data/{when}"
    assert made.stream(made.plain)["ErrorOutputPrefix"] == f"errors/!{{firehose:error-output-type}}/{when}"
    keys = "site=!{partitionKeyFromQuery:site}/kind=!{partitionKeyFromQuery:kind}/"
    assert made.stream(made.rich)["Prefix"] == f"data/{keys}{when}"


def test_switching_partitions_on_makes_another_stream(made: Made) -> None:
    plain, rich = made.plain.deliveries["S3"].stream, made.rich.deliveries["S3"].stream
    assert plain.node.id != rich.node.id
    assert made.stream(made.rich)["DynamicPartitioningConfiguration"] == {"Enabled": True}
    assert "DynamicPartitioningConfiguration" not in made.stream(made.plain)


def processors(made: Made, ingest: IotToFirehose) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = made.stream(ingest)["ProcessingConfiguration"]["Processors"]
    return found


def test_records_are_split_then_transformed_then_partitioned(made: Made) -> None:
    steps = {
        step["Type"]: {p["ParameterName"]: p["ParameterValue"] for p in step["Parameters"]}
        for step in processors(made, made.rich)
    }
    assert list(steps) == ["RecordDeAggregation", "Lambda", "MetadataExtraction"]
    assert steps["RecordDeAggregation"] == {"SubRecordType": "DELIMITED", "Delimiter": "fHw="}
    assert steps["Lambda"] == {"LambdaArn": "arn:aws:lambda:eu-west-1:111122223333:function:f"}
    assert steps["MetadataExtraction"] == {
        "MetadataExtractionQuery": '{site:.site,kind:(.kind // "none")}',
        "JsonParsingEngine": "JQ-1.6",
    }


def table_of(ingest: IotToFirehose) -> Any:
    delivery = ingest.deliveries["S3"]
    assert isinstance(delivery, S3Delivery)
    return delivery.table


def test_parquet_is_converted_with_the_created_table(made: Made) -> None:
    conversion = made.stream(made.rich)["DataFormatConversionConfiguration"]
    table = table_of(made.rich)
    assert table is not None
    assert conversion["SchemaConfiguration"]["TableName"] == made.template.resolve(table.ref)
    assert conversion["OutputFormatConfiguration"]["Serializer"] == {"ParquetSerDe": {"Compression": "SNAPPY"}}
    assert made.stream(made.rich)["CompressionFormat"] == "UNCOMPRESSED"
    assert made.stream(made.rich)["BufferingHints"]["SizeInMBs"] == 128


def test_the_table_knows_its_partitions_without_a_crawler(made: Made) -> None:
    table = made.template.of(table_of(made.rich))["TableInput"]
    assert [column["Name"] for column in table["PartitionKeys"]] == ["site", "kind", "day", "hour"]
    assert table["StorageDescriptor"]["Columns"] == [{"Name": "temperature", "Type": "double"}]
    assert table["Parameters"]["projection.enabled"] == "true"
    assert table["Parameters"]["projection.site.type"] == "injected"
    bucket = made.template.resolve(made.rich.deliveries["S3"].bucket.bucket_name)
    assert table["StorageDescriptor"]["Location"] == {"Fn::Join": ["", ["s3://", bucket, "/data/"]]}


def test_the_bucket_is_private_encrypted_versioned_and_logs_access(made: Made) -> None:
    delivery = made.plain.deliveries["S3"]
    bucket = made.template.of(delivery.bucket)
    assert set(bucket["PublicAccessBlockConfiguration"].values()) == {True}
    rule = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0]
    assert rule["BucketKeyEnabled"] is True
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == made.template.resolve(
        made.plain.encryption_key.key_arn
    )
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert delivery.access_log_bucket is not None
    assert bucket["LoggingConfiguration"]["DestinationBucketName"] == made.template.resolve(
        delivery.access_log_bucket.bucket_name
    )


def test_a_consumer_can_hear_of_objects_through_eventbridge(made: Made) -> None:
    bucket = made.template.of(made.plain.deliveries["S3"].bucket)
    assert bucket["NotificationConfiguration"] == {"EventBridgeConfiguration": {"EventBridgeEnabled": True}}
    assert made.template.all("Custom::S3BucketNotifications") == []


def test_objects_move_to_colder_storage_and_go_as_asked(made: Made) -> None:
    _, data = made.template.of(made.plain.deliveries["S3"].bucket)["LifecycleConfiguration"]["Rules"]
    assert data["Transitions"] == [{"StorageClass": "STANDARD_IA", "TransitionInDays": 90}]
    assert "ExpirationInDays" not in data
    _, data, errors = made.template.of(made.rich.deliveries["S3"].bucket)["LifecycleConfiguration"]["Rules"]
    assert data["Transitions"] == [{"StorageClass": "GLACIER", "TransitionInDays": 7}]
    assert data["Prefix"] == "data/site="
    assert (errors["Prefix"], errors["ExpirationInDays"]) == ("errors/", 60)


def test_failed_records_outlive_the_expiry_of_data() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    sinks = [S3Sink(lifecycle=BucketLifecycle(expire_after_days=7))]
    ingest = IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    rules = Template(stack).of(ingest.deliveries["S3"].bucket)["LifecycleConfiguration"]["Rules"]
    assert [(rule.get("Prefix"), rule.get("ExpirationInDays")) for rule in rules] == [(None, None), ("data/day=", 7)]


def test_data_is_retained_unless_the_user_chooses_otherwise(made: Made) -> None:
    kept, gone = made.plain, made.rich
    for ingest, policy in ((kept, "Retain"), (gone, "Delete")):
        delivery = ingest.deliveries["S3"]
        held = (
            ingest.encryption_key,
            ingest.error_queue,
            delivery.bucket,
            delivery.access_log_bucket,
            delivery.log_group,
        )
        assert [made.template.resource(one)["DeletionPolicy"] for one in held] == [policy] * 5


def test_what_is_given_is_used_and_nothing_is_made_beside_it(made: Made) -> None:
    given = made.given
    assert given.encryption_key is made.key
    assert made.stream(given)["BucketARN"] == made.template.resolve(given.deliveries["S3"].bucket.bucket_arn)
    assert given.deliveries["S3"].access_log_bucket is None
    assert made.rule(given)["ErrorAction"]["Sqs"]["QueueUrl"] == made.template.resolve(given.error_queue.queue_url)
    inside = {construct.node.id for construct in given.node.find_all()}
    assert inside.isdisjoint({"Key", "Bucket", "AccessLogs", "ErrorQueue", "Table"})


def test_a_named_rule_is_the_only_one_that_may_use_the_roles(made: Made) -> None:
    roles = [role["Properties"]["AssumeRolePolicyDocument"] for role in made.template.all("AWS::IAM::Role")]
    assert str(roles).count(":rule/named") == 2


def test_basic_ingest_reaches_the_rule_by_its_name(made: Made) -> None:
    assert made.template.resolve(made.plain.basic_ingest_topic) == {
        "Fn::Join": ["", ["$aws/rules/", made.template.resolve(made.plain.rule.ref)]]
    }


def test_every_alarm_tells_the_topic_when_there_is_one(made: Made) -> None:
    topic = made.template.resolve(made.topic.topic_arn)
    for ingest in (made.given, made.rich):
        assert {str(made.template.of(one).get("AlarmActions")) for one in ingest.alarms.values()} == {str([topic])}
    assert all("AlarmActions" not in made.template.of(one) for one in made.plain.alarms.values())


def test_there_is_an_alarm_for_each_way_to_fail(made: Made) -> None:
    rule = ["ErrorQueueNotEmpty", "ErrorActionFailed", "RuleParseErrors", "RuleThrottled", "S3Freshness"]
    assert list(made.plain.alarms) == [*rule, "S3Throttled", "S3RecordsFailed"]
    assert list(made.given.alarms) == [*rule, "S3Throttled"]
    more = ["S3Throttled", "S3ConversionFailed", "S3PartitionsExceeded", "S3RecordsFailed", "S3TransformFailed"]
    assert list(made.rich.alarms) == [*rule, *more]


def test_every_alarm_says_what_has_happened_and_what_to_do(made: Made) -> None:
    for name, alarm in made.rich.alarms.items():
        assert len(made.template.of(alarm)["AlarmDescription"].split(".")) > 2, name


def test_every_alarm_is_in_the_readme_and_the_other_way_round(made: Made) -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    zones = [f"eu-west-1{letter}" for letter in "abc"]
    vpc = ec2.Vpc.from_vpc_attributes(
        stack, "Vpc", vpc_id="vpc-1", availability_zones=zones, private_subnet_ids=["a", "b", "c"]
    )
    others = IotToFirehose(
        stack,
        "Others",
        topic_filter="a",
        sinks=[
            OpenSearchSink(index="a", domain=OpenSearchDomain(), vpc=vpc),
            RedshiftSink(table="a", workgroup=RedshiftWorkgroup(), vpc=vpc),
        ],
        actions=[LambdaAction(function=lambda_.Function.from_function_name(stack, "Fn", "f"))],
    )
    readme = (ROOT / "constructs" / "cdk_refarch" / "iot_to_firehose" / "README.md").read_text()
    section = readme.partition("## Operating it")[2].partition("\n## ")[0]
    told = set(re.findall(r"^\| `(\w+)`", section, re.MULTILINE))
    # Those of the files are told of once, as of a sink to S3.
    files = {f"Redshift{name}" for name in ("Freshness", "Throttled", "RecordsFailed")}
    assert all(f"`{name}`" in section for name in files)
    assert told == (set(made.rich.alarms) | set(others.alarms)) - files


WATCHED = {
    "ErrorQueueNotEmpty": ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "Maximum"),
    "RuleParseErrors": ("AWS/IoT", "ParseError", "Sum"),
    "RuleThrottled": ("AWS/IoT", "RuleMessageThrottled", "Sum"),
    "S3Freshness": ("AWS/Firehose", "DeliveryToS3.DataFreshness", "Maximum"),
    "S3Throttled": ("AWS/Firehose", "ThrottledRecords", "Sum"),
    "S3ConversionFailed": ("AWS/Firehose", "FailedConversion.Records", "Sum"),
    "S3PartitionsExceeded": ("AWS/Firehose", "PartitionCountExceeded", "Maximum"),
    "S3RecordsFailed": ("AWS/S3", "PutRequests", "Sum"),
    "S3TransformFailed": ("AWS/Firehose", "ExecuteProcessing.Success", "Minimum"),
}


@pytest.mark.parametrize("name", WATCHED)
def test_an_alarm_watches_the_metric_that_the_service_emits(made: Made, name: str) -> None:
    alarm = made.template.of(made.rich.alarms[name])
    assert (alarm["Namespace"], alarm["MetricName"], alarm["Statistic"]) == WATCHED[name]
    assert alarm["TreatMissingData"] == "notBreaching"
    below = name == "S3TransformFailed"
    assert alarm["ComparisonOperator"] == ("LessThanThreshold" if below else "GreaterThanThreshold")
    assert alarm["Threshold"] == {"S3TransformFailed": 1, "S3Freshness": 900}.get(name, 0)


def test_the_alarm_on_lost_messages_does_not_depend_on_undocumented_dimensions(made: Made) -> None:
    (query,) = made.template.of(made.plain.alarms["ErrorActionFailed"])["Metrics"]
    before, rule, after = query["Expression"]["Fn::Join"][1]
    assert before + after == "SELECT SUM(ErrorActionFailure) FROM \"AWS/IoT\" WHERE RuleName = ''"
    assert rule == made.template.resolve(made.plain.rule.ref)


def test_the_error_prefix_has_request_metrics_for_its_alarm(made: Made) -> None:
    bucket = made.template.of(made.plain.deliveries["S3"].bucket)
    assert bucket["MetricsConfigurations"] == [{"Id": "Errors", "Prefix": "errors/"}]
    dimensions = made.template.of(made.plain.alarms["S3RecordsFailed"])["Dimensions"]
    assert {"Name": "FilterId", "Value": "Errors"} in dimensions


def test_the_freshness_alarm_waits_three_intervals_and_15_minutes_at_least() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    slow = IotToFirehose(stack, "Slow", topic_filter="a", sinks=[S3Sink(buffer_interval=cdk.Duration.seconds(900))])
    fast = IotToFirehose(stack, "Fast", topic_filter="a", sinks=[S3Sink(buffer_interval=cdk.Duration.seconds(0))])
    template = Template(stack)
    assert template.of(slow.alarms["S3Freshness"])["Threshold"] == 2700
    assert template.of(fast.alarms["S3Freshness"])["Threshold"] == 900


METRICS = {
    "metric_topic_match": ("AWS/IoT", "TopicMatch"),
    "metric_parse_errors": ("AWS/IoT", "ParseError"),
    "metric_throttled": ("AWS/IoT", "RuleMessageThrottled"),
    "metric_undelivered": ("AWS/SQS", "ApproximateNumberOfMessagesVisible"),
}


@pytest.mark.parametrize("method", METRICS)
def test_a_metric_can_be_read_by_any_statistic_and_period(made: Made, method: str) -> None:
    metric = getattr(made.plain, method)(statistic="Average", period=cdk.Duration.minutes(1))
    assert (metric.namespace, metric.metric_name) == METRICS[method]
    assert (metric.statistic, metric.period.to_seconds()) == ("Average", 60)


def test_a_metric_of_the_stream_can_be_read_by_any_statistic_and_period(made: Made) -> None:
    metric = made.plain.deliveries["S3"].metric("IncomingBytes", statistic="Average", period=cdk.Duration.minutes(1))
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/Firehose", "IncomingBytes", "Average")
    assert made.plain.metric_error_action_failures(period=cdk.Duration.minutes(1)).period.to_seconds() == 60


def test_a_given_table_is_only_read(made: Made) -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    table = GlueTable(database_name="lake", table_name="readings")
    ingest = IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[S3Sink(parquet=table)])
    template = Template(stack)
    assert table_of(ingest) is None
    assert template.all("AWS::Glue::Table") == []
    stream = template.of(ingest.deliveries["S3"].stream)["ExtendedS3DestinationConfiguration"]
    schema = stream["DataFormatConversionConfiguration"]["SchemaConfiguration"]
    assert (schema["DatabaseName"], schema["TableName"]) == ("lake", "readings")


def test_a_warning_tells_what_the_policy_of_an_imported_key_must_admit() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    key = kms.Key.from_key_arn(stack, "Key", "arn:aws:kms:eu-west-1:111122223333:key/k")
    IotToFirehose(stack, "Ingest", topic_filter="a", encryption_key=key)
    messages = [entry.data for entry in stack.node.find_child("Ingest").node.metadata]
    assert any("must let CloudWatch Logs" in str(message) for message in messages)


def test_two_instances_fit_in_one_stack_and_several_sinks_in_one_instance() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    IotToFirehose(stack, "One", topic_filter="a")
    two = IotToFirehose(stack, "Two", topic_filter="b", sinks=[S3Sink(), S3Sink(id="Archive", compression="ZIP")])
    template = Template(stack)
    assert len(template.all("AWS::KinesisFirehose::DeliveryStream")) == 3
    assert len(template.of(two.rule)["TopicRulePayload"]["Actions"]) == 2
    assert {"S3Freshness", "ArchiveFreshness"} <= set(two.alarms)
