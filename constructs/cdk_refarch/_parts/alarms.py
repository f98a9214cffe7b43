"""Alarms, made alike in every architecture."""

from __future__ import annotations

from collections.abc import Iterable

from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_cloudwatch_actions as actions
from aws_cdk import aws_sns as sns
from constructs import Construct

Watched = tuple[str, cloudwatch.IMetric, str]
"""The name of an alarm, what it watches, and what to do."""


def alarm(
    scope: Construct,
    id: str,
    *,
    metric: cloudwatch.IMetric,
    description: str,
    topic: sns.ITopic | None,
    threshold: float = 0,
    comparison: cloudwatch.ComparisonOperator = cloudwatch.ComparisonOperator.GREATER_THAN_THRESHOLD,
    periods: int = 1,
    missing: cloudwatch.TreatMissingData = cloudwatch.TreatMissingData.NOT_BREACHING,
) -> cloudwatch.Alarm:
    """Create an alarm that tells a topic when there is one.

    Args:
        scope: The construct that the alarm belongs to.
        id: Its id.
        metric: What is watched.
        description: What has happened and what to do, for whoever is woken.
        topic: Whom to tell; None for nobody.
        threshold: The bound that raises it.
        comparison: How the metric is compared with the bound.
        periods: For how many periods in a row, from 1.
        missing: What periods without data mean.

    Returns:
        The alarm.
    """
    made = cloudwatch.Alarm(
        scope,
        id,
        metric=metric,
        alarm_description=description,
        threshold=threshold,
        comparison_operator=comparison,
        evaluation_periods=periods,
        treat_missing_data=missing,
    )
    if topic is not None:
        made.add_alarm_action(actions.SnsAction(topic))
    return made


def alarms(
    scope: Construct, watched: Iterable[Watched], topic: sns.ITopic | None, *, suffix: str = ""
) -> dict[str, cloudwatch.Alarm]:
    """Create alarms that ring when a metric is above zero.

    Args:
        scope: The construct that the alarms belong to.
        watched: Name, metric and description of each.
        topic: Whom to tell; None for nobody.
        suffix: What their ids have behind their names, where the names are ids of something else.

    Returns:
        The alarms by name.
    """
    return {
        name: alarm(scope, f"{name}{suffix}", metric=metric, description=description, topic=topic)
        for name, metric, description in watched
    }
