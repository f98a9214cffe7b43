"""What the scenarios of leaked keys share: users with keys, files with keys in them, and who is told."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import wraps
from typing import Any

import boto3
from botocore.exceptions import ClientError

from sandbox.operations import subscription, waiting
from sandbox.run import Run
from sandbox.server import REGION

from . import Broken, Outcome, must_be
from ._repository import Clone, clone

APP, SHOP = "CodeCommitLeakGuard", "SourceCode"
APP_NAME = "codecommit_leak_guard"
REPOSITORY, PATH = "services", "/people/"
ROLE, FUNCTION, MACHINE, QUEUE = (
    "AWS::IAM::Role",
    "AWS::Lambda::Function",
    "AWS::StepFunctions::StateMachine",
    "AWS::SQS::Queue",
)
Key = Mapping[str, str]


@dataclass(frozen=True)
class Ears:
    """Somebody who is told of leaks.

    Attributes:
        run: The run.
        queue_url: The queue that hears for them.
    """

    run: Run
    queue_url: str

    def heard(self) -> list[dict[str, Any]]:
        """Return all that was told."""
        said = waiting(self.run, self.queue_url)
        return [json.loads(one["Message"]) if "TopicArn" in one else one for one in said]

    def must_hear(self, outcome: str, key: Key | None = None, seconds: float = 45) -> dict[str, Any]:
        """Wait until a leak is told of, and return what is said.

        Args:
            outcome: What came of it, or ``reported``.
            key: The key that leaked; None for any.
            seconds: How long to wait.

        Raises:
            Broken: If it is not told of, or a secret is.
        """
        last = None if key is None else key["AccessKeyId"][-4:]

        def find() -> dict[str, Any] | None:
            fits = [one for one in self.heard() if one["outcome"] == outcome]
            return next((one for one in fits if last in (None, one.get("key_last_four"))), None)

        try:
            said = self.run.wait(f"the notification {outcome}", find, seconds)
        except Broken as problem:
            others = [f"{one['outcome']}: {one.get('reason')}" for one in self.heard()]
            raise Broken(f"{problem}; told was {others}") from problem
        secrets = [key[name] for name in ("AccessKeyId", "SecretAccessKey") if key is not None]
        must_be(not any(secret in json.dumps(said) for secret in secrets), "a notification has the key or its secret")
        return said


@contextmanager
def ears(run: Run, topic: str) -> Iterator[Ears]:
    """Subscribe to a topic of leaks while the context lasts.

    Args:
        run: The run.
        topic: Its ARN.
    """
    with subscription(run, topic) as queue_url:
        yield Ears(run, queue_url)


@contextmanager
def repository(run: Run) -> Iterator[Clone]:
    """Make a repository that the guard watches, and clone it; it goes when all of it was scanned.

    Args:
        run: The run.
    """
    codecommit = run.client("codecommit")
    codecommit.create_repository(repositoryName=REPOSITORY)
    try:
        with clone(run, REPOSITORY) as work:
            yield work
        run.wait("the scans to end", lambda: not scans(run, ended="RUNNING"), 90)
    finally:
        codecommit.delete_repository(repositoryName=REPOSITORY)


def alone(function: Callable[[Run], Outcome]) -> Callable[[Run], Outcome]:
    """Take the users away that a scenario has made, when it is over.

    Args:
        function: The scenario.
    """

    @wraps(function)
    def played(run: Run) -> Outcome:
        try:
            return function(run)
        finally:
            while _users:
                _leave(run, _users.pop())

    return played


_users: list[str] = []
"""The users that the scenario has made."""


def _leave(run: Run, name: str) -> None:
    iam = run.client("iam")
    for key in iam.list_access_keys(UserName=name)["AccessKeyMetadata"]:
        iam.delete_access_key(UserName=name, AccessKeyId=key["AccessKeyId"])
    for policy in iam.list_attached_user_policies(UserName=name)["AttachedPolicies"]:
        iam.detach_user_policy(UserName=name, PolicyArn=policy["PolicyArn"])
    iam.delete_user(UserName=name)


def user_key(run: Run, name: str, *, path: str = PATH, tags: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make a user with a key, and return the key.

    Args:
        run: The run.
        name: The user's name.
        path: The user's path.
        tags: The user's tags.
    """
    iam = run.client("iam")
    iam.create_user(
        UserName=name, Path=path, Tags=[{"Key": key, "Value": value} for key, value in (tags or {}).items()]
    )
    _users.append(name)
    key: dict[str, str] = iam.create_access_key(UserName=name)["AccessKey"]
    return key


