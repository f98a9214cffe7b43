"""Refusal of what Firehose or S3 would only refuse during the deployment, or would lose data over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from cdk_refarch._parts.checks import Checks, is_token

from . import hive
from .rule_sql import check_balanced
from .s3_sink import BucketLifecycle, Compression, GlueTable, S3Sink, fixed_part

MAX_PREFIX = 1024
"""https://docs.aws.amazon.com/firehose/latest/APIReference/API_ExtendedS3DestinationConfiguration.html"""

MAX_PARTITION_KEYS = 50
"""https://docs.aws.amazon.com/firehose/latest/dev/limits.html"""

MIN_IA_DAYS = 30
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""

MAX_DAYS = 2147483647
"""S3 keeps days in a 32-bit integer."""

ARRIVAL_COLUMNS = ("day", "hour")
"""The columns that the default prefix adds to a created table."""

_EXPRESSION = re.compile(r"!\{([^{}]*)\}")
_NAMESPACES = ("timestamp", "firehose", "partitionKeyFromQuery", "partitionKeyFromLambda")
_HINT = "see https://docs.aws.amazon.com/firehose/latest/dev/s3-prefixes.html"


def check_sink(checks: Checks, sink: S3Sink) -> None:
    """Check everything that a sink says about itself.

    Args:
        checks: The checks of the construct.
        sink: The sink.

    Raises:
        ValueError: If AWS would refuse it, or failed records would get lost.
    """
    if is_token(sink.id):
        checks.refuse("id", "known when the app runs", "a token", "call it Raw or Archive, say")
    checks.matches(
        "id", sink.id, r"[A-Z][A-Za-z0-9]{0,63}", rule="a PascalCase word", remedy="call it Raw or Archive, say"
    )
    _check_bucket(checks, sink)
    _check_partitions(checks, sink)
    _check_prefixes(checks, sink)
    _check_buffer(checks, sink)
    _check_format(checks, sink)
    if sink.transform is not None and not hasattr(sink.transform, "function_arn"):
        got = type(sink.transform).__name__
        checks.refuse("transform", "a Lambda function", got, "give a construct that implements IFunction")


def _check_bucket(checks: Checks, sink: S3Sink) -> None:
    for argument in ("bucket", "access_log_bucket"):
        given = getattr(sink, argument)
        if given is not None and not hasattr(given, "bucket_arn"):
            checks.refuse(argument, "a bucket", type(given).__name__, "give a construct that implements IBucket")
    if sink.bucket is not None and sink.access_log_bucket is not None:
        checks.refuse("bucket and access_log_bucket", "given one at a time", "both", "set logging on the bucket itself")
    if sink.access_log_bucket is not None and sink.access_log_bucket.encryption_key is not None:
        # https://docs.aws.amazon.com/AmazonS3/latest/userguide/enable-server-access-logging.html
        remedy = "use a bucket encrypted with S3-managed keys: access logs are not delivered to others"
        checks.refuse("access_log_bucket", "a bucket without a KMS key", "one with a key", remedy)
    if sink.lifecycle is None:
        return
    if sink.bucket is not None:
        checks.refuse("bucket and lifecycle", "given one at a time", "both", "set lifecycle rules on the bucket itself")
    remedy = "give BucketLifecycle(expire_after_days=...)"
    checks.instance("lifecycle", sink.lifecycle, BucketLifecycle, remedy=remedy)
    _check_lifecycle(checks, sink.lifecycle)
    if sink.lifecycle.errors_expire_after_days is not None and not fixed_part(str(sink.error_prefix)):
        checks.refuse(
            "errors_expire_after_days and error_prefix",
            "given with a fixed beginning of the prefix, or all objects would expire",
            repr(sink.error_prefix),
            "begin error_prefix with a folder",
        )


def _check_lifecycle(checks: Checks, lifecycle: BucketLifecycle) -> None:
    moment = MIN_IA_DAYS
    last: str | None = None
    for argument, gap in (
        ("infrequent_access_after_days", MIN_IA_DAYS),
        ("archive_after_days", MIN_IA_DAYS),
        ("expire_after_days", 1),
    ):
        days = getattr(lifecycle, argument)
        if days is None or is_token(days):
            continue
        low = moment + gap if last else (MIN_IA_DAYS if argument.startswith("infrequent") else 1)
        when = f"{last} is {moment}" if last else ""
        checks.number(argument, days, low, MAX_DAYS, unit="days", when=when, remedy="raise it or drop the earlier step")
        moment, last = days, argument
    checks.number(
        "errors_expire_after_days",
        lifecycle.errors_expire_after_days,
        1,
        MAX_DAYS,
        unit="days",
        remedy="give the time you need to repair a failure",
    )


