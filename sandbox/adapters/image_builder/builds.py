"""Builds: an image goes through its states in a thread of its own, and each change is an event.

The clock is compressed: a state takes a fraction of a second, and what the commands of components take.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from ministack.core.responses import request_scope
from ministack.services import cloudwatch_logs

from sandbox.adapters import access

from . import agent, announcements, distribution, roles, workflow
from .distribution import Distribution, DistributionFailed
from .instance import Instance
from .roles import Actor
from .state import Fault, Record, home

ENDED = ("AVAILABLE", "CANCELLED", "FAILED", "DEPRECATED", "DISABLED", "DELETED")
PAUSE = 0.05
_log = logging.getLogger("sandbox.image_builder")


class _Cancelled(Exception):
    """Somebody cancelled the build."""


def start(image: Record, pipeline: Record | None) -> None:
    """Begin to build an image.

    Args:
        image: The image, pending.
        pipeline: The pipeline that builds it; None for none.
    """
    here = home()

    def run() -> None:
        access.over_tls()
        with request_scope(here.account, here.region):
            Build(image, pipeline).run()

    threading.Thread(target=run, name=f"build of {image['name']}", daemon=True).start()


class Build:
    """The build of one image.

    Args:
        image: The image, pending.
        pipeline: The pipeline that builds it; None for none.
    """

    def __init__(self, image: Record, pipeline: Record | None) -> None:
        self._image, self._pipeline = image, pipeline
        self._step = "LaunchBuildInstance"
        self._lines: list[str] = []
        self._tested = "i-0a1b2c3d4e5f67890"

    def run(self) -> None:
        """Go through all states."""
        try:
            self._build()
        except _Cancelled:
            self._reach("CANCELLED")
        except (agent.StepFailed, access.Refused, DistributionFailed, LookupError, Fault) as error:
            self._fail(error)

    def _build(self) -> None:
        time.sleep(PAUSE)
        self._go_on("BUILDING")
        actor = roles.executor(self._image.get("executionRole"))
        custom = not workflow.log_group(self._image).startswith("/aws/imagebuilder/")
        self._may_log(actor, custom)
        recipe = self._image["imageRecipe"]
        parent = str(self._image["parent"])
        with Instance.new() as machine:
            with workflow.running(actor, self._image, parent, custom) as id:
                self._step = "ApplyBuildComponents"
                agent.apply(machine, recipe, ("build", "validate"), self._lines.append)
                if self._image.get("enhancedImageMetadataEnabled", True):
                    self._step = "InventoryCollection"
                    workflow.take_inventory(actor, id)
                self._step = "CreateOutputAMI"
                name, description = distribution.named(self._image)
                made = workflow.create_image(actor, id, self._image, name, description)
            self._write_log()
            if (self._image.get("imageTestsConfiguration") or {}).get("imageTestsEnabled", True):
                self._test(actor, machine, made, custom)
        self._distribute(actor, made)
        self._reach("AVAILABLE")

    def _test(self, actor: Actor, machine: Instance, made: str, custom: bool) -> None:
        self._step = "LaunchTestInstance"
        self._go_on("TESTING")
        with machine.launched_again() as another, workflow.running(actor, self._image, made, custom) as id:
            self._tested, self._step = id, "ApplyTestComponents"
            agent.apply(another, self._image["imageRecipe"], ("test",), self._lines.append)
            if (self._image.get("imageScanningConfiguration") or {}).get("imageScanningEnabled"):
                self._step = "CollectImageScanFindings"
                actor.ask("inspector2:ListCoverage")
                actor.ask("inspector2:ListFindings")
                announce_findings(self._image, id, {})
        self._write_log()

    def _distribute(self, actor: Actor, made: str) -> None:
        self._step = "DistributeImage"
        self._go_on("DISTRIBUTING")
        to_do = Distribution(actor, self._image, made)
        to_do.copy()
        self._go_on("INTEGRATING")
        to_do.integrate()

    def _go_on(self, status: str) -> None:
        if self._image.get("cancelled"):
            raise _Cancelled
        self._reach(status)
        time.sleep(PAUSE)
        if self._image.get("cancelled"):
            raise _Cancelled

    def _reach(self, status: str, **more: Any) -> None:
        before = self._image["state"]["status"]
        self._image["state"] = {"status": status, **more}
        disabled = self._count(status)
        detail = {"previous-state": {"status": before}, "state": {"status": status}}
        announcements.announce(announcements.STATE, detail, self._image["arn"])
        if disabled:
            announcements.announce(announcements.DISABLED, {"consecutive-failures": str(disabled[0])}, disabled[1])

    def _fail(self, error: Exception) -> None:
        status = self._image["state"]["status"]
        context: Record = {"imageStatus": status, "workflowExecutionId": f"wf-{uuid4()}", "failedStep": self._step}
        why = str(error.args[0] if isinstance(error, LookupError) else error)
        if isinstance(error, agent.StepFailed):
            context["componentFailure"] = {
                "componentArn": error.component,
                "phaseName": error.step.phase,
                "stepName": error.step.name,
                "action": error.step.action,
                "errorMessage": error.why,
            }
        if isinstance(error, DistributionFailed):
            context["distributionFailure"] = {"errorMessage": why, "regionFailures": error.failures}
        head = f"Workflow Execution ID: '{context['workflowExecutionId']}' failed with reason: "
        reason = f"{head}Step '{self._step}' failed while {status}: {why}"
        self._lines.append(reason)
        self._write_log()
        _log.warning("%s FAILED: %s", self._image["arn"], reason)
        self._reach("FAILED", reason=reason, failureContext=context)

    def _count(self, status: str) -> tuple[int, str] | None:
        """Note the state in the pipeline; if too many failures of its schedule disable it, how many, and its ARN."""
        pipeline = self._pipeline
        if pipeline is None:
            return None
        pipeline["lastRunStatus"] = status
        if status == "AVAILABLE":
            pipeline["consecutiveFailures"] = 0
        if status != "FAILED" or self._image["buildType"] != "SCHEDULED":
            return None
        pipeline["consecutiveFailures"] += 1
        count: int = pipeline["consecutiveFailures"]
        most = ((pipeline.get("schedule") or {}).get("autoDisablePolicy") or {}).get("failureCount")
        if not most or count < int(most) or pipeline["status"] == "DISABLED":
            return None
        pipeline["status"] = "DISABLED"
        return count, pipeline["arn"]

    def _may_log(self, actor: Actor, custom: bool) -> None:
        if custom:
            roles.write_log(actor, workflow.log_group(self._image), self._image)
        group = ((self._pipeline or {}).get("loggingConfiguration") or {}).get("pipelineLogGroupName")
        if group and not group.startswith("/aws/imagebuilder/"):
            roles.write_log(actor, group, {"version": f"{datetime.now(UTC):%Y/%m/%d}"})
        if self._pipeline is not None:
            name = self._pipeline["name"]
            said = {"message": f"Image {self._image['arn']} is being built.", "pipelineArn": self._pipeline["arn"]}
            where = group or f"/aws/imagebuilder/pipeline/{name}"
            _write(where, f"{datetime.now(UTC):%Y/%m/%d}", [json.dumps(said)])

    def _write_log(self) -> None:
        lines, self._lines = self._lines, []
        _write(workflow.log_group(self._image), self._image["version"], lines)


def _write(group: str, stream: str, lines: list[str]) -> None:
    where = {"logGroupName": group, "logStreamName": stream}
    if group not in cloudwatch_logs._log_groups:
        cloudwatch_logs._create_log_group(where)
    cloudwatch_logs._create_log_stream(where)
    entries = [{"timestamp": int(time.time() * 1000), "message": line} for line in lines]
    if entries:
        cloudwatch_logs._put_log_events({**where, "logEvents": entries})


def announce_findings(image: Record, instance: str, counts: dict[str, int]) -> None:
    """Tell what a scan found, which also a scan without findings does.

    Args:
        image: The image.
        instance: The instance that was scanned.
        counts: The findings by severity.
    """
    found = {name: int(counts.get(name, 0)) for name in ("critical", "high", "medium")}
    detail = {"resource-id": instance, "finding-severity-counts": {"all": sum(found.values()), **found}}
    pipeline = [image["sourcePipelineArn"]] if image.get("sourcePipelineArn") else []
    announcements.announce(announcements.FINDINGS, detail, image["arn"], *pipeline)
