"""What CodePipeline remembers: pipelines, their executions, and the runs of their actions."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ministack.core.responses import AccountRegionScopedDict, get_account_id, get_region

from sandbox.adapters.json_rpc import Fault, Record

from .artifacts import Place
from .state import now

PIPELINES: Any = AccountRegionScopedDict()
"""The pipelines by their names."""
CHANGED = threading.Condition()
"""Notified whenever something of an execution has changed."""
PROVIDERS = {
    ("Approval", "Manual"),
    ("Build", "CodeBuild"),
    ("Deploy", "CloudFormation"),
    ("Source", "CodeCommit"),
    ("Test", "CodeBuild"),
}
"""The actions that the sandbox has, by category and provider."""
_LEFT_OUT = ("beforeEntry", "onSuccess", "onFailure")


@dataclass
class Run:
    """A run of an action.

    Attributes:
        action: The action, as the pipeline declares it.
        stage: Its stage.
        id: Its id.
        status: What has become of it.
        started: When it began.
        updated: When its status last changed.
        configuration: The action's configuration with all variables replaced.
        token: What an approval must be answered with; empty for none.
        external: Id, URL and summary of what it started.
        error: What went wrong: code and message.
        variables: What later actions can use of it.
        inputs: The artifacts that it reads.
        outputs: The artifacts that it makes.
        revision: The revision of its source; empty for none.
    """

    action: Record
    stage: str
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "InProgress"
    started: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    configuration: dict[str, str] = field(default_factory=dict)
    token: str = ""
    external: dict[str, str] = field(default_factory=dict)
    error: dict[str, str] = field(default_factory=dict)
    variables: dict[str, str] = field(default_factory=dict)
    inputs: dict[str, Place] = field(default_factory=dict)
    outputs: dict[str, Place] = field(default_factory=dict)
    revision: str = ""

    @property
    def name(self) -> str:
        """The action's name."""
        return str(self.action["name"])

    def end(self, status: str) -> bool:
        """End it, unless it has ended.

        Args:
            status: What becomes of it.

        Returns:
            Whether this has ended it.
        """
        with CHANGED:
            open_still = self.status == "InProgress"
            if open_still:
                self.status, self.updated = status, now()
            CHANGED.notify_all()
        return open_still


@dataclass
class Execution:
    """An execution of a pipeline.

    Attributes:
        pipeline: The pipeline's name.
        declaration: The pipeline as it was when it began.
        trigger: What started it: type and detail.
        number: How many there were before it.
        variables: The values of the pipeline's variables.
        revisions: The revisions that its source actions must take, by their names.
        id: Its id.
        status: What has become of it.
        summary: What there is to say of that.
        started: When it began.
        updated: When its status last changed.
        attempt: How often it was begun.
        stages: What has become of the stages it was in.
        runs: The runs of actions, in their order.
        namespaces: The variables of its actions, by their namespaces.
        places: Where its artifacts are.
        abandoned: Whether it was stopped without waiting for its actions.
        why: Why it was stopped.
    """

    pipeline: str
    declaration: Record
    trigger: Record
    number: int
    variables: dict[str, str]
    revisions: dict[str, str]
    id: str = field(default_factory=lambda: str(uuid4()))
    status: str = "InProgress"
    summary: str = ""
    started: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    attempt: int = 1
    stages: dict[str, str] = field(default_factory=dict)
    runs: list[Run] = field(default_factory=list)
    namespaces: dict[str, dict[str, str]] = field(default_factory=dict)
    places: dict[str, Place] = field(default_factory=dict)
    abandoned: bool = False
    why: str = ""


@dataclass
class Pipeline:
    """A pipeline.

    Attributes:
        declaration: What it is, in the form of the API, with its version.
        arn: Its ARN.
        created: When it was made.
        updated: When it was last changed.
        tags: Its tags.
        executions: Its executions, the oldest first.
        tokens: The executions that requests with a token started.
        holders: The execution that each stage is locked by.
        waiting: The executions that wait to enter a stage, the oldest first.
        latest: The execution that was in a stage last.
        disabled: Why a stage lets no execution in.
    """

    declaration: Record
    arn: str
    created: float = field(default_factory=now)
    updated: float = field(default_factory=now)
    tags: dict[str, str] = field(default_factory=dict)
    executions: list[Execution] = field(default_factory=list)
    tokens: dict[str, Execution] = field(default_factory=dict)
    holders: dict[str, Execution] = field(default_factory=dict)
    waiting: dict[str, list[Execution]] = field(default_factory=dict)
    latest: dict[str, Execution] = field(default_factory=dict)
    disabled: dict[str, Record] = field(default_factory=dict)

    @property
    def name(self) -> str:
        """Its name."""
        return str(self.declaration["name"])


