"""The record: what was found, what was done about it, and which commits were scanned."""

from __future__ import annotations

from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement, use_key


def record_table(scope: Construct, id: str, operation: Operation) -> dynamodb.Table:
    """Create the table.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        operation: What it shares with the other parts.
    """
    text = dynamodb.AttributeType.STRING
    return dynamodb.Table(
        scope,
        id,
        partition_key=dynamodb.Attribute(name="pk", type=text),
        sort_key=dynamodb.Attribute(name="sk", type=text),
        billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
        encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
        encryption_key=operation.encryption_key,
        point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
            point_in_time_recovery_enabled=True
        ),
        removal_policy=operation.removal_policy,
    )


def use_record(
    scope: Construct, table: dynamodb.ITable, operation: Operation, actions: list[str]
) -> list[iam.PolicyStatement]:
    """Return what a function needs to use the table.

    Args:
        scope: Any construct of the stack.
        table: The table.
        operation: What it shares with the other parts.
        actions: What it does with items.
    """
    return [
        statement([f"dynamodb:{one}" for one in actions], table.table_arn),
        use_key(scope, operation.encryption_key, "dynamodb", USE),
    ]
