#!/usr/bin/env python3
"""A fleet's own app: telemetry by device with a consumer, and the same telemetry searched, joined and acted on."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct, IConstruct

from cdk_refarch import (
    AlarmTopic,
    DynamoDbAction,
    IotToFirehose,
    KinesisAction,
    LambdaAction,
    OpenSearchDomain,
    OpenSearchSink,
    RedshiftSink,
    RedshiftWorkgroup,
    RepublishAction,
    S3Sink,
)

THING = "${iot:Connection.Thing.ThingName}"


class Fleet(cdk.Stack):
    """Telemetry arrives in folders by device; a queue gets a message for each object."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        telemetry = IotToFirehose(
            self,
            "Telemetry",
            topic_filter="fleet/+/telemetry",
            select="*, topic(2) AS device, timestamp() AS received",
            where="temperature > -100",
            sinks=[S3Sink(partition_by={"device": ".device"})],
            alarm_topic=alarms,
        )
        self._device_policy(telemetry)
        self._consumer(telemetry, alarms)

    def _device_policy(self, telemetry: IotToFirehose) -> None:
        """Each device connects as itself and publishes its own telemetry, nothing else."""
        document = iam.PolicyDocument()
        document.add_statements(
            iam.PolicyStatement(
                actions=["iot:Connect"],
                resources=[self.format_arn(service="iot", resource="client", resource_name=THING)],
            )
        )
        telemetry.grant_publish(document)
        iot.CfnPolicy(self, "DevicePolicy", policy_document=document)

    def _consumer(self, telemetry: IotToFirehose, alarms: sns.ITopic) -> None:
        """The bucket tells EventBridge about its objects, so that a consumer is a rule and a target."""
        failed = self._queue("ConsumerFailed", telemetry)
        cdk.Validations.of(failed).acknowledge(
            cdk.Acknowledgment(
                id="Serverless::Serverless-SQSRedrivePolicy",
                reason="This queue is the last resort of the consumer, and has no consumer of its own that could fail.",
            )
        )
        queue = self._queue("Consumer", telemetry, sqs.DeadLetterQueue(queue=failed, max_receive_count=5))
        waiting = failed.metric_approximate_number_of_messages_visible(statistic="Maximum")
        alarm = waiting.create_alarm(self, "ConsumerFailing", threshold=1, evaluation_periods=1)
        alarm.add_alarm_action(actions.SnsAction(alarms))
        events.Rule(
            self,
            "NewObjects",
            event_pattern=events.EventPattern(
                source=["aws.s3"],
                detail_type=["Object Created"],
                detail={
                    "bucket": {"name": [telemetry.deliveries["S3"].bucket.bucket_name]},
                    "object": {"key": [{"prefix": "data/"}]},
                },
            ),
            targets=[targets.SqsQueue(queue, dead_letter_queue=failed)],
        )

    def _queue(self, id: str, telemetry: IotToFirehose, failed: sqs.DeadLetterQueue | None = None) -> sqs.Queue:
        return sqs.Queue(
            self,
            id,
            encryption=sqs.QueueEncryption.KMS,
            encryption_master_key=telemetry.encryption_key,
            enforce_ssl=True,
            retention_period=cdk.Duration.days(14),
            dead_letter_queue=failed,
        )


TOO_HOT = """
import json

def handler(event, context):
    if event.get("temperature", 0) > 90:
        print(json.dumps({"too_hot": event["device"], "temperature": event["temperature"]}))
"""


