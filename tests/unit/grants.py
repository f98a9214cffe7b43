"""What roles may do, said in tests as rows: action, resource and condition."""

from __future__ import annotations

from collections.abc import Iterable

from tests.unit.templates import Row

USE = ("kms:Decrypt", "kms:GenerateDataKey")
LOG_DELIVERY = (
    *("CreateLogDelivery", "DeleteLogDelivery", "DescribeLogGroups", "DescribeResourcePolicies", "GetLogDelivery"),
    *("ListLogDeliveries", "PutResourcePolicy", "UpdateLogDelivery"),
)
TRACES = {("xray:PutTelemetryRecords", "*", ""), ("xray:PutTraceSegments", "*", "")}
RUNS: set[Row] = {
    *((f"logs:{one}", "*", "") for one in LOG_DELIVERY),
    *((f"xray:GetSampling{one}", "*", "") for one in ("Rules", "Targets")),
    *TRACES,
}
"""What every state machine needs for its log and its traces."""


def grants(resources: str | Iterable[str], *actions: str, when: str = "") -> set[Row]:
    """Return the rows of some actions, each on some resources."""
    on = [resources] if isinstance(resources, str) else resources
    return {(action, resource, when) for action in actions for resource in on}


def via(service: str, region: str) -> str:
    """Return the condition by which a key is used through one service only."""
    return str({"StringEquals": {"kms:ViaService": f"{service}.{region}.amazonaws.com"}})


def function(part: str) -> set[Row]:
    """Return what every function needs for its log and its traces."""
    return {*grants(f"<{part}Log.Arn>", "logs:CreateLogStream", "logs:PutLogEvents"), *TRACES}


def sending(queue: str, key: str, region: str) -> set[Row]:
    """Return what is needed to send to a queue that is encrypted with a key."""
    return {*grants(f"<{queue}.Arn>", "sqs:SendMessage"), *grants(key, *USE, when=via("sqs", region))}
