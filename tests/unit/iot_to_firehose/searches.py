"""A stack with every kind of delivery to OpenSearch, made once for all tests that read it."""

from __future__ import annotations

import json
from functools import cache
from typing import Any, NamedTuple, cast

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_opensearchservice as opensearch
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns

from cdk_refarch import IotToFirehose, OpenSearchCollection, OpenSearchDomain, OpenSearchSink
from cdk_refarch.iot_to_firehose.opensearch.opensearch_delivery import OpenSearchDelivery
from tests.unit.templates import Template, flat

HERE = "eu-west-1:111122223333"
ENV = cdk.Environment(account="111122223333", region="eu-west-1")
SUBNETS = [f"subnet-0000000{number}" for number in range(1, 7)]
OPS, ANALYST = (f"arn:aws:iam::111122223333:role/{name}" for name in ("ops", "analyst"))
GIVEN_DOMAIN = f"arn:aws:es:{HERE}:domain/logs"
ENDPOINT_ID = "vpce-0123456789abcdef0"


def network(scope: cdk.Stack, id: str = "Vpc") -> ec2.IVpc:
    """Return a VPC with two private subnets in each of three zones."""
    return ec2.Vpc.from_vpc_attributes(
        scope,
        id,
        vpc_id="vpc-00000001",
        vpc_cidr_block="10.0.0.0/16",
        availability_zones=["eu-west-1a", "eu-west-1b", "eu-west-1c"],
        private_subnet_ids=SUBNETS,
    )


class Searches(NamedTuple):
    """The stack, its template and what is brought along."""

    stack: cdk.Stack
    template: Template
    given: opensearch.Domain
    function: lambda_.IFunction
    topic: sns.ITopic

    def ingest(self, name: str) -> IotToFirehose:
        """Return a construct."""
        return cast("IotToFirehose", self.stack.node.find_child(name))

    def delivery(self, name: str, id: str = "OpenSearch") -> OpenSearchDelivery:
        """Return what was made for a construct's sink."""
        return cast("OpenSearchDelivery", self.ingest(name).deliveries[id])

    def properties(self, name: str, path: str) -> Any:
        """Return the properties of a construct below a delivery, with references as text."""
        found: Any = self.delivery(name)
        for id in path.split("/"):
            found = found.node.find_child(id)
        return flat(self.template.of(found))

    def destination(self, name: str, id: str = "OpenSearch") -> dict[str, Any]:
        """Return the destination of a stream, with references as text."""
        stream = self.template.of(self.delivery(name, id).stream)
        (found,) = (value for key, value in stream.items() if key.endswith("DestinationConfiguration"))
        return cast("dict[str, Any]", flat(found))

    def document(self, name: str, policy: str) -> Any:
        """Return the document of one of a collection's policies."""
        return json.loads(self.properties(name, f"Collection/{policy}")["Policy"])


@cache
def searches() -> Searches:
    """Return the stack; whoever reads it must not change it."""
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    vpc = network(stack)
    topic = sns.Topic(stack, "Topic")
    ops, analyst = (iam.Role.from_role_arn(stack, name, arn) for name, arn in (("Ops", OPS), ("Analyst", ANALYST)))
    group = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-00000001")
    function = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{HERE}:function:f")
    attributes = {"domain_arn": GIVEN_DOMAIN, "domain_endpoint": "https://search-logs.eu-west-1.es.amazonaws.com"}
    imported = opensearch.Domain.from_domain_attributes(stack, "Imported", **attributes)
    given = opensearch.Domain(
        stack,
        "Own",
        version=opensearch.EngineVersion.OPENSEARCH_2_19,
        vpc=vpc,
        vpc_subnets=[ec2.SubnetSelection(one_per_az=True)],
    )
    small = OpenSearchDomain(version="OpenSearch_1.3", zones=1, data_nodes=1, master_nodes=0, volume_gib=10)
    destroy = {"removal_policy": cdk.RemovalPolicy.DESTROY}

    def made(name: str, sinks: list[dict[str, Any]], **arguments: Any) -> None:
        given_sinks = [OpenSearchSink(**{"index": "telemetry", **sink}) for sink in sinks]
        IotToFirehose(stack, name, topic_filter="a", sinks=given_sinks, **arguments)

    made(
        "Plain",
        [{"domain": OpenSearchDomain(admins=[ops], readers=[ops, analyst]), "vpc": vpc, "transform": function}],
        alarm_topic=topic,
    )
    tuned = {
        "index_rotation": "NoRotation",
        "document_ids": False,
        "retry_duration": cdk.Duration.hours(2),
        "buffer_size": cdk.Size.mebibytes(100),
        "buffer_interval": cdk.Duration.minutes(15),
        "backup": "all",
        "prefix": "copies/",
        "error_prefix": "bad/",
    }
    made("Small", [{"domain": small, "vpc": vpc, **tuned}], **destroy)
    spare = OpenSearchDomain(standby=True, data_nodes=6, master_nodes=5, master_node_type="m7g.xlarge.search")
    made("Spare", [{"domain": spare, "vpc": vpc}])
    made("Search", [{"collection": OpenSearchCollection(admins=[ops], readers=[ops, analyst]), "vpc": vpc}])
    series = OpenSearchCollection(type="TIMESERIES", standby_replicas=False, public_access=True)
    made("Series", [{"collection": series, "backup": "all", "transform": function}], **destroy)
    reached = OpenSearchCollection(endpoint_id=ENDPOINT_ID)
    made("Reached", [{"collection": reached, "vpc": vpc, "target_security_group": group}])
    made("ByHand", [{"collection": reached, "vpc": vpc}])
    lake = s3.Bucket.from_bucket_name(stack, "Lake", "lake")
    made("Outside", [{"domain": imported, "bucket": lake, "index_rotation": "OneMonth"}])
    chosen = ec2.SubnetSelection(availability_zones=["eu-west-1b"], subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS)
    made("Inside", [{"domain": given, "vpc": vpc, "subnets": chosen}])
    made("Named", [{"domain": imported, "vpc": vpc, "target_security_group": group}])
    made("Near", [{"domain": imported, "vpc": vpc}])
    two = [
        {"domain": small, "vpc": vpc},
        {"id": "Other", "index": "events", "collection": series, "error_prefix": "!{firehose:error-output-type}/"},
    ]
    made("Two", two)
    return Searches(stack, Template(stack), given, function, topic)
