"""EventBridge delivers as far as policies and roles allow; what it cannot deliver goes to the dead-letter queue.

MiniStack asks neither the target's policy nor the role, has no dead-letter queues and no Firehose targets, and runs
functions once. Errors that AWS would not retry go to the dead-letter queue at once; what fails inside a target, such as
a function that raises, is the target's own affair, as on AWS: Lambda tries again.
"""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, firehose, lambda_svc, scheduler, sns, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

from . import access
from .delivery import engine, pipelines

WHO = "events.amazonaws.com"
_ROLE_ACTIONS = {
    "codepipeline": "codepipeline:StartPipelineExecution",
    "events": "events:PutEvents",
    "firehose": "firehose:PutRecord",
    "sqs": "sqs:SendMessage",
    "states": "states:StartExecution",
}
_SCHEDULER = "scheduler.amazonaws.com"
_SCHEDULER_ACTIONS = {**_ROLE_ACTIONS, "lambda": "lambda:InvokeFunction", "sns": "sns:Publish"}
_POLICY_ACTIONS = {"lambda": "lambda:InvokeFunction", "sns": "sns:Publish", "sqs": "sqs:SendMessage"}
_RULE = "AWS::Events::Rule"
_log = logging.getLogger("sandbox.events")
_invoke_target = eventbridge._invoke_target


def install() -> None:
    """Put the adapter in MiniStack's place."""
    eventbridge._invoke_target = _deliver
    scheduler._SCHEDULE_TICK_INTERVAL = 1
    eventbridge._dispatch_to_lambda = _invoke
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_RULE] = _with_bus(handlers[_RULE])


def _with_bus(handler: dict[str, Any]) -> dict[str, Any]:
    """The provisioner of rules, with the reference that one on a bus of one's own has: its bus, a bar and its name."""

    def referred(provisioned: tuple[str, Any], properties: Mapping[str, Any]) -> tuple[str, Any]:
        bus = provisioners._eb_rule_bus_name(properties)
        return provisioned if bus == "default" else (f"{bus}|{provisioned[0]}", provisioned[1])

    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        return referred(handler["create"](logical_id, properties, stack), properties)

    def update(physical_id: str, old: dict[str, Any], new: dict[str, Any], *rest: Any) -> Any:
        return referred(handler["update"](physical_id.rpartition("|")[2], old, new, *rest), new)

    def delete(physical_id: str, properties: dict[str, Any]) -> None:
        handler["delete"](physical_id.rpartition("|")[2], properties)

    return {**handler, "create": create, "update": update, "delete": delete}


def _deliver(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any = None) -> None:
    access.over_tls()
    conditions = {"aws:SourceArn": rule["Arn"], "aws:SourceAccount": get_account_id()}
    try:
        _admit(target, conditions)
    except access.Refused as error:
        _fail(target, event, rule, "NO_PERMISSIONS", str(error), conditions)
    except LookupError as error:
        _fail(target, event, rule, "NO_RESOURCE", str(error.args[0]), conditions)
    else:
        _count(rule, "Invocations")
        service = target["Arn"].split(":")[2]
        if service == "firehose":
            _put_record(target, event, rule, view, conditions)
        elif service == "codepipeline":
            engine.start(pipelines.find(target["Arn"].rpartition(":")[2]), "CloudWatchEvent", rule["Arn"])
        else:
            _invoke_target(target, event, rule, view)


def _invoke(arn: str, payload: str) -> None:
    """Invoke a function as Lambda does for those who do not wait: with retries and its dead-letter queue."""
    function, config, _ = lambda_svc._get_func_record_for_ref(arn)
    record = lambda_svc._execution_record_for_config(function, config)
    lambda_svc.invoke_async_with_retry(record, json.loads(payload))


def _put_record(
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    rule: Mapping[str, Any],
    view: Any,
    conditions: Mapping[str, str],
) -> None:
    name = target["Arn"].rsplit("/", 1)[-1]
    data = base64.b64encode(_payload(target, event, rule, view).encode()).decode()
    status, _, answer = firehose._put_record({"DeliveryStreamName": name, "Record": {"Data": data}})
    if status != 200:
        _fail(target, event, rule, "SDK_CLIENT_ERROR", str(answer), conditions)


def _payload(target: Mapping[str, Any], event: Mapping[str, Any], rule: Mapping[str, Any], view: Any) -> str:
    """What the target gets of an event."""
    view = view or eventbridge._pattern_event_view(event)
    if target.get("InputTransformer"):
        return str(eventbridge._apply_input_transformer(target["InputTransformer"], rule, view))
    if target.get("Input"):
        return str(target["Input"])
    whole: Any = view.event_with_detail()
    for name in filter(None, target.get("InputPath", "$").removeprefix("$").split(".")):
        whole = whole.get(name) if isinstance(whole, dict) else None
    return json.dumps(whole)


