"""Delivery to OpenSearch works wherever and with whatever a stack is synthesized: tokens, partitions, flags, stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_opensearchservice as opensearch
from aws_cdk import aws_s3 as s3

from cdk_refarch import IotToFirehose, OpenSearchCollection, OpenSearchDomain, OpenSearchSink
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.iot_to_firehose.searches import network
from tests.unit.templates import Template

MIB, SECONDS = cdk.Size.mebibytes, cdk.Duration.seconds


def test_names_and_numbers_of_a_sink_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Fleet")
    later = Later(stack)
    ids = later.names
    vpc = ec2.Vpc.from_vpc_attributes(
        stack,
        "Vpc",
        vpc_id=later.name,
        vpc_cidr_block=later.name,
        availability_zones=[cdk.Fn.select(zone, cdk.Fn.get_azs()) for zone in range(3)],
        private_subnet_ids=[cdk.Fn.select(zone, ids) for zone in range(3)],
    )

    def arguments() -> dict[str, Any]:
        return {
            "index": later.name,
            "buffer_size": MIB(later.number),
            "buffer_interval": SECONDS(later.number),
            "retry_duration": SECONDS(later.number),
            "prefix": later.name,
            "error_prefix": f"bad/{later.name}",
            "backup": "all",
            "vpc": vpc,
        }

    domain = OpenSearchDomain(version=later.name, data_node_type=later.name, master_node_type=later.name)
    sinks = [
        OpenSearchSink(domain=domain, **arguments()),
        OpenSearchSink(id="Other", collection=OpenSearchCollection(endpoint_id=later.name), **arguments()),
    ]
    ingest = IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    template = Template(stack)
    assert Later.unused(template) == []
    # How long a document may wait is not known then, and so the longest time counts.
    assert template.of(ingest.alarms["OpenSearchFreshness"])["Threshold"] == 900 + 7200 + 900


@pytest.mark.parametrize("region", ["cn-north-1", None])
def test_nothing_is_of_another_partition_or_region(region: str | None) -> None:
    env = None if region is None else cdk.Environment(account="111122223333", region=region)
    stack = cdk.Stack(cdk.App(), "Fleet", env=env)
    sinks = [
        OpenSearchSink(index="a", domain=OpenSearchDomain(), vpc=network(stack)),
        OpenSearchSink(id="Other", index="a", collection=OpenSearchCollection(public_access=True)),
    ]
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    text = json.dumps(Template(stack).json)
    assert "arn:aws:" not in text
    assert ("us-east-1" not in text) if region is None else (":es:cn-north-1:111122223333:domain/iot-" in text)


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Fleet")
    vpc = network(stack)
    sinks = [
        OpenSearchSink(index="a", domain=OpenSearchDomain(), vpc=vpc),
        OpenSearchSink(id="Other", index="a", collection=OpenSearchCollection(), vpc=vpc),
    ]
    IotToFirehose(stack, "Ingest", topic_filter="a", sinks=sinks)
    template = Template(stack)
    # Of subnets whose route tables are not known, and of the price.
    told = {one for one in open_findings(app, tmp_path) if not one.startswith("Annotation::")}
    assert told == set()
    # Of Firehose twice, of the nodes, of the function, and of the endpoint.
    groups = template.all("AWS::EC2::SecurityGroup")
    assert len(groups) == 5
    assert [one for one in groups if "'0.0.0.0/0', 'Description': 'Allow all" in str(one)] == []


def test_what_is_given_may_live_in_another_stack() -> None:
    app = cdk.App()
    shared = cdk.Stack(app, "Shared")
    vpc = network(shared)
    group = ec2.SecurityGroup(shared, "Group", vpc=vpc)
    role = iam.Role(shared, "Role", assumed_by=iam.AccountRootPrincipal())
    key, bucket = kms.Key(shared, "Key"), s3.Bucket(shared, "Lake")
    zone = [ec2.SubnetSelection(one_per_az=True)]
    version = opensearch.EngineVersion.OPENSEARCH_2_19
    given = opensearch.Domain(shared, "Logs", version=version, vpc=vpc, vpc_subnets=zone)
    fleet = cdk.Stack(app, "Fleet")
    roles: dict[str, Any] = {"admins": [role], "readers": [role]}
    endpoint_id = "vpce-0123456789abcdef0"
    sinks = [
        OpenSearchSink(index="a", domain=OpenSearchDomain(**roles), vpc=vpc, bucket=bucket),
        OpenSearchSink(id="Made", index="a", collection=OpenSearchCollection(**roles), vpc=vpc),
        OpenSearchSink(
            id="Reached",
            index="a",
            collection=OpenSearchCollection(endpoint_id=endpoint_id),
            vpc=vpc,
            target_security_group=group,
        ),
        OpenSearchSink(id="Given", index="a", domain=given, vpc=vpc),
    ]
    IotToFirehose(fleet, "Ingest", topic_filter="a", sinks=sinks, encryption_key=key)
    template = Template(fleet)
    assert refers(fleet)
    assert not refers(shared)
    policies = [one["Properties"] for one in template.all("AWS::IAM::Policy") if "aoss:" in str(one)]
    assert len(policies) == 1
    assert len(policies[0]["Roles"]) == 1
