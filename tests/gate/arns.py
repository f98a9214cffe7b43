"""ARNs: what a reference stands for, and whether two patterns can name the same resource."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any

from policy_sentry.querying.actions import get_action_data
from policy_sentry.querying.all import get_all_actions

from .intrinsics import PSEUDO

REGION, ACCOUNT = PSEUDO["AWS::Region"], PSEUDO["AWS::AccountId"]
_HERE = f"{REGION}:{ACCOUNT}"
_NAME = "\x00"
"""Stands for a name that may be any text without a slash or colon."""

_ARNS = {
    "AWS::S3::Bucket": "arn:aws:s3:::{}",
    "AWS::SQS::Queue": f"arn:aws:sqs:{_HERE}:{{}}",
    "AWS::SNS::Topic": f"arn:aws:sns:{_HERE}:{{}}",
    "AWS::KMS::Key": f"arn:aws:kms:{_HERE}:key/{{}}",
    "AWS::KinesisFirehose::DeliveryStream": f"arn:aws:firehose:{_HERE}:deliverystream/{{}}",
    "AWS::Kinesis::Stream": f"arn:aws:kinesis:{_HERE}:stream/{{}}",
    "AWS::Lambda::Function": f"arn:aws:lambda:{_HERE}:function:{{}}",
    "AWS::Logs::LogGroup": f"arn:aws:logs:{_HERE}:log-group:{{}}:*",
    "AWS::DynamoDB::Table": f"arn:aws:dynamodb:{_HERE}:table/{{}}",
    "AWS::StepFunctions::StateMachine": f"arn:aws:states:{_HERE}:stateMachine:{{}}",
    "AWS::SecretsManager::Secret": f"arn:aws:secretsmanager:{_HERE}:secret:{{}}",
    "AWS::IAM::Role": f"arn:aws:iam::{ACCOUNT}:role/{{}}",
    "AWS::Events::Rule": f"arn:aws:events:{_HERE}:rule/{{}}",
    "AWS::Events::EventBus": f"arn:aws:events:{_HERE}:event-bus/{{}}",
    "AWS::OpenSearchServerless::Collection": f"arn:aws:aoss:{_HERE}:collection/{{}}",
    "AWS::RedshiftServerless::Namespace": f"arn:aws:redshift-serverless:{_HERE}:namespace/{{}}",
    "AWS::RedshiftServerless::Workgroup": f"arn:aws:redshift-serverless:{_HERE}:workgroup/{{}}",
}
_REF_IS_ARN = ("AWS::SNS::Topic", "AWS::SecretsManager::Secret", "AWS::StepFunctions::StateMachine")


def concrete(resource: str, template: dict[str, Any]) -> str:
    """Return a flattened resource with its references replaced by what their ARNs or names look like.

    Args:
        resource: The resource of a statement, flattened.
        template: The template.
    """

    def look(match: re.Match[str]) -> str:
        logical_id, _, attribute = match[1].partition(".")
        kind = template["Resources"].get(logical_id, {}).get("Type", "")
        if attribute.endswith("Arn") or (not attribute and kind in _REF_IS_ARN):
            return _ARNS.get(kind, "*").format(logical_id)
        return logical_id if kind else "*"

    return re.sub(r"<([^<>]+)>", look, resource)


def expand(action: str) -> list[str]:
    """Return the actions that a pattern stands for.

    Args:
        action: Such as ``kms:GenerateDataKey*``.

    Raises:
        ValueError: If there is no such action.
    """
    pattern = re.compile(re.escape(action).replace(r"\*", ".*"), re.IGNORECASE)
    found = sorted(one for one in _actions(action.partition(":")[0].lower()) if pattern.fullmatch(one))
    if not found:
        raise ValueError(f"action {action} must be one of IAM, got none by that name; mend the spelling")
    return found


@lru_cache
def _actions(service: str) -> list[str]:
    return [one for one in get_all_actions() if one.startswith(f"{service}:")]


@lru_cache
def formats(action: str) -> frozenset[str]:
    """Return the formats of the ARNs that an action can be limited to; ``*`` alone if to none.

    Args:
        action: One action, spelt out.
    """
    service, _, name = action.partition(":")
    data = get_action_data(service, name)
    return frozenset(entry["resource_arn_format"] for entry in data[service]) if data else frozenset()


def can_match(action: str, resource: str) -> bool:
    """Tell whether an action on a resource can ever be allowed by a statement that names both.

    Args:
        action: One action, spelt out.
        resource: The resource of the statement with concrete ARNs; may have wildcards.
    """
    if resource == "*":
        return True
    return any(_meet(resource, _pattern(one)) for one in formats(action) - {"*"})


def only_star(action: str) -> bool:
    """Tell whether IAM lets an action be granted on ``*`` only.

    Args:
        action: One action, spelt out.
    """
    return formats(action) == {"*"}


def _pattern(arn_format: str) -> str:
    # A name at the end after a slash may have slashes itself, as the key of an object or an MQTT topic has.
    # So has that of a log group, whose ARN ends in :* in policies for most actions:
    # https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/iam-access-control-overview-cwl.html
    # The name of a secret may have them as well.
    arn_format = re.sub(r"(?<=/|:)\$\{(LogGroupName|SecretId)\}$|(?<=/)\$\{\w+\}$", "*", arn_format)
    return re.sub(r"\$\{\w+\}", _NAME, arn_format)


@lru_cache(maxsize=4096)
def _meet(one: str, other: str) -> bool:
    """Tell whether two patterns have a text in common; * is any text, _NAME any name."""
    if not one or not other:
        return not (one + other).strip("*" + _NAME)
    if one[0] in ("*", _NAME) or other[0] in ("*", _NAME):
        if other[0] in ("*", _NAME) and not (one[0] == "*" and other[0] == _NAME):
            one, other = other, one
        wild, rest = one[0], other[0]
        takes = rest not in ":/" or wild == "*" or rest == "*"
        return _meet(one[1:], other) or (takes and _meet(one, other[1:]))
    return one[0] == other[0] and _meet(one[1:], other[1:])
