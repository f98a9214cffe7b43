"""The course of a pipeline's execution: stage by stage, with their locks; actions in their order and in parallel."""

from __future__ import annotations

import copy
from typing import Any

from sandbox.adapters.json_rpc import Record

from . import actions
from .pipelines import CHANGED, Execution, Pipeline, Run
from .state import announce, iso, now, spawn

_OPEN = ("InProgress", "Stopping")
_STATES = {"Abandoned": "ABANDONED", "Failed": "FAILED", "Succeeded": "SUCCEEDED", "InProgress": "STARTED"}


def start(
    pipeline: Pipeline,
    kind: str,
    detail: str,
    variables: dict[str, str] | None = None,
    revisions: dict[str, str] | None = None,
    token: str = "",
) -> Execution:
    """Start an execution of a pipeline.

    Args:
        pipeline: The pipeline.
        kind: What starts it, such as ``StartPipelineExecution``.
        detail: More of that, such as the caller's ARN.
        variables: Values of the pipeline's variables.
        revisions: The revisions that source actions must take, by their names.
        token: The token of the request, which starts only one; empty for none.
    """
    with CHANGED:
        if token and token in pipeline.tokens:
            return pipeline.tokens[token]
        declared = pipeline.declaration.get("variables") or []
        values = {one["name"]: one["defaultValue"] for one in declared if "defaultValue" in one} | (variables or {})
        trigger = {"triggerType": kind, "triggerDetail": detail}
        number = len(pipeline.executions)
        made = Execution(pipeline.name, copy.deepcopy(pipeline.declaration), trigger, number, values, revisions or {})
        pipeline.executions.append(made)
        if token:
            pipeline.tokens[token] = made
    course = Course(pipeline, made)
    spawn(made.id, lambda: course.run(0, "STARTED"))
    return made


def retry(pipeline: Pipeline, execution: Execution, stage: str, mode: str) -> None:
    """Go on with an execution from a stage that failed.

    Args:
        pipeline: The pipeline.
        execution: The execution.
        stage: The stage.
        mode: ``FAILED_ACTIONS`` to keep what actions of the stage have done, or ``ALL_ACTIONS``.
    """
    names = [one["name"] for one in execution.declaration["stages"]]
    with CHANGED:
        execution.status, execution.attempt, execution.updated = "InProgress", execution.attempt + 1, now()
        kept = {one.name for one in execution.runs if one.stage == stage and one.status == "Succeeded"}
    course = Course(pipeline, execution, kept if mode == "FAILED_ACTIONS" else set())
    spawn(execution.id, lambda: course.run(names.index(stage), "RESUMED"))


