"""Custom resources: takes what CloudFormation asks for, is patient with services, and answers in any case.

CloudFormation calls the function directly and waits for a PUT to the URL that it sends, which is a secret. A provider
is a module beside this one; the folder is the root of its function's code, with these two modules alone. It makes its
clients with :func:`client` and its calls with :func:`patiently`, and its handler calls :func:`serve`::

    from cloudformation import client, patiently, serve

    ses = client("sesv2")

    def handler(event, context):
        serve(event, context, {"Custom::SesThing": _put_thing}, _delete)

What takes longer than a function may run goes on in another invocation, if ``LASTS_SECONDS`` in the environment says
for how long: the function then calls itself with the same request. So may Lambda after a crash. What makes a resource
therefore looks first what is there of it already, which carries :func:`mark`.

When another resource of the stack fails, CloudFormation deletes what is still being made, while the function goes on
to make it. What it does not find any more it must not ask for anew: :func:`may_ask`, :func:`asked`, :func:`seen` and
:func:`may_end`. Two gaps are left: after a crash Lambda knows nothing of what was asked or seen, and what was not asked
for before its delete has ended, as it waits for something else, is asked for when that is there.
"""

import hashlib
import json
import os
import time
import traceback
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

REFUSED_CREATE = "refused-create"
"""The same, of what was not even asked for, as something was there before; its delete does nothing."""

RESERVE_SECONDS = 20
"""What must be left of the function's time for one more call and the answer."""

LONGEST_PAUSE_SECONDS = 20

UNSEEN_SECONDS = 90
"""How long a delete looks for what was perhaps just asked for."""

BUSY = frozenset(
    {
        "InternalFailure",
        "InternalServerError",
        "RequestLimitExceeded",
        "RequestThrottled",
        "ServiceException",
        "ServiceUnavailable",
        "ServiceUnavailableException",
        "Throttling",
        "ThrottledException",
        "ThrottlingException",
        "TooManyRequestsException",
    }
)
"""Errors of services that pass by themselves, however long it takes."""

NOT_YET = BUSY | {"AccessDenied", "AccessDeniedException"}
"""The same, and what services say until policies are known everywhere."""

MARK = "cdk-refarch:resource"
"""The tag on what a resource has made, whose value is :func:`mark`."""

REQUEST = "cdk-refarch:request"
"""The tag that tells what this request has made from what was there before, perhaps since it was retained."""

LONGEST_MARK = 255

UNREACHED = (ConnectTimeoutError, EndpointConnectionError, HTTPClientError)

# One call ends well within the reserve: what is tried again is decided below and not by botocore.
_config = Config(connect_timeout=5, read_timeout=10, retries={"total_max_attempts": 1})

MISTAKES = (
    *(ArithmeticError, AssertionError, AttributeError, LookupError, NameError, OSError),
    *(RuntimeError, TypeError, ValueError),
)
"""What a mistake in a provider raises, or something that nobody thought of."""

Event = dict[str, Any]
"""A request: ``RequestType``, ``ResourceType``, ``ResourceProperties``, ``OldResourceProperties`` of an update ...

Kinds find in it, besides, when the function was first called for it, as ``Began`` in seconds since 1970.
"""

Made = str | tuple[str, dict[str, str]]
"""A physical id; or a physical id and what ``Fn::GetAtt`` finds, which is no secret."""


class ProviderError(Exception):
    """What cannot be done, in words for the stack's events."""


class RefusedError(ProviderError):
    """What cannot be created beside what was there before, which stays: the delete that follows does nothing."""


class NotReadyError(ProviderError):
    """What the service has not made yet; :func:`patiently` waits for it, and :func:`serve` goes on later."""


def client(service: str, region: str | None = None) -> Any:
    """Return a client whose calls end in time and are not repeated by themselves.

    Args:
        service: The service, as boto3 calls it.
        region: The region; None for the function's.
    """
    return boto3.client(service, region_name=region, config=_config)


