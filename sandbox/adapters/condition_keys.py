"""Condition keys of requests that MiniStack does not know, of services that have no adapter with keys of its own."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from ministack.core import iam_actions

_tag_context = iam_actions.request_tag_context


def install() -> None:
    """Put the adapter in MiniStack's place."""
    iam_actions.request_tag_context = request_context


def request_context(service: str, action: str, body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    """Return the condition keys of a request.

    Args:
        service: The service.
        action: The IAM action.
        body: The request's body.
        params: The members of a request by the Query protocol.
    """
    context: dict[str, Any] = _tag_context(service, action, body, params)
    return context | _KEYS[action](body, params) if action in _KEYS else context


def _of_events(body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    """What PutEvents has; entries that differ meet no condition on them."""
    entries = json.loads(body or b"{}").get("Entries") or []
    context = {}
    for key, name in (("events:source", "Source"), ("events:detail-type", "DetailType")):
        said = {entry.get(name) for entry in entries}
        if len(said) == 1:
            context[key] = said.pop()
    return context


def _of_data(body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    members = json.loads(body) if body[:1] == b"{" else params
    return {"cloudwatch:namespace": _text(members["Namespace"])} if "Namespace" in members else {}


def _of_policy(body: bytes, params: dict[str, Any]) -> dict[str, Any]:
    return {"iam:PolicyARN": _text(params["PolicyArn"])} if "PolicyArn" in params else {}


def _text(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


_KEYS: dict[str, Callable[[bytes, dict[str, Any]], dict[str, Any]]] = {
    "cloudwatch:PutMetricData": _of_data,
    "events:PutEvents": _of_events,
    "iam:AttachRolePolicy": _of_policy,
    "iam:AttachUserPolicy": _of_policy,
    "iam:DetachRolePolicy": _of_policy,
    "iam:DetachUserPolicy": _of_policy,
}
