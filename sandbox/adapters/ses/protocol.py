"""Requests to SES: those that send are followed into their events, and those that MiniStack lacks are answered."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from urllib.parse import parse_qs, unquote

from ministack import app
from ministack.core.responses import json_response
from ministack.services import ses, ses_v2

from . import mails, outcomes, permissions, publishing, sending, state
from .sending import Sending
from .state import REASONS, Record, account

Answer = tuple[int, dict[str, str], bytes]
MOST_RECIPIENTS = 50
_ID_DOMAIN = b"@email.amazonses.com"
_answer_v1, _answer_v2 = ses.handle_request, ses_v2.handle_request


def install() -> None:
    """Answer in MiniStack's place."""
    app.SERVICE_HANDLERS["ses"] = handle
    ses_v2.handle_request = handle


async def _answer(method: str, path: str, *rest: Any) -> Answer:
    answer: Answer = await (_answer_v2 if path.startswith("/v2/") else _answer_v1)(method, path, *rest)
    return answer


async def handle(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: Mapping[str, list[str]]
) -> Answer:
    """Answer a request, which MiniStack has authorized as far as it could.

    Args:
        method: The method.
        path: The path.
        headers: The headers.
        body: The body.
        query: The query string's parameters.
    """
    request = sending.read(method, path, body, query)
    if request is not None:
        refused = (permissions.refuse_v1(request, headers, query) if request.version == 1 else None) or _refuse(request)
        if refused:
            return refused
        return _sent(request, await _answer(method, path, headers, body, query))
    for verb, pattern, operation in _V2:
        found = pattern.fullmatch(path.rstrip("/")) if verb == method else None
        if found:
            arguments = {name: unquote(value) for name, value in found.groupdict().items()}
            return operation({**_json(body), **arguments, "query": query})
    form = {} if path.startswith("/v2/") else parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)
    action = (form.get("Action") or [""])[0]
    if action in _V1:
        return _V1[action](sending.nested(form))
    answer = await _answer(method, path, headers, body, query)
    return _shared(method, path, body, answer, sending.nested(form) if form else {})


def _json(body: bytes) -> Record:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _refuse(request: Sending) -> Answer | None:
    """What SES says to a sender whose configuration set is not there or paused, or that has too many recipients."""
    if any(len(part.recipients) > MOST_RECIPIENTS for part in request.parts) or len(request.parts) > MOST_RECIPIENTS:
        return _fault(request, "BadRequestException", "InvalidParameterValue", "Recipient count exceeds 50.")
    name = request.configuration_set
    if not name:
        return None
    record = state.configuration_set(name)
    if record is None:
        missing: Answer = ses._config_set_missing(name) if request.version == 1 else ses_v2._missing_config_set(name)
        return missing
    state.share_set(name)
    if record.get("SendingOptions", {}).get("SendingEnabled", True):
        return None
    said = f"Sending is paused for configuration set <{name}>. For more information, check the set's sending options."
    return _fault(request, "SendingPausedException", "ConfigurationSetSendingPausedException", said, name)


def _fault(request: Sending, code: str, old_code: str, message: str, name: str = "") -> Answer:
    fields = {"ConfigurationSetName": name} if name else None
    fault: Answer = (
        ses._error(old_code, message, 400, "Sender", fields=fields)
        if request.version == 1
        else ses_v2._json_err(code, message)
    )
    return fault


def _sent(request: Sending, answer: Answer) -> Answer:
    """The answer with ids as SES has them; the messages go on to their events."""
    status, headers, body = answer
    if status != 200:
        return answer
    body = body.replace(_ID_DOMAIN, b"")
    if request.version == 1:
        entries = re.findall(rb"<member>(.*?)</member>", body, re.DOTALL) if request.is_bulk else [body]
        found = [re.search(rb"<MessageId>(.*?)</MessageId>", entry) for entry in entries]
        ids = [one[1].decode() if one else "" for one in found]
    else:
        said = json.loads(body)
        ids = [one.get("MessageId", "") for one in said.get("BulkEmailEntryResults", [said])]
    pairs = zip(request.parts, ids, strict=False)
    publishing.accept([mails.of(request, part, id) for part, id in pairs if id])
    return status, headers, body


