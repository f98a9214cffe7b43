#!/usr/bin/env python3
"""A consumer's app with what the stack's settings do not offer: a sender with a role of its own, and hooks."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iam as iam

from cdk_refarch import AddressIdentity, AlarmTopic, Feedback, SendingStream, SesConfigSets


class Variants(cdk.Stack):
    """An address as identity, two streams, nothing recorded, no analytics, and a role that may send one of them."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id)
        email = SesConfigSets(
            self,
            "Email",
            identity=AddressIdentity(address="news@letters.example.org"),
            streams={"news": SendingStream(), "alerts": SendingStream()},
            default_stream="alerts",
            feedback=Feedback(record=False),
            analytics=None,
            alarm_topic=AlarmTopic(self, "Alarms"),
        )
        sender = iam.Role(self, "Sender", assumed_by=iam.AccountRootPrincipal())
        email.grant_send(sender, stream="news", from_addresses=["news@letters.example.org"])
        cdk.CfnOutput(self, "SenderArn", value=sender.role_arn)
        for name, stream in email.streams.items():
            cdk.CfnOutput(self, f"{name.capitalize()}Set", value=stream.configuration_set.configuration_set_name)
        cdk.CfnOutput(self, "FeedbackQueueUrl", value=email.feedback.queue.queue_url)


if __name__ == "__main__":
    app = cdk.App()
    Variants(app, "SesConfigSetsVariants")
    app.synth()
