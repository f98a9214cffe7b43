"""Substitution templates of rule actions, such as ``${topic()}``: made of the message as it was published.

MiniStack takes them as they stand. They are evaluated apart from the statement, so that its aliases mean nothing in
them. What AWS IoT does with a template that yields nothing is not documented; here the action fails.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-substitution-templates.html
"""

from __future__ import annotations

import contextvars
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from ministack.services import iot

_TEMPLATE = re.compile(r"\$\{([^}]*)\}")
_AS_THEY_STAND = frozenset({"cannedAcl", "hashKeyType", "messageFormat", "rangeKeyType", "roleArn", "separator"})
"""Members in which there are no templates."""
_DATE_PARTS = {"yyyy": "%Y", "yy": "%y", "MM": "%m", "dd": "%d", "HH": "%H", "mm": "%M", "ss": "%S", "DDD": "%j"}
_DATE_PART = re.compile("|".join(sorted(_DATE_PARTS, key=len, reverse=True)))
_call = iot._eval_select_function


@dataclass(frozen=True)
class Message:
    """A message as it was published.

    Attributes:
        topic: The topic.
        payload: What it carries.
        client_id: The MQTT client; None for one over HTTPS.
    """

    topic: str
    payload: bytes
    client_id: str | None


published: contextvars.ContextVar[Message] = contextvars.ContextVar("published")
"""The message that a rule is run on."""


def install() -> None:
    """Add the function of dates that prefixes of objects are made with."""
    iot._eval_select_function = _called
    iot._IMPLEMENTED_SQL_FUNCS |= {"parse_time"}


def expanded(spec: Any) -> Any:
    """What an action is told, with the templates in it replaced.

    Args:
        spec: The action's members, or a part of them.

    Raises:
        RuntimeError: If a template yields nothing for this message.
    """
    if isinstance(spec, str):
        return _TEMPLATE.sub(lambda found: _text(found[1]), spec)
    if isinstance(spec, list):
        return [expanded(one) for one in spec]
    if isinstance(spec, dict):
        return {name: one if name in _AS_THEY_STAND else expanded(one) for name, one in spec.items()}
    return spec


def _text(expression: str) -> str:
    message = published.get()
    decoded = iot._rule_message(message.payload)
    value = iot._eval_select_expr(expression, message.topic, message.payload, decoded, message.client_id)
    if value is iot._MISSING or value is None:
        raise RuntimeError(f"Undefined result of the substitution template ${{{expression}}}")
    return value if isinstance(value, str) else json.dumps(value, separators=(",", ":"))


def _called(name: str, arguments: Sequence[str], topic: str, payload: bytes, message: Any, client: Any = None) -> Any:
    if name != "parse_time" or len(arguments) not in (2, 3):
        return _call(name, arguments, topic, payload, message, client)
    zone = arguments[2].strip().strip("'\"") if len(arguments) > 2 else "UTC"
    at = iot._eval_select_expr(arguments[1], topic, payload, message, client)
    if zone != "UTC" or isinstance(at, bool) or not isinstance(at, int | float):
        return iot._MISSING
    when = datetime.fromtimestamp(0, UTC) + timedelta(milliseconds=at)
    return _DATE_PART.sub(lambda part: when.strftime(_DATE_PARTS[part[0]]), arguments[0].strip().strip("'\""))
