"""The actions of rules, each as AWS IoT does it: with one call of the target's service, which may refuse.

MiniStack lacks half of them, does not say when it leaves one out, and turns lists and objects into text for DynamoDB.
What a target does later with what it took is the target's affair: a function that fails is tried again by Lambda.
https://docs.aws.amazon.com/iot/latest/developerguide/iot-rule-actions.html
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any
from uuid import uuid4

from ministack.services import dynamodb, firehose, iot, kinesis, lambda_svc, s3, sns, sqs, stepfunctions

from . import access
from .iot_needs import Rule, Spec, unescaped
from .ses import buckets

_NAME = re.compile(r"[0-9A-Za-z_-]{1,80}")
"""An execution of a state machine that can also be logged."""
_KEY_BYTES = 1024
_RESOURCES = {
    "dynamoDB": ("tableName",),
    "firehose": ("deliveryStreamName",),
    "kinesis": ("streamName",),
    "s3": ("bucketName",),
    "stepFunctions": ("stateMachineName",),
}
"""What messages of error actions call the resource, of the kinds that MiniStack does not know."""


def install() -> None:
    """Let messages of error actions name the resources of all kinds."""
    iot._RULE_ACTION_RESOURCE_KEYS.update(_RESOURCES)


async def perform(rule: Rule, kind: str, spec: Spec, event: Any) -> None:
    """Run an action for which the permissions are there, in the scope of the rule's account and region.

    Args:
        rule: The rule.
        kind: The kind of action, such as ``sqs``.
        spec: The action's members, with the templates in them replaced.
        event: What the rule's statement took of the message; bytes if that is no JSON.

    Raises:
        RuntimeError: If the target refuses.
    """
    try:
        done = _ACTIONS[kind](rule, spec, event)
        if done is not None:
            await done
    except sqs._Err as error:
        raise RuntimeError(f"{error.code}: {error.message}") from error
    except sns.SnsPublishError as error:
        raise RuntimeError(f"{error.code}: {error}") from error


def _invoke(_: Rule, spec: Spec, event: Any) -> None:
    if isinstance(event, bytes):
        raise RuntimeError("InvalidRequestContentException: Could not parse request body into json")
    arn = spec["functionArn"]
    version, config, name = lambda_svc._get_func_record_for_ref(arn)
    qualifier = arn.split(":", 7)[7] if arn.count(":") > 6 else "$LATEST"
    function = lambda_svc._functions[name]
    configs = function.get("event_invoke_configs") or {}
    own = configs.get(qualifier) or (function.get("event_invoke_config") if qualifier == "$LATEST" else None)
    record = lambda_svc._execution_record_for_config(version, config)
    lambda_svc.invoke_async_with_retry({**record, "event_invoke_config": own, "event_invoke_configs": {}}, event)


def _send(_: Rule, spec: Spec, event: Any) -> None:
    queue = sqs._get_q(spec["queueUrl"])
    body = base64.b64encode(_raw(event)).decode() if spec.get("useBase64") else _text(event)
    sqs._act_send_message({"MessageBody": body}, queue["url"])


def _publish(_: Rule, spec: Spec, event: Any) -> None:
    message = _text(event)
    structure = "json" if spec.get("messageFormat") == "JSON" else ""
    if structure and not (isinstance(event, dict) and isinstance(event.get("default"), str)):
        raise RuntimeError("InvalidParameter: Message Structure - No default entry in JSON message body")
    if sns.publish_internal(spec["targetArn"], message, message_structure=structure) is None:
        raise RuntimeError(f"NotFound: Topic does not exist: {spec['targetArn']}")


def _put_record(_: Rule, spec: Spec, event: Any) -> None:
    data = base64.b64encode(_raw(event)).decode()
    request = {"StreamName": spec["streamName"], "PartitionKey": spec.get("partitionKey", ""), "Data": data}
    _taken(kinesis._put_record(request))


def _put_records(_: Rule, spec: Spec, event: Any) -> None:
    """The Firehose action: a record with its separator, or with ``batchMode`` one for each element of the array."""
    name, separator = spec["deliveryStreamName"], spec.get("separator", "").encode()
    encryption = (firehose._streams.get(name) or {}).get("encryption") or {}
    if "KeyARN" in encryption:
        access.refuse_disabled_key(encryption["KeyARN"])
    batch = spec.get("batchMode")
    if batch and not isinstance(event, list):
        raise RuntimeError("batchMode needs a payload that is an array")
    elements = event if batch else [event]
    records = [{"Data": base64.b64encode(_raw(element) + separator).decode()} for element in elements]
    if not batch:
        _taken(firehose._put_record({"DeliveryStreamName": name, "Record": records[0]}))
        return
    answer = _taken(firehose._put_record_batch({"DeliveryStreamName": name, "Records": records}))
    if answer["FailedPutCount"]:
        raise RuntimeError(f"{answer['FailedPutCount']} of {len(records)} records were not taken")


def _start(rule: Rule, spec: Spec, event: Any) -> None:
    name = f"{spec.get('executionNamePrefix', '')}{uuid4()}"
    if not _NAME.fullmatch(name):
        raise RuntimeError(f"InvalidName: Invalid Name: '{name}'")
    if isinstance(event, bytes):
        raise RuntimeError("InvalidExecutionInput: the payload is no JSON")
    arn = rule.resource("states", f"stateMachine:{spec['stateMachineName']}")
    machine = stepfunctions._state_machines.get(arn) or {}
    key = (machine.get("encryptionConfiguration") or {}).get("kmsKeyId", "")
    if key and "alias/" not in key:
        access.refuse_disabled_key(access.key_arn(key, rule.account, rule.region))
    _taken(stepfunctions._start_execution({"stateMachineArn": arn, "name": name, "input": _text(event)}))


def _put_item(_: Rule, spec: Spec, event: Any) -> None:
    """Version 1: the keys that the action names, and the message as one attribute."""
    if spec.get("operation", "INSERT") != "INSERT":
        raise RuntimeError("the sandbox has only the operation INSERT; add others to sandbox/adapters/iot_actions.py")
    item = {spec.get("payloadField") or "payload": _attribute(event)}
    for part in ("hash", "range"):
        if f"{part}KeyField" in spec:
            kind = "N" if spec.get(f"{part}KeyType") == "NUMBER" else "S"
            item[spec[f"{part}KeyField"]] = {kind: spec[f"{part}KeyValue"]}
    _taken(dynamodb._put_item({"TableName": spec["tableName"], "Item": item}))


def _put_columns(_: Rule, spec: Spec, event: Any) -> None:
    """Version 2: each member of the message is an attribute, also those of the key."""
    if not isinstance(event, dict):
        raise RuntimeError("ValidationException: the payload must be an object with the attributes of the key")
    item = {name: _attribute(value) for name, value in event.items()}
    _taken(dynamodb._put_item({"TableName": spec["putItem"]["tableName"], "Item": item}))


def _attribute(value: Any) -> dict[str, Any]:
    if isinstance(value, bytes):
        return {"B": base64.b64encode(value).decode()}
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int | float):
        return {"N": str(value)}
    if isinstance(value, list):
        return {"L": [_attribute(one) for one in value]}
    if isinstance(value, dict):
        return {"M": {name: _attribute(one) for name, one in value.items()}}
    return {"NULL": True} if value is None else {"S": value}


async def _republish(rule: Rule, spec: Spec, event: Any) -> None:
    """Publish as a device would, so that other rules get it too; what goes round is cut off, unlike on AWS."""
    topic, depth = unescaped(spec["topic"]), iot._republish_depth.get()
    if not topic or re.search(r"[+#]", topic) or spec["topic"] == topic.removeprefix("$$") != topic.removeprefix("$"):
        raise RuntimeError(f"the message cannot be published to {spec['topic']!r}; a reserved topic begins with $$")
    if depth >= iot._MAX_REPUBLISH_DEPTH:
        raise RuntimeError(f"rules go round in circles: {topic} is published to {depth} republished messages deep")
    token = iot._republish_depth.set(depth + 1)
    try:
        await iot.broker_publish(
            rule.account,
            rule.region,
            topic,
            _raw(event),
            qos=int(spec.get("qos") or 0),
            properties=_properties(spec.get("headers") or {}),
            principal=iot._rule_role_principal(rule.account, spec["roleArn"]),
        )
    finally:
        iot._republish_depth.reset(token)


def _properties(headers: Mapping[str, Any]) -> bytes:
    """Headers as the properties of a message of MQTT 5."""
    found: list[tuple[int, Any]] = []
    if "payloadFormatIndicator" in headers:
        found.append((iot.PROP_PAYLOAD_FORMAT_INDICATOR, int(headers["payloadFormatIndicator"] == "UTF8_DATA")))
    if "messageExpiry" in headers:
        found.append((iot.PROP_MESSAGE_EXPIRY_INTERVAL, int(headers["messageExpiry"])))
    if "contentType" in headers:
        found.append((iot.PROP_CONTENT_TYPE, headers["contentType"]))
    if "responseTopic" in headers:
        found.append((iot.PROP_RESPONSE_TOPIC, headers["responseTopic"]))
    if "correlationData" in headers:
        found.append((iot.PROP_CORRELATION_DATA, base64.b64decode(headers["correlationData"], validate=True)))
    found += [(iot.PROP_USER_PROPERTY, (one["key"], one["value"])) for one in headers.get("userProperties") or []]
    return bytes(iot._encode_properties(found)) if found else b""


async def _put_object(rule: Rule, spec: Spec, event: Any) -> None:
    bucket, key, body = spec["bucketName"], spec["key"], _raw(event)
    if not key or len(key.encode()) > _KEY_BYTES:
        raise RuntimeError(f"Failed to put S3 object. The key must have 1 to {_KEY_BYTES} bytes: {key!r}")
    known = s3._buckets.get_scoped(rule.account, None, bucket)
    acl = {"x-amz-acl": spec["cannedAcl"]} if "cannedAcl" in spec else {}
    if acl and known and s3._bucket_owner_enforced(known) and spec["cannedAcl"] != "bucket-owner-full-control":
        raise RuntimeError("Failed to put S3 object. AccessControlListNotSupported: The bucket does not allow ACLs")
    encryption = {"": "aws:kms", "-aws-kms-key-id": buckets.key_of(bucket)} if buckets.key_of(bucket) else {}
    encrypted = {f"x-amz-server-side-encryption{name}": value for name, value in encryption.items()}
    headers = {"content-length": str(len(body)), "host": "s3.localhost", **acl, **encrypted}
    status, _, answer = await s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True)
    if status != 200:
        said = re.search(r"<Message>(.*?)</Message>", bytes(answer).decode())
        raise RuntimeError(f"Failed to put S3 object. The error received was {said[1] if said else status}")


def _raw(event: Any) -> bytes:
    if isinstance(event, bytes):
        return event
    return (event if isinstance(event, str) else json.dumps(event, separators=(",", ":"))).encode()


def _text(event: Any) -> str:
    try:
        return _raw(event).decode()
    except UnicodeDecodeError as error:
        raise RuntimeError(f"InvalidMessageContents: the payload is no text: {error}") from error


def _taken(response: tuple[int, Any, Any]) -> dict[str, Any]:
    status, _, body = response
    answer: dict[str, Any] = json.loads(body)
    if status != 200:
        said = answer.get("message") or answer.get("Message") or ""
        raise RuntimeError(f"{answer.get('__type', 'error').split('#')[-1]}: {said}")
    return answer


_ACTIONS: dict[str, Callable[[Rule, Spec, Any], Awaitable[None] | None]] = {
    "dynamoDB": _put_item,
    "dynamoDBv2": _put_columns,
    "firehose": _put_records,
    "kinesis": _put_record,
    "lambda": _invoke,
    "republish": _republish,
    "s3": _put_object,
    "sns": _publish,
    "sqs": _send,
    "stepFunctions": _start,
}
