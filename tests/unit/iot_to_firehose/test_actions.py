"""What a rule is told of its further actions, and what exactly each of them may do."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import (
    DynamoDbAction,
    IotToFirehose,
    KinesisAction,
    LambdaAction,
    RepublishAction,
    S3Action,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
)
from cdk_refarch.iot_to_firehose.rule_action import RuleAction
from tests.conftest import FLAGS, Synthesized
from tests.unit.environments import Later, checked_app, refers
from tests.unit.grants import USE, grants, via
from tests.unit.scenes import Scene
from tests.unit.templates import Template, flat

ENV = cdk.Environment(account="111122223333", region="eu-west-1")
HERE = "eu-west-1:111122223333"
FILTER = "fleet/+/telemetry"


def function_in(scope: cdk.Stack, id: str = "Function", **given: Any) -> lambda_.Function:
    code, runtime = lambda_.Code.from_inline("h = print"), lambda_.Runtime.PYTHON_3_13
    return lambda_.Function(scope, id, code=code, handler="index.h", runtime=runtime, **given)


def all_actions(scope: cdk.Stack) -> list[RuleAction]:
    """One action of each kind, each on a target of its own that is encrypted with a key."""
    key = kms.Key(scope, "Key")
    body = sfn.DefinitionBody.from_chainable(sfn.Pass(scope, "Pass"))
    device = dynamodb.Attribute(name="device", type=dynamodb.AttributeType.STRING)
    return [
        LambdaAction(function=function_in(scope)),
        SqsAction(queue=sqs.Queue(scope, "Queue", encryption_master_key=key)),
        SnsAction(topic=sns.Topic(scope, "Topic", master_key=key)),
        KinesisAction(stream=kinesis.Stream(scope, "Stream", encryption_key=key)),
        StepFunctionsAction(state_machine=sfn.StateMachine(scope, "Machine", definition_body=body), name_prefix="iot-"),
        DynamoDbAction(table=dynamodb.Table(scope, "Table", partition_key=device, encryption_key=key)),
        RepublishAction(topic="alerts/${topic(2)}"),
        S3Action(bucket=s3.Bucket(scope, "Bucket", encryption_key=key), key="raw/${newuuid()}"),
    ]


def scene(actions: list[RuleAction], stack: cdk.Stack, **given: Any) -> Scene:
    made = IotToFirehose(stack, "Ingest", topic_filter=FILTER, actions=actions, **given)
    return Scene(made, Template(stack))


def told(found: Scene) -> list[dict[str, Any]]:
    """What the rule is told of its actions, but for the first one of Firehose."""
    actions: list[dict[str, Any]] = found.of(found.made.rule)["TopicRulePayload"]["Actions"]
    return actions[1:]


def warnings(stack: cdk.Stack) -> list[str]:
    found = Annotations.from_stack(stack).find_warning("*", Match.any_value())
    return [str(one.entry.data) for one in found]


@pytest.fixture(scope="module")
def full() -> Scene:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    return scene(all_actions(stack), stack)


def test_the_rule_is_told_each_target_and_its_role(full: Scene) -> None:
    def role(id: str) -> str:
        return f"<Ingest{id}Role.Arn>"

    assert told(full) == [
        {"Lambda": {"FunctionArn": "<Function.Arn>"}},
        {"Sqs": {"QueueUrl": "<Queue>", "RoleArn": role("Sqs"), "UseBase64": False}},
        {"Sns": {"TargetArn": "<Topic>", "RoleArn": role("Sns"), "MessageFormat": "RAW"}},
        {"Kinesis": {"StreamName": "<Stream>", "RoleArn": role("Kinesis"), "PartitionKey": "${newuuid()}"}},
        {
            "StepFunctions": {
                "StateMachineName": "<Machine.Name>",
                "RoleArn": role("StepFunctions"),
                "ExecutionNamePrefix": "iot-",
            }
        },
        {"DynamoDBv2": {"PutItem": {"TableName": "<Table>"}, "RoleArn": role("DynamoDb")}},
        {"Republish": {"Topic": "alerts/${topic(2)}", "RoleArn": role("Republish"), "Qos": 1}},
        {"S3": {"BucketName": "<Bucket>", "Key": "raw/${newuuid()}", "RoleArn": role("S3Object")}},
    ]


KEY = "<Key.Arn>"
MAY = {
    "Sqs": grants("<Queue.Arn>", "sqs:SendMessage") | grants(KEY, *USE, when=via("sqs", "eu-west-1")),
    "Sns": grants("<Topic>", "sns:Publish") | grants(KEY, *USE, when=via("sns", "eu-west-1")),
    "Kinesis": grants("<Stream.Arn>", "kinesis:PutRecord")
    | grants(KEY, "kms:GenerateDataKey", when=via("kinesis", "eu-west-1")),
    "StepFunctions": grants("<Machine>", "states:StartExecution"),
    "DynamoDb": grants("<Table.Arn>", "dynamodb:PutItem") | grants(KEY, *USE, when=via("dynamodb", "eu-west-1")),
    "Republish": grants(f"arn:aws:iot:{HERE}:topic/alerts/*", "iot:Publish"),
    "S3Object": grants("<Bucket.Arn>/raw/*", "s3:PutObject") | grants(KEY, *USE, when=via("s3", "eu-west-1")),
}


@pytest.mark.parametrize("id", MAY)
def test_each_role_may_do_one_thing_with_its_target_and_use_its_key(full: Scene, id: str) -> None:
    assert full.may(f"{id}/Role") == MAY[id]


@pytest.mark.parametrize("id", MAY)
def test_only_rules_of_this_account_assume_the_role_of_an_action(full: Scene, id: str) -> None:
    (statement,) = full.of(full.named(f"{id}/Role"))["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Principal"] == {"Service": "iot.amazonaws.com"}
    assert statement["Condition"] == {
        "StringEquals": {"aws:SourceAccount": "111122223333"},
        "ArnLike": {"aws:SourceArn": f"arn:aws:iot:{HERE}:rule/*"},
    }


def test_the_role_of_a_named_rule_is_for_that_rule() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    found = scene([SqsAction(queue=sqs.Queue(stack, "Queue"))], stack, rule_name="fleet")
    (statement,) = found.of(found.named("Sqs/Role"))["AssumeRolePolicyDocument"]["Statement"]
    assert statement["Condition"]["ArnLike"] == {"aws:SourceArn": f"arn:aws:iot:{HERE}:rule/fleet"}


def test_only_the_rule_may_call_the_function(full: Scene) -> None:
    assert full.all("AWS::Lambda::Permission") == [
        {
            "Action": "lambda:InvokeFunction",
            "FunctionName": "<Function.Arn>",
            "Principal": "iot.amazonaws.com",
            "SourceAccount": "111122223333",
            "SourceArn": "<IngestRule.Arn>",
        }
    ]


def test_what_a_function_fails_on_goes_to_the_error_queue_once_its_role_may_send_there(full: Scene) -> None:
    config = full.template.resource(full.named("Lambda/Failures"))
    assert flat(config["Properties"]) == {
        "FunctionName": "<Function>",
        "Qualifier": "$LATEST",
        "DestinationConfig": {"OnFailure": {"Destination": "<IngestErrorQueue.Arn>"}},
    }
    policy = full.named("Lambda/FailuresPolicy")
    assert config["DependsOn"] == [full.template.resolve(policy.node.default_child.logical_id)]
    assert full.of(policy)["Roles"] == ["<FunctionServiceRole>"]
    assert full.of(policy)["PolicyDocument"]["Statement"] == [
        {"Action": "sqs:SendMessage", "Effect": "Allow", "Resource": "<IngestErrorQueue.Arn>"},
        {
            "Action": list(USE),
            "Effect": "Allow",
            "Resource": "<IngestKey.Arn>",
            "Condition": {"StringEquals": {"kms:ViaService": "sqs.eu-west-1.amazonaws.com"}},
        },
    ]


def test_nobody_is_warned_of_targets_that_the_app_owns(full: Scene) -> None:
    assert warnings(cdk.Stack.of(full.made)) == []


def qualified(stack: cdk.Stack, kind: str) -> lambda_.IFunction:
    version = function_in(stack).current_version
    return version if kind == "version" else lambda_.Alias(stack, "Live", alias_name="live", version=version)


@pytest.mark.parametrize("kind", ["version", "alias"])
def test_a_version_or_an_alias_is_called_and_configured_as_such(kind: str) -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    function = qualified(stack, kind)
    found = scene([LambdaAction(function=function)], stack)
    arn = stack.resolve(function.function_arn)
    rule = found.template.of(found.made.rule)["TopicRulePayload"]["Actions"][1]
    assert rule == {"Lambda": {"FunctionArn": arn}}
    assert found.template.of(found.named("Lambda/Permission"))["FunctionName"] == arn
    config = found.template.of(found.named("Lambda/Failures"))
    assert config["Qualifier"] == {"Fn::Select": [7, {"Fn::Split": [":", arn]}]}
    assert flat(config["FunctionName"]) == "<Function>"


def test_a_given_error_queue_with_a_key_of_aws_needs_no_more_than_sending() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    queue = sqs.Queue(stack, "Failed", encryption=sqs.QueueEncryption.KMS_MANAGED)
    found = scene([LambdaAction(function=function_in(stack))], stack, error_queue=queue)
    (statement,) = found.of(found.named("Lambda/FailuresPolicy"))["PolicyDocument"]["Statement"]
    assert statement == {"Action": "sqs:SendMessage", "Effect": "Allow", "Resource": "<Failed.Arn>"}


FAILURES = (
    "AWS IoT calls functions asynchronously and does not hear of their failures. The given function {} an on-failure "
    "destination or a dead-letter queue, with an alarm: "
    "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html "
    "[ack: cdk-refarch:function-failures]"
)


def test_a_function_with_a_place_for_failed_events_keeps_it() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    kept = function_in(stack, "Dead", dead_letter_queue_enabled=True)
    sent = function_in(stack, "Sent", on_failure=None)
    lambda_.CfnEventInvokeConfig(
        stack,
        "Config",
        function_name=sent.function_name,
        qualifier="$LATEST",
        destination_config=lambda_.CfnEventInvokeConfig.DestinationConfigProperty(
            on_failure=lambda_.CfnEventInvokeConfig.OnFailureProperty(destination="arn:aws:sqs:eu-west-1:1:q")
        ),
    )
    found = scene([LambdaAction(function=kept), LambdaAction(function=sent, id="Second")], stack)
    assert len(found.all("AWS::Lambda::EventInvokeConfig")) == 1
    assert warnings(stack) == []


@pytest.mark.parametrize("kind", ["function", "alias"])
def test_a_configuration_that_loses_events_is_not_made_twice_but_told_of(kind: str) -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    function = function_in(stack) if kind == "function" else qualified(stack, kind)
    function.configure_async_invoke(retry_attempts=0)
    found = scene([LambdaAction(function=function)], stack)
    assert len(found.all("AWS::Lambda::EventInvokeConfig")) == 1
    where = f"Fleet/{'Function' if kind == 'function' else 'Live'}/EventInvokeConfig/Resource"
    assert warnings(stack) == [FAILURES.format(f"has a configuration at {where} that loses events. It needs")]


def test_an_imported_function_is_admitted_and_told_of() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    arn = f"arn:aws:lambda:{HERE}:function:f:live"
    found = scene([LambdaAction(function=lambda_.Function.from_function_arn(stack, "Fn", arn))], stack)
    assert [one["FunctionName"] for one in found.all("AWS::Lambda::Permission")] == [arn]
    assert found.all("AWS::Lambda::EventInvokeConfig") == []
    lost = "is not of this app. Events that it fails on are lost, unless it has"
    assert warnings(stack) == [FAILURES.format(lost)]


def test_a_function_of_the_app_in_another_account_is_not_configured_from_here() -> None:
    app = cdk.App()
    there = cdk.Stack(app, "There", env=cdk.Environment(account="444455556666", region="eu-west-1"))
    fleet = cdk.Stack(app, "Fleet", env=ENV)
    found = scene([LambdaAction(function=function_in(there, function_name="f"))], fleet)
    assert found.all("AWS::Lambda::EventInvokeConfig") == []
    assert len(warnings(fleet)) == 2


def test_targets_of_another_account_are_told_of() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    there = "eu-west-1:444455556666"
    function = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{there}:function:f")
    bucket = s3.Bucket.from_bucket_attributes(stack, "Lake", bucket_name="lake", account="444455556666")
    actions: list[RuleAction] = [
        LambdaAction(function=function),
        SqsAction(queue=sqs.Queue.from_queue_arn(stack, "Queue", f"arn:aws:sqs:{there}:q")),
        SnsAction(topic=sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{there}:t")),
        S3Action(bucket=bucket),
    ]
    found = scene(actions, stack)
    assert found.all("AWS::Lambda::Permission") == []
    texts = warnings(stack)
    ids = [text.rpartition("[ack: ")[2].removesuffix("]") for text in texts]
    policies = [f"cdk-refarch:{one}-policy" for one in ("bucket", "function", "queue", "topic")]
    assert sorted(ids) == sorted([*policies, "cdk-refarch:function-failures"])
    (queue,) = (text for text in texts if "queue-policy" in text)
    assert queue.startswith(
        "The policy of the given queue belongs to another account and cannot be changed by this app. It must allow "
        "sqs:SendMessage to the role Fleet/Ingest/Sqs/Role, and"
    )


def test_a_key_of_aws_needs_no_permission() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    alias = kms.Alias.from_alias_name(stack, "Alias", "alias/aws/sns")
    actions: list[RuleAction] = [
        SqsAction(queue=sqs.Queue(stack, "Queue", encryption=sqs.QueueEncryption.KMS_MANAGED)),
        SnsAction(topic=sns.Topic(stack, "Topic", master_key=alias)),
        KinesisAction(stream=kinesis.Stream(stack, "Stream", encryption=kinesis.StreamEncryption.MANAGED)),
    ]
    found = scene(actions, stack)
    for id in ("Sqs", "Sns", "Kinesis"):
        assert [action for action, *_ in found.may(f"{id}/Role") if action.startswith("kms:")] == []


def test_every_header_of_a_republished_message_is_passed_on() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    action = RepublishAction(
        topic="$$aws/things/${topic(2)}/shadow/update",
        qos=0,
        content_type="application/json",
        payload_format="UTF8_DATA",
        response_topic="answers/${clientid()}",
        correlation_data="aGVsbG8=",
        message_expiry=cdk.Duration.minutes(2),
        user_properties={"source": "${traceid()}"},
    )
    found = scene([action], stack)
    (republish,) = (one["Republish"] for one in told(found))
    assert (republish["Topic"], republish["Qos"]) == ("$$aws/things/${topic(2)}/shadow/update", 0)
    assert republish["Headers"] == {
        "ContentType": "application/json",
        "PayloadFormatIndicator": "UTF8_DATA",
        "ResponseTopic": "answers/${clientid()}",
        "CorrelationData": "aGVsbG8=",
        "MessageExpiry": "120",
        "UserProperties": [{"Key": "source", "Value": "${traceid()}"}],
    }
    resource = f"arn:aws:iot:{HERE}:topic/$aws/things/*/shadow/update"
    assert found.may("Republish/Role") == grants(resource, "iot:Publish")


def test_an_imported_state_machine_is_known_by_its_name() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    arn = f"arn:aws:states:{HERE}:stateMachine:m"
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Machine", arn)
    found = scene([StepFunctionsAction(state_machine=machine)], stack)
    (start,) = (one["StepFunctions"] for one in told(found))
    assert start == {"StateMachineName": "m", "RoleArn": "<IngestStepFunctionsRole.Arn>"}
    assert found.may("StepFunctions/Role") == grants(arn, "states:StartExecution")


def test_a_rule_with_every_action_has_no_open_findings(tmp_path: Path) -> None:
    app = checked_app(FLAGS, tmp_path)
    targets, fleet = cdk.Stack(app, "Targets", env=ENV), cdk.Stack(app, "Fleet", env=ENV)
    scene(all_actions(targets), fleet)
    app.synth()
    reports = Synthesized(app, tmp_path).reports
    text = json.dumps([one for report in reports for one in report.get("violations", [])])
    assert "Targets/" in text
    assert "Fleet/Ingest" not in text


def test_targets_may_live_in_another_stack_which_needs_nothing_of_the_rule() -> None:
    app = cdk.App()
    shared, fleet = cdk.Stack(app, "Shared"), cdk.Stack(app, "Fleet")
    IotToFirehose(fleet, "Ingest", topic_filter=FILTER, actions=all_actions(shared))
    assert refers(fleet)
    assert not refers(shared)


def test_two_rules_of_a_stack_may_have_the_same_targets() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    actions = all_actions(stack)
    one, two = (IotToFirehose(stack, id, topic_filter=FILTER, actions=actions) for id in ("One", "Two"))
    template = Template(stack)
    assert len(template.all("AWS::Lambda::Permission")) == 2
    (config,) = template.all("AWS::Lambda::EventInvokeConfig")
    queue = template.resolve(one.error_queue.queue_arn)
    assert config["Properties"]["DestinationConfig"]["OnFailure"]["Destination"] == queue
    assert two.node.find_child("Lambda").node.try_find_child("Failures") is None
    assert warnings(stack) == []


def test_texts_and_numbers_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    later, bucket = Later(stack), s3.Bucket(stack, "Bucket")
    republish = RepublishAction(
        topic=f"out/{later.name}/${{topic(2)}}",
        qos=later.number,
        content_type=later.name,
        response_topic=later.name,
        correlation_data=later.name,
        payload_format=later.name,
        message_expiry=cdk.Duration.seconds(later.number),
        user_properties={later.name: later.name},
    )
    actions: list[RuleAction] = [
        republish,
        S3Action(bucket=bucket, key=f"{later.name}/x"),
        KinesisAction(stream=kinesis.Stream(stack, "Stream"), partition_key=later.name),
        StepFunctionsAction(
            state_machine=sfn.StateMachine.from_state_machine_arn(stack, "Machine", later.name), name_prefix=later.name
        ),
        SnsAction(topic=sns.Topic(stack, "Topic"), message_format=later.name),
    ]
    made = IotToFirehose(stack, "Ingest", topic_filter=later.name, actions=actions)
    found = Scene(made, Template(stack))
    assert later.unused(found.template) == []
    assert {resource for _, resource, _ in found.may("S3Object/Role")} == {"<Bucket.Arn>/*"}
    (publish,) = (resource for _, resource, _ in found.may("Republish/Role"))
    assert publish.endswith(":topic/out/<Parameter1>/*")


def test_a_chinese_region_gets_its_partition() -> None:
    env = cdk.Environment(account="111122223333", region="cn-north-1")
    stack = cdk.Stack(cdk.App(), "Fleet", env=env)
    found = scene(all_actions(stack), stack)
    assert "arn:aws:" not in json.dumps(found.template.json)
    arn = "arn:aws-cn:iot:cn-north-1:111122223333:topic/alerts/*"
    assert [resource for _, resource, _ in found.may("Republish/Role")] == [arn]
    assert "sqs.cn-north-1." in str(found.may("Sqs/Role"))


def test_a_role_that_is_not_the_apps_gets_a_policy_as_well() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    role = iam.Role.from_role_arn(stack, "Role", "arn:aws:iam::111122223333:role/shared")
    found = scene([LambdaAction(function=function_in(stack, role=role))], stack)
    assert found.of(found.named("Lambda/FailuresPolicy"))["Roles"] == ["shared"]


def test_actions_load_no_service_module_before_they_are_used() -> None:
    heavy = ["aws_lambda", "aws_sns", "aws_dynamodb", "aws_kinesis", "aws_stepfunctions"]
    # What the architecture itself loads is none of the matter.
    script = (
        "import sys, cdk_refarch\n"
        "cdk_refarch.IotToFirehose\n"
        "before = set(sys.modules)\n"
        "from cdk_refarch.iot_to_firehose.actions import functions, republish_checks, target_checks\n"
        f"print([one for one in {heavy} if 'aws_cdk.' + one in set(sys.modules) - before])\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
