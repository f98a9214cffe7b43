"""What AWS's guides say Amazon SES needs for its integrations, and those around it: see ``contracts.py``."""

from __future__ import annotations

from collections.abc import Iterator

from .intrinsics import flat
from .needs import Need, Resources, name_of, used_by

SES, SNS = "Service:ses.amazonaws.com", "Service:sns.amazonaws.com"
USE = ("kms:Decrypt", "kms:GenerateDataKey")


def _key(resources: Resources, owner: str) -> str:
    """Return the logical id of the key that a topic or a queue is encrypted with; empty for none."""
    properties = flat(resources.get(owner, {}).get("Properties", {}))
    return name_of(str(properties.get("KmsMasterKeyId", "")))


def _uses_key(resources: Resources, owner: str, service: str, why: str) -> Iterator[Need]:
    key = _key(resources, owner)
    for call in USE if key else ():
        yield Need(key, call, "*", f"{why}, and {owner} is encrypted with it", service)


def ses_events_to_sns(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-sns.html"""
    for name, one in used_by(resources, "AWS::SES::ConfigurationSetEventDestination"):
        topic = name_of(one["EventDestination"].get("SnsDestination", {}).get("TopicARN", ""))
        if topic:
            why = f"{name} publishes events to it"
            yield Need(topic, "sns:Publish", f"<{topic}>", why, SES)
            yield from _uses_key(resources, topic, SES, why)


def ses_events_to_firehose(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-firehose.html"""
    for name, one in used_by(resources, "AWS::SES::ConfigurationSetEventDestination"):
        to = one["EventDestination"].get("KinesisFirehoseDestination")
        if to:
            role, stream = name_of(to["IAMRoleARN"]), to["DeliveryStreamARN"]
            yield Need(role, "firehose:PutRecordBatch", stream, f"{name} hands events to it")


def sns_to_sqs(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/sns/latest/dg/subscribe-sqs-queue-to-sns-topic.html

    For dead-letter queues also https://docs.aws.amazon.com/sns/latest/dg/sns-configure-dead-letter-queue.html
    """
    for name, one in used_by(resources, "AWS::SNS::Subscription"):
        endpoint = one.get("Endpoint", "") if one["Protocol"] == "sqs" else ""
        for arn in (endpoint, one.get("RedrivePolicy", {}).get("deadLetterTargetArn", "")):
            queue = name_of(arn)
            if resources.get(queue, {}).get("Type") == "AWS::SQS::Queue":
                why = f"{name} sends messages to it"
                yield Need(queue, "sqs:SendMessage", f"<{queue}.Arn>", why, SNS)
                yield from _uses_key(resources, queue, SNS, why)


def sqs_to_function(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html"""
    for name, source in used_by(resources, "AWS::Lambda::EventSourceMapping"):
        queue, function = name_of(source["EventSourceArn"]), name_of(source["FunctionName"])
        if resources.get(queue, {}).get("Type") != "AWS::SQS::Queue" or function not in resources:
            continue
        role = name_of(flat(resources[function]["Properties"])["Role"])
        for call in ("sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"):
            yield Need(role, call, f"<{queue}.Arn>", f"{name} reads it")
        if _key(resources, queue):
            key = f"<{_key(resources, queue)}.Arn>"
            yield Need(role, "kms:Decrypt", key, f"{name} reads {queue}, which is encrypted with it")


def callers_of_functions(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/permissions-function-services.html"""
    called = []
    for name, one in used_by(resources, "AWS::SNS::Subscription"):
        if one["Protocol"] == "lambda":
            called.append((name, one["Endpoint"], SNS))
    for name, one in used_by(resources, "AWS::CloudWatch::Alarm"):
        called += [(name, arn, "Service:lambda.alarms.cloudwatch.amazonaws.com") for arn in one.get("AlarmActions", [])]
    for name, one in used_by(resources, "AWS::SES::ReceiptRule"):
        actions = [action["LambdaAction"] for action in one["Rule"]["Actions"] if "LambdaAction" in action]
        called += [(name, action["FunctionArn"], SES) for action in actions]
    for name, arn, service in called:
        function = name_of(arn)
        if resources.get(function, {}).get("Type") == "AWS::Lambda::Function":
            yield Need(function, "lambda:InvokeFunction", f"<{function}.Arn>", f"{name} calls it", service)


def ses_receipt_to_s3(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/ses/latest/dg/receiving-email-permissions.html"""
    for name, one in used_by(resources, "AWS::SES::ReceiptRule"):
        for action in (found["S3Action"] for found in one["Rule"]["Actions"] if "S3Action" in found):
            bucket, topic = name_of(action["BucketName"]), name_of(action.get("TopicArn", ""))
            why = f"{name} writes mail there"
            yield Need(bucket, "s3:PutObject", f"<{bucket}.Arn>/{action.get('ObjectKeyPrefix', '')}*", why, SES)
            if bucket in resources:
                rules = flat(resources[bucket]["Properties"])["BucketEncryption"]["ServerSideEncryptionConfiguration"]
                key = name_of(rules[0]["ServerSideEncryptionByDefault"].get("KMSMasterKeyID", ""))
                for call in USE if key else ():
                    yield Need(key, call, "*", f"{why}, and {bucket} is encrypted with it", SES)
            if topic:
                yield Need(topic, "sns:Publish", f"<{topic}>", f"{name} tells it of mail", SES)
                yield from _uses_key(resources, topic, SES, f"{name} tells it of mail")


def athena_results(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/athena/latest/ug/managed-results.html"""
    for name, one in used_by(resources, "AWS::Athena::WorkGroup"):
        results = one.get("WorkGroupConfiguration", {}).get("ManagedQueryResultsConfiguration", {})
        key = name_of(results.get("EncryptionConfiguration", {}).get("KmsKey", ""))
        for call in (*USE, "kms:DescribeKey") if key else ():
            service = "Service:encryption.athena.amazonaws.com"
            yield Need(key, call, "*", f"{name} encrypts results with it", service)


SES_CONTRACTS = (
    athena_results,
    ses_events_to_sns,
    ses_events_to_firehose,
    sns_to_sqs,
    sqs_to_function,
    callers_of_functions,
    ses_receipt_to_s3,
)
