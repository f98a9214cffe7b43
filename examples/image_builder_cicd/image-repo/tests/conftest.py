"""Tests look at the templates alone; whether CloudFormation takes them, cdk synth checks in the phase after them."""

from __future__ import annotations

import os

# Read by the CDK when it is loaded.
os.environ["CDK_VALIDATION"] = "false"
