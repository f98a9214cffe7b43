"""Component documents: read, checked as far as builds need it, and their values filled in."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from .state import Fault, Record

PHASES = ("build", "validate", "test")
_NAMES = (
    "AppendFile Assert CopyFile CopyFolder CreateFile CreateFolder CreateSymlink DeleteFile DeleteFolder ExecuteBash "
    "ExecuteBinary ExecuteDocument ExecutePowerShell InstallMSI ListFiles MoveFile MoveFolder ReadFile Reboot "
    "S3Download S3Upload SetFileEncoding SetFileOwner SetFilePermissions SetFolderOwner SetFolderPermissions "
    "SetRegistry UninstallMSI UpdateOS WebDownload"
)
ACTIONS = frozenset(_NAMES.split())
"""The action modules that there are."""


@dataclass(frozen=True)
class Step:
    """A step of a component.

    Attributes:
        phase: Its phase.
        name: Its name.
        action: Its action module.
        inputs: What the action gets, with values filled in.
        on_failure: ``Abort``, ``Continue`` or ``Ignore``.
        attempts: How often it is tried.
        seconds: How long it may take.
    """

    phase: str
    name: str
    action: str
    inputs: Any
    on_failure: str
    attempts: int
    seconds: float


def parsed(text: str) -> Record:
    """A document, checked.

    Args:
        text: YAML or JSON.

    Raises:
        Fault: If it is not a component document.
    """
    try:
        found = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise _invalid(f"it is not YAML: {error}") from error
    if not isinstance(found, dict) or str(found.get("schemaVersion")) != "1.0":
        raise _invalid("its schemaVersion must be 1.0")
    phases = found.get("phases")
    if not isinstance(phases, list) or not phases:
        raise _invalid("it must have phases")
    for phase in phases:
        _check(phase)
    return found


def _check(phase: Any) -> None:
    if not isinstance(phase, dict) or not isinstance(phase.get("steps"), list) or not phase["steps"]:
        raise _invalid("each phase must have a name and steps")
    for step in phase["steps"]:
        if not isinstance(step, dict) or not step.get("name") or step.get("action") not in ACTIONS:
            raise _invalid(f"phase {phase.get('name')} has a step without name or with an unknown action: {step}")
        if step["action"] == "ExecuteBash" and not isinstance((step.get("inputs") or {}).get("commands"), list):
            raise _invalid(f"step {step['name']} must have commands, a list")


def _invalid(why: str) -> Fault:
    return Fault("InvalidRequestException", f"The value supplied for parameter 'data' is not valid: {why}.")


def kind(document: Mapping[str, Any]) -> str:
    """``TEST`` of a document that has nothing but a test phase, else ``BUILD``.

    Args:
        document: The document.
    """
    return "TEST" if [phase["name"] for phase in document["phases"]] == ["test"] else "BUILD"


def parameters(document: Mapping[str, Any]) -> dict[str, Record]:
    """The parameters of a document, by name.

    Args:
        document: The document.
    """
    return {name: about for one in document.get("parameters") or [] for name, about in one.items()}


def values(document: Mapping[str, Any], given: Mapping[str, list[str]]) -> dict[str, str]:
    """The values of a document's constants and parameters.

    Args:
        document: The document.
        given: What the recipe says.

    Raises:
        Fault: If a parameter is unknown or has no value.
    """
    known = parameters(document)
    if strange := set(given) - set(known):
        raise Fault("InvalidRequestException", f"The component has no parameter {', '.join(sorted(strange))}.")
    found = {name: about["value"] for one in document.get("constants") or [] for name, about in one.items()}
    for name, about in known.items():
        if name not in given and "default" not in about:
            raise Fault("InvalidRequestException", f"The parameter {name} of the component must have a value.")
        found[name] = given[name][0] if name in given else about["default"]
    return found


def steps(document: Mapping[str, Any], phase: str, filled: Mapping[str, str]) -> Iterator[Step]:
    """The steps of a phase.

    Args:
        document: The document.
        phase: The phase.
        filled: Values by name; those of outputs may be added between steps.
    """
    for one in document["phases"]:
        for step in one["steps"] if one["name"] == phase else ():
            seconds = float(step.get("timeoutSeconds", 7200))
            yield Step(
                phase,
                step["name"],
                step["action"],
                _filled(step.get("inputs"), filled),
                step.get("onFailure", "Abort"),
                int(step.get("maxAttempts", 1)),
                seconds if seconds > 0 else 7200,
            )


def _filled(value: Any, known: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {name: _filled(item, known) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, known) for item in value]
    if not isinstance(value, str):
        return value
    return re.sub(r"\{\{\s*([\w.-]+)\s*\}\}", lambda found: known.get(found[1], found[0]), value)