def status(run: Run, key: Key) -> str:
    """Return whether a user's key is active.

    Args:
        run: The run.
        key: The key.
    """
    found = run.client("iam").list_access_keys(UserName=key["UserName"])["AccessKeyMetadata"]
    (one,) = [one["Status"] for one in found if one["AccessKeyId"] == key["AccessKeyId"]]
    return str(one)


def must_become_inactive(run: Run, key: Key) -> None:
    """Wait until a key is inactive, and find that nobody can use it.

    Args:
        run: The run.
        key: The key.

    Raises:
        Broken: If it stays usable.
    """
    run.wait("the key to become inactive", lambda: status(run, key) == "Inactive")
    must_be(not usable(run, key), "the inactive key can be used")


def usable(run: Run, key: Key) -> bool:
    """Tell whether somebody who has a key can use it: a user's for who they are, a session's for what its role may.

    Args:
        run: The run.
        key: The key; with its ``SessionToken`` if it is temporary, of a role that may list the account's aliases.
    """
    session = boto3.Session(key["AccessKeyId"], key["SecretAccessKey"], key.get("SessionToken"), REGION)
    at = {"endpoint_url": run.sandbox.endpoint, "verify": str(run.sandbox.ca)}
    try:
        if "SessionToken" in key:
            session.client("iam", **at).list_account_aliases()
        else:
            session.client("sts", **at).get_caller_identity()
    except ClientError as error:
        if error.response["Error"]["Code"] in ("InvalidClientTokenId", "AccessDenied"):
            return False
        raise
    return True


def credentials(key: Key, profile: str = "default") -> bytes:
    """Return the file that the AWS CLI keeps a key in.

    Args:
        key: The key.
        profile: The name of the profile.
    """
    lines = [
        f"[{profile}]",
        f"aws_access_key_id = {key['AccessKeyId']}",
        f"aws_secret_access_key = {key['SecretAccessKey']}",
        *([f"aws_session_token = {key['SessionToken']}"] if "SessionToken" in key else []),
    ]
    return ("\n".join(lines) + "\n").encode()


def scans(run: Run, stack: str = APP, *, ended: str = "SUCCEEDED") -> list[str]:
    """Return the runs of a guard's state machine that ended in some way.

    Args:
        run: The run.
        stack: The guard's stack.
        ended: How.
    """
    machine = run.resource(stack, MACHINE)
    pages = run.client("stepfunctions").get_paginator("list_executions").paginate(stateMachineArn=machine)
    return [one["executionArn"] for page in pages for one in page["executions"] if one["status"] == ended]


def start(run: Run, request: Mapping[str, Any], stack: str = APP, *, client: Any = None) -> dict[str, Any]:
    """Start a guard's state machine, wait for its end and return its output.

    Args:
        run: The run.
        request: Its input.
        stack: The guard's stack.
        client: Who starts it; None for the account's root user.

    Raises:
        Broken: If it does not succeed.
    """
    states = run.client("stepfunctions") if client is None else client
    machine = run.resource(stack, MACHINE)
    arn = states.start_execution(stateMachineArn=machine, input=json.dumps(request))["executionArn"]

    def ended() -> dict[str, Any] | None:
        found: dict[str, Any] = states.describe_execution(executionArn=arn)
        return None if found["status"] == "RUNNING" else found

    done = run.wait("the scan to end", ended, 90)
    must_be(done["status"] == "SUCCEEDED", f"the scan ended as {done['status']}: {done.get('cause')}")
    output: dict[str, Any] = json.loads(done["output"])
    return output


def pushed(run: Run, what: Mapping[str, Any]) -> dict[str, Any]:
    """Return an event of a push, as AWS documents it.

    Args:
        run: The run.
        what: More of its detail, such as ``commitId``.
    """
    arn = run.client("codecommit").get_repository(repositoryName=REPOSITORY)["repositoryMetadata"]["Arn"]
    return {
        "version": "0",
        "id": "01234567-EXAMPLE",
        "detail-type": "CodeCommit Repository State Change",
        "source": "aws.codecommit",
        "account": arn.split(":")[4],
        "time": "2026-11-24T10:00:00Z",
        "region": REGION,
        "resources": [arn],
        "detail": {
            "event": "referenceUpdated",
            "repositoryName": REPOSITORY,
            "repositoryId": "12345678-1234-5678-abcd-12345678abcd",
            "referenceType": "branch",
            "referenceName": "main",
            "referenceFullName": "refs/heads/main",
            **what,
        },
    }
