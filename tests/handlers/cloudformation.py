"""CloudFormation as a handler of custom resources sees it: it sends requests and takes answers."""

from __future__ import annotations

import json
import urllib.request
from contextlib import nullcontext
from typing import Any

import pytest

from tests.fakes.aws import FakeAws
from tests.handlers.clock import sleep_by
from tests.handlers.loading import Context, load_provider

URL = "https://cloudformation-custom-resource-response.s3.amazonaws.com/secret?X-Amz-Signature=secret"


class CloudFormation:
    """Sends requests to the handler of a provider and takes its answers.

    Args:
        aws: The fake AWS; in place already.
        monkeypatch: Puts this in the place of clock and network.
        provider: The module in ``_parts/providers``.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, provider: str) -> None:
        self.aws, self.requests, self.pauses = aws, list[Any](), list[float]()
        self.failures: list[Exception] = []
        sleep_by(monkeypatch, self.pauses.append)
        monkeypatch.setattr(urllib.request, "urlopen", self._take)
        self.module = load_provider(provider)

    def _take(self, request: urllib.request.Request, timeout: float) -> Any:
        assert timeout <= 5
        self.requests.append(request)
        if self.failures:
            raise self.failures.pop(0)
        return nullcontext()

    def send(self, kind: str, properties: Any, action: str = "Create", context: Any = None, **more: Any) -> Any:
        """Send a request and return its answer; None if the function goes on in another invocation."""
        event = {
            "RequestType": action,
            "ResourceType": kind,
            "ResponseURL": URL,
            "StackId": "stack",
            "RequestId": "request-1",
            "LogicalResourceId": "Resource",
            "ResourceProperties": {"ServiceToken": "arn", **properties},
            **more,
        }
        answered = len(self.requests)
        self.module.handler(event, context or Context())
        return self.answer if len(self.requests) > answered else None

    @property
    def answer(self) -> Any:
        return json.loads(self.requests[-1].data)

    @property
    def again(self) -> list[Any]:
        """The requests with which the function has called itself."""
        return [json.loads(given["Payload"]) for given in self.given("Invoke")]

    def given(self, operation: str) -> list[dict[str, Any]]:
        return [call.parameters for call in self.aws.calls if call.operation == operation]
