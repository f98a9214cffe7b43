"""The AWS IoT rules engine: an action runs with its role, as far as that may; what fails goes to the error action.

MiniStack has the broker and the SQL, but lets actions run without asking the role, skips actions that it does not
know, takes templates in them as they stand, and serves devices that have no certificate.
"""

from __future__ import annotations

import contextvars
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, iot

from . import access, iot_actions, iot_needs, iot_templates
from .iot_needs import Rule

_run_error_action = iot._dispatch_rule_error_action
_run_rule = iot._run_rule_actions
_select = iot._rule_event
_endpoint = iot._describe_endpoint
_resolve_identity = iot._mtls_resolve_identity
_handling_error: contextvars.ContextVar[bool] = contextvars.ContextVar("handling_error", default=False)
_FAILURES = (access.Refused, LookupError, RuntimeError, TypeError, ValueError)
"""What an action ends with that fails: refused, or for this message not as its service needs it."""


def install() -> None:
    """Put the adapter in MiniStack's place."""
    iot._dispatch_rule_action = _dispatch
    iot._dispatch_rule_error_action = _dispatch_error
    iot._run_rule_actions = _run
    iot._rule_event = _event
    iot._describe_endpoint = _describe_endpoint
    iot._mtls_ensure_server_cert = _broker_certificate
    iot._mtls_resolve_identity = _identify
    iot_actions.install()
    iot_templates.install()


async def _dispatch(account: str, region: str, name: str, action: Mapping[str, Any], event: Any) -> None:
    """Run one action of a rule with its role; what it raises goes to the error action."""
    access.over_tls()
    rule = Rule(account, region, name)
    kind = next(iter(action))
    try:
        spec = iot_templates.expanded(action[kind])
        iot_needs.admit(rule, kind, spec)
        with request_scope(account, region):
            await iot_actions.perform(rule, kind, spec, event)
    except _FAILURES as error:
        _count(rule, "ErrorActionFailure" if _handling_error.get() else "Failure", kind)
        raise RuntimeError(str(error.args[0] if error.args else error)) from error
    _count(rule, "ErrorActionSuccess" if _handling_error.get() else "Success", kind)


async def _dispatch_error(*arguments: Any) -> None:
    token = _handling_error.set(True)
    try:
        await _run_error_action(*arguments)
    finally:
        _handling_error.reset(token)


async def _run(
    account: str,
    region: str,
    rule: dict[str, Any] | None,
    payload: bytes,
    topic: str = "",
    client_id: str | None = None,
) -> None:
    """Run a rule on a message, unless the message is no JSON where the statement needs it: AWS IoT drops that.

    https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
    """
    if not rule or rule.get("ruleDisabled"):
        return
    clause = iot._rule_select_clause(rule["sql"]).strip()
    if clause != "*" and "encode(" not in clause and not _is_json(payload):
        _count(Rule(account, region, rule["ruleName"]), "ParseError")
        return
    token = iot_templates.published.set(iot_templates.Message(topic, payload, client_id))
    try:
        await _run_rule(account, region, rule, payload, topic, client_id)
    finally:
        iot_templates.published.reset(token)


def _event(sql: str, topic: str, payload: bytes, client_id: str | None = None, **given: Any) -> Any:
    """What a statement takes from a message; ``*`` alone takes what is no JSON as it is."""
    if iot._rule_select_clause(sql).strip() == "*" and not _is_json(payload):
        return bytes(payload)
    return _select(sql, topic, payload, client_id, **given)


def _is_json(payload: bytes) -> bool:
    try:
        json.loads(payload)
    except ValueError:
        return False
    return True


def _count(rule: Rule, metric: str, kind: str = "") -> None:
    """Count under the dimensions that AWS IoT has: the rule, and for actions their kind."""
    dimensions = {"RuleName": rule.name}
    if kind:
        dimensions["ActionType"] = kind[0].upper() + kind[1:]
    with request_scope(rule.account, rule.region):
        cloudwatch.record_metric("AWS/IoT", metric, 1, "Count", dimensions)


def _describe_endpoint(query: Mapping[str, Any]) -> Any:
    """Name the endpoint by a host that every machine resolves: ``localhost``."""
    status, headers, body = _endpoint(query)
    if status != 200:
        return status, headers, body
    answer = {"endpointAddress": f"localhost:{os.environ['GATEWAY_PORT']}"}
    return status, headers, json.dumps(answer).encode()


def _broker_certificate() -> tuple[str, str]:
    """The certificate of the MQTT listener and its key: those of the gateway, so that one authority is enough."""
    names = ("MINISTACK_SSL_CERT", "MINISTACK_SSL_KEY")
    certificate, key = (Path(os.environ[name]).read_text() for name in names)
    return certificate, key


def _identify(certificate: bytes | None) -> Any:
    """Turn devices without a certificate away, as AWS IoT does on port 8883."""
    return _resolve_identity(certificate) if certificate else None