def _check_partitions(checks: Checks, sink: S3Sink) -> None:
    keys = sink.partition_by
    if keys is None:
        if sink.split_records is not None:
            checks.refuse(
                "split_records and partition_by",
                "given together",
                "split_records alone",
                "set partition_by, or split the array in the rule with batch=True",
            )
        return
    remedy = "give a mapping such as {'device': '.device.id'}"
    if not isinstance(keys, Mapping):
        checks.refuse("partition_by", "a mapping", f"{type(keys).__name__} {keys!r}", remedy)
    if not 1 <= len(keys) <= MAX_PARTITION_KEYS:
        checks.refuse("partition_by", f"from 1 key to {MAX_PARTITION_KEYS} keys", f"{len(keys)} keys", remedy)
    for name, expression in keys.items():
        checks.matches(
            "partition_by",
            name,
            r"[A-Za-z_][A-Za-z0-9_]*",
            rule="a mapping whose names are letters, digits and _",
            remedy="rename the key; the expression may be any jq",
        )
        argument = f"partition_by[{name!r}]"
        known = checks.text(argument, expression, remedy="give a jq 1.6 expression such as '.device.id'")
        if known is not None:
            _check_jq(checks, argument, known)
        if sink.prefix is None and name.lower() in ARRIVAL_COLUMNS:
            rule = f"a mapping with other names than {' and '.join(ARRIVAL_COLUMNS)}, which the default prefix has"
            checks.refuse("partition_by", rule, repr(name), "rename the key or give a prefix")
        if sink.prefix is None and isinstance(sink.parquet, Mapping) and name != name.lower():
            checks.refuse(
                "partition_by", "in lower case when it names columns of a table", repr(name), "rename the key"
            )
    split = sink.split_records
    if split is not None and (not isinstance(split, str) or not split or (split.upper() == "JSON" != split)):
        remedy = "write JSON, or name the delimiter"
        checks.refuse("split_records", "JSON in capitals, or a delimiter", f"{type(split).__name__} {split!r}", remedy)


def _check_jq(checks: Checks, argument: str, known: str) -> None:
    check_balanced(checks, argument, known)
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", known.strip()):
        checks.refuse(argument, "a jq path that begins with a dot", repr(known), f"write '.{known.strip()}'")
    if re.search(r"^\s*[|,]|[|,]\s*$|#", known) or known.lstrip().startswith("$"):
        rule = "one whole jq 1.6 expression without a comment"
        checks.refuse(argument, rule, repr(known), "write '.device.id', say")


def _check_prefixes(checks: Checks, sink: S3Sink) -> None:
    prefix = sink.data_prefix
    if not isinstance(prefix, str):
        checks.refuse("prefix", "text", f"{type(prefix).__name__} {prefix!r}", "give text such as 'telemetry/'")
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


def _check_buffer(checks: Checks, sink: S3Sink) -> None:
    reasons = [
        name for name, present in (("partition_by", sink.partitioned), ("parquet", sink.parquet is not None)) if present
    ]
    when = f"{' and '.join(reasons)} {'is' if len(reasons) == 1 else 'are'} set" if reasons else ""
    checks.number(
        "buffer_size",
        checks.mebibytes("buffer_size", sink.buffer_size),
        64 if reasons else 1,
        128,
        unit="MiB",
        when=when,
        remedy=f"raise it or drop {' and '.join(reasons)}" if reasons else "give a size in this range",
    )
    checks.number(
        "buffer_interval",
        checks.seconds("buffer_interval", sink.buffer_interval),
        60 if sink.partitioned else 0,
        900,
        unit="s",
        when="partition_by is set" if sink.partitioned else "",
        remedy="raise it or drop partition_by" if sink.partitioned else "give a time in this range",
    )


def _check_format(checks: Checks, sink: S3Sink) -> None:
    if sink.compression is not None:
        checks.one_of("compression", sink.compression, get_args(Compression), remedy="leave it out for GZIP")
    if sink.parquet is None:
        return
    if sink.compression not in (None, "UNCOMPRESSED") and not is_token(sink.compression):
        checks.refuse(
            "compression and parquet",
            "given one at a time",
            f"{sink.compression!r} with parquet",
            "drop compression: Parquet compresses inside with Snappy",
        )
    if isinstance(sink.parquet, GlueTable):
        for argument in ("database_name", "table_name"):
            checks.text(argument, getattr(sink.parquet, argument), remedy="name the table as the catalog does")
        return
    _check_columns(checks, sink.parquet, sink)


def _check_columns(checks: Checks, columns: Mapping[str, str], sink: S3Sink) -> None:
    remedy = "give {'temperature': 'double'} or a GlueTable"
    if not isinstance(columns, Mapping) or not columns:
        checks.refuse("parquet", "a mapping of columns to types, or a GlueTable", repr(columns), remedy)
    taken = {*(sink.partition_by or {}), *ARRIVAL_COLUMNS} if sink.prefix is None else set()
    for name, kind in columns.items():
        checks.matches(
            "parquet",
            name,
            r"[a-z_][a-z0-9_]*",
            rule="a mapping whose column names are lower-case letters, digits and _",
            remedy="use the lower-case name: Firehose matches keys of JSON without regard to case",
        )
        if name in taken:
            checks.refuse(
                "parquet",
                "a mapping of columns that are not partitions as well",
                repr(name),
                "rename the partition, as in partition_by={'device_id': '.device'}",
            )
        if not is_token(kind) and not (isinstance(kind, str) and hive.is_type(kind)):
            link = "see https://docs.aws.amazon.com/athena/latest/ug/data-types.html"
            checks.refuse(f"parquet[{name!r}]", "a Hive type", repr(kind), link)
