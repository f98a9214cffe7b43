"""Analytics: all events in a bucket, as a table with a work group and saved queries; or nothing of it."""

from __future__ import annotations

import re
import subprocess
import sys
from typing import Any

import pytest

from cdk_refarch.ses_config_sets.event_table import COLUMNS
from cdk_refarch.ses_config_sets.queries import queries
from tests.unit.ses_config_sets.built import HERE, REGION, Built

SCENES = pytest.mark.parametrize("scene", ["plain", "full", "given"])


@SCENES
def test_events_become_parquet_by_the_columns_of_the_table(made: Built, scene: str) -> None:
    where = made.scene(scene)
    analytics: Any = where.email.analytics
    table = where.of(analytics.delivery.table)
    columns = table["TableInput"]["StorageDescriptor"]["Columns"]
    assert [(one["Name"], one["Type"]) for one in columns] == list(COLUMNS.items())
    assert [one["Name"] for one in table["TableInput"]["PartitionKeys"]] == ["day", "hour"]
    sink = where.of(analytics.delivery.stream)["ExtendedS3DestinationConfiguration"]
    conversion = sink["DataFormatConversionConfiguration"]
    assert conversion["SchemaConfiguration"]["TableName"] == where.shown(analytics.delivery.table.ref)
    # This deserializer makes all keys lower case, as the columns are.
    assert conversion["InputFormatConfiguration"] == {"Deserializer": {"OpenXJsonSerDe": {}}}
    assert list(conversion["OutputFormatConfiguration"]["Serializer"]) == ["ParquetSerDe"]
    assert sink["BucketARN"] == where.shown(analytics.delivery.bucket.bucket_arn)


@SCENES
def test_the_stream_of_events_is_encrypted_with_the_key(made: Built, scene: str) -> None:
    where = made.scene(scene)
    analytics: Any = where.email.analytics
    assert where.of(analytics.delivery.stream)["DeliveryStreamEncryptionConfigurationInput"] == {
        "KeyType": "CUSTOMER_MANAGED_CMK",
        "KeyARN": where.key_arn(),
    }


def test_events_are_collected_and_kept_as_long_as_asked_for(made: Built) -> None:
    hints = {}
    for name in ("plain", "full"):
        analytics: Any = made.scene(name).email.analytics
        stream = made.scene(name).of(analytics.delivery.stream)
        hints[name] = stream["ExtendedS3DestinationConfiguration"]["BufferingHints"]["IntervalInSeconds"]
    assert hints == {"plain": 300, "full": 60}
    kept: Any = made.full.email.analytics
    rules = made.full.of(kept.delivery.bucket)["LifecycleConfiguration"]["Rules"]
    assert 400 in [one.get("ExpirationInDays") for one in rules]


def test_events_that_do_not_fit_the_table_go_in_time_unless_it_is_said_how_long_all_is_kept(made: Built) -> None:
    kept = {}
    for name in ("plain", "full"):
        analytics: Any = made.scene(name).email.analytics
        rules = made.scene(name).of(analytics.delivery.bucket)["LifecycleConfiguration"]["Rules"]
        kept[name] = {one["Prefix"]: one["ExpirationInDays"] for one in rules if "ExpirationInDays" in one}
        moved = [one["Prefix"] for one in rules if "Transitions" in one]
        assert moved == (["data/day="] if name == "plain" else [])
    assert kept == {"plain": {"errors/": 90}, "full": {"data/day=": 400}}
    assert "LifecycleConfiguration" not in made.given.of(made.lake)


def test_events_go_to_a_given_bucket_and_no_other_is_made(made: Built) -> None:
    analytics: Any = made.given.email.analytics
    assert analytics.delivery.bucket is made.lake
    buckets: tuple[Any, ...] = (made.lake, made.mail)
    names = {made.given.template.resolve(one.node.default_child.logical_id) for one in buckets}
    found = {id for id, one in made.given.template.json["Resources"].items() if one["Type"] == "AWS::S3::Bucket"}
    assert found == names


