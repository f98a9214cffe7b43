"""A managed domain of OpenSearch Service in a VPC, and who may do what in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_logs as logs
from aws_cdk import aws_opensearchservice as opensearch
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarm, alarms
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.names import address
from cdk_refarch._parts.network import HTTPS, Network, closed_group, connect
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.provider import Provider

from .opensearch_sink import OpenSearchDomain

TLS = "Policy-Min-TLS-1-2-PFS-2023-10"
"""https://docs.aws.amazon.com/opensearch-service/latest/APIReference/API_DomainEndpointOptions.html"""

LOGS = ("INDEX_SLOW_LOGS", "SEARCH_SLOW_LOGS", "ES_APPLICATION_LOGS")

LOW_STORAGE = 0.25
"""How much of a node's volume must be free:
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/cloudwatch-alarms.html"""

SECURITY_API = "_plugins/_security/api"

ADMINISTRATORS = ("all_access", "security_manager")
"""What a master user is mapped to:
https://docs.aws.amazon.com/opensearch-service/latest/developerguide/fgac.html#fgac-more-masters"""


def domain_name(scope: Construct) -> str:
    """Return the name of the domain that is made in a construct.

    Its own policy and the role that writes to it name each other, so that it must be known before either.

    Args:
        scope: The construct.
    """
    return f"iot-{address(scope)[:20]}"


