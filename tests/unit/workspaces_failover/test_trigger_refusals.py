"""Alarms that Route 53 cannot follow, and routing controls that nobody could turn, are refused in whole sentences."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_refarch import RoutingControl
from cdk_refarch.workspaces_failover import trigger_checks
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, checks, fresh, names, refused
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_refusals import failover

stack = fresh()
FAR = known.stack_in(cdk.App(), "Far", "us-east-1")
OTHERS = known.stack_in(cdk.App(), "Others", "us-east-1", "444455556666")
NOWHERE = cdk.Stack(cdk.App(), "Nowhere")
GIVE = "give [primary.alarms['MostlyUnhealthy']], say"
ONE_METRIC = (
    "trigger_alarms[0] must be an alarm on one metric of its own region, got one with metric math or of elsewhere; "
    "give an alarm on one metric: Route 53 reads its data by itself"
)
STATISTICS = "statistic of trigger_alarms[0] must be one of Average, Minimum, Maximum, Sum, SampleCount, got"
NAMELESS = (
    "trigger_alarms[0] must be an alarm with a name, got one without; give it an alarm_name: health checks find it by "
    "that"
)
URLS = "give {'us-east-1': 'https://...'} as aws route53-recovery-control-config describe-cluster shows it"
CONTROL = "Tested/RoutingControl: "

_count = 0


def alarm(scope: cdk.Stack = stack, **changes: Any) -> cloudwatch.Alarm:
    global _count
    _count += 1
    return known.trigger(scope, f"Alarm{_count}", **changes)


def metric(**changes: Any) -> cloudwatch.Metric:
    return cloudwatch.Metric(**{"namespace": "Own", "metric_name": "Failed", **changes})


def band() -> cloudwatch.AnomalyDetectionAlarm:
    return cloudwatch.AnomalyDetectionAlarm(
        stack, "Band", metric=metric(), evaluation_periods=1, alarm_name="band", std_devs=2
    )


def by_hand(**changes: Any) -> cloudwatch.Alarm:
    """An alarm with a property that the CDK's construct has no argument for."""
    made = alarm()
    for name, value in changes.items():
        setattr(made.node.default_child, name, value)
    return made


def triggers(*alarms: Any) -> Call:
    return failover(trigger_alarms=list(alarms))


def control(**changes: Any) -> Call:
    return failover(
        routing_control=RoutingControl(**{"arn": known.CONTROL_ARN, "endpoints": known.ENDPOINTS, **changes})
    )


LEGAL = alarm()
IMPORTED = cloudwatch.Alarm.from_alarm_name(stack, "Imported", "own")

ALARMS: list[Case] = [
    (failover(trigger_alarms=LEGAL), f"trigger_alarms must be a list, got Alarm {LEGAL!r}; {GIVE}"),
    (failover(trigger_alarms="own"), f"trigger_alarms must be a list, got str 'own'; {GIVE}"),
    (
        triggers(*[LEGAL] * 254),
        f"trigger_alarms must be a list of 0 to 253 alarms, got a list of 254; {GIVE}",
    ),
    (triggers(LEGAL, "own"), f"trigger_alarms[1] must be an Alarm, got str 'own'; {GIVE}"),
    (
        triggers(LEGAL, LEGAL),
        f"trigger_alarms must be a list without repetition, got {LEGAL.node.path} twice; drop one of them",
    ),
    (
        triggers(alarm(OTHERS)),
        f"trigger_alarms[0] {given.OTHER_ACCOUNT}; Route 53 follows alarms of its own account",
    ),
    (
        triggers(alarm(NOWHERE)),
        "trigger_alarms[0] must be in a stack whose region is known, got one without; give the stack an env",
    ),
    (triggers(alarm(metric=cloudwatch.MathExpression(expression="a", using_metrics={"a": metric()}))), ONE_METRIC),
    (triggers(alarm(metric=metric(account="444455556666"))), ONE_METRIC),
    (triggers(alarm(statistic="p99")), f"{STATISTICS} p99; use 'Maximum', say"),
    (triggers(alarm(statistic="IQM")), f"{STATISTICS} IQM; use 'Maximum', say"),
    (
        triggers(by_hand(comparison_operator="GreaterThanUpperThreshold")),
        "comparison of trigger_alarms[0] must be with a threshold, got GreaterThanUpperThreshold; use no anomaly band",
    ),
    (
        triggers(alarm(datapoints_to_alarm=2)),
        "datapoints_to_alarm of trigger_alarms[0] must be the same as its periods, got 2 of 3; drop "
        "datapoints_to_alarm: Route 53 knows no M out of N",
    ),
    (
        triggers(alarm(period=cdk.Duration.seconds(30))),
        "period of trigger_alarms[0] must be 60 seconds or more, got 30 seconds; make it a minute",
    ),
    (triggers(alarm(alarm_name=None)), NAMELESS),
    (triggers(alarm(alarm_name=given.LATER)), NAMELESS),
]

