"""An app with an empty stack."""

import aws_cdk as cdk

app = cdk.App()
cdk.Stack(app, "Bench")
app.synth()
