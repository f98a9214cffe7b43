"""The actions of AWS IoT rules in the sandbox: each arrives, is asked for its permissions, and fails as on AWS."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any
from uuid import uuid4

import pytest
from ministack.services import iot

from sandbox.adapters import iot_actions
from sandbox.operations import body, denied, keys, waiting
from sandbox.process import Sandbox
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .rules import NEEDS, STACK, Site, arn, role, targets, template
from .test_ses import ACCOUNT
from .test_ses_stacks import get, resource

KINDS = {"Columns": "DynamoDBv2", "Pairs": "DynamoDB", "States": "StepFunctions"}


@pytest.fixture(scope="module")
def site(sandbox: Sandbox) -> Iterator[Site]:
    run = Run(sandbox)
    with deployed(run, STACK, template()):
        yield Site(run)


def metric(run: Run, name: str, **dimensions: str) -> float:
    found = run.client("cloudwatch").get_metric_statistics(
        Namespace="AWS/Lambda" if "FunctionName" in dimensions else "AWS/IoT",
        MetricName=name,
        Dimensions=[{"Name": name, "Value": value} for name, value in dimensions.items()],
        StartTime="2020-01-01T00:00:00Z",
        EndTime="2100-01-01T00:00:00Z",
        Period=3600,
        Statistics=["Sum"],
    )["Datapoints"]
    return float(sum(point["Sum"] for point in found))


def test_each_action_arrives_with_its_templates_replaced(site: Site) -> None:
    run, device = site.run, uuid4().hex
    message = {"id": 7, "where": {"hall": [1, 2.5, None, True]}, "text": "ö"}
    whole = {**message, "device": device}
    before = metric(run, "Invocations", FunctionName=site.named("Lambda::Function"))
    site.send(f"plant/{device}/telemetry", message)
    assert run.wait("the queue", lambda: waiting(run, site.queue("Queue"))) == [whole]
    assert run.wait("the topic", lambda: waiting(run, site.queue("Heard"))) == [whole]
    kinesis, stream = run.client("kinesis"), site.named("Kinesis::Stream")
    shard = kinesis.list_shards(StreamName=stream)["Shards"][0]["ShardId"]
    at = kinesis.get_shard_iterator(StreamName=stream, ShardId=shard, ShardIteratorType="TRIM_HORIZON")
    (record,) = kinesis.get_records(ShardIterator=at["ShardIterator"])["Records"]
    assert (record["PartitionKey"], json.loads(record["Data"])) == (f"{device}-7", whole)
    for name, prefix in (("Machine", "run-7-"), ("Express", "")):
        states = run.client("stepfunctions")
        machine = site.named("StepFunctions::StateMachine", name)
        (execution,) = states.list_executions(stateMachineArn=machine)["executions"]
        assert len(execution["name"]) == len(prefix) + 36
        assert execution["name"].startswith(prefix)
        assert json.loads(states.describe_execution(executionArn=execution["executionArn"])["input"]) == whole
    dynamodb = run.client("dynamodb")
    (columns,) = dynamodb.scan(TableName=site.named("DynamoDB::Table", "Table"))["Items"]
    hall = {"L": [{"N": "1"}, {"N": "2.5"}, {"NULL": True}, {"BOOL": True}]}
    assert columns == {"id": {"N": "7"}, "where": {"M": {"hall": hall}}, "text": {"S": "ö"}, "device": {"S": device}}
    (pair,) = dynamodb.scan(TableName=site.named("DynamoDB::Table", "Pair"))["Items"]
    assert (pair["device"], pair["id"], pair["payload"]) == ({"S": device}, {"N": "7"}, {"M": columns})
    (again,) = run.wait("the republished", lambda: waiting(run, site.queue("Out")))
    assert again == {**whole, "at": f"out/{device}"}
    bucket = site.named("S3::Bucket")
    (key,) = keys(run, bucket, f"raw/plant/{device}/telemetry/20")
    assert json.loads(body(run, bucket, key)) == whole
    assert run.client("s3").head_object(Bucket=bucket, Key=key)["ServerSideEncryption"] == "aws:kms"
    run.wait("the function", lambda: metric(run, "Invocations", FunctionName=site.named("Lambda::Function")) > before)
    assert waiting(run, site.errors) == []
    assert metric(run, "Success", RuleName=site.named("IoT::TopicRule", "Rule"), ActionType="DynamoDBv2") == 1


PERMISSIONS = [(name, action) for name, (own, of_key) in NEEDS.items() for action in (own, *of_key)]


@pytest.mark.parametrize(("name", "action"), PERMISSIONS)
def test_without_one_permission_the_action_fails_alone_and_says_so(site: Site, name: str, action: str) -> None:
    with denied(site.run, site.role(name), [action]):
        site.send()
        failures = site.refused()
    assert len(failures) == (2 if name == "States" else 1)
    for failure in failures:
        assert failure["failedAction"] == f"{KINDS.get(name, name)}Action"
        assert f"not authorized to perform: {action} on resource" in failure["errorMessage"]
        assert failure["failedResource"]


def test_a_function_without_its_permission_fails_and_several_failures_are_one_message(site: Site) -> None:
    run, name = site.run, site.named("Lambda::Function")
    policy = json.loads(run.client("lambda").get_policy(FunctionName=name)["Policy"])["Statement"][0]
    run.client("lambda").remove_permission(FunctionName=name, StatementId=policy["Sid"])
    try:
        with denied(run, site.role("S3"), ["s3:PutObject"]), denied(run, site.role("Sqs"), ["sqs:SendMessage"]):
            site.send()
            failures = site.refused()
    finally:
        source = {"SourceAccount": ACCOUNT, "SourceArn": arn("iot", f"rule/{site.named('IoT::TopicRule', 'Rule')}")}
        given = {"Action": "lambda:InvokeFunction", "Principal": "iot.amazonaws.com", **source}
        run.client("lambda").add_permission(FunctionName=name, StatementId=policy["Sid"], **given)
    assert [one["failedAction"] for one in failures] == ["LambdaAction", "SqsAction", "S3Action"]
    assert failures[0]["failedResource"].endswith(name)
    assert failures[2]["failedResource"] == site.named("S3::Bucket")


def test_a_disabled_key_fails_what_is_encrypted_with_it(site: Site) -> None:
    kms, key = site.run.client("kms"), site.named("KMS::Key")
    kms.disable_key(KeyId=key)
    try:
        site.send()
        failed = [one["failedAction"] for one in site.refused()]
    finally:
        kms.enable_key(KeyId=key)
    assert failed == [f"{one}Action" for one in ("Sqs", "Sns", "Kinesis", "StepFunctions", "DynamoDBv2", "S3")]


def test_what_a_function_fails_on_goes_to_its_own_destination_and_not_to_the_error_action(site: Site) -> None:
    run = site.run
    site.send(payload={"id": 3, "fail": True})
    (told,) = run.wait("the destination", lambda: waiting(run, site.failed))
    run.client("sqs").purge_queue(QueueUrl=site.failed)
    assert told["requestPayload"] == {"id": 3, "fail": True, "device": "7"}
    assert (told["requestContext"]["condition"], told["requestContext"]["approximateInvokeCount"]) == (
        "RetriesExhausted",
        2,
    )
    assert told["responsePayload"]["errorMessage"] == "it fails"
    assert waiting(run, site.errors) == []
    with denied(run, site.role("Function"), ["sqs:SendMessage"]):
        site.send(payload={"id": 4, "fail": True})
        name = site.named("Lambda::Function")
        run.wait("the count", lambda: metric(run, "DestinationDeliveryFailures", FunctionName=name) == 1)
    assert waiting(run, site.failed) == []


def test_an_alias_has_its_own_permission_and_its_own_destination(site: Site) -> None:
    run, name = site.run, site.named("Lambda::Function")
    client = run.client("lambda")
    version = client.publish_version(FunctionName=name)["Version"]
    alias = client.create_alias(FunctionName=name, Name="live", FunctionVersion=version)["AliasArn"]
    with site.rule("SELECT * FROM 'alias'", {"lambda": {"functionArn": alias}}):
        site.send("alias", {"fail": 1})
        assert "lambda:InvokeFunction on resource" in site.refused()[0]["errorMessage"]
        given = {"Action": "lambda:InvokeFunction", "Principal": "iot.amazonaws.com", "SourceAccount": ACCOUNT}
        client.add_permission(FunctionName=name, Qualifier="live", StatementId="live", **given)
        target = run.client("sqs").get_queue_attributes(QueueUrl=site.failed, AttributeNames=["QueueArn"])
        destination = {"OnFailure": {"Destination": target["Attributes"]["QueueArn"]}}
        own = {"FunctionName": name, "Qualifier": "live", "MaximumRetryAttempts": 0}
        client.put_function_event_invoke_config(**own, DestinationConfig=destination)
        site.send("alias", {"fail": 2})
        (told,) = run.wait("the destination", lambda: waiting(run, site.failed))
        assert told["requestPayload"] == {"fail": 2}
    run.client("sqs").purge_queue(QueueUrl=site.failed)


Action = Callable[[Site], dict[str, Any]]
FAILURES: list[tuple[str, Action, Any, str]] = [
    ("queue.fifo", lambda site: site.acting("sqs", "Error", queueUrl=fifo(site)), {}, "MessageGroupId"),
    ("topic.fifo", lambda site: site.acting("sns", "Sns", targetArn=fifo_topic(site)), {}, "MessageGroupId"),
    ("template", lambda site: shard(site, "${nothing}"), {}, "Undefined result of the substitution template"),
    ("alias", lambda site: shard(site, "${device}"), {}, "Undefined result of the substitution template"),
    ("empty key", lambda site: shard(site, "${text}"), {"text": ""}, "PartitionKey"),
    ("bytes", lambda site: queue(site), b"\xff", "InvalidMessageContents"),
    ("control", lambda site: queue(site), b"\x00", "InvalidMessageContents"),
    ("sns json", lambda site: topic(site), {"id": 1}, "No default entry in JSON message body"),
    ("prefix", lambda site: machine(site, "a/b"), {}, "InvalidName"),
    ("long prefix", lambda site: machine(site, "a" * 45), {}, "InvalidName"),
    ("no JSON", lambda site: machine(site, "a"), b"21", ""),
    ("no input", lambda site: machine(site, "a"), b"hot", "InvalidExecutionInput"),
    ("no key", lambda site: columns(site), {"id": 1}, "Missing the key device"),
    ("key's type", lambda site: columns(site), {"device": 1}, "device"),
    ("array", lambda site: columns(site), [{"device": "a"}], "must be an object"),
    ("pair's type", lambda site: pairs(site, "STRING"), {"id": "x"}, "id"),
    ("no number", lambda site: pairs(site, "NUMBER"), {"id": "x"}, "ValidationException"),
    ("reserved", lambda site: republish(site, "$aws/rules/other"), {}, "a reserved topic begins with"),
    ("wildcard", lambda site: republish(site, "out/${text}"), {"text": "#"}, "cannot be published"),
    ("expiry", lambda site: republish(site, "out/a", messageExpiry="soon"), {}, "invalid literal"),
    ("key's length", lambda site: stored(site, "raw/" + "a" * 1021), {}, "1 to 1024 bytes"),
    ("ACL", lambda site: stored(site, "raw/a", cannedAcl="public-read"), {}, "s3:PutObjectAcl"),
    ("no function", lambda _: {"lambda": {"functionArn": arn("lambda", "function:none")}}, {}, "Function not found"),
]


def fifo(site: Site) -> str:
    url: str = site.run.client("sqs").create_queue(QueueName="actions.fifo", Attributes={"FifoQueue": "true"})[
        "QueueUrl"
    ]
    return url


def fifo_topic(site: Site) -> str:
    made: str = site.run.client("sns").create_topic(Name="actions.fifo", Attributes={"FifoTopic": "true"})["TopicArn"]
    return made


def queue(site: Site, **more: Any) -> dict[str, Any]:
    return site.acting("sqs", "Sqs", queueUrl=site.queue("Queue"), **more)


def shard(site: Site, key: str) -> dict[str, Any]:
    return site.acting("kinesis", "Kinesis", streamName=site.named("Kinesis::Stream"), partitionKey=key)


def topic(site: Site) -> dict[str, Any]:
    return site.acting("sns", "Sns", targetArn=site.named("SNS::Topic"), messageFormat="JSON")


def machine(site: Site, prefix: str) -> dict[str, Any]:
    name = site.named("StepFunctions::StateMachine", "Express").rpartition(":")[2]
    return site.acting("stepFunctions", "States", stateMachineName=name, executionNamePrefix=prefix)


def columns(site: Site) -> dict[str, Any]:
    return site.acting("dynamoDBv2", "Columns", putItem={"tableName": site.named("DynamoDB::Table", "Table")})


def pairs(site: Site, kind: str) -> dict[str, Any]:
    own = {"hashKeyField": "device", "hashKeyValue": "a", "rangeKeyField": "id", "rangeKeyType": kind}
    table = site.named("DynamoDB::Table", "Pair")
    return site.acting("dynamoDB", "Pairs", tableName=table, **own, rangeKeyValue="${id}")


def republish(site: Site, to: str, **headers: Any) -> dict[str, Any]:
    return site.acting("republish", "Republish", topic=to, qos=0, **({"headers": headers} if headers else {}))


def stored(site: Site, key: str, **more: Any) -> dict[str, Any]:
    return site.acting("s3", "S3", bucketName=site.named("S3::Bucket"), key=key, **more)


@pytest.mark.parametrize(
    ("action", "payload", "why"), [case[1:] for case in FAILURES], ids=[one[0] for one in FAILURES]
)
def test_a_message_that_a_target_cannot_take_goes_to_the_error_action(
    site: Site, action: Action, payload: Any, why: str
) -> None:
    with site.rule("SELECT * FROM 'edge'", action(site)):
        site.send("edge", payload)
        if why:
            (failure,) = site.refused()
            assert why in failure["errorMessage"]
        else:
            assert waiting(site.run, site.errors) == []


def test_what_is_no_json_is_passed_on_as_it_is_or_as_base64(site: Site) -> None:
    out = site.queue("Out")
    site.run.client("sqs").purge_queue(QueueUrl=out)
    where = {"queueUrl": out}
    bucket = site.named("S3::Bucket")
    with site.rule(
        "SELECT * FROM 'raw'",
        site.acting("sqs", "Error", **where, useBase64=True),
        stored(site, "raw/${replace(topic(), 'raw', 'bytes')}"),
        {"lambda": {"functionArn": arn("lambda", f"function:{site.named('Lambda::Function')}")}},
    ):
        site.send("raw", b"21.5;\xff")
        (failure,) = site.refused()
    assert failure["failedAction"] == "LambdaAction"
    (message,) = site.run.client("sqs").receive_message(QueueUrl=out)["Messages"]
    site.run.client("sqs").purge_queue(QueueUrl=out)
    assert base64.b64decode(message["Body"]) == body(site.run, bucket, "raw/bytes") == b"21.5;\xff"


def test_a_message_with_a_default_is_published_with_its_structure(site: Site) -> None:
    heard = site.queue("Heard")
    site.run.client("sqs").purge_queue(QueueUrl=heard)
    with site.rule("SELECT * FROM 'json'", topic(site)):
        site.send("json", {"default": "{}", "sqs": '{"for": "queues"}'})
        assert site.run.wait("the topic", lambda: waiting(site.run, heard)) == [{"for": "queues"}]
    site.run.client("sqs").purge_queue(QueueUrl=heard)


def test_a_message_can_be_handed_to_another_rule_and_rules_that_go_round_are_cut_off(site: Site) -> None:
    ping, pong = republish(site, "out/${'pong'}"), republish(site, "out/ping/of")
    with site.rule("SELECT * FROM 'out/pong'", pong), site.rule("SELECT * FROM 'out/ping/of'", ping):
        site.send("out/ping/of", {"id": 1})
        (failure,) = site.refused()
    assert "rules go round in circles" in failure["errorMessage"]
    site.run.client("sqs").purge_queue(QueueUrl=site.queue("Out"))
    then = site.named("IoT::TopicRule", "Then")
    with site.rule("SELECT * FROM 'chain'", republish(site, f"$$aws/rules/{then}/out/basic")):
        site.send("chain", {"id": 2})
        out = site.queue("Out")
        assert site.run.wait("the other rule", lambda: waiting(site.run, out)) == [{"id": 2, "at": "out/basic"}]
    site.run.client("sqs").purge_queue(QueueUrl=site.queue("Out"))


def test_headers_of_republished_messages_are_properties_of_mqtt_5() -> None:
    headers = {
        "payloadFormatIndicator": "UTF8_DATA",
        "messageExpiry": "60",
        "contentType": "text/plain",
        "responseTopic": "back",
        "correlationData": "AQI=",
        "userProperties": [{"key": "site", "value": "7"}],
    }
    properties, _ = iot._decode_properties(iot_actions._properties(headers), 0)
    values = [value for _, value in properties]
    assert values == [1, 60, "text/plain", "back", b"\x01\x02", ("site", "7")]
    assert iot_actions._properties({}) == b""


@pytest.mark.parametrize(
    ("name", "more", "why"),
    [
        ("Async", {"DestinationConfig": {"OnFailure": {"Destination": "QUEUE"}}}, "permissions to call SendMessage on"),
        ("Admits", {"FunctionName": "nobody"}, "Function not found: nobody"),
    ],
)
def test_what_lambda_refuses_about_a_function_fails_the_stack(run: Run, name: str, more: Any, why: str) -> None:
    parts = targets()
    wanted = {one: parts[one] for one in ("Function", "Errors", name)}
    given = json.loads(json.dumps(more).replace('"QUEUE"', json.dumps(get("Errors"))))
    wanted[name]["Properties"] |= given | ({"SourceArn": arn("iot", "rule/r")} if name == "Admits" else {})
    none = role("lambda.amazonaws.com", ("none:None", "*"))
    with pytest.raises(Broken, match=why), deployed(run, "Refused", {"Resources": {**wanted, "FunctionRole": none}}):
        pass


def test_a_second_stack_cannot_set_what_becomes_of_a_functions_events(site: Site) -> None:
    again = {**targets()["Async"]["Properties"], "FunctionName": site.named("Lambda::Function")}
    again.pop("DestinationConfig")
    stack = {"Resources": {"Again": resource("Lambda::EventInvokeConfig", **again)}}
    with pytest.raises(Broken, match="already exists"), deployed(site.run, "Again", stack):
        pass
