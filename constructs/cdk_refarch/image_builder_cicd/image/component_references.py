"""Refusal of references in a document that AWS's component runner cannot fill in.

https://docs.aws.amazon.com/imagebuilder/latest/userguide/toe-use-documents.html#document-chaining
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from .component_conditions import REFERENCE
from .document_node import Node, meant

STAGES = {"build": "build", "validate": "build", "test": "test"}
"""In which stage a phase runs; each has an instance of its own.
https://docs.aws.amazon.com/imagebuilder/latest/userguide/manage-components.html"""

WORD = re.compile(r"[A-Za-z0-9_-]+")
CHAINED = re.compile(r"([^.\s]+)\.([^.]+)\.(?:inputs|outputs)(?:\[[0-9]+\])?\..+")
LOOPED = re.compile(r"([A-Za-z0-9_-]+)\.(?:index|value)")
RESOLVED = re.compile(r"aws:[a-z0-9-]+:resolve\(\s*([^)\s]*)\s*\)")
"""A parameter of Systems Manager that a parameter of the document has the name of."""


@dataclass(frozen=True)
class Known:
    """What can be referred to from a step.

    Args:
        names: The parameters and constants of the document.
        steps: The steps before it, by phase and name.
    """

    names: Collection[str]
    steps: dict[tuple[str, str], str] = field(default_factory=dict)


def check_references(step: Node, phase: str, known: Known) -> None:
    """Check what a step refers to, and let later ones refer to it.

    What is none of AWS's references is left alone: templates of other tools have double braces too.

    Args:
        step: The step.
        phase: The phase that it is in.
        known: What it can refer to.

    Raises:
        ValueError: If it refers to what is not there, or is not there yet.
    """
    loop = step.value.get("loop")
    looped = () if loop is None else ("loop", loop.get("name", "loop"))
    for key in ("inputs", "if", "loop"):
        if key in step.value:
            for node in _texts(step.at(key)):
                for reference in REFERENCE.findall(node.value):
                    _check_reference(node, reference, phase, known, () if key == "loop" else looped)
    known.steps[phase, step.value["name"]] = STAGES[phase]


def _texts(node: Node) -> Iterator[Node]:
    value: Any = node.value
    if isinstance(value, str):
        yield node
    elif isinstance(value, Mapping):
        for key in value:
            yield from _texts(node.at(key))
    elif isinstance(value, list):
        for index, one in enumerate(value):
            yield from _texts(replace(node, path=f"{node.path}[{index}]", value=one))


def _check_reference(node: Node, reference: str, phase: str, known: Known, looped: tuple[str, ...]) -> None:
    resolved = RESOLVED.fullmatch(reference)
    name = resolved[1] if resolved else reference
    if WORD.fullmatch(name):
        if name not in known.names:
            rule = "text with references to parameters and constants of the document"
            node.refuse(rule, f"{{{{ {reference} }}}}", meant(name, known.names, "declare a parameter of this name"))
    elif (chained := CHAINED.fullmatch(reference)) is not None:
        _check_chained(node, reference, (chained[1], chained[2]), phase, known)
    elif (of_loop := LOOPED.fullmatch(reference)) is not None and of_loop[1] not in looped:
        rule = "text with references to the loop of the step"
        remedy = f"write loop.{reference.rpartition('.')[2]}" if looped else "give the step a loop"
        node.refuse(rule, f"{{{{ {reference} }}}}", remedy)


def _check_chained(node: Node, reference: str, step: tuple[str, str], phase: str, known: Known) -> None:
    if step[0] not in STAGES:
        return
    got = f"{{{{ {reference} }}}}"
    if step not in known.steps:
        names = [name for of, name in known.steps if of == step[0]]
        remedy = meant(step[1], names, "name a step that comes before, with its phase")
        node.refuse("text with references to steps before this one", got, remedy)
    if known.steps[step] != STAGES[phase]:
        remedy = "write it to a file of the image: tests run on another instance"
        node.refuse("text with references to steps of the same stage", got, remedy)
