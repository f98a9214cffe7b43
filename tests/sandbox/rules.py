"""A stack with a rule of AWS IoT that has every kind of action, and what the tests do with it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import uuid4

from sandbox.operations import waiting
from sandbox.run import Run

from .test_ses import ACCOUNT, REGION
from .test_ses_stacks import ROOT, function, get, permission, resource

STACK = "Actions"
FAILS = """
def handler(event, context):
    if event.get("fail"):
        raise ValueError("it fails")
"""
KMS = ["kms:GenerateDataKey", "kms:Decrypt"]
NEEDS: dict[str, tuple[str, list[str]]] = {
    "Sqs": ("sqs:SendMessage", KMS),
    "Sns": ("sns:Publish", KMS),
    "Kinesis": ("kinesis:PutRecord", KMS[:1]),
    "States": ("states:StartExecution", []),
    "Columns": ("dynamodb:PutItem", KMS[1:]),
    "Pairs": ("dynamodb:PutItem", []),
    "Republish": ("iot:Publish", []),
    "S3": ("s3:PutObject", KMS[:1]),
}
"""What the role of each action needs, and what of the target's key."""


def arn(service: str, name: str) -> str:
    return f"arn:aws:{service}:{REGION}:{ACCOUNT}:{name}"


def role(service: str, *statements: tuple[list[str] | str, Any]) -> dict[str, Any]:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    if service == "iot.amazonaws.com":
        condition = {"StringEquals": {"aws:SourceAccount": ACCOUNT}, "ArnLike": {"aws:SourceArn": arn("iot", "rule/*")}}
        trust["Condition"] = condition
    allowed = [{"Effect": "Allow", "Action": actions, "Resource": on} for actions, on in statements]
    policies = [{"PolicyName": "Do", "PolicyDocument": {"Statement": allowed}}]
    return resource("IAM::Role", AssumeRolePolicyDocument={"Statement": [trust]}, Policies=policies)


def roles() -> dict[str, Any]:
    objects = {"Fn::Join": ["", [get("Bucket"), "/raw/*"]]}
    states = [{"Ref": "Machine"}, {"Ref": "Express"}]
    on = {
        "Sqs": get("Queue"),
        "Sns": [{"Ref": "Topic"}, arn("sns", "actions.fifo")],
        "Kinesis": get("Stream"),
        "States": states,
        "Columns": get("Table"),
        "Pairs": get("Pair"),
        "Republish": [arn("iot", "topic/out/*"), arn("iot", "topic/$aws/rules/*")],
        "S3": objects,
    }
    made = {}
    for name, (action, of_key) in NEEDS.items():
        own: list[tuple[Any, Any]] = [(action, on[name])]
        made[f"{name}Role"] = role("iot.amazonaws.com", *own, *([(of_key, get("Key"))] if of_key else []))
    return {
        **made,
        "ErrorRole": role(
            "iot.amazonaws.com", ("sqs:SendMessage", [get("Errors"), get("Out"), arn("sqs", "actions.fifo")])
        ),
        "Machines": role("states.amazonaws.com", ("none:None", "*")),
        "FunctionRole": role("lambda.amazonaws.com", ("sqs:SendMessage", get("Failed"))),
    }


def targets() -> dict[str, Any]:
    key, done = get("Key"), json.dumps({"StartAt": "Done", "States": {"Done": {"Type": "Succeed"}}})
    machine = {"DefinitionString": done, "RoleArn": get("Machines")}
    managed = {"Type": "CUSTOMER_MANAGED_KMS_KEY", "KmsKeyId": key}
    encryption = [{"ServerSideEncryptionByDefault": {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}}]

    def table(*attributes: str, **more: Any) -> dict[str, Any]:
        defined = [{"AttributeName": one[1:], "AttributeType": one[0]} for one in attributes]
        kinds = zip(attributes, ("HASH", "RANGE"), strict=False)
        schema = [{"AttributeName": one[1:], "KeyType": kind} for one, kind in kinds]
        return resource(
            "DynamoDB::Table",
            AttributeDefinitions=defined,
            KeySchema=schema,
            BillingMode="PAY_PER_REQUEST",
            **more,
        )

    topics = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "*", "Resource": "*"}
    return {
        "Key": resource("KMS::Key", KeyPolicy={"Statement": [ROOT]}),
        "Queue": resource("SQS::Queue", KmsMasterKeyId=key),
        "Topic": resource("SNS::Topic", KmsMasterKeyId=key),
        "Heard": resource("SQS::Queue"),
        "HeardPolicy": resource("SQS::QueuePolicy", Queues=[{"Ref": "Heard"}], PolicyDocument={"Statement": [topics]}),
        "Hears": resource(
            "SNS::Subscription",
            TopicArn={"Ref": "Topic"},
            Protocol="sqs",
            Endpoint=get("Heard"),
            RawMessageDelivery=True,
        ),
        "Stream": resource("Kinesis::Stream", ShardCount=1, StreamEncryption={"EncryptionType": "KMS", "KeyId": key}),
        "Machine": resource("StepFunctions::StateMachine", **machine, EncryptionConfiguration=managed),
        "Express": resource("StepFunctions::StateMachine", **machine, StateMachineType="EXPRESS"),
        "Table": table("Sdevice", SSESpecification={"SSEEnabled": True, "SSEType": "KMS", "KMSMasterKeyId": key}),
        "Pair": table("Sdevice", "Nid"),
        "Bucket": resource("S3::Bucket", BucketEncryption={"ServerSideEncryptionConfiguration": encryption}),
        "Function": function(FAILS, "FunctionRole"),
        "Async": resource(
            "Lambda::EventInvokeConfig",
            FunctionName={"Ref": "Function"},
            Qualifier="$LATEST",
            MaximumRetryAttempts=1,
            DestinationConfig={"OnFailure": {"Destination": get("Failed")}},
        ),
        "Admits": permission("Function", "iot.amazonaws.com", get("Rule")),
        **{name: resource("SQS::Queue") for name in ("Failed", "Errors", "Out")},
    }


