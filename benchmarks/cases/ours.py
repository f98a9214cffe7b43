"""An app with IotToFirehose."""

import aws_cdk as cdk

from cdk_refarch import IotToFirehose

app = cdk.App()
stack = cdk.Stack(app, "Bench")
IotToFirehose(stack, "Ingest", topic_filter="fleet/+/telemetry")
app.synth()
