"""What a user says about the further actions of a rule: small frozen values.

Every target must be in the region of the stack. A function, queue, topic or bucket may be one of another account, whose
own policy must then admit the rule. The key of an encrypted target must admit this account's IAM policies.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

from constructs import Construct

from cdk_refarch.iot_to_firehose.rule_action import RuleAction

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_dynamodb as dynamodb
    from aws_cdk import aws_iot as iot
    from aws_cdk import aws_kinesis as kinesis
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_sns as sns
    from aws_cdk import aws_sqs as sqs
    from aws_cdk import aws_stepfunctions as sfn

    from cdk_refarch._parts.alarms import Watched
    from cdk_refarch._parts.checks import Checks
    from cdk_refarch.iot_to_firehose.topics import Heard

Trust = dict[str, dict[str, str]]

MessageFormat = Literal["RAW", "JSON"]
PayloadFormat = Literal["UTF8_DATA", "UNSPECIFIED_BYTES"]


@dataclass(frozen=True, kw_only=True)
class LambdaAction(RuleAction):
    """Calls a Lambda function with each message.

    AWS IoT calls functions asynchronously, so that the rule does not hear of one that fails: Lambda tries it twice
    more, and puts the event aside. Where a function of the app has no dead-letter queue and no asynchronous
    configuration yet, its failed events go to the error queue of the rule, that of the first one if several call it,
    and its role may send there. They look different from what the rule puts there: the event is in ``requestPayload``.

    Args:
        function: The function, a version or an alias of it; not ``latest_version``, whose policy cannot be changed. A
            warning tells what to set on one that the app does not own.
        id: The construct id of the action, a PascalCase word.
    """

    function: lambda_.IFunction
    id: str = "Lambda"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_function

        check_function(checks, scope, self)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .functions import call

        return call(Construct(scope, self.id), self, error_queue)

    def watched(self, scope: Construct) -> list[Watched]:
        """See ``RuleAction``."""
        from .functions import watched

        return watched(scope, self)

    def admit(self, scope: Construct, rule: iot.CfnTopicRule) -> None:
        """See ``RuleAction``."""
        from .functions import admit

        admit(cast("Construct", scope.node.find_child(self.id)), self, rule)


@dataclass(frozen=True, kw_only=True)
class SqsAction(RuleAction):
    """Sends each message to an Amazon SQS queue.

    Args:
        queue: A standard queue: AWS IoT cannot send to FIFO ones.
        base64: Whether the message is encoded. Binary payloads must be, because Amazon SQS takes nothing but text.
        id: The construct id of the action, a PascalCase word.
    """

    queue: sqs.IQueue
    base64: bool = False
    id: str = "Sqs"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_queue

        check_queue(checks, scope, self)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import send

        return send(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class SnsAction(RuleAction):
    """Publishes each message to an Amazon SNS topic.

    What a subscriber does not take is a matter of the dead-letter queue of its subscription. There are no message
    attributes: filter policies of subscriptions need the scope ``MessageBody``.

    Args:
        topic: A standard topic: AWS IoT cannot publish to FIFO ones.
        message_format: ``RAW`` for the message as it is. ``JSON`` for a message that says what each protocol gets: an
            object with a text ``default`` and others such as ``sms``.
        id: The construct id of the action, a PascalCase word.
    """

    topic: sns.ITopic
    message_format: MessageFormat = "RAW"
    id: str = "Sns"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_topic

        check_topic(checks, scope, self, heard)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import publish

        return publish(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class KinesisAction(RuleAction):
    """Puts each message into a Kinesis data stream, as a record without a newline at its end.

    Args:
        stream: The stream, in the account of the stack.
        partition_key: What decides on the shard: 1 to 256 characters, with substitution templates such as
            ``${topic()}``, for records of one device in one shard. The default spreads them evenly.
        id: The construct id of the action, a PascalCase word.
    """

    stream: kinesis.IStream
    partition_key: str = "${newuuid()}"
    id: str = "Kinesis"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_stream

        check_stream(checks, scope, self)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import put_record

        return put_record(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class StepFunctionsAction(RuleAction):
    """Starts an execution of a state machine with each message as its input, which must be JSON.

    The rule does not hear of an execution that fails after it started: the state machine needs an alarm of its own.

    Args:
        state_machine: The state machine, in the account of the stack, of either type; no version and no alias.
        name_prefix: What names of executions begin with, in front of a UUID: 1 to 43 letters, digits, - and _; None for
            the UUID alone.
        id: The construct id of the action, a PascalCase word.
    """

    state_machine: sfn.IStateMachine
    name_prefix: str | None = None
    id: str = "StepFunctions"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_state_machine

        check_state_machine(checks, scope, self)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import start

        return start(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class DynamoDbAction(RuleAction):
    """Puts each message into a DynamoDB table as an item, each member of the message as an attribute.

    An item with the same key is replaced. Messages without the key of the table, or with one of another type, go to the
    error queue; ``select="*, topic(2) AS device, timestamp() AS at"`` adds what they lack.

    Args:
        table: The table, in the account of the stack, with keys that are texts or numbers.
        id: The construct id of the action, a PascalCase word.
    """

    table: dynamodb.ITable
    id: str = "DynamoDb"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_table

        check_table(checks, scope, self, heard)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import put_item

        return put_item(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class RepublishAction(RuleAction):
    """Publishes what the statement makes of each message to another MQTT topic.

    The limits are those of https://docs.aws.amazon.com/general/latest/gr/iot-core.html and of MQTT 5. Two rules that
    republish to each other make an endless circle, which neither AWS nor this construct can see.

    Args:
        topic: The topic, of at most 256 bytes and 7 slashes, with substitution templates such as ``${topic(2)}``;
            outside what the rule listens to, whatever templates yield. Reserved topics begin with ``$$aws/``. A part
            that is only known at deployment must have no templates.
        qos: The quality of service: 1 for a message that is repeated until the broker has it, 0 for one that may get
            lost.
        content_type: What the payload is, as in ``application/json``: 1 to 1024 characters; None to leave it open. May
            have templates, like all texts below.
        payload_format: ``UTF8_DATA`` for a payload that is text, ``UNSPECIFIED_BYTES`` for any other; None to leave it
            open.
        response_topic: Where the receiver shall answer, a topic without wildcards; None for nowhere.
        correlation_data: What the answer shall repeat, encoded in Base64; None for nothing.
        message_expiry: How long the broker keeps the message for receivers that are away, from 1 s to 4294967295 s;
            None for no limit of its own.
        user_properties: Up to 100 further names and values of 1 to 1024 characters.
        id: The construct id of the action, a PascalCase word.
    """

    topic: str
    qos: int = 1
    content_type: str | None = None
    payload_format: PayloadFormat | None = None
    response_topic: str | None = None
    correlation_data: str | None = None
    message_expiry: cdk.Duration | None = None
    user_properties: Mapping[str, str] | None = None
    id: str = "Republish"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .republish_checks import check_republish

        check_republish(checks, self, heard)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .republish import republish

        return republish(Construct(scope, self.id), self, trust)


@dataclass(frozen=True, kw_only=True)
class S3Action(RuleAction):
    """Writes each message to Amazon S3 as an object of its own, at once and as it is.

    For images and other payloads that are objects by themselves. An ``S3Sink`` collects records before it writes them,
    which costs much less.

    Args:
        bucket: The bucket. Objects are encrypted as the bucket says.
        key: The key of the object: at most 1024 bytes, with substitution templates. One of them must have ``newuuid()``
            or ``traceid()`` in it, or messages would replace each other. The role may write to what begins like the
            text before the first template.
        id: The construct id of the action, a PascalCase word.
    """

    bucket: s3.IBucket
    key: str = "${topic()}/${timestamp()}-${newuuid()}"
    id: str = "S3Object"

    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """See ``RuleAction``."""
        from .target_checks import check_bucket

        check_bucket(checks, scope, self)

    def act(self, scope: Construct, trust: Trust, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
        """See ``RuleAction``."""
        from .targets import put_object

        return put_object(Construct(scope, self.id), self, trust)
