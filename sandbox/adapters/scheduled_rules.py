"""EventBridge rules with a schedule: rates pass sixty times faster, and a scenario can let any rule's time come.

A rule for each minute calls its targets each second. Rates of EventBridge Scheduler are as fast; times of cron
expressions are real. An event of a schedule is delivered as all others are, and refused as they are.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from ministack.services import eventbridge

FASTER = 60
EVERY_SECONDS = 0.5
_LONG_AGO = 400 * 86400
"""Seconds in which the time of any schedule has come."""
_seconds = eventbridge._parse_rate_seconds


def install() -> None:
    """Put the adapter in MiniStack's place."""
    eventbridge._SCHEDULER_TICK_INTERVAL = EVERY_SECONDS
    eventbridge._parse_rate_seconds = _faster


def _faster(expression: str) -> float | None:
    seconds = _seconds(expression)
    return None if seconds is None else seconds / FASTER


def fire(body: bytes, account: str, region: str) -> tuple[int, dict[str, Any]]:
    """Let the time of a scheduled rule come, within a second.

    Args:
        body: ``rule``, its name; ``region``, by default us-east-1.
        account: The account.
        region: The region that is meant if the body has none.
    """
    request = json.loads(body)
    where = account, request.get("region", region)
    found = [
        key
        for key, rule in list(eventbridge._rules._data.items())
        if key[:2] == where and rule["Name"] == request.get("rule") and rule.get("ScheduleExpression")
    ]
    for key in found:
        eventbridge._rule_last_fired[key] = time.time() - _LONG_AGO
    return (200, {}) if found else (404, {"message": f"there is no rule with a schedule for {request}"})


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, dict[str, Any]]]] = {"/_sandbox/events/rule": fire}
"""What each path does, with a body, or the members of the query, in an account and region."""
