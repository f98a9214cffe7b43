"""What tests of refusals share: a stack to refuse in, resources to bring along, and the check itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch._parts.checks import Checks

Call = Callable[[], object]
Case = tuple[Call, str]
"""What is called, and the whole text of the refusal but for the path in front of it."""

PATH = "Stack/Tested"
checks = Checks(PATH)
anywhere = cdk.Stack(cdk.App(), "Anywhere")
"""A stack that is told its account and region at deployment only."""


def fresh() -> cdk.Stack:
    """Make a stack like the shared one, for architectures whose tests bring along resources under the same ids."""
    return cdk.Stack(cdk.App(), "Stack", env=cdk.Environment(account="111122223333", region="eu-west-1"))


stack = fresh()

HERE = "eu-west-1:111122223333"
THERE = "us-east-1:111122223333"
OTHERS = "eu-west-1:444455556666"
LATER: Any = cdk.Fn.import_value("Later")
LATER_LIST: Any = cdk.Fn.split(",", LATER)
LATER_NUMBER: Any = cdk.Token.as_number(cdk.Fn.import_value("Number"))

ELSEWHERE = "must be in the region of the stack, eu-west-1, got us-east-1; use one of the same region"
OTHER_ACCOUNT = "must be in the account of the stack, 111122223333, got 444455556666"
AN_ALIAS = "must be a key, got an alias; give the key itself, by kms.Key.from_key_arn or kms.Key.from_lookup"

KEY = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/1")
FAR_KEY = kms.Key.from_key_arn(stack, "FarKey", f"arn:aws:kms:{THERE}:key/1")
PLAIN_KEY = kms.Key(stack, "PlainKey")
RSA_KEY = kms.Key(stack, "RsaKey", key_spec=kms.KeySpec.RSA_2048)
SYMMETRIC_KEY = kms.Key(stack, "SymmetricKey", key_spec=kms.KeySpec.SYMMETRIC_DEFAULT)
ALIAS = kms.Alias.from_alias_name(stack, "Alias", "alias/own")
SNS_ALIAS = kms.Alias.from_alias_name(stack, "SnsAlias", "alias/aws/sns")
SQS_ALIAS = kms.Alias.from_alias_name(stack, "SqsAlias", "alias/aws/sqs")

BUCKET = s3.Bucket.from_bucket_name(stack, "Bucket", "lake")
FAR_BUCKET = s3.Bucket.from_bucket_attributes(stack, "FarBucket", bucket_name="far", region="us-east-1")
OTHERS_BUCKET = s3.Bucket.from_bucket_attributes(stack, "OthersBucket", bucket_name="others", account="444455556666")
KEYED_BUCKET = s3.Bucket(stack, "KeyedBucket", encryption=s3.BucketEncryption.KMS)
ALIASED_BUCKET = s3.Bucket.from_bucket_attributes(stack, "AliasedBucket", bucket_name="aliased", encryption_key=ALIAS)

TOPIC = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{HERE}:t")
FAR_TOPIC = sns.Topic.from_topic_arn(stack, "FarTopic", f"arn:aws:sns:{THERE}:t")
OTHERS_TOPIC = sns.Topic.from_topic_arn(stack, "OthersTopic", f"arn:aws:sns:{OTHERS}:t")
FIFO_TOPIC = sns.Topic.from_topic_arn(stack, "FifoTopic", f"arn:aws:sns:{HERE}:t.fifo")
MANAGED_TOPIC = sns.Topic(stack, "ManagedTopic", master_key=SNS_ALIAS)
OWN_TOPIC = sns.Topic(stack, "OwnTopic", master_key=KEY)
CFN_TOPIC = sns.CfnTopic(stack, "CfnTopic")

QUEUE = sqs.Queue.from_queue_arn(stack, "Queue", f"arn:aws:sqs:{HERE}:q")
SAME_QUEUE = sqs.Queue.from_queue_arn(stack, "SameQueue", f"arn:aws:sqs:{HERE}:q")
FAR_QUEUE = sqs.Queue.from_queue_arn(stack, "FarQueue", f"arn:aws:sqs:{THERE}:q")
OTHERS_QUEUE = sqs.Queue.from_queue_arn(stack, "OthersQueue", f"arn:aws:sqs:{OTHERS}:q")
FIFO_QUEUE = sqs.Queue(stack, "FifoQueue", fifo=True)
MANAGED_QUEUE = sqs.Queue(stack, "ManagedQueue", encryption=sqs.QueueEncryption.KMS_MANAGED)
SQS_QUEUE = sqs.Queue(stack, "SqsQueue", encryption_master_key=SQS_ALIAS)
ALIASED_QUEUE = sqs.Queue(stack, "AliasedQueue", encryption_master_key=ALIAS)
OWN_QUEUE = sqs.Queue(stack, "OwnQueue", encryption_master_key=KEY)

FUNCTION = lambda_.Function.from_function_arn(stack, "Function", f"arn:aws:lambda:{HERE}:function:f")
FAR_FUNCTION = lambda_.Function.from_function_arn(stack, "FarFunction", f"arn:aws:lambda:{THERE}:function:f")
OTHERS_FUNCTION = lambda_.Function.from_function_arn(stack, "OthersFn", f"arn:aws:lambda:{OTHERS}:function:f")
MACHINE = sfn.StateMachine.from_state_machine_arn(stack, "Machine", f"arn:aws:states:{HERE}:stateMachine:m")
OTHERS_MACHINE = sfn.StateMachine.from_state_machine_arn(stack, "OthersFsm", f"arn:aws:states:{OTHERS}:stateMachine:m")
OTHERS_BUS = events.EventBus.from_event_bus_arn(stack, "OthersBus", f"arn:aws:events:{OTHERS}:event-bus/b")
OTHERS_DEFAULT = events.EventBus.from_event_bus_arn(stack, "OthersMain", f"arn:aws:events:{OTHERS}:event-bus/default")
DEFAULT_BUS = events.EventBus.from_event_bus_name(stack, "DefaultBus", "default")
SAME_DEFAULT = events.EventBus.from_event_bus_arn(stack, "SameDefault", f"arn:aws:events:{HERE}:event-bus/default")
FAR_DEFAULT = events.EventBus.from_event_bus_arn(stack, "FarDefault", f"arn:aws:events:{THERE}:event-bus/default")
BUS = events.EventBus.from_event_bus_arn(stack, "Bus", f"arn:aws:events:{HERE}:event-bus/b")
SAME_BUS = events.EventBus.from_event_bus_arn(stack, "SameBus", f"arn:aws:events:{HERE}:event-bus/b")
FAR_BUS = events.EventBus.from_event_bus_arn(stack, "FarBus", f"arn:aws:events:{THERE}:event-bus/b")
STREAM = firehose.DeliveryStream.from_delivery_stream_arn(stack, "Stream", f"arn:aws:firehose:{HERE}:deliverystream/s")
CFN_STREAM = firehose.CfnDeliveryStream(stack, "CfnStream")


def refused(call: Call, message: str) -> None:
    """Assert that a call is refused in these words, after the path of the construct."""
    with pytest.raises(ValueError, match="must be") as caught:
        call()
    text = str(caught.value)
    assert text.startswith(PATH)
    assert text.removeprefix(PATH).removeprefix(": ").removeprefix("/") == message


def names(cases: list[Case]) -> list[str]:
    """Return ids for parametrized tests."""
    return [message[:70] for _, message in cases]
