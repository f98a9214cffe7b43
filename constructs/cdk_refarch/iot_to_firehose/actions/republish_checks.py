"""Refusal of republishing that AWS IoT would refuse, that fails for every message, or that never ends."""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Mapping
from typing import get_args

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch.iot_to_firehose.topics import MAX_BYTES, MAX_SLASHES, Heard, overlap

from .templates import Piece, check_templates
from .values import PayloadFormat, RepublishAction

MAX_HEADER = 1024
"""https://docs.aws.amazon.com/iot/latest/apireference/API_MqttHeaders.html"""

MAX_USER_PROPERTIES = 100
"""https://docs.aws.amazon.com/iot/latest/apireference/API_MqttHeaders.html, userProperties."""

MAX_EXPIRY_S = 4294967295
"""MQTT 5 has four bytes for the interval: https://docs.oasis-open.org/mqtt/mqtt/v5.0/mqtt-v5.0.html#_Toc3901112"""

ONE_LEVEL = re.compile(r"(newuuid|timestamp|traceid|accountid)\(\)|topic\(\d+\)", re.IGNORECASE)
"""Expressions that never yield a slash; any other may, because devices decide on what they yield."""

RESERVED = "$$aws/"


def check_republish(checks: Checks, action: RepublishAction, heard: Heard) -> None:
    """Check everything that the action says about itself.

    Args:
        checks: The checks of the action.
        action: The action.
        heard: What the rule listens to.

    Raises:
        ValueError: If AWS IoT would refuse it, or the rule could hear what it republishes.
    """
    parts = _check_topic(checks, "topic", action.topic)
    _check_reserved(checks, action.topic)
    _check_circle(checks, action.topic, parts, heard)
    if isinstance(action.qos, bool) or (action.qos not in (0, 1) and not is_token(action.qos)):
        checks.refuse("qos", "0 or 1", repr(action.qos), "give 1 for messages that must not get lost")
    _check_headers(checks, action)


def _check_topic(checks: Checks, argument: str, value: str) -> list[Piece]:
    remedy = "give a topic such as 'alerts/${topic(2)}'"
    parts = check_templates(checks, argument, value, remedy=remedy, max_bytes=MAX_BYTES)
    fixed = "".join("_" if piece.template else piece.text for piece in parts)
    got = repr(value)
    if re.search(r"[\x00-\x1f\x7f]", fixed):
        checks.refuse(argument, "free of control characters", got, "rename the topic")
    if "+" in fixed or "#" in fixed:
        checks.refuse(argument, "a topic without + and #, which only filters have", got, "write ${topic(2)}, say")
    if fixed.count("/") > MAX_SLASHES and not fixed.startswith("$"):
        checks.refuse(argument, f"at most {MAX_SLASHES} slashes deep", got, "use fewer levels")
    return parts


def _check_reserved(checks: Checks, topic: str) -> None:
    if is_token(topic) or not re.match(r"\$(?!\{)", topic) or topic.startswith(RESERVED):
        return
    remedy = "write $$aws/things/NAME/shadow/update, say: the first dollar sign tells that no template begins there"
    checks.refuse("topic", "a topic of one's own, or one that begins with $$aws/", repr(topic), remedy)


def _check_circle(checks: Checks, topic: str, parts: list[Piece], heard: Heard) -> None:
    own = [] if heard.topic_filter is None or is_token(heard.topic_filter) else [heard.topic_filter]
    if heard.rule_name is not None and not is_token(heard.rule_name):
        # Basic Ingest reaches the rule whatever it listens to.
        own.append(f"$aws/rules/{heard.rule_name}/#")
    pattern = "".join(_pattern(piece, heard) for piece in parts)
    pattern = pattern.removeprefix("$") if pattern.startswith("$$") else pattern
    for topic_filter in own if parts else ():
        if overlap(pattern, topic_filter):
            rule = f"outside of {topic_filter!r}, which the rule listens to, whatever its templates yield"
            remedy = "begin it with another level, and use ${topic(2)} instead of values that may have slashes"
            checks.refuse("topic", rule, repr(topic), remedy)


def _pattern(piece: Piece, heard: Heard) -> str:
    """Return the topics that a part may become: # is any text, + any without a slash."""
    if not piece.template:
        return piece.text
    expression = re.sub(r"\s+", "", piece.text)
    if expression.lower() == "topic()" and heard.topic_filter is not None and not is_token(heard.topic_filter):
        # A filter that ends in /# matches the level above as well.
        return heard.topic_filter.removesuffix("/#") + ("#" if heard.topic_filter.endswith("/#") else "")
    return "+" if ONE_LEVEL.fullmatch(expression) else "#"


def _check_headers(checks: Checks, action: RepublishAction) -> None:
    if action.content_type is not None:
        _check_text(checks, "content_type", action.content_type, "give 'application/json', say")
    if action.payload_format is not None:
        remedy = "leave it out, or give UTF8_DATA for text"
        checks.one_of("payload_format", action.payload_format, get_args(PayloadFormat), remedy=remedy)
    if action.response_topic is not None:
        _check_topic(checks, "response_topic", action.response_topic)
    if action.correlation_data is not None:
        _check_base64(checks, action.correlation_data)
    checks.number(
        "message_expiry",
        checks.seconds("message_expiry", action.message_expiry),
        1,
        MAX_EXPIRY_S,
        unit="s",
        remedy="give a time in this range, or leave it out",
    )
    _check_user_properties(checks, action.user_properties)


def _check_text(checks: Checks, argument: str, value: str, remedy: str) -> list[Piece]:
    parts = check_templates(checks, argument, value, remedy=remedy, max_bytes=4 * MAX_HEADER)
    if parts and len(value) > MAX_HEADER:
        checks.refuse(argument, f"at most {MAX_HEADER} characters", f"{len(value)} characters", "shorten it")
    return parts


def _check_base64(checks: Checks, value: str) -> None:
    remedy = "give base64.b64encode(data).decode(), or a template such as ${encode(clientid(), 'base64')}"
    parts = _check_text(checks, "correlation_data", value, remedy)
    if any(piece.template for piece in parts) or not parts:
        return
    try:
        base64.b64decode(value, validate=True)
    except binascii.Error:
        checks.refuse("correlation_data", "encoded in Base64", repr(value), remedy)


def _check_user_properties(checks: Checks, given: Mapping[str, str] | None) -> None:
    if given is None:
        return
    remedy = "give a mapping such as {'source': '${clientid()}'}"
    if not isinstance(given, Mapping):
        checks.refuse("user_properties", "a mapping", f"{type(given).__name__} {given!r}", remedy)
    if not 1 <= len(given) <= MAX_USER_PROPERTIES:
        rule = f"a mapping of 1 to {MAX_USER_PROPERTIES} names"
        checks.refuse("user_properties", rule, f"a mapping of {len(given)}", remedy)
    for name, value in given.items():
        _check_text(checks, "name in user_properties", name, remedy)
        _check_text(checks, f"user_properties[{name!r}]", value, remedy)
