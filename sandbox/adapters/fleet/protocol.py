"""The API of groups that have instances: what MiniStack answers without them, and what it does not know.

Lifecycle hooks do not hold instances, and there are no standby instances, warm pools and notifications.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ministack.services import autoscaling

from . import groups, refreshes, targets
from .progress import Refresh
from .state import LOCK, Group, Record, Refused, find, forget, keep, named

_create, _update = autoscaling._create_asg, autoscaling._update_asg
_delete, _resize = autoscaling._delete_asg, autoscaling._set_desired_capacity
_SHOWN = (
    *("AutoScalingGroupName", "AutoScalingGroupARN", "LaunchTemplate", "MixedInstancesPolicy", "MinSize", "MaxSize"),
    *("DesiredCapacity", "DefaultCooldown", "AvailabilityZones", "TargetGroupARNs", "HealthCheckType"),
    *("HealthCheckGracePeriod", "CreatedTime", "VPCZoneIdentifier", "TerminationPolicies", "Tags"),
    *("NewInstancesProtectedFromScaleIn", "DefaultInstanceWarmup", "LaunchConfigurationName"),
)
_COUNTED = ("InService", "Pending", "Standby", "Terminating", "Total")
_METRICS = ("GroupMinSize", "GroupMaxSize", "GroupDesiredCapacity", *(f"Group{name}Instances" for name in _COUNTED))
_CAUSE = "an instance was taken out of service in response to a user request."


def install() -> None:
    """Answer for groups in MiniStack's place."""
    autoscaling._reconcile_instances = lambda asg: None
    for name, operation in _OPERATIONS.items():
        autoscaling._ACTION_MAP[name] = _answering(name, operation)


def _answering(name: str, operation: Callable[[Record], Record | None]) -> Callable[[Mapping[str, Any]], Any]:
    def answer(params: Mapping[str, Any]) -> Any:
        try:
            with LOCK:
                result = operation(nested(params))
        except Refused as error:
            return autoscaling._error(error.code, error.message)
        inner = autoscaling._member_xml(result or {})
        return autoscaling._xml(200, f"{name}Response", f"<{name}Result>{inner}</{name}Result>")

    return answer


def nested(params: Mapping[str, Any]) -> Record:
    """The members of a request, nested as in the API's model.

    Args:
        params: The parameters, such as ``Preferences.AlarmSpecification.Alarms.member.1``.
    """
    root: Record = {}
    for key, value in params.items():
        *parents, last = key.split(".")
        here = root
        for part in parents:
            here = here.setdefault(part, {})
        here[last] = value[0] if isinstance(value, list) else value
    found: Record = _listed(root)
    return found


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if set(value) == {"member"}:
        return [_listed(one) for _, one in sorted(value["member"].items(), key=lambda item: int(item[0]))]
    return {key: _listed(one) for key, one in value.items()}


def _flat(value: Any, prefix: str = "") -> dict[str, str]:
    if isinstance(value, list):
        value = {f"member.{number}": one for number, one in enumerate(value, 1)}
    if not isinstance(value, dict):
        return {prefix: value}
    joined = f"{prefix}." if prefix else ""
    return {key: one for name, part in value.items() for key, one in _flat(part, joined + name).items()}


def _by_ministack(operation: Callable[[Any], Any], request: Record) -> None:
    """Let MiniStack do a part, and pass its refusal on."""
    status, _, body = operation(_flat(request))
    if status != 200:
        text = body.decode()
        code, message = (text.partition(f"<{tag}>")[2].partition(f"</{tag}>")[0] for tag in ("Code", "Message"))
        raise Refused(code, message)


def _create_group(request: Record) -> None:
    _by_ministack(_create, request)
    group = keep(request["AutoScalingGroupName"])
    group.record["TargetGroupARNs"] = request.get("TargetGroupARNs") or []
    group.record["DefaultInstanceWarmup"] = request.get("DefaultInstanceWarmup", "")


def _update_group(request: Record) -> None:
    group = named(request["AutoScalingGroupName"])
    _by_ministack(_update, request)
    if template := request.get("LaunchTemplate"):
        group.record["LaunchTemplate"] = refreshes.wanted(group, {"LaunchTemplate": template}) | {
            "Version": template.get("Version", "$Default")
        }
    lowest, highest = int(group.record["MinSize"]), int(group.record["MaxSize"])
    group.record["DesiredCapacity"] = min(max(group.desired, lowest), highest)
    group.failures = 0


def _set_desired_capacity(request: Record) -> None:
    group, wanted = named(request["AutoScalingGroupName"]), int(request["DesiredCapacity"])
    lowest, highest = int(group.record["MinSize"]), int(group.record["MaxSize"])
    if not lowest <= wanted <= highest:
        way = f"below min value {lowest}" if wanted < lowest else f"above max value {highest}"
        raise Refused("ValidationError", f"New SetDesiredCapacity value {wanted} is {way} for the AutoScalingGroup.")
    _by_ministack(_resize, request)


def _delete_group(request: Record) -> None:
    group = named(request["AutoScalingGroupName"])
    if group.members and request.get("ForceDelete") != "true":
        text = "You cannot delete an AutoScalingGroup while there are instances or pending Spot instance request(s)"
        raise Refused("ResourceInUse", f"{text} still in the group.")
    groups.end_all(group)
    _by_ministack(_delete, request)
    forget(group)


def _describe_groups(request: Record) -> Record:
    names = request.get("AutoScalingGroupNames") or list(autoscaling._asgs)
    found = [group for group in map(find, names) if group]
    return {"AutoScalingGroups": [_described(group) for group in found]}