def _shared(method: str, path: str, body: bytes, answer: Answer, form: Record) -> Answer:
    """The answer; what one version of the API made, the other knows too."""
    if answer[0] != 200:
        return answer
    if (method, path.rstrip("/")) == ("GET", "/v2/email/account"):
        return _ok({**_json(answer[2]), "SuppressionAttributes": {"SuppressedReasons": list(account().reasons)}})
    request = _json(body) if path.startswith("/v2/") else {}
    if method == "POST" and path.rstrip("/") == "/v2/email/identities":
        chosen = request.get("ConfigurationSetName", "")
        ses_v2._identities[request["EmailIdentity"]]["ConfigurationSetName"] = chosen
    if path.startswith("/v2/email/configuration-sets"):
        state.share_set(unquote(path.split("/")[4]) if path.count("/") > 3 else request.get("ConfigurationSetName", ""))
    if form.get("Action") == "CreateConfigurationSet":
        ses_v2._create_config_set(form["ConfigurationSet"]["Name"], {})
    if form.get("Action") == "DeleteConfigurationSet":
        ses_v2._config_sets.pop(form["ConfigurationSetName"], None)
    return answer


def _set_sending(request: Record) -> Answer:
    return _set_option(request, "UpdateConfigurationSetSendingEnabled", "SendingOptions", "SendingEnabled")


def _set_metrics(request: Record) -> Answer:
    action = "UpdateConfigurationSetReputationMetricsEnabled"
    return _set_option(request, action, "ReputationOptions", "ReputationMetricsEnabled")


def _set_option(request: Record, action: str, option: str, member: str) -> Answer:
    name = request.get("ConfigurationSetName", "")
    record = state.configuration_set(name)
    if record is None:
        missing: Answer = ses._config_set_missing(name)
        return missing
    ses_v2._put_config_set_option(record, option, {member: request.get("Enabled") == "true"})
    answer: Answer = ses._xml(200, f"{action}Response", f"<{action}Result/>")
    return answer


def _put_suppression(request: Record) -> Answer:
    account().reasons = list(request.get("SuppressedReasons") or [])
    return _ok({})


def _put_suppressed(request: Record) -> Answer:
    if request.get("Reason") not in REASONS or "@" not in request.get("EmailAddress", ""):
        bad: Answer = ses_v2._json_err("BadRequestException", "EmailAddress and a Reason are required")
        return bad
    outcomes.suppress(request["EmailAddress"], request["Reason"])
    return _ok({})


def _get_suppressed(request: Record) -> Answer:
    entry = account().suppressed.get(request["address"].lower())
    return _ok({"SuppressedDestination": _entry(entry)}) if entry else _not_listed(request["address"])


def _delete_suppressed(request: Record) -> Answer:
    gone = account().suppressed.pop(request["address"].lower(), None)
    return _ok({}) if gone else _not_listed(request["address"])


def _list_suppressed(request: Record) -> Answer:
    wanted = request["query"].get("Reason") or request["query"].get("Reasons") or REASONS
    found = [_entry(one) for one in account().suppressed.values() if one["Reason"] in wanted]
    return _ok({"SuppressedDestinationSummaries": found})


def _entry(entry: Record) -> Record:
    return {**entry, "LastUpdateTime": datetime.fromisoformat(entry["LastUpdateTime"]).timestamp()}


def _not_listed(address: str) -> Answer:
    said = f"Email address {address} does not exist on your suppression list."
    answer: Answer = ses_v2._json_err("NotFoundException", said, 404)
    return answer


def _set_default(request: Record) -> Answer:
    record = ses_v2._identities.get(request["identity"])
    if record is None:
        said = f"Email identity {request['identity']} does not exist."
        missing: Answer = ses_v2._json_err("NotFoundException", said, 404)
        return missing
    record["ConfigurationSetName"] = request.get("ConfigurationSetName", "")
    return _ok({})


def _ok(said: Record) -> Answer:
    answer: Answer = json_response(said)
    return answer


_V1: dict[str, Callable[[Record], Answer]] = {
    "UpdateConfigurationSetSendingEnabled": _set_sending,
    "UpdateConfigurationSetReputationMetricsEnabled": _set_metrics,
}
_V2: list[tuple[str, re.Pattern[str], Callable[[Any], Answer]]] = [
    (method, re.compile(f"/v2/email/{path}"), operation)
    for method, path, operation in (
        ("PUT", "account/suppression", _put_suppression),
        ("PUT", "suppression/addresses", _put_suppressed),
        ("GET", "suppression/addresses", _list_suppressed),
        ("GET", "suppression/addresses/(?P<address>[^/]+)", _get_suppressed),
        ("DELETE", "suppression/addresses/(?P<address>[^/]+)", _delete_suppressed),
        ("PUT", "identities/(?P<identity>[^/]+)/configuration-set", _set_default),
    )
]