CONTROLS: list[Case] = [
    (
        failover(routing_control=known.CONTROL_ARN),
        f"routing_control must be a RoutingControl, got str {known.CONTROL_ARN!r}; give "
        "RoutingControl(arn=..., endpoints={...})",
    ),
    (
        control(arn="arn:aws:route53-recovery-control::111122223333:controlpanel/0123abcd"),
        "RoutingControl: arn must be the ARN of a routing control, got "
        "'arn:aws:route53-recovery-control::111122223333:controlpanel/0123abcd'; give what ARC shows",
    ),
    (control(arn=None), "RoutingControl: arn must be text, got NoneType None; give what ARC shows"),
    (control(endpoints={}), f"RoutingControl: endpoints must be a mapping of 1 to 5 regions, got {{}}; {URLS}"),
    (
        control(endpoints=["https://one"]),
        f"RoutingControl: endpoints must be a mapping of 1 to 5 regions, got ['https://one']; {URLS}",
    ),
    (
        control(endpoints={f"us-east-{number}": "u" for number in range(6)}),
        "RoutingControl: endpoints must be a mapping of 1 to 5 regions, got {'us-east-0': 'u', 'us-east-1': 'u', "
        "'us-east-2': 'u', 'us-east-3': 'u', 'us-east-4': 'u', 'us-east-5': 'u'}; " + URLS,
    ),
    (
        control(endpoints={"virginia": "https://one"}),
        f"RoutingControl: a region of endpoints must be a region, got 'virginia'; {URLS}",
    ),
    (
        control(endpoints={"us-east-1": "http://one"}),
        f"RoutingControl: the endpoint of us-east-1 must be a URL with https, got 'http://one'; {URLS}",
    ),
]

REFUSED = [*ALARMS, *CONTROLS]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=names(REFUSED))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("one", [IMPORTED, band()], ids=["imported", "band"])
def test_alarms_whose_settings_nobody_can_follow_are_refused(one: Any) -> None:
    with pytest.raises(ValueError, match=r"trigger_alarms\[0\] must be an"):
        triggers(one)()


@pytest.mark.parametrize(
    "alarms",
    [
        [],
        (LEGAL,),
        [alarm(), alarm()],
        [alarm(FAR)],
        [alarm(period=cdk.Duration.minutes(1)), alarm(period=cdk.Duration.minutes(5))],
        [alarm(datapoints_to_alarm=3)],
        *([alarm(statistic=one)] for one in trigger_checks.STATISTICS),
        *([by_hand(comparison_operator=one)] for one in trigger_checks.COMPARISONS),
    ],
    ids=lambda alarms: f"{len(alarms)}",
)
def test_alarms_that_route_53_can_follow_are_taken(alarms: Any) -> None:
    trigger_checks.check_triggers(checks, stack, alarms)


@pytest.mark.parametrize(
    "endpoints", [{"us-east-1": "https://a"}, {f"us-east-{number}": f"https://{number}" for number in range(5)}]
)
def test_controls_with_one_to_five_endpoints_are_taken(endpoints: dict[str, str]) -> None:
    arn = known.CONTROL_ARN.replace("arn:aws:", "arn:aws-us-gov:")
    trigger_checks.check_routing_control(checks, RoutingControl(arn=arn, endpoints=endpoints))
    later = RoutingControl(arn=given.LATER, endpoints={"us-east-1": given.LATER})
    trigger_checks.check_routing_control(checks, later)
    trigger_checks.check_routing_control(checks, None)
