"""What exactly each role and each policy of a sink for Amazon Redshift admits, in any partition and with tokens."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_secretsmanager as secretsmanager

from cdk_refarch import DirectCopy, ExistingWorkgroup, IotToFirehose, RedshiftDelivery, RedshiftSink, RedshiftWorkgroup
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.grants import USE, function, grants, sending, via
from tests.unit.iot_to_firehose.warehouses import (
    FUNCTION_ARN,
    HERE,
    HOST,
    SECRET_ARN,
    WORKGROUP_ARN,
    Warehouses,
    given,
    vpc_in,
    warehouses,
)
from tests.unit.scenes import Scene
from tests.unit.templates import Row, Template, flat, listed, rows

REGION = "eu-west-1"
OWN_STATEMENTS = str({"StringEquals": {"redshift-data:statement-owner-iam-userid": "${aws:userid}"}})
LOADER = f"arn:aws:secretsmanager:{HERE}:secret:loader-??????"


@pytest.fixture(scope="module")
def made() -> Warehouses:
    return warehouses()


def may(scene: Scene, path: str) -> set[Row]:
    """What a role may do by what stands in it."""
    return set(rows({"Policies": [], **scene.of(scene.named(path))}))


def policy(scene: Scene, path: str) -> tuple[list[str], set[Row]]:
    """The roles that a policy beside them is for, and what it lets them do."""
    found = scene.of(scene.named(path))
    return found["Roles"], set(rows({"Policies": [found]}))


def trust(scene: Scene, path: str) -> Any:
    return [
        (one["Principal"], one.get("Condition"))
        for one in scene.of(scene.named(path))["AssumeRolePolicyDocument"]["Statement"]
    ]


def admitted(scene: Scene, resource: str) -> list[Any]:
    """What the policy of a bucket or queue admits, without what it denies."""
    found = [
        flat(one)
        for kind in ("AWS::S3::BucketPolicy", "AWS::SQS::QueuePolicy")
        for policy in scene.all(kind)
        for one in policy["PolicyDocument"]["Statement"]
        if resource in (policy.get("Bucket"), *policy.get("Queues", ()))
    ]
    return [one for one in found if one["Effect"] == "Allow"]


def test_there_is_no_role_beyond_those_below(made: Warehouses) -> None:
    loads = ("StagingRole", "LoadsFunctionRole", "CopyProviderFunctionRole", "RuleRole")
    expected = {
        *("Loader", "PlainErrorRole", "RichErrorRole", "DirectErrorRole", "BareErrorRole"),
        *(f"{begin}{role}" for begin in ("PlainRedshift", "RichOwn", "RichGiven") for role in loads),
        *(f"{begin}WorkgroupCopyRole" for begin in ("PlainRedshift", "RichOwn")),
        *(f"{begin}Redshift{role}" for begin in ("Direct", "Bare") for role in ("DirectRole", "RuleRole")),
    }
    found = made.template.json["Resources"].items()
    assert {name[:-8] for name, one in found if one["Type"] == "AWS::IAM::Role"} == expected


@pytest.mark.parametrize(
    ("scene", "sink", "role"),
    [("plain", "Redshift", "<PlainRedshiftWorkgroupCopyRole>"), ("rich", "Given", "<Loader>")],
)
def test_loads_read_the_files_of_one_bucket_and_nothing_else(
    made: Warehouses, scene: str, sink: str, role: str
) -> None:
    begin = scene.capitalize()
    bucket, key = f"<{begin}{sink}StagingBucket.Arn>", f"<{begin}Key.Arn>"
    assert policy(getattr(made, scene), f"{sink}/CopyPolicy") == (
        [role],
        {
            *grants(bucket, "s3:GetBucketLocation", "s3:ListBucket"),
            *grants(f"{bucket}/data/*", "s3:GetObject"),
            *grants(key, "kms:Decrypt", when=via("s3", REGION)),
        },
    )


def test_only_redshift_of_this_account_loads(made: Warehouses) -> None:
    here = {"StringEqualsIfExists": {"aws:SourceAccount": "111122223333"}}
    found = trust(made.plain, "Redshift/Workgroup/CopyRole")
    services = {service for principal, _ in found for service in listed(principal["Service"])}
    assert services == {"redshift.amazonaws.com", "redshift-serverless.amazonaws.com"}
    assert all(condition == here for _, condition in found)
    assert may(made.plain, "Redshift/Workgroup/CopyRole") == set()


def provider(begin: str, workgroup: str) -> set[Row]:
    return {
        *function(f"{begin}CopyProvider"),
        *grants(workgroup, "redshift-data:ExecuteStatement"),
        *grants("*", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult", when=OWN_STATEMENTS),
    }


def test_the_table_is_made_as_the_administrator_of_the_created_namespace(made: Warehouses) -> None:
    workgroup = made.plain.of(made.plain.named("Redshift/Workgroup/Workgroup"))["WorkgroupName"]
    assert may(made.plain, "Redshift/Copy/Provider/FunctionRole") == {
        *provider("PlainRedshift", "<PlainRedshiftWorkgroup.Workgroup.WorkgroupArn>"),
        *grants("<PlainRedshiftWorkgroupNamespace.Namespace.NamespaceArn>", "redshift-serverless:GetNamespace"),
        *grants(
            f"arn:aws:secretsmanager:{HERE}:secret:redshift!{workgroup}-administrator-??????",
            "secretsmanager:GetSecretValue",
        ),
        *grants("<PlainKey.Arn>", "kms:Decrypt", when=via("secretsmanager", REGION)),
    }


def test_the_table_of_a_given_workgroup_is_made_with_its_secret_and_the_key_of_that(made: Warehouses) -> None:
    assert may(made.rich, "Given/Copy/Provider/FunctionRole") == {
        *provider("RichGiven", WORKGROUP_ARN),
        *grants(LOADER, "secretsmanager:GetSecretValue"),
        *grants(f"arn:aws:kms:{HERE}:key/s", "kms:Decrypt", when=via("secretsmanager", REGION)),
    }


@pytest.mark.parametrize("sink", ["Redshift", "Given"])
def test_the_provider_calls_nothing_but_itself(made: Warehouses, sink: str) -> None:
    scene, begin = (made.rich, "RichGiven") if sink == "Given" else (made.plain, "PlainRedshift")
    assert policy(scene, f"{sink}/Copy/Provider/GoingOn") == (
        [f"<{begin}CopyProviderFunctionRole>"],
        grants(f"<{begin}CopyProviderFunction.Arn>", "lambda:InvokeFunction"),
    )


@pytest.mark.parametrize(
    ("scene", "sink", "workgroup"),
    [
        ("plain", "Redshift", "<PlainRedshiftWorkgroup.Workgroup.WorkgroupArn>"),
        ("rich", "Given", WORKGROUP_ARN),
    ],
)
def test_who_looks_after_loads_asks_without_a_secret_and_reads_one_queue(
    made: Warehouses, scene: str, sink: str, workgroup: str
) -> None:
    begin, key = f"{scene.capitalize()}{sink}", f"<{scene.capitalize()}Key.Arn>"
    assert may(getattr(made, scene), f"{sink}/Loads/FunctionRole") == {
        *function(f"{begin}Loads"),
        *grants(workgroup, "redshift-data:ExecuteStatement", "redshift-serverless:GetCredentials"),
        *grants("*", "redshift-data:DescribeStatement", "redshift-data:GetStatementResult", when=OWN_STATEMENTS),
        *grants(f"<{begin}LoadsFiles.Arn>", "sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"),
        *sending(f"{begin}LoadsFailedLoads", key, REGION),
    }
    assert trust(getattr(made, scene), f"{sink}/Loads/FunctionRole") == [({"Service": "lambda.amazonaws.com"}, None)]


def firehose(begin: str, key: str, prefixes: tuple[str, ...], log: str, *streams: str) -> set[Row]:
    bucket, group = f"<{begin}Bucket.Arn>", f"arn:aws:logs:{HERE}:log-group:<{begin}{log}>:log-stream"
    objects = [f"{bucket}/{prefix}*" for prefix in prefixes]
    return {
        *grants(bucket, "s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"),
        *grants(objects, "s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"),
        *grants(key, *USE, when=via("s3", REGION)),
        *grants([f"{group}:<{begin}{stream}>" for stream in streams], "logs:PutLogEvents"),
    }


def test_a_stream_whose_files_are_loaded_writes_files_only(made: Warehouses) -> None:
    expected = firehose("PlainRedshiftStaging", "<PlainKey.Arn>", ("data/day=", "errors/"), "Log", "LogStream")
    assert may(made.plain, "Redshift/Staging/Role") == expected


def test_a_stream_that_copies_itself_may_read_its_secret(made: Warehouses) -> None:
    calls = ("lambda:GetFunctionConfiguration", "lambda:InvokeFunction")
    both = ("LogStream", "StagingLogStream")
    assert may(made.direct, "Redshift/Direct/Role") == {
        *firehose("DirectRedshiftDirect", "<DirectKey.Arn>", ("",), "Log", *both),
        *grants([FUNCTION_ARN, f"{FUNCTION_ARN}:$LATEST"], *calls),
        *grants(LOADER, "secretsmanager:GetSecretValue"),
        *grants(f"arn:aws:kms:{HERE}:key/s", "kms:Decrypt", when=via("secretsmanager", REGION)),
    }
    assert may(made.bare, "Redshift/Direct/Role") == {
        *firehose("BareRedshiftDirect", "<BareKey.Arn>", ("",), "Log", *both),
        *grants(SECRET_ARN, "secretsmanager:GetSecretValue"),
    }


def test_only_firehose_of_this_account_assumes_the_roles_of_streams(made: Warehouses) -> None:
    here = {
        "StringEquals": {"sts:ExternalId": "111122223333"},
        "StringEqualsIfExists": {"aws:SourceAccount": "111122223333"},
    }
    for scene, path in ((made.plain, "Redshift/Staging/Role"), (made.direct, "Redshift/Direct/Role")):
        assert trust(scene, path) == [({"Service": "firehose.amazonaws.com"}, here)]


def test_the_bucket_lets_redshift_set_its_notifications(made: Warehouses) -> None:
    for scene, sink in ((made.plain, "PlainRedshift"), (made.rich, "RichGiven")):
        assert admitted(scene, f"<{sink}StagingBucket>") == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "redshift.amazonaws.com"},
                "Action": ["s3:GetBucketLocation", "s3:GetBucketNotification", "s3:PutBucketNotification"],
                "Resource": f"<{sink}StagingBucket.Arn>",
                "Condition": {
                    "StringEquals": {"aws:SourceAccount": "111122223333"},
                    "ArnLike": {"aws:SourceArn": f"arn:aws:redshift:{HERE}:integration:*"},
                },
            }
        ]
    assert admitted(made.bare, "<BareRedshiftDirectBucket>") == []


def test_the_queues_take_events_of_one_rule(made: Warehouses) -> None:
    for queue in ("Files", "ArrivalsDeadLetterQueue"):
        assert admitted(made.plain, f"<PlainRedshiftLoads{queue}>") == [
            {
                "Effect": "Allow",
                "Principal": {"Service": "events.amazonaws.com"},
                "Action": "sqs:SendMessage",
                "Resource": f"<PlainRedshiftLoads{queue}.Arn>",
                "Condition": {"ArnEquals": {"aws:SourceArn": ["<PlainRedshiftLoadsArrivalsArrived.Arn>"]}},
            }
        ]
    assert admitted(made.plain, "<PlainRedshiftLoadsFailedLoads>") == []


def test_the_key_admits_logs_and_events_of_this_account(made: Warehouses) -> None:
    _, *services = made.plain.of(made.plain.made.encryption_key)["KeyPolicy"]["Statement"]
    assert {one["Principal"]["Service"]: set(listed(one["Action"])) for one in services}.items() >= {
        "events.amazonaws.com": {"kms:Decrypt", "kms:GenerateDataKey"}
    }.items()
    assert all(one["Condition"] for one in services)


def test_every_name_and_number_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    later = Later(stack)
    role = iam.Role.from_role_arn(stack, "CopyRole", f"arn:{stack.partition}:iam::{stack.account}:role/copy")
    secret = secretsmanager.Secret(stack, "Secret")
    workgroup = RedshiftWorkgroup(
        database=later.name, base_capacity=later.number, max_capacity=later.number, port=later.number
    )
    sizes: dict[str, Any] = {
        "buffer_size": cdk.Size.mebibytes(later.number),
        "buffer_interval": cdk.Duration.seconds(later.number),
    }
    own = RedshiftSink(
        table=later.name,
        id="Own",
        schema=later.name,
        columns={"t": later.name},
        workgroup=workgroup,
        vpc=vpc_in(stack),
        **sizes,
    )
    known = ExistingWorkgroup(
        workgroup_name=later.name,
        workgroup_arn=later.name,
        namespace_arn=later.name,
        database=later.name,
        admin_secret=secret,
        copy_role=role,
    )
    direct = DirectCopy(
        public_endpoint=later.name,
        database=later.name,
        secret=secret,
        columns=later.names,
        retry_duration=cdk.Duration.seconds(later.number),
    )
    sinks = [own, RedshiftSink(table="t", workgroup=known), RedshiftSink(table=later.name, id="Direct", direct=direct)]
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    assert Later.unused(Template(stack)) == []


def test_a_chinese_region_gets_its_partition() -> None:
    env = cdk.Environment(account="111122223333", region="cn-north-1")
    stack = cdk.Stack(cdk.App(), "Fleet", env=env)
    host = "c.abc123.cn-north-1.redshift.amazonaws.com.cn:5439"
    secret = secretsmanager.Secret(stack, "Secret")
    sinks = [
        RedshiftSink(table="t", workgroup=RedshiftWorkgroup(), vpc=vpc_in(stack)),
        RedshiftSink(table="t", id="Direct", direct=DirectCopy(public_endpoint=host, database="dev", secret=secret)),
    ]
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    text = json.dumps(Template(stack).json)
    assert "arn:aws:" not in text
    assert ":secret:redshift!" in text
    assert ":redshift:cn-north-1:111122223333:integration:*" in text
    assert f"jdbc:redshift://{host}/dev" in text


FOUND_IN_SHARED = {f"AwsSolutions-{rule}" for rule in ("VPC7", "SMG4", "S1", "S10")}
WARNINGS = {
    f"{begin}cdk-refarch:{name}" for begin in ("", "Annotation::") for name in ("bills-while-idle", "namespace-policy")
}


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_the_packs_find_nothing_whatever_the_flags_and_wherever_the_rest_stands(
    flags: dict[str, Any], tmp_path: Path
) -> None:
    app = checked_app(flags, tmp_path)
    env = cdk.Environment(account="111122223333", region=REGION)
    shared = cdk.Stack(app, "Shared", env=env)
    key = kms.Key(shared, "Key", enable_key_rotation=True)
    secret = secretsmanager.Secret(shared, "Secret", encryption_key=key)
    role = iam.Role(shared, "Loader", assumed_by=iam.ServicePrincipal("redshift.amazonaws.com"))
    vpc = ec2.Vpc(shared, "Vpc", max_azs=3, nat_gateways=1)
    logs = s3.Bucket(shared, "Logs")
    fleet = cdk.Stack(app, "Fleet", env=env)
    direct = DirectCopy(public_endpoint=HOST, database="dev", secret=secret)
    wide = RedshiftWorkgroup(enhanced_vpc_routing=False)
    sinks = [
        RedshiftSink(table="t", id="Own", workgroup=wide, vpc=vpc, access_log_bucket=logs),
        RedshiftSink(table="t", id="Given", workgroup=given(fleet, secret, role)),
        RedshiftSink(table="t", id="Direct", direct=direct),
    ]
    ingest = IotToFirehose(fleet, "Ingest", topic_filter="a", sinks=sinks, encryption_key=key)
    assert refers(fleet)
    assert not refers(shared)
    assert set(open_findings(app, tmp_path)) <= FOUND_IN_SHARED | WARNINGS
    own = ingest.deliveries["Own"]
    assert isinstance(own, RedshiftDelivery)
    group = Scene(ingest, Template(fleet)).of(own.security_group)
    assert [one["ToPort"] for one in group["SecurityGroupEgress"]] == [443]
