"""The demo: deploy each architecture with the real CDK, drive it through its scenarios, delete it, see what is left."""

from __future__ import annotations

import contextlib
import json
import ssl
import subprocess
import time
import urllib.request
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError, WaiterError

from .cdk import Cdk, DeploymentFailed
from .display import Display
from .leftovers import Leftovers, Remains, stacks
from .process import Sandbox
from .run import Run
from .scenarios import Broken, Deployment, Outcome, Scenario, Script, regions, script

_BREAKS = (
    Broken,
    BotoCoreError,
    ClientError,
    OSError,
    subprocess.SubprocessError,
    LookupError,
    ValueError,
    RuntimeError,
)
"""What a scenario raises when something is not there or answers otherwise than it should."""


@dataclass(frozen=True)
class Row:
    """What became of a scenario.

    Attributes:
        title: The scenario's.
        seconds: How long it took.
        finished: Seconds from the start of the demo to its end.
        outcome: What it did; None if it broke.
        problem: Why it broke.
    """

    title: str
    seconds: float
    finished: float
    outcome: Outcome | None = None
    problem: str = ""


@dataclass
class Result:
    """What became of an architecture.

    Attributes:
        architecture: Its name.
        stacks: The stacks that were to be deployed.
        types: How many resources of each type were deployed.
        recorded: The types that are only recorded, not emulated.
        deploy_seconds: How long ``cdk deploy`` took.
        destroy_seconds: How long ``cdk destroy`` took.
        planned: How many scenarios it has.
        rows: Those that were run.
        problem: Why it could not be deployed.
        destroy_problem: Why it could not be deleted.
        remains: What is left of it; None if that was not looked at.
    """

    architecture: str
    stacks: tuple[str, ...]
    types: Counter[str] = field(default_factory=Counter)
    recorded: frozenset[str] = frozenset()
    deploy_seconds: float = 0
    destroy_seconds: float = 0
    planned: int = 0
    rows: list[Row] = field(default_factory=list)
    problem: str = ""
    destroy_problem: str = ""
    remains: Remains | None = None

    @property
    def problems(self) -> list[str]:
        """Everything that did not hold, a line each."""
        said = [
            self.problem,
            *(f"{row.title}: {row.problem}" for row in self.rows if row.problem),
            self.destroy_problem,
        ]
        return [*filter(None, said), *(self.remains.problems if self.remains else ())]

    @property
    def ok(self) -> bool:
        """Whether everything held."""
        return not self.problems and bool(self.rows)


