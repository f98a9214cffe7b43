"""What the actions of receipt rules do, as far as policies let SES: functions, buckets, topics, headers, stops.

A rule is refused when it is made if an action could not be done, as on AWS; a bucket then gets SES's set-up object.
An action that fails, such as a function that raises, is logged, and the next one follows.
"""

from __future__ import annotations

import asyncio
import base64
import json
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, s3, sns

from sandbox.adapters import access

from . import buckets
from .state import WHO, Record, arn, conditions

if TYPE_CHECKING:
    from .inbound import Arrival

SET_UP = "AMAZON_SES_SETUP_NOTIFICATION"
SUBJECT = "Amazon SES Email Receipt Notification"
_MOST_IN_TOPIC = 150 * 1024


def source_of(set_name: str, rule_name: str) -> str:
    """The ARN of a rule.

    Args:
        set_name: The rule set's name.
        rule_name: The rule's name.
    """
    return arn("receipt-rule-set", f"{set_name}:receipt-rule/{rule_name}")


def run(kind: str, about: Record, arrival: Arrival, fitting: list[str], set_name: str, rule: Record) -> str:
    """Do an action, and return what follows: ``CONTINUE``, ``STOP_RULE`` or ``STOP_RULE_SET``.

    Args:
        kind: The action's kind, such as ``LambdaAction``.
        about: The action.
        arrival: The message.
        fitting: The recipients that the rule fits.
        set_name: The rule set's name.
        rule: The rule.

    Raises:
        access.Refused: If SES may not do it.
        LookupError: If what it needs is not there.
    """
    source = source_of(set_name, rule["Name"])
    admit(kind, about, source, arrival.id)
    receipt = arrival.receipt(fitting, _described(kind, about, arrival), scanned=rule["ScanEnabled"])
    verdict = _ACTIONS[kind](about, arrival, receipt) if kind in _ACTIONS else "CONTINUE"
    if about.get("TopicArn") and kind != "SNSAction":
        _publish(about["TopicArn"], arrival, receipt)
    return verdict


def _described(kind: str, about: Record, arrival: Arrival) -> Record:
    """An action as its receipt tells of it."""
    named = {
        "topicArn": about.get("TopicArn"),
        "encoding": {"UTF-8": "UTF8"}.get(about.get("Encoding", "UTF-8"), "BASE64") if kind == "SNSAction" else None,
        "bucketName": about.get("BucketName"),
        "objectKeyPrefix": about.get("ObjectKeyPrefix"),
        "objectKey": _key(about, arrival.id) if kind == "S3Action" else None,
        "functionArn": about.get("FunctionArn"),
        "invocationType": about.get("InvocationType", "Event") if kind == "LambdaAction" else None,
    }
    return {"type": kind.removesuffix("Action"), **{name: value for name, value in named.items() if value}}


def _key(about: Record, id: str) -> str:
    return f"{about.get('ObjectKeyPrefix') or ''}{id}"


def admit(kind: str, about: Record, source: str, id: str = SET_UP) -> None:
    """Refuse an action that SES could not do.

    Args:
        kind: The action's kind.
        about: The action.
        source: The rule's ARN.
        id: The message's id.

    Raises:
        access.Refused: If SES may not do it.
        LookupError: If what it needs is not there.
    """
    account, region, known = get_account_id(), get_region(), conditions(source)
    if kind == "LambdaAction":
        if lambda_svc._get_func_record_for_ref(about["FunctionArn"])[0] is None:
            raise LookupError(f"there is no function {about['FunctionArn']}")
        access.require_service(WHO, "lambda:InvokeFunction", about["FunctionArn"], account, region, known)
    if kind == "S3Action":
        _admit_object(about, _key(about, id), known)
    if about.get("TopicArn") and not about.get("IamRoleArn"):
        found = sns._topics.get(about["TopicArn"])
        if found is None:
            raise LookupError(f"there is no topic {about['TopicArn']}")
        owned = {**known, "aws:SourceOwner": account}
        access.require_service(WHO, "sns:Publish", about["TopicArn"], account, region, owned)
        in_topic = {"kms:EncryptionContext:aws:sns:topicArn": about["TopicArn"], "aws:SourceAccount": account}
        access.require_service_key(WHO, access.own_key(found), account, region, in_topic)


