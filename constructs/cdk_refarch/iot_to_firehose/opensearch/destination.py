"""What a Firehose stream is told about OpenSearch, and what its role needs there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose

from cdk_refarch._parts.network import Network
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.s3_delivery.destination import transforming

from .opensearch_sink import OpenSearchSink

BUFFER_MIB = 5
"""Firehose's own default."""

INTERVAL_S = 60
"""Documents are looked for while they are young."""

RETRY_S = 300
"""Firehose's own default."""

_L1 = firehose.CfnDeliveryStream


@dataclass(frozen=True, kw_only=True)
class Targets:
    """The names and ARNs that the destination refers to, and where the stream stands in a VPC."""

    role_arn: str
    bucket_arn: str
    key_arn: str
    log_group_name: str
    log_stream_names: Sequence[str]
    network: Network | None


def interval(sink: OpenSearchSink) -> int:
    """Return how many seconds the stream waits at most before it sends documents.

    Args:
        sink: The sink.
    """
    return INTERVAL_S if sink.buffer_interval is None else int(sink.buffer_interval.to_seconds())


def retry(sink: OpenSearchSink) -> int:
    """Return for how many seconds the stream tries again.

    Args:
        sink: The sink.
    """
    return RETRY_S if sink.retry_duration is None else int(sink.retry_duration.to_seconds())


def to_domain(
    sink: OpenSearchSink, to: Targets, arn: str
) -> _L1.AmazonopensearchserviceDestinationConfigurationProperty:
    """Return the destination of a stream to a domain.

    Args:
        sink: What to deliver.
        to: Where its objects and its log go, and with what.
        arn: The domain.
    """
    ids = "FIREHOSE_DEFAULT" if sink.document_ids else "NO_DOCUMENT_ID"
    return _L1.AmazonopensearchserviceDestinationConfigurationProperty(
        domain_arn=arn,
        index_rotation_period=sink.rotation,
        document_id_options=_L1.DocumentIdOptionsProperty(default_document_id_format=ids),
        buffering_hints=_L1.AmazonopensearchserviceBufferingHintsProperty(**_hints(sink)),
        retry_options=_L1.AmazonopensearchserviceRetryOptionsProperty(duration_in_seconds=retry(sink)),
        **_common(sink, to),
    )


def to_collection(
    sink: OpenSearchSink, to: Targets, url: str
) -> _L1.AmazonOpenSearchServerlessDestinationConfigurationProperty:
    """Return the destination of a stream to a collection.

    Args:
        sink: What to deliver.
        to: Where its objects and its log go, and with what.
        url: The collection.
    """
    return _L1.AmazonOpenSearchServerlessDestinationConfigurationProperty(
        collection_endpoint=url,
        buffering_hints=_L1.AmazonOpenSearchServerlessBufferingHintsProperty(**_hints(sink)),
        retry_options=_L1.AmazonOpenSearchServerlessRetryOptionsProperty(duration_in_seconds=retry(sink)),
        **_common(sink, to),
    )


def _hints(sink: OpenSearchSink) -> dict[str, int]:
    size = sink.buffer_size
    return {
        "size_in_m_bs": BUFFER_MIB if size is None else int(size.to_mebibytes()),
        "interval_in_seconds": interval(sink),
    }


def _common(sink: OpenSearchSink, to: Targets) -> dict[str, Any]:
    network = to.network
    return {
        "index_name": sink.index,
        "role_arn": to.role_arn,
        "s3_backup_mode": "AllDocuments" if sink.backup == "all" else "FailedDocumentsOnly",
        "s3_configuration": _L1.S3DestinationConfigurationProperty(
            bucket_arn=to.bucket_arn,
            role_arn=to.role_arn,
            prefix=sink.prefix,
            error_output_prefix=sink.error_prefix,
            compression_format="GZIP",
            encryption_configuration=_L1.EncryptionConfigurationProperty(
                kms_encryption_config=_L1.KMSEncryptionConfigProperty(awskms_key_arn=to.key_arn)
            ),
            cloud_watch_logging_options=_log(to, 1),
        ),
        "cloud_watch_logging_options": _log(to, 0),
        "processing_configuration": None if sink.transform is None else transforming(sink.transform),
        "vpc_configuration": (
            None
            if network is None
            else _L1.VpcConfigurationProperty(
                role_arn=to.role_arn,
                subnet_ids=network.subnet_ids,
                security_group_ids=[network.security_group.security_group_id],
            )
        ),
    }


def _log(to: Targets, position: int) -> _L1.CloudWatchLoggingOptionsProperty:
    return _L1.CloudWatchLoggingOptionsProperty(
        enabled=True, log_group_name=to.log_group_name, log_stream_name=to.log_stream_names[position]
    )


def use_domain(arn: str, indices: Sequence[str]) -> list[iam.PolicyStatement]:
    """Return what a stream's role needs of a domain.

    https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es.

    Args:
        arn: The domain.
        indices: The indices that it writes, as patterns.
    """
    return [
        statement(["es:DescribeDomain", "es:DescribeDomainConfig", "es:DescribeDomains"], arn),
        statement(["es:ESHttpPost", "es:ESHttpPut"], f"{arn}/*"),
        statement(["es:ESHttpGet"], *(f"{arn}/{path}" for path in read_paths(indices))),
    ]


def read_paths(indices: Sequence[str]) -> list[str]:
    """Return the paths that Firehose reads of a domain.

    Args:
        indices: The indices that it writes, as patterns.
    """
    return [
        "_all/_settings",
        "_cluster/stats",
        "_nodes",
        "_nodes/*/stats",
        "_nodes/stats",
        "_stats",
        *(f"{index}/{path}" for index in indices for path in ("_mapping*", "_stats")),
    ]