@SCENES
def test_results_of_queries_are_encrypted_with_the_key_whoever_asks(made: Built, scene: str) -> None:
    where = made.scene(scene)
    analytics: Any = where.email.analytics
    group = where.of(analytics.work_group)
    assert group["WorkGroupConfiguration"] == {
        "EnforceWorkGroupConfiguration": True,
        "PublishCloudWatchMetricsEnabled": True,
        "ManagedQueryResultsConfiguration": {
            "Enabled": True,
            "EncryptionConfiguration": {"KmsKey": where.key_arn()},
        },
    }
    assert group["RecursiveDeleteOption"] is True
    # Athena does not make names up.
    assert re.fullmatch("email-events-[0-9a-f]{32}", group["Name"])


@SCENES
def test_queries_are_saved_with_the_work_group(made: Built, scene: str) -> None:
    where = made.scene(scene)
    analytics: Any = where.email.analytics
    table = analytics.delivery.table
    found = {name: where.of(one) for name, one in analytics.queries.items()}
    assert set(found) == {one["Name"] for one in where.all("AWS::Athena::NamedQuery")}
    assert {"bounce_rate_by_domain_and_day", "open_rate_by_campaign", "complaints_by_stream"} <= set(found)
    for name, one in found.items():
        assert (one["Name"], one["WorkGroup"]) == (name, where.shown(analytics.work_group.ref))
        assert one["Database"] == where.shown(table.database_name)
        assert one["Description"]
        assert where.shown(table.ref) in one["QueryString"]


@SCENES
def test_the_saved_queries_are_those_that_are_tested_with_the_names_of_this_deployment(made: Built, scene: str) -> None:
    where = made.scene(scene)
    analytics: Any = where.email.analytics
    table = analytics.delivery.table
    sets = {where.set_name(name): name for name in where.email.streams}
    tag = "mailing" if scene == "full" else "campaign"
    expected = queries(where.shown(table.database_name), where.shown(table.ref), sets, tag)
    for name, one in expected.items():
        assert where.of(analytics.queries[name])["QueryString"] == one.sql


def test_the_tag_of_campaigns_is_the_one_that_was_given(made: Built) -> None:
    tags = {"plain": "'campaign'", "full": "'mailing'"}
    for name, tag in tags.items():
        analytics: Any = made.scene(name).email.analytics
        assert tag in made.scene(name).of(analytics.queries["open_rate_by_campaign"])["QueryString"]


def test_the_delivery_has_its_alarms(made: Built) -> None:
    names = {name for name in made.full.email.alarms if name.startswith("Analytics")}
    assert names == {f"Analytics{name}" for name in ("Freshness", "Throttled", "ConversionFailed", "RecordsFailed")}


def test_nothing_is_left_of_analytics_that_nobody_wants(made: Built) -> None:
    assert made.bare.email.analytics is None
    kinds = {one["Type"].split("::")[1] for one in made.bare.template.json["Resources"].values()}
    assert not kinds & {"Athena", "Glue", "KinesisFirehose", "S3", "IAM"}
    assert not [name for name in made.bare.email.alarms if name.startswith("Analytics")]
    assert f"arn:aws:athena:{HERE}" not in str(made.bare.of(made.bare.email.encryption_key))
    assert REGION in str(made.bare.of(made.bare.email.encryption_key))


SMALLEST = """
import sys
import aws_cdk as cdk
from cdk_refarch import AddressIdentity, Analytics, Feedback, SendingStream, SesConfigSets
SesConfigSets(
    cdk.Stack(cdk.App(), "Mail"),
    "Email",
    identity=AddressIdentity(address="news@example.com"),
    streams={"news": SendingStream()},
    feedback=Feedback(record=False),
    analytics=None,
)
late = ("athena", "dynamodb", "glue", "kinesisfirehose")
print([name for name in late if f"aws_cdk.aws_{name}" in sys.modules])
"""


def test_no_module_is_loaded_for_what_nobody_wants() -> None:
    run = subprocess.run([sys.executable, "-c", SMALLEST], capture_output=True, text=True, check=True, timeout=120)
    assert run.stdout.strip() == "[]"
