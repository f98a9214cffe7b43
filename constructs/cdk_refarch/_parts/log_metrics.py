"""Metrics that count what stands in a log."""

from __future__ import annotations

from aws_cdk import aws_logs as logs
from constructs import Construct


def count_lines(
    scope: Construct, id: str, *, log_group_name: str, pattern: str, namespace: str, metric_name: str
) -> logs.CfnMetricFilter:
    """Count the lines of a log that fit a pattern.

    Args:
        scope: The construct that the filter belongs to.
        id: Its id.
        log_group_name: The log group.
        pattern: Which lines count, in the language of CloudWatch Logs.
        namespace: The namespace of the metric.
        metric_name: Its name; it has no dimensions.
    """
    transformation = logs.CfnMetricFilter.MetricTransformationProperty(
        metric_namespace=namespace, metric_name=metric_name, metric_value="1", unit="Count"
    )
    return _filter(scope, id, log_group_name, pattern, transformation)


def measure_lines(
    scope: Construct, id: str, *, log_group_name: str, field: str, namespace: str, metric_name: str
) -> logs.CfnMetricFilter:
    """Make a metric of a number that lines of a log have in a field.

    Args:
        scope: The construct that the filter belongs to.
        id: Its id.
        log_group_name: The log group, of JSON lines.
        field: The field, of numbers from 0.
        namespace: The namespace of the metric.
        metric_name: Its name; it has no dimensions.
    """
    transformation = logs.CfnMetricFilter.MetricTransformationProperty(
        metric_namespace=namespace, metric_name=metric_name, metric_value=f"$.{field}"
    )
    return _filter(scope, id, log_group_name, f"{{ $.{field} >= 0 }}", transformation)


def _filter(
    scope: Construct,
    id: str,
    log_group_name: str,
    pattern: str,
    transformation: logs.CfnMetricFilter.MetricTransformationProperty,
) -> logs.CfnMetricFilter:
    return logs.CfnMetricFilter(
        scope,
        id,
        log_group_name=log_group_name,
        filter_pattern=pattern,
        metric_transformations=[transformation],
    )
