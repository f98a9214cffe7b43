"""What people do with deployed resources: look at data, cut a permission, listen to alarms, run a tool."""

from __future__ import annotations

import gzip
import json
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from fnmatch import fnmatchcase
from http import HTTPStatus
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from .process import ROOT
from .scenarios import Broken
from .server import REGION

if TYPE_CHECKING:
    from .run import Run

TOOL_SECONDS = 60


def keys(run: Run, bucket: str, prefix: str) -> list[str]:
    """The keys of a bucket's objects.

    Args:
        run: The run.
        bucket: The bucket.
        prefix: What they begin with.
    """
    pages = run.client("s3").get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return [one["Key"] for page in pages for one in page.get("Contents", [])]


def body(run: Run, bucket: str, key: str) -> bytes:
    """The content of an object, decompressed if its name says that it is compressed.

    Args:
        run: The run.
        bucket: The bucket.
        key: The object's key.
    """
    content: bytes = run.client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    return gzip.decompress(content) if key.endswith(".gz") else content


def lines(run: Run, bucket: str, prefix: str) -> list[bytes]:
    """The lines of all objects under a prefix.

    Args:
        run: The run.
        bucket: The bucket.
        prefix: The prefix.

    Raises:
        Broken: If an object does not end with a newline, so that the next one would run into its last record.
    """
    found: list[bytes] = []
    for key in keys(run, bucket, prefix):
        content = body(run, bucket, key)
        if not content.endswith(b"\n"):
            raise Broken(f"s3://{bucket}/{key} does not end with a newline")
        found += content.splitlines()
    return found


def waiting(run: Run, queue_url: str, region: str = REGION) -> list[dict[str, Any]]:
    """The messages that wait in a queue, as JSON; they stay there.

    Args:
        run: The run.
        queue_url: The queue.
        region: Its region, which is not in the URL here.
    """
    found: dict[str, dict[str, Any]] = {}
    sqs = run.client("sqs", region)
    while True:
        batch = sqs.receive_message(QueueUrl=queue_url, MaxNumberOfMessages=10, VisibilityTimeout=2).get("Messages")
        if not batch:
            break
        found |= {message["MessageId"]: message for message in batch}
    for message in found.values():
        sqs.change_message_visibility(QueueUrl=queue_url, ReceiptHandle=message["ReceiptHandle"], VisibilityTimeout=0)
    return [json.loads(message["Body"]) for message in found.values()]


@contextmanager
def denied(run: Run, role: str, actions: Sequence[str]) -> Iterator[None]:
    """Deny a role some actions while the context lasts.

    Args:
        run: The run.
        role: The role's name.
        actions: IAM actions.
    """
    iam, name = run.client("iam"), "CutByTheSandbox"
    statement = {"Effect": "Deny", "Action": list(actions), "Resource": "*"}
    document = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    iam.put_role_policy(RoleName=role, PolicyName=name, PolicyDocument=document)
    try:
        yield
    finally:
        iam.delete_role_policy(RoleName=role, PolicyName=name)


@contextmanager
def closed(run: Run, queue_url: str, region: str = REGION) -> Iterator[None]:
    """Take the policy of a queue away while the context lasts, so that no service can send to it.

    Args:
        run: The run.
        queue_url: The queue.
        region: Its region.
    """
    sqs = run.client("sqs", region)
    policy = sqs.get_queue_attributes(QueueUrl=queue_url, AttributeNames=["Policy"])["Attributes"]["Policy"]
    sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": ""})
    try:
        yield
    finally:
        sqs.set_queue_attributes(QueueUrl=queue_url, Attributes={"Policy": policy})


@contextmanager
def faulty(run: Run, call: str, error: str, times: int = 1, **fault: Any) -> Iterator[None]:
    """Let calls fail while the context lasts, from functions and tools as well as from scenarios.

    Args:
        run: The run.
        call: The IAM action, such as ``codecommit:GetBlob``; ``*`` is anything.
        error: The code.
        times: How often.
        fault: More of what ``/_sandbox/faults`` takes, such as ``function``, ``every``, ``status`` or ``done``.
    """
    told(run, "/_sandbox/faults", {"call": call, "error": error, "times": times, **fault})
    try:
        yield
    finally:
        told(run, "/_sandbox/faults", {**fault, "call": call, "times": 0})


