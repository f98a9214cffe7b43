"""Alarms as CloudWatch has them: by metric, dimensions and statistic, in state, told to topics and functions.

MiniStack compares a metric regardless of its dimensions, refuses alarms on a Metrics Insights query and on a sum of
metrics (``FILL(a, 0) + FILL(b, 0)``), asks neither the topic's policy nor its key's, invokes no functions, and knows no
metrics of queues. Topics and functions hear of a change as far as their policies let CloudWatch.
Time in the sandbox is real: a queue is measured, and alarms are evaluated, every second instead of every minute.
"""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from ministack.core.responses import get_account_id, get_region, request_scope
from ministack.services import cloudwatch, lambda_svc, sns, sqs
from ministack.services.cloudformation import provisioners

from . import access

EVERY_SECONDS = 1.0
_QUERY = re.compile(
    r"SELECT (?P<statistic>[A-Z]+)\((?P<metric>[\w.]+)\) FROM \"?(?P<namespace>[\w/]+)\"?"
    r"(?: WHERE (?P<name>\w+) = '(?P<value>[^']+)')?$"
)
_SUM = re.compile(r"FILL\((?P<id>\w+),\s*0\)")
_STATISTICS = {"SUM": "Sum", "MAX": "Maximum", "MIN": "Minimum", "AVG": "Average", "COUNT": "SampleCount"}
_COMPARE = {
    "GreaterThanOrEqualToThreshold": lambda value, threshold: value >= threshold,
    "GreaterThanThreshold": lambda value, threshold: value > threshold,
    "LessThanThreshold": lambda value, threshold: value < threshold,
    "LessThanOrEqualToThreshold": lambda value, threshold: value <= threshold,
}
_EVALUATED = "the sandbox evaluates one Metrics Insights query in an alarm, or a sum of metrics filled with 0"
_log = logging.getLogger("sandbox.cloudwatch")
_record = provisioners._cw_metric_alarm_record
_tell = cloudwatch._dispatch_alarm_actions


def install() -> None:
    """Put the adapter in MiniStack's place and begin to measure."""
    cloudwatch._evaluate_alarm = lambda alarm: None
    cloudwatch._dispatch_alarm_actions = _dispatch
    provisioners._cw_metric_alarm_record = _alarm_record
    threading.Thread(target=_measure, name="alarms", daemon=True).start()


def _alarm_record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The alarm as it is stored; one on a query or a sum keeps what it reads, and the first metric of it."""
    queries = properties.get("Metrics")
    if not queries:
        record: dict[str, Any] = _record(name, properties)
        return record
    if len(queries) > 1:
        return _sum_record(name, properties)
    if len(queries) != 1 or not (found := _QUERY.match(queries[0].get("Expression", ""))):
        raise ValueError(f"{_EVALUATED}, got {queries}")
    single = {
        **{key: value for key, value in properties.items() if key != "Metrics"},
        "MetricName": found["metric"],
        "Namespace": found["namespace"],
        "Statistic": _STATISTICS[found["statistic"]],
        "Period": queries[0].get("Period", 60),
        "Dimensions": [{"Name": found["name"], "Value": found["value"]}] if found["name"] else [],
    }
    return {**_record(name, single), "_query": True}


def _sum_record(name: str, properties: dict[str, Any]) -> dict[str, Any]:
    """The alarm on a sum: its metrics, each with a statistic."""
    queries = properties["Metrics"]
    metrics = {one["Id"]: one["MetricStat"] for one in queries if "MetricStat" in one}
    sums = [one["Expression"] for one in queries if "Expression" in one and str(one.get("ReturnData", True)) != "False"]
    terms = [_SUM.fullmatch(term.strip()) for term in sums[0].split("+")] if len(sums) == 1 else []
    if not terms or any(term is None or term["id"] not in metrics for term in terms):
        raise ValueError(f"{_EVALUATED}, got {queries}")
    parts = [
        {
            "MetricName": stat["Metric"]["MetricName"],
            "Namespace": stat["Metric"]["Namespace"],
            "Statistic": stat["Stat"],
            "Period": int(stat["Period"]),
            "EvaluationPeriods": int(properties["EvaluationPeriods"]),
            "Dimensions": stat["Metric"].get("Dimensions", []),
        }
        for stat in (metrics[term["id"]] for term in terms if term)
    ]
    own = {key: value for key, value in properties.items() if key != "Metrics"}
    return {**_record(name, {**own, **parts[0]}), "_sum": parts}


def _measure() -> None:
    access.over_tls()
    while True:
        time.sleep(EVERY_SECONDS)
        for account, region in {key[:2] for key in list(cloudwatch._alarms._data)}:
            with request_scope(account, region):
                _measure_queues()
                for alarm in list(cloudwatch._alarms.values()):
                    _evaluate(alarm)


def _measure_queues() -> None:
    for queue in list(sqs._queues.values()):
        sqs._refresh_counts(queue)
        waiting = int(queue["attributes"]["ApproximateNumberOfMessages"])
        name = {"QueueName": queue["name"]}
        cloudwatch.record_metric("AWS/SQS", "ApproximateNumberOfMessagesVisible", waiting, "Count", name)


def _evaluate(alarm: dict[str, Any]) -> None:
    """Bring an alarm's state up to date and tell its topics of a change."""
    value = statistic(alarm)
    if value is None:
        missing = {"notBreaching": "OK", "breaching": "ALARM", "missing": "INSUFFICIENT_DATA"}
        state = missing.get(alarm["TreatMissingData"], alarm["StateValue"])
        reason = "Unchecked: no data"
    else:
        breaching = _COMPARE[alarm["ComparisonOperator"]](value, alarm["Threshold"])
        state = "ALARM" if breaching else "OK"
        reason = f"Threshold Crossed: {value} {alarm['ComparisonOperator']} {alarm['Threshold']}"
    before = alarm["StateValue"]
    if state == before:
        return
    alarm["_previous"] = _state(before, alarm.get("StateReason", ""), alarm.get("StateUpdatedTimestamp", 0))
    alarm.update(StateValue=state, StateReason=reason, StateUpdatedTimestamp=int(time.time()))
    cloudwatch._record_history(alarm["AlarmName"], before, state, reason)
    cloudwatch._dispatch_alarm_actions(alarm, before, state, reason)


