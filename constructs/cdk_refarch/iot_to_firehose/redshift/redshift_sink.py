"""What a user says about delivery to Amazon Redshift: small frozen values."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from cdk_refarch._parts.s3_delivery.s3_sink import ARRIVAL_FOLDERS, DATA_ROOT, ERROR_PREFIX, BucketLifecycle, S3Sink
from cdk_refarch._parts.sinks import Sink

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_s3 as s3
    from aws_cdk import aws_secretsmanager as secretsmanager
    from constructs import Construct

    from cdk_refarch._parts.checks import Checks
    from cdk_refarch._parts.operation import Operation

    from .redshift_delivery import RedshiftDelivery

DOCUMENT_COLUMN = "document"
"""The one column of a table without columns of its own."""


@dataclass(frozen=True, kw_only=True)
class RedshiftWorkgroup:
    """A workgroup of Redshift Serverless to be created with its namespace: in the VPC, encrypted, TLS only.

    It bills for storage, and for compute while it works: each load wakes it for a minute at least.

    Args:
        database: The database, which is created with the namespace: lower case letters, digits and ``_``.
        base_capacity: Redshift processing units (RPUs) that a query begins with: 4, or from 8 to 512 in steps of 8.
        max_capacity: The most RPUs that the workgroup takes, a bound of its price; None for no bound.
        enhanced_vpc_routing: Whether loads and unloads go through the VPC, which then needs three zones and a way to
            Amazon S3. Without it, two zones are enough.
        port: Where the database listens: from 5431 to 5455, or from 8191 to 8215.
    """

    database: str = "iot"
    base_capacity: int = 8
    max_capacity: int | None = 64
    enhanced_vpc_routing: bool = True
    port: int = 5439


@dataclass(frozen=True, kw_only=True)
class ExistingWorkgroup:
    """A workgroup of Redshift Serverless that is there, in the account and region of the stack.

    Its namespace must have ``copy_role`` among its roles, and in its resource policy
    ``redshift:AuthorizeInboundIntegration`` for ``redshift.amazonaws.com`` and ``redshift:CreateInboundIntegration``
    for the account, both from the bucket of the delivery.

    Args:
        workgroup_name: Its name.
        workgroup_arn: Its ARN, which ends in its id.
        namespace_arn: The ARN of its namespace, which ends in an id too.
        database: The database.
        admin_secret: The secret of a user who may create tables, users and jobs, with ``username`` and ``password``.
        copy_role: The role with which loads read the bucket; it gets what it needs there.
    """

    workgroup_name: str
    workgroup_arn: str
    namespace_arn: str
    database: str
    admin_secret: secretsmanager.ISecret
    copy_role: iam.IRole


@dataclass(frozen=True, kw_only=True)
class DirectCopy:
    """COPY by Firehose itself, from outside: for a workgroup or cluster that is public and lets Firehose in.

    Firehose comes from one range of addresses in each region, which the security group of the database must admit:
    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-rs-vpc. The table must be there.

    Args:
        public_endpoint: The host and port that the database has on the internet, as in
            ``analytics.123456789012.eu-central-1.redshift-serverless.amazonaws.com:5439``.
        database: The database.
        secret: The secret of a user who may insert into the table, with ``username`` and ``password``.
        columns: The columns that are loaded, in the order of COPY; None for those that members of the records name.
        retry_duration: How long Firehose tries a COPY again, from 0 s to 7200 s; None for 3600 s.
    """

    public_endpoint: str
    database: str
    secret: secretsmanager.ISecret
    columns: Sequence[str] | None = None
    retry_duration: cdk.Duration | None = None


@dataclass(frozen=True, kw_only=True)
class RedshiftSink(Sink):
    """Delivery of the records to a table of Amazon Redshift, by a Firehose stream of its own and a bucket.

    Firehose writes files to the bucket, and a copy job of Redshift loads each of them once, without anything that is
    open to the internet. A function looks after each file some minutes later; one that was not loaded is told of in a
    queue.

    Args:
        table: The table, created unless it is there: lower case letters, digits and ``_``.
        id: The construct id of the delivery, a PascalCase word. Part of the logical ids: another id means another
            stream and bucket and, unless it is given, another workgroup.
        columns: The columns by name with their types in Redshift, as in ``{"temperature": "float8"}``, loaded from
            members of the records with the same names; columns that come later are added to the table. A record that
            does not fit them fails its whole file. None for one column ``document`` of type ``super`` that takes every
            record as it is, so that nothing but broken JSON fails.
        schema: The schema of the table, created unless it is there.
        workgroup: The workgroup, to be created or given; None with ``direct``.
        vpc: Where the created workgroup stands. Not with a given one.
        subnets: Which subnets of the VPC, one in each zone; None for private ones with a way out.
        access_log_bucket: Where the bucket's access logs go; None to create one. A given bucket that the app does
            not own must admit ``logging.s3.amazonaws.com`` in its policy.
        lifecycle: Moves and expiry of the files; None to move them to Standard-IA after 90 days and keep them. A
            failed load can be repeated for as long as its file is there.
        buffer_size: How much is collected before a file is written, from 1 MiB to 128 MiB; None for 5 MiB.
        buffer_interval: How long is waited at most before a file is written, from 0 s to 900 s; None for 300 s. Each
            file is a load.
        transform: A function that Firehose calls with batches of records before it writes them. It answers each with
            ``Ok``, ``Dropped`` or ``ProcessingFailed``, and with data that ends in a newline.
        direct: COPY by Firehose itself instead of a job, to a public endpoint that is named; None for a job.
    """

    table: str
    id: str = "Redshift"
    columns: Mapping[str, str] | None = None
    schema: str = "public"
    workgroup: RedshiftWorkgroup | ExistingWorkgroup | None = None
    vpc: ec2.IVpc | None = None
    subnets: ec2.SubnetSelection | None = None
    access_log_bucket: s3.IBucket | None = None
    lifecycle: BucketLifecycle | None = None
    buffer_size: cdk.Size | None = None
    buffer_interval: cdk.Duration | None = None
    transform: lambda_.IFunction | None = None
    direct: DirectCopy | None = None

    @property
    def bucket(self) -> s3.IBucket | None:  # type: ignore[override]
        """None: Redshift itself sets the notifications of the bucket, so that it is one of its own."""
        return None

    @property
    def data_prefix(self) -> str:
        """Where files go."""
        return DATA_ROOT + ARRIVAL_FOLDERS

    @property
    def error_prefix(self) -> str:  # type: ignore[override]
        """Where records go that could not be processed."""
        return ERROR_PREFIX

    @property
    def staging(self) -> S3Sink:
        """What the stream writes to its bucket, said as of a sink."""
        return S3Sink(
            id="Staging",
            access_log_bucket=self.access_log_bucket,
            lifecycle=self.lifecycle,
            buffer_size=self.buffer_size,
            buffer_interval=self.buffer_interval,
            transform=self.transform,
        )

    def check(self, checks: Checks, scope: Construct) -> None:
        """Refuse what AWS would refuse."""
        from .redshift_checks import check_sink

        check_sink(checks, self, scope)

    def deliver(self, scope: Construct, operation: Operation) -> RedshiftDelivery:
        """Create the stream, and what it delivers to unless that is given."""
        from .redshift_delivery import RedshiftDelivery

        return RedshiftDelivery(scope, self.id, sink=self, operation=operation)
