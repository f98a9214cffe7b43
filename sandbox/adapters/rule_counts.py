"""EventBridge counts how often a rule was triggered, also one without targets, as ``TriggeredRules``."""

from __future__ import annotations

from typing import Any

from ministack.services import cloudwatch, eventbridge

_matches = eventbridge._matches_pattern_view


def install() -> None:
    """Put the adapter in MiniStack's place."""
    eventbridge._matches_pattern_view = _counted


def _counted(pattern: Any, view: Any, owner: str = "rule") -> bool:
    matched = bool(_matches(pattern, view, owner))
    # What matches patterns for other ends, such as archives and tests of patterns, calls itself something else.
    rule = eventbridge._rules.get(owner.removeprefix("rule ")) if matched else None
    if rule is not None:
        bus = rule.get("EventBusName", "default")
        dimensions = {"RuleName": rule["Name"]} | ({} if bus == "default" else {"EventBusName": bus})
        cloudwatch.record_metric("AWS/Events", "TriggeredRules", 1, "Count", dimensions)
    return matched
