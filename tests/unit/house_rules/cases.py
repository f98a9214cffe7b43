"""What breaks each rule, and the nearest template that does not. The resource at fault is always called ``It``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

Resources = dict[str, dict[str, Any]]

REF = {"Ref": "Parameter"}
JOIN = {"Fn::Join": ["", ["a", REF]]}
ARN = {"Fn::GetAtt": ["It", "Arn"]}
OTHER_ARN = {"Fn::GetAtt": ["Other", "Arn"]}
ACCOUNT = {"StringEquals": {"aws:SourceAccount": {"Ref": "AWS::AccountId"}}}
TLS = {"Effect": "Deny", "Principal": "*", "Action": "*", "Condition": {"Bool": {"aws:SecureTransport": "false"}}}


@dataclass(frozen=True)
class Case:
    """What a rule is tried with."""

    rule: str
    broken: list[Resources]
    legal: list[Resources]


def it(kind: str, properties: Any = None, **more: Any) -> Resources:
    """Return a template's resources with one of them, whose type is given without ``AWS::``."""
    return {"It": resource(kind, properties, **more)}


def resource(kind: str, properties: Any = None, **more: Any) -> dict[str, Any]:
    """Return a resource, whose type is given without ``AWS::``."""
    return {"Type": f"AWS::{kind}", "Properties": {} if properties is None else properties, **more}


def chosen(value: Any, other: Any = None) -> dict[str, Any]:
    """Return a value that a condition chooses, or nothing."""
    return {"Fn::If": ["Condition", value, {"Ref": "AWS::NoValue"} if other is None else other]}


def allow(principal: Any, condition: Any = None, **more: Any) -> dict[str, Any]:
    """Return a policy with one statement, for a principal or a service."""
    statement = {"Effect": "Allow", "Principal": principal, "Action": "*", "Resource": "*", **more}
    return {"Statement": [statement | ({"Condition": condition} if condition else {})]}


def service(name: Any, condition: Any = None) -> dict[str, Any]:
    """Return a policy for a service."""
    return allow({"Service": name}, condition)
