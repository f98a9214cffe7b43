"""Refusal of targets that AWS IoT cannot reach, or could not put messages into."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag
from cdk_refarch._parts.resource_checks import check_present, check_same_account, managed_key
from cdk_refarch.iot_to_firehose.topics import Heard

from .templates import check_templates
from .values import (
    DynamoDbAction,
    KinesisAction,
    LambdaAction,
    MessageFormat,
    S3Action,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
)

if TYPE_CHECKING:
    from aws_cdk import aws_dynamodb as dynamodb

MAX_PARTITION_KEY = 256
"""https://docs.aws.amazon.com/kinesis/latest/APIReference/API_PutRecord.html"""

MAX_KEY_BYTES = 1024
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html"""

NAME_PREFIX = r"[0-9A-Za-z_-]{1,43}"
"""Names have at most 80 characters, 36 of them in the UUID, and one is kept for what may stand between the two. Logs
show no others: https://docs.aws.amazon.com/step-functions/latest/apireference/API_StartExecution.html"""

MACHINE_COLONS = 6
"""How many colons the ARN of a state machine has without a version or an alias."""

NOT_ABROAD = "AWS IoT is told no more than its name, and looks for it in the account and region of the rule"


def check_function(checks: Checks, scope: Construct, action: LambdaAction) -> None:
    """Refuse what AWS IoT cannot call.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.

    Raises:
        ValueError: If it is no function, of another region, or a version that cannot have a policy.
    """
    _check_target(checks, scope, "function", action.function, "function_arn", "IFunction")
    if action.function.function_arn.endswith(":$LATEST"):
        rule = "a function, an alias or a published version"
        checks.refuse("function", rule, "$LATEST", "give the function itself: AWS IoT calls its latest version")


def check_queue(checks: Checks, scope: Construct, action: SqsAction) -> None:
    """Refuse what AWS IoT cannot send to.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.

    Raises:
        ValueError: If it is no queue, of another region, a FIFO one, or encrypted with an alias.
    """
    _check_target(checks, scope, "queue", action.queue, "queue_arn", "IQueue")
    if getattr(action.queue, "fifo", False):
        checks.refuse("queue", "a standard queue", "a FIFO one", "AWS IoT rules cannot send to FIFO ones")
    _check_key(checks, "key of queue", action.queue, "encryption_master_key")
    check_flag(checks, "base64", action.base64, remedy="give True for binary payloads")


def check_topic(checks: Checks, scope: Construct, action: SnsAction, heard: Heard) -> None:
    """Refuse what AWS IoT cannot publish to, or in a format that no message could have.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.
        heard: What the rule listens to and makes of it.

    Raises:
        ValueError: If it is no topic, of another region, a FIFO one, or encrypted with an alias.
    """
    _check_target(checks, scope, "topic", action.topic, "topic_arn", "ITopic")
    if getattr(action.topic, "fifo", False):
        checks.refuse("topic", "a standard topic", "a FIFO one", "AWS IoT rules cannot publish to FIFO ones")
    _check_key(checks, "key of topic", action.topic, "master_key")
    checks.one_of("message_format", action.message_format, get_args(MessageFormat), remedy="leave it out for RAW")
    if action.message_format == "JSON" and heard.batch:
        rule = "RAW when batch is set, because JSON must be an object and messages become arrays"
        checks.refuse("message_format", rule, "'JSON'", "leave it out, or drop batch")


def check_stream(checks: Checks, scope: Construct, action: KinesisAction) -> None:
    """Refuse what AWS IoT cannot put records into.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.

    Raises:
        ValueError: If it is no stream, of elsewhere, encrypted with an alias, or no shard can be told.
    """
    _check_target(checks, scope, "stream", action.stream, "stream_arn", "IStream")
    check_same_account(checks, "stream", action.stream, scope, NOT_ABROAD)
    _check_key(checks, "key of stream", action.stream, "encryption_key")
    remedy = "leave it out for ${newuuid()}"
    parts = check_templates(
        checks, "partition_key", action.partition_key, remedy=remedy, max_bytes=4 * MAX_PARTITION_KEY
    )
    size = sum(len(piece.text) for piece in parts if not piece.template)
    if size > MAX_PARTITION_KEY:
        checks.refuse("partition_key", f"at most {MAX_PARTITION_KEY} characters", f"{size} characters", "shorten it")