@contextmanager
def watched(run: Run, *names: str) -> Iterator[Callable[..., int]]:
    """Note calls while the context lasts, and yield what counts those that were carried out.

    Args:
        run: The run.
        names: IAM actions; ``*`` is anything.
    """
    told(run, "/_sandbox/calls", {"calls": names})

    def count(call: str = "*", function: str = "") -> int:
        seen = told(run, "/_sandbox/calls/seen", {})["calls"]
        good = [one for one in seen if one["status"] < HTTPStatus.BAD_REQUEST and function in one["function"]]
        return sum(fnmatchcase(one["call"], call) for one in good)

    try:
        yield count
    finally:
        told(run, "/_sandbox/calls", {"calls": []})


class Listener:
    """Somebody who subscribed to an alarm topic.

    Args:
        run: The run.
        queue_url: The queue that hears for them.
        region: The queue's region.
    """

    def __init__(self, run: Run, queue_url: str, region: str = REGION) -> None:
        self._run, self._queue_url, self._region = run, queue_url, region
        self._heard: list[dict[str, Any]] = []

    def must_hear(self, alarm: str, seconds: float = 45) -> str:
        """Wait for an alarm and return why it rang.

        Args:
            alarm: A part of its name.
            seconds: How long to wait.

        Raises:
            Broken: If it does not ring.
        """
        return str(self._run.wait(f"alarm {alarm} at its topic", lambda: self._find(alarm), seconds)["NewStateReason"])

    def _find(self, alarm: str) -> dict[str, Any] | None:
        sqs = self._run.client("sqs", self._region)
        for message in sqs.receive_message(QueueUrl=self._queue_url, MaxNumberOfMessages=10).get("Messages", []):
            self._heard.append(json.loads(json.loads(message["Body"])["Message"]))
            sqs.delete_message(QueueUrl=self._queue_url, ReceiptHandle=message["ReceiptHandle"])
        rang = [one for one in self._heard if alarm in one["AlarmName"] and one["NewStateValue"] == "ALARM"]
        return rang[0] if rang else None


@contextmanager
def subscription(run: Run, topic: str) -> Iterator[str]:
    """Subscribe a queue of the topic's region to a topic while the context lasts, and return its URL.

    Args:
        run: The run.
        topic: The topic's ARN.
    """
    region = topic.split(":")[3]
    sqs, sns = run.client("sqs", region), run.client("sns", region)
    name = f"listener-{uuid4()}"
    arn = topic.replace(":sns:", ":sqs:").rsplit(":", 1)[0] + f":{name}"
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "sns.amazonaws.com"},
        "Action": "sqs:SendMessage",
        "Resource": arn,
        "Condition": {"ArnEquals": {"aws:SourceArn": topic}},
    }
    policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
    queue_url = sqs.create_queue(QueueName=name, Attributes={"Policy": policy})["QueueUrl"]
    made = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, ReturnSubscriptionArn=True)
    try:
        yield queue_url
    finally:
        sns.unsubscribe(SubscriptionArn=made["SubscriptionArn"])
        sqs.delete_queue(QueueUrl=queue_url)


@contextmanager
def listener(run: Run, topic: str) -> Iterator[Listener]:
    """Subscribe to an alarm topic while the context lasts.

    Args:
        run: The run.
        topic: The topic's ARN.
    """
    with subscription(run, topic) as queue_url:
        yield Listener(run, queue_url, topic.split(":")[3])


def told(run: Run, path: str, what: Mapping[str, Any]) -> Any:
    """Tell the embedded AWS of something that happens outside of it, such as mail that arrives.

    Args:
        run: The run.
        path: Where, under ``/_sandbox/``.
        what: What happens.

    Returns:
        The answer.

    Raises:
        Broken: If it is refused.
    """
    trust = ssl.create_default_context(cafile=str(run.sandbox.ca))
    direct = urllib.request.build_opener(urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=trust))
    request = urllib.request.Request(f"{run.sandbox.endpoint}{path}", json.dumps(what).encode(), method="POST")  # noqa: S310
    try:
        with direct.open(request, timeout=30) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as error:
        raise Broken(f"{path}: {error.read().decode()}") from error


def tool(run: Run, script: str, *arguments: str) -> str:
    """Run one of the repository's tools against the embedded AWS and return what it prints.

    Args:
        run: The run.
        script: Its file, from the root of the repository.
        arguments: Its arguments.

    Raises:
        Broken: If it fails.
    """
    done = subprocess.run(
        [sys.executable, str(ROOT / script), *arguments],
        env=run.sandbox.environment,
        capture_output=True,
        text=True,
        timeout=TOOL_SECONDS,
        check=False,
    )
    if done.returncode:
        raise Broken(f"{script} ended with status {done.returncode}: {done.stderr.strip().splitlines()[-1:]}")
    return done.stdout.strip()
