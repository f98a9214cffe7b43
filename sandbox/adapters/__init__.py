"""What MiniStack lacks, added to the process it runs in; each module does one thing and has ``install()``."""

from __future__ import annotations


def install() -> None:
    """Add all adapters; must run before MiniStack serves."""
    from . import (
        athena,
        cloudwatch,
        conditions,
        custom_resources,
        delivery,
        events,
        firehose,
        firehose_s3,
        fleet,
        image_builder,
        iot,
        lambda_async,
        log_metrics,
        macie,
        object_lock,
        ordering,
        recorded,
        redrive,
        rule_counts,
        ses,
        subscriptions,
    )

    iot.install()
    firehose.install()
    firehose_s3.remember_metrics()
    events.install()
    rule_counts.install()
    cloudwatch.install()
    lambda_async.install()
    log_metrics.install()
    object_lock.install()
    conditions.install()
    custom_resources.install()
    redrive.install()
    subscriptions.install()
    macie.install_types()
    ses.install_types()
    delivery.install_types()
    fleet.install_types()
    image_builder.install_types()
    recorded.install()
    athena.install()
    macie.install()
    ses.install()
    delivery.install()
    fleet.install()
    image_builder.install()
    ordering.install()