def check_state_machine(checks: Checks, scope: Construct, action: StepFunctionsAction) -> None:
    """Refuse what AWS IoT cannot start.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.

    Raises:
        ValueError: If it is no state machine, of elsewhere, or named in a way that executions cannot be.
    """
    machine = action.state_machine
    _check_target(checks, scope, "state_machine", machine, "state_machine_arn", "IStateMachine")
    check_same_account(checks, "state_machine", machine, scope, NOT_ABROAD)
    arn = machine.state_machine_arn
    if not is_token(arn) and arn.count(":") > MACHINE_COLONS:
        rule = "a state machine without a version or an alias"
        checks.refuse("state_machine", rule, arn, "give the state machine itself: AWS IoT knows no others")
    if action.name_prefix is not None:
        rule = "from 1 to 43 letters, digits, - and _, without templates"
        remedy = "shorten it and replace other characters by -"
        checks.matches("name_prefix", action.name_prefix, NAME_PREFIX, rule=rule, remedy=remedy)


def check_table(checks: Checks, scope: Construct, action: DynamoDbAction, heard: Heard) -> None:
    """Refuse what messages cannot become items of.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.
        heard: What the rule listens to and makes of it.

    Raises:
        ValueError: If it is no table, of elsewhere, encrypted with an alias, or no message could have its key.
    """
    _check_target(checks, scope, "table", action.table, "table_arn", "ITable")
    check_same_account(checks, "table", action.table, scope, NOT_ABROAD)
    _check_arn(checks, scope, action.table.table_arn)
    _check_key(checks, "key of table", action.table, "encryption_key")
    if heard.batch:
        rule = "left out when batch is set, because an item is made from an object and messages become arrays"
        checks.refuse("table", rule, "one", "drop batch, or use a second rule")
    binary = _binary_keys(scope, action.table)
    if binary:
        rule = "one whose keys are texts or numbers, because JSON has no binary values"
        checks.refuse("table", rule, f"the binary key {binary[0]!r}", "use another table")


def check_bucket(checks: Checks, scope: Construct, action: S3Action) -> None:
    """Refuse what AWS IoT cannot write to, or would write to one and the same object.

    Args:
        checks: The checks of the action.
        scope: The scope of the architecture.
        action: The action.

    Raises:
        ValueError: If it is no bucket, of another region, encrypted with an alias, or messages replace each other.
    """
    _check_target(checks, scope, "bucket", action.bucket, "bucket_arn", "IBucket")
    _check_key(checks, "key of bucket", action.bucket, "encryption_key")
    remedy = "leave it out for ${topic()}/${timestamp()}-${newuuid()}"
    parts = check_templates(checks, "key", action.key, remedy=remedy, max_bytes=MAX_KEY_BYTES)
    unique = re.compile(r"\b(newuuid|traceid)\s*\(\s*\)", re.IGNORECASE)
    if parts and not any(piece.template and unique.search(piece.text) for piece in parts):
        rule = "different for each message, by a template with newuuid() or traceid()"
        checks.refuse("key", rule, repr(action.key), "end it in ${newuuid()}")


def _check_target(
    checks: Checks, scope: Construct, argument: str, given: object, attribute: str, interface: str
) -> None:
    check_present(checks, argument, given, attribute, interface)
    checks.same_region(argument, given, scope)


def _check_key(checks: Checks, argument: str, target: object, attribute: str) -> None:
    # A key of AWS is known by its alias alone, and everybody in the account who may use the service may use it.
    if managed_key(target) is None:
        checks.key(argument, getattr(target, attribute, None))


def _check_arn(checks: Checks, scope: Construct, arn: str) -> None:
    """Refuse an imported table of elsewhere, which the CDK takes for one of the stack's account and region."""
    if is_token(arn):
        return
    stack = cdk.Stack.of(scope)
    _, _, _, region, account, _ = arn.split(":", 5)
    for there, here, what in ((region, stack.region, "region"), (account, stack.account, "account")):
        if there != here and not is_token(here):
            checks.refuse("table", f"in the {what} of the stack, {here}", there, NOT_ABROAD)


def _binary_keys(scope: Construct, table: dynamodb.ITable) -> list[str]:
    """Return the names of keys of a table of the app that are binary."""
    made = table.node.default_child
    if made is None:
        return []
    stack = cdk.Stack.of(scope)
    keys = stack.resolve(getattr(made, "key_schema", None)) or []
    types = stack.resolve(getattr(made, "attribute_definitions", None)) or []
    binary = {one["attributeName"] for one in types if one["attributeType"] == "B"}
    return [one["attributeName"] for one in keys if one["attributeName"] in binary]
