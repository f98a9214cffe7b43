"""What a scenario has in hand: clients, the deployed stacks, patience, and a line of progress."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from .process import Sandbox
from .scenarios import Broken, Outcome, Scenario
from .server import REGION

T = TypeVar("T")
_WARNING = re.compile(r" (?:WARNING|ERROR) \[[\w.]+\] (.*)")


class Run:
    """The embedded AWS with stacks deployed, as seen by somebody outside.

    Args:
        sandbox: The running sandbox.
        say: Takes a line about what is going on.
        regions: Stack to region; those that are not in it are in us-east-1.

    Attributes:
        sandbox: The running sandbox.
        say: Takes a line about what is going on.
    """

    def __init__(
        self,
        sandbox: Sandbox,
        say: Callable[[str], None] = lambda text: None,
        regions: Mapping[str, str] | None = None,
    ) -> None:
        self.sandbox = sandbox
        self.say = say
        self._regions = dict(regions or {})
        self._clients: dict[tuple[str, str], Any] = {}
        self._mark = 0

    @property
    def regions(self) -> list[str]:
        """The regions that its stacks are in, and us-east-1, where what is of no region is asked for."""
        return sorted({REGION, *self._regions.values()})

    def region(self, stack: str) -> str:
        """Return the region of a stack.

        Args:
            stack: The stack's name.
        """
        return self._regions.get(stack, REGION)

    def play(self, scenario: Scenario) -> Outcome:
        """Run a scenario.

        Args:
            scenario: Which.

        Raises:
            Broken: If anything is not as it must be, with what the embedded AWS said about it.
        """
        self._mark = self.sandbox.log.stat().st_size
        return scenario.function(self)

    def client(self, service: str, region: str = REGION) -> Any:
        """A boto3 client for a service of the embedded AWS, kept for the next call.

        Args:
            service: boto3's name of the service.
            region: The region that it asks.
        """
        key = service, region
        if key not in self._clients:
            self._clients[key] = self.sandbox.client(service, region=region)
        return self._clients[key]

    def outputs(self, stack: str) -> dict[str, str]:
        """The outputs of a stack, name to value.

        Args:
            stack: The stack's name.
        """
        cloudformation = self.client("cloudformation", self.region(stack))
        found = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]
        return {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}

    def resources(self, stack: str, type: str, path: str = "") -> list[str]:
        """The physical ids of a stack's resources.

        Args:
            stack: The stack's name.
            type: Their CloudFormation type.
            path: A part of the logical id, so that of several one is found.
        """
        cloudformation = self.client("cloudformation", self.region(stack))
        pages = cloudformation.get_paginator("list_stack_resources").paginate(StackName=stack)
        return [
            found["PhysicalResourceId"]
            for page in pages
            for found in page["StackResourceSummaries"]
            if found["ResourceType"] == type and path in found["LogicalResourceId"]
        ]

    def resource(self, stack: str, type: str, path: str = "") -> str:
        """The physical id of the one resource of a stack that fits.

        Args:
            stack: The stack's name.
            type: Its CloudFormation type.
            path: A part of the logical id.

        Raises:
            Broken: If none or several fit.
        """
        found = self.resources(stack, type, path)
        if len(found) != 1:
            raise Broken(f"stack {stack} has {len(found)} resources of type {type} with {path!r} in the logical id")
        return found[0]

    def wait(self, what: str, check: Callable[[], T | None], seconds: float = 45) -> T:
        """Wait until a check returns something that is true, and return it.

        Args:
            what: What is waited for, for the message.
            check: Called until then.
            seconds: How long at most.

        Raises:
            Broken: If it takes longer.
        """
        end = time.monotonic() + seconds
        while True:
            found = check()
            if found:
                return found
            if time.monotonic() > end:
                raise Broken(" / ".join([f"{what}: not within {seconds:.0f} s", *self.warnings()[:2]]))
            time.sleep(0.1)

    def warnings(self) -> list[str]:
        """What the embedded AWS warned of since the scenario began, such as what it refused and why."""
        with self.sandbox.log.open("rb") as log:
            log.seek(self._mark)
            said = log.read().decode(errors="replace").splitlines()
        return list(dict.fromkeys(found[1] for line in said if (found := _WARNING.search(line))))
