"""Arguments of IotToFirehose, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any, NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_opensearchservice as opensearch
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import (
    BucketLifecycle,
    DirectCopy,
    DynamoDbAction,
    ExistingWorkgroup,
    GlueTable,
    IotToFirehose,
    KinesisAction,
    LambdaAction,
    OpenSearchCollection,
    OpenSearchDomain,
    OpenSearchSink,
    RedshiftSink,
    RedshiftWorkgroup,
    RepublishAction,
    S3Action,
    S3Sink,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
)

WARNINGS = ("bills-while-idle", "namespace-policy", "function-policy", "function-failures")


def CONSTRUCT(scope: Construct, id: str, **given: Any) -> IotToFirehose:  # noqa: N802
    """Make the construct, and accept what its owner must know."""
    made = IotToFirehose(scope, id, **given)
    for name in WARNINGS:
        cdk.Annotations.of(made).acknowledge_warning(f"cdk-refarch:{name}", "What is brought along is of no app.")
    return made


MIB, SECONDS = cdk.Size.mebibytes, cdk.Duration.seconds
LAKE = GlueTable(database_name="lake", table_name="readings")
TYPED = "!{firehose:error-output-type}/"

Values = tuple[list[Any], list[Any]]
"""What is legal, at least alone, and what never is."""

# What is brought along is only known by its name, so that each app may have it.
_THERE = cdk.Stack(cdk.App(), "There")
_HERE = "eu-west-1:111122223333"
_IDS = [f"subnet-0123456789abcdef{number}" for number in range(3)]
_VPC = ec2.Vpc.from_vpc_attributes(
    _THERE, "Vpc", vpc_id="vpc-0123456789abcdef0", availability_zones=["a", "b", "c"], private_subnet_ids=_IDS
)
_ROLE = iam.Role.from_role_arn(_THERE, "Role", "arn:aws:iam::111122223333:role/loader")
_SECRET = secretsmanager.Secret.from_secret_complete_arn(
    _THERE, "Secret", f"arn:aws:secretsmanager:{_HERE}:secret:admin-AbCdEf"
)
_DOMAIN = opensearch.Domain.from_domain_attributes(
    _THERE, "Domain", domain_arn=f"arn:aws:es:{_HERE}:domain/fleet", domain_endpoint="search.example.com"
)
_WORKGROUP = ExistingWorkgroup(
    workgroup_name="analytics",
    workgroup_arn=f"arn:aws:redshift-serverless:{_HERE}:workgroup/1a-2b",
    namespace_arn=f"arn:aws:redshift-serverless:{_HERE}:namespace/3c-4d",
    database="dev",
    admin_secret=_SECRET,
    copy_role=_ROLE,
)
_HOST = "analytics.111122223333.eu-west-1.redshift-serverless.amazonaws.com:5439"
_DIRECT = DirectCopy(public_endpoint=_HOST, database="dev", secret=_SECRET)


class Kind(NamedTuple):
    """A kind of sink: its class, what it must be told, and what it may be."""

    sink: type
    told: dict[str, Any]
    may: dict[str, Values]


# Each argument with values that are legal, at least alone, and with values that never are.
SINK: dict[str, Values] = {
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
RULE: dict[str, Values] = {
    "select": (["VALUE readings", "*, topic(2) AS d", "{'a': b}"], ["a FROM 'x'", "", "abs(x"]),
    "where": (["t > 5", "(a = 1 OR b = 2)", "name = 'it''s'"], ["x LIKE 'y'", "a = 'b"]),
    "batch": ([True, False], ["yes"]),
    "removal_policy": ([cdk.RemovalPolicy.DESTROY], [cdk.RemovalPolicy.SNAPSHOT, "destroy"]),
}
BUFFERS: dict[str, Values] = {
    "buffer_size": ([MIB(1), MIB(100)], [MIB(0), MIB(129)]),
    "buffer_interval": ([SECONDS(0), SECONDS(900)], [SECONDS(901)]),
}
SEARCH: dict[str, Values] = {
    **BUFFERS,
    "index": (["telemetry", "a" * 80], ["", "Telemetry", "_a", "a" * 81]),
    "index_rotation": (["NoRotation", "OneMonth"], ["Daily"]),
    "retry_duration": ([SECONDS(0), SECONDS(7200)], [SECONDS(7201)]),
    "document_ids": ([True, False], ["no"]),
    "backup": (["failed", "all"], ["none"]),
    "error_prefix": (["failed/", TYPED], ["", "failed/!{timestamp:yyyy}/"]),
}
ROWS: dict[str, Values] = {
    **BUFFERS,
    "table": (["telemetry", "a" * 127], ["Telemetry", "user", "1a", ""]),
    "schema": (["public", "fleet"], ["pg_fleet", "a.b"]),
}
LOADS: dict[str, Values] = {
    **ROWS,
    "columns": (
        [{"t": "float8", "at": "timestamptz"}, {"offset": "varchar(max)"}],
        [{}, {"T": "int"}, {"t": "double"}, {"oid": "int"}, {"t": "varchar(65536)"}],
    ),
}
_PUBLIC = OpenSearchCollection(public_access=True)
_TIMES = OpenSearchCollection(type="TIMESERIES", standby_replicas=False, public_access=True)
_SMALL = OpenSearchDomain(zones=1, data_nodes=1, master_nodes=0)
_ODD = [OpenSearchDomain(data_nodes=4), OpenSearchDomain(master_nodes=4), OpenSearchDomain(zones=4), "fleet"]
CHEAP = (
    Kind(OpenSearchSink, {"index": "telemetry", "domain": _DOMAIN}, SEARCH),
    Kind(
        OpenSearchSink,
        {"index": "telemetry", "collection": _PUBLIC},
        {**SEARCH, "collection": ([_PUBLIC, _TIMES], [OpenSearchCollection(), "fleet"])},
    ),
    Kind(
        RedshiftSink,
        {"table": "telemetry", "direct": _DIRECT},
        {
            **ROWS,
            "direct": (
                [DirectCopy(public_endpoint=_HOST, database="dev", secret=_SECRET, columns=["t"]), _DIRECT],
                [DirectCopy(public_endpoint="10.0.0.1:5439", database="dev", secret=_SECRET), _HOST],
            ),
        },
    ),
    Kind(
        RedshiftSink,
        {"table": "telemetry", "workgroup": _WORKGROUP},
        {**LOADS, "vpc": ([None], [_VPC]), "workgroup": ([_WORKGROUP], ["analytics"])},
    ),
)
IN_VPC = (
    Kind(
        RedshiftSink,
        {"table": "telemetry", "workgroup": RedshiftWorkgroup(), "vpc": _VPC},
        {
            **LOADS,
            "workgroup": (
                [RedshiftWorkgroup(base_capacity=544, max_capacity=None, port=8191)],
                [RedshiftWorkgroup(base_capacity=12), RedshiftWorkgroup(port=80), RedshiftWorkgroup(max_capacity=4)],
            ),
        },
    ),
    Kind(OpenSearchSink, {"index": "telemetry", "collection": OpenSearchCollection(), "vpc": _VPC}, SEARCH),
    Kind(
        OpenSearchSink,
        {"index": "telemetry", "domain": _SMALL, "vpc": _VPC},
        {**SEARCH, "domain": ([_SMALL, OpenSearchDomain()], _ODD)},
    ),
)
_FUNCTION = lambda_.Function.from_function_arn(_THERE, "Fn", f"arn:aws:lambda:{_HERE}:function:f")
_QUEUE = sqs.Queue.from_queue_arn(_THERE, "Queue", f"arn:aws:sqs:{_HERE}:q")
_FIFO = sqs.Queue.from_queue_arn(_THERE, "Fifo", f"arn:aws:sqs:{_HERE}:q.fifo")
_TOPIC = sns.Topic.from_topic_arn(_THERE, "Topic", f"arn:aws:sns:{_HERE}:t")
_STREAM = kinesis.Stream.from_stream_arn(_THERE, "Stream", f"arn:aws:kinesis:{_HERE}:stream/s")
_MACHINE = sfn.StateMachine.from_state_machine_arn(_THERE, "Machine", f"arn:aws:states:{_HERE}:stateMachine:m")
_TABLE = dynamodb.Table.from_table_arn(_THERE, "Table", f"arn:aws:dynamodb:{_HERE}:table/t")
_BUCKET = s3.Bucket.from_bucket_name(_THERE, "Bucket", "fleet-images")
ACTIONS: Values = (
    [
        LambdaAction(function=_FUNCTION),
        SqsAction(queue=_QUEUE),
        SqsAction(queue=_QUEUE, base64=True, id="Encoded"),
        SnsAction(topic=_TOPIC),
        KinesisAction(stream=_STREAM, partition_key="${topic()}"),
        StepFunctionsAction(state_machine=_MACHINE, name_prefix="iot-"),
        DynamoDbAction(table=_TABLE),
        RepublishAction(topic="alerts/${topic(1)}", qos=0),
        RepublishAction(topic="fleet/x/telemetry", id="Loop"),
        S3Action(bucket=_BUCKET),
    ],
    [
        SqsAction(queue=_FIFO),
        SnsAction(topic=_TOPIC, message_format="XML"),  # type: ignore[arg-type]
        KinesisAction(stream=_STREAM, partition_key=""),
        StepFunctionsAction(state_machine=_MACHINE, name_prefix="a b"),
        RepublishAction(topic="a/+"),
        RepublishAction(topic="alerts", qos=2),
        S3Action(bucket=_BUCKET, key="latest"),
        _QUEUE,
    ],
)
S3_SINKS, CHEAP_SINKS = 8, 4
"""How many sinks for S3, and of kinds without a network, there are for one in a VPC, which is costly to make."""

TOPICS = (["fleet/+/telemetry", "#", "/a//b", "ü/+"], ["a/#/b", "x+", "$aws/x", "it's", "", "1/2/3/4/5/6/7/8/9"])
IDS = (["S3", "Archive"], ["Rule", "raw", ""])


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, less often, also some that are never legal."""
    wild = draw(st.integers(0, 3)) == 0

    def one(values: Values) -> Any:
        return draw(st.sampled_from([*values[0], *(values[1] if wild else [])]))

    def some(choices: dict[str, Values], most: int = 3) -> dict[str, Any]:
        names = draw(st.lists(st.sampled_from(sorted(choices)), max_size=most, unique=True))
        return {name: one(choices[name]) for name in names}

    def sink() -> Any:
        kind = draw(st.sampled_from([None] * S3_SINKS + [CHEAP] * CHEAP_SINKS + [IN_VPC]))
        if kind is None:
            return S3Sink(**{**some(SINK), "id": one(IDS)})
        chosen = draw(st.sampled_from(kind))
        return chosen.sink(**{**chosen.told, **some(chosen.may, 2)})

    sinks = [sink() for _ in range(draw(st.integers(1, 2)))]
    count = draw(st.sampled_from((0, 0, 1, 2)))
    return {"topic_filter": one(TOPICS), "sinks": sinks, "actions": [one(ACTIONS) for _ in range(count)], **some(RULE)}


ARGUMENTS = arguments()
