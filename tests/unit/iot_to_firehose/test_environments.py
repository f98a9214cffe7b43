"""The construct works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs

from cdk_refarch import BucketLifecycle, GlueTable, IotToFirehose, S3Sink
from tests.conftest import FLAGS, Synthesized
from tests.unit.environments import NO_FLAGS, checked_app, open_findings, refers
from tests.unit.templates import Template


def test_every_name_and_number_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    names = (cdk.CfnParameter(stack, f"Name{n}").value_as_string for n in range(20))
    numbers = (cdk.CfnParameter(stack, f"Number{n}", type="Number").value_as_number for n in range(20))
    ingest = IotToFirehose(
        stack,
        "Ingest",
        topic_filter=next(names),
        select=next(names),
        where=next(names),
        batch=True,
        rule_name=next(names),
        sinks=[
            S3Sink(
                prefix=next(names),
                error_prefix=f"bad/{next(names)}",
                compression=next(names),  # type: ignore[arg-type]
                buffer_size=cdk.Size.mebibytes(next(numbers)),
                buffer_interval=cdk.Duration.seconds(next(numbers)),
                lifecycle=BucketLifecycle(
                    infrequent_access_after_days=next(numbers),  # type: ignore[arg-type]
                    archive_after_days=next(numbers),  # type: ignore[arg-type]
                    expire_after_days=next(numbers),  # type: ignore[arg-type]
                    errors_expire_after_days=next(numbers),  # type: ignore[arg-type]
                ),
            ),
            S3Sink(
                id="Table",
                partition_by={"device": next(names)},
                split_records=next(names),
                parquet=GlueTable(database_name=next(names), table_name=next(names)),
            ),
        ],
    )
    template = Template(stack)
    hints = template.of(ingest.deliveries["S3"].stream)["ExtendedS3DestinationConfiguration"]["BufferingHints"]
    assert hints == {"SizeInMBs": {"Ref": "Number0"}, "IntervalInSeconds": {"Ref": "Number1"}}
    assert "Token[" not in json.dumps(template.json)
    assert template.of(ingest.alarms["S3Freshness"])["Threshold"] == 2700


def test_rejects_a_token_in_another_unit_than_the_template_has() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    number = cdk.CfnParameter(stack, "Number", type="Number").value_as_number
    for arguments, message in (
        (S3Sink(buffer_size=cdk.Size.gibibytes(number)), "buffer_size must be in MiB when it is a token"),
        (S3Sink(buffer_interval=cdk.Duration.minutes(number)), "buffer_interval must be in seconds when it is a token"),
    ):
        with pytest.raises(ValueError, match=message):
            IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[arguments])


def test_a_chinese_region_gets_its_partition_and_endpoints() -> None:
    env = cdk.Environment(account="111122223333", region="cn-north-1")
    stack = cdk.Stack(cdk.App(), "Fleet", env=env)
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[S3Sink(parquet={"t": "int"})])
    text = json.dumps(Template(stack).json)
    assert "arn:aws:" not in text
    assert '["", ["s3.cn-north-1.", {"Ref": "AWS::URLSuffix"}]]' in text


def test_a_stack_without_region_is_free_of_any() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    IotToFirehose(stack, "Ingest", topic_filter="a")
    text = json.dumps(Template(stack).json)
    assert '"AWS::Region"' in text
    assert "us-east-1" not in text


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Fleet")
    ingest = IotToFirehose(stack, "Ingest", topic_filter="a")
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    assert "AccessControl" not in str(template.all("AWS::S3::Bucket"))
    for bucket in (ingest.deliveries["S3"].bucket, ingest.deliveries["S3"].access_log_bucket):
        assert template.of(bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_what_is_given_may_live_in_another_stack() -> None:
    app = cdk.App()
    shared = cdk.Stack(app, "Shared")
    key = kms.Key(shared, "Key")
    bucket = s3.Bucket(shared, "Lake", encryption_key=key)
    logs = s3.Bucket(shared, "Logs")
    queue = sqs.Queue(shared, "Failed", encryption_master_key=key)
    topic = sns.Topic(shared, "Topic")
    fleet = cdk.Stack(app, "Fleet")
    IotToFirehose(
        fleet,
        "Ingest",
        topic_filter="a",
        sinks=[S3Sink(bucket=bucket, prefix="iot/"), S3Sink(id="Own", access_log_bucket=logs)],
        encryption_key=key,
        error_queue=queue,
        alarm_topic=topic,
    )
    assert refers(fleet)
    assert not refers(shared)


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_an_accepted_finding_is_accepted_for_a_bucket_of_another_stack_too(
    flags: dict[str, Any], tmp_path: Path
) -> None:
    app = checked_app(flags, tmp_path)
    bucket = s3.Bucket(cdk.Stack(app, "Shared"), "Lake")
    IotToFirehose(cdk.Stack(app, "Fleet"), "Ingest", topic_filter="a", sinks=[S3Sink(bucket=bucket)])
    app.synth()
    (report,) = (one for one in Synthesized(app, tmp_path).reports if one["pluginName"] == "AwsSolutions")
    assert not [one["ruleName"] for one in report["violations"] if "IAM" in one["ruleName"]]
    assert sum("IAM5" in one["ruleName"] for one in report["suppressedViolations"]) == 2
