"""A bad sink for Amazon Redshift is refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager
from constructs import Construct

from cdk_refarch import (
    DirectCopy,
    ExistingWorkgroup,
    IotToFirehose,
    RedshiftDelivery,
    RedshiftSink,
    RedshiftWorkgroup,
    S3Sink,
)
from tests.unit.iot_to_firehose.refusals import MIB, SECONDS, Cases, legal, names, refused, stack

# Beside what other tests put into the stack.
things = Construct(stack, "Loaded")
ZONES = [f"eu-west-1{zone}" for zone in "abc"]
FUNCTION = "arn:aws:lambda:us-east-1:111122223333:function:f"
HERE = "eu-west-1:111122223333"


def vpc(id: str, zones: int = 3, **given: Any) -> ec2.IVpc:
    subnets = [f"subnet-0123456789{number}" for number in range(zones)]
    return ec2.Vpc.from_vpc_attributes(
        things, id, vpc_id="vpc-01234567", availability_zones=ZONES[:zones], private_subnet_ids=subnets, **given
    )


def secret(id: str, region: str = "eu-west-1") -> secretsmanager.ISecret:
    arn = f"arn:aws:secretsmanager:{region}:111122223333:secret:{id.lower()}-AbCdEf"
    return secretsmanager.Secret.from_secret_complete_arn(things, id, arn)


VPC, TWO, ONE = vpc("Vpc"), vpc("Two", 2), vpc("One", 1)
ELSEWHERE = vpc("Elsewhere", region="us-east-1")
SECRET, FAR_SECRET = secret("Admin"), secret("Far", "us-east-1")
ROLE = iam.Role.from_role_arn(things, "CopyRole", "arn:aws:iam::111122223333:role/copy")
FAR_ROLE = iam.Role.from_role_arn(things, "FarRole", "arn:aws:iam::444455556666:role/copy")
FAR_FUNCTION = lambda_.Function.from_function_attributes(things, "FarFn", function_arn=FUNCTION)
LOGS = s3.Bucket.from_bucket_attributes(
    things, "Logs", bucket_name="logs", encryption_key=kms.Key.from_key_arn(things, "K", f"arn:aws:kms:{HERE}:key/k")
)
ENDPOINT = "wg.111122223333.eu-west-1.redshift-serverless.amazonaws.com:5439"
ARN = f"arn:aws:redshift-serverless:{HERE}"


def load(**given: Any) -> dict[str, Any]:
    return {"topic_filter": "a", "sinks": [RedshiftSink(**{"table": "telemetry", **given})]}


def own(**given: Any) -> dict[str, Any]:
    """Return arguments with a workgroup that is created."""
    return load(workgroup=RedshiftWorkgroup(**given), vpc=VPC)


def there(**given: Any) -> dict[str, Any]:
    known: dict[str, Any] = {
        "workgroup_name": "analytics",
        "workgroup_arn": f"{ARN}:workgroup/1a-2b",
        "namespace_arn": f"{ARN}:namespace/3c-4d",
        "database": "dev",
        "admin_secret": SECRET,
        "copy_role": ROLE,
    }
    return load(workgroup=ExistingWorkgroup(**{**known, **given}))


def direct(**given: Any) -> dict[str, Any]:
    known: dict[str, Any] = {"public_endpoint": ENDPOINT, "database": "dev", "secret": SECRET}
    return load(direct=DirectCopy(**{**known, **given}))


LONG = "a" * 128
NAME = "from 1 to 127 lower case letters, digits and _, beginning with no digit"
WORD = "a name that is no reserved word of Redshift"
FLEET = "call it fleet, say, or leave it out for public"
COLUMNS = "columns must be a mapping whose names are lower case letters, digits and _, got"
CASE = "use the lower case: loads take no notice of case"

NAMES: Cases = [
    *(
        (load(table=wrong), f"table must be {NAME}, got {shown}; call it telemetry, say")
        for wrong, shown in (
            ("", "''"),
            ("Telemetry", "'Telemetry'"),
            ("a-b", "'a-b'"),
            ("1a", "'1a'"),
            ("#a", "'#a'"),
            ("a.b", "'a.b'"),
            (LONG, f"{LONG!r}"[:120] + "..."),
        )
    ),
    (load(table=5), "table must be text, got int 5; call it telemetry, say"),
    (load(table="user"), f"table must be {WORD}, got 'user'; call it telemetry, say"),
    (load(schema="Public"), f"schema must be {NAME}, got 'Public'; {FLEET}"),
    (load(schema="default"), f"schema must be {WORD}, got 'default'; {FLEET}"),
    *(
        (load(schema=name), f"schema must be a schema that is not Redshift's own, got {name!r}; {FLEET}")
        for name in ("pg_fleet", "information_schema")
    ),
    (own(database="IoT"), f"database must be {NAME}, got 'IoT'; call it iot, say"),
    (own(database="system"), f"database must be {WORD}, got 'system'; call it iot, say"),
    (there(database="a b"), f"database must be {NAME}, got 'a b'; name the database as Redshift does"),
    (direct(database="a;b"), f"database must be {NAME}, got 'a;b'; name the database as Redshift does"),
]

TYPED = "must be a type of Redshift in lower case, got"
WRITE = "write it as float8, varchar(64) or timestamp"
TABLES: Cases = [
    (
        load(columns=["t"]),
        "columns must be a mapping, got list ['t']; give {'temperature': 'float8'}, or leave it out for whole documents",
    ),
    *(
        (
            load(columns={f"c{n}": "int" for n in range(count)}),
            f"columns must be from 1 to 1600 columns, got {count} columns; give {{'temperature': 'float8'}}, or leave it "
            "out for whole documents",
        )
        for count in (0, 1601)
    ),
    (load(columns={"Temp": "int"}), f"{COLUMNS} 'Temp'; {CASE}"),
    (load(columns={"a b": "int"}), f"{COLUMNS} 'a b'; {CASE}"),
    (load(columns={5: "int"}), f"columns must be text, got int 5; {CASE}"),
    (
        load(columns={"oid": "int"}),
        "columns must be a mapping without names of Redshift's own columns, got 'oid'; let the statement of the rule "
        'call it another name, as in select="*, oid AS oid_"',
    ),
    *(
        (load(columns={"t": kind}), f"columns['t'] {TYPED} {kind!r}; {WRITE}")
        for kind in (
            *("FLOAT8", "double", "", "varchar(64) not null", "int)", "geometry", "varbyte(9)", "float8, x int"),
            *("timestamp(6)", "varchar()", "decimal(18,2,1)", "int4(4)"),
        )
    ),
    (load(columns={"t": None}), f"columns['t'] must be text, got NoneType None; {WRITE}"),
    *(
        (
            load(columns={"t": kind}),
            f"{what} of columns['t'] must be from {low} to {high}, got {got}; lower or raise it",
        )
        for kind, what, low, high, got in (
            ("decimal(39)", "precision", "1 digit", "38 digits", "39 digits"),
            ("numeric(0,0)", "precision", "1 digit", "38 digits", "0 digits"),
            ("decimal(38,38)", "scale", "0 digits", "37 digits", "38 digits"),
            ("numeric(4, 5)", "scale", "0 digits", "4 digits", "5 digits"),
            ("char(4097)", "length", "1 byte", "4096 bytes", "4097 bytes"),
            ("character(0)", "length", "1 byte", "4096 bytes", "0 bytes"),
            ("varchar(65536)", "length", "1 byte", "65535 bytes", "65536 bytes"),
            ("character varying(0)", "length", "1 byte", "65535 bytes", "0 bytes"),
        )
    ),
]

ONE_OF = "workgroup and direct must be given one at a time, got"
GIVE = "give workgroup=RedshiftWorkgroup() with a vpc, say"
EVR = "give a VPC with more zones, or enhanced_vpc_routing=False, which needs two"
WORKGROUPS: Cases = [
    (load(), f"{ONE_OF} neither; {GIVE}"),
    (
        load(workgroup=RedshiftWorkgroup(), direct=DirectCopy(public_endpoint=ENDPOINT, database="d", secret=SECRET)),
        f"{ONE_OF} both; {GIVE}",
    ),
    (
        load(workgroup="analytics"),
        "workgroup must be a RedshiftWorkgroup or an ExistingWorkgroup, got str 'analytics'; give RedshiftWorkgroup() or "
        "ExistingWorkgroup(...)",
    ),
    (
        load(workgroup=RedshiftWorkgroup()),
        "vpc must be an IVpc, got NoneType None; give a construct that implements IVpc",
    ),
    (
        load(workgroup=RedshiftWorkgroup(), vpc="vpc-1"),
        "vpc must be an IVpc, got str 'vpc-1'; give a construct that implements IVpc",
    ),
    (
        load(workgroup=RedshiftWorkgroup(), vpc=ELSEWHERE),
        "vpc must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        load(workgroup=RedshiftWorkgroup(), vpc=VPC, subnets="private"),
        "subnets must be a SubnetSelection, got str 'private'; give ec2.SubnetSelection(subnet_type=...) with a type that "
        "the VPC has",
    ),
    (
        load(workgroup=RedshiftWorkgroup(), vpc=TWO),
        f"vpc and subnets must be a subnet in each of 3 zones, got subnets in 2; {EVR}",
    ),
    (
        load(workgroup=RedshiftWorkgroup(enhanced_vpc_routing=False), vpc=ONE),
        "vpc and subnets must be a subnet in each of 2 zones, got subnets in 1; give a VPC with more zones",
    ),
    (
        load(
            workgroup=RedshiftWorkgroup(),
            vpc=VPC,
            subnets=ec2.SubnetSelection(subnets=[VPC.private_subnets[0], VPC.private_subnets[1]]),
        ),
        f"vpc and subnets must be a subnet in each of 3 zones, got subnets in 2; {EVR}",
    ),
    (
        own(enhanced_vpc_routing="no"),
        "enhanced_vpc_routing must be True or False, got 'no'; give False for two zones",
    ),
]

RPUS = "base_capacity must be from 4 RPUs to 1024 RPUs, got"
BEGIN = "use 8 to begin with"
CAPACITIES: Cases = [
    (own(base_capacity=None), f"{RPUS} None; {BEGIN}"),
    (own(base_capacity="8"), f"{RPUS} str '8'; {BEGIN}"),
    (own(base_capacity=True), f"{RPUS} bool True; {BEGIN}"),
    *((own(base_capacity=wrong), f"{RPUS} {wrong} RPUs; {BEGIN}") for wrong in (3, 1025, 1056)),
    *(
        (own(base_capacity=wrong), f"base_capacity must be 4 or a multiple of 8, got {wrong} RPUs; {BEGIN}")
        for wrong in (5, 12, 511)
    ),
    *(
        (
            own(base_capacity=wrong, max_capacity=None),
            f"base_capacity must be a multiple of 32 above 512 RPUs, got {wrong} RPUs; {BEGIN}",
        )
        for wrong in (520, 1016)
    ),
    (
        own(base_capacity=8.5),
        "base_capacity must be a whole number from 4 RPUs to 1024 RPUs, got 8.5 RPUs; use 8 to begin with",
    ),
    *(
        (
            own(base_capacity=16, max_capacity=wrong),
            f"max_capacity must be from 16 RPUs to 5632 RPUs when it is not below base_capacity, got {wrong} RPUs; raise "
            "it, or leave it out",
        )
        for wrong in (15, 5633)
    ),
    *(
        (own(port=wrong), f"port must be from 5431 to 5455 or from 8191 to 8215, got {shown}; leave it out for 5439")
        for wrong, shown in ((5430, "5430"), (5456, "5456"), (8190, "8190"), (8216, "8216"), ("5439", "'5439'"))
    ),
]

ID = "take it from the console, or from Fn::GetAtt"
GIVEN: Cases = [
    *(
        (
            there(workgroup_name=wrong),
            f"workgroup_name must be from 3 to 64 lower case letters, digits and -, got {wrong!r}; name the workgroup as "
            "Redshift does",
        )
        for wrong in ("wg", "a" * 65, "Analytics")
    ),
    *(
        (
            there(**{f"{kind}_arn": wrong}),
            f"{kind}_arn must be the ARN of a {kind} of Redshift Serverless, got {wrong!r}; {ID}",
        )
        for kind, wrong in (
            ("workgroup", f"{ARN}:namespace/3c"),
            ("workgroup", "analytics"),
            ("namespace", f"{ARN}:workgroup/1a"),
            ("namespace", f"arn:aws:redshift:{HERE}:namespace:3c"),
        )
    ),
    *(
        (
            there(**{f"{kind}_arn": f"arn:aws:redshift-serverless:{place}:{kind}/1a"}),
            f"{kind}_arn must be in the {what} of the stack, {here}, got {got}; use one of the same {what}",
        )
        for kind in ("workgroup", "namespace")
        for place, what, here, got in (
            ("us-east-1:111122223333", "region", "eu-west-1", "us-east-1"),
            ("eu-west-1:444455556666", "account", "111122223333", "444455556666"),
        )
    ),
    (
        there(admin_secret=None),
        "admin_secret must be an ISecret, got NoneType None; give a construct that implements ISecret",
    ),
    (
        there(admin_secret=5),
        "admin_secret must be an ISecret, got int 5; give a construct that implements ISecret",
    ),
    (
        there(admin_secret=FAR_SECRET),
        "admin_secret must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (there(copy_role="role"), "copy_role must be an IRole, got str 'role'; give a construct that implements IRole"),
    (
        there(copy_role=FAR_ROLE),
        "copy_role must be in the account of the stack, 111122223333, got 444455556666; use a role of the same account",
    ),
    *(
        (
            {"topic_filter": "a", "sinks": [RedshiftSink(**{**vars(there()["sinks"][0]), argument: given})]},
            f"{argument} must be given for a created workgroup alone, got one for a given workgroup; drop {argument}: "
            "nothing of this sink stands in it",
        )
        for argument, given in (("vpc", VPC), ("subnets", ec2.SubnetSelection()))
    ),
]

HOST = "public_endpoint must be a host of Redshift and a port, got"
AS = "write it as analytics.123456789012.eu-central-1.redshift-serverless.amazonaws.com:5439"
DIRECT: Cases = [
    *(
        (direct(public_endpoint=wrong), f"{HOST} {wrong!r}; {AS}")
        for wrong in (
            *("", "10.0.0.1:5439", "example.com:5439", ENDPOINT.removesuffix(":5439"), f"jdbc:redshift://{ENDPOINT}"),
            *(f"{ENDPOINT}/dev", f"{ENDPOINT}?ssl=true", f"wg.{ENDPOINT}", f"-{ENDPOINT}", ENDPOINT.upper()),
            f"{'a' * 64}.x.eu-west-1.redshift.amazonaws.com:5439",
        )
    ),
    *(
        (
            direct(public_endpoint=ENDPOINT.replace("5439", port)),
            f"port of public_endpoint must be from 1150 to 65535, got {port}; take it from the console",
        )
        for port in ("1149", "65536")
    ),
    (
        direct(public_endpoint=ENDPOINT.replace("eu-west-1", "us-east-1")),
        "public_endpoint must be in the region of the stack, eu-west-1, got us-east-1; COPY reads no bucket of another "
        "region as Firehose has it",
    ),
    (
        load(direct=ENDPOINT),
        f"direct must be a DirectCopy, got str {ENDPOINT!r}; give DirectCopy(public_endpoint=..., ...)",
    ),
    (direct(secret=5), "secret must be an ISecret, got int 5; give a construct that implements ISecret"),
    (
        direct(secret=FAR_SECRET),
        "secret must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (
        direct(columns="a,b"),
        "columns of direct must be a list, got str 'a,b'; name the columns in the order of COPY",
    ),
    *(
        (
            direct(columns=[f"c{n}" for n in range(count)]),
            f"columns of direct must be a list of 1 to 1600 columns, got a list of {count}; name the columns in the order "
            "of COPY",
        )
        for count in (0, 1601)
    ),
    (
        direct(columns=["a", "a"]),
        "columns of direct must be a list without repetition, got 'a' twice; drop one of them",
    ),
    (direct(columns=["A"]), f"columns of direct must be {NAME}, got 'A'; name the columns in the order of COPY"),
    (
        direct(columns=["time", "tag"]),
        f"columns of direct must be {WORD}, got 'tag'; name the columns in the order of COPY",
    ),
    (
        {"topic_filter": "a", "sinks": [RedshiftSink(**{**vars(direct()["sinks"][0]), "columns": {"a": "int"}})]},
        "columns and direct must be given one at a time, got both; drop columns: the table must be there; "
        "DirectCopy(columns=[...]) names those that are loaded",
    ),
    (
        {"topic_filter": "a", "sinks": [RedshiftSink(**{**vars(direct()["sinks"][0]), "vpc": VPC})]},
        "vpc must be given for a created workgroup alone, got one with direct; drop vpc: nothing of this sink stands in it",
    ),
    (
        direct(retry_duration=SECONDS(7201)),
        "retry_duration must be from 0 s to 7200 s, got 7201 s; give a time in this range",
    ),
    (direct(retry_duration=60), "retry_duration must be a Duration, got int 60; give cdk.Duration.seconds(...)"),
]

FILES: Cases = [
    (load(buffer_size=MIB(0)), "buffer_size must be from 1 MiB to 128 MiB, got 0 MiB; give a size in this range"),
    (load(buffer_size=MIB(129)), "buffer_size must be from 1 MiB to 128 MiB, got 129 MiB; give a size in this range"),
    (
        load(buffer_interval=SECONDS(901)),
        "buffer_interval must be from 0 s to 900 s, got 901 s; give a time in this range",
    ),
    (
        load(lifecycle=30),
        "lifecycle must be a BucketLifecycle, got int 30; give BucketLifecycle(expire_after_days=...)",
    ),
    (
        load(access_log_bucket=LOGS),
        "access_log_bucket must be a bucket without a KMS key, got one with a key; use a bucket encrypted with S3-managed "
        "keys: access logs are not delivered to others",
    ),
    (load(transform="f"), "transform must be a Lambda function, got str; give a construct that implements IFunction"),
    (
        load(transform=FAR_FUNCTION),
        "transform must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region",
    ),
    (load(id="redshift"), "id must be a PascalCase word, got 'redshift'; call it Raw or Archive, say"),
]
# What is said of files is checked for a sink that can be made otherwise.
FILES = [
    ({**given, "sinks": [RedshiftSink(**{**vars(given["sinks"][0]), "direct": direct()["sinks"][0].direct})]}, message)
    for given, message in FILES
]

ALL = [*NAMES, *TABLES, *WORKGROUPS, *CAPACITIES, *GIVEN, *DIRECT, *FILES]


@pytest.mark.parametrize(("arguments", "message"), ALL, ids=names(ALL))
def test_rejects_what_redshift_or_firehose_would_not_take(arguments: dict[str, Any], message: str) -> None:
    refused(arguments, message)


def test_a_refusal_names_the_sink_when_there_are_several() -> None:
    bad = RedshiftSink(table="T", id="Warehouse", workgroup=RedshiftWorkgroup(), vpc=VPC)
    with pytest.raises(ValueError, match=r"^Fleet/Several/Warehouse: table must be"):
        IotToFirehose(stack, "Several", topic_filter="a", sinks=[S3Sink(), bad])


def test_takes_both_ends_of_each_range() -> None:
    def accept(*sinks: RedshiftSink) -> None:
        scope = cdk.Stack(legal, f"Legal{len(legal.node.children)}")
        IotToFirehose(scope, "Ingest", topic_filter="a", sinks=sinks)

    vpc_here = ec2.Vpc.from_vpc_attributes(
        legal,
        "Vpc",
        vpc_id="vpc-01234567",
        availability_zones=ZONES,
        private_subnet_ids=["subnet-0", "subnet-1", "subnet-2"],
    )
    two = ec2.SubnetSelection(subnets=vpc_here.private_subnets[:2])
    workgroups = [
        RedshiftWorkgroup(base_capacity=4, max_capacity=4, port=5431, database="a" * 127),
        RedshiftWorkgroup(base_capacity=512, max_capacity=5632, port=5455),
        RedshiftWorkgroup(base_capacity=544, max_capacity=544, port=8191),
        RedshiftWorkgroup(base_capacity=1024, max_capacity=None, port=8215),
    ]
    accept(*(RedshiftSink(table="t", id=f"R{n}", workgroup=one, vpc=vpc_here) for n, one in enumerate(workgroups)))
    accept(
        RedshiftSink(
            table="_" + "a" * 126,
            schema="pgfleet",
            columns={f"c{n}": "int" for n in range(1600)},
            workgroup=RedshiftWorkgroup(enhanced_vpc_routing=False),
            vpc=vpc_here,
            subnets=two,
        )
    )


KINDS = (
    *("smallint", "int8", "float8", "double precision", "boolean", "date", "super", "timestamptz", "decimal"),
    *("decimal(38,37)", "numeric(1)", "numeric(4, 4)", "decimal(2,0)", "char(4096)", "char(1)", "bpchar", "text"),
    *("varchar(65535)", "varchar(max)", "nvarchar(1)", "character varying(64)", "timestamp with time zone"),
)


def test_takes_the_types_that_json_can_carry_and_names_that_need_quotes() -> None:
    columns = {**{f"c{n}": kind for n, kind in enumerate(KINDS)}, "timestamp": "timestamp", "offset": "int"}
    sink = load(columns=columns, workgroup=there()["sinks"][0].workgroup)["sinks"][0]
    made = IotToFirehose(cdk.Stack(legal, "Types"), "Ingest", topic_filter="a", sinks=[sink])
    delivery = made.deliveries["Redshift"]
    assert isinstance(delivery, RedshiftDelivery)
    assert delivery.failed_loads is not None


@pytest.mark.parametrize("host", ["wg.111122223333.eu-west-1.redshift-serverless", "c.abc123.eu-west-1.redshift"])
def test_takes_endpoints_of_workgroups_and_of_clusters(host: str) -> None:
    for number, port in enumerate(("1150", "65535")):
        given = direct(
            public_endpoint=f"{host}.amazonaws.com:{port}",
            retry_duration=SECONDS(0 if number else 7200),
            columns=[f"c{n}" for n in range(1 if number else 1600)],
        )
        scope = cdk.Stack(legal, f"{host.partition('.')[0]}{number}")
        assert IotToFirehose(scope, "Ingest", **given).deliveries["Redshift"].stream
