"""A build specification, read as CodeBuild reads it; what the sandbox cannot do is refused, not passed over."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

PHASES = ("install", "pre_build", "build", "post_build")
_TOP = {"version", "env", "phases", "artifacts", "cache"}
_ENV = {"variables", "parameter-store", "exported-variables", "shell"}
_PHASE = {"commands", "finally", "runtime-versions"}
_ARTIFACTS = {"files", "base-directory", "discard-paths", "name", "exclude-paths", "secondary-artifacts"}


class BuildspecError(ValueError):
    """A build specification is not valid, or asks for what the sandbox lacks."""


@dataclass(frozen=True)
class Phase:
    """What is done in a phase.

    Attributes:
        commands: The commands, until one fails.
        always: The commands after them, in any case.
    """

    commands: tuple[str, ...] = ()
    always: tuple[str, ...] = ()


@dataclass(frozen=True)
class Output:
    """Files that a build leaves.

    Attributes:
        files: Patterns of their paths.
        base: The folder that the patterns start from, relative to the source.
        flat: Whether their folders are left out.
        without: Patterns of the paths that are left out.
    """

    files: tuple[str, ...]
    base: str = ""
    flat: bool = False
    without: tuple[str, ...] = ()

    def collect(self, source: Path) -> dict[str, tuple[bytes, bool]]:
        """The files, with their content and whether they can be executed, by their paths.

        Args:
            source: The folder of the source.

        Raises:
            BuildspecError: If there are none.
        """
        start = (source / self.base).resolve()
        if not start.is_dir():
            raise BuildspecError(f"no matching base directory path found for {self.base}")
        left_out = {path for pattern in self.without for path in start.glob(pattern)}
        found = {path for pattern in self.files for path in start.glob(pattern) if path.is_file()} - left_out
        if not found:
            raise BuildspecError(f"no matching artifact paths found in {', '.join(self.files)}")
        return {
            path.name if self.flat else path.relative_to(start).as_posix(): (
                path.read_bytes(),
                bool(path.stat().st_mode & 0o100),
            )
            for path in found
        }


@dataclass(frozen=True)
class Buildspec:
    """A build specification.

    Attributes:
        variables: Environment variables.
        parameters: The names of Systems Manager parameters by the variables that get their values.
        exported: The variables that later actions of a pipeline can use.
        phases: What is done, by the name of the phase.
        artifacts: What is left; None for nothing.
        secondary: What else is left, by its identifier.
    """

    variables: Mapping[str, str] = field(default_factory=dict)
    parameters: Mapping[str, str] = field(default_factory=dict)
    exported: tuple[str, ...] = ()
    phases: Mapping[str, Phase] = field(default_factory=dict)
    artifacts: Output | None = None
    secondary: Mapping[str, Output] = field(default_factory=dict)


def parse(text: str) -> Buildspec:
    """Read a build specification.

    Args:
        text: YAML or JSON.

    Raises:
        BuildspecError: If it is not valid.
    """
    try:
        document = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise BuildspecError(f"the buildspec is not YAML: {error}") from error
    if not isinstance(document, dict) or str(document.get("version")) != "0.2":
        raise BuildspecError("the buildspec must have version 0.2")
    _refuse(document, _TOP, "the buildspec")
    environment = document.get("env") or {}
    _refuse(environment, _ENV, "env")
    phases = document.get("phases") or {}
    _refuse(phases, set(PHASES), "phases")
    if not phases:
        raise BuildspecError("the buildspec must have phases")
    outputs = document.get("artifacts") or {}
    _refuse(outputs, _ARTIFACTS, "artifacts")
    return Buildspec(
        {str(name): _text(value) for name, value in (environment.get("variables") or {}).items()},
        dict(environment.get("parameter-store") or {}),
        tuple(environment.get("exported-variables") or ()),
        {name: _phase(name, one or {}) for name, one in phases.items()},
        _output(outputs) if "files" in outputs else None,
        {name: _output(one) for name, one in (outputs.get("secondary-artifacts") or {}).items()},
    )


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _phase(name: str, one: Mapping[str, Any]) -> Phase:
    _refuse(one, _PHASE, name)
    return Phase(tuple(map(_text, one.get("commands") or ())), tuple(map(_text, one.get("finally") or ())))


def _output(one: Mapping[str, Any]) -> Output:
    _refuse(one, _ARTIFACTS, "artifacts")
    patterns = tuple(one.get("files") or ())
    if any(pattern.startswith("/") for pattern in patterns):
        raise BuildspecError("the sandbox has no artifacts outside the source's folder")
    flat = str(one.get("discard-paths", "no")).lower() in ("yes", "true")
    return Output(patterns, str(one.get("base-directory") or ""), flat, tuple(one.get("exclude-paths") or ()))


def _refuse(given: Mapping[str, Any], known: set[str], where: str) -> None:
    for name in given:
        if name not in known:
            raise BuildspecError(f"the sandbox does not know {name} in {where}; known are {', '.join(sorted(known))}")
