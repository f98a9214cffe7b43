"""What the demo deploys and does for each architecture: one module each, named as the architecture is.

A module has ``DEPLOYMENTS``, what to deploy, and functions marked with :func:`scenario`, run in the order of the file.
A scenario drives the deployed resources from outside, as users, devices and operators do, and raises
:class:`Broken` when anything is not as it must be.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import TYPE_CHECKING

from sandbox.server import REGION

if TYPE_CHECKING:
    from sandbox.run import Run


class Broken(Exception):
    """Something in the demo is not as it must be; the message says what, and what to look at."""


def must_be(holds: bool, problem: str) -> None:
    """Break off unless something holds.

    Args:
        holds: Whether it does.
        problem: What is wrong if it does not.

    Raises:
        Broken: If it does not.
    """
    if not holds:
        raise Broken(problem)


@dataclass(frozen=True)
class Deployment:
    """Stacks that one call of ``cdk deploy`` brings up.

    Attributes:
        stacks: Their names.
        app: The app's file, from the root of the repository.
        context: Context for the command line (``-c key=value``).
        deploys: Stacks that the deployed ones deploy themselves, in that order; the command line knows nothing of them.
        regions: Stack to region, of those that are not in us-east-1.
    """

    stacks: tuple[str, ...]
    app: str = "app.py"
    context: Mapping[str, str] = field(default_factory=dict)
    deploys: tuple[str, ...] = ()
    regions: Mapping[str, str] = field(default_factory=dict)

    def region(self, stack: str) -> str:
        """Return the region of one of its stacks.

        Args:
            stack: The stack's name.
        """
        return self.regions.get(stack, REGION)


@dataclass(frozen=True)
class Outcome:
    """What a scenario did; a line of the table.

    Attributes:
        sent: What was sent, and how.
        arrived: What arrived, and where.
        failed: Where the data that failed went.
    """

    sent: str
    arrived: str
    failed: str = "nothing failed"


@dataclass(frozen=True)
class Scenario:
    """A function that drives an architecture, with the title that the table shows."""

    title: str
    function: Callable[[Run], Outcome]


def scenario(title: str) -> Callable[[Callable[[Run], Outcome]], Scenario]:
    """Mark a function of a scenario module as a scenario.

    Args:
        title: What it shows, in a few words.
    """
    return lambda function: Scenario(title, function)


@dataclass(frozen=True)
class Script:
    """The demo of one architecture."""

    architecture: str
    deployments: tuple[Deployment, ...]
    scenarios: tuple[Scenario, ...]

    @property
    def regions(self) -> dict[str, str]:
        """Stack to region, of all that it deploys."""
        return {
            stack: deployment.region(stack)
            for deployment in self.deployments
            for stack in (*deployment.stacks, *deployment.deploys)
        }


def script(architecture: str) -> Script:
    """Load the demo of an architecture.

    Args:
        architecture: Its name, which is the module's.
    """
    module = importlib.import_module(f"sandbox.scenarios.{architecture}")
    return Script(architecture, tuple(module.DEPLOYMENTS), tuple(_scenarios(module)))


def regions(scripts: Iterable[Script]) -> list[str]:
    """Return the regions that demos deploy stacks in.

    Args:
        scripts: The demos.
    """
    return sorted({region for one in scripts for region in one.regions.values()})


def architectures() -> list[str]:
    """The architectures that have a demo."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__) if not module.name.startswith("_"))


def _scenarios(module: ModuleType) -> Iterator[Scenario]:
    for value in vars(module).values():
        if isinstance(value, Scenario):
            yield value
