"""A collection of OpenSearch Serverless with its policies, and who may reach it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_opensearchserverless as serverless
from constructs import Construct

from cdk_refarch._parts.names import address
from cdk_refarch._parts.network import HTTPS, Network, closed_group, connect
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement

from .opensearch_sink import OpenSearchCollection

NAME_LENGTH = 28
"""Of a name in hexadecimal digits; policies may have 32 characters:
https://docs.aws.amazon.com/opensearch-service/latest/ServerlessAPIReference/API_CreateSecurityPolicy.html"""

WRITE = ["aoss:CreateIndex", "aoss:UpdateIndex", "aoss:WriteDocument"]
"""https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-serverless"""

READ = ["aoss:DescribeIndex", "aoss:ReadDocument"]

Rule = dict[str, Any]


class Collection(Construct):
    """A collection, its policies for encryption, network and data access, and its endpoint in the VPC.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        wanted: What it is to be like; checked before.
        index: The index that is written to.
        network: Where the writer stands; None for a collection that is reached over the internet.
        operation: What it shares with the other parts.

    Attributes:
        collection: The collection.
        arn: Its ARN.
        url: Where it is reached.
        security_group: What its created endpoint in the VPC is reached by; None without one.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        wanted: OpenSearchCollection,
        index: str,
        network: Network | None,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._wanted, self._index = wanted, index
        # AWS makes no name up, and policies know the collection by its name alone.
        self._name = f"iot-{address(self)[:NAME_LENGTH]}"
        self.security_group: ec2.SecurityGroup | None = None
        encryption = self._encryption(operation)
        reach = self._network(None if network is None else wanted.endpoint_id or self._endpoint(network))
        self.collection = serverless.CfnCollection(
            self,
            "Collection",
            name=self._name,
            type=wanted.type,
            standby_replicas="ENABLED" if wanted.standby_replicas else "DISABLED",
            deletion_protection=("DISABLED" if operation.removal_policy is cdk.RemovalPolicy.DESTROY else "ENABLED"),
        )
        self.collection.apply_removal_policy(operation.removal_policy)
        # Another tag would replace the collection, and its data with it.
        self.collection.add_property_deletion_override("Tags")
        self.collection.node.add_dependency(encryption, reach)
        self.arn = self.collection.attr_arn
        self.url = self.collection.attr_collection_endpoint

    def admit(self, writer: iam.IRole) -> serverless.CfnAccessPolicy:
        """Let a role write, and those read or do everything who were named.

        Args:
            writer: The role, which may call the collection already.

        Returns:
            The policy that says so.
        """
        index = f"index/{self._name}/{self._index}"
        rules = [([self._rule("index", index, WRITE)], [writer])]
        if self._wanted.readers:
            rules.append(([self._rule("index", index, READ)], list(self._wanted.readers)))
        if self._wanted.admins:
            everything = [
                self._rule("collection", f"collection/{self._name}", ["aoss:*"]),
                self._rule("index", f"index/{self._name}/*", ["aoss:*"]),
            ]
            rules.append((everything, list(self._wanted.admins)))
        document = [{"Rules": rule, "Principal": [role.role_arn for role in roles]} for rule, roles in rules]
        self._let_call(list(dict.fromkeys([*self._wanted.readers, *self._wanted.admins])))
        return serverless.CfnAccessPolicy(self, "DataAccess", name=self._name, type="data", policy=self._json(document))

    def _let_call(self, roles: Sequence[iam.IRole]) -> None:
        # https://docs.aws.amazon.com/opensearch-service/latest/developerguide/security-iam-serverless.html
        calls = ["aoss:APIAccessAll"]
        here = cdk.Stack.of(self).node.path
        for role in roles:
            if cdk.Stack.of(role).node.path == here:
                iam.Grant.add_to_principal(grantee=role, actions=calls, resource_arns=[self.arn])
        others = [role for role in roles if cdk.Stack.of(role).node.path != here]
        if others:
            # In a policy of their own stacks, these would wait for this one and this one for them.
            iam.Policy(self, "Calls", roles=others, statements=[statement(calls, self.arn)])

    def _json(self, document: object) -> str:
        return cdk.Stack.of(self).to_json_string(document)

    @staticmethod
    def _rule(kind: str, resource: str, permissions: Sequence[str]) -> Rule:
        return {"ResourceType": kind, "Resource": [resource], "Permission": list(permissions)}

    def _of_collection(self, kind: str) -> Mapping[str, Any]:
        return {"ResourceType": kind, "Resource": [f"collection/{self._name}"]}

    def _encryption(self, operation: Operation) -> serverless.CfnSecurityPolicy:
        document = {
            "Rules": [self._of_collection("collection")],
            "AWSOwnedKey": False,
            "KmsARN": operation.encryption_key.key_arn,
        }
        return serverless.CfnSecurityPolicy(
            self, "Encryption", name=self._name, type="encryption", policy=self._json(document)
        )

    def _network(self, endpoint_id: str | None) -> serverless.CfnSecurityPolicy:
        document: dict[str, Any] = {
            "Rules": [self._of_collection("collection"), self._of_collection("dashboard")],
            "AllowFromPublic": endpoint_id is None,
        }
        if endpoint_id is not None:
            document["SourceVPCEs"] = [endpoint_id]
        return serverless.CfnSecurityPolicy(
            self, "Network", name=self._name, type="network", policy=self._json([document])
        )

    def _endpoint(self, network: Network) -> str:
        what = "The endpoint of an OpenSearch Serverless collection"
        self.security_group = closed_group(self, "SecurityGroup", network.vpc, what)
        connect(network.security_group, self.security_group, HTTPS, "Firehose writes documents")
        return serverless.CfnVpcEndpoint(
            self,
            "Endpoint",
            name=self._name,
            vpc_id=network.vpc.vpc_id,
            subnet_ids=network.subnet_ids,
            security_group_ids=[self.security_group.security_group_id],
        ).attr_id
