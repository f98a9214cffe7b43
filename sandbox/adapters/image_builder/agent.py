"""What the agent does on an instance of a build: the steps of all components, phase by phase, with a log."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Iterator
from typing import Any

from . import documents
from .components import given_values, is_managed
from .documents import Step
from .instance import Instance, Result
from .state import Record, get

_REBOOT = 194


class StepFailed(Exception):
    """A step of a component failed.

    Args:
        component: The component.
        step: The step.
        why: What went wrong.
    """

    def __init__(self, component: str, step: Step, why: str) -> None:
        self.component, self.step, self.why = component, step, why
        place = f"step '{step.name}' of phase '{step.phase}'"
        super().__init__(f"Document {component} failed! {place} ({step.action}): {why}")


def apply(instance: Instance, recipe: Record, phases: tuple[str, ...], log: Callable[[str], None]) -> None:
    """Run phases of all components of a recipe.

    Args:
        instance: The instance.
        recipe: The recipe.
        phases: The phases, in their order.
        log: Takes a line about what was done.

    Raises:
        StepFailed: If a component fails.
    """
    for phase in phases:
        for chosen, build in zip(recipe["components"], recipe["componentBuilds"], strict=True):
            if is_managed(build):
                log(f"{phase}: {build} is a component of AWS and does nothing here")
            else:
                _phase(instance, build, phase, given_values(chosen), log)


def _phase(instance: Instance, build: str, phase: str, given: dict[str, list[str]], log: Callable[[str], None]) -> None:
    document = documents.parsed(get(build)["data"])
    filled = documents.values(document, given)
    failed: StepFailed | None = None
    for number, step in enumerate(list(documents.steps(document, phase, filled))):
        # What a step printed is known only now.
        current = list(documents.steps(document, phase, filled))[number]
        result = _done(instance, current)
        log(f"{build} {phase} {step.name} {step.action}: status {result.status} {result.output.strip()}".rstrip())
        filled[f"{phase}.{step.name}.outputs.stdout"] = result.output.strip()
        if result.status in (0, _REBOOT) or step.on_failure == "Ignore":
            continue
        last = (result.output.strip().splitlines() or ["no output"])[-1]
        failed = StepFailed(build, current, f"exit status {result.status}: {last}")
        if step.on_failure == "Abort":
            break
    if failed:
        raise failed


def _done(instance: Instance, step: Step) -> Result:
    commands = list(_commands(step))
    result = Result(0, "")
    for _ in range(max(step.attempts, 1)):
        result = instance.run(commands, step.seconds) if commands else Result(0, "recorded")
        if result.status in (0, _REBOOT):
            break
    return result


def _commands(step: Step) -> Iterator[str]:
    """The commands of a step; none for actions that only are recorded."""
    if step.action == "ExecuteBash":
        yield from step.inputs["commands"]
        return
    for one in step.inputs if isinstance(step.inputs, list) else ():
        yield from _of_file(step.action, one)


def _of_file(action: str, about: dict[str, Any]) -> Iterator[str]:
    path = shlex.quote(str(about.get("path", "")))
    content = shlex.quote(str(about.get("content", "")))
    if action in ("CreateFile", "AppendFile"):
        yield f"printf %s {content} {'>' if action == 'CreateFile' else '>>'} {path}"
    elif action == "CreateFolder":
        yield f"mkdir -p {path}"
    elif action in ("DeleteFile", "DeleteFolder"):
        yield f"rm -r{'f' if about.get('force') else ''} {path}"
    if action in ("CreateFile", "CreateFolder", "SetFilePermissions", "SetFolderPermissions"):
        if about.get("permissions"):
            yield f"chmod {shlex.quote(str(about['permissions']))} {path}"
    elif action in ("CopyFile", "CopyFolder", "MoveFile", "MoveFolder"):
        words = shlex.join([str(about["source"]), str(about["destination"])])
        yield f"{'cp -r' if action.startswith('Copy') else 'mv'} {words}"
