"""Each role may do exactly what its service needs, and only that service in that account may assume it."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sqs as sqs

from cdk_refarch import IotToFirehose, S3Sink
from tests.unit.templates import Template, flat, listed, rows

ENV = cdk.Environment(account="111122223333", region="eu-west-1")
HERE = "eu-west-1:111122223333"


def table(role: dict[str, Any]) -> set[tuple[str, str, str]]:
    return set(rows(role))


def via(service: str) -> str:
    return str({"StringEquals": {"kms:ViaService": f"{service}.eu-west-1.amazonaws.com"}})


@pytest.fixture(scope="module")
def stack() -> cdk.Stack:
    return cdk.Stack(cdk.App(), "Fleet", env=ENV)


@pytest.fixture(scope="module")
def roles(stack: cdk.Stack) -> dict[str, dict[str, Any]]:
    function = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{HERE}:function:f")
    IotToFirehose(stack, "Plain", topic_filter="a")
    IotToFirehose(
        stack,
        "Rich",
        topic_filter="a",
        batch=True,
        sinks=[S3Sink(parquet={"t": "int"}, transform=function, prefix="iot/", error_prefix="iot-bad/")],
    )
    IotToFirehose(
        stack,
        "Given",
        topic_filter="a",
        sinks=[S3Sink(bucket=s3.Bucket.from_bucket_name(stack, "Lake", "lake"), transform=function.latest_version)],
        encryption_key=kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/k"),
        error_queue=sqs.Queue.from_queue_arn(stack, "Queue", f"arn:aws:sqs:{HERE}:failed"),
    )
    found = Template(stack).json["Resources"]
    return {name[:-8]: one["Properties"] for name, one in found.items() if one["Type"] == "AWS::IAM::Role"}


def test_there_is_no_role_beyond_those_below(roles: dict[str, dict[str, Any]]) -> None:
    kinds = ("ErrorRole", "S3Role", "S3RuleRole")
    assert sorted(roles) == sorted(f"{name}{kind}" for name in ("Plain", "Rich", "Given") for kind in kinds)


def test_the_rule_may_put_single_records(roles: dict[str, dict[str, Any]]) -> None:
    assert table(roles["PlainS3RuleRole"]) == {("firehose:PutRecord", "<PlainS3Stream.Arn>", "")}


def test_the_rule_may_put_batches_only_in_batch_mode(roles: dict[str, dict[str, Any]]) -> None:
    assert table(roles["RichS3RuleRole"]) == {
        ("firehose:PutRecord", "<RichS3Stream.Arn>", ""),
        ("firehose:PutRecordBatch", "<RichS3Stream.Arn>", ""),
    }


def test_the_error_action_may_send_to_the_queue_and_use_its_key(roles: dict[str, dict[str, Any]]) -> None:
    assert table(roles["PlainErrorRole"]) == {
        ("sqs:SendMessage", "<PlainErrorQueue.Arn>", ""),
        ("kms:Decrypt", "<PlainKey.Arn>", via("sqs")),
        ("kms:GenerateDataKey", "<PlainKey.Arn>", via("sqs")),
    }
    assert table(roles["GivenErrorRole"]) == {("sqs:SendMessage", f"arn:aws:sqs:{HERE}:failed", "")}


def firehose(name: str, bucket: str, key: str, *prefixes: str) -> set[tuple[str, str, str]]:
    log = f"arn:aws:logs:{HERE}:log-group:<{name}S3Log>:log-stream:<{name}S3LogStream>"
    objects = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
    return {
        ("s3:GetBucketLocation", bucket, ""),
        ("s3:ListBucket", bucket, ""),
        ("s3:ListBucketMultipartUploads", bucket, ""),
        *((action, f"{bucket}/{prefix}*", "") for action in objects for prefix in prefixes),
        ("kms:Decrypt", key, via("s3")),
        ("kms:GenerateDataKey", key, via("s3")),
        ("logs:PutLogEvents", log, ""),
    }


def test_the_stream_may_write_under_its_prefixes_only(roles: dict[str, dict[str, Any]]) -> None:
    expected = firehose("Plain", "<PlainS3Bucket.Arn>", "<PlainKey.Arn>", "data/day=", "errors/")
    assert table(roles["PlainS3Role"]) == expected


def test_the_stream_may_call_its_function_and_read_its_table(roles: dict[str, dict[str, Any]]) -> None:
    function = f"arn:aws:lambda:{HERE}:function:f"
    calls = ("lambda:GetFunctionConfiguration", "lambda:InvokeFunction")
    database, entry = "<RichS3Database>", "<RichS3Table>"
    reads = ("glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions")
    tables = ("catalog", f"database/{database}", f"table/{database}/{entry}")
    assert table(roles["RichS3Role"]) == {
        *firehose("Rich", "<RichS3Bucket.Arn>", "<RichKey.Arn>", "iot/", "iot-bad/"),
        *((action, name, "") for action in calls for name in (function, f"{function}:$LATEST")),
        *((action, f"arn:aws:glue:{HERE}:{name}", "") for action in reads for name in tables),
    }


def test_the_stream_may_call_only_the_version_that_was_given(roles: dict[str, dict[str, Any]]) -> None:
    function = f"arn:aws:lambda:{HERE}:function:f:$LATEST"
    assert table(roles["GivenS3Role"]) == {
        *firehose("Given", "arn:aws:s3:::lake", f"arn:aws:kms:{HERE}:key/k", "data/day=", "errors/"),
        ("lambda:GetFunctionConfiguration", function, ""),
        ("lambda:InvokeFunction", function, ""),
    }


def trust(role: dict[str, Any]) -> dict[str, Any]:
    (statement,) = role["AssumeRolePolicyDocument"]["Statement"]
    found: dict[str, Any] = flat(statement)
    return found


@pytest.mark.parametrize("role", ["PlainErrorRole", "PlainS3RuleRole"])
def test_only_rules_of_this_account_assume_the_roles_of_actions(roles: dict[str, dict[str, Any]], role: str) -> None:
    assert trust(roles[role]) == {
        "Effect": "Allow",
        "Principal": {"Service": "iot.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"aws:SourceAccount": "111122223333"},
            "ArnLike": {"aws:SourceArn": f"arn:aws:iot:{HERE}:rule/*"},
        },
    }


def test_only_firehose_of_this_account_assumes_the_role_of_the_stream(roles: dict[str, dict[str, Any]]) -> None:
    assert trust(roles["PlainS3Role"]) == {
        "Effect": "Allow",
        "Principal": {"Service": "firehose.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {
            "StringEquals": {"sts:ExternalId": "111122223333"},
            "StringEqualsIfExists": {"aws:SourceAccount": "111122223333"},
        },
    }


def test_the_key_admits_logs_of_this_account_beside_its_administrators(stack: cdk.Stack, roles: Any) -> None:
    resources = Template(stack).json["Resources"]
    (key,) = (one["Properties"] for name, one in resources.items() if name.startswith("PlainKey"))
    admin, logs = (flat(one) for one in key["KeyPolicy"]["Statement"])
    assert admin["Principal"] == {"AWS": "arn:aws:iam::111122223333:root"}
    assert flat(logs["Principal"]) == {"Service": "logs.eu-west-1.amazonaws.com"}
    assert logs["Condition"] == {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:log-group:*"}}


@pytest.fixture(scope="module")
def ingest() -> IotToFirehose:
    stack = cdk.Stack(cdk.App(), "Publishers", env=ENV)
    return IotToFirehose(stack, "Ingest", topic_filter="fleet/+/telemetry/#", rule_name="fleet")


def topic_of(ingest: IotToFirehose, document: iam.PolicyDocument) -> str:
    (statement,) = cdk.Stack.of(ingest).resolve(document)["Statement"]
    assert statement["Action"] == "iot:Publish"
    found: str = flat(statement["Resource"])
    return found.removeprefix(f"arn:aws:iot:{HERE}:topic/")


def test_a_thing_publishes_under_its_own_name(ingest: IotToFirehose) -> None:
    document = ingest.grant_publish(iam.PolicyDocument())
    assert topic_of(ingest, document) == "fleet/${iot:Connection.Thing.ThingName}/telemetry/*"


def test_the_topic_to_grant_can_be_named(ingest: IotToFirehose) -> None:
    topic = "fleet/${iot:ClientId}/telemetry/now"
    assert topic_of(ingest, ingest.grant_publish(iam.PolicyDocument(), topic=topic)) == topic


def test_basic_ingest_is_granted_by_the_name_of_the_rule(ingest: IotToFirehose) -> None:
    document = ingest.grant_publish(iam.PolicyDocument(), topic="fleet/x/telemetry/y", basic_ingest=True)
    assert topic_of(ingest, document) == "$aws/rules/<IngestRule>/fleet/x/telemetry/y"


def test_an_iam_identity_publishes_to_every_topic_of_the_rule() -> None:
    stack = cdk.Stack(cdk.App(), "Publishers", env=ENV)
    role = iam.Role(stack, "Gateway", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    ingest = IotToFirehose(stack, "Ingest", topic_filter="fleet/+/telemetry/#")
    assert ingest.grant_publish(role).success
    (policy,) = Template(stack).all("AWS::IAM::Policy")
    (statement,) = policy["Properties"]["PolicyDocument"]["Statement"]
    assert statement["Action"] == "iot:Publish"
    assert flat(statement["Resource"]) == f"arn:aws:iot:{HERE}:topic/fleet/*/telemetry/*"


def test_rejects_a_topic_that_the_rule_does_not_hear(ingest: IotToFirehose) -> None:
    with pytest.raises(ValueError, match="must be") as caught:
        ingest.grant_publish(iam.PolicyDocument(), topic="fleet/x/status")
    assert str(caught.value) == (
        "Publishers/Ingest: topic must be a topic that 'fleet/+/telemetry/#' matches, got 'fleet/x/status'; "
        "publish where the rule listens"
    )


@pytest.mark.parametrize("topic_filter", ["a/+/+", "a/#"])
def test_rejects_guessing_where_the_name_of_the_thing_stands(topic_filter: str) -> None:
    ingest = IotToFirehose(cdk.Stack(cdk.App(), "Fleet"), "Ingest", topic_filter=topic_filter)
    with pytest.raises(ValueError, match=r"topic must be given when topic_filter has other wildcards than one \+"):
        ingest.grant_publish(iam.PolicyDocument())


def test_rejects_guessing_the_topic_of_a_statement_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    ingest = IotToFirehose(stack, "Ingest", sql=cdk.CfnParameter(stack, "Sql").value_as_string)
    with pytest.raises(ValueError, match="topic must be given when the topic filter is not known"):
        ingest.grant_publish(iam.PolicyDocument())


@pytest.mark.parametrize("grantee", [None, "role"])
def test_rejects_a_grantee_of_another_kind(ingest: IotToFirehose, grantee: Any) -> None:
    with pytest.raises(ValueError, match="grantee must be an IGrantable or a PolicyDocument, got"):
        ingest.grant_publish(grantee)


@pytest.mark.parametrize(
    ("topic", "rule"),
    [
        ("fleet/+/telemetry/x", "a topic without \\+ and #, which mean nothing in a policy"),
        ("fleet/x/telemetry/#", "a topic without \\+ and #"),
        (5, "text"),
    ],
)
def test_rejects_a_topic_that_would_admit_nothing(ingest: IotToFirehose, topic: Any, rule: str) -> None:
    with pytest.raises(ValueError, match=f"^Publishers/Ingest: topic must be {rule}"):
        ingest.grant_publish(iam.PolicyDocument(), topic=topic)


def test_rejects_variables_of_things_in_a_policy_of_iam(ingest: IotToFirehose) -> None:
    role = iam.Role(cdk.Stack.of(ingest), "Other", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    with pytest.raises(ValueError, match="topic must be free of variables of AWS IoT policies"):
        ingest.grant_publish(role, topic="fleet/${iot:ClientId}/telemetry/x")


def test_a_reader_of_a_given_bucket_can_use_the_key_of_the_objects() -> None:
    stack = cdk.Stack(cdk.App(), "Readers", env=ENV)
    ingest = IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[S3Sink(bucket=s3.Bucket(stack, "Lake"))])
    reader = iam.Role(stack, "Reader", assumed_by=iam.ServicePrincipal("ec2.amazonaws.com"))
    assert ingest.deliveries["S3"].grant_read(reader).success
    (policy,) = Template(stack).all("AWS::IAM::Policy")
    allowed = {
        (action, flat(resource))
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        for action in listed(statement["Action"])
        for resource in listed(statement["Resource"])
    }
    assert ("kms:Decrypt", "<IngestKey.Arn>") in allowed
    assert ("s3:GetObject*", "<Lake.Arn>/*") in allowed


def test_a_prefix_known_at_deployment_only_opens_no_narrower_place_than_the_bucket() -> None:
    stack = cdk.Stack(cdk.App(), "Late", env=ENV)
    prefix = cdk.CfnParameter(stack, "Prefix").value_as_string
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[S3Sink(prefix=prefix, error_prefix=f"bad/{prefix}")])
    (role,) = (one for one in Template(stack).all("AWS::IAM::Role") if "s3:PutObject" in str(one))
    written = {resource for action, resource, _ in rows(role["Properties"]) if action == "s3:PutObject"}
    assert written == {"<IngestS3Bucket.Arn>/*"}


def test_a_qualified_function_that_is_imported_is_called_by_that_name_only() -> None:
    stack = cdk.Stack(cdk.App(), "Live", env=ENV)
    arn = f"arn:aws:lambda:{HERE}:function:f:live"
    function = lambda_.Function.from_function_arn(stack, "Fn", arn)
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=[S3Sink(transform=function)])
    (role,) = (one for one in Template(stack).all("AWS::IAM::Role") if "lambda:" in str(one))
    assert {resource for action, resource, _ in rows(role["Properties"]) if "lambda:" in action} == {arn}
