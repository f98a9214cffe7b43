"""What a pipeline's actions do, with the role of the action or of the pipeline: source, build and approval."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

from ministack.core.responses import get_account_id, get_region
from ministack.services import sns

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Record

from . import artifacts, builds, codecommit, roles
from .artifacts import Place
from .pipelines import CHANGED, Execution, Pipeline, Run, stores

WHO = "codepipeline.amazonaws.com"
_SOURCE = ("GetBranch", "GetCommit", "UploadArchive", "GetUploadArchiveStatus")
_DAYS = 7


class ActionError(Exception):
    """An action fails; with the code that CodePipeline has for it."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


class Work:
    """What an action has in hand.

    Args:
        pipeline: The pipeline.
        execution: The execution.
        run: The run of the action.

    Attributes:
        pipeline: The pipeline.
        execution: The execution.
        run: The run of the action.
        region: Where the action works.
        session: The role that it acts with.
    """

    pipeline: Pipeline
    execution: Execution
    run: Run
    region: str
    session: access.Session

    def __init__(self, pipeline: Pipeline, execution: Execution, run: Run) -> None:
        self.pipeline, self.execution, self.run = pipeline, execution, run
        self.region = run.action.get("region") or get_region()
        self._own = roles.assume(execution.declaration["roleArn"], WHO, self.region, pipeline.arn)
        role = run.action.get("roleArn")
        self.session = roles.assume_from(self._own, role, self.region) if role else self._own
        given = run.action.get("configuration") or {}
        run.configuration = {name: self._replaced(value) for name, value in given.items()}
        run.inputs = {one["name"]: self._near(one["name"]) for one in run.action.get("inputArtifacts") or []}
        suffix = "" if run.action["actionTypeId"]["category"] in ("Build", "Test") else ".zip"
        made = [one["name"] for one in run.action.get("outputArtifacts") or []]
        run.outputs = {name: artifacts.place(pipeline.name, name, self._store(), suffix) for name in made}

    def _store(self) -> dict[str, str]:
        found = stores(self.execution.declaration)
        if self.region not in found:
            raise ActionError("ConfigurationError", f"The pipeline has no artifact store in {self.region}")
        return found[self.region]

    def _near(self, name: str) -> Place:
        """Where an artifact is in the action's region; the pipeline copies those of other regions."""
        at, store = self.execution.places[name], self._store()
        if at.bucket == store["location"]:
            return at
        copy = Place(store["location"], at.key, store["key"])
        artifacts.write(self._own, copy, artifacts.read(self._own, at))
        return copy

    def _replaced(self, text: str) -> str:
        """A value of the configuration with its variables replaced."""

        def value(found: re.Match[str]) -> str:
            namespace, _, name = found[1].partition(".")
            own = {"PipelineExecutionId": self.execution.id}
            known = {"codepipeline": own, "variables": self.execution.variables, **self.execution.namespaces}
            if name not in known.get(namespace, {}):
                raise ActionError("ConfigurationError", f"The variable {found[0]} could not be resolved")
            return known[namespace][name]

        return re.sub(r"#\{([^}]+)\}", value, str(text))

    def input(self, name: str) -> bytes:
        """An input artifact.

        Args:
            name: Its name.

        Raises:
            ActionError: If the action has no such input.
            access.Refused: If the role may not read it.
        """
        if name not in self.run.inputs:
            raise ActionError("ConfigurationError", f"The action has no input artifact {name}")
        return artifacts.read(self.session, self.run.inputs[name])

    def output(self, files: dict[str, tuple[bytes, bool]]) -> None:
        """Write the action's only output artifact, if it has one.

        Args:
            files: Its files.

        Raises:
            access.Refused: If the role may not write it.
        """
        for at in self.run.outputs.values():
            artifacts.write(self.session, at, artifacts.packed(files))

    def wait(self, ready: Callable[[], bool], timeout: float | None = None) -> bool:
        """Wait until something is so or the execution is abandoned.

        Args:
            ready: Whether it is.
            timeout: The longest wait in seconds; None for any.

        Returns:
            Whether the wait ended in time.
        """
        with CHANGED:
            return CHANGED.wait_for(lambda: self.execution.abandoned or ready(), timeout)


def perform(pipeline: Pipeline, execution: Execution, run: Run) -> str:
    """Do what an action is for.

    Args:
        pipeline: The pipeline.
        execution: The execution.
        run: The run of the action; what came of it is noted there.

    Returns:
        What has become of it.
    """
    from . import deployments

    kinds = {"CodeCommit": _source, "CodeBuild": _build, "Manual": _approval, "CloudFormation": deployments.deploy}
    try:
        work = Work(pipeline, execution, run)
        kinds[run.action["actionTypeId"]["provider"]](work)
    except ActionError as error:
        run.error = {"code": error.code, "message": str(error)}
    except access.Refused as error:
        lead = "The provided role does not have permissions to perform this action. Underlying error"
        run.error = {"code": "PermissionError", "message": f"{lead}: {error}"}
    except Fault as error:
        run.error = {"code": "ConfigurationError", "message": f"{error.code}: {error}"}
    except Exception as error:
        run.error = {"code": "InternalError", "message": str(error)}
        run.end("Failed")
        raise
    if run.error:
        return "Failed"
    execution.places |= run.outputs
    if run.action.get("namespace"):
        execution.namespaces[run.action["namespace"]] = run.variables
    return "Succeeded"