def domain_arn(scope: Construct) -> str:
    """Return the ARN of the domain that is made in a construct.

    Args:
        scope: The construct.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:es:{stack.region}:{stack.account}:domain/{domain_name(scope)}"


class Domain(Construct):
    """A domain in private subnets, its log, its alarms, and the roles in it that no template can say.

    Args:
        scope: The construct it belongs to, from which it has its name.
        id: Its id.
        wanted: What it is to be like; checked before.
        indices: The indices that are written, as patterns.
        writer: The role that writes them, which may call the domain already.
        network: Where the writer stands.
        operation: What it shares with the other parts.

    Attributes:
        domain: The domain.
        arn: Its ARN.
        security_group: What its nodes are reached by.
        access: What maps roles of IAM to roles in the domain; who writes must wait for it.
        log_group: Its log.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        wanted: OpenSearchDomain,
        indices: Sequence[str],
        writer: iam.IRole,
        network: Network,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._name, self.arn = domain_name(scope), domain_arn(scope)
        self._role = f"cdk_refarch_{address(self)[:12]}"
        self._subnets = network.subnet_ids[: int(wanted.zones)]
        self.security_group = closed_group(self, "SecurityGroup", network.vpc, "The nodes of an OpenSearch domain")
        # It cannot go while the domain uses it.
        self.security_group.apply_removal_policy(operation.removal_policy)
        # A domain that is kept needs it, and it could not be deleted.
        self.security_group.apply_removal_policy(operation.removal_policy)
        connect(network.security_group, self.security_group, HTTPS, "Firehose writes documents")
        group = self._group(network)
        provider = self._provider(network, group, operation)
        self.log_group = logs.LogGroup(
            self,
            "Log",
            encryption_key=operation.encryption_key,
            retention=operation.log_retention,
            removal_policy=operation.removal_policy,
        )
        self.domain = self._domain(wanted, writer, provider.role, operation)
        self.access = provider.resource(
            self,
            "Access",
            "OpenSearchAccess",
            {
                "Endpoint": self.domain.attr_domain_endpoint,
                "Role": self._role,
                "Indices": list(indices),
                "Writers": [writer.role_arn],
                "Readers": [role.role_arn for role in wanted.readers],
                "Admins": [role.role_arn for role in wanted.admins],
            },
        )
        # Their rules are what the function reaches the domain by, also when this is deleted.
        self.access.node.add_dependency(self.security_group, group)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(wanted, operation)

    def _group(self, network: Network) -> ec2.SecurityGroup:
        what = "The function that says in an OpenSearch domain who may do what"
        group = closed_group(self, "AccessSecurityGroup", network.vpc, what)
        connect(group, self.security_group, HTTPS, "Maps roles")
        group.add_egress_rule(ec2.Peer.any_ipv4(), ec2.Port.tcp(HTTPS), "Answers CloudFormation through Amazon S3")
        return group

    def _provider(self, network: Network, group: ec2.SecurityGroup, operation: Operation) -> Provider:
        return Provider(
            self,
            "AccessProvider",
            module="opensearch_security",
            description="Maps roles of IAM to roles in an OpenSearch domain",
            # It is the master user of the domain.
            statements=[
                iam.PolicyStatement(actions=calls, resources=resources) for calls, resources in self._security()
            ],
            operation=operation,
            network=Network(vpc=network.vpc, subnets=network.subnets, security_group=group),
            lasts=cdk.Duration.minutes(15),
        )

    def _security(self) -> list[tuple[list[str], list[str]]]:
        """Return what the function calls: its own roles with their mappings, and the mappings of administrators."""
        api = f"{self.arn}/{SECURITY_API}"
        own = [
            f"{api}/{kind}/{role}" for kind in ("roles", "rolesmapping") for role in (self._role, f"{self._role}_read")
        ]
        return [
            (["es:ESHttpDelete", "es:ESHttpPut"], own),
            (
                ["es:ESHttpGet", "es:ESHttpPatch", "es:ESHttpPut"],
                [f"{api}/rolesmapping/{one}" for one in ADMINISTRATORS],
            ),
        ]

    def _domain(
        self, wanted: OpenSearchDomain, writer: iam.IRole, master: iam.IRole, operation: Operation
    ) -> opensearch.CfnDomain:
        l1 = opensearch.CfnDomain
        zones = wanted.zones > 1
        domain = l1(
            self,
            "Domain",
            domain_name=self._name,
            engine_version=wanted.version,
            access_policies=self._policy(wanted, writer, master),
            advanced_security_options=l1.AdvancedSecurityOptionsInputProperty(
                enabled=True,
                internal_user_database_enabled=False,
                master_user_options=l1.MasterUserOptionsProperty(master_user_arn=master.role_arn),
            ),
            cluster_config=l1.ClusterConfigProperty(
                instance_count=wanted.data_nodes,
                instance_type=wanted.data_node_type,
                dedicated_master_enabled=wanted.master_nodes > 0,
                dedicated_master_count=wanted.master_nodes or None,
                dedicated_master_type=wanted.master_node_type if wanted.master_nodes else None,
                zone_awareness_enabled=zones,
                zone_awareness_config=(
                    l1.ZoneAwarenessConfigProperty(availability_zone_count=wanted.zones) if zones else None
                ),
                multi_az_with_standby_enabled=wanted.standby,
            ),
            domain_endpoint_options=l1.DomainEndpointOptionsProperty(enforce_https=True, tls_security_policy=TLS),
            ebs_options=l1.EBSOptionsProperty(ebs_enabled=True, volume_type="gp3", volume_size=wanted.volume_gib),
            encryption_at_rest_options=l1.EncryptionAtRestOptionsProperty(
                enabled=True, kms_key_id=operation.encryption_key.key_arn
            ),
            node_to_node_encryption_options=l1.NodeToNodeEncryptionOptionsProperty(enabled=True),
            log_publishing_options={
                kind: l1.LogPublishingOptionProperty(
                    enabled=True, cloud_watch_logs_log_group_arn=self.log_group.log_group_arn
                )
                for kind in LOGS
            },
            software_update_options=l1.SoftwareUpdateOptionsProperty(auto_software_update_enabled=True),
            vpc_options=l1.VPCOptionsProperty(
                subnet_ids=self._subnets, security_group_ids=[self.security_group.security_group_id]
            ),
        )
        domain.apply_removal_policy(operation.removal_policy)
        # Without it, another version replaces the domain.
        domain.cfn_options.update_policy = cdk.CfnUpdatePolicy(enable_version_upgrade=True)
        domain.node.add_dependency(self._let_it_log())
        acknowledge(
            domain,
            "AwsSolutions::AwsSolutions-OS3",
            "A domain in a VPC takes no policies by IP addresses. Its security group lets in Firehose and the function "
            "that maps roles, and nobody else. "
            "https://docs.aws.amazon.com/opensearch-service/latest/developerguide/vpc.html#vpc-security.",
        )
        return domain

    def _policy(self, wanted: OpenSearchDomain, writer: iam.IRole, master: iam.IRole) -> iam.PolicyDocument:
        def allow(role: iam.IRole, calls: Sequence[str], resources: Sequence[str]) -> iam.PolicyStatement:
            principals = [iam.ArnPrincipal(role.role_arn)]
            return iam.PolicyStatement(principals=principals, actions=list(calls), resources=list(resources))

        everything = [f"{self.arn}/*"]
        statements = [
            allow(writer, ["es:ESHttpGet", "es:ESHttpPost", "es:ESHttpPut"], everything),
            *(allow(master, calls, resources) for calls, resources in self._security()),
            *(allow(role, ["es:ESHttpGet", "es:ESHttpPost"], everything) for role in wanted.readers),
            *(allow(role, ["es:ESHttp*"], everything) for role in wanted.admins),
        ]
        return iam.PolicyDocument(statements=statements)

    def _let_it_log(self) -> logs.CfnResourcePolicy:
        stack = cdk.Stack.of(self)
        document = iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(
                    principals=[iam.ServicePrincipal("es.amazonaws.com")],
                    actions=["logs:CreateLogStream", "logs:PutLogEvents", "logs:PutLogEventsBatch"],
                    resources=[self.log_group.log_group_arn],
                    conditions={
                        "StringEquals": {"aws:SourceAccount": stack.account},
                        "ArnLike": {"aws:SourceArn": self.arn},
                    },
                )
            ]
        )
        return logs.CfnResourcePolicy(
            self, "LogPolicy", policy_name=self._name, policy_document=stack.to_json_string(document.to_json())
        )

    def _metric(self, name: str, statistic: str = "Maximum") -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/ES",
            metric_name=name,
            dimensions_map={"DomainName": self._name, "ClientId": cdk.Stack.of(self).account},
            statistic=statistic,
        )

    def _alarms(self, wanted: OpenSearchDomain, operation: Operation) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "DomainRed",
                self._metric("ClusterStatus.red"),
                "At least one primary shard and its replicas are on no node of the OpenSearch domain. Look for the red "
                "indices, and restore them from a snapshot if they do not come back.",
            ),
            (
                "DomainWritesBlocked",
                self._metric("ClusterIndexWritesBlocked"),
                "The OpenSearch domain takes no documents, for lack of storage or memory; those of Firehose go to the "
                "bucket. Enlarge the domain or delete indices, then replay them.",
            ),
            (
                "DomainKeyInaccessible",
                self._metric("KMSKeyInaccessible"),
                "The OpenSearch domain cannot use its key any more and will be lost. Mend the key's policy at once.",
            ),
        ]
        made = alarms(self, watched, operation.alarm_topic)
        made["DomainStorageLow"] = alarm(
            self,
            "DomainStorageLow",
            metric=self._metric("FreeStorageSpace", "Minimum"),
            threshold=int(wanted.volume_gib * 1024 * LOW_STORAGE),
            comparison=cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD,
            description="A node of the OpenSearch domain has less than a quarter of its storage left. Enlarge the "
            "volumes or delete old indices, before it takes no documents any more.",
            topic=operation.alarm_topic,
        )
        return made
