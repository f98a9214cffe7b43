"""Which health checks Route 53 refuses, and the definition of an alarm that a check copies when it is made or changed.

https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/health-checks-creating-values.html and the API reference of
``HealthCheckConfig``; the words of the refusals are ours. Checks of endpoints are not looked at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ministack.core.responses import get_account_id, request_scope
from ministack.services import cloudwatch, route53

from .state import Fault, Record, check, noted

ALARM, CALCULATED, CONTROL = "CLOUDWATCH_METRIC", "CALCULATED", "RECOVERY_CONTROL"
INSUFFICIENT = ("Healthy", "Unhealthy", "LastKnownStatus")
MOST_CHILDREN = 256
_ENDPOINTS = ("HTTP", "HTTPS", "HTTP_STR_MATCH", "HTTPS_STR_MATCH", "TCP")
_OWN = {
    ALARM: {"AlarmIdentifier", "InsufficientDataHealthStatus", "RequestInterval", "FailureThreshold", "MeasureLatency"},
    CALCULATED: {"ChildHealthChecks", "HealthThreshold", "RequestInterval", "FailureThreshold", "MeasureLatency"},
    CONTROL: {"RoutingControlArn"},
}
"""What the configuration of a type may have besides ``Type``, ``Inverted`` and ``Disabled``."""
_NEEDED = {ALARM: "AlarmIdentifier", CALCULATED: "ChildHealthChecks", CONTROL: "RoutingControlArn"}
_ROUTING_CONTROL = re.compile(r"arn:aws:route53-recovery-control::\d{12}:controlpanel/\w+/routingcontrol/\w+")
_SHORTEST_PERIOD = 60


def refuse(config: Mapping[str, Any], own: str = "") -> None:
    """Refuse what Route 53 refuses in the configuration of a health check.

    Args:
        config: The configuration.
        own: The id of the check that has it, if there is one already.

    Raises:
        Fault: If it is refused.
    """
    for problem in _problems(config, own):
        raise Fault("InvalidInput", problem)
    if config["Type"] == ALARM:
        _alarm(config)


def _problems(config: Mapping[str, Any], own: str) -> Iterator[str]:
    kind = config.get("Type")
    if kind in _ENDPOINTS:
        return
    if kind not in _OWN:
        yield f"Invalid health check type {kind}"
        return
    foreign = config.keys() - _OWN[kind] - {"Type", "Inverted", "Disabled"}
    if foreign:
        yield f"{', '.join(sorted(foreign))} must not be specified for health checks of type {kind}"
    if not config.get(_NEEDED[kind]):
        yield f"{_NEEDED[kind]} must be specified for health checks of type {kind}"
    insufficient = config.get("InsufficientDataHealthStatus", INSUFFICIENT[0])
    if insufficient not in INSUFFICIENT:
        yield f"Invalid InsufficientDataHealthStatus {insufficient}"
    if kind == CONTROL and not _ROUTING_CONTROL.fullmatch(str(config.get("RoutingControlArn"))):
        yield f"Invalid RoutingControlArn {config.get('RoutingControlArn')}"
    if kind == CALCULATED:
        yield from _problems_of_children(config, own)


def _problems_of_children(config: Mapping[str, Any], own: str) -> Iterator[str]:
    children = config.get("ChildHealthChecks") or []
    if len(children) > MOST_CHILDREN or len(children) != len(set(children)):
        yield f"A calculated health check must have at most {MOST_CHILDREN} child health checks, each once"
    if not 0 <= int(config.get("HealthThreshold", 0)) <= MOST_CHILDREN:
        yield f"HealthThreshold must be between 0 and {MOST_CHILDREN}"
    for id in children:
        child = route53._health_checks.get(id)
        if child is None:
            yield f"The child health check {id} does not exist"
        elif child["config"].get("Type") == CALCULATED or id == own:
            yield f"The child health check {id} must not be a calculated health check"


def _alarm(config: Mapping[str, Any]) -> Record:
    """The alarm of a check, if Route 53 can look at what it looks at."""
    name, region = config["AlarmIdentifier"]["Name"], config["AlarmIdentifier"]["Region"]
    with request_scope(get_account_id(), region):
        alarm: Record | None = cloudwatch._alarms.get(name)
    if alarm is None:
        raise Fault("InvalidInput", f"The CloudWatch alarm {name} does not exist in region {region}")
    of = alarm.get("DatapointsToAlarm")
    refused = {
        "that use metric math": "_query" in alarm or "_sum" in alarm or not alarm.get("MetricName"),
        "with an extended statistic": bool(alarm.get("ExtendedStatistic")),
        "with M out of N datapoints": of is not None and int(of) != int(alarm["EvaluationPeriods"]),
        "on high-resolution metrics": int(alarm["Period"]) < _SHORTEST_PERIOD,
    }
    for what, is_so in refused.items():
        if is_so:
            raise Fault("InvalidInput", f"Route 53 does not support CloudWatch alarms {what}: {name} in {region}")
    return alarm


def note_alarm(id: str) -> None:
    """Copy the definition of the alarm of a check; what becomes of the alarm afterwards does not matter to the check.

    Args:
        id: The check's id; its configuration must have been found good.
    """
    record = check(id)
    config = record["config"]
    noted(record)["alarm"] = dict(_alarm(config)) if config["Type"] == ALARM else None
