#!/usr/bin/env python3
"""A consumer's app with what the stack's settings do not offer: a live quarantine, and routes to other targets."""

from __future__ import annotations

import aws_cdk as cdk

from cdk_refarch import (
    AlarmTopic,
    ClassificationJob,
    IotToFirehose,
    MacieSession,
    MacieToEventBridge,
    Quarantine,
    ResultsExport,
    S3Sink,
)


class Variants(cdk.Stack):
    """A quarantine that acts, a reconciler, a job over a bucket that is not there, and findings into a lake."""

    def __init__(self, scope: cdk.App, id: str) -> None:
        super().__init__(scope, id)
        alarms = AlarmTopic(self, "Alarms")
        macie = MacieToEventBridge(
            self,
            "Macie",
            session=MacieSession(existing=True),
            results_export=ResultsExport(enabled=False),
            jobs=[ClassificationJob(id="Gone", buckets=["gone-since-long"])],
            quarantine=Quarantine(dry_run=False, buckets=["infected-*"], lock_days=1),
            reconcile=True,
            alarm_topic=alarms,
        )
        lake = IotToFirehose(
            self, "Lake", topic_filter="unused", sinks=[S3Sink(buffer_interval=cdk.Duration.seconds(60))]
        )
        macie.route("Lake", lake.deliveries["S3"].stream, min_severity="LOW", include_samples=True)


if __name__ == "__main__":
    app = cdk.App()
    Variants(app, "MacieToEventBridgeVariants")
    app.synth()
