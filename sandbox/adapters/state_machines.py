"""Step Functions asks the machine's role, hurries where a machine waits, gives up in time, and counts executions.

MiniStack runs machines without asking whether their role trusts Step Functions or may invoke the functions, waits as
long as a machine says, knows no time limit of a whole execution, counts nothing, and lets a failure of the last state
undo a stop. Here Wait states and the pauses before retries pass 300 times faster, but never in less than 0.1 s; time
limits are real time, as the functions' own work is. Of the tasks, those with Lambda functions, those that send to
queues and those that start machines are asked of the role.

A machine whose role Step Functions cannot assume is refused when it is made or changed.
"""

from __future__ import annotations

import contextvars
import json
import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import error_response_json, get_account_id, get_region, now_iso
from ministack.services import cloudwatch, sqs, stepfunctions
from ministack.services.cloudformation import provisioners

from . import access

FASTER = 300
SHORTEST_PAUSE = 0.1
_MACHINE = "AWS::StepFunctions::StateMachine"
_SEND = "arn:aws:states:::sqs:sendMessage"
_METRICS = {
    "RUNNING": "ExecutionsStarted",
    "SUCCEEDED": "ExecutionsSucceeded",
    "FAILED": "ExecutionsFailed",
    "ABORTED": "ExecutionsAborted",
    "TIMED_OUT": "ExecutionsTimedOut",
}
_running: contextvars.ContextVar[dict[str, Any] | None] = contextvars.ContextVar("_running", default=None)
"""The execution that this thread works for; those of parallel branches have the same."""
_run_execution = stepfunctions._run_execution
_call_lambda = stepfunctions._call_lambda
_send_message = stepfunctions._SERVICE_DISPATCH[_SEND]
_start_nested = stepfunctions._invoke_nested_start_execution
_fail_execution = stepfunctions._fail_execution
_tell_status = stepfunctions._emit_execution_status_event
_create = stepfunctions._create_state_machine
_update = stepfunctions._update_state_machine


def install() -> None:
    """Put the adapter in MiniStack's place."""
    stepfunctions._scaled_sleep = _pause
    stepfunctions._run_execution = _run
    stepfunctions._call_lambda = _invoke
    stepfunctions._SERVICE_DISPATCH[_SEND] = _send
    stepfunctions._invoke_nested_start_execution = _start
    stepfunctions._fail_execution = _fail
    stepfunctions._emit_execution_status_event = _tell
    stepfunctions._create_state_machine = _admitting(_create)
    stepfunctions._update_state_machine = _admitting(_update)
    handlers = provisioners._RESOURCE_HANDLERS
    handlers[_MACHINE] = _provisioning(handlers[_MACHINE])


def _pause(seconds: float) -> None:
    if seconds > 0:
        time.sleep(max(seconds / FASTER, SHORTEST_PAUSE))
    _refuse_if_over()


def _refuse_if_over() -> None:
    """Let nothing more be done for an execution that was stopped or whose time is over."""
    execution = _running.get()
    if execution is not None and execution["status"] != "RUNNING":
        raise stepfunctions._ExecutionError("States.Runtime", "the execution has ended")


def _assume(role: str, machine: str) -> access.Session:
    """The machine's role as Step Functions has assumed it, in the name of the service or of its regional one."""
    account, region = get_account_id(), get_region()
    conditions = {"aws:SourceAccount": account, "aws:SourceArn": machine}
    try:
        return access.assume(role, "states.amazonaws.com", account, region, conditions)
    except access.Refused:
        return access.assume(role, f"states.{region}.amazonaws.com", account, region, conditions)


def _refusal(role: str, machine: str) -> str:
    """Why a machine cannot have a role; empty if it can."""
    try:
        _assume(role, machine)
    except access.Refused:
        services = "the global service principal states.amazonaws.com, nor the regional one"
        return f"Neither {services} is authorized to assume the provided role."
    return ""


def _admitting(operation: Callable[[dict[str, Any]], Any]) -> Callable[[dict[str, Any]], Any]:
    def admitted(data: dict[str, Any]) -> Any:
        own = f"arn:aws:states:{get_region()}:{get_account_id()}:stateMachine:{data.get('name', '')}"
        machine = data.get("stateMachineArn") or own
        refusal = _refusal(data["roleArn"], machine) if data.get("roleArn") else ""
        if refusal:
            return error_response_json("AccessDeniedException", refusal, 400)
        return operation(data)

    return admitted


