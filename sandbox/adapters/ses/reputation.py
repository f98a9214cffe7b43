"""Bounce and complaint rates, as metrics that alarms evaluate.

On AWS they are over a volume that SES chooses. Here they are over the latest ``LATEST`` messages to a recipient each,
of a configuration set and of the whole account; only hard bounces count. Mail to the mailbox simulator counts too,
which it does not on AWS: otherwise nobody could see here what a bad rate does. When sending is enabled again, a set
starts afresh, as on AWS.
"""

from __future__ import annotations

from collections.abc import Iterable

from ministack.services import cloudwatch

from .documents import Event
from .state import account, configuration_set

LATEST = 1000
NAMESPACE = "AWS/SES"


def count(events: Iterable[Event]) -> None:
    """Count what happened, and publish the rates of the sets that it happened to.

    Args:
        events: What happened, in order.
    """
    touched = set()
    for event in events:
        for name in {"", event.mail.configuration_set}:
            if _note(name, event):
                touched.add(name)
    for name in sorted(touched):
        _publish(name)


def _note(name: str, event: Event) -> bool:
    _begin_afresh(name)
    outcomes = account().outcomes.setdefault(name, {})
    if event.kind == "Send":
        for recipient in event.mail.recipients:
            outcomes[event.mail.id, recipient] = ""
        while len(outcomes) > LATEST:
            del outcomes[next(iter(outcomes))]
        return True
    key = (event.mail.id, event.recipient)
    if key not in outcomes or not (event.is_hard_bounce or event.is_complaint):
        return False
    outcomes[key] = event.kind
    return True


def _begin_afresh(name: str) -> None:
    options = (configuration_set(name) or {}).get("ReputationOptions") or {}
    started = options.get("LastFreshStart")
    if account().fresh_starts.get(name) != started:
        account().fresh_starts[name] = started
        account().outcomes.pop(name, None)


def _publish(name: str) -> None:
    if name:
        options = (configuration_set(name) or {}).get("ReputationOptions") or {}
        if not options.get("ReputationMetricsEnabled"):
            return
    outcomes = list(account().outcomes.get(name, {}).values())
    dimensions = {"ses:configuration-set": name} if name else {}
    for kind in ("Bounce", "Complaint"):
        rate = outcomes.count(kind) / len(outcomes) if outcomes else 0.0
        cloudwatch.record_metric(NAMESPACE, f"Reputation.{kind}Rate", rate, "None", dimensions)
