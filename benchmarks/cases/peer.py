"""The same architecture with AWS Solutions Constructs, in its own virtual environment."""

import aws_cdk as cdk
from aws_cdk import aws_iot as iot
from aws_solutions_constructs.aws_iot_kinesisfirehose_s3 import IotToKinesisFirehoseToS3

app = cdk.App()
stack = cdk.Stack(app, "Bench")
IotToKinesisFirehoseToS3(
    stack,
    "Ingest",
    iot_topic_rule_props=iot.CfnTopicRuleProps(
        topic_rule_payload=iot.CfnTopicRule.TopicRulePayloadProperty(
            sql="SELECT * FROM 'fleet/+/telemetry'", rule_disabled=False, actions=[]
        )
    ),
)
app.synth()