class Analytics(cdk.Stack):
    """The same telemetry searched in OpenSearch and joined in Redshift, the last state of each device, and a check."""

    def __init__(self, scope: Construct, id: str) -> None:
        super().__init__(scope, id)
        self.key = kms.Key(self, "Key", enable_key_rotation=True, description="Encrypts telemetry and its consumers")
        vpc = self._network()
        analysts = iam.Role(self, "Analysts", assumed_by=iam.AccountRootPrincipal(), description="Searches telemetry")
        self.telemetry = IotToFirehose(
            self,
            "Telemetry",
            topic_filter="fleet/+/telemetry",
            select="*, topic(2) AS device, timestamp() AS received",
            sinks=[
                S3Sink(),
                OpenSearchSink(
                    index="telemetry",
                    domain=OpenSearchDomain(data_node_type="m7g.medium.search", readers=[analysts]),
                    vpc=vpc,
                ),
                RedshiftSink(
                    table="telemetry",
                    columns={"device": "varchar(128)", "temperature": "float8", "received": "int8"},
                    workgroup=RedshiftWorkgroup(max_capacity=32),
                    vpc=vpc,
                ),
            ],
            actions=[
                DynamoDbAction(table=self._states()),
                KinesisAction(stream=self._stream(), partition_key="${topic(2)}"),
                LambdaAction(function=self._check()),
                RepublishAction(topic="dashboard/${topic(2)}"),
            ],
            encryption_key=self.key,
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        for sink in ("OpenSearch", "Redshift"):
            cdk.Annotations.of(self.telemetry.deliveries[sink]).acknowledge_warning(
                "cdk-refarch:bills-while-idle", "The fleet sends all day and its owner knows the price of both."
            )

    def _network(self) -> ec2.IVpc:
        """Three zones, told one by one because the region is not known here, and a way out for what answers AWS."""
        return ec2.Vpc(
            self,
            "Network",
            availability_zones=[cdk.Fn.select(position, cdk.Fn.get_azs()) for position in range(3)],
            nat_gateways=1,
            subnet_configuration=[
                ec2.SubnetConfiguration(
                    name="Public", subnet_type=ec2.SubnetType.PUBLIC, cidr_mask=28, map_public_ip_on_launch=False
                ),
                ec2.SubnetConfiguration(name="Private", subnet_type=ec2.SubnetType.PRIVATE_WITH_EGRESS),
            ],
            restrict_default_security_group=False,
            flow_logs={"Rejected": ec2.FlowLogOptions(traffic_type=ec2.FlowLogTrafficType.REJECT)},
        )

    def _states(self) -> dynamodb.Table:
        """What each device said last."""
        return dynamodb.Table(
            self,
            "States",
            partition_key=dynamodb.Attribute(name="device", type=dynamodb.AttributeType.STRING),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=self.key,
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            deletion_protection=True,
        )

    def _stream(self) -> kinesis.Stream:
        """For another team, in the order of each device."""
        return kinesis.Stream(
            self,
            "Stream",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption=kinesis.StreamEncryption.MANAGED,
        )

    def _check(self) -> lambda_.Function:
        """Tells of what is too hot; messages that it fails on go to the error queue of the rule."""
        log = logs.LogGroup(self, "CheckLog", encryption_key=self.key, retention=logs.RetentionDays.SIX_MONTHS)
        role = iam.Role(self, "CheckRole", assumed_by=iam.ServicePrincipal("lambda.amazonaws.com"))
        log.grant_write(role)
        check = lambda_.Function(
            self,
            "Check",
            runtime=lambda_.Runtime.PYTHON_3_14,
            handler="index.handler",
            code=lambda_.Code.from_inline(TOO_HOT),
            description="Tells of devices that are too hot",
            role=role,
            memory_size=256,
            timeout=cdk.Duration.seconds(10),
            tracing=lambda_.Tracing.ACTIVE,
            log_group=log,
        )
        self._acknowledge(
            check,
            "Serverless::Serverless-LambdaDLQ",
            "LambdaAction sends what the function fails on to the error queue of the rule, which has an alarm.",
        )
        self._acknowledge(
            role.node.find_child("DefaultPolicy"),
            "AwsSolutions::AwsSolutions-IAM5[Resource::*]",
            "X-Ray has no resources for the actions that send it traces.",
        )
        return check

    def _acknowledge(self, scope: IConstruct, finding: str, reason: str) -> None:
        cdk.Validations.of(scope).acknowledge(cdk.Acknowledgment(id=finding, reason=reason))


def build(outdir: str | None = None) -> cdk.App:
    """Return the app.

    Args:
        outdir: Where the assembly goes; None for where the command line wants it.
    """
    app = cdk.App(outdir=outdir)
    Fleet(app, "Fleet")
    Analytics(app, "FleetAnalytics")
    return app


if __name__ == "__main__":
    build().synth()
