"""The AWS IoT rule: an action for each delivery, further ones, an error action, and a role for each of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.policies import service_role, use_key
from cdk_refarch._parts.sinks import Delivery

from .rule_action import IOT, RuleAction, own_rule

SQL_VERSION = "2016-03-23"
"""Must be said, for CloudFormation's default is 2015-10-08:
https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html"""


def topic_rule(
    scope: Construct,
    *,
    sql: str,
    batch: bool,
    rule_name: str | None,
    deliveries: Iterable[Delivery],
    actions: Sequence[RuleAction],
    error_queue: sqs.IQueue,
) -> iot.CfnTopicRule:
    """Create the rule and its roles.

    Args:
        scope: The construct it belongs to.
        sql: The statement.
        batch: Whether the statement yields arrays.
        rule_name: The rule's name; None to let CloudFormation make one up.
        deliveries: Where to put records, in the order of the rule's actions.
        actions: What else to do with each message, behind them.
        error_queue: Where to put messages that an action failed for.
    """
    l1 = iot.CfnTopicRule
    trust = own_rule(scope, rule_name)
    made = [_put(delivery, batch, trust) for delivery in deliveries]
    made += [action.act(scope, trust, error_queue) for action in actions]
    rule = l1(
        scope,
        "Rule",
        rule_name=rule_name,
        topic_rule_payload=l1.TopicRulePayloadProperty(
            sql=sql,
            aws_iot_sql_version=SQL_VERSION,
            actions=made,
            error_action=_send(scope, error_queue, trust),
        ),
    )
    for action in actions:
        action.admit(scope, rule)
    return rule


def _put(delivery: Delivery, batch: bool, trust: dict[str, dict[str, str]]) -> iot.CfnTopicRule.ActionProperty:
    calls = ["firehose:PutRecord", "firehose:PutRecordBatch"] if batch else ["firehose:PutRecord"]
    role = service_role(
        delivery,
        "RuleRole",
        service=IOT,
        conditions=trust,
        description="Lets the AWS IoT rule put records into the Firehose stream",
        statements=[iam.PolicyStatement(actions=calls, resources=[delivery.stream.attr_arn])],
    )
    return iot.CfnTopicRule.ActionProperty(
        firehose=iot.CfnTopicRule.FirehoseActionProperty(
            delivery_stream_name=delivery.stream.ref,
            role_arn=role.role_arn,
            batch_mode=batch,
            separator=delivery.separator,
        )
    )


def _send(scope: Construct, queue: sqs.IQueue, trust: dict[str, dict[str, str]]) -> iot.CfnTopicRule.ActionProperty:
    statements = [iam.PolicyStatement(actions=["sqs:SendMessage"], resources=[queue.queue_arn])]
    key = queue.encryption_master_key
    if key is not None:
        # https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-key-management.html
        statements.append(use_key(scope, key, "sqs", ["kms:Decrypt", "kms:GenerateDataKey"]))
    role = service_role(
        scope,
        "ErrorRole",
        service=IOT,
        conditions=trust,
        description="Lets the AWS IoT rule put failed messages into the error queue",
        statements=statements,
    )
    return iot.CfnTopicRule.ActionProperty(
        sqs=iot.CfnTopicRule.SqsActionProperty(queue_url=queue.queue_url, role_arn=role.role_arn, use_base64=False)
    )
