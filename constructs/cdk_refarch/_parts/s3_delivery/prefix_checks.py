"""Refusal of prefixes that Firehose would only refuse during the deployment, or would lose records with."""

from __future__ import annotations

import re
from collections.abc import Mapping

from cdk_refarch._parts.checks import Checks, is_token

from .s3_sink import S3Sink, fixed_part

MAX_PREFIX = 1024
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html"""

_EXPRESSION = re.compile(r"!\{([^{}]*)\}")
_NAMESPACES = ("timestamp", "firehose", "partitionKeyFromQuery", "partitionKeyFromLambda")
_HINT = "see https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"


def check_prefixes(checks: Checks, sink: S3Sink) -> None:
    """Check both prefixes of a sink, and that they fit its partitions.

    Args:
        checks: The checks of the construct.
        sink: The sink.

    Raises:
        ValueError: If Firehose would refuse one, or failed records would lie among data.
    """
    prefix = sink.data_prefix
    checks.any_text("prefix", prefix, remedy="give text such as 'telemetry/'")
    checks.text("error_prefix", sink.error_prefix, remedy="failed records need a place; leave it out for errors/")
    used = _expressions(checks, "prefix", prefix)
    in_errors = _expressions(checks, "error_prefix", sink.error_prefix)
    if is_token(prefix) or is_token(sink.error_prefix):
        return
    if "firehose:error-output-type" in used:
        checks.refuse("prefix", "free of error-output-type", repr(prefix), "that belongs in error_prefix")
    wrong = [text for text in in_errors if text.startswith("partitionKey")]
    if wrong:
        checks.refuse("error_prefix", "free of partition keys", repr(sink.error_prefix), f"drop !{{{wrong[0]}}}")
    if in_errors and "firehose:error-output-type" not in in_errors:
        checks.refuse(
            "error_prefix",
            "a prefix with !{firehose:error-output-type} when it has expressions",
            repr(sink.error_prefix),
            "add it, so that each kind of failure has its folder",
        )
    errors = fixed_part(sink.error_prefix)
    if sink.error_prefix == prefix or (errors and fixed_part(prefix).startswith(errors)):
        checks.refuse(
            "prefix and error_prefix",
            "apart, so that failed records are not read as data",
            f"{prefix!r} and {sink.error_prefix!r}",
            "give one of them another folder",
        )
    if isinstance(sink.parquet, Mapping) and sink.prefix is not None:
        folder = fixed_part(prefix).rpartition("/")[0] + "/"
        if folder == "/" or fixed_part(sink.error_prefix).startswith(folder):
            rule = "a folder without the failed records when parquet makes a table of it"
            checks.refuse("prefix", rule, repr(prefix), "begin prefix and error_prefix with a folder each")
    _check_keys_used(checks, sink, used)


def _check_keys_used(checks: Checks, sink: S3Sink, used: list[str]) -> None:
    declared = set(sink.partition_by or {})
    queried = {text.partition(":")[2] for text in used if text.startswith("partitionKeyFromQuery:")}
    unknown, unused = sorted(queried - declared), sorted(declared - queried)
    got = repr(sink.data_prefix)
    if unknown:
        remedy = f"add {unknown[0]!r} to partition_by or drop it from prefix"
        checks.refuse("prefix", "a prefix that uses only keys of partition_by", got, remedy)
    if unused:
        remedy = f"add !{{partitionKeyFromQuery:{unused[0]}}} to prefix or drop the key"
        checks.refuse("prefix", "a prefix that uses every key of partition_by", got, remedy)
    if sink.transform is None and any(text.startswith("partitionKeyFromLambda:") for text in used):
        remedy = "give the function that returns the keys as transform"
        checks.refuse("prefix", "free of keys from Lambda when there is no transform", got, remedy)


def _expressions(checks: Checks, argument: str, prefix: str) -> list[str]:
    if is_token(prefix):
        return []
    if len(prefix) > MAX_PREFIX:
        checks.refuse(argument, f"at most {MAX_PREFIX} characters", f"{len(prefix)} characters", "shorten it")
    if re.search(r"(?<!!)\$\{|[\x00-\x1f]", prefix):
        checks.refuse(
            argument, "free of ${ and control characters", repr(prefix), f"write !{{...}} for expressions; {_HINT}"
        )
    found = _EXPRESSION.findall(prefix)
    if len(found) != prefix.count("!{"):
        checks.refuse(argument, "text with every !{ closed by }", repr(prefix), _HINT)
    for text in found:
        namespace, colon, value = text.partition(":")
        known = namespace in _NAMESPACES and colon and value.strip()
        if not known or (namespace == "firehose" and value not in ("error-output-type", "random-string")):
            rule = f"text with expressions of {', '.join(_NAMESPACES)}"
            checks.refuse(argument, rule, f"!{{{text}}}", _HINT)
        wrong = re.sub(r"'[^']*'|[GuyDMLdQqYwWEecFahKkHmsSAnNVzOXxZp]|[^A-Za-z]", "", value)
        if namespace == "timestamp" and wrong:
            rule = "a prefix with date patterns of Java's DateTimeFormatter"
            checks.refuse(argument, rule, f"!{{{text}}}", f"quote or drop {wrong[0]!r}; {_HINT}")
    return found