def _source(work: Work) -> None:
    name, branch = work.run.configuration["RepositoryName"], work.run.configuration["BranchName"]
    arn = f"arn:aws:codecommit:{work.region}:{get_account_id()}:{name}"
    for action in _SOURCE:
        access.require(work.session, f"codecommit:{action}", arn)
    if work.run.configuration.get("OutputArtifactFormat", "CODE_ZIP") != "CODE_ZIP":
        raise ActionError("ConfigurationError", "the sandbox has no full clones of repositories")
    found = codecommit.repository(name)
    if branch not in found.branches:
        where = f"in the selected AWS CodeCommit repository {name}. Make sure you are using the correct branch name"
        raise ActionError("ConfigurationError", f"The action failed because no branch named {branch} was found {where}")
    commit = codecommit.commit(found, work.execution.revisions.get(work.run.name, branch))
    work.output(found.exported(commit.id))
    moment = datetime.fromtimestamp(commit.committer.moment, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    work.run.revision = commit.id
    work.run.external = {"id": commit.id, "summary": commit.message}
    work.run.variables = {
        "RepositoryName": name,
        "BranchName": branch,
        "CommitId": commit.id,
        "CommitMessage": commit.message,
        "AuthorDate": moment,
        "CommitterDate": moment,
    }


def _build(work: Work) -> None:
    given, run = work.run.configuration, work.run
    name = given["ProjectName"]
    arn = f"arn:aws:codebuild:{work.region}:{work.session.account}:project/{name}"
    for action in ("StartBuild", "BatchGetBuilds"):
        access.require(work.session, f"codebuild:{action}", arn)
    if given.get("BatchEnabled", "false").lower() == "true":
        raise ActionError("ConfigurationError", "the sandbox has no batch builds")
    primary = given.get("PrimarySource") or next(iter(run.inputs))
    inputs = {primary: run.inputs[primary], **run.inputs}
    variables: list[Record] = json.loads(given.get("EnvironmentVariables") or "[]")
    who = f"codepipeline/{work.pipeline.name}"
    build = builds.begin(name, who, variables, inputs[primary].arn, inputs, run.outputs)
    id = build.record["id"]
    run.external = {"id": id, "url": build.record["logs"]["deepLink"]}
    while not build.over.wait(0.05):
        if work.execution.abandoned:
            builds.stop(id)
    run.variables = build.exported
    if build.record["buildStatus"] != "SUCCEEDED":
        said = [f"{one['message']}" for phase in build.record["phases"] for one in phase.get("contexts") or []]
        state = build.record["buildStatus"]
        raise ActionError("JobFailed", " / ".join([f"Build terminated with state: {state}", *said]))


def _approval(work: Work) -> None:
    given, run = work.run.configuration, work.run
    expires = datetime.now(UTC) + timedelta(minutes=int(run.action.get("timeoutInMinutes") or _DAYS * 24 * 60))
    token = str(uuid4())
    topic = given.get("NotificationArn")
    if topic:
        _ask(work, topic, token, expires)
    with CHANGED:
        run.token = token
        CHANGED.notify_all()
    decided = work.wait(lambda: "decision" in run.external, (expires - datetime.now(UTC)).total_seconds())
    run.token = ""
    if work.execution.abandoned:
        raise ActionError("JobFailed", "The execution was abandoned")
    if not decided:
        raise ActionError("JobFailed", "The approval action timed out")
    if run.external.pop("decision", "") == "Rejected":
        raise ActionError("JobFailed", f"Rejected by {run.external.get('by', '')}: {run.external.get('summary', '')}")


def _ask(work: Work, topic: str, token: str, expires: datetime) -> None:
    """Publish to the topic that an approval is needed, with the action's role."""
    access.require(work.session, "sns:Publish", topic)
    found: Any = sns._topics.get(topic)
    if found is None:
        raise ActionError("ConfigurationError", f"The topic {topic} does not exist")
    access.require_key(work.session, access.own_key(found), "sns")
    name, given = work.pipeline.name, work.run.configuration
    console = f"https://console.aws.amazon.com/codesuite/codepipeline/pipelines/{name}/view?region={work.region}"
    approval = {
        "pipelineName": name,
        "stageName": work.run.stage,
        "actionName": work.run.name,
        "token": token,
        "expires": expires.strftime("%Y-%m-%dT%H:%MZ"),
        "externalEntityLink": given.get("ExternalEntityLink"),
        "approvalReviewLink": f"{console}#/{work.run.stage}/{work.run.name}/approve/{token}",
        "customData": given.get("CustomData"),
    }
    text = {"region": work.region, "consoleLink": console, "approval": approval}
    subject = f"APPROVAL NEEDED: AWS CodePipeline {name[:30]} for action {work.run.name[:25]}"
    sns.publish_internal(topic, json.dumps(text), subject=subject)
