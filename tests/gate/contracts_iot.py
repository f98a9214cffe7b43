"""What AWS's guides say actions of AWS IoT rules need, and functions for what they fail on: see ``contracts.py``."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from .intrinsics import flat
from .needs import Need, Resources, name_of, used_by

USE = ("kms:Decrypt", "kms:GenerateDataKey")


def _actions(resources: Resources, kind: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield each action of a kind with the rule that it belongs to."""
    for name, rule in used_by(resources, "AWS::IoT::TopicRule"):
        for action in rule["TopicRulePayload"]["Actions"]:
            if kind in action:
                yield name, action[kind]


def _properties(resources: Resources, name: str) -> Any:
    return flat(resources.get(name, {}).get("Properties", {}))


def iot_rule_to_lambda(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html"""
    for name, action in _actions(resources, "Lambda"):
        arn = action["FunctionArn"]
        yield Need(name_of(arn), "lambda:InvokeFunction", arn, f"{name} calls it", "Service:iot.amazonaws.com")


def iot_rule_to_sns(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/sns-rule-action.html

    For an encrypted topic also https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
    """
    for name, action in _actions(resources, "Sns"):
        role, topic = name_of(action["RoleArn"]), name_of(action["TargetArn"])
        yield Need(role, "sns:Publish", action["TargetArn"], f"{name} publishes messages to it")
        key = _properties(resources, topic).get("KmsMasterKeyId")
        for call in USE if key else ():
            yield Need(role, call, key, f"{topic} is encrypted with it", via="sns")


def iot_rule_to_kinesis(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-rule-action.html

    For an encrypted stream also https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
    """
    for name, action in _actions(resources, "Kinesis"):
        role, stream = name_of(action["RoleArn"]), name_of(action["StreamName"])
        if stream in resources:
            yield Need(role, "kinesis:PutRecord", f"<{stream}.Arn>", f"{name} puts records into it")
        key = _properties(resources, stream).get("StreamEncryption", {}).get("KeyId", "alias/aws/kinesis")
        if key != "alias/aws/kinesis":
            yield Need(role, "kms:GenerateDataKey", key, f"{stream} is encrypted with it", via="kinesis")


def iot_rule_to_step_functions(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/stepfunctions-rule-action.html"""
    for name, action in _actions(resources, "StepFunctions"):
        machine = name_of(action["StateMachineName"])
        if machine in resources:
            role = name_of(action["RoleArn"])
            yield Need(role, "states:StartExecution", f"<{machine}>", f"{name} starts executions of it")


def iot_rule_to_dynamodb(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-v2-rule-action.html

    For an encrypted table also https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/encryption.usagenotes.html
    """
    for name, action in _actions(resources, "DynamoDBv2"):
        role, table = name_of(action["RoleArn"]), name_of(action["PutItem"]["TableName"])
        if table in resources:
            yield Need(role, "dynamodb:PutItem", f"<{table}.Arn>", f"{name} puts items into it")
        made = _properties(resources, table)
        for one in (made, *made.get("Replicas", [])):
            key = one.get("SSESpecification", {}).get("KMSMasterKeyId")
            if key:
                yield Need(role, "kms:Decrypt", key, f"{table} is encrypted with it", via="dynamodb")


def iot_rule_republishes(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/republish-rule-action.html"""
    for name, action in _actions(resources, "Republish"):
        # A reserved topic is written with a second dollar sign, and a template may yield anything.
        topic = re.sub(r"^\$\$", "$", re.sub(r"\$\{[^}]*\}", "*", action["Topic"]))
        yield Need(name_of(action["RoleArn"]), "iot:Publish", f"*:topic/{topic}", f"{name} republishes to it")


def iot_rule_to_s3(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/iot/latest/developerguide/s3-rule-action.html

    For an encrypted bucket also https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
    """
    for name, action in _actions(resources, "S3"):
        role, bucket = name_of(action["RoleArn"]), name_of(action["BucketName"])
        if bucket not in resources:
            continue
        fixed = action["Key"].partition("${")[0].partition("<")[0]
        yield Need(role, "s3:PutObject", f"<{bucket}.Arn>/{fixed}*", f"{name} writes objects there")
        rules = _properties(resources, bucket).get("BucketEncryption", {}).get("ServerSideEncryptionConfiguration", [])
        for rule in rules:
            key = rule.get("ServerSideEncryptionByDefault", {}).get("KMSMasterKeyID")
            if key:
                yield Need(role, "kms:GenerateDataKey", key, f"{bucket} encrypts objects with it", via="s3")


def function_to_failure_destination(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"""
    for name, config in used_by(resources, "AWS::Lambda::EventInvokeConfig"):
        queue = name_of(config.get("DestinationConfig", {}).get("OnFailure", {}).get("Destination", ""))
        role = name_of(_properties(resources, name_of(config["FunctionName"])).get("Role", ""))
        if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue":
            continue
        yield Need(role, "sqs:SendMessage", f"<{queue}.Arn>", f"{name} makes Lambda send failed events to it")
        key = _properties(resources, queue).get("KmsMasterKeyId")
        for call in USE if key else ():
            yield Need(role, call, key, f"{queue} is encrypted with it", via="sqs")


IOT_CONTRACTS = (
    iot_rule_to_lambda,
    iot_rule_to_sns,
    iot_rule_to_kinesis,
    iot_rule_to_step_functions,
    iot_rule_to_dynamodb,
    iot_rule_republishes,
    iot_rule_to_s3,
    function_to_failure_destination,
)
