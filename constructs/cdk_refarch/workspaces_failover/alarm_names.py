"""Names of alarms that health checks of another region read."""

from __future__ import annotations

import hashlib
import json

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_refarch._parts.names import address


def name_for_health_checks(alarm: cloudwatch.Alarm) -> str:
    """Name an alarm by where it stands and by what it watches, and return the name.

    A health check has a copy of the alarm's settings, and makes a new one only when it is updated. With a name that
    changes with the settings, the deployment updates it:
    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-updating-cloudwatch-alarm-settings.html

    Args:
        alarm: An alarm that was just made.
    """
    child = alarm.node.default_child
    assert isinstance(child, cloudwatch.CfnAlarm)  # noqa: S101 - what the CDK makes of an alarm
    settings = (
        child.comparison_operator,
        child.evaluation_periods,
        child.metric_name,
        child.namespace,
        child.period,
        child.statistic,
        child.threshold,
        child.treat_missing_data,
        cdk.Stack.of(alarm).resolve(child.dimensions),
    )
    digest = hashlib.sha256(json.dumps(settings).encode()).hexdigest()[:8]
    child.alarm_name = f"{alarm.node.id}-{address(alarm)}-{digest}"
    return child.alarm_name
