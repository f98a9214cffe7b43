"""A stack's custom resource from create to delete, with the functions that crash and go on, and what is rolled back."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws
from tests.handlers.cloudformation import CloudFormation
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.workspaces_service import Crash, WorkSpaces

STACK = "arn:aws:cloudformation:eu-central-1:111122223333:stack/Site/1a2b"
MARK = "Site/1a2b/Resource"
TRIES = 3
LASTS_SECONDS = 3300
MADE_UP = "Site-Resource-MADEUP"
"""The physical id that CloudFormation makes up if there was no answer."""

GIVEN = {"RequestType", "ResourceType", "ResponseURL", "ResourceProperties"}
"""What of a request is the same in all invocations."""

FAULTS = st.dictionaries(st.integers(0, 60), st.sampled_from(("throttled", "crash", "lost", "lost-crash")), max_size=6)
"""What goes wrong by the number of the call."""


class Lifecycle(CloudFormation):
    """CloudFormation with one custom resource of a stack and a clock of its own.

    Args:
        aws: The fake AWS; in place already.
        monkeypatch: Puts this in the place of clock and network.
        provider: The module in ``_parts/providers``.
        kind: The type of the resource.

    Attributes:
        service: WorkSpaces.
        made: The physical id and the properties of what the stack has.
        answers: What was answered, and None where CloudFormation waited in vain.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, provider: str, kind: str) -> None:
        super().__init__(aws, monkeypatch, provider)
        self.kind, self.service = kind, WorkSpaces(aws)
        self._number = 0
        aws.reply("lambda", "Invoke", {"StatusCode": 202}, repeat=True)
        monkeypatch.setenv("LASTS_SECONDS", str(LASTS_SECONDS))
        clock = SimpleNamespace(time=lambda: self._now, sleep=self._sleep)
        monkeypatch.setitem(self.module.serve.__globals__, "time", clock)
        self.start()

    def start(self) -> None:
        """Forget what was made."""
        self.made: tuple[str, dict[str, Any]] | None = None
        self.answers: list[Any] = []
        self._now = 0.0
        self._pausing: Callable[[], object] | None = None

    @property
    def passed(self) -> float:
        """The seconds that have passed."""
        return self._now

    def _sleep(self, seconds: float) -> None:
        self._now += seconds
        if self._pausing:
            then, self._pausing = self._pausing, None
            then()

    def _take(self, request: Any, timeout: float) -> Any:
        if self.service.crashed:
            raise Crash
        return super()._take(request, timeout)

    def ask(self, action: str, properties: dict[str, Any], **more: Any) -> Any:
        """Return the answer to a request; None if its functions have crashed too often."""
        answered = len(self.requests)
        self.service.leaving = action == "Delete"
        if not self._finish(action, self._begin(action, properties, **more)):
            self.answers.append(None)
            return None
        assert len(self.requests) == answered + 1, "every request has exactly one answer"
        self.answers.append(self.answer)
        return self.answer

    def _begin(self, action: str, properties: dict[str, Any], **more: Any) -> list[Any] | None:
        """Send a request; return those with which the function has called itself, or None if it has crashed."""
        if "RequestId" not in more:
            self._number += 1
            more |= {"StackId": STACK, "RequestId": f"request-{self._number}"}
        calls = len(self.again)
        return self.again[calls:] if self._runs(action, properties, more) else None

    def _finish(self, action: str, begun: list[Any] | None) -> bool:
        """Let the function go on until it does not call itself any more; tell whether it has not crashed."""
        while begun:
            (again,) = begun
            begun = self._begin(action, again["ResourceProperties"], **{key: again[key] for key in {*again} - GIVEN})
        return begun is not None

    def cancel(self, properties: dict[str, Any], polling: bool) -> Any:
        """Create the resource and delete it meanwhile, as another one has failed; return the answer to the create.

        Args:
            properties: Its properties.
            polling: Whether the delete comes in the function's first pause, and not between its first two invocations.
        """
        if polling:
            self._pausing = lambda: self.delete(MADE_UP, properties)
        begun = self._begin("Create", properties)
        if not polling:
            assert begun, "the create must last"
            self.delete(MADE_UP, properties)
        assert self._finish("Create", begun)
        return self.answer

    def _runs(self, action: str, properties: dict[str, Any], request: dict[str, Any]) -> bool:
        """Run the function as Lambda does, which tries it twice more when it crashes."""
        for _ in range(TRIES):
            try:
                self.service.crashed = False
                self.send(self.kind, properties, action, context=_Timed(self), **request)
            except Crash:
                continue
            return True
        return False

    def create(self, properties: dict[str, Any]) -> Any:
        """Create the resource; delete what is left of it if that fails."""
        answer = self.ask("Create", properties)
        if answer and answer["Status"] == "SUCCESS":
            self.made = (answer["PhysicalResourceId"], properties)
        else:
            self.delete(answer["PhysicalResourceId"] if answer else MADE_UP, properties)
        return answer

    def update(self, properties: dict[str, Any]) -> Any:
        """Update the resource, or roll back; and delete what had another id before."""
        assert self.made is not None
        known, before = self.made
        answer = self.ask("Update", properties, PhysicalResourceId=known, OldResourceProperties=before)
        if answer and answer["Status"] == "SUCCESS":
            self.made = (answer["PhysicalResourceId"], properties)
        else:
            back = None
            while back is None:
                back = self.ask("Update", before, PhysicalResourceId=known, OldResourceProperties=properties)
            assert back["Status"] == "SUCCESS", back
            self.made = (back["PhysicalResourceId"], before)
        if self.made[0] != known:
            self.delete(known, before)
        return answer

    def delete(self, physical_id: str, properties: dict[str, Any]) -> None:
        """Delete until it is answered, as people do."""
        answer = None
        while answer is None:
            answer = self.ask("Delete", properties, PhysicalResourceId=physical_id)
        assert answer["Status"] == "SUCCESS", answer
        assert answer["PhysicalResourceId"] == physical_id

    def end(self) -> None:
        """Delete the resource if it is there."""
        if self.made:
            self.delete(*self.made)
            self.made = None


class _Timed(Context):
    """A function's five minutes by the clock of the lifecycle."""

    def __init__(self, lifecycle: Lifecycle, seconds: float = 300) -> None:
        super().__init__(seconds)
        self._lifecycle, self._ends = lifecycle, lifecycle._now + seconds

    def get_remaining_time_in_millis(self) -> int:
        return int((self._ends - self._lifecycle._now) * 1000)
