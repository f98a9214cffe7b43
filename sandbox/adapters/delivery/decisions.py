"""CodePipeline's operations that decide on executions under way: approvals, stops, retries and transitions."""

from __future__ import annotations

from collections.abc import Callable

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id

from sandbox.adapters.json_rpc import Fault, Record

from . import engine
from .pipelines import CHANGED, Execution, Pipeline, find
from .state import announce, iso, now


def _approve(request: Record) -> Record:
    found = find(request["pipelineName"])
    stage, name = request["stageName"], request["actionName"]
    known = {(one["name"], action["name"]) for one in found.declaration["stages"] for action in one["actions"]}
    if stage not in {one for one, _ in known}:
        raise Fault("StageNotFoundException", f"The stage {stage} does not exist in pipeline {found.name}")
    if (stage, name) not in known:
        raise Fault("ActionNotFoundException", f"The action {name} does not exist in stage {stage}")
    with CHANGED:
        runs = [run for one in found.executions for run in one.runs if (run.stage, run.name) == (stage, name)]
        run = next((one for one in runs if one.token == request["token"] and one.status == "InProgress"), None)
        if run is None:
            raise Fault("InvalidApprovalTokenException", "The approval token is not valid")
        if "decision" in run.external:
            raise Fault(
                "ApprovalAlreadyCompletedException", "The approval action has already been approved or rejected"
            )
        who = caller_arn() or f"arn:aws:iam::{get_account_id()}:root"
        run.external |= {"summary": request["result"]["summary"], "by": who, "decision": request["result"]["status"]}
        CHANGED.notify_all()
    return {"approvedAt": now()}


def _execution(of: Pipeline, id: str) -> Execution:
    found = next((one for one in of.executions if one.id == id), None)
    if found is None:
        raise Fault("PipelineExecutionNotFoundException", f"The pipeline execution id '{id}' does not exist")
    return found


def _stop(request: Record) -> Record:
    pipeline = find(request["pipelineName"])
    found = _execution(pipeline, request["pipelineExecutionId"])
    with CHANGED:
        if found.status == "Stopping" and not request.get("abandon"):
            raise Fault("DuplicatedStopRequestException", "The execution is being stopped already")
        if found.status not in ("InProgress", "Stopping"):
            raise Fault("PipelineExecutionNotStoppableException", f"The execution is {found.status}")
        found.status, found.why = "Stopping", request.get("reason", "")
        found.abandoned = found.abandoned or bool(request.get("abandon"))
        CHANGED.notify_all()
    detail = {
        "pipeline": pipeline.name,
        "execution-id": found.id,
        "start-time": iso(found.started),
        "state": "STOPPING",
        "version": float(found.declaration["version"]),
        "pipeline-execution-attempt": float(found.attempt),
    }
    announce("aws.codepipeline", "CodePipeline Pipeline Execution State Change", detail, pipeline.arn)
    return {"pipelineExecutionId": found.id}


def _retry(request: Record) -> Record:
    pipeline, stage = find(request["pipelineName"]), request["stageName"]
    if stage not in {one["name"] for one in pipeline.declaration["stages"]}:
        raise Fault("StageNotFoundException", f"The stage {stage} does not exist in pipeline {pipeline.name}")
    found = _execution(pipeline, request["pipelineExecutionId"])
    if pipeline.latest.get(stage) is not found:
        raise Fault("NotLatestPipelineExecutionException", f"Another execution has been in stage {stage} since")
    if found.status not in ("Failed", "Stopped") or found.stages.get(stage) not in ("Failed", "Stopped"):
        raise Fault("StageNotRetryableException", f"The stage {stage} has not failed in this execution")
    engine.retry(pipeline, found, stage, request["retryMode"])
    return {"pipelineExecutionId": found.id}


def _disable(request: Record) -> Record:
    return _transition(request, {"disabledReason": request["reason"], "lastChangedAt": now()})


def _transition(request: Record, disabled: Record | None) -> Record:
    pipeline, stage = find(request["pipelineName"]), request["stageName"]
    if stage not in {one["name"] for one in pipeline.declaration["stages"]}:
        raise Fault("StageNotFoundException", f"The stage {stage} does not exist in pipeline {pipeline.name}")
    if request["transitionType"] != "Inbound":
        raise Fault("ValidationException", "the sandbox has inbound transitions only")
    with CHANGED:
        pipeline.disabled.pop(stage, None)
        if disabled is not None:
            pipeline.disabled[stage] = disabled
        CHANGED.notify_all()
    return {}


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "PutApprovalResult": _approve,
    "StopPipelineExecution": _stop,
    "RetryStageExecution": _retry,
    "DisableStageTransition": _disable,
    "EnableStageTransition": lambda request: _transition(request, None),
}