def breaching(alarm: Mapping[str, Any], faster: float = 1) -> bool | None:
    """Whether what an alarm looks at crosses its threshold now, whatever the alarm's state; None without data.

    What is missing counts as the alarm says.

    Args:
        alarm: The alarm.
        faster: How many times faster than real time its periods pass.
    """
    value = statistic(alarm, faster)
    if value is None:
        return {"notBreaching": False, "breaching": True}.get(alarm["TreatMissingData"])
    return bool(_COMPARE[alarm["ComparisonOperator"]](value, alarm["Threshold"]))


def statistic(alarm: Mapping[str, Any], faster: float = 1) -> float | None:
    """The alarm's statistic over its periods; None without data.

    Args:
        alarm: The alarm.
        faster: How many times faster than real time its periods pass.
    """
    if "_sum" in alarm:
        return sum(statistic(part, faster) or 0 for part in alarm["_sum"])
    since = time.time() - alarm["Period"] * alarm["EvaluationPeriods"] / faster
    wanted = {one["Name"]: one["Value"] for one in alarm["Dimensions"]}
    values: list[float] = []
    for (namespace, metric, _), points in list(cloudwatch._metrics.items()):
        if (namespace, metric) != (alarm["Namespace"], alarm["MetricName"]):
            continue
        for point in list(points):
            dimensions = point["Dimensions"]
            fits = wanted.items() <= dimensions.items() if alarm.get("_query") else wanted == dimensions
            if fits and point["Timestamp"] >= since:
                values.append(point["Value"])
    if not values:
        return None
    total = sum(values)
    results = {
        "Sum": total,
        "Maximum": max(values),
        "Minimum": min(values),
        "Average": total / len(values),
        "SampleCount": float(len(values)),
    }
    return results[alarm["Statistic"]]


def _dispatch(alarm: dict[str, Any], before: str, state: str, reason: str) -> None:
    """Tell the alarm's topics and functions, those whose policies admit it; the others never hear, as on AWS."""
    field = {"ALARM": "AlarmActions", "OK": "OKActions", "INSUFFICIENT_DATA": "InsufficientDataActions"}[state]
    admitted = []
    for action in alarm.get(field) or []:
        try:
            _admit(alarm, action)
        except (access.Refused, LookupError) as error:
            _log.warning("alarm %s could not tell: %s", alarm["AlarmName"], error)
        else:
            admitted.append(action)
    _tell({**alarm, field: admitted}, before, state, reason)
    for action in admitted if alarm.get("ActionsEnabled", True) else []:
        if action.split(":")[2] == "lambda":
            function, config, _ = lambda_svc._get_func_record_for_ref(action)
            record = lambda_svc._execution_record_for_config(function, config)
            lambda_svc.invoke_async_with_retry(record, _event(alarm, before, state, reason))


def _admit(alarm: Mapping[str, Any], action: str) -> None:
    _, _, service, region, account, *_ = action.split(":")
    conditions = {"aws:SourceArn": alarm["AlarmArn"], "aws:SourceAccount": account}
    if service == "lambda":
        if lambda_svc._get_func_record_for_ref(action)[0] is None:
            raise LookupError(f"there is no function {action}")
        who = "lambda.alarms.cloudwatch.amazonaws.com"
        access.require_service(who, "lambda:InvokeFunction", action, account, region, conditions)
    if service == "sns":
        who = "cloudwatch.amazonaws.com"
        access.require_service(who, "sns:Publish", action, account, region, conditions)
        found = sns._topics.get(action)
        access.require_service_key(who, access.own_key(found) if found else "", account, region, conditions)


def _state(value: str, reason: str, when: float) -> dict[str, str]:
    stamp = datetime.fromtimestamp(when, UTC).isoformat(timespec="milliseconds").replace("+00:00", "+0000")
    return {"value": value, "reason": reason, "timestamp": stamp}


def _event(alarm: Mapping[str, Any], before: str, state: str, reason: str) -> dict[str, Any]:
    """What a function is told.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-actions-Lambda.html
    """
    now = _state(state, reason, time.time())
    metrics = [
        {
            "id": f"m{number}",
            "metricStat": {
                "metric": {
                    "namespace": part["Namespace"],
                    "name": part["MetricName"],
                    "dimensions": {one["Name"]: one["Value"] for one in part["Dimensions"]},
                },
                "period": part["Period"],
                "stat": part["Statistic"],
            },
            "returnData": True,
        }
        for number, part in enumerate(alarm.get("_sum") or [alarm], 1)
    ]
    return {
        "source": "aws.cloudwatch",
        "alarmArn": alarm["AlarmArn"],
        "accountId": get_account_id(),
        "time": now["timestamp"],
        "region": get_region(),
        "alarmData": {
            "alarmName": alarm["AlarmName"],
            "state": now,
            "previousState": alarm.get("_previous") or _state(before, "", 0),
            "configuration": {"description": alarm.get("AlarmDescription") or "", "metrics": metrics},
        },
    }
