"""Instance refreshes: old instances are replaced in steps that keep a part of the capacity healthy.

Above 100 percent, new instances are launched before old ones end. A refresh fails when two new instances in a row could
not be launched or were not healthy, where AWS goes on for an hour; when a step takes an hour of the fleet's clock; and
when one of its alarms is in ALARM.
"""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import now_iso, request_scope
from ministack.services import cloudwatch

from sandbox.adapters import access

from . import groups, launches
from .announcements import announce
from .progress import ACTIVE, CancelledError, Refresh, RolledBackError, StoppedError
from .state import LOCK, Group, Member, Record, Refused, seconds

POLL_SECONDS = 0.03
PATIENCE = 2
"""How many failures of new instances, one after the other, a refresh takes."""
HOUR = 3600
_CAUSE = "an instance was taken out of service in response to an instance refresh."
_EVENT = "EC2 Auto Scaling Instance Refresh "


def start(group: Group, preferences: Mapping[str, Any], configuration: Record | None = None) -> Refresh:
    """Start a refresh.

    Args:
        group: The group.
        preferences: How to do it.
        configuration: The launch template that is wanted; ``None`` for the group's.

    Raises:
        Refused: If one is going on, or the percentages make no sense.
    """
    lowest, highest = preferences.get("MinHealthyPercentage"), preferences.get("MaxHealthyPercentage")
    if highest and (not lowest or int(highest) - int(lowest) > 100 or int(highest) < 100):
        raise Refused("ValidationError", "MaxHealthyPercentage must be at least 100 and at most 100 above the minimum")
    with LOCK:
        if any(one.status in ACTIVE for one in group.refreshes):
            message = "An Instance Refresh is already in progress and blocks the execution of this Instance Refresh."
            raise Refused("InstanceRefreshInProgress", message)
        refresh = Refresh(preferences, configuration)
        group.refreshes.insert(0, refresh)
    threading.Thread(target=_run, args=(group, refresh), name=f"refresh {group.name}", daemon=True).start()
    return refresh


def going(group: Group) -> Refresh:
    """The refresh that is going on.

    Args:
        group: The group.

    Raises:
        Refused: If there is none.
    """
    for refresh in group.refreshes:
        if refresh.status in ACTIVE:
            found: Refresh = refresh
            return found
    message = f"No in progress or pending Instance Refresh found for Auto Scaling group {group.name}"
    raise Refused("ActiveInstanceRefreshNotFound", message)


def _run(group: Group, refresh: Refresh) -> None:
    access.over_tls()
    with request_scope(group.account, group.region):
        try:
            _become(group, refresh, "InProgress", "Started")
            group.launches = refresh.configuration
            _roll(group, refresh)
            _bake(group, refresh)
            with LOCK:
                if refresh.configuration:
                    group.record["LaunchTemplate"] = refresh.configuration
            _become(group, refresh, "Successful", "Succeeded")
        except CancelledError:
            _become(group, refresh, "Cancelled", "Cancelled", "Cancelled by user")
        except StoppedError as error:
            _undo(group, refresh, str(error)) if refresh.flag("AutoRollback") else _become(
                group, refresh, "Failed", "Failed", str(error)
            )
        except RolledBackError:
            _undo(group, refresh, "Rollback was requested")
        finally:
            with LOCK:
                group.launches = None
                groups.give_up_surge(group)
            refresh.ended = now_iso()
            refresh.over.set()


def _become(group: Group, refresh: Refresh, status: str, event: str, reason: str = "") -> None:
    refresh.status, refresh.reason = status, reason
    if status in ("Successful", "RollbackSuccessful"):
        refresh.percentage = 100
    announce(group, _EVENT + event, {"InstanceRefreshId": refresh.id})


def _undo(group: Group, refresh: Refresh, reason: str) -> None:
    """Put back instances as they were before the refresh."""
    refresh.wish = ""
    _become(group, refresh, "RollbackInProgress", "Rollback Started", reason)
    with LOCK:
        group.launches = None
        groups.give_up_surge(group)
    back = Refresh({**refresh.preferences, "SkipMatching": "true", "CheckpointPercentages": []}, None)
    back.preferences = {key: value for key, value in back.preferences.items() if key != "AlarmSpecification"}
    try:
        _roll(group, back)
    except (StoppedError, CancelledError, RolledBackError) as error:
        _become(group, refresh, "RollbackFailed", "Rollback Failed", f"{reason}; {error}")
    else:
        _become(group, refresh, "RollbackSuccessful", "Rollback Succeeded", reason)