def mark(event: Event, *parts: str) -> str:
    """Return what tells the resource of a request from all others, in all stacks there ever were, as a tag's value.

    Args:
        event: The request.
        parts: What tells apart what the resource makes one after the other.
    """
    stack = event["StackId"].partition("/")[2]
    whole = "/".join((stack, event["LogicalResourceId"], *parts))
    if len(whole) <= LONGEST_MARK:
        return whole
    digest = hashlib.sha256(whole.encode()).hexdigest()
    return f"{whole[: LONGEST_MARK - len(digest) - 1]}/{digest}"


def tags_for(event: Event, *parts: str) -> dict[str, str]:
    """Return the tags of what a request makes.

    Args:
        event: The request.
        parts: As of :func:`mark`.
    """
    return {MARK: mark(event, *parts), REQUEST: event["RequestId"]}


def was_there(event: Event, tags: Mapping[str, str]) -> bool:
    """Tell whether a create finds what another request has made, as it was retained.

    Args:
        event: The request.
        tags: The tags of what it finds, with the mark of the resource.
    """
    made_by: str = event["RequestId"]
    return event["RequestType"] == "Create" and tags.get(REQUEST) != made_by


def may_ask(event: Event, what: str) -> None:
    """Make sure that a request asks once only for what it does not find.

    Args:
        event: The request.
        what: What it looks for, in words.

    Raises:
        ProviderError: If it was there.
        NotReadyError: If it was asked for.
    """
    if event.get("Seen"):
        raise ProviderError(f"{what} must be there, and was removed meanwhile, by a rollback or by hand")
    if event.get("Asked"):
        raise NotReadyError(f"{what} was asked for and is not shown yet")


def asked(event: Event) -> None:
    """Note that a request has asked for what it makes, also for the invocations that follow.

    Args:
        event: The request.
    """
    event["Asked"] = True


def seen(event: Event) -> None:
    """Note that what a request makes is there, also for the invocations that follow; not of what is about to go.

    Args:
        event: The request.
    """
    event["Seen"] = True


def may_end(event: Event, is_known: bool) -> None:
    """Make sure that a delete that finds nothing has looked for a while, unless it has seen it or it was answered.

    Args:
        event: The request.
        is_known: Whether its physical id is one that was answered for something that was made.

    Raises:
        NotReadyError: If it must look again.
    """
    is_known = is_known or event.get("Seen", False)
    if event["RequestType"] == "Delete" and not is_known and time.time() - event["Began"] < UNSEEN_SECONDS:
        raise NotReadyError(f"{event['LogicalResourceId']} may be there and not be shown yet")


def goes_on(event: Event) -> bool:
    """Tell whether another invocation may follow when the time of this one is over.

    Args:
        event: The request.
    """
    passed: float = time.time() - event["Began"]
    return passed < int(os.environ.get("LASTS_SECONDS", "0"))


def serve(
    event: Event,
    context: Any,
    kinds: Mapping[str, Callable[[Event, Any], Made]],
    delete: Callable[[Event, Any], None],
) -> None:
    """Do what CloudFormation asks for, and answer in any case, or go on in another invocation.

    Errors of services and :class:`ProviderError` are answered with their text, and mistakes of the provider without it.
    Nothing is raised after an answer: Lambda would do it all again when CloudFormation has already rolled back. After
    :class:`NotReadyError` it goes on while ``LASTS_SECONDS`` have not passed.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
        kinds: What creates or updates a resource and returns its physical id, perhaps with attributes, by resource
            type. CloudFormation deletes what had another id before.
        delete: What deletes a resource of any of these types; its physical id may be ``FAILED_CREATE``, and it may be
            gone. It is not called for ``REFUSED_CREATE``.
    """
    event = {"Began": int(time.time()), **event}
    answer: dict[str, Any] = {key: event[key] for key in ("StackId", "RequestId", "LogicalResourceId")} | {
        "Status": "FAILED",
        "Reason": f"unexpected failure, see the log stream {context.log_stream_name}",
        "PhysicalResourceId": event.get("PhysicalResourceId", FAILED_CREATE),
    }
    answers = True
    try:
        done = _done(event, context, kinds, delete)
        answers = done is not None
        answer |= {"Status": "SUCCESS", "Reason": "done", **(done or {})}
    except (BotoCoreError, ClientError, ProviderError) as error:
        # The whole answer may have 4096 bytes.
        answer["Reason"] = str(error)[:400]
        if isinstance(error, RefusedError) and event["RequestType"] == "Create":
            answer["PhysicalResourceId"] = REFUSED_CREATE
    except MISTAKES:
        log(mistake=traceback.format_exc())
    finally:
        if answers:
            log(request=event["RequestType"], type=event["ResourceType"], **answer)
            respond(event["ResponseURL"], answer)


