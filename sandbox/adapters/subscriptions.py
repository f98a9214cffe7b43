"""Subscriptions of topics as SNS serves them: as far as policies and keys allow, with dead-letter queues.

MiniStack drops what a queue or a function cannot take, asks neither the key of a queue nor the policy of a function,
and runs functions once. Errors that SNS would not retry send the message to the subscription's dead-letter queue at
once; what fails inside a function is the function's own affair, as on AWS: Lambda tries again.
"""

from __future__ import annotations

import json
import logging
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import lambda_svc, sns, sqs

from . import access

WHO = "sns.amazonaws.com"
_log = logging.getLogger("sandbox.sns")
_deliver_to_sqs = sns._deliver_to_sqs


def install() -> None:
    """Put the adapter in MiniStack's place."""
    sns._deliver_to_sqs = _to_queue
    sns._deliver_to_lambda = _to_function


def _to_queue(endpoint: str, envelope: str, raw: bool, raw_message: str, **rest: Any) -> None:
    topic = rest.get("topic_arn", "")
    try:
        _admit_queue(topic, endpoint)
    except (access.Refused, LookupError) as error:
        found = sns._topics.get(topic) or {"subscriptions": []}
        mine = [one for one in found["subscriptions"] if (one["protocol"], one["endpoint"]) == ("sqs", endpoint)]
        _to_dead_letters(mine[0] if mine else {}, raw_message if raw else envelope, topic, error)
    else:
        _deliver_to_sqs(endpoint, envelope, raw, raw_message, **rest)


def _admit_queue(topic: str, arn: str) -> None:
    queue = sqs._queue_by_arn(arn)
    if queue is None:
        raise LookupError(f"the queue {arn} does not exist")
    account, region = get_account_id(), get_region()
    conditions = {"aws:SourceArn": topic, "aws:SourceAccount": account}
    access.require_service(WHO, "sqs:SendMessage", arn, account, region, conditions)
    access.require_service_key(WHO, access.own_key(queue), account, region, conditions)


def _to_function(
    endpoint: str, envelope: str, topic_arn: str, sub_arn: str, msg_id: str, raw_message: str, attributes: Any
) -> None:
    access.over_tls()
    function, config, _ = lambda_svc._get_func_record_for_ref(endpoint)
    try:
        if function is None:
            raise LookupError(f"the function {endpoint} does not exist")
        account, region = get_account_id(), get_region()
        conditions = {"aws:SourceArn": topic_arn, "aws:SourceAccount": account}
        access.require_service(WHO, "lambda:InvokeFunction", endpoint, account, region, conditions)
    except (access.Refused, LookupError) as error:
        _to_dead_letters(sns._find_subscription(topic_arn, sub_arn) or {}, envelope, topic_arn, error)
        return
    told = {"EventVersion": "1.0", "EventSubscriptionArn": sub_arn, "EventSource": "aws:sns"}
    event = {"Records": [{**told, "Sns": json.loads(envelope)}]}
    lambda_svc.invoke_async_with_retry(lambda_svc._execution_record_for_config(function, config), event)


def _to_dead_letters(subscription: Any, message: str, topic: str, why: Exception) -> None:
    name = subscription.get("arn", topic)
    _log.warning("%s could not deliver: %s", name, why.args[0])
    policy = (subscription.get("attributes") or {}).get("RedrivePolicy") or "{}"
    dead = json.loads(policy).get("deadLetterTargetArn", "")
    if not dead:
        return
    try:
        _admit_queue(topic, dead)
    except (access.Refused, LookupError) as error:
        _log.warning("%s could not be told to the dead-letter queue: %s", name, error.args[0])
        return
    queue = sqs._queue_by_arn(dead)
    sqs._act_send_message({"MessageBody": message}, queue["url"])
