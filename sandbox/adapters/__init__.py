"""What MiniStack lacks, added to the process it runs in; each module does one thing and has ``install()``."""

from __future__ import annotations


def install() -> None:
    """Add all adapters; must run before MiniStack serves."""
    from . import (
        athena,
        cloudwatch,
        condition_keys,
        conditions,
        crashes,
        custom_resources,
        delivery,
        events,
        faults,
        firehose,
        firehose_s3,
        fleet,
        iam_requests,
        image_builder,
        iot,
        lambda_async,
        lambda_errors,
        lambda_times,
        log_metrics,
        macie,
        object_lock,
        ordering,
        recorded,
        redrive,
        route53,
        rule_counts,
        scheduled_rules,
        security_hub,
        ses,
        state_machines,
        subscriptions,
        trails,
        workspaces,
    )

    iot.install()
    firehose.install()
    firehose_s3.remember_metrics()
    condition_keys.install()
    iam_requests.install()
    events.install()
    rule_counts.install()
    scheduled_rules.install()
    cloudwatch.install()
    lambda_async.install()
    lambda_errors.install()
    lambda_times.install()
    crashes.install()
    faults.install()
    trails.install()
    log_metrics.install()
    object_lock.install()
    conditions.install()
    custom_resources.install()
    state_machines.install()
    redrive.install()
    subscriptions.install()
    macie.install_types()
    ses.install_types()
    delivery.install_types()
    fleet.install_types()
    image_builder.install_types()
    route53.install_types()
    workspaces.install_types()
    recorded.install()
    security_hub.install()
    athena.install()
    macie.install()
    ses.install()
    delivery.install()
    fleet.install()
    image_builder.install()
    route53.install()
    workspaces.install()
    ordering.install()