def _described(group: Group) -> Record:
    shown = {name: group.record[name] for name in _SHOWN if group.record.get(name) not in (None, "", {})}
    suspended = [{"ProcessName": name, "SuspensionReason": "User suspended"} for name in sorted(group.suspended)]
    return {
        **shown,
        "Instances": list(group.record["Instances"]),
        "SuspendedProcesses": suspended,
        "EnabledMetrics": [{"Metric": name, "Granularity": "1Minute"} for name in _METRICS if group.measured],
    }


def _describe_activities(request: Record) -> Record:
    group = named(request["AutoScalingGroupName"])
    wanted = request.get("ActivityIds")
    return {"Activities": [one for one in group.activities if not wanted or one["ActivityId"] in wanted]}


def _start_refresh(request: Record) -> Record:
    group = named(request["AutoScalingGroupName"])
    configuration = request.get("DesiredConfiguration")
    wanted = refreshes.wanted(group, configuration) if configuration else None
    preferences = request.get("Preferences") or {}
    if str(preferences.get("AutoRollback")).lower() == "true" and wanted is None:
        raise Refused("ValidationError", "AutoRollback needs a desired configuration")
    return {"InstanceRefreshId": refreshes.start(group, preferences, wanted).id}


def _describe_refreshes(request: Record) -> Record:
    wanted = request.get("InstanceRefreshIds")
    found = named(request["AutoScalingGroupName"]).refreshes
    return {"InstanceRefreshes": [_refresh(request, one) for one in found if not wanted or one.id in wanted]}


def _refresh(request: Record, refresh: Refresh) -> Record:
    shown = {
        "InstanceRefreshId": refresh.id,
        "AutoScalingGroupName": request["AutoScalingGroupName"],
        "Status": refresh.status,
        "StatusReason": refresh.reason,
        "StartTime": refresh.started,
        "EndTime": refresh.ended,
        "PercentageComplete": refresh.percentage,
        "InstancesToUpdate": refresh.left,
        "Preferences": dict(refresh.preferences),
        "DesiredConfiguration": {"LaunchTemplate": refresh.configuration} if refresh.configuration else {},
    }
    return {name: value for name, value in shown.items() if value != "" and value != {}}


def _cancel_refresh(request: Record) -> Record:
    refresh = refreshes.going(named(request["AutoScalingGroupName"]))
    refresh.wish, refresh.status = "cancel", "Cancelling"
    return {"InstanceRefreshId": refresh.id}


def _rollback_refresh(request: Record) -> Record:
    refresh = refreshes.going(named(request["AutoScalingGroupName"]))
    if refresh.configuration is None:
        raise Refused("IrreversibleInstanceRefresh", "The instance refresh has no desired configuration to roll back")
    refresh.wish = "rollback"
    return {"InstanceRefreshId": refresh.id}


def _owner(instance: str) -> Group:
    for name in autoscaling._asgs:
        if (group := find(name)) and instance in group.members:
            return group
    raise Refused("ValidationError", f"Instance Id not found - No managed instance found for instance ID {instance}")


def _terminate(request: Record) -> Record:
    id = request["InstanceId"]
    group = _owner(id)
    if request["ShouldDecrementDesiredCapacity"] == "true":
        if group.desired - 1 < int(group.record["MinSize"]):
            text = f"Currently, desiredSize equals minSize ({group.record['MinSize']}). Terminating instance without"
            raise Refused("ValidationError", f"{text} replacement will violate group's min size constraint.")
        group.record["DesiredCapacity"] = group.desired - 1
    groups.retire(group, [group.members[id]], _CAUSE)
    return {"Activity": group.activities[0]}


def _set_health(request: Record) -> None:
    member = _owner(request["InstanceId"]).members[request["InstanceId"]]
    member.record["HealthStatus"] = request["HealthStatus"]


def _suspend(request: Record) -> None:
    every = ("Launch", "Terminate", "HealthCheck", "ReplaceUnhealthy", "AddToLoadBalancer", "AZRebalance")
    named(request["AutoScalingGroupName"]).suspended |= set(request.get("ScalingProcesses") or every)


def _resume(request: Record) -> None:
    group = named(request["AutoScalingGroupName"])
    group.suspended -= set(request.get("ScalingProcesses") or group.suspended)


def _measured(is_measured: bool) -> Callable[[Record], None]:
    def measure(request: Record) -> None:
        named(request["AutoScalingGroupName"]).measured = is_measured

    return measure


def _attach(request: Record) -> None:
    group = named(request["AutoScalingGroupName"])
    before = group.target_groups
    group.record["TargetGroupARNs"] = list(dict.fromkeys([*before, *request["TargetGroupARNs"]]))
    targets.follow(group, before)


_OPERATIONS: dict[str, Callable[[Record], Record | None]] = {
    "CreateAutoScalingGroup": _create_group,
    "UpdateAutoScalingGroup": _update_group,
    "SetDesiredCapacity": _set_desired_capacity,
    "DeleteAutoScalingGroup": _delete_group,
    "DescribeAutoScalingGroups": _describe_groups,
    "DescribeScalingActivities": _describe_activities,
    "StartInstanceRefresh": _start_refresh,
    "DescribeInstanceRefreshes": _describe_refreshes,
    "CancelInstanceRefresh": _cancel_refresh,
    "RollbackInstanceRefresh": _rollback_refresh,
    "TerminateInstanceInAutoScalingGroup": _terminate,
    "SetInstanceHealth": _set_health,
    "SuspendProcesses": _suspend,
    "ResumeProcesses": _resume,
    "EnableMetricsCollection": _measured(True),
    "DisableMetricsCollection": _measured(False),
    "AttachLoadBalancerTargetGroups": _attach,
}
"""What is answered here, by the names of the API."""
