"""Actions on targets that the rule needs a role for: the role, and what the rule is told."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdk_refarch._parts.checks import is_token
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.policies import service_role, statement, use_key
from cdk_refarch._parts.resource_checks import managed_key
from cdk_refarch.iot_to_firehose.rule_action import IOT

from .values import (
    DynamoDbAction,
    KinesisAction,
    S3Action,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
    Trust,
)

if TYPE_CHECKING:
    from aws_cdk import aws_kms as kms

Action = iot.CfnTopicRule.ActionProperty
Rule = iot.CfnTopicRule


def send(part: Construct, action: SqsAction, trust: Trust) -> Action:
    """Let the rule send to a queue: https://docs.aws.amazon.com/iot/latest/developerguide/sqs-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    queue = action.queue
    key = None if managed_key(queue) else queue.encryption_master_key
    statements = [statement(["sqs:SendMessage"], queue.queue_arn), *_using(part, key, "sqs", USE)]
    role = rule_role(part, trust, "send messages to the queue", statements)
    _warn_abroad(part, "queue", queue, role, "sqs:SendMessage")
    return Action(
        sqs=Rule.SqsActionProperty(queue_url=queue.queue_url, role_arn=role.role_arn, use_base64=action.base64)
    )


def publish(part: Construct, action: SnsAction, trust: Trust) -> Action:
    """Let the rule publish to a topic: https://docs.aws.amazon.com/iot/latest/developerguide/sns-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    topic = action.topic
    key = None if managed_key(topic) else getattr(topic, "master_key", None)
    statements = [statement(["sns:Publish"], topic.topic_arn), *_using(part, key, "sns", USE)]
    role = rule_role(part, trust, "publish messages to the topic", statements)
    _warn_abroad(part, "topic", topic, role, "sns:Publish")
    return Action(
        sns=Rule.SnsActionProperty(
            target_arn=topic.topic_arn, role_arn=role.role_arn, message_format=action.message_format
        )
    )


def put_record(part: Construct, action: KinesisAction, trust: Trust) -> Action:
    """Let the rule put records: https://docs.aws.amazon.com/iot/latest/developerguide/kinesis-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    stream = action.stream
    # A producer needs no more: https://docs.aws.amazon.com/streams/latest/dev/permissions-user-key-KMS.html
    keys = _using(part, stream.encryption_key, "kinesis", ["kms:GenerateDataKey"])
    role = rule_role(
        part, trust, "put records into the stream", [statement(["kinesis:PutRecord"], stream.stream_arn), *keys]
    )
    return Action(
        kinesis=Rule.KinesisActionProperty(
            stream_name=stream.stream_name, role_arn=role.role_arn, partition_key=action.partition_key
        )
    )


def start(part: Construct, action: StepFunctionsAction, trust: Trust) -> Action:
    """Let the rule start executions: https://docs.aws.amazon.com/iot/latest/developerguide/stepfunctions-rule-action.html.

    A key of the state machine is used by its own role, not by who starts an execution:
    https://docs.aws.amazon.com/step-functions/latest/dg/encryption-at-rest.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    machine = action.state_machine
    name = getattr(machine, "state_machine_name", None)
    if name is None:
        parts = cdk.Stack.of(part).split_arn(machine.state_machine_arn, cdk.ArnFormat.COLON_RESOURCE_NAME)
        name = parts.resource_name
    statements = [statement(["states:StartExecution"], machine.state_machine_arn)]
    role = rule_role(part, trust, "start executions of the state machine", statements)
    return Action(
        step_functions=Rule.StepFunctionsActionProperty(
            state_machine_name=str(name), role_arn=role.role_arn, execution_name_prefix=action.name_prefix
        )
    )


def put_item(part: Construct, action: DynamoDbAction, trust: Trust) -> Action:
    """Let the rule put items: https://docs.aws.amazon.com/iot/latest/developerguide/dynamodb-v2-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    table = action.table
    statements = [
        statement(["dynamodb:PutItem"], table.table_arn),
        *_using(part, table.encryption_key, "dynamodb", USE),
    ]
    role = rule_role(part, trust, "put items into the table", statements)
    return Action(
        dynamo_d_bv2=Rule.DynamoDBv2ActionProperty(
            put_item=Rule.PutItemInputProperty(table_name=table.table_name), role_arn=role.role_arn
        )
    )


def put_object(part: Construct, action: S3Action, trust: Trust) -> Action:
    """Let the rule write objects: https://docs.aws.amazon.com/iot/latest/developerguide/s3-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    bucket = action.bucket
    # Neither what a template yields nor what only the deployment knows can be said in a policy.
    objects = bucket.arn_for_objects(action.key.partition("${")[0] + "*")
    statements = [statement(["s3:PutObject"], objects), *_using(part, bucket.encryption_key, "s3", USE)]
    role = rule_role(part, trust, "write objects to the bucket", statements)
    reason = (
        "Each message becomes an object whose name the message decides on. The statement is limited to this bucket and "
        "to what the key begins with before its first template."
    )
    acknowledge_wildcard(role, objects, reason)
    _warn_abroad(part, "bucket", bucket, role, "s3:PutObject")
    return Action(
        s3=Rule.S3ActionProperty(bucket_name=bucket.bucket_name, key=action.key, role_arn=role.role_arn),
    )


def rule_role(part: Construct, trust: Trust, purpose: str, statements: list[iam.PolicyStatement]) -> iam.Role:
    """Create the role of an action.

    Args:
        part: The construct of the action.
        trust: What keeps AWS IoT from assuming the role for another rule.
        purpose: The rest of the sentence "Lets the AWS IoT rule ...".
        statements: All that the role may do.
    """
    return service_role(
        part,
        "Role",
        service=IOT,
        conditions=trust,
        description=f"Lets the AWS IoT rule {purpose}",
        statements=statements,
    )


def is_abroad(part: Construct, target: object) -> bool:
    """Tell whether a target is known to be one of another account than the stack's.

    Args:
        part: The construct of the action.
        target: The target.
    """
    there, here = getattr(getattr(target, "env", None), "account", None), cdk.Stack.of(part).account
    return there is not None and there != here and not is_token(there) and not is_token(here)


def _using(part: Construct, key: kms.IKey | None, service: str, calls: list[str]) -> list[iam.PolicyStatement]:
    return [] if key is None else [use_key(part, key, service, calls)]


def _warn_abroad(part: Construct, argument: str, target: object, role: iam.Role, call: str) -> None:
    if is_abroad(part, target):
        page = (
            "https://docs.aws.amazon.com/iot/latest/developerguide/accessing-cross-account-resources-using-rules.html"
        )
        cdk.Annotations.of(part).add_warning_v2(
            f"cdk-refarch:{argument}-policy",
            f"The policy of the given {argument} belongs to another account and cannot be changed by this app. It must "
            f"allow {call} to the role {role.node.path}, and the policy of its key, if it has one, must let that role "
            f"use it, or messages go to the error queue: {page}",
        )
