#!/usr/bin/env python3
"""The stack of the app with all its sinks, and beside it who administers what they deliver to."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

sys.path.insert(0, str(Path(__file__).parents[3]))

from stacks.config import IotToFirehoseSettings, Settings
from stacks.iot_to_firehose_stack import IotToFirehoseStack

ADMIN = "telemetry-admin"


class Admin(cdk.Stack):
    """A role that is there before the sinks are."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id)
        role = iam.Role(self, "Admin", role_name=ADMIN, assumed_by=iam.AccountRootPrincipal())
        cdk.CfnOutput(self, "AdminArn", value=role.role_arn)


def build() -> cdk.App:
    """Return the app."""
    app = cdk.App()
    admin = Admin(app, "IotSinksAdmin")
    own = IotToFirehoseSettings(
        sinks=["s3", "opensearch", "opensearch_serverless", "redshift"],
        topic_filter="sinks/+/telemetry",
        columns={"reading": "varchar(64)", "value": "float8"},
        admin_role_arns=[f"arn:aws:iam::{os.environ['CDK_DEFAULT_ACCOUNT']}:role/{ADMIN}"],
    )
    sinks = IotToFirehoseStack(app, "IotSinks", settings=Settings(removal="destroy", iot_to_firehose=own))
    sinks.add_stack_dependency(admin)
    return app


if __name__ == "__main__":
    build().synth()
