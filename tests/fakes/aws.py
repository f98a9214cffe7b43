"""A fake AWS for tests of handlers: real clients that botocore checks, over a transport that reaches nothing.

    with FakeAws() as aws:
        aws.patch(monkeypatch)
        aws.reply("sqs", "ReceiveMessage", {"Messages": [{"Body": "{}"}]})
        aws.reply("sqs", "ReceiveMessage", {}, repeat=True)
        handler({}, None)
    assert aws.actions() == {"sqs:ReceiveMessage"}

Requests are serialized and validated by botocore; replies are checked against the service model. A call without a reply
fails, and so does, at the end of the block, a reply that nobody asked for or a refusal that the handler has swallowed.
"""

from __future__ import annotations

import io
import os
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from functools import cache
from typing import Any, cast

import boto3
import botocore.loaders
import botocore.session
import pytest
from botocore.awsrequest import AWSResponse
from botocore.configprovider import BOTOCORE_DEFAUT_SESSION_VARIABLES, ConfigValueStore, ConstantProvider
from botocore.exceptions import UnknownServiceError
from botocore.response import StreamingBody

from tests.fakes.iam_actions import actions_of
from tests.fakes.shapes import check_reply

_MODELS = botocore.loaders.Loader.BUILTIN_DATA_PATH
_SESSION = boto3.session.Session

Answer = Mapping[str, Any] | Callable[[dict[str, Any]], "Mapping[str, Any] | FakeError"] | Exception


class FakeError(Exception):
    """An error that the service answers with; the client raises its own exception for it.

    Args:
        code: The code, as in ``NoSuchKey``.
        message: The message.
        status: The HTTP status.
    """

    def __init__(self, code: str, message: str = "", status: int = 400) -> None:
        super().__init__(code, message, status)
        self.code, self.message, self.status = code, message, status


class UnexpectedCallError(AssertionError):
    """A call that the test has no reply for, or a reply that no call asked for."""


@dataclass(frozen=True)
class Call:
    """A call that was made.

    Args:
        service: The client's name, as in ``iot-data``.
        operation: The operation, as in ``Publish``.
        parameters: What the caller gave.
        region: The client's region.
    """

    service: str
    operation: str
    parameters: dict[str, Any]
    region: str


