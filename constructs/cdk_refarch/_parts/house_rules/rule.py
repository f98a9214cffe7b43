"""What a rule is, and what it finds."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from .template import Resource, Template

Check = Callable[[Resource, Template], Iterator[str]]
"""Yields what is wrong with a resource, each as a sentence that ends in what to do."""


@dataclass(frozen=True)
class Finding:
    """Something that a rule has against a resource.

    Attributes:
        rule: The id of the rule, by which the finding is acknowledged as ``HouseRules::<rule>``.
        logical_id: The resource.
        message: What is wrong, and what to do.
        path: The path of the construct, when the template has it.
        source: Where the reason of the rule can be read.
    """

    rule: str
    logical_id: str
    message: str
    path: str | None
    source: str

    def __str__(self) -> str:
        return f"{self.path or self.logical_id}: {self.rule}: {self.message} ({self.source})"


@dataclass(frozen=True)
class Rule:
    """A check of all resources of some types.

    Attributes:
        id: The name of the check's function, with hyphens.
        kinds: The types of resources.
        check: The check.
        reason: Why the rule is there.
        source: Where that can be read.
    """

    id: str
    kinds: tuple[str, ...]
    check: Check
    reason: str
    source: str

    def findings(self, template: Template) -> Iterator[Finding]:
        """Yield what the rule has against a template.

        Args:
            template: The template.
        """
        for resource in template.of(*self.kinds):
            for message in self.check(resource, template):
                yield Finding(self.id, resource.id, message, resource.path, self.source)


def rule(*kinds: str) -> Callable[[Check], Rule]:
    """Make a rule of a check, whose docstring gives the reason and then the address of a source.

    Args:
        kinds: The types of resources that it is for.
    """

    def decorate(check: Check) -> Rule:
        reason = inspect.getdoc(check) or ""
        sources = re.findall(r"https://\S+", reason)
        return Rule(check.__name__.replace("_", "-"), kinds, check, reason, sources[0] if sources else "")

    return decorate
