"""Sinks for Amazon Redshift of each kind, in a stack that is synthesized once for what the tests read."""

from __future__ import annotations

import functools
from typing import Any, NamedTuple

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns

from cdk_refarch import DirectCopy, ExistingWorkgroup, IotToFirehose, RedshiftSink, RedshiftWorkgroup
from tests.unit.scenes import Scene
from tests.unit.templates import Template

ENV = cdk.Environment(account="111122223333", region="eu-west-1")
HERE = "eu-west-1:111122223333"
WORKGROUP_ARN = f"arn:aws:redshift-serverless:{HERE}:workgroup/1a-2b"
NAMESPACE_ARN = f"arn:aws:redshift-serverless:{HERE}:namespace/3c-4d"
SECRET_ARN = f"arn:aws:secretsmanager:{HERE}:secret:admin-AbCdEf"
FUNCTION_ARN = f"arn:aws:lambda:{HERE}:function:f"
HOST = "analytics.111122223333.eu-west-1.redshift-serverless.amazonaws.com:5439"
SUBNETS = [f"subnet-0123456789abc{number}" for number in range(4)]


class Warehouses(NamedTuple):
    """What is made: all by default, two sinks in one construct with all that can be said, and a direct copy."""

    plain: Scene
    rich: Scene
    direct: Scene
    bare: Scene
    stack: cdk.Stack
    template: Template


def vpc_in(scope: cdk.Stack) -> ec2.IVpc:
    """Return a VPC with four private subnets in three zones."""
    zones = ["eu-west-1a", "eu-west-1b", "eu-west-1c", "eu-west-1a"]
    return ec2.Vpc.from_vpc_attributes(
        scope, "Vpc", vpc_id="vpc-0123456789abcdef0", availability_zones=zones, private_subnet_ids=SUBNETS
    )


def given(scope: cdk.Stack, secret: secretsmanager.ISecret, role: iam.IRole) -> ExistingWorkgroup:
    """Return a workgroup that is there."""
    return ExistingWorkgroup(
        workgroup_name="analytics",
        workgroup_arn=WORKGROUP_ARN,
        namespace_arn=NAMESPACE_ARN,
        database="dev",
        admin_secret=secret,
        copy_role=role,
    )


@functools.cache
def warehouses() -> Warehouses:
    """Make all of them, once for all tests."""
    stack = cdk.Stack(cdk.App(), "Fleet", env=ENV)
    vpc, topic = vpc_in(stack), sns.Topic(stack, "Topic")
    known = secretsmanager.Secret.from_secret_complete_arn(stack, "Known", SECRET_ARN)
    named = secretsmanager.Secret.from_secret_attributes(
        stack,
        "Named",
        secret_partial_arn=f"arn:aws:secretsmanager:{HERE}:secret:loader",
        encryption_key=kms.Key.from_key_arn(stack, "SecretKey", f"arn:aws:kms:{HERE}:key/s"),
    )
    role = iam.Role(stack, "Loader", assumed_by=iam.ServicePrincipal("redshift.amazonaws.com"))
    told: dict[str, Any] = {"alarm_topic": topic, "removal_policy": cdk.RemovalPolicy.DESTROY}

    def ingest(id: str, *sinks: RedshiftSink, **more: Any) -> IotToFirehose:
        return IotToFirehose(stack, id, topic_filter="a", sinks=sinks, **more)

    own = RedshiftSink(
        table="readings",
        id="Own",
        schema="fleet",
        columns={"temperature": "float8", "at": "timestamptz"},
        workgroup=RedshiftWorkgroup(
            database="fleet", base_capacity=16, max_capacity=None, enhanced_vpc_routing=False, port=5431
        ),
        vpc=vpc,
        subnets=ec2.SubnetSelection(subnets=vpc.private_subnets[:2]),
        buffer_size=cdk.Size.mebibytes(64),
        buffer_interval=cdk.Duration.seconds(900),
    )
    made = (
        ingest("Plain", RedshiftSink(table="telemetry", workgroup=RedshiftWorkgroup(), vpc=vpc)),
        ingest("Rich", own, RedshiftSink(table="readings", id="Given", workgroup=given(stack, named, role)), **told),
        ingest(
            "Direct",
            RedshiftSink(
                table="readings",
                schema="fleet",
                transform=lambda_.Function.from_function_arn(stack, "Fn", FUNCTION_ARN),
                buffer_size=cdk.Size.mebibytes(1),
                buffer_interval=cdk.Duration.seconds(60),
                direct=DirectCopy(
                    public_endpoint=HOST,
                    database="dev",
                    secret=named,
                    columns=["temperature", "at"],
                    retry_duration=cdk.Duration.seconds(0),
                ),
            ),
            **told,
        ),
        ingest(
            "Bare",
            RedshiftSink(table="t", direct=DirectCopy(public_endpoint=HOST, database="dev", secret=known)),
        ),
    )
    template = Template(stack)
    plain, rich, direct, bare = (Scene(one, template) for one in made)
    return Warehouses(plain, rich, direct, bare, stack, template)
