"""The AWS IoT rules engine: an action runs with its role, as far as that may; what fails goes to the error action.

MiniStack has the broker, the SQL and most actions, but lets them run without asking the role, has no action for
Firehose, skips actions that it does not know, and serves devices that have no certificate.
"""

from __future__ import annotations

import base64
import contextvars
import json
import os
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, firehose, iot, sqs

from . import access

_run_in_ministack = iot._dispatch_rule_action
_run_error_action = iot._dispatch_rule_error_action
_run_rule = iot._run_rule_actions
_select = iot._rule_event
_endpoint = iot._describe_endpoint
_resolve_identity = iot._mtls_resolve_identity
_handling_error: contextvars.ContextVar[bool] = contextvars.ContextVar("handling_error", default=False)


@dataclass(frozen=True)
class _Rule:
    account: str
    region: str
    name: str

    @property
    def arn(self) -> str:
        return f"arn:aws:iot:{self.region}:{self.account}:rule/{self.name}"

    def resource(self, service: str, name: str) -> str:
        return f"arn:aws:{service}:{self.region}:{self.account}:{name}"


Needs = Iterator[tuple[str, str]]
"""IAM actions, each with the resource that the role must be allowed to take it on."""


def install() -> None:
    """Put the adapter in MiniStack's place."""
    iot._dispatch_rule_action = _dispatch
    iot._dispatch_rule_error_action = _dispatch_error
    iot._run_rule_actions = _run
    iot._rule_event = _event
    iot._describe_endpoint = _describe_endpoint
    iot._mtls_ensure_server_cert = _broker_certificate
    iot._mtls_resolve_identity = _identify
    iot._RULE_ACTION_RESOURCE_KEYS["firehose"] = ("deliveryStreamName",)


async def _dispatch(account: str, region: str, name: str, action: Mapping[str, Any], event: Any) -> None:
    """Run one action of a rule with its role; what it raises goes to the error action."""
    access.over_tls()
    rule = _Rule(account, region, name)
    kind = next(iter(action))
    try:
        _admit(rule, kind, action[kind])
        if kind == "firehose":
            with request_scope(account, region):
                _put_records(action[kind], event)
        else:
            await _run_in_ministack(account, region, name, action, event)
    except (access.Refused, RuntimeError) as error:
        _count(rule, "ErrorActionFailure" if _handling_error.get() else "Failure", kind)
        raise RuntimeError(str(error)) from error
    _count(rule, "ErrorActionSuccess" if _handling_error.get() else "Success", kind)


async def _dispatch_error(*arguments: Any) -> None:
    token = _handling_error.set(True)
    try:
        await _run_error_action(*arguments)
    finally:
        _handling_error.reset(token)


def _admit(rule: _Rule, kind: str, spec: Mapping[str, Any]) -> None:
    """Refuse what the role of an action does not allow."""
    conditions = {"aws:SourceArn": rule.arn, "aws:SourceAccount": rule.account}
    with request_scope(rule.account, rule.region):
        if kind == "lambda":
            function, who = spec["functionArn"], "iot.amazonaws.com"
            access.require_service(who, "lambda:InvokeFunction", function, rule.account, rule.region, conditions)
            return
        if kind not in _NEEDS:
            raise access.Refused(f"the sandbox has no rule action {kind}; add it to sandbox/adapters/iot.py")
        session = access.assume(spec["roleArn"], "iot.amazonaws.com", rule.account, rule.region, conditions)
        for action, resource in _NEEDS[kind](rule, spec):
            access.require(session, action, resource)
        if kind == "sqs":
            access.require_key(session, access.own_key(_queue(spec)), "sqs")


def _queue(spec: Mapping[str, Any]) -> Any:
    try:
        return sqs._get_q(spec["queueUrl"])
    except sqs._Err as error:
        raise RuntimeError(error.message) from error


def _needs_firehose(rule: _Rule, spec: Mapping[str, Any]) -> Needs:
    action = "firehose:PutRecordBatch" if spec.get("batchMode") else "firehose:PutRecord"
    yield action, rule.resource("firehose", f"deliverystream/{spec['deliveryStreamName']}")


def _needs_sqs(rule: _Rule, spec: Mapping[str, Any]) -> Needs:
    yield "sqs:SendMessage", rule.resource("sqs", spec["queueUrl"].rsplit("/", 1)[-1])


def _needs_sns(rule: _Rule, spec: Mapping[str, Any]) -> Needs:
    yield "sns:Publish", spec["targetArn"]


def _needs_republish(rule: _Rule, spec: Mapping[str, Any]) -> Needs:
    yield "iot:Publish", rule.resource("iot", f"topic/{spec['topic'].replace('$$', '$')}")


def _needs_table(rule: _Rule, spec: Mapping[str, Any]) -> Needs:
    yield "dynamodb:PutItem", rule.resource("dynamodb", f"table/{spec['putItem']['tableName']}")


_NEEDS: dict[str, Callable[[_Rule, Mapping[str, Any]], Needs]] = {
    "dynamoDBv2": _needs_table,
    "firehose": _needs_firehose,
    "republish": _needs_republish,
    "sns": _needs_sns,
    "sqs": _needs_sqs,
}


def _put_records(spec: Mapping[str, Any], event: Any) -> None:
    """The Firehose action: a record with its separator, or with ``batchMode`` one for each element of the array."""
    name, separator = spec["deliveryStreamName"], spec.get("separator", "")
    encryption = (firehose._streams.get(name) or {}).get("encryption") or {}
    if "KeyARN" in encryption:
        access.refuse_disabled_key(encryption["KeyARN"])
    if not spec.get("batchMode"):
        record = {"Data": _data(event, separator)}
        _taken(firehose._put_record({"DeliveryStreamName": name, "Record": record}))
        return
    if not isinstance(event, list):
        raise RuntimeError("batchMode needs a payload that is an array")
    records = [{"Data": _data(element, separator)} for element in event]
    answer = _taken(firehose._put_record_batch({"DeliveryStreamName": name, "Records": records}))
    if answer["FailedPutCount"]:
        raise RuntimeError(f"{answer['FailedPutCount']} of {len(records)} records were not taken")


def _data(event: Any, separator: str) -> str:
    if isinstance(event, bytes):
        raw = event
    else:
        raw = (event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))).encode()
    return base64.b64encode(raw + separator.encode()).decode()


def _taken(response: tuple[int, Any, Any]) -> dict[str, Any]:
    status, _, body = response
    answer: dict[str, Any] = json.loads(body)
    if status != 200:
        raise RuntimeError(f"{answer.get('__type', 'error').split('#')[-1]}: {answer.get('message', '')}")
    return answer


async def _run(account: str, region: str, rule: dict[str, Any] | None, payload: bytes, *rest: Any) -> None:
    """Run a rule on a message, unless the message is no JSON where the statement needs it: AWS IoT drops that.

    https://docs.aws.amazon.com/iot/latest/developerguide/binary-payloads.html
    """
    if not rule or rule.get("ruleDisabled"):
        return
    clause = iot._rule_select_clause(rule["sql"]).strip()
    if clause != "*" and "encode(" not in clause and not _is_json(payload):
        _count(_Rule(account, region, rule["ruleName"]), "ParseError")
        return
    await _run_rule(account, region, rule, payload, *rest)


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


def _count(rule: _Rule, metric: str, kind: str = "") -> None:
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