def _provisioning(handler: dict[str, Any]) -> dict[str, Any]:
    def create(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        provisioned = handler["create"](logical_id, properties, stack)
        refusal = _refusal(properties["RoleArn"], provisioned[0])
        if refusal:
            handler["delete"](provisioned[0], properties)
            said = f"{refusal} (Service: Sfn, Status Code: 400)"
            raise ValueError(f'Resource handler returned message: "{said}" (HandlerErrorCode: AccessDenied)')
        return provisioned

    return {**handler, "create": create}


def _run(arn: str) -> None:
    """Run an execution, with an end if its machine has a time limit."""
    execution = stepfunctions._executions.get(arn)
    machine = stepfunctions._state_machines.get(execution["stateMachineArn"]) if execution else None
    if machine is None:
        _run_execution(arn)
        return
    token = _running.set(execution)
    limit = json.loads(machine["definition"]).get("TimeoutSeconds")
    if limit:
        context = contextvars.copy_context()
        timer = threading.Timer(float(limit), context.run, (_give_up, execution))
        timer.daemon = True
        timer.start()
    try:
        _run_execution(arn)
    finally:
        _running.reset(token)


def _give_up(execution: dict[str, Any]) -> None:
    """End an execution whose time is over; a task that runs goes on, and nobody waits for it."""
    if execution["status"] != "RUNNING":
        return
    execution.update(status="TIMED_OUT", error="States.Timeout", stopDate=now_iso())
    stepfunctions._add_event(execution, "ExecutionTimedOut", {"executionTimedOutEventDetails": {}})
    _tell(execution)


def _fail(execution: dict[str, Any], error: str, cause: str) -> None:
    """Note that an execution has failed, unless it has ended before."""
    if execution["status"] == "RUNNING":
        _fail_execution(execution, error, cause)


def _tell(execution: dict[str, Any]) -> None:
    metric = _METRICS[execution["status"]]
    name = {"StateMachineArn": execution["stateMachineArn"]}
    cloudwatch.record_metric("AWS/States", metric, 1, "Count", name)
    _tell_status(execution)


def _session() -> access.Session | None:
    """The role of the machine that this thread works for; None if the machine is gone."""
    access.over_tls()
    _refuse_if_over()
    execution = _running.get() or {}
    machine: Mapping[str, Any] | None = stepfunctions._state_machines.get(execution.get("stateMachineArn"))
    return _assume(machine["roleArn"], machine["stateMachineArn"]) if machine is not None else None


def _invoke(function: str, event: Any) -> Any:
    """Invoke a function with the role of the machine that this thread works for."""
    arn = f"arn:aws:lambda:{get_region()}:{get_account_id()}:function:{function}"
    try:
        session = _session()
        if session is not None:
            access.require(session, "lambda:InvokeFunction", function if function.startswith("arn:") else arn)
    except access.Refused as error:
        cause = f"{error} (Service: Lambda, Status Code: 403, Error Code: AccessDeniedException)"
        raise stepfunctions._ExecutionError("Lambda.AWSLambdaException", cause) from error
    return _call_lambda(function, event)


def _send(resource: str, message: dict[str, Any]) -> Any:
    """Send to a queue with the role of the machine that this thread works for."""
    account, name = str(message.get("QueueUrl", "")).rstrip("/").split("/")[-2:]
    arn = f"arn:aws:sqs:{get_region()}:{account}:{name}"
    queue = sqs._queue_by_arn(arn)
    try:
        session = _session()
        if session is not None:
            access.require(session, "sqs:SendMessage", arn)
            access.require_key(session, access.own_key(queue) if queue else "", "sqs")
    except access.Refused as error:
        cause = f"{error} (Service: AmazonSQS; Status Code: 403; Error Code: AccessDenied)"
        raise stepfunctions._ExecutionError("SQS.AmazonSQSException", cause) from error
    return _send_message(resource, message)


def _start(resource: str, given: dict[str, Any]) -> Any:
    """Start a machine with the role of the machine that this thread works for."""
    try:
        session = _session()
        if session is not None:
            access.require(session, "states:StartExecution", str(given.get("StateMachineArn")))
    except access.Refused as error:
        cause = f"{error} (Service: AWSStepFunctions; Status Code: 400; Error Code: AccessDeniedException)"
        raise stepfunctions._ExecutionError("StepFunctions.AWSStepFunctionsException", cause) from error
    return _start_nested(resource, given)