def _admit_object(about: Record, key: str, known: dict[str, str]) -> None:
    account, region, bucket = get_account_id(), get_region(), about["BucketName"]
    if bucket not in s3._buckets:
        raise LookupError(f"there is no bucket {bucket}")
    target, master = f"arn:aws:s3:::{bucket}/{key}", buckets.key_of(bucket)
    if about.get("IamRoleArn"):
        session = access.assume(about["IamRoleArn"], WHO, account, region, known)
        access.require(session, "s3:PutObject", target)
        access.require_key(session, master, "s3")
        if about.get("TopicArn"):
            access.require(session, "sns:Publish", about["TopicArn"])
        return
    access.require_service(WHO, "s3:PutObject", target, account, region, known)
    access.require_service_key(WHO, master, account, region, known)
    own = about.get("KmsKeyArn", "")
    if own and "alias/aws/" not in own:
        access.require_service(WHO, "kms:GenerateDataKey", own, account, region, known)


def set_up(kind: str, about: Record) -> None:
    """Leave in a new rule's bucket what SES leaves there.

    Args:
        kind: The action's kind.
        about: The action.
    """
    if kind == "S3Action":
        _put(about, SET_UP, b"An Amazon SES receipt rule has been set up to write messages to this bucket.\n")


def _put(about: Record, id: str, body: bytes) -> None:
    bucket, key = about["BucketName"], _key(about, id)
    headers = {"content-type": "application/octet-stream", "content-length": str(len(body)), "host": "s3.localhost"}
    if master := buckets.key_of(bucket):
        headers |= {
            "x-amz-server-side-encryption": "aws:kms",
            "x-amz-server-side-encryption-aws-kms-key-id": master,
        }
    if _blocking(s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True))[0] != 200:
        raise LookupError(f"S3 did not take s3://{bucket}/{key}")


def _blocking(request: Any) -> Any:
    """Wait for MiniStack's S3, also where a loop runs: its requests to itself wait for nothing."""
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(request)
    try:
        request.send(None)
    except StopIteration as finished:
        return finished.value
    raise LookupError("S3 did not answer at once")


def _function(about: Record, arrival: Arrival, receipt: Record) -> str:
    function, config, _ = lambda_svc._get_func_record_for_ref(about["FunctionArn"])
    record = lambda_svc._execution_record_for_config(function, config)
    told = {"mail": arrival.mail(), "receipt": receipt}
    event = {"Records": [{"eventSource": "aws:ses", "eventVersion": "1.0", "ses": told}]}
    if about.get("InvocationType", "Event") != "RequestResponse":
        lambda_svc.invoke_async_with_retry(record, event)
        return "CONTINUE"
    result = lambda_svc._execute_function_with_config_scope(record, event)
    body = (result or {}).get("body")
    if (result or {}).get("error"):
        raise LookupError(f"the function {about['FunctionArn']} failed: {body}")
    answer = json.loads(body) if isinstance(body, str | bytes) and body else body
    said = str((answer or {}).get("disposition", "CONTINUE") if isinstance(answer, dict) else "CONTINUE").upper()
    return said if said in ("STOP_RULE", "STOP_RULE_SET") else "CONTINUE"


def _object(about: Record, arrival: Arrival, receipt: Record) -> str:
    _put(about, arrival.id, arrival.raw)
    return "CONTINUE"


def _topic(about: Record, arrival: Arrival, receipt: Record) -> str:
    if len(arrival.raw) > _MOST_IN_TOPIC:
        raise LookupError("the message is too long for a topic")
    plain = about.get("Encoding", "UTF-8") == "UTF-8"
    content = arrival.raw.decode("utf-8", "replace") if plain else base64.b64encode(arrival.raw).decode()
    _publish(about["TopicArn"], arrival, receipt, content)
    return "CONTINUE"


def _publish(topic: str, arrival: Arrival, receipt: Record, content: str | None = None) -> None:
    message = {"notificationType": "Received", "mail": arrival.mail(), "receipt": receipt}
    sns.publish_internal(topic, json.dumps(message | ({} if content is None else {"content": content})), SUBJECT)


def _header(about: Record, arrival: Arrival, receipt: Record) -> str:
    arrival.raw = f"{about['HeaderName']}: {about['HeaderValue']}\r\n".encode() + arrival.raw
    return "CONTINUE"


_ACTIONS: dict[str, Callable[[Record, Arrival, Record], str]] = {
    "AddHeaderAction": _header,
    "LambdaAction": _function,
    "S3Action": _object,
    "SNSAction": _topic,
    "StopAction": lambda *_: "STOP_RULE_SET",
}
