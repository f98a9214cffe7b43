"""What a user says about delivery to Amazon S3: small frozen values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cdk_refarch._parts.sinks import Sink

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from cdk_refarch._parts.checks import Checks
    from cdk_refarch._parts.operation import Operation

    from .s3_delivery import S3Delivery

Compression = Literal["GZIP", "Snappy", "ZIP", "HADOOP_SNAPPY", "UNCOMPRESSED"]

ARRIVAL_FOLDERS = "day=!{timestamp:yyyy-MM-dd}/hour=!{timestamp:HH}/"
"""Folders by the hour (UTC) in which the oldest record of an object arrived; query engines read them as columns."""

DATA_ROOT = "data/"
"""Where delivered records go when no prefix is given."""

ERROR_PREFIX = "errors/!{firehose:error-output-type}/" + ARRIVAL_FOLDERS
"""Where records go that could not be processed: one folder for each kind of error."""


@dataclass(frozen=True, kw_only=True)
class BucketLifecycle:
    """When the objects in a bucket move to colder storage and when they go.

    Args:
        infrequent_access_after_days: Days until objects move to S3 Standard-IA, at least 30; None to never move them.
        archive_after_days: Days until objects move to S3 Glacier Flexible Retrieval, at least 30 after the move to
            Standard-IA; None to never move them. Archived objects must be restored before they can be read.
        expire_after_days: Days until objects are deleted, after every move; None to keep them.
        errors_expire_after_days: Days until records that could not be processed are deleted, from 1; None to keep
            them. This is how long a failure can be repaired. The other three do not concern them, unless ``prefix``
            begins with an expression, so that they cannot be told from data.
    """

    infrequent_access_after_days: int | None = None
    archive_after_days: int | None = None
    expire_after_days: int | None = None
    errors_expire_after_days: int | None = None


DEFAULT_LIFECYCLE = BucketLifecycle(infrequent_access_after_days=90)
"""Most records are read while they are young, and Standard-IA bills nothing for keeping it ready."""


@dataclass(frozen=True, kw_only=True)
class GlueTable:
    """A table of the AWS Glue Data Catalog, in the account and region of the stack.

    If the catalog is encrypted, the role of the delivery needs ``kms:Decrypt`` on its key as well.

    Args:
        database_name: The name of the database.
        table_name: The name of the table.
    """

    database_name: str
    table_name: str


@dataclass(frozen=True, kw_only=True)
class S3Sink(Sink):
    """Delivery of the records to Amazon S3 by a Firehose stream of its own.

    Args:
        id: The construct id of the delivery, a PascalCase word. Part of the logical ids: another id means another
            stream and, unless one is given, another bucket.
        bucket: The bucket to write to; None to create one. Objects are encrypted with its own key when the app knows
            it, else with ``encryption_key``: readers need ``S3Delivery.grant_read``.
        access_log_bucket: Where the created bucket's access logs go; None to create one. A given bucket that the
            app does not own must admit ``logging.s3.amazonaws.com`` in its policy. Not together with ``bucket``.
        lifecycle: Moves and expiry of the objects in the created bucket; None to move them to Standard-IA after 90 days
            and keep them. Not together with ``bucket``.
        prefix: Where records go, with Firehose expressions such as ``!{timestamp:yyyy}``; None for ``data/``, one
            folder for each key of ``partition_by``, and folders by day and hour (UTC).
        error_prefix: Where records go that could not be processed, outside ``prefix``. Expressions are those
            of ``prefix`` without partition keys; ``!{firehose:error-output-type}`` must be there if there is any. Begin
            it with a folder: the alarm ``RecordsFailed`` watches that.
        compression: How objects are compressed; None for GZIP, and for no compression of the object when ``parquet``
            is set, because Parquet compresses inside.
        buffer_size: How much is collected before an object is written, from 1 MiB to 128 MiB, and from 64 MiB with
            ``partition_by`` or ``parquet``; None for 5 MiB, or 128 MiB with either.
        buffer_interval: How long is waited at most before an object is written, from 0 s to 900 s, and from 60 s with
            ``partition_by``; None for 300 s.
        partition_by: Dynamic partitioning: name of the partition to the jq 1.6 expression that finds its value in a
            JSON record, as in ``{"device": ".device.id"}``; None for no partitioning. Records without a value go to
            the error prefix. Setting or dropping it replaces the stream, because Firehose cannot switch it in place.
        split_records: Takes messages apart that carry several records, for ``partition_by`` only: ``JSON`` for JSON
            documents one after the other, any other text is the delimiter between them; None for one record in
            a message. Firehose then writes the newline after each record.
        parquet: Conversion of JSON records to Parquet: column names to Hive types, as in ``{"temperature": "double"}``,
            to create a table that Athena can query, or a ``GlueTable`` that exists; None for records as they are.
        transform: A function that Firehose calls with batches of records before it writes them. It answers each with
            ``Ok``, ``Dropped`` or ``ProcessingFailed``, and with data that ends in a newline.
    """

    id: str = "S3"
    bucket: s3.IBucket | None = None
    access_log_bucket: s3.IBucket | None = None
    lifecycle: BucketLifecycle | None = None
    prefix: str | None = None
    error_prefix: str = ERROR_PREFIX
    compression: Compression | None = None
    buffer_size: cdk.Size | None = None
    buffer_interval: cdk.Duration | None = None
    partition_by: Mapping[str, str] | None = None
    split_records: str | None = None
    parquet: Mapping[str, str] | GlueTable | None = None
    transform: lambda_.IFunction | None = None

    @property
    def data_prefix(self) -> str:
        """The prefix that delivered records get, as given or computed."""
        if self.prefix is not None:
            return self.prefix
        keys = "".join(f"{key}=!{{partitionKeyFromQuery:{key}}}/" for key in self.partition_by or {})
        return DATA_ROOT + keys + ARRIVAL_FOLDERS

    @property
    def partitioned(self) -> bool:
        """Whether the stream uses dynamic partitioning, by jq or by keys that the function returns."""
        return self.partition_by is not None or "!{partitionKeyFromLambda:" in self.data_prefix

    def check(self, checks: Checks, scope: Construct) -> None:
        from .s3_checks import check_sink

        check_sink(checks, self)
        checks.same_region("transform", self.transform, scope)

    def deliver(self, scope: Construct, operation: Operation) -> S3Delivery:
        from .s3_delivery import S3Delivery

        return S3Delivery(
            scope,
            self.id,
            sink=self,
            encryption_key=operation.encryption_key,
            alarm_topic=operation.alarm_topic,
            removal_policy=operation.removal_policy,
            log_retention=operation.log_retention,
        )


def fixed_part(prefix: str) -> str:
    """Return what a prefix begins with before its first expression or token.

    Args:
        prefix: A prefix with Firehose expressions.
    """
    return prefix.partition("!{")[0].partition("${Token[")[0]
