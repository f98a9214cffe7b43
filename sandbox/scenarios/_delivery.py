"""What the scenarios of image_builder_cicd have in common: a repository, a pipeline, images and a fleet."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from sandbox.operations import told
from sandbox.process import ROOT
from sandbox.run import Run

from . import Broken

APP = "ImageBuilderCicd"
IMAGE, FLEET = "GoldenImage", "Fleet"
REPOSITORY = ROOT / "examples" / "image_builder_cicd" / "image-repo"
SECONDS = 120
"""How long a run of the pipeline may take here, with a build that synthesizes two stacks."""

_NOT_SOURCE = ("cdk.out", "node_modules", "__pycache__")


def files() -> dict[str, bytes]:
    """Return the files of the sample repository, by path."""
    found = (path for path in sorted(REPOSITORY.rglob("*")) if path.is_file())
    relative = {path: path.relative_to(REPOSITORY) for path in found}
    return {str(at): path.read_bytes() for path, at in relative.items() if not any(map(_is_made, at.parts))}


def _is_made(name: str) -> bool:
    """Whether tools made a file or folder, such as a cache."""
    return name in _NOT_SOURCE or (name.startswith(".") and name != ".npmrc")


def commit(run: Run, message: str, changed: Mapping[str, bytes]) -> str:
    """Commit files to the repository that the pipeline listens to, and return the id of the commit.

    Args:
        run: The embedded AWS.
        message: What is changed.
        changed: Contents by path.
    """
    name, codecommit = run.outputs(APP)["RepositoryName"], run.client("codecommit")
    branches = codecommit.list_branches(repositoryName=name)["branches"]
    parent = {}
    if "main" in branches:
        head = codecommit.get_branch(repositoryName=name, branchName="main")["branch"]["commitId"]
        parent = {"parentCommitId": head}
    made = codecommit.create_commit(
        repositoryName=name,
        branchName="main",
        commitMessage=message,
        putFiles=[{"filePath": path, "fileContent": content} for path, content in changed.items()],
        **parent,
    )
    return str(made["commitId"])


def edited(path: str, old: str, new: str) -> dict[str, bytes]:
    """Return a file of the sample repository with a change.

    Args:
        path: The file.
        old: What is replaced.
        new: By what.
    """
    text = files()[path].decode()
    if old not in text:
        raise Broken(f"{path} of the sample repository must have {old!r} in it; mend the scenario")
    return {path: text.replace(old, new).encode()}


def executions(run: Run) -> list[dict[str, Any]]:
    """Return the runs of the pipeline, the latest first.

    Args:
        run: The embedded AWS.
    """
    name = run.outputs(APP)["PipelineName"]
    pages = run.client("codepipeline").get_paginator("list_pipeline_executions").paginate(pipelineName=name)
    return [one for page in pages for one in page["pipelineExecutionSummaries"]]


def finished(run: Run, known: int, status: str = "Succeeded") -> dict[str, Any]:
    """Wait until there is another run of the pipeline and it has ended, approving what it asks for.

    Args:
        run: The embedded AWS.
        known: How many runs there were before.
        status: What must become of it.
    """

    def ended() -> dict[str, Any] | None:
        approve(run)
        runs = executions(run)
        latest = runs[0] if len(runs) > known else None
        return latest if latest is not None and latest["status"] not in ("InProgress", "Stopping") else None

    found = run.wait("the end of the pipeline's run", ended, seconds=SECONDS)
    if found["status"] != status:
        raise Broken(f"the pipeline's run must be {status}, got {found['status']}: {'; '.join(failures(run))}")
    return found


def approve(run: Run, answer: str = "Approved") -> bool:
    """Answer what the pipeline asks, if it does.

    Args:
        run: The embedded AWS.
        answer: ``Approved`` or ``Rejected``.
    """
    codepipeline, name = run.client("codepipeline"), run.outputs(APP)["PipelineName"]
    for stage, action in _actions(run):
        latest = action.get("latestExecution", {})
        if action["actionName"] == "Approve" and latest.get("status") == "InProgress" and "token" in latest:
            codepipeline.put_approval_result(
                pipelineName=name,
                stageName=stage,
                actionName="Approve",
                result={"summary": "seen", "status": answer},
                token=latest["token"],
            )
            return True
    return False


def failures(run: Run) -> list[str]:
    """Return what the pipeline says of actions that failed.

    Args:
        run: The embedded AWS.
    """
    found = ((stage, action, action.get("latestExecution", {})) for stage, action in _actions(run))
    return [
        f"{stage}/{action['actionName']}: {latest.get('errorDetails', {}).get('message', '')}"
        for stage, action, latest in found
        if latest.get("status") == "Failed"
    ]


def _actions(run: Run) -> Iterator[tuple[str, dict[str, Any]]]:
    state = run.client("codepipeline").get_pipeline_state(name=run.outputs(APP)["PipelineName"])
    for stage in state["stageStates"]:
        for action in stage["actionStates"]:
            yield stage["stageName"], action


def image_id(run: Run, region: str = "") -> str:
    """Return the id of the image that the parameter has, or nothing.

    Args:
        run: The embedded AWS.
        region: The region; empty for that of the pipeline.
    """
    ssm = run.sandbox.client("ssm", region=region) if region else run.client("ssm")
    written = [one["Name"] for one in ssm.describe_parameters()["Parameters"]]
    found = [name for name in written if name.startswith(f"/imagebuilder/{IMAGE.lower()}-")]
    return str(ssm.get_parameter(Name=found[0])["Parameter"]["Value"]) if found else ""


def in_service(run: Run) -> list[str]:
    """Return the images of the instances that are in service.

    Args:
        run: The embedded AWS.
    """
    name = run.resource(FLEET, "AWS::AutoScaling::AutoScalingGroup")
    (group,) = run.client("autoscaling").describe_auto_scaling_groups(AutoScalingGroupNames=[name])["AutoScalingGroups"]
    ids = [one["InstanceId"] for one in group["Instances"] if one["LifecycleState"] == "InService"]
    if not ids:
        return []
    reservations = run.client("ec2").describe_instances(InstanceIds=ids)["Reservations"]
    return sorted(one["ImageId"] for reservation in reservations for one in reservation["Instances"])


def fewest(run: Run, since: float = 0) -> int:
    """Return how few instances were ready at any moment, once there were enough of them.

    Args:
        run: The embedded AWS.
        since: From which second of the group's life on.
    """
    name = run.resource(FLEET, "AWS::AutoScaling::AutoScalingGroup")
    points = told(run, "/_sandbox/fleet/history", {"group": name})["history"]
    ready = [point[1] for point in points if point[0] >= since]
    full = next((at for at, number in enumerate(ready) if number >= 2), 0)
    return int(min(ready[full:], default=0))


def pipeline_arn(run: Run) -> str:
    """Return the pipeline of Image Builder.

    Args:
        run: The embedded AWS.
    """
    return run.resource(IMAGE, "AWS::ImageBuilder::ImagePipeline")


def images(run: Run) -> list[dict[str, Any]]:
    """Return the images that were built, the latest first.

    Args:
        run: The embedded AWS.
    """
    pages = run.client("imagebuilder").get_paginator("list_image_pipeline_images")
    found = [one for page in pages.paginate(imagePipelineArn=pipeline_arn(run)) for one in page["imageSummaryList"]]
    return sorted(found, key=lambda one: [int(number) for number in re.findall(r"\d+", one["version"])], reverse=True)