def find(name: str) -> Pipeline:
    """A pipeline.

    Args:
        name: Its name.

    Raises:
        Fault: If there is none.
    """
    found: Pipeline | None = PIPELINES.get(name)
    if found is None:
        message = f"Account '{get_account_id()}' does not have a pipeline with name '{name}'"
        raise Fault("PipelineNotFoundException", message)
    return found


def create(declaration: Record, tags: Mapping[str, str]) -> Pipeline:
    """Make a pipeline; it does not run yet.

    Args:
        declaration: What it is, in the form of the API.
        tags: Its tags.

    Raises:
        Fault: If there is one of this name, or its structure is not valid.
    """
    name = declaration["name"]
    if name in PIPELINES:
        raise Fault("PipelineNameInUseException", f"A pipeline with the name '{name}' already exists in account")
    arn = f"arn:aws:codepipeline:{get_region()}:{get_account_id()}:{name}"
    PIPELINES[name] = Pipeline(_checked(declaration) | {"version": 1}, arn, tags=dict(tags))
    return find(name)


def update(declaration: Record) -> Pipeline:
    """Change a pipeline; executions that are under way go on as they began.

    Args:
        declaration: What it is to be.

    Raises:
        Fault: If there is none of this name, or its structure is not valid.
    """
    found = find(declaration["name"])
    found.declaration = _checked(declaration) | {"version": found.declaration["version"] + 1}
    found.updated = now()
    return found


def stores(declaration: Mapping[str, Any]) -> dict[str, dict[str, str]]:
    """Where a pipeline's artifacts go: bucket and key of each region.

    Args:
        declaration: The pipeline.
    """
    single = declaration.get("artifactStore")
    given = declaration.get("artifactStores") or {get_region(): single}
    return {
        region: {"location": store["location"], "key": (store.get("encryptionKey") or {}).get("id", "")}
        for region, store in given.items()
        if store
    }


def _checked(declaration: Record) -> Record:
    for problem in _problems(declaration):
        raise Fault("InvalidStructureException", problem)
    settled = {"executionMode": "SUPERSEDED", "pipelineType": "V1", **declaration}
    if settled["executionMode"] != "SUPERSEDED" and settled["pipelineType"] != "V2":
        raise Fault("InvalidStructureException", f"Execution mode {settled['executionMode']} needs pipeline type V2")
    return settled


def _problems(declaration: Record) -> Iterator[str]:
    stages = declaration["stages"]
    if len(stages) < 2:
        yield "Pipeline has too few stages. There should be a minimum of 2 stages in pipeline"
        return
    if not stores(declaration):
        yield "The pipeline must have an artifact store"
    if len({stage["name"] for stage in stages}) < len(stages):
        yield "Stage names must be unique within the pipeline"
    made: set[str] = set()
    for number, stage in enumerate(stages):
        yield from _of_stage(stage, first=number == 0)
        for action in sorted(stage["actions"], key=lambda one: int(one.get("runOrder", 1))):
            for one in action.get("inputArtifacts") or []:
                if one["name"] not in made:
                    name, artifact = action["name"], one["name"]
                    yield f"Action {name}'s input artifact {artifact} is not declared as output of an earlier action"
            made |= {one["name"] for one in action.get("outputArtifacts") or []}


def _of_stage(stage: Record, *, first: bool) -> Iterator[str]:
    for name in _LEFT_OUT:
        if stage.get(name):
            yield f"the sandbox has no {name} of stages; add it to sandbox/adapters/delivery/engine.py"
    if len({action["name"] for action in stage["actions"]}) < len(stage["actions"]):
        yield f"Action names must be unique within stage {stage['name']}"
    for action in stage["actions"]:
        kind = action["actionTypeId"]
        if (kind["category"], kind["provider"]) not in PROVIDERS or kind["owner"] != "AWS":
            named = f"{kind['owner']} {kind['category']} {kind['provider']}"
            yield f"the sandbox has no action {named}; add it to sandbox/adapters/delivery/actions.py"
        if (kind["category"] == "Source") != first:
            yield "Source actions must be in the first stage, which can have no other actions"
