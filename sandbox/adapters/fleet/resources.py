"""CloudFormation's type of Auto Scaling groups: creation, updates with their policies, and rollbacks.

As on AWS, a refresh that fails is undone by the stack's rollback, which starts another one with the policy of the last
deployment. Whether alarms stop that one too is not documented; here they do not.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ministack.services import autoscaling, cloudformation
from ministack.services.cloudformation import engine, provisioners, stacks

from sandbox.adapters import workers

from . import groups, launches, refreshes, rolling, targets
from .state import LOCK, Group, Record, Refused, find, forget, keep, named

TYPE = "AWS::AutoScaling::AutoScalingGroup"
Provisioned = tuple[str, dict[str, Any]]
_REFRESHING = ("LaunchTemplate", "MixedInstancesPolicy", "VPCZoneIdentifier", "AvailabilityZones", "PlacementGroup")
_REPLACING = ("AutoScalingGroupName", "InstanceId")
_SIZES = ("MinSize", "MaxSize", "DesiredCapacity")
_REFRESH_DEFAULTS = {"MinHealthyPercentage": 100, "MaxHealthyPercentage": 110, "SkipMatching": True}
_create_record = provisioners._asg_create
_update_record = provisioners._asg_update
_delete_record = provisioners._asg_delete
_sends_back = stacks._sends_back_failed_update


def install() -> None:
    """Provision the type; must run before the types that MiniStack lacks are recorded."""
    workers.install()
    workers.TYPES.add(TYPE)
    handler = {"create": _create, "update": _update, "update_with_logical_id": True, "delete": _delete}
    provisioners._RESOURCE_HANDLERS[TYPE] = handler
    provisioners._asg_create, provisioners._asg_delete = _create, _delete
    stacks._sends_back_failed_update = lambda type: type == TYPE or bool(_sends_back(type))


def _attributes(stack: str, logical_id: str) -> Record:
    """The definition of a resource in the template that is being deployed, with its policies resolved."""
    record = cloudformation._stacks.get(stack) or {}
    template = engine._parse_template(record.get("_template_body") or "{}")
    definition = (template.get("Resources") or {}).get(logical_id) or {}
    given = {name: definition[name] for name in ("UpdatePolicy", "CreationPolicy") if name in definition}
    parameters = {one["ParameterKey"]: {"Value": one.get("ParameterValue")} for one in record.get("Parameters") or ()}
    conditions = engine._evaluate_conditions(template, parameters)
    resolved: Record = engine._resolve_refs(
        given, record.get("_resources") or {}, parameters, conditions, template.get("Mappings") or {}, stack,
        record.get("StackId", ""),
    )  # fmt: skip
    return resolved


def _extend(group: Group, properties: Mapping[str, Any]) -> None:
    """Keep what MiniStack's record of a group leaves out."""
    record = group.record
    record["TargetGroupARNs"] = list(properties.get("TargetGroupARNs") or ())
    record["MixedInstancesPolicy"] = properties.get("MixedInstancesPolicy") or {}
    record["DefaultInstanceWarmup"] = properties.get("DefaultInstanceWarmup", "")
    if (subnets := record["VPCZoneIdentifier"]) and not properties.get("AvailabilityZones"):
        record["AvailabilityZones"] = launches.zones(subnets) or record["AvailabilityZones"]
    group.measured = bool(properties.get("MetricsCollection"))


def _create(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    policies = _attributes(stack, logical_id)
    name = properties.get("AutoScalingGroupName")
    if name and name in autoscaling._asgs:
        raise rolling.FailedError(f"AutoScalingGroup by this name already exists: {name}")
    with LOCK:
        physical_id, attributes = _create_record(logical_id, properties, stack)
        group = keep(physical_id)
        _extend(group, properties)
    try:
        rolling.created(group, policies.get("CreationPolicy") or {})
    except rolling.FailedError:
        _delete(physical_id, properties)
        raise
    group.policy = policies.get("UpdatePolicy") or {}
    return physical_id, attributes


def _delete(physical_id: str, properties: dict[str, Any]) -> None:
    group = find(physical_id)
    with LOCK:
        if group is not None:
            groups.end_all(group)
            forget(group)
        _delete_record(physical_id, properties)


def _update(
    physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str, logical_id: str | None = None
) -> Provisioned:
    if any(old.get(name) != new.get(name) for name in _REPLACING):
        replaced: Provisioned = _update_record(physical_id, old, new, stack, logical_id)
        return replaced
    is_rollback = "ROLLBACK" in cloudformation._stacks[stack]["StackStatus"]
    group = named(physical_id)
    given = _attributes(stack, logical_id or "").get("UpdatePolicy") or {}
    policy = group.policy if is_rollback else given
    if (policy.get("AutoScalingReplacingUpdate") or {}).get("WillReplace"):
        raise rolling.FailedError("the sandbox has no AutoScalingReplacingUpdate")
    if {"AutoScalingInstanceRefresh", "AutoScalingRollingUpdate"} <= policy.keys():
        raise rolling.FailedError("AutoScalingInstanceRefresh and AutoScalingRollingUpdate are mutually exclusive")
    with LOCK:
        sizes = {size: group.record[size] for size in _SIZES}
        before = list(group.target_groups)
        made: Provisioned = _update_record(physical_id, old, new, stack, logical_id)
        _extend(group, new)
        group.record.update(_sizes(policy, sizes, old, new))
        group.failures, group.failure = 0, ""
        targets.follow(group, before)
    if any(old.get(name) != new.get(name) for name in _REFRESHING):
        _roll_out(group, policy, is_rollback, stack)
    rolling.settle(group)
    if not is_rollback:
        group.policy = given
    return made


def _sizes(policy: Mapping[str, Any], sizes: Record, old: Mapping[str, Any], new: Mapping[str, Any]) -> Record:
    """The sizes of a group after an update: the template's, unless those that it leaves alone are to be kept."""
    given = (policy.get("AutoScalingScheduledAction") or {}).get("IgnoreUnmodifiedGroupSizeProperties", False)
    is_kept = str(given).lower() == "true"
    after = {
        size: sizes[size] if size not in new or (is_kept and old.get(size) == new.get(size)) else int(new[size])
        for size in _SIZES
    }
    desired = min(max(after["DesiredCapacity"], after["MinSize"]), after["MaxSize"])
    return {**after, "DesiredCapacity": desired}


def _roll_out(group: Group, policy: Mapping[str, Any], is_rollback: bool, stack: str) -> None:
    if "AutoScalingRollingUpdate" in policy:
        rolling.update(group, policy["AutoScalingRollingUpdate"])
    if "AutoScalingInstanceRefresh" not in policy:
        return
    given = policy["AutoScalingInstanceRefresh"]
    if given.get("Strategy") == "ReplaceRootVolume":
        raise rolling.FailedError("the sandbox has no instance refresh with the strategy ReplaceRootVolume")
    preferences = {**_REFRESH_DEFAULTS, **(given.get("Preferences") or {})}
    if is_rollback:
        preferences.pop("AlarmSpecification", None)
    try:
        refresh = refreshes.start(group, preferences)
    except Refused as error:
        raise rolling.FailedError(error.message) from error
    while not refresh.over.wait(refreshes.POLL_SECONDS):
        if cloudformation._stacks[stack].get("_cancel_requested"):
            refresh.wish = "cancel"
    if refresh.status != "Successful":
        text = f"Instance refresh {refresh.id} of {group.name} ended with the status {refresh.status}"
        raise rolling.FailedError(f"{text}: {refresh.reason}")
