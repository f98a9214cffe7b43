"""A Firehose stream that delivers to OpenSearch, with everything it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchserverless as serverless
from aws_cdk import aws_opensearchservice as opensearch
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.network import (
    HTTPS,
    NO_RESOURCES,
    Network,
    closed_group,
    connect,
    firehose_interfaces,
    interfaces_arn,
    private_subnets,
)
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.s3_delivery.s3_bucket import failures_metric, sink_bucket
from cdk_refarch._parts.s3_delivery.s3_sink import fixed_part
from cdk_refarch._parts.s3_delivery.stream_role import stream_role
from cdk_refarch._parts.sinks import Delivery
from cdk_refarch._parts.subnet_checks import selection

from .collection import Collection
from .destination import Targets, interval, read_paths, retry, to_collection, to_domain, use_domain
from .domain import Domain, domain_arn
from .opensearch_sink import OpenSearchCollection, OpenSearchDomain, OpenSearchSink

LATE_AFTER_S = 900
"""How long a document may wait beyond buffering and trying again before the freshness alarm rings."""

LONGEST_WAIT_S = 900 + 7200
"""What buffering and trying again can take at most."""

_L1 = firehose.CfnDeliveryStream


class OpenSearchDelivery(Delivery):
    """Records put to a Firehose stream become documents, and those that cannot be indexed objects in a bucket.

    Creates the stream, its role, a log group, alarms and, unless they are given, the bucket and the domain or
    collection.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sink: What to deliver and where; checked before.
        operation: What it shares with the other parts.

    Attributes:
        stream: The Firehose stream.
        role: The role that the stream works with.
        bucket: The bucket of failed documents, given or created.
        access_log_bucket: Where the created bucket's access logs go, given or created; None for a given bucket.
        log_group: The stream's error log.
        domain: The created domain; None for a given one, and for a collection.
        collection: The created collection; None for a domain.
        endpoint: Where documents are searched, as a URL.
        security_group: What Firehose has in the VPC; None outside.
        target_security_group: What the domain or endpoint has in the VPC, created or given: let those in who search.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, sink: OpenSearchSink, operation: Operation) -> None:
        super().__init__(scope, id)
        self._sink, self._operation = sink, operation
        key = operation.encryption_key
        self.bucket, self.access_log_bucket = sink_bucket(self, sink.in_bucket, key, operation.removal_policy)
        self._object_key = self.bucket.encryption_key or key
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )
        self._log_streams = [
            logs.LogStream(
                self, name, log_group=self.log_group, removal_policy=operation.removal_policy
            ).log_stream_name
            for name in ("LogStream", "BackupLogStream")
        ]
        self.domain: opensearch.CfnDomain | None = None
        self.collection: serverless.CfnCollection | None = None
        self.target_security_group: ec2.ISecurityGroup | None = sink.target_security_group
        self._network = self._stand()
        self.security_group = None if self._network is None else self._network.security_group
        self.alarms: Mapping[str, cloudwatch.Alarm] = {}
        self.stream = self._to_domain() if sink.collection is None else self._to_collection(sink.collection)
        self.alarms = {**self._alarms(operation.alarm_topic), **self.alarms}
        if self.domain is not None or self.collection is not None:
            what = "domain" if self.collection is None else "collection"
            cdk.Annotations.of(self).add_warning_v2(
                "cdk-refarch:bills-while-idle",
                f"The OpenSearch {what} of this sink bills by the hour, whether it is used or not. Acknowledge this "
                "when the price is known: https://aws.amazon.com/opensearch-service/pricing/",
            )

    def _stand(self) -> Network | None:
        sink = self._sink
        if sink.vpc is None:
            return None
        group = closed_group(self, "SecurityGroup", sink.vpc, "Firehose, where it writes to OpenSearch")
        target = sink.target_security_group
        if target is None and hasattr(sink.domain, "connections"):
            target = cast("opensearch.Domain", sink.domain).connections.security_groups[0]
        if target is not None:
            connect(group, target, HTTPS, "Firehose writes documents")
        elif sink.finds_target:
            group.add_egress_rule(ec2.Peer.ipv4(sink.vpc.vpc_cidr_block), ec2.Port.tcp(HTTPS), "Writes documents")
        return Network(vpc=sink.vpc, subnets=private_subnets(sink.vpc, selection(sink.subnets)), security_group=group)

    def _to_domain(self) -> firehose.CfnDeliveryStream:
        sink = self._sink
        given = None if isinstance(sink.domain, OpenSearchDomain) else cast("opensearch.IDomain", sink.domain)
        arn = domain_arn(self) if given is None else given.domain_arn
        self.role = self._role(use_domain(arn, self._indices()))
        for path in ("*", *(one for one in read_paths(self._indices()) if "*" in one)):
            acknowledge_wildcard(
                self.role,
                f"{arn}/{path}",
                "Firehose calls these paths of this one domain, and makes up what follows the name of the index. "
                "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es.",
            )
        waits: list[Construct] = []
        if given is None:
            made = Domain(
                self,
                "Domain",
                wanted=cast("OpenSearchDomain", sink.domain),
                indices=self._indices(),
                writer=self.role,
                network=cast("Network", self._network),
                operation=self._operation,
            )
            self.domain, self.alarms, self.target_security_group = made.domain, made.alarms, made.security_group
            waits.append(made.access)
        host = (
            given.domain_endpoint
            if given is not None
            else cast("opensearch.CfnDomain", self.domain).attr_domain_endpoint
        )
        self.endpoint = f"https://{host}"
        stream = self._stream(
            "Domain", amazonopensearchservice_destination_configuration=to_domain(sink, self._targets(), arn)
        )
        stream.node.add_dependency(*waits)
        return stream

    def _to_collection(self, wanted: OpenSearchCollection) -> firehose.CfnDeliveryStream:
        sink = self._sink
        made = Collection(
            self,
            "Collection",
            wanted=wanted,
            index=sink.index,
            network=self._network,
            operation=self._operation,
        )
        self.collection, self.endpoint = made.collection, made.url
        self.target_security_group = made.security_group or sink.target_security_group
        self.role = self._role([statement(["aoss:APIAccessAll"], made.arn)])
        admitted = made.admit(self.role)
        destination = to_collection(sink, self._targets(), made.url)
        stream = self._stream("Collection", amazon_open_search_serverless_destination_configuration=destination)
        stream.node.add_dependency(admitted)
        return stream

    def _indices(self) -> list[str]:
        index = self._sink.index
        return [index] if self._sink.rotation == "NoRotation" else [f"{index}-*"]

    def _role(self, statements: list[iam.PolicyStatement]) -> iam.Role:
        network = self._network
        if network is not None:
            statements = [*statements, *firehose_interfaces(self, network)]
        sink = self._sink
        role = stream_role(
            self,
            bucket=self.bucket,
            prefixes=(sink.prefix, sink.error_prefix) if sink.backup == "all" else (sink.error_prefix,),
            object_key=self._object_key,
            log_group=self.log_group,
            log_streams=self._log_streams,
            transform=sink.transform,
            further=statements,
            description="Lets the Firehose stream write to OpenSearch, its objects and its error log",
        )
        if network is not None:
            acknowledge_wildcard(role, "*", NO_RESOURCES)
            acknowledge_wildcard(
                role,
                interfaces_arn(self),
                "Firehose makes the network interfaces and their ids itself. It can make them in these subnets with "
                "this security group only.",
            )
        return role

    def _stream(self, target: str, **destination: object) -> firehose.CfnDeliveryStream:
        # Firehose cannot change the target nor the kind of backup in place, though CloudFormation would try to: under
        # another id it is another stream.
        backup = "Backup" if self._sink.backup == "all" else ""
        return _L1(
            self,
            f"{target}{backup}Stream",
            delivery_stream_type="DirectPut",
            delivery_stream_encryption_configuration_input=_L1.DeliveryStreamEncryptionConfigurationInputProperty(
                key_type="CUSTOMER_MANAGED_CMK", key_arn=self._operation.encryption_key.key_arn
            ),
            **destination,  # type: ignore[arg-type]
        )

    def _targets(self) -> Targets:
        return Targets(
            role_arn=self.role.role_arn,
            bucket_arn=self.bucket.bucket_arn,
            key_arn=self._object_key.key_arn,
            log_group_name=self.log_group.log_group_name,
            log_stream_names=self._log_streams,
            network=self._network,
        )

    def _metric(self, name: str, statistic: str) -> cloudwatch.Metric:
        service = "Service" if self._sink.collection is None else "Serverless"
        return self.metric(f"DeliveryToAmazonOpenSearch{service}.{name}", statistic=statistic)

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        waits = [interval(self._sink), retry(self._sink)]
        known = not any(cdk.Token.is_unresolved(one) for one in waits)
        late = (sum(waits) if known else LONGEST_WAIT_S) + LATE_AFTER_S
        made = {
            "Freshness": alarm(
                self,
                "Freshness",
                metric=self._metric("DataFreshness", "Maximum"),
                threshold=late,
                description="Firehose has not indexed its oldest document for too long, and gives up after 24 hours. "
                "Read the stream's error log and mend access to OpenSearch and to the bucket.",
                topic=topic,
            ),
            "DeliveryFailed": alarm(
                self,
                "DeliveryFailed",
                metric=self._metric("Success", "Minimum"),
                threshold=1,
                comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
                description="OpenSearch did not take all documents, and those go to the error prefix. Each has its "
                "error code: mend the mapping of the role, the index or the documents, and replay them.",
                topic=topic,
            ),
        }
        watched: list[Watched] = [
            (
                "Throttled",
                self.metric("ThrottledRecords"),
                "The stream took fewer records than were sent. Ask for a higher quota, then replay what the sender "
                "could not deliver and kept.",
            )
        ]
        if self._sink.bucket is None and fixed_part(self._sink.error_prefix):
            watched.append(
                (
                    "RecordsFailed",
                    failures_metric(self.bucket),
                    "Firehose wrote failed documents to the error prefix, in a folder by the kind of error. Each has "
                    "its error code: mend the cause and replay them.",
                )
            )
        return made | alarms(self, watched, topic)