def actions() -> list[dict[str, Any]]:
    def acting(name: str, **members: Any) -> dict[str, Any]:
        return {**members, "RoleArn": get(f"{name}Role")}

    pair = {"HashKeyField": "device", "HashKeyValue": "${topic(2)}", "RangeKeyField": "id", "RangeKeyType": "NUMBER"}
    out = {"Topic": "out/${topic(2)}", "Qos": 1, "Headers": {"ContentType": "application/json"}}
    key = "raw/${topic()}/${parse_time('yyyy', timestamp())}-${newuuid()}"
    states = {name: get(name, "Name") for name in ("Machine", "Express")}
    return [
        {"Lambda": {"FunctionArn": get("Function")}},
        {"Sqs": acting("Sqs", QueueUrl={"Ref": "Queue"}, UseBase64=False)},
        {"Sns": acting("Sns", TargetArn={"Ref": "Topic"}, MessageFormat="RAW")},
        {"Kinesis": acting("Kinesis", StreamName={"Ref": "Stream"}, PartitionKey="${topic(2)}-${id}")},
        {"StepFunctions": acting("States", StateMachineName=states["Machine"], ExecutionNamePrefix="run-${id}-")},
        {"StepFunctions": acting("States", StateMachineName=states["Express"])},
        {"DynamoDBv2": acting("Columns", PutItem={"TableName": {"Ref": "Table"}})},
        {"DynamoDB": acting("Pairs", TableName={"Ref": "Pair"}, **pair, RangeKeyValue="${id}")},
        {"Republish": acting("Republish", **out)},
        {"S3": acting("S3", BucketName={"Ref": "Bucket"}, Key=key)},
    ]


def template() -> dict[str, Any]:
    def rule(sql: str, *told: dict[str, Any], error: str = "Errors") -> dict[str, Any]:
        failed = {"Sqs": {"QueueUrl": {"Ref": error}, "RoleArn": get("ErrorRole")}}
        payload = {"Sql": sql, "Actions": list(told), "AwsIotSqlVersion": "2016-03-23", "ErrorAction": failed}
        return resource("IoT::TopicRule", TopicRulePayload=payload)

    out = {"Sqs": {"QueueUrl": {"Ref": "Out"}, "RoleArn": get("ErrorRole"), "UseBase64": False}}
    return {
        "Resources": {
            **roles(),
            **targets(),
            "Rule": rule("SELECT *, topic(2) AS device FROM 'plant/+/telemetry'", *actions()),
            "Then": rule("SELECT *, topic() AS at FROM 'out/+'", out),
        }
    }


class Site:
    """The deployed stack, with what the tests do with it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.errors, self.failed = self.queue("Errors"), self.queue("Failed")

    def queue(self, name: str) -> str:
        return self.run.resource(STACK, "AWS::SQS::Queue", name)

    def named(self, type: str, name: str = "") -> str:
        return self.run.resource(STACK, f"AWS::{type}", name)

    def role(self, name: str) -> str:
        return self.named("IAM::Role", f"{name}Role")

    def send(self, topic: str = "plant/7/telemetry", payload: Any = None) -> None:
        raw = payload if isinstance(payload, bytes) else json.dumps({"id": 1} if payload is None else payload).encode()
        self.run.client("iot-data").publish(topic=topic, qos=1, payload=raw)

    def refused(self) -> list[dict[str, Any]]:
        """The failures in the one message of the error action, which is taken away."""
        try:
            (told,) = self.run.wait("the error queue", lambda: waiting(self.run, self.errors), 5)
        finally:
            self.run.client("sqs").purge_queue(QueueUrl=self.errors)
        found: list[dict[str, Any]] = told["failures"]
        return found

    @contextmanager
    def rule(self, sql: str, *told: dict[str, Any]) -> Iterator[None]:
        """A rule made by API, with the stack's error action."""
        client, name = self.run.client("iot"), f"r{uuid4().hex[:12]}"
        failed = {"sqs": {"queueUrl": self.errors, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{self.role('Error')}"}}
        payload = {"sql": sql, "actions": list(told), "errorAction": failed}
        client.create_topic_rule(ruleName=name, topicRulePayload=payload)
        try:
            yield
        finally:
            client.delete_topic_rule(ruleName=name)

    def acting(self, kind: str, name: str, **members: Any) -> dict[str, Any]:
        return {kind: {**members, "roleArn": f"arn:aws:iam::{ACCOUNT}:role/{self.role(name)}"}}
