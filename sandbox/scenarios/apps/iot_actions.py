#!/usr/bin/env python3
"""A consumer's app with a rule that does everything a rule can: a stream to S3 and eight further actions."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_kinesis as kinesis
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sns_subscriptions as subscriptions
from aws_cdk import aws_sqs as sqs
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch import (
    AlarmTopic,
    DynamoDbAction,
    IotToFirehose,
    KinesisAction,
    LambdaAction,
    RepublishAction,
    S3Action,
    S3Sink,
    SnsAction,
    SqsAction,
    StepFunctionsAction,
)

THING = "${iot:Connection.Thing.ThingName}"
CODE = """
import boto3, json, os
def handler(event, context):
    if event.get("fail"):
        raise ValueError("the reading makes no sense")
    boto3.client("sqs").send_message(QueueUrl=os.environ["QUEUE_URL"], MessageBody=json.dumps(event))
"""


class Actions(cdk.Stack):
    """A rule whose targets are encrypted with one key."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id)
        self.key = kms.Key(self, "Key", enable_key_rotation=True)
        called, heard, queue = (self._queue(name) for name in ("Called", "Heard", "Readings"))
        topic = sns.Topic(self, "Topic", master_key=self.key)
        topic.add_subscription(subscriptions.SqsSubscription(heard, raw_message_delivery=True))
        function = lambda_.Function(
            self,
            "Function",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline(CODE),
            timeout=cdk.Duration.seconds(30),
            environment={"QUEUE_URL": called.queue_url},
        )
        called.grant_send_messages(function)
        table = dynamodb.Table(
            self,
            "Table",
            partition_key=dynamodb.Attribute(name="device", type=dynamodb.AttributeType.STRING),
            sort_key=dynamodb.Attribute(name="id", type=dynamodb.AttributeType.NUMBER),
            encryption_key=self.key,
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )
        start = sfn.DefinitionBody.from_chainable(sfn.Pass(self, "Look"))
        self.ingest = IotToFirehose(
            self,
            "Ingest",
            topic_filter="actions/+/reading",
            select="*, topic(2) AS device",
            sinks=[S3Sink()],
            actions=[
                LambdaAction(function=function),
                SqsAction(queue=queue),
                SnsAction(topic=topic),
                KinesisAction(stream=self._stream(), partition_key="${topic(2)}"),
                StepFunctionsAction(
                    state_machine=sfn.StateMachine(
                        self, "Machine", definition_body=start, state_machine_type=sfn.StateMachineType.STANDARD
                    ),
                    name_prefix="reading-",
                ),
                DynamoDbAction(table=table),
                RepublishAction(topic="actions/${topic(2)}/alert", content_type="application/json"),
                S3Action(bucket=self._bucket(), key="readings/${topic(2)}/${newuuid()}.json"),
            ],
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        self._policy()

    def _queue(self, name: str) -> sqs.Queue:
        return sqs.Queue(self, name, encryption_master_key=self.key)

    def _stream(self) -> kinesis.Stream:
        return kinesis.Stream(
            self,
            "Records",
            stream_mode=kinesis.StreamMode.ON_DEMAND,
            encryption_key=self.key,
            removal_policy=cdk.RemovalPolicy.DESTROY,
        )

    def _bucket(self) -> s3.Bucket:
        return s3.Bucket(
            self,
            "Objects",
            encryption_key=self.key,
            enforce_ssl=True,
            block_public_access=s3.BlockPublicAccess.BLOCK_ALL,
        )

    def _policy(self) -> None:
        """What devices may do: publish readings, and hear of alerts about themselves."""

        def arn(resource: str, name: str) -> str:
            return self.format_arn(service="iot", resource=resource, resource_name=name)

        alerts = f"actions/{THING}/alert"
        document = iam.PolicyDocument(
            statements=[
                iam.PolicyStatement(actions=["iot:Connect"], resources=[arn("client", THING)]),
                iam.PolicyStatement(actions=["iot:Subscribe"], resources=[arn("topicfilter", alerts)]),
                iam.PolicyStatement(actions=["iot:Receive"], resources=[arn("topic", alerts)]),
            ]
        )
        self.ingest.grant_publish(document)
        iot.CfnPolicy(self, "DevicePolicy", policy_document=document)


if __name__ == "__main__":
    app = cdk.App()
    Actions(app, "IotActions")
    app.synth()
