"""AWS CodeBuild: what starts and stops builds, in place of MiniStack's, which succeed without running anything."""

from __future__ import annotations

import copy
import time
from collections.abc import Mapping
from typing import Any

from ministack.core.iam_evaluator import caller_arn
from ministack.core.responses import error_response_json, get_region, json_response
from ministack.services import codebuild

from sandbox.adapters.json_rpc import Fault, Record

from .artifacts import Place
from .building import Build
from .state import spawn

_running: dict[str, Build] = {}
_KNOWN = {"projectName", "sourceVersion", "environmentVariablesOverride", "idempotencyToken"}


def install() -> None:
    """Put the adapter in MiniStack's place."""
    codebuild._start_build = _start_build
    codebuild._stop_build = _stop_build


def begin(
    project: str,
    initiator: str,
    variables: list[Record],
    version: str = "",
    inputs: Mapping[str, Place] | None = None,
    outputs: Mapping[str, Place] | None = None,
) -> Build:
    """Start a build.

    Args:
        project: The project.
        initiator: Who starts it.
        variables: Environment variables that come before the project's.
        version: The version of the source.
        inputs: The artifacts of a pipeline that it reads, the one with the buildspec first; None outside a pipeline.
        outputs: Where a pipeline wants its artifacts, by their names; None outside a pipeline.

    Raises:
        Fault: If there is no such project, or it is none that can be built this way.
    """
    found: Record | None = codebuild._projects.get(project)
    if found is None:
        raise Fault("ResourceNotFoundException", f"Project cannot be found: {project}")
    kind = found["source"].get("type")
    if inputs is None and kind not in ("NO_SOURCE", "CODECOMMIT"):
        raise Fault("InvalidInputException", f"the sandbox starts no build with source type {kind} by itself")
    if inputs is not None and kind != "CODEPIPELINE":
        raise Fault("InvalidInputException", f"the project {project} must have source type CODEPIPELINE")
    record = _record(found, initiator, version)
    codebuild._builds[record["id"]] = record
    build = Build(copy.deepcopy(found), record, variables, dict(inputs or {}), dict(outputs or {}))
    _running[record["id"]] = build
    spawn(record["id"], build.run)
    return build


def _record(project: Record, initiator: str, version: str) -> Record:
    id = codebuild._build_id(project["name"])
    record: Record = codebuild._make_build_record(project, id, version or project.get("sourceVersion") or None)
    logs = (project.get("logsConfig") or {}).get("cloudWatchLogs") or {}
    stream = id.partition(":")[2]
    record |= {
        "buildStatus": "IN_PROGRESS",
        "currentPhase": "SUBMITTED",
        "buildComplete": False,
        "startTime": time.time(),
        "phases": [],
        "initiator": initiator,
        "serviceRole": project["serviceRole"],
        "encryptionKey": project["encryptionKey"],
        "logs": {
            "groupName": logs.get("groupName") or f"/aws/codebuild/{project['name']}",
            "streamName": "/".join(filter(None, (logs.get("streamName"), stream))),
        },
    }
    place = f"https://{get_region()}.console.aws.amazon.com/cloudwatch/home"
    record["logs"]["deepLink"] = f"{place}#logsV2:log-groups/log-group/{record['logs']['groupName']}"
    del record["endTime"]
    return record


def _start_build(request: Record) -> Any:
    unknown = sorted(request.keys() - _KNOWN)
    if unknown:
        return error_response_json("InvalidInputException", f"the sandbox has no {unknown[0]} of StartBuild", 400)
    who = (caller_arn() or "root").rpartition(":")[2]
    try:
        variables = request.get("environmentVariablesOverride") or []
        build = begin(request["projectName"], who, variables, request.get("sourceVersion", ""))
    except Fault as fault:
        return error_response_json(fault.code, str(fault), 400)
    return json_response({"build": copy.deepcopy(build.record)})


def _stop_build(request: Record) -> Any:
    found = codebuild._builds.get(request["id"])
    if found is None:
        return error_response_json("ResourceNotFoundException", f"Build not found: {request['id']}", 400)
    if request["id"] in _running:
        _running[request["id"]].stop("STOPPED")
    return json_response({"build": copy.deepcopy(found)})


def stop(id: str) -> None:
    """Stop a build.

    Args:
        id: Its id.
    """
    _running[id].stop("STOPPED")
