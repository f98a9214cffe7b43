"""Republishing to another topic: the role, and what the rule is told."""

from __future__ import annotations

import aws_cdk as cdk
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdk_refarch._parts.checks import is_token
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.policies import statement

from .targets import rule_role
from .templates import pieces
from .values import RepublishAction, Trust

Rule = iot.CfnTopicRule


def republish(part: Construct, action: RepublishAction, trust: Trust) -> iot.CfnTopicRule.ActionProperty:
    """Let the rule publish: https://docs.aws.amazon.com/iot/latest/developerguide/republish-rule-action.html.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        trust: What keeps AWS IoT from assuming the role for another rule.
    """
    stack = cdk.Stack.of(part)
    # A reserved topic begins with one dollar sign: the second one tells that no template begins there.
    topic = "".join("*" if piece.template else piece.text for piece in pieces(action.topic) or [])
    topic = topic.removeprefix("$") if topic.startswith("$$") else topic
    resource = f"arn:{stack.partition}:iot:{stack.region}:{stack.account}:topic/{topic}"
    role = rule_role(part, trust, "republish messages", [statement(["iot:Publish"], resource)])
    if "*" in topic:
        reason = (
            "The message decides on the topic. The wildcards stand for the templates of the topic and for nothing else."
        )
        acknowledge_wildcard(role, resource, reason)
    return Rule.ActionProperty(
        republish=Rule.RepublishActionProperty(
            topic=action.topic, role_arn=role.role_arn, qos=action.qos, headers=_headers(action)
        )
    )


def _headers(action: RepublishAction) -> Rule.RepublishActionHeadersProperty | None:
    texts = {
        "content_type": action.content_type,
        "payload_format_indicator": action.payload_format,
        "response_topic": action.response_topic,
        "correlation_data": action.correlation_data,
        "message_expiry": _seconds(action.message_expiry),
    }
    given = {name: text for name, text in texts.items() if text is not None}
    properties = [
        Rule.UserPropertyProperty(key=key, value=value) for key, value in (action.user_properties or {}).items()
    ]
    if not given and not properties:
        return None
    return Rule.RepublishActionHeadersProperty(**given, user_properties=properties or None)


def _seconds(duration: cdk.Duration | None) -> str | None:
    if duration is None:
        return None
    seconds = duration.to_seconds()
    return cdk.Token.as_string(seconds) if is_token(seconds) else str(int(seconds))
