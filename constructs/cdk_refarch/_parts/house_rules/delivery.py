"""Rules about AWS IoT rules, Firehose streams and mail on their way."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .rule import rule
from .template import Resource, Template, dig, flag, is_intrinsic, literal, number, parsed, shape, walk

STREAM = "AWS::KinesisFirehose::DeliveryStream"
SMALLEST_MIB = 64
SHORTEST_SECONDS = 60


def _destinations(stream: Resource) -> Iterator[dict[str, Any]]:
    # The buckets of other destinations, for staging and for backup, have the same properties.
    return (part for part in walk(stream.get()) if "BucketARN" in part)


def _partitions(destination: dict[str, Any]) -> bool:
    return flag(dig(destination, "DynamicPartitioningConfiguration", "Enabled")) is True


def _converts(destination: dict[str, Any]) -> bool:
    conversion = dig(destination, "DataFormatConversionConfiguration")
    return conversion is not None and flag(dig(conversion, "Enabled")) is not False


@rule("AWS::IoT::TopicRule")
def iot_rule_without_error_action(resource: Resource, template: Template) -> Iterator[str]:
    """AWS IoT drops a message whose action fails after its retries, unless the rule has an error action.

    https://docs.aws.amazon.com/iot/latest/developerguide/rule-error-handling.html
    """
    if resource.get("TopicRulePayload", "ErrorAction") is None:
        yield "messages that cannot be delivered are dropped; set TopicRulePayload.ErrorAction, to a queue for instance"


@rule("AWS::IoT::TopicRule")
def iot_rule_without_sql_version(resource: Resource, template: Template) -> Iterator[str]:
    """Without a version CloudFormation makes a rule of 2015-10-08, which reads nested objects and arrays differently.

    https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-sql-version.html
    """
    if resource.get("TopicRulePayload", "AwsIotSqlVersion") is None:
        yield "the rule runs under the SQL version of 2015; set TopicRulePayload.AwsIotSqlVersion to 2016-03-23"


@rule(STREAM)
def firehose_without_error_prefix(resource: Resource, template: Template) -> Iterator[str]:
    """Firehose refuses dynamic partitioning, and prefixes with expressions, that do not say where failed records go.

    https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html
    """
    for destination in _destinations(resource):
        expressions = "!{" in shape(dig(destination, "Prefix"))
        if dig(destination, "ErrorOutputPrefix") is None and (expressions or _partitions(destination)):
            why = "the prefix has expressions" if expressions else "the records are partitioned"
            yield f"{why}, and failed records have no place; set ErrorOutputPrefix with !{{firehose:error-output-type}}"


@rule("AWS::Events::Rule")
def event_pattern_not_lists(resource: Resource, template: Template) -> Iterator[str]:
    """EventBridge refuses a pattern in which a field has a single value: each must be a list of what matches.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-create-pattern.html
    """
    for part in walk(parsed(resource.get("EventPattern"))):
        for name, value in part.items():
            if not is_intrinsic(part) and isinstance(value, str | int | float | bool) and not _operator(name):
                yield f"{name} is a single value in the event pattern; put it into a list"


def _operator(name: str) -> bool:
    # Inside of lists stand operators, whose values are single.
    return name in ("prefix", "suffix", "anything-but", "exists", "wildcard", "cidr", "equals-ignore-case")


@rule(STREAM)
def firehose_without_error_log(resource: Resource, template: Template) -> Iterator[str]:
    """Why Firehose cannot deliver is written nowhere but to the log group that the destination names.

    https://docs.aws.amazon.com/firehose/latest/dev/monitoring-with-cloudwatch-logs.html
    """
    for destination in _destinations(resource):
        enabled = dig(destination, "CloudWatchLoggingOptions", "Enabled")
        if not is_intrinsic(enabled) and not flag(enabled):
            yield "why a delivery fails is not logged; set CloudWatchLoggingOptions, with Enabled, group and stream"


@rule(STREAM)
def firehose_buffer_too_small(resource: Resource, template: Template) -> Iterator[str]:
    """Dynamic partitioning and conversion to columns need 64 MiB, and partitioning needs 60 seconds; less is refused.

    https://docs.aws.amazon.com/firehose/latest/dev/dynamic-partitioning.html
    https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html
    """
    for destination in _destinations(resource):
        size = number(dig(destination, "BufferingHints", "SizeInMBs"))
        interval = number(dig(destination, "BufferingHints", "IntervalInSeconds"))
        partitions = _partitions(destination)
        if (partitions or _converts(destination)) and size is not None and size < SMALLEST_MIB:
            why = "dynamic partitioning" if partitions else "conversion of the record format"
            yield f"{why} needs a buffer of {SMALLEST_MIB} MiB, got {size:g}; raise BufferingHints.SizeInMBs"
        if partitions and interval is not None and interval < SHORTEST_SECONDS:
            yield (
                f"dynamic partitioning needs an interval of {SHORTEST_SECONDS} seconds, got {interval:g}; "
                "raise BufferingHints.IntervalInSeconds"
            )


@rule(STREAM)
def firehose_conversion_compressed(resource: Resource, template: Template) -> Iterator[str]:
    """Parquet and ORC compress inside their files, and Firehose refuses a second compression around them.

    https://docs.aws.amazon.com/firehose/latest/dev/record-format-conversion.html
    """
    for destination in _destinations(resource):
        compression = literal(dig(destination, "CompressionFormat"))
        if _converts(destination) and compression not in (None, "UNCOMPRESSED"):
            yield (
                f"records that are converted cannot be compressed as {compression}; "
                "set CompressionFormat to UNCOMPRESSED and the compression in the serializer"
            )


@rule(STREAM)
def firehose_destination_not_single(resource: Resource, template: Template) -> Iterator[str]:
    """A stream has exactly one destination, and CloudFormation learns of another number only from Firehose itself.

    https://docs.aws.amazon.com/firehose/latest/APIReference/API_CreateDeliveryStream.html
    """
    properties = resource.get()
    if not isinstance(properties, dict) or any(name.startswith("Fn::") or name == "Ref" for name in properties):
        return
    names = sorted(name for name in properties if name.endswith("DestinationConfiguration"))
    if len(names) != 1:
        yield f"a stream has one destination, got {', '.join(names) or 'none'}; make a stream for each"


@rule("AWS::SES::ConfigurationSet")
def ses_without_tls(resource: Resource, template: Template) -> Iterator[str]:
    """By default Amazon SES sends mail in clear text to a server that offers no TLS.

    https://docs.aws.amazon.com/ses/latest/dg/security-protocols.html
    """
    policy = resource.get("DeliveryOptions", "TlsPolicy")
    if policy is None or (literal(policy) or "REQUIRE") != "REQUIRE":
        yield "mail may leave in clear text; set DeliveryOptions.TlsPolicy to REQUIRE"
