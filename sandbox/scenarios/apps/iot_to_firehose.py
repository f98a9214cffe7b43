#!/usr/bin/env python3
"""A consumer's app with what the stack's settings do not offer: a transforming function, and a policy for devices."""

from __future__ import annotations

from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from aws_cdk import aws_lambda as lambda_

from cdk_refarch import AlarmTopic, IotToFirehose, S3Sink

THING = "${iot:Connection.Thing.ThingName}"


class Variants(cdk.Stack):
    """Records that a function transforms, and records as Parquet."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        function = lambda_.Function(
            self,
            "Celsius",
            runtime=lambda_.Runtime.PYTHON_3_13,
            handler="index.handler",
            code=lambda_.Code.from_inline((Path(__file__).parent / "celsius_function" / "index.py").read_text()),
            timeout=cdk.Duration.seconds(60),
        )
        transformed = IotToFirehose(
            self,
            "Transformed",
            topic_filter="variants/+/transformed",
            sinks=[S3Sink(transform=function)],
            alarm_topic=alarms,
        )
        columns = IotToFirehose(
            self,
            "Columns",
            topic_filter="variants/+/columns",
            select="*, topic(2) AS device",
            sinks=[S3Sink(parquet={"device": "string", "temperature": "double", "serial": "bigint"})],
            alarm_topic=alarms,
        )
        document = iam.PolicyDocument()
        client = self.format_arn(service="iot", resource="client", resource_name=THING)
        document.add_statements(iam.PolicyStatement(actions=["iot:Connect"], resources=[client]))
        for architecture in (transformed, columns):
            architecture.grant_publish(document)
        iot.CfnPolicy(self, "DevicePolicy", policy_document=document)


if __name__ == "__main__":
    app = cdk.App()
    Variants(app, "IotToFirehoseVariants")
    app.synth()
