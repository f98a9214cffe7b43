"""Custom resources: takes what CloudFormation asks for, is patient with services, and answers in any case.

CloudFormation calls the function directly and waits for a PUT to the URL that it sends, which is a secret. A provider
is a module beside this one; the folder is the root of its function's code, with these two modules alone. It makes its
clients with :func:`client` and its calls with :func:`patiently`, and its handler calls :func:`serve`::

    from cloudformation import client, patiently, serve

    ses = client("sesv2")

    def handler(event, context):
        serve(event, context, {"Custom::SesThing": _put_thing}, _delete)
"""

import json
import time
import urllib.request
from collections.abc import Callable, Mapping
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    ConnectTimeoutError,
    EndpointConnectionError,
    HTTPClientError,
)

FAILED_CREATE = "failed-create"
"""The physical id of what was never made, which CloudFormation deletes nevertheless."""

RESERVE_SECONDS = 20
"""What must be left of the function's time for one more call and the answer."""

LONGEST_PAUSE_SECONDS = 20

UNREACHED = (ConnectTimeoutError, EndpointConnectionError, HTTPClientError)

# One call ends well within the reserve: what is tried again is decided below and not by botocore.
_config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})

Event = dict[str, Any]
"""A request: ``RequestType``, ``ResourceType``, ``ResourceProperties``, ``OldResourceProperties`` of an update ..."""


class ProviderError(Exception):
    """What cannot be done, in words for the stack's events."""


class NotReadyError(ProviderError):
    """What the service has not made yet; :func:`patiently` waits for it."""


def client(service: str) -> Any:
    """Return a client whose calls end in time and are not repeated by themselves.

    Args:
        service: The service, as boto3 calls it.
    """
    return boto3.client(service, config=_config)


def serve(
    event: Event,
    context: Any,
    kinds: Mapping[str, Callable[[Event, Any], str]],
    delete: Callable[[Event, Any], None],
) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Errors of services and :class:`ProviderError` are answered with their text; others too, without it, and then raised.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
        kinds: What creates or updates a resource and returns its physical id, by resource type. CloudFormation deletes
            what had another id before.
        delete: What deletes a resource of any of these types; its physical id may be ``FAILED_CREATE``, and it may be
            gone.
    """
    answer = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")} | {
        "Status": "FAILED",
        "Reason": f"unexpected failure, see the log stream {context.log_stream_name}",
        "PhysicalResourceId": event.get("PhysicalResourceId", FAILED_CREATE),
    }
    try:
        kind = event["ResourceType"]
        if kind not in kinds:
            raise ProviderError(f"ResourceType must be one of {', '.join(kinds)}, got {kind}")
        if event["RequestType"] == "Delete":
            delete(event, context)
        else:
            answer["PhysicalResourceId"] = kinds[kind](event, context)
        answer |= {"Status": "SUCCESS", "Reason": "done"}
    except (BotoCoreError, ClientError, ProviderError) as error:
        # The whole answer may have 4096 bytes.
        answer["Reason"] = str(error)[:400]
    finally:
        log(request=event["RequestType"], type=event["ResourceType"], **answer)
        respond(event["ResponseURL"], answer)


def patiently(context: Any, call: Callable[..., Any], passing: frozenset[str], /, **given: Any) -> Any:
    """Return what a call returns; while the function has time, it is tried again after errors that may pass.

    A service that is not reached and :class:`NotReadyError` may always pass.

    Args:
        context: Lambda's context.
        call: An operation of a client, or a function of the provider that makes such calls.
        passing: The codes of the service's errors that may pass.
        given: The arguments of the call.
    """
    pause = 1
    while True:
        try:
            return call(**given)
        except (ClientError, NotReadyError, *UNREACHED) as error:
            final = isinstance(error, ClientError) and code(error) not in passing
            left = context.get_remaining_time_in_millis() / 1000 - pause
            if final or left < RESERVE_SECONDS:
                raise
            log(waiting=pause, reason=str(error))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def code(error: Any) -> str:
    """Return the code of an error of a service.

    Args:
        error: The ``ClientError``.
    """
    found: str = error.response["Error"]["Code"]
    return found


def log(**fields: Any) -> None:
    """Write a line of JSON into the log.

    Args:
        fields: What to tell, without secrets.
    """
    print(json.dumps(fields))


def respond(url: str, answer: dict[str, str]) -> None:
    """Send CloudFormation the answer that it waits for.

    Args:
        url: Where it waits.
        answer: The answer.
    """
    # The URL is signed for a PUT without a type of content.
    request = urllib.request.Request(  # noqa: S310 - CloudFormation's own URL
        url, json.dumps(answer).encode(), {"Content-Type": ""}, method="PUT"
    )
    for pause in (1, 2, None):
        try:
            with urllib.request.urlopen(request, timeout=5):  # noqa: S310
                return
        except OSError as error:
            log(answered=False, reason=str(error))
            if pause is None:
                raise
            time.sleep(pause)
