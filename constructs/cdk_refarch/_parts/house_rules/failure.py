"""Rules about asynchronous hops: what fails must go somewhere, and stay there long enough."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .policies import service_name
from .rule import rule
from .template import Resource, Template, dig, listing, literal, number, references, shape, walk

QUEUE = "AWS::SQS::Queue"
MAPPING = "AWS::Lambda::EventSourceMapping"
LONGEST_SECONDS = 14 * 24 * 3600

TARGETS = {
    "AWS::Events::EventBus",
    "AWS::Kinesis::Stream",
    "AWS::KinesisFirehose::DeliveryStream",
    "AWS::Lambda::Alias",
    "AWS::Lambda::Function",
    "AWS::Lambda::Version",
    "AWS::SNS::Topic",
    "AWS::SQS::Queue",
    "AWS::StepFunctions::StateMachine",
}
PUSHED = {"sqs", "lambda", "firehose", "http", "https"}
ASYNCHRONOUS = {"events", "sns", "s3", "iot", "ses", "logs", "codecommit", "config", "lambda.alarms.cloudwatch"}
"""Services that invoke functions without waiting for what becomes of it."""


@rule("AWS::Events::Rule")
def event_target_without_dead_letter_queue(resource: Resource, template: Template) -> Iterator[str]:
    """EventBridge drops an event that it could not deliver for 24 hours, or at once where access is denied.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-dlq.html
    """
    for target in listing(resource.get("Targets")):
        arn = dig(target, "Arn")
        found = template.named(arn)
        known = found.kind in TARGETS if found else re.search(r":(sqs|sns|lambda|states|firehose):", shape(arn))
        if known and dig(target, "DeadLetterConfig") is None:
            name = found.id if found else shape(arn)
            yield f"events that cannot be delivered to {name} are dropped; set the target's DeadLetterConfig to a queue"


@rule("AWS::Scheduler::Schedule")
def schedule_without_dead_letter_queue(resource: Resource, template: Template) -> Iterator[str]:
    """EventBridge Scheduler drops an invocation whose retries are used up, unless it has a dead-letter queue.

    https://docs.aws.amazon.com/scheduler/latest/UserGuide/configuring-schedule-dlq.html
    """
    if resource.get("Target", "DeadLetterConfig") is None:
        yield "invocations that fail are dropped; set Target.DeadLetterConfig to a queue"


@rule("AWS::SNS::Subscription", "AWS::SNS::Topic")
def subscription_without_redrive(resource: Resource, template: Template) -> Iterator[str]:
    """Amazon SNS drops a message for an endpoint that is gone, refuses it, or fails longer than the retries last.

    https://docs.aws.amazon.com/sns/latest/dg/sns-dead-letter-queues.html
    """
    if resource.kind == "AWS::SNS::Topic":
        for protocol in (literal(dig(one, "Protocol")) for one in listing(resource.get("Subscription"))):
            if protocol in PUSHED:
                yield (
                    f"a {protocol} subscription inside a topic cannot keep what fails; "
                    "make it an AWS::SNS::Subscription with a RedrivePolicy"
                )
    elif literal(resource.get("Protocol")) in PUSHED and resource.get("RedrivePolicy") is None:
        yield "messages that cannot be delivered are dropped; set RedrivePolicy to a queue"


@rule("AWS::Lambda::Function")
def function_without_failure_destination(resource: Resource, template: Template) -> Iterator[str]:
    """Lambda drops an event of an asynchronous caller once two retries failed, unless the function says where it goes.

    https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html
    """
    callers = {
        service_name(permission.get("Principal"))
        for permission in template.of("AWS::Lambda::Permission")
        if template.function(permission.get("FunctionName")) == resource
    }
    if _answers_ses(resource, template):
        callers.discard("ses")
    covered = resource.get("DeadLetterConfig") is not None or any(
        template.function(config.get("FunctionName")) == resource
        and config.get("DestinationConfig", "OnFailure") is not None
        for config in template.of("AWS::Lambda::EventInvokeConfig")
    )
    if callers & ASYNCHRONOUS and not covered:
        yield (
            f"events from {', '.join(sorted(callers & ASYNCHRONOUS))} that the function fails on are dropped; "
            "set DeadLetterConfig, or an EventInvokeConfig with an OnFailure destination"
        )


def _answers_ses(resource: Resource, template: Template) -> bool:
    """Tell whether SES waits for the answer of a function in all receipt rules that call it."""
    types = {
        literal(dig(action, "LambdaAction", "InvocationType"))
        for receipt in template.of("AWS::SES::ReceiptRule")
        for action in listing(receipt.get("Rule", "Actions"))
        if template.function(dig(action, "LambdaAction", "FunctionArn")) == resource
    }
    return types == {"RequestResponse"}


@rule(QUEUE)
def polled_queue_without_redrive(resource: Resource, template: Template) -> Iterator[str]:
    """A message that its consumer always fails on comes back until it expires, and holds up others meanwhile.

    https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html
    """
    readers = [
        reader.id
        for kind, source in ((MAPPING, "EventSourceArn"), ("AWS::Pipes::Pipe", "Source"))
        for reader in template.of(kind)
        if template.named(reader.get(source)) == resource
    ]
    if readers and resource.get("RedrivePolicy") is None:
        yield f"{readers[0]} gets a message that fails again and again until it expires; set RedrivePolicy to a queue"


@rule(MAPPING)
def stream_mapping_without_failure_destination(resource: Resource, template: Template) -> Iterator[str]:
    """A record of a stream that fails blocks its shard, and is dropped without a trace when the retries end.

    https://docs.aws.amazon.com/lambda/latest/dg/kinesis-on-failure-destination.html
    """
    source = template.named(resource.get("EventSourceArn"))
    kind = source.kind if source else shape(resource.get("EventSourceArn"))
    is_stream = kind in {"AWS::Kinesis::Stream", "AWS::DynamoDB::Table"} or re.search(r":(kinesis|dynamodb):", kind)
    if is_stream and resource.get("DestinationConfig", "OnFailure") is None:
        yield "records that the function fails on are lost; set DestinationConfig.OnFailure to a queue or topic"


@rule(QUEUE)
def dead_letter_queue_too_brief(resource: Resource, template: Template) -> Iterator[str]:
    """What failed waits for a human. The clock of a redriven message starts when it was first sent, so 14 days it is.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-dead-letter-queues.html
    """
    retention = resource.get("MessageRetentionPeriod")
    seconds = 4 * 24 * 3600 if retention is None else number(retention)
    if resource.id in _dead_letter_ids(template) and seconds is not None and seconds < LONGEST_SECONDS:
        yield f"failed messages are kept for {seconds / 86400:g} days; set MessageRetentionPeriod to {LONGEST_SECONDS}"


@rule(QUEUE)
def dead_letter_queue_without_alarm(resource: Resource, template: Template) -> Iterator[str]:
    """Messages in a dead-letter queue are data that somebody misses, and nobody looks there without being told.

    https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/dead-letter-queues-alarms-cloudwatch.html
    """
    watched = {id for alarm in template.of("AWS::CloudWatch::Alarm") for id in references(alarm.body)}
    if resource.id in _dead_letter_ids(template) - watched:
        yield "nobody is told when messages fail; set an alarm on ApproximateNumberOfMessagesVisible of this queue"


def _dead_letter_ids(template: Template) -> set[str]:
    keys = ("DeadLetterConfig", "ErrorAction", "OnFailure", "deadLetterTargetArn")
    return {
        id
        for resource in template.resources.values()
        for part in walk(resource.body)
        for key in keys
        if key in part
        for id in references(part[key])
    }
