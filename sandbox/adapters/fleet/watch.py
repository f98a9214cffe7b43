"""Time passes for all groups: a step thirty times a second, metrics twice a second."""

from __future__ import annotations

import logging
import threading
import time

from ministack.core.responses import request_scope

from sandbox.adapters import access

from . import groups, targets
from .state import IN_SERVICE, LOCK, PENDING, TERMINATING, Group
from .state import groups as all_groups

EVERY_SECONDS = 0.03
METRICS_SECONDS = 0.5
NAMESPACE = "AWS/AutoScaling"
_STATES = {"InService": IN_SERVICE, "Pending": PENDING, "Terminating": TERMINATING, "Standby": "Standby"}
_log = logging.getLogger("sandbox.fleet")


def start() -> None:
    """Begin to watch."""
    threading.Thread(target=_watch, name="fleet", daemon=True).start()


def _watch() -> None:
    access.over_tls()
    measured = 0.0
    while True:
        time.sleep(EVERY_SECONDS)
        is_due = time.monotonic() - measured >= METRICS_SECONDS
        measured = time.monotonic() if is_due else measured
        scopes = set()
        for group in all_groups():
            scopes.add((group.account, group.region))
            with request_scope(group.account, group.region), LOCK:
                _step(group)
                if is_due and group.measured:
                    _measure(group)
        for account, region in scopes if is_due else ():
            with request_scope(account, region), LOCK:
                targets.measure()


def _step(group: Group) -> None:
    try:
        groups.step(group)
    except (KeyError, ValueError) as error:
        _log.warning("group %s: %r", group.name, error)


def _measure(group: Group) -> None:
    states = [member.state for member in group.members.values()]
    values = {
        "GroupMinSize": int(group.record["MinSize"]),
        "GroupMaxSize": int(group.record["MaxSize"]),
        "GroupDesiredCapacity": group.desired,
        "GroupTotalInstances": len(states),
        **{f"Group{name}Instances": states.count(state) for name, state in _STATES.items()},
    }
    for metric, value in values.items():
        targets.put(NAMESPACE, metric, value, {"AutoScalingGroupName": group.name})