class Course:
    """The course of an execution.

    Args:
        pipeline: The pipeline.
        execution: The execution.
        kept: The actions of the first stage that are not done again.
    """

    def __init__(self, pipeline: Pipeline, execution: Execution, kept: set[str] | None = None) -> None:
        self._pipeline, self._execution, self._kept = pipeline, execution, kept or set()

    def run(self, first: int, state: str) -> None:
        """Run it to its end.

        Args:
            first: The number of the stage that it begins with.
            state: What is told of its begin: ``STARTED`` or ``RESUMED``.
        """
        self._tell("Pipeline", state, {"execution-trigger": self._trigger()} if state == "STARTED" else {})
        status = "Succeeded"
        for stage in self._execution.declaration["stages"][first:]:
            if not self._enter(stage["name"]):
                status = self._execution.status
                break
            status = self._stage(stage)
            self._leave(stage["name"], status)
            self._kept = set()
            if status != "Succeeded":
                break
        self._end(status)

    def _enter(self, stage: str) -> bool:
        """Wait until the stage is free; whether the execution is in it then."""
        pipeline, execution, gone = self._pipeline, self._execution, []
        mode = execution.declaration["executionMode"]
        with CHANGED:
            queue = pipeline.waiting.setdefault(stage, [])
            if mode == "SUPERSEDED":
                gone = [one for one in queue if one.number < execution.number]
            for one in gone:
                one.status, one.updated = "Superseded", now()
                queue.remove(one)
            queue.append(execution)
            CHANGED.notify_all()

            def ready() -> bool:
                locked = mode != "PARALLEL" and (stage in pipeline.holders or queue[:1] != [execution])
                return execution.status != "InProgress" or not (locked or stage in pipeline.disabled)

            CHANGED.wait_for(ready)
            if execution in queue:
                queue.remove(execution)
            if execution.status == "InProgress":
                if mode != "PARALLEL":
                    pipeline.holders[stage] = execution
                pipeline.latest[stage] = execution
                execution.stages[stage] = "InProgress"
            elif execution.status == "Stopping":
                execution.status = "Stopped"
            CHANGED.notify_all()
            entered = execution.status == "InProgress"
        if entered:
            self._tell("Stage", "STARTED", {"stage": stage})
        return entered

    def _stage(self, stage: Record) -> str:
        execution = self._execution
        orders = sorted({int(action.get("runOrder", 1)) for action in stage["actions"]})
        for order in orders:
            chosen = [one for one in stage["actions"] if int(one.get("runOrder", 1)) == order]
            runs = [Run(one, stage["name"]) for one in chosen if one["name"] not in self._kept]
            with CHANGED:
                execution.runs += runs
            for run in runs:
                spawn(run.id, self._doing(run))
            with CHANGED:
                CHANGED.wait_for(lambda: execution.abandoned or not any(one.status == "InProgress" for one in runs))  # noqa: B023
            for run in runs:
                if run.end("Abandoned"):
                    self._tell_action(run)
            if execution.status != "InProgress":
                return "Stopped"
            if any(run.status != "Succeeded" for run in runs):
                return "Failed"
        return "Succeeded"

    def _doing(self, run: Run) -> Any:
        def do() -> None:
            status = "Failed"
            try:
                self._tell_action(run)
                status = actions.perform(self._pipeline, self._execution, run)
                if not self._execution.abandoned:
                    # Told before the stage goes on, so that events are in their order.
                    self._tell_action(run, status)
            finally:
                if not self._execution.abandoned:
                    run.end(status)

        return do

    def _leave(self, stage: str, status: str) -> None:
        with CHANGED:
            self._execution.stages[stage] = status
            if self._pipeline.holders.get(stage) is self._execution:
                del self._pipeline.holders[stage]
            CHANGED.notify_all()
        self._tell("Stage", status.upper(), {"stage": stage})

    def _end(self, status: str) -> None:
        execution = self._execution
        with CHANGED:
            if execution.status in _OPEN:
                execution.status, execution.updated = status, now()
            CHANGED.notify_all()
        self._tell("Pipeline", execution.status.upper())

    def _trigger(self) -> Record:
        trigger = self._execution.trigger
        return {"trigger-type": trigger["triggerType"], "trigger-detail": trigger["triggerDetail"]}

    def _tell_action(self, run: Run, status: str = "") -> None:
        kind = run.action["actionTypeId"]
        status = status or run.status
        places = {"input-artifacts": run.inputs, "output-artifacts": run.outputs}
        detail: Record = {
            "stage": run.stage,
            "action": run.name,
            "action-execution-id": run.id,
            "region": run.action.get("region") or self._pipeline.arn.split(":")[3],
            "type": {name: kind[name] for name in ("owner", "provider", "category", "version")},
            **{
                name: [{"name": one, "s3location": {"bucket": at.bucket, "key": at.key}} for one, at in found.items()]
                for name, found in places.items()
                if found
            },
        }
        if status != "InProgress" and (run.external or run.error):
            result = {f"external-execution-{name}": value for name, value in run.external.items()}
            if run.error:
                result |= {"error-code": run.error["code"], "external-execution-summary": run.error["message"]}
            detail["execution-result"] = result
        self._tell("Action", _STATES[status], detail)

    def _tell(self, what: str, state: str, more: Record | None = None) -> None:
        execution = self._execution
        detail = {
            "pipeline": execution.pipeline,
            "execution-id": execution.id,
            "start-time": iso(execution.started),
            **(more or {}),
            "state": state,
            "version": float(execution.declaration["version"]),
            "pipeline-execution-attempt": float(execution.attempt),
        }
        kind = f"CodePipeline {what} Execution State Change"
        announce("aws.codepipeline", kind, detail, self._pipeline.arn)
