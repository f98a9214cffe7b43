"""Refusal of documents of components that AWS's component runner does not take.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html#document-schema
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cdk_refarch._parts.checks import Checks

from .component_actions import check_action
from .component_conditions import check_condition, check_loop
from .component_references import STAGES, Known, check_references
from .document_node import Node, check_plain
from .image_values import Platform

LINK = "https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html"

NAME = r"[A-Za-z0-9_-]{3,128}"
"""https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-user-defined-variables.html"""

OUTCOMES = ("Abort", "Continue", "Ignore")


def check_document(checks: Checks, argument: str, document: Any, platform: Platform) -> Mapping[str, bool]:
    """Check a document, and return the parameters that it declares, each with whether it must be given.

    Args:
        checks: The checks of the construct.
        argument: The argument that it was given by, as typed.
        document: The document.
        platform: What the image runs.

    Raises:
        ValueError: If the component runner would not take it, or could not do what it says.
    """
    node = Node(checks, argument, "", document)
    check_plain(node)
    remedy = f"see {LINK}"
    node.mapping(("schemaVersion", "phases"), ("name", "description", "parameters", "constants"), remedy=remedy)
    for key in ("name", "description"):
        if key in document:
            node.at(key).text()
    version = document["schemaVersion"]
    if not (version == "1.0" or (isinstance(version, float) and version == 1.0)):
        node.at("schemaVersion").refuse("1.0", repr(version), "there is no other yet")
    names: dict[str, bool] = {}
    constants: dict[str, bool] = {}
    if "parameters" in document:
        names = _names(node.at("parameters"), ("type",), ("default", "description"), {})
    if "constants" in document:
        constants = _names(node.at("constants"), ("type", "value"), (), names)
    _check_phases(node.at("phases"), platform, Known([*names, *constants]))
    return names


def _names(
    node: Node, required: tuple[str, ...], optional: tuple[str, ...], taken: Mapping[str, bool]
) -> dict[str, bool]:
    """Return the names of parameters or constants, each with whether it has no value."""
    found: dict[str, bool] = {}
    for one in node.items(remedy="give a list of mappings from one name each"):
        if not isinstance(one.value, Mapping) or len(one.value) != 1:
            one.refuse("a mapping with one name", one.shown(), "put a dash before each name")
        name = next(iter(one.value))
        one.checks.matches(
            f"{one.argument} {one.path}",
            name,
            NAME,
            rule="a name of 3 to 128 letters, digits, - and _",
            remedy="give it another name",
        )
        if name in found or name in taken:
            one.refuse("a name that the document does not have yet", repr(name), "give one of them another name")
        inner = one.at(name)
        inner.mapping(required, optional, remedy=f"see {LINK}")
        inner.at("type").one_of(("string",))
        for key in ("value", "default", "description"):
            if key in inner.value:
                inner.at(key).text()
        found[name] = "default" not in inner.value
    return found


def _check_phases(node: Node, platform: Platform, known: Known) -> None:
    seen: set[str] = set()
    for phase in node.items(remedy="give one of build, validate and test, or more"):
        phase.mapping(("name", "steps"), remedy=f"see {LINK}")
        name = phase.at("name")
        name.one_of(tuple(STAGES))
        _check_once(name, seen, "phase of the document")
        steps: set[str] = set()
        loops: set[str] = set()
        for step in phase.at("steps").items(remedy="give a list of steps"):
            _check_step(step, platform, steps, loops)
            check_references(step, name.value, known)


def _check_step(step: Node, platform: Platform, names: set[str], loops: set[str]) -> None:
    optional = ("inputs", "timeoutSeconds", "onFailure", "maxAttempts", "if", "loop", "disableLogging")
    step.mapping(("name", "action"), optional, remedy=f"see {LINK}")
    step.at("name").text(empty=False)
    _check_once(step.at("name"), names, "step of the phase")
    check_action(step, platform)
    _check_attempts(step)
    if "onFailure" in step.value:
        step.at("onFailure").one_of(OUTCOMES)
    if "disableLogging" in step.value and not isinstance(step.value["disableLogging"], bool):
        node = step.at("disableLogging")
        node.refuse("true or false", node.shown(), "write true or false, without quotes")
    if "if" in step.value:
        check_condition(step.at("if"), outcomes=True)
    if "loop" in step.value:
        check_loop(step.at("loop"))
        if "name" in step.value["loop"]:
            _check_once(step.at("loop").at("name"), loops, "loop of the phase")


def _check_attempts(step: Node) -> None:
    if "timeoutSeconds" in step.value:
        node = step.at("timeoutSeconds")
        if step.value["action"] == "Reboot":
            node.refuse("left out for Reboot", repr(node.value), "a reboot has no timeout")
        rule = "a whole number from 1, or -1 for no end"
        node.whole(1, rule=rule, remedy="give a number of seconds", also=(-1,))
    if "maxAttempts" in step.value:
        step.at("maxAttempts").whole(1, rule="a whole number from 1", remedy="leave it out for one attempt")


def _check_once(node: Node, seen: set[str], of: str) -> None:
    if node.value in seen:
        node.refuse(f"a name that no other {of} has", repr(node.value), "give one of them another name")
    seen.add(node.value)
