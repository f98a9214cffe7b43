"""What EventBridge counts of a rule."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events


def matched(rule: events.CfnRule, *, period: cdk.Duration | None = None) -> cloudwatch.Metric:
    """Return how often a rule on the account's default bus was triggered, whether it has targets or not.

    https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-monitoring.html

    Args:
        rule: The rule.
        period: Length of a period; None for 5 minutes.
    """
    return cloudwatch.Metric(
        namespace="AWS/Events",
        metric_name="TriggeredRules",
        dimensions_map={"RuleName": rule.ref},
        statistic="Sum",
        period=period,
    )
