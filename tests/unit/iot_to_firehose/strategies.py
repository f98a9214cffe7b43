"""Arguments of IotToFirehose, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from hypothesis import strategies as st

from cdk_refarch import BucketLifecycle, GlueTable, IotToFirehose, S3Sink

CONSTRUCT = IotToFirehose
MIB, SECONDS = cdk.Size.mebibytes, cdk.Duration.seconds
LAKE = GlueTable(database_name="lake", table_name="readings")
TYPED = "!{firehose:error-output-type}/"

# Each argument with values that are legal, at least alone, and with values that never are.
SINK: dict[str, tuple[list[Any], list[Any]]] = {
    "prefix": (
        ["", "iot/", "a/!{timestamp:yyyy/MM}/", "a/!{firehose:random-string}/"],
        ["!{timestamp:bb}/", "errors/x/", "a!{", f"a/{TYPED}", "a/!{partitionKeyFromLambda:k}/"],
    ),
    "error_prefix": (["failed/", f"failed/!{{timestamp:yyyy}}/{TYPED}", TYPED], ["", "failed/!{timestamp:yyyy}/"]),
    "compression": (["GZIP", "Snappy", "UNCOMPRESSED"], ["LZ4"]),
    "buffer_size": ([MIB(1), MIB(64), MIB(128)], [MIB(0), MIB(129)]),
    "buffer_interval": ([SECONDS(0), SECONDS(60), SECONDS(900)], [SECONDS(901)]),
    "partition_by": (
        [{"device": ".device"}, {"site": ".a.b", "kind": '.kind // "none"'}],
        [{}, {"day": ".d"}, {"a-b": ".a"}, {"device": "device"}],
    ),
    "split_records": (["JSON", "\n"], ["json", ""]),
    "parquet": ([{"t": "double", "a": "array<struct<b:int>>"}, LAKE], [{}, {"T": "int"}, {"t": "integer"}]),
    "lifecycle": (
        [
            BucketLifecycle(),
            BucketLifecycle(infrequent_access_after_days=30, archive_after_days=60, expire_after_days=61),
        ],
        [BucketLifecycle(infrequent_access_after_days=29), BucketLifecycle(errors_expire_after_days=0)],
    ),
}
RULE: dict[str, tuple[list[Any], list[Any]]] = {
    "select": (["VALUE readings", "*, topic(2) AS d", "{'a': b}"], ["a FROM 'x'", "", "abs(x"]),
    "where": (["t > 5", "(a = 1 OR b = 2)", "name = 'it''s'"], ["x LIKE 'y'", "a = 'b"]),
    "batch": ([True, False], ["yes"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
}
TOPICS = (["fleet/+/telemetry", "#", "/a//b", "ü/+"], ["a/#/b", "x+", "$aws/x", "it's", "", "1/2/3/4/5/6/7/8/9"])
IDS = (["S3", "Archive"], ["Rule", "raw", ""])


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, less often, also some that are never legal."""
    wild = draw(st.integers(0, 3)) == 0

    def one(values: tuple[list[Any], list[Any]]) -> Any:
        return draw(st.sampled_from([*values[0], *(values[1] if wild else [])]))

    def some(choices: dict[str, tuple[list[Any], list[Any]]]) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=3, unique=True))
        return {name: one(choices[name]) for name in names}

    sinks = [S3Sink(**{**some(SINK), "id": one(IDS)}) for _ in range(draw(st.integers(1, 2)))]
    return {"topic_filter": one(TOPICS), "sinks": sinks, **some(RULE)}


ARGUMENTS = arguments()