def _done(
    event: Event,
    context: Any,
    kinds: Mapping[str, Callable[[Event, Any], Made]],
    delete: Callable[[Event, Any], None],
) -> dict[str, Any] | None:
    """Return what to answer when it is done; None if another invocation goes on."""
    kind = event["ResourceType"]
    if kind not in kinds:
        raise ProviderError(f"ResourceType must be one of {', '.join(kinds)}, got {kind}")
    try:
        if event["RequestType"] == "Delete":
            if event["PhysicalResourceId"] != REFUSED_CREATE:
                delete(event, context)
            return {}
        made = kinds[kind](event, context)
    except NotReadyError as error:
        if not goes_on(event):
            raise
        log(request=event["RequestType"], type=kind, goes_on=True, reason=str(error))
        _call_again(event, context)
        return None
    if isinstance(made, str):
        return {"PhysicalResourceId": made}
    return {"PhysicalResourceId": made[0], "Data": made[1]}


def _call_again(event: Event, context: Any) -> None:
    """Let the function be called with the same request, which Lambda takes at once and does by itself."""
    functions = client("lambda")
    given = {"FunctionName": context.invoked_function_arn, "InvocationType": "Event", "Payload": json.dumps(event)}
    for pause in (1, 2, None):
        try:
            functions.invoke(**given)
        except (ClientError, *UNREACHED) as error:
            if pause is None or not _passes(error, BUSY):
                raise
            log(waiting=pause, reason=str(error))
            time.sleep(pause)
        else:
            return


def patiently(context: Any, call: Callable[..., Any], passing: frozenset[str], /, **given: Any) -> Any:
    """Return what a call returns; while the function has time, it is tried again after errors that may pass.

    A service that is not reached and :class:`NotReadyError` may always pass. A call whose response is lost is made
    again, too: what must not be made twice is called by a function that looks for it first.

    Args:
        context: Lambda's context.
        call: An operation of a client, or a function of the provider that makes such calls.
        passing: The codes of the service's errors that may pass.
        given: The arguments of the call.

    Raises:
        NotReadyError: If there is no more time for what passes by itself; of the other errors, those are raised.
    """
    pause = 1
    while True:
        try:
            return call(**given)
        except (ClientError, NotReadyError, *UNREACHED) as error:
            left = context.get_remaining_time_in_millis() / 1000 - pause
            if not _passes(error, passing):
                raise
            if left < RESERVE_SECONDS:
                if isinstance(error, NotReadyError) or not _passes(error, passing & BUSY):
                    raise
                raise NotReadyError(str(error)) from error
            log(waiting=pause, reason=str(error))
        time.sleep(pause)
        pause = min(2 * pause, LONGEST_PAUSE_SECONDS)


def _passes(error: Exception, passing: frozenset[str]) -> bool:
    """Tell whether an error may pass: of a service's, those with such codes, and all others."""
    return not isinstance(error, ClientError) or code(error) in passing


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


def respond(url: str, answer: dict[str, Any]) -> None:
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
