"""What a sender must be allowed: its action on the identity, on the configuration set, and on the template.

The configuration set that an identity has by default counts like one that is named. The conditions are those of the
Service Authorization Reference: SendBulkEmail has none on addresses. A raw message needs SendRawEmail, also in version
2 of the API; a message from a template is asked for under the operation's own name.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core import iam_actions

from . import sending
from .sending import Sending
from .state import Record, arn, bare, identity_of

_enforce_v2 = app._enforce_ses_v2


def install() -> None:
    """Have MiniStack ask for what a sender needs."""
    app._enforce_ses_v2 = _enforce
    extract, context = iam_actions.extract_resource_arn, iam_actions.request_tag_context

    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        found = sending.read(method, path, body, {}) if service == "ses" else None
        if found is not None:
            return needed(found)[0]
        return extract(service, method, path, headers, body, *rest)

    def request_context(service: str, action: str, body: bytes, params: Any) -> dict[str, Any]:
        known: dict[str, Any] = context(service, action, body, params)
        found = sending.read("POST", "/", body, {}) if service == "ses" else None
        return known if found is None else {**known, **conditions(found)}

    iam_actions.extract_resource_arn = extract_resource_arn
    iam_actions.request_tag_context = request_context


def action(request: Sending) -> str:
    """The action that a request is.

    Args:
        request: The request.
    """
    return "ses:SendRawEmail" if request.is_raw else f"ses:{request.operation}"


def needed(request: Sending) -> list[str]:
    """The resources that the action must be allowed on, the identity first.

    Args:
        request: The request.
    """
    found = [request.source_arn or arn("identity", identity_of(request.source))]
    if request.configuration_set:
        found.append(arn("configuration-set", request.configuration_set))
    return found + [arn("template", name) for name in dict.fromkeys(part.template for part in request.parts) if name]


def conditions(request: Sending) -> Record:
    """The keys that conditions can be on.

    Args:
        request: The request.
    """
    known: Record = {"ses:ApiVersion": str(request.version)}
    if request.operation == "SendBulkEmail":
        return known
    recipients = [address for part in request.parts for address in part.recipients]
    known |= {"ses:FromAddress": bare(request.source), "ses:Recipients": list(dict.fromkeys(recipients))}
    if request.feedback:
        known["ses:FeedbackAddress"] = request.feedback
    if name := sending.display_name(request):
        known["ses:FromDisplayName"] = name
    return known


def _enforce(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, Any], request_id: str
) -> Any:
    request = sending.read(method, path, body, query)
    if request is None:
        return _enforce_v2(method, path, headers, body, query, request_id)
    return _refuse("sesv2", request, needed(request), headers, query, request_id)


def refuse_v1(request: Sending, headers: Mapping[str, str], query: Mapping[str, Any]) -> Any:
    """The denial of a request of version 1, whose identity MiniStack has asked for; None if it is allowed.

    Args:
        request: The request.
        headers: Its headers.
        query: The query string's parameters.
    """
    return _refuse("ses", request, needed(request)[1:], headers, query, str(uuid4()))


def _refuse(
    service: str,
    request: Sending,
    resources: list[str],
    headers: Mapping[str, str],
    query: Mapping[str, Any],
    request_id: str,
) -> Any:
    for resource in resources:
        denied = app._enforce_data_plane(
            service,
            action(request),
            headers,
            query,
            request_id,
            resource_arn=resource,
            service_context=conditions(request),
            named_resource=resource,
        )
        if denied:
            return denied
    return None
