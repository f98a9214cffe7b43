"""CloudFormation with one custom resource of directories: it rolls back and cleans up as the real one does."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from contextlib import nullcontext
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.loading import FUNCTION_ARN, load_provider
from tests.handlers.workspaces_failover.directory_world import NOW, DiedError, World

STACK_ID = "arn:aws:cloudformation:eu-central-1:111122223333:stack/Site/1a2b"
URL = "https://cloudformation-custom-resource-response.s3.amazonaws.com/secret?X-Amz-Signature=secret"
LASTS_SECONDS = 3000
LONGEST_CHAIN = 16
TRIES = 5


class Invocation:
    """What Lambda tells the function; an invocation lasts for as long as the world's clock says."""

    invoked_function_arn = FUNCTION_ARN
    log_stream_name = "stream"

    def __init__(self, world: World) -> None:
        self._world, self._end = world, world.invoked()

    def get_remaining_time_in_millis(self) -> int:
        return int((self._end - self._world.now) * 1000)


class Stack:
    """A stack with one resource.

    Args:
        aws: The fake AWS; in place already.
        monkeypatch: Puts this in the place of the network.
        world: The directories.
        kind: The type of the resource.

    Attributes:
        meanwhile: What happens between the first two invocations for the next request.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, world: World, kind: str) -> None:
        self._aws, self.world, self.kind = aws, world, kind
        self._number = 0
        monkeypatch.setenv("LASTS_SECONDS", str(LASTS_SECONDS))
        monkeypatch.setattr(urllib.request, "urlopen", self._take)
        self._handler = load_provider("directory_service").handler
        self.clear()

    def clear(self) -> None:
        """Begin anew, without the resource."""
        self.world.clear()
        self.answers: list[Any] = []
        self.physical_id: str | None = None
        self.properties: Any = None
        self.meanwhile: Callable[[], object] | None = None

    def _take(self, request: Any, timeout: float) -> Any:
        self.answers.append(json.loads(request.data))
        return nullcontext()

    def request(self, action: str, properties: Any, **more: Any) -> Any:
        """Send a request, let the function run and die as often as it does, and return its one answer."""
        event: dict[str, Any] = {
            "RequestType": action,
            "ResourceType": self.kind,
            "ResponseURL": URL,
            "StackId": STACK_ID,
        }
        self._number += 1
        event |= {"RequestId": f"request-{self._number}", "LogicalResourceId": "Resource"}
        event |= {"ResourceProperties": {"ServiceToken": "arn", "ServiceTimeout": "3600", **properties}, **more}
        answered, chain = len(self.answers), 0
        meanwhile, self.meanwhile = self.meanwhile, None
        while True:
            called = len(self._aws.calls)
            dead = False
            try:
                self._run(event)
            except DiedError:
                dead = True
            again = [call for call in self._aws.calls[called:] if call.operation == "Invoke"]
            # Either an answer, or another invocation, or Lambda tries again.
            assert len(self.answers) - answered + len(again) + dead == 1
            chain += len(again)
            # Lambda ends longer loops.
            assert chain < LONGEST_CHAIN
            if again:
                if meanwhile:
                    meanwhile()
                    answered, meanwhile = len(self.answers), None
                event = json.loads(again[0].parameters["Payload"])
                assert event["Began"] >= NOW
            elif not dead:
                assert "unexpected" not in self.answers[-1]["Reason"]
                return self.answers[-1]

    def _run(self, event: Any) -> None:
        answers = len(self.answers)
        try:
            self._handler(event, Invocation(self.world))
        except DiedError:
            # What is dead does not answer either.
            del self.answers[answers:]
            raise

    def create(self, properties: Any) -> bool:
        """Create the resource; what could not be made is deleted."""
        answer = self.request("Create", properties)
        if answer["Status"] != "SUCCESS":
            self._remove(answer["PhysicalResourceId"], properties)
            return False
        self.physical_id, self.properties = answer["PhysicalResourceId"], properties
        return True

    def update(self, properties: Any, undone: bool = False) -> bool:
        """Update the resource, and go back if that fails or another resource of the stack does."""
        before, old_id = self.properties, self.physical_id
        answer = self.request("Update", properties, PhysicalResourceId=old_id, OldResourceProperties=before)
        done = answer["Status"] == "SUCCESS"
        now, then = (properties, before) if done else (before, properties)
        new_id = answer["PhysicalResourceId"]
        if undone or not done:
            now, then = before, properties
            # What was there before works again, even if it must be made anew.
            self.world.stages = ["Active"]
            back = self._until_done("Update", before, PhysicalResourceId=new_id, OldResourceProperties=properties)
            old_id, new_id = new_id, back["PhysicalResourceId"]
        if old_id != new_id:
            self._remove(old_id, then)
        self.physical_id, self.properties = new_id, now
        return done and not undone

    def delete(self) -> None:
        """Delete the resource, if it is there."""
        if self.physical_id is not None:
            self._remove(self.physical_id, self.properties)
        self.physical_id = None

    def _remove(self, physical_id: str | None, properties: Any) -> None:
        self._until_done("Delete", properties, PhysicalResourceId=physical_id)

    def _until_done(self, action: str, properties: Any, **more: Any) -> Any:
        for _ in range(TRIES):
            answer = self.request(action, properties, **more)
            if answer["Status"] == "SUCCESS":
                return answer
        raise AssertionError(f"{action} never succeeds: {answer['Reason']}")
