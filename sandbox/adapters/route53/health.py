"""Whether health checks are healthy.

A check of an alarm looks at the alarm's metric in the alarm's region and not at its state; it has the alarm's
definition of the time when it was made or changed. Periods pass twelve times faster: a minute is five seconds, in which
a metric that is put every minute of AWS has come several times. What AWS does not say is decided here: a status that
a check has for want of data is not inverted.

Endpoints are healthy. A routing control is off until it is told of.
"""

from __future__ import annotations

import threading
import time

from ministack.core.responses import request_scope
from ministack.services import cloudwatch as metrics
from ministack.services import route53

from sandbox.adapters import cloudwatch

from .checks import ALARM, CALCULATED, CONTROL
from .state import Record, noted

FASTER = 12
EVERY_SECONDS = 0.5
REGION = "us-east-1"
"""Where Route 53 has its metrics."""
_controls: dict[str, bool] = {}


def start() -> None:
    """Begin to look at all health checks."""
    threading.Thread(target=_watch, name="health checks", daemon=True).start()


def turn(control: str, on: bool) -> None:
    """Turn a routing control on or off.

    Args:
        control: Its ARN.
        on: Whether it is on from now on.
    """
    _controls[control] = on


def is_healthy(record: Record) -> bool:
    """Whether a health check is healthy now; for the account of the caller.

    Args:
        record: The health check.
    """
    config = record["config"]
    if config.get("Disabled"):
        return True
    notes, kind = noted(record), config["Type"]
    found: bool | None = True
    if kind == ALARM:
        found = _of_alarm(config, notes["alarm"])
    elif kind == CALCULATED:
        children = [route53._health_checks.get(id) for id in config["ChildHealthChecks"]]
        found = sum(child is None or is_healthy(child) for child in children) >= int(config.get("HealthThreshold", 0))
    elif kind == CONTROL:
        found = _controls.get(config["RoutingControlArn"], False)
    if found is None:
        missing = config.get("InsufficientDataHealthStatus", "LastKnownStatus")
        healthy = notes["healthy"] if missing == "LastKnownStatus" else missing == "Healthy"
    else:
        healthy = found != bool(config.get("Inverted"))
    notes["healthy"] = healthy
    return bool(healthy)


def _of_alarm(config: Record, alarm: Record) -> bool | None:
    """Whether the metric of an alarm says that all is well; None for want of data."""
    with request_scope(alarm["AlarmArn"].split(":")[4], config["AlarmIdentifier"]["Region"]):
        breaching = cloudwatch.breaching(alarm, FASTER)
    return None if breaching is None else not breaching


def _watch() -> None:
    while True:
        time.sleep(EVERY_SECONDS)
        for (account, id), record in list(route53._health_checks._data.items()):
            with request_scope(account, REGION):
                healthy = is_healthy(record)
                if not record["config"].get("Disabled"):
                    name = {"HealthCheckId": id}
                    metrics.record_metric("AWS/Route53", "HealthCheckStatus", int(healthy), "None", name)
