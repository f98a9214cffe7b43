"""What a user says about delivery to Amazon OpenSearch Service: small frozen values."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from cdk_refarch._parts.s3_delivery.s3_sink import ARRIVAL_FOLDERS, ERROR_PREFIX, BucketLifecycle, S3Sink
from cdk_refarch._parts.sinks import Sink

if TYPE_CHECKING:
    import aws_cdk as cdk
    from aws_cdk import aws_ec2 as ec2
    from aws_cdk import aws_iam as iam
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_opensearchservice as opensearch
    from aws_cdk import aws_s3 as s3
    from constructs import Construct

    from cdk_refarch._parts.checks import Checks
    from cdk_refarch._parts.operation import Operation

    from .opensearch_delivery import OpenSearchDelivery

Rotation = Literal["NoRotation", "OneHour", "OneDay", "OneWeek", "OneMonth"]
Backup = Literal["failed", "all"]
CollectionType = Literal["SEARCH", "TIMESERIES"]

DEFAULT_ROTATION: Rotation = "OneDay"

DOCUMENTS_PREFIX = "documents/" + ARRIVAL_FOLDERS
"""Where documents go as they came, when all of them are kept."""


@dataclass(frozen=True, kw_only=True)
class OpenSearchDomain:
    """A managed domain to be created: in the VPC, encrypted, with fine-grained access control and TLS 1.2 or later.

    It bills by the hour, whether it is used or not. The account needs the service-linked role
    ``AWSServiceRoleForAmazonOpenSearchService``, which neither CloudFormation nor this construct creates:
    ``aws iam create-service-linked-role --aws-service-name opensearchservice.amazonaws.com``.

    Args:
        version: The engine, as in ``OpenSearch_2.19``. A later one upgrades the domain in place.
        zones: Over how many availability zones the nodes are spread: 1, 2 or 3. There must be a subnet in each.
        data_nodes: How many nodes hold data, a multiple of ``zones``.
        data_node_type: Their instance type, of a kind with EBS volumes.
        master_nodes: How many nodes do nothing but manage the domain: 3, 5, or 0 to leave it to the data nodes.
        master_node_type: Their instance type.
        standby: Multi-AZ with standby, where one of three zones holds copies only and takes over within a minute. It
            needs 3 zones and dedicated master nodes.
        volume_gib: The volume of each data node in GiB, gp3, from 10.
        admins: Roles that may do everything in the domain.
        readers: Roles that may read the indices of this sink.
    """

    version: str = "OpenSearch_2.19"
    zones: int = 3
    data_nodes: int = 3
    data_node_type: str = "r7g.large.search"
    master_nodes: int = 3
    master_node_type: str = "m7g.large.search"
    standby: bool = False
    volume_gib: int = 100
    admins: Sequence[iam.IRole] = ()
    readers: Sequence[iam.IRole] = ()


@dataclass(frozen=True, kw_only=True)
class OpenSearchCollection:
    """A collection of OpenSearch Serverless to be created, with its policies for encryption, network and data access.

    It bills by the hour for two capacity units at least, half of that without standby, whether it is used or not.

    Args:
        type: ``SEARCH``, where a document that Firehose sends twice is one, or ``TIMESERIES``, which keeps what is
            older on cheaper storage and has no ids of documents, so that one that is sent twice is two.
        standby_replicas: Whether there are replicas in a second zone. It cannot be changed later.
        public_access: Whether the collection can be reached over the internet, with signed requests of those whom the
            data access policy names. False needs ``vpc``.
        endpoint_id: The endpoint of OpenSearch Serverless that the VPC has already, as in ``vpce-0123456789abcdef0``,
            because its names hold for the whole VPC; None to create one.
        admins: Roles that may do everything with the data.
        readers: Roles that may read it.
    """

    type: CollectionType = "SEARCH"
    standby_replicas: bool = True
    public_access: bool = False
    endpoint_id: str | None = None
    admins: Sequence[iam.IRole] = ()
    readers: Sequence[iam.IRole] = ()


@dataclass(frozen=True, kw_only=True)
class OpenSearchSink(Sink):
    """Delivery of the records to Amazon OpenSearch Service by a Firehose stream of its own; each is a JSON document.

    Args:
        id: The construct id of the delivery, a PascalCase word. Part of the logical ids: another id means another
            stream and, unless they are given, another domain or collection and bucket.
        index: The index, or with ``index_rotation`` what the names of the indices begin with: lower case letters,
            digits, ``-``, ``_`` and ``.``, of at most 80 characters.
        domain: The managed domain: one to create, or one that is there. In a given domain with fine-grained access
            control, the delivery's ``role`` must be mapped by hand to a role that may write; the README says how.
            Exactly one of ``domain`` and ``collection``.
        collection: The collection of OpenSearch Serverless to create.
        vpc: Where the created domain or the endpoint of the collection stands, or the VPC of the given domain; None for
            a given domain outside a VPC, or a collection with ``public_access``.
        subnets: Which subnets of the VPC, one in each zone; None for private ones with a way out. A created domain
            needs one for each of its ``zones``, and a way to Amazon S3 from there.
        target_security_group: The security group of a given domain or a given endpoint in the VPC, which is opened to
            Firehose at port 443; None if the app's domain knows its own, or to open it by hand.
        index_rotation: How often a new index begins, with the date behind its name (UTC); None for every day, and for
            never in a collection, which has no rotation.
        document_ids: Whether Firehose gives each document an id, so that one that is sent twice is one; False leaves it
            to the domain, which is cheaper for heavy writing. Of a collection, its type decides.
        retry_duration: How long Firehose tries again before documents go to the bucket, from 0 s to 7200 s; None for
            300 s.
        buffer_size: How much is collected before it is sent, from 1 MiB to 100 MiB; None for 5 MiB.
        buffer_interval: How long is waited at most before it is sent, from 0 s to 900 s; None for 60 s.
        backup: What is written to the bucket: ``failed`` documents, or ``all`` documents and under the error prefix the
            failed ones again. Another choice replaces the stream, because Firehose cannot switch it in place.
        bucket: The bucket; None to create one. Objects are encrypted with its own key when the app knows it, else with
            ``encryption_key``: readers need ``grant_read`` of the delivery.
        access_log_bucket: Where the created bucket's access logs go; None to create one. A given bucket that the
            app does not own must admit ``logging.s3.amazonaws.com`` in its policy. Not together with ``bucket``.
        lifecycle: Moves and expiry of the objects in the created bucket; None to move them to Standard-IA after 90 days
            and keep them. Not together with ``bucket``.
        prefix: Where all documents go with ``backup="all"``, with Firehose expressions such as ``!{timestamp:yyyy}``.
        error_prefix: Where failed documents go, outside ``prefix``; it must have ``!{firehose:error-output-type}`` if
            it has expressions. Begin it with a folder: the alarm ``RecordsFailed`` watches that.
        transform: A function that Firehose calls with batches of records before it sends them. It answers each with
            ``Ok``, ``Dropped`` or ``ProcessingFailed``.
    """

    index: str
    id: str = "OpenSearch"
    domain: OpenSearchDomain | opensearch.IDomain | None = None
    collection: OpenSearchCollection | None = None
    vpc: ec2.IVpc | None = None
    subnets: ec2.SubnetSelection | None = None
    target_security_group: ec2.ISecurityGroup | None = None
    index_rotation: Rotation | None = None
    document_ids: bool = True
    retry_duration: cdk.Duration | None = None
    buffer_size: cdk.Size | None = None
    buffer_interval: cdk.Duration | None = None
    backup: Backup = "failed"
    bucket: s3.IBucket | None = None
    access_log_bucket: s3.IBucket | None = None
    lifecycle: BucketLifecycle | None = None
    prefix: str = DOCUMENTS_PREFIX
    error_prefix: str = ERROR_PREFIX
    transform: lambda_.IFunction | None = None

    @property
    def data_prefix(self) -> str:
        """Where documents go as they came."""
        return self.prefix

    @property
    def rotation(self) -> Rotation:
        """How often a new index begins, as given or as it is without a word."""
        if self.index_rotation is not None:
            return self.index_rotation
        return DEFAULT_ROTATION if self.collection is None else "NoRotation"

    @property
    def finds_target(self) -> bool:
        """Whether what documents are sent to, a domain or the endpoint of a collection, is there already."""
        if self.collection is not None:
            return self.collection.endpoint_id is not None
        return not isinstance(self.domain, OpenSearchDomain)

    @property
    def in_bucket(self) -> S3Sink:
        """What the stream writes to its bucket, said as of a sink."""
        return S3Sink(
            bucket=self.bucket,
            access_log_bucket=self.access_log_bucket,
            lifecycle=self.lifecycle,
            prefix=self.prefix,
            error_prefix=self.error_prefix,
            transform=self.transform,
        )

    def check(self, checks: Checks, scope: Construct) -> None:
        """Refuse what AWS would refuse."""
        from .opensearch_checks import check_sink

        check_sink(checks, self, scope)

    def deliver(self, scope: Construct, operation: Operation) -> OpenSearchDelivery:
        """Create the stream, and what it delivers to unless that is given."""
        from .opensearch_delivery import OpenSearchDelivery

        return OpenSearchDelivery(scope, self.id, sink=self, operation=operation)