class Demo:
    """A run of the demo.

    Args:
        sandbox: The running sandbox.
        display: Shows what is going on.
        started: When the demo was started, on the monotonic clock.
    """

    def __init__(self, sandbox: Sandbox, display: Display, started: float) -> None:
        self._sandbox = sandbox
        self._display = display
        self._started = started
        self._cdk = Cdk(sandbox, display.say)

    def run(self, scripts: Sequence[Script]) -> list[Result]:
        """Run the demo of architectures, one after the other.

        Args:
            scripts: Their demos.

        Raises:
            DeploymentFailed: If the account cannot be bootstrapped.
            SandboxFailed: If the embedded AWS ends.
        """
        for one in scripts:
            for deployment in one.deployments:
                self._cdk.synthesize(deployment)
        with self._display.step("cdk bootstrap"):
            self._cdk.bootstrap(regions(scripts))
        return [self._architecture(one) for one in scripts]

    def _architecture(self, script: Script) -> Result:
        run = Run(self._sandbox, self._display.say, script.regions)
        stacks = tuple(stack for deployment in script.deployments for stack in deployment.stacks)
        result = Result(script.architecture, stacks, recorded=kinds(self._sandbox), planned=len(script.scenarios))
        leftovers = Leftovers(run)
        begun: list[Deployment] = []
        try:
            self._deploy(script, result, leftovers, begun)
        except DeploymentFailed as failure:
            result.problem = str(failure)
            self._display.line(f"{script.architecture}: BROKEN: {failure}", "red")
        if not result.problem:
            result.rows = [self._scenario(one, run, script) for one in script.scenarios]
        self._withdraw(begun, result, leftovers, run)
        self._destroy(begun, result)
        if not result.problem:
            with self._display.step(f"{script.architecture}: what is left?"):
                result.remains = leftovers.check()
        return result

    def _deploy(self, script: Script, result: Result, leftovers: Leftovers, begun: list[Deployment]) -> None:
        began = time.monotonic()
        for deployment in script.deployments:
            with self._display.step(f"cdk synth of {deployment.app}"):
                self._cdk.assembly(deployment)
            begun.append(deployment)
            with self._display.step(f"cdk deploy {' '.join(deployment.stacks)}"):
                self._cdk.deploy(deployment)
            deployed = leftovers.remember(deployment.stacks)
            result.types.update(one.type for one in deployed)
        result.deploy_seconds = time.monotonic() - began

    def _withdraw(self, begun: Sequence[Deployment], result: Result, leftovers: Leftovers, run: Run) -> None:
        """Delete the stacks that pipelines deployed, the last one first."""
        there = {(region, name) for region in run.regions for name in stacks(run, region)}
        names = [name for deployment in begun for name in deployment.deploys if (run.region(name), name) in there]
        result.types.update(one.type for one in leftovers.remember(names))
        for name in reversed(names):
            cloudformation = run.client("cloudformation", run.region(name))
            with self._display.step(f"deletion of stack {name}"):
                cloudformation.delete_stack(StackName=name)
                try:
                    waiter = cloudformation.get_waiter("stack_delete_complete")
                    waiter.wait(StackName=name, WaiterConfig={"Delay": 1, "MaxAttempts": 60})
                except WaiterError as failure:
                    result.destroy_problem = f"stack {name} must be deleted, got {failure}"

    def _destroy(self, begun: Sequence[Deployment], result: Result) -> None:
        began = time.monotonic()
        for deployment in reversed(begun):
            try:
                with self._display.step(f"cdk destroy {' '.join(deployment.stacks)}"):
                    self._cdk.destroy(deployment)
            except DeploymentFailed as failure:
                result.destroy_problem = str(failure)
        result.destroy_seconds = time.monotonic() - began

    def _scenario(self, scenario: Scenario, run: Run, script: Script) -> Row:
        began = time.monotonic()
        outcome, problem = None, ""
        number = f"{script.scenarios.index(scenario) + 1}/{len(script.scenarios)}"
        with self._display.step(f"{script.architecture} {number}: {scenario.title}"):
            try:
                outcome = run.play(scenario)
            except _BREAKS as error:
                self._sandbox.check()
                problem = str(error) if isinstance(error, Broken) else f"{type(error).__name__}: {error}"
        if problem:
            self._display.line(f"{script.architecture} {number}: BROKEN: {problem}", "red")
        now = time.monotonic()
        return Row(scenario.title, now - began, now - self._started, outcome, problem)


def run(architectures: Sequence[str], json_file: Path | None = None, display: Display | None = None) -> int:
    """Run the demo of architectures, show the table, and return the exit status: 1 if anything did not hold.

    Args:
        architectures: Their names.
        json_file: Where the results go too; None for nowhere.
        display: Shows what is going on; None for standard output.

    Raises:
        DeploymentFailed: If the account cannot be bootstrapped.
        SandboxFailed: If the embedded AWS does not start, or ends.
    """
    started = time.monotonic()
    display = display or Display()
    scripts = [script(name) for name in architectures]
    with contextlib.ExitStack() as running:
        with display.step("start of the embedded AWS"):
            sandbox = running.enter_context(Sandbox())
        results = Demo(sandbox, display, started).run(scripts)
    display.table(results)
    display.verdict(results)
    if json_file is not None:
        json_file.write_text(json.dumps([_as_json(one) for one in results], indent=2) + "\n")
    return 0 if all(one.ok for one in results) else 1


def kinds(sandbox: Sandbox) -> frozenset[str]:
    """Return the resource types that the embedded AWS only records.

    Args:
        sandbox: The running sandbox.
    """
    trust = ssl.create_default_context(cafile=str(sandbox.ca))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    with direct.open(f"{sandbox.endpoint}/_sandbox/types", timeout=10) as answer:
        return frozenset(json.load(answer)["recorded"])


def _as_json(result: Result) -> dict[str, Any]:
    remains = result.remains
    return {
        "architecture": result.architecture,
        "ok": result.ok,
        "problems": result.problems,
        "stacks": list(result.stacks),
        "resources": dict(sorted(result.types.items())),
        "recorded": sorted(result.recorded & set(result.types)),
        "deploy_seconds": round(result.deploy_seconds, 2),
        "destroy_seconds": round(result.destroy_seconds, 2),
        "scenarios": [{**asdict(row), "ok": row.outcome is not None} for row in result.rows],
        "remains": remains and {**asdict(remains), "kept": [str(one) for one in remains.kept]},
    }