class FakeAws:
    """Clients whose calls are checked, recorded and answered with what the test says.

    Args:
        region: The region of clients that are not made for another.

    Attributes:
        calls: What was called, in order, answered or not.
    """

    def __init__(self, region: str = "eu-central-1") -> None:
        self.calls: list[Call] = []
        self._region = region
        self._replies: dict[tuple[str, str], deque[tuple[Answer, bool]]] = {}
        self._refused: list[Exception] = []
        self._session = self._new_session()

    def __enter__(self) -> FakeAws:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        if kind is None:
            self.verify()

    def client(self, service: str, **options: Any) -> Any:
        """Return a client, as ``boto3.client`` does.

        Args:
            service: The service.
            **options: What ``boto3.client`` takes.
        """
        return self._session.client(service, **options)

    def patch(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Make ``boto3.client``, ``boto3.resource`` and ``boto3.Session`` those of this fake.

        A module that makes its clients when it is imported must be imported after this.

        Args:
            monkeypatch: The fixture.
        """
        monkeypatch.setattr(boto3, "DEFAULT_SESSION", self._session)
        monkeypatch.setattr(boto3, "Session", self._new_session)
        monkeypatch.setattr(boto3.session, "Session", self._new_session)

    def reply(self, service: str, operation: str, answer: Answer | None = None, *, repeat: bool = False) -> None:
        """Say what comes back from the next call of an operation for which nothing was said yet.

        Args:
            service: The client's name, as in ``iot-data``.
            operation: The operation, as in ``Publish``.
            answer: The response without metadata, bytes for a streamed body; a function that makes it of the
                parameters; an error of the service; or an exception of botocore, such as a timeout. None for an empty
                response.
            repeat: Whether it is the answer to all further calls as well, and none is missed.

        Raises:
            ValueError: If there is no such operation, or the response is none that the service can give.
        """
        model = self._operation(service, operation)
        queue = self._replies.setdefault((service, operation), deque())
        if queue and queue[-1][1]:
            raise ValueError(f"{service} {operation} must get no reply after one that repeats; drop either")
        answer = {} if answer is None else answer
        if isinstance(answer, Mapping):
            check_reply(model, answer)
        queue.append((answer, repeat))

    def actions(self) -> set[str]:
        """Return the IAM actions of all calls; not those of keys, tags and roles that are used along the way.

        Raises:
            ValueError: If IAM knows no such action, so that ``ACTIONS`` in iam_actions.py must name it.
        """
        return {
            action
            for call in self.calls
            for action in actions_of(self._operation(call.service, call.operation), call.parameters)
        }

    def verify(self) -> None:
        """Fail if a call was refused, whatever the caller made of it, or if a reply was never asked for.

        Raises:
            UnexpectedCallError: If so.
            ValueError: If a function made a response that the service cannot give.
        """
        if self._refused:
            raise self._refused[0]
        for (service, operation), queue in self._replies.items():
            if left := [answer for answer, repeat in queue if not repeat]:
                raise UnexpectedCallError(
                    f"{service} {operation} must be called for each of its replies, got no call for {left}; "
                    "see why it is missing, or drop the reply"
                )

    def _new_session(self, region_name: str | None = None, **_: object) -> Any:
        session = botocore.session.Session()
        # Nothing of the machine: neither its environment nor its files decide about profile, region or endpoints.
        settings = {name: variable[2] for name, variable in BOTOCORE_DEFAUT_SESSION_VARIABLES.items()} | {
            "config_file": os.devnull,
            "credentials_file": os.devnull,
            "ignore_configured_endpoint_urls": True,
            "region": region_name or self._region,
        }
        store = ConfigValueStore({name: ConstantProvider(value) for name, value in settings.items()})
        session.register_component("config_store", store)
        session.set_credentials("fake", "fake")
        session.register_component("data_loader", _loader())
        events = session.get_component("event_emitter")
        events.register_first("provide-client-params", _remember)
        events.register_last("before-call", self._answer)
        return _SESSION(botocore_session=session)

    def _answer(self, model: Any, context: dict[str, Any], **_: object) -> tuple[AWSResponse, dict[str, Any]]:
        service, operation = model.service_model.service_name, model.name
        call = Call(service, operation, context["fake_parameters"], context["client_region"])
        self.calls.append(call)
        answer = self._next(call)
        if callable(answer):
            answer = self._made(model, answer, call)
        if isinstance(answer, FakeError):
            return _response(answer.status, {"Error": {"Code": answer.code, "Message": answer.message}})
        if isinstance(answer, Exception):
            raise answer
        return _response(200, _streamed(model, _copied(answer)))

    def _made(self, model: Any, make: Callable[[dict[str, Any]], Any], call: Call) -> Mapping[str, Any] | FakeError:
        try:
            answer = make(_copied(call.parameters))
            if not isinstance(answer, FakeError):
                check_reply(model, answer)
        except FakeError as error:
            return error
        except ValueError as error:
            self._refused.append(error)
            raise
        return cast("Mapping[str, Any] | FakeError", answer)

    def _next(self, call: Call) -> Answer:
        queue = self._replies.get((call.service, call.operation))
        if queue:
            return queue[0][0] if queue[0][1] else queue.popleft()[0]
        refused = UnexpectedCallError(
            f"{call.service} {call.operation} must have {'a' if queue is None else 'another'} reply, got none for "
            f"{call.parameters}; say aws.reply('{call.service}', '{call.operation}', ...) before, or mend the caller"
        )
        self._refused.append(refused)
        raise refused

    def _operation(self, service: str, operation: str) -> Any:
        try:
            model = self._session._session.get_service_model(service)
        except UnknownServiceError as error:
            known = self._session.get_available_services()
            raise _unknown("service", service, known) from error
        if operation not in model.operation_names:
            raise _unknown(f"operation of {service}", operation, model.operation_names)
        return model.operation_model(operation)


@cache
def _loader() -> Any:
    """Return what reads the service models, once for all fakes because that takes longest."""
    return botocore.loaders.Loader(include_default_search_paths=False, extra_search_paths=[_MODELS])


def _remember(params: dict[str, Any], context: dict[str, Any], **_: object) -> None:
    # Later, botocore adds tokens and encodings to the parameters that nobody gave.
    context["fake_parameters"] = _copied(params)


def _response(status: int, parsed: dict[str, Any]) -> tuple[AWSResponse, dict[str, Any]]:
    metadata = {"RequestId": "fake", "HTTPStatusCode": status, "HTTPHeaders": {}, "RetryAttempts": 0}
    return AWSResponse("https://fake.invalid", status, {}, None), {**parsed, "ResponseMetadata": metadata}


def _streamed(model: Any, answer: dict[str, Any]) -> dict[str, Any]:
    if model.has_streaming_output:
        name = model.output_shape.serialization["payload"]
        body = answer.get(name, b"")
        answer[name] = StreamingBody(io.BytesIO(body), len(body))
    return answer


def _copied(value: Any) -> Any:
    """Return a copy of the containers; bodies that are files cannot be copied."""
    if isinstance(value, Mapping):
        return {key: _copied(item) for key, item in value.items()}
    return [_copied(item) for item in value] if isinstance(value, list) else value


def _unknown(subject: str, given: str, known: list[str]) -> ValueError:
    close = get_close_matches(given, known, n=3, cutoff=0.5)
    remedy = f"did you mean {' or '.join(close)}" if close else "see the boto3 reference"
    return ValueError(f"{subject} must be one that boto3 knows, got {given!r}; {remedy}")
