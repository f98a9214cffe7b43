"""Refusal of alarms that Route 53 cannot follow."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import elements
from cdk_refarch._parts.resource_checks import check_same_account

from .failover_values import RoutingControl
from .regions import SHAPE

MAX_TRIGGERS = 253
"""A calculated health check has 255 others, of which two may be the switch and the routing control:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html"""

MAX_ENDPOINTS = 5
STATISTICS = ("Average", "Minimum", "Maximum", "Sum", "SampleCount")
COMPARISONS = (
    "GreaterThanOrEqualToThreshold",
    "GreaterThanThreshold",
    "LessThanOrEqualToThreshold",
    "LessThanThreshold",
)
"""https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-types.html, under CloudWatch alarms"""

CONTROL_ARN = "arn:aws[a-z-]*:route53-recovery-control::[0-9]{12}:controlpanel/[0-9a-f]+/routingcontrol/[0-9a-f]+"


def alarm_name(alarm: cloudwatch.Alarm) -> str:
    """Return the name of an alarm as it was written, which another region can read.

    Args:
        alarm: The alarm; checked.
    """
    return str(_settings(alarm).alarm_name)


def check_triggers(checks: Checks, scope: Construct, alarms: object) -> None:
    """Check alarms that redirect by themselves.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        alarms: The argument.

    Raises:
        ValueError: If one is no alarm of the app, or one that Route 53 cannot follow.
    """
    remedy = "give [primary.alarms['MostlyUnhealthy']], say"
    found = elements(checks, "trigger_alarms", alarms, unit="alarms", remedy=remedy, high=MAX_TRIGGERS, known=True)
    seen: set[cloudwatch.Alarm] = set()
    for position, one in enumerate(found):
        name = f"trigger_alarms[{position}]"
        checks.instance(name, one, cloudwatch.Alarm, remedy=remedy)
        if one in seen:
            checks.refuse("trigger_alarms", "a list without repetition", f"{one.node.path} twice", "drop one of them")
        seen.add(one)
        check_same_account(checks, name, one, scope, "Route 53 follows alarms of its own account")
        _check_alarm(checks, name, _settings(one))
        if is_token(cdk.Stack.of(one).region):
            checks.refuse(name, "in a stack whose region is known", "one without", "give the stack an env")


def _settings(alarm: cloudwatch.Alarm) -> cloudwatch.CfnAlarm:
    child = alarm.node.default_child
    assert isinstance(child, cloudwatch.CfnAlarm)  # noqa: S101 - what the CDK makes of an alarm
    return child


def _check_alarm(checks: Checks, name: str, alarm: cloudwatch.CfnAlarm) -> None:
    remedy = "give an alarm on one metric: Route 53 reads its data by itself"
    if alarm.metrics is not None:
        checks.refuse(name, "an alarm on one metric of its own region", "one with metric math or of elsewhere", remedy)
    if alarm.extended_statistic is not None or alarm.statistic not in STATISTICS:
        got = alarm.extended_statistic or alarm.statistic
        checks.refuse(f"statistic of {name}", f"one of {', '.join(STATISTICS)}", got, "use 'Maximum', say")
    if alarm.comparison_operator not in COMPARISONS:
        checks.refuse(f"comparison of {name}", "with a threshold", alarm.comparison_operator, "use no anomaly band")
    needed, of = alarm.datapoints_to_alarm, alarm.evaluation_periods
    if needed is not None and needed != of:
        remedy = "drop datapoints_to_alarm: Route 53 knows no M out of N"
        checks.refuse(f"datapoints_to_alarm of {name}", "the same as its periods", f"{needed:g} of {of:g}", remedy)
    if alarm.period is not None and not is_token(alarm.period) and alarm.period < 60:
        checks.refuse(f"period of {name}", "60 seconds or more", f"{alarm.period:g} seconds", "make it a minute")
    if alarm.alarm_name is None or is_token(alarm.alarm_name):
        checks.refuse(
            name, "an alarm with a name", "one without", "give it an alarm_name: health checks find it by that"
        )


def check_routing_control(checks: Checks, given: object) -> None:
    """Check a routing control.

    Args:
        checks: The checks of the construct.
        given: The argument, or None.

    Raises:
        ValueError: If it is no routing control, or has no endpoint by which it could be turned.
    """
    if given is None:
        return
    if not isinstance(given, RoutingControl):
        remedy = "give RoutingControl(arn=..., endpoints={...})"
        checks.instance("routing_control", given, RoutingControl, remedy=remedy)
        return
    inside = checks.within("RoutingControl")
    inside.matches("arn", given.arn, CONTROL_ARN, rule="the ARN of a routing control", remedy="give what ARC shows")
    remedy = "give {'us-east-1': 'https://...'} as aws route53-recovery-control-config describe-cluster shows it"
    if not hasattr(given.endpoints, "items") or not 1 <= len(given.endpoints) <= MAX_ENDPOINTS:
        inside.refuse("endpoints", f"a mapping of 1 to {MAX_ENDPOINTS} regions", repr(given.endpoints), remedy)
    for region, url in given.endpoints.items():
        inside.matches("a region of endpoints", region, SHAPE, rule="a region", remedy=remedy)
        inside.matches(
            f"the endpoint of {region}", url, r"https://[^\s/]+(/\S*)?", rule="a URL with https", remedy=remedy
        )
