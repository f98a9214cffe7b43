"""Refusal of what Firehose or S3 would only refuse during the deployment, or would lose data over."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import get_args

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.resource_checks import check_access_logs
from cdk_refarch._parts.text_checks import check_balanced

from . import hive
from .prefix_checks import check_prefixes
from .s3_sink import BucketLifecycle, Compression, GlueTable, S3Sink, fixed_part

MAX_PARTITION_KEYS = 50
"""https://docs.aws.amazon.com/firehose/latest/dev/limits.html"""

MAX_TRANSFORM_S = 300
"""https://docs.aws.amazon.com/firehose/latest/dev/data-transformation.html"""

MIN_IA_DAYS = 30
"""https://docs.aws.amazon.com/AmazonS3/latest/userguide/lifecycle-transition-general-considerations.html"""

MAX_DAYS = 2147483647
"""S3 keeps days in a 32-bit integer."""

ARRIVAL_COLUMNS = ("day", "hour")
"""The columns that the default prefix adds to a created table."""


def check_sink(checks: Checks, sink: S3Sink) -> None:
    """Check everything that a sink says about itself.

    Args:
        checks: The checks of the construct.
        sink: The sink.

    Raises:
        ValueError: If AWS would refuse it, or failed records would get lost.
    """
    _check_bucket(checks, sink)
    _check_partitions(checks, sink)
    check_prefixes(checks, sink)
    _check_buffer(checks, sink)
    _check_format(checks, sink)
    _check_transform(checks, sink)


def _check_transform(checks: Checks, sink: S3Sink) -> None:
    if sink.transform is None:
        return
    if not hasattr(sink.transform, "function_arn"):
        got = type(sink.transform).__name__
        checks.refuse("transform", "a Lambda function", got, "give a construct that implements IFunction")
    timeout = getattr(sink.transform, "timeout", None)
    checks.number(
        "timeout of transform",
        checks.seconds("timeout of transform", timeout),
        1,
        MAX_TRANSFORM_S,
        unit="s",
        remedy="lower it: Firehose does not wait longer for an invocation",
    )


def _check_bucket(checks: Checks, sink: S3Sink) -> None:
    for argument in ("bucket", "access_log_bucket"):
        given = getattr(sink, argument)
        if given is not None and not hasattr(given, "bucket_arn"):
            checks.refuse(argument, "a bucket", type(given).__name__, "give a construct that implements IBucket")
    checks.key("key of bucket", getattr(sink.bucket, "encryption_key", None))
    if sink.bucket is not None and sink.access_log_bucket is not None:
        checks.refuse("bucket and access_log_bucket", "given one at a time", "both", "set logging on the bucket itself")
    check_access_logs(checks, sink.access_log_bucket)
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
                "set partition_by, or have each record sent by itself",
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
    if re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", known.strip()) and known.strip() != "now":
        checks.refuse(argument, "a jq path that begins with a dot", repr(known), f"write '.{known.strip()}'")
    bare = re.sub(r'"(?:[^"\\]|\\.)*"', "", known)
    if re.search(r"^\s*[|,]|[|,]\s*$|#", bare) or re.match(r"\s*\$\.", known):
        rule = "one whole jq 1.6 expression without a comment"
        checks.refuse(argument, rule, repr(known), "write '.device.id', say")


def _check_buffer(checks: Checks, sink: S3Sink) -> None:
    cause = "partition_by" if sink.partition_by is not None else "partitionKeyFromLambda"
    reasons = [name for name, present in ((cause, sink.partitioned), ("parquet", sink.parquet is not None)) if present]
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
        when=f"{cause} is set" if sink.partitioned else "",
        remedy=f"raise it or drop {cause}" if sink.partitioned else "give a time in this range",
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
            name = getattr(sink.parquet, argument)
            rule = "a name without white space, *, ? and /"
            checks.matches(argument, name, r"[^\s*?/]{1,255}", rule=rule, remedy="name the table as the catalog does")
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