def _roll(group: Group, refresh: Refresh) -> None:
    """Replace the instances, up to each checkpoint."""
    with LOCK:
        group.failures, group.failure = 0, ""
        old = _replaceable(group, refresh)
    total = refresh.left = len(old)
    _watch(group, refresh)
    for percentage in refresh.preferences.get("CheckpointPercentages") or [100]:
        while old and total - len(old) < math.ceil(total * int(percentage) / 100):
            old = _replace(group, refresh, old, total - math.ceil(total * int(percentage) / 100))
            refresh.left = len(old)
            refresh.percentage = 100 * (total - len(old)) // total
        if int(percentage) < 100 and total:
            delay = refresh.number("CheckpointDelay", HOUR)
            detail = {"CheckpointPercentage": str(percentage), "CheckpointDelay": str(delay)}
            announce(group, f"{_EVENT}Checkpoint Reached", {"InstanceRefreshId": refresh.id, **detail})
            _rest(group, refresh, delay)


def _replaceable(group: Group, refresh: Refresh) -> list[Member]:
    kept = refresh.preferences.get("ScaleInProtectedInstances") or "Wait"
    found = []
    for member in group.active:
        if refresh.flag("SkipMatching") and groups.launches_as_wanted(group, member):
            continue
        if member.record["ProtectedFromScaleIn"] and kept != "Refresh":
            if kept == "Ignore":
                continue
            raise StoppedError(f"Instance {member.id} is protected from scale in.")
        found.append(member)
    return found


def _replace(group: Group, refresh: Refresh, old: list[Member], keep: int) -> list[Member]:
    """Replace as many as may be at once; what is left to replace."""
    desired = group.desired
    highest = refresh.number("MaxHealthyPercentage", 100)
    lowest = refresh.number("MinHealthyPercentage", 90)
    if highest > 100:
        count = min(max(1, desired * highest // 100 - desired), len(old) - keep)
        with LOCK:
            group.surge = count
    else:
        count = min(max(1, desired - math.ceil(desired * lowest / 100)), len(old) - keep)
        with LOCK:
            groups.retire(group, old[:count], _CAUSE)
    gone, left = old[:count], old[count:]
    warmup = seconds(refresh.number("InstanceWarmup", _warmup(group)))
    ids = {member.id for member in old}

    def is_enough() -> bool:
        now = time.monotonic()
        fresh = [one for one in groups.passing(group) if one.id not in ids and now - (one.since or now) >= warmup]
        return len(fresh) >= group.desired - sum(one.id in group.members for one in left)

    _wait(group, refresh, is_enough, "new instances to become healthy")
    if highest > 100:
        with LOCK:
            group.surge = 0
            groups.retire(group, gone, _CAUSE)
    return [one for one in left if one.id in group.members]


def _warmup(group: Group) -> int:
    given = group.record.get("DefaultInstanceWarmup")
    return int(group.record["HealthCheckGracePeriod"] if given in (None, "") else given)


def _bake(group: Group, refresh: Refresh) -> None:
    if baking := refresh.number("BakeTime", 0):
        _become(group, refresh, "Baking", "Started Baking")
        _rest(group, refresh, baking)


def _rest(group: Group, refresh: Refresh, theirs: float) -> None:
    end = time.monotonic() + seconds(theirs)
    while time.monotonic() < end:
        _watch(group, refresh)
        time.sleep(POLL_SECONDS)
    _watch(group, refresh)


def _wait(group: Group, refresh: Refresh, check: Callable[[], bool], what: str) -> None:
    end = time.monotonic() + seconds(HOUR)
    while True:
        with LOCK:
            if check():
                return
        _watch(group, refresh)
        if time.monotonic() > end:
            raise StoppedError(f"Waited for an hour for {what}.")
        time.sleep(POLL_SECONDS)


def _watch(group: Group, refresh: Refresh) -> None:
    """Stop a refresh that shall not or cannot go on."""
    if refresh.wish == "cancel":
        raise CancelledError
    if refresh.wish == "rollback":
        raise RolledBackError
    if group.failures >= PATIENCE:
        raise StoppedError(f"New instances did not become healthy. {group.failure}")
    for name in (refresh.preferences.get("AlarmSpecification") or {}).get("Alarms") or ():
        alarm = cloudwatch._alarms.get(name)
        if alarm is None:
            raise StoppedError(f"The CloudWatch alarm {name} does not exist.")
        if alarm["StateValue"] == "ALARM":
            raise StoppedError(f"The CloudWatch alarm {name} is in the ALARM state.")


def wanted(group: Group, configuration: Mapping[str, Any]) -> Record:
    """The launch template of a desired configuration, with the number of its version.

    Args:
        group: The group.
        configuration: The configuration as the API has it.

    Raises:
        Refused: If there is none, or the template does not exist.
    """
    mixed = (configuration.get("MixedInstancesPolicy") or {}).get("LaunchTemplate") or {}
    given = configuration.get("LaunchTemplate") or mixed.get("LaunchTemplateSpecification")
    if not given:
        raise Refused("ValidationError", "The desired configuration must have a launch template")
    try:
        return launches.specification(group, given)
    except launches.FailedLaunchError as error:
        raise Refused("ValidationError", str(error)) from error