def _admit(target: Mapping[str, Any], conditions: Mapping[str, str]) -> None:
    """Refuse what the target's policy, or the role that the rule has for it, does not allow."""
    arn, account, region = target["Arn"], get_account_id(), get_region()
    service = arn.split(":")[2]
    _find(service, arn)
    # EventBridge Scheduler does everything with the role of the schedule.
    scheduled = ":scheduler:" in conditions["aws:SourceArn"]
    who, actions = (_SCHEDULER, _SCHEDULER_ACTIONS) if scheduled else (WHO, _ROLE_ACTIONS)
    if "RoleArn" in target:
        if service not in actions:
            raise access.Refused(
                f"the sandbox has no target {service} with a role; add it to sandbox/adapters/events.py"
            )
        session = access.assume(target["RoleArn"], who, account, region, conditions)
        access.require(session, actions[service], arn)
    elif service in _POLICY_ACTIONS:
        # On its way to a topic, EventBridge does not say for whom it works:
        # https://docs.aws.amazon.com/sns/latest/dg/sns-key-management.html
        to_topic = service == "sns"
        known = {} if to_topic else conditions
        access.require_service(WHO, _POLICY_ACTIONS[service], arn, account, region, known)
        known = {"kms:EncryptionContext:aws:sns:topicArn": arn} if to_topic else conditions
        access.require_service_key(WHO, _key(service, arn), account, region, known)
    else:
        raise access.Refused(
            f"the sandbox has no target {service} without a role; add it to sandbox/adapters/events.py"
        )


def _find(service: str, arn: str) -> None:
    there: dict[str, Callable[[], Any]] = {
        "sqs": lambda: sqs._queue_by_arn(arn),
        "sns": lambda: sns._topics.get(arn),
        "lambda": lambda: lambda_svc._get_func_record_for_ref(arn)[0],
        "states": lambda: stepfunctions._resolve_state_machine_arn(arn),
        "firehose": lambda: firehose._streams.get(arn.rsplit("/", 1)[-1]),
        "codepipeline": lambda: pipelines.PIPELINES.get(arn.rpartition(":")[2]),
        "events": lambda: ":event-bus/" not in arn or _is_bus(arn),
    }
    if service in there and not there[service]():
        raise LookupError(f"the target {arn} does not exist")


def _is_bus(arn: str) -> bool:
    """Whether a bus is in this account and region, the only one that there is here."""
    _, _, _, region, account, name = arn.split(":", 5)
    eventbridge._ensure_default_bus()
    here = (region, account) == (get_region(), get_account_id())
    return here and name.partition("/")[2] in eventbridge._event_buses


def _key(service: str, arn: str) -> str:
    """The customer managed key of a queue or a topic; empty for none."""
    if service == "lambda":
        return ""
    owner = sqs._queue_by_arn(arn) if service == "sqs" else sns._topics.get(arn)
    return access.own_key(owner)


def _fail(
    target: Mapping[str, Any],
    event: Mapping[str, Any],
    rule: Mapping[str, Any],
    code: str,
    message: str,
    conditions: Mapping[str, str],
) -> None:
    """Send an event to the target's dead-letter queue, with the attributes that say why it is there.

    What the queue takes is no failed invocation, says AWS.
    """
    _log.warning("%s could not deliver: %s", rule["Name"], message)
    arn = (target.get("DeadLetterConfig") or {}).get("Arn", "")
    queue = sqs._queue_by_arn(arn) if arn else None
    if queue is None:
        _count(rule, "FailedInvocations")
        return
    try:
        role = {"RoleArn": target["RoleArn"]} if ":scheduler:" in rule["Arn"] else {}
        _admit({"Arn": arn, **role}, conditions)
    except access.Refused as error:
        _log.warning("%s could not be told to the dead-letter queue: %s", rule["Name"], error)
        _count(rule, "FailedInvocations")
        _count(rule, "InvocationsFailedToBeSentToDlq")
        return
    said = {"ERROR_CODE": code, "ERROR_MESSAGE": message, "RULE_ARN": rule["Arn"], "TARGET_ARN": target["Arn"]}
    attributes = {name: {"DataType": "String", "StringValue": value} for name, value in said.items()}
    body = json.dumps(eventbridge._pattern_event_view(event).event_with_detail())
    sqs._act_send_message({"MessageBody": body, "MessageAttributes": attributes}, queue["url"])
    _count(rule, "InvocationsSentToDlq")


def _count(rule: Mapping[str, Any], metric: str) -> None:
    if ":scheduler:" in rule["Arn"]:
        return
    bus = rule.get("EventBusName", "default")
    dimensions = {"RuleName": rule["Name"]} | ({} if bus == "default" else {"EventBusName": bus})
    cloudwatch.record_metric("AWS/Events", metric, 1, "Count", dimensions)
