"""AWS CodePipeline: what its API says and does."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

from . import engine, pipelines
from .pipelines import CHANGED, Execution, Pipeline, Run, find
from .state import page

SERVICE = "codepipeline"


def _create(request: Record) -> Record:
    tags = request.get("tags") or []
    made = pipelines.create(request["pipeline"], {one["key"]: one["value"] for one in tags})
    engine.start(made, "CreatePipeline", _caller())
    return {"pipeline": made.declaration, "tags": tags}


def _update(request: Record) -> Record:
    return {"pipeline": pipelines.update(request["pipeline"]).declaration}


def _get(request: Record) -> Record:
    found = find(request["name"])
    about = {"pipelineArn": found.arn, "created": found.created, "updated": found.updated}
    return {"pipeline": found.declaration, "metadata": about}


def _list(request: Record) -> Record:
    names = ("name", "version", "pipelineType", "executionMode")
    items = [
        {name: one.declaration[name] for name in names} | {"created": one.created, "updated": one.updated}
        for one in pipelines.PIPELINES.values()
    ]
    some, more = page(items, request, 1000)
    return {"pipelines": some, **more}


def delete(name: str) -> None:
    """Delete a pipeline; what it does goes on without it, to the end of the actions that are under way.

    Args:
        name: Its name.
    """
    gone: Pipeline | None = pipelines.PIPELINES.pop(name, None)
    with CHANGED:
        for one in gone.executions if gone else ():
            if one.status == "InProgress":
                one.status, one.abandoned, one.why = "Stopping", True, "The pipeline was deleted"
        CHANGED.notify_all()


def _delete(request: Record) -> Record:
    delete(request["name"])
    return {}


def _caller() -> str:
    return caller_arn() or f"arn:aws:iam::{get_account_id()}:root"


def _start(request: Record) -> Record:
    found = find(request["name"])
    revisions = {}
    for one in request.get("sourceRevisions") or []:
        if one["revisionType"] != "COMMIT_ID":
            raise Fault("ValidationException", f"the sandbox has no source revisions of type {one['revisionType']}")
        revisions[one["actionName"]] = one["revisionValue"]
    variables = {one["name"]: one["value"] for one in request.get("variables") or []}
    known = {one["name"] for one in found.declaration.get("variables") or []}
    if variables.keys() - known:
        raise Fault("ValidationException", f"The pipeline has no variable {min(variables.keys() - known)}")
    token = request.get("clientRequestToken") or ""
    return {
        "pipelineExecutionId": engine.start(found, "StartPipelineExecution", _caller(), variables, revisions, token).id
    }


def _execution(of: Pipeline, id: str) -> Execution:
    for one in of.executions:
        if one.id == id:
            return one
    message = f"The pipeline execution id '{id}' does not exist for pipeline '{of.name}'"
    raise Fault("PipelineExecutionNotFoundException", message)


def _revisions(one: Execution) -> list[Run]:
    return [run for run in one.runs if run.revision]


def _get_execution(request: Record) -> Record:
    one = _execution(find(request["pipelineName"]), request["pipelineExecutionId"])
    revisions = [
        {
            "name": next(iter(run.outputs), run.name),
            "revisionId": run.revision,
            "revisionSummary": run.external.get("summary", ""),
            "created": run.started,
        }
        for run in _revisions(one)
    ]
    found = {
        "pipelineName": one.pipeline,
        "pipelineVersion": one.declaration["version"],
        "pipelineExecutionId": one.id,
        "status": one.status,
        "statusSummary": one.summary or one.why,
        "artifactRevisions": revisions,
        "variables": [{"name": name, "resolvedValue": value} for name, value in one.variables.items()],
        "trigger": one.trigger,
        "executionMode": one.declaration["executionMode"],
        "executionType": "STANDARD",
    }
    return {"pipelineExecution": found}


def _list_executions(request: Record) -> Record:
    items = [_summary(one) for one in reversed(find(request["pipelineName"]).executions)]
    some, more = page(items, request)
    return {"pipelineExecutionSummaries": some, **more}


def _summary(one: Execution) -> Record:
    sources = [
        {"actionName": run.name, "revisionId": run.revision, "revisionSummary": run.external.get("summary", "")}
        for run in _revisions(one)
    ]
    found = {
        "pipelineExecutionId": one.id,
        "status": one.status,
        "statusSummary": one.summary,
        "startTime": one.started,
        "lastUpdateTime": one.updated,
        "sourceRevisions": sources,
        "trigger": one.trigger,
        "executionMode": one.declaration["executionMode"],
        "executionType": "STANDARD",
    }
    return found | ({"stopTrigger": {"reason": one.why}} if one.why else {})


def _state(request: Record) -> Record:
    found = find(request["name"])
    with CHANGED:
        stages = [_stage_state(found, stage) for stage in found.declaration["stages"]]
    return {
        "pipelineName": found.name,
        "pipelineVersion": found.declaration["version"],
        "stageStates": stages,
        "created": found.created,
        "updated": found.updated,
    }


def _stage_state(of: Pipeline, stage: Record) -> Record:
    name = stage["name"]
    waiting = [_brief(one, "InProgress") for one in of.waiting.get(name) or []]
    disabled = of.disabled.get(name)
    said: Record = {
        "stageName": name,
        "inboundTransitionState": {"enabled": disabled is None, **(disabled or {})},
        "actionStates": [_action_state(of, name, action) for action in stage["actions"]],
    }
    if waiting:
        said |= {"inboundExecution": waiting[-1], "inboundExecutions": waiting}
    if name in of.latest:
        one = of.latest[name]
        stopping = one.status == "Stopping" and one.stages[name] == "InProgress"
        said["latestExecution"] = _brief(one, "Stopping" if stopping else one.stages[name])
    return said


def _brief(one: Execution, status: str) -> Record:
    return {"pipelineExecutionId": one.id, "status": status, "type": "STANDARD"}


def _action_state(of: Pipeline, stage: str, action: Record) -> Record:
    said: Record = {"actionName": action["name"]}
    runs = (run for one in reversed(of.executions) for run in reversed(one.runs))
    run = next((one for one in runs if (one.stage, one.name) == (stage, action["name"])), None)
    if run is not None:
        said["latestExecution"] = _latest(run)
        if run.revision:
            said["currentRevision"] = {"revisionId": run.revision, "revisionChangeId": "", "created": run.started}
    return said


def _latest(run: Run) -> Record:
    said: Record = {
        "actionExecutionId": run.id,
        "status": run.status,
        "summary": run.external.get("summary") or run.error.get("message", ""),
        "lastStatusChange": run.updated,
        "token": run.token,
        "externalExecutionId": run.external.get("id", ""),
        "externalExecutionUrl": run.external.get("url", ""),
        "lastUpdatedBy": run.external.get("by", ""),
        "errorDetails": run.error,
    }
    return {name: value for name, value in said.items() if value}


def _list_actions(request: Record) -> Record:
    found = find(request["pipelineName"])
    wanted = (request.get("filter") or {}).get("pipelineExecutionId")
    chosen = [_execution(found, wanted)] if wanted else list(reversed(found.executions))
    items = [_detail(one, run) for one in chosen for run in reversed(one.runs)]
    some, more = page(items, request)
    return {"actionExecutionDetails": some, **more}


def _detail(one: Execution, run: Run) -> Record:
    def places(found: Any) -> list[Record]:
        return [{"name": name, "s3location": {"bucket": at.bucket, "key": at.key}} for name, at in found.items()]

    result = {
        "externalExecutionId": run.external.get("id"),
        "externalExecutionSummary": run.external.get("summary") or run.error.get("message"),
        "externalExecutionUrl": run.external.get("url"),
        "errorDetails": run.error or None,
    }
    return {
        "pipelineExecutionId": one.id,
        "actionExecutionId": run.id,
        "pipelineVersion": one.declaration["version"],
        "stageName": run.stage,
        "actionName": run.name,
        "startTime": run.started,
        "lastUpdateTime": run.updated,
        "status": run.status,
        "input": {
            "actionTypeId": run.action["actionTypeId"],
            "configuration": run.action.get("configuration") or {},
            "resolvedConfiguration": run.configuration,
            "region": run.action.get("region") or get_region(),
            "inputArtifacts": places(run.inputs),
            **({"roleArn": run.action["roleArn"]} if run.action.get("roleArn") else {}),
        },
        "output": {
            "outputArtifacts": places(run.outputs),
            "executionResult": {name: value for name, value in result.items() if value},
            "outputVariables": run.variables,
        },
    }


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "CreatePipeline": _create,
    "UpdatePipeline": _update,
    "GetPipeline": _get,
    "ListPipelines": _list,
    "DeletePipeline": _delete,
    "StartPipelineExecution": _start,
    "GetPipelineExecution": _get_execution,
    "ListPipelineExecutions": _list_executions,
    "GetPipelineState": _state,
    "ListActionExecutions": _list_actions,
}
