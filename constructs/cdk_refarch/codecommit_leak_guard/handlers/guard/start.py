"""Starts a scan for each reference that a push has created or moved, when CodeCommit's trigger tells of it."""

import hashlib
import json
import os
from collections.abc import Iterator, Mapping
from typing import Any

from botocore.exceptions import ClientError

from aws_calls import client

STATE_MACHINE_ARN = os.environ["STATE_MACHINE_ARN"]

TEST = "TriggerEventTest"
"""The event that the console sends to try a trigger."""

stepfunctions = client("stepfunctions")


def handler(event: dict[str, Any], context: object) -> dict[str, int]:
    """Start the scans; those that are started already are not started again.

    Args:
        event: The event of a trigger:
            https://docs.aws.amazon.com/lambda/latest/dg/services-codecommit.html
        context: Lambda's context.

    Returns:
        How many scans were started, and how many had been before.

    Raises:
        BotoCoreError: If Step Functions gave no answer; Lambda tries again.
        ClientError: If it refused a scan; the first such error, after all others were started.
    """
    counts, errors = {"started": 0, "known": 0}, list[ClientError]()
    for record in event["Records"]:
        for reference in _references(record):
            try:
                counts["started" if _start(record, reference) else "known"] += 1
            except ClientError as error:
                errors.append(error)
    print(json.dumps({**counts, "failed": len(errors)}))
    if errors:
        raise errors[0]
    return counts


def _references(record: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the references that have something to scan."""
    if record.get("eventName") == TEST:
        return
    for reference in record["codecommit"]["references"]:
        if not reference.get("deleted") and reference.get("commit", "").strip("0"):
            yield reference


def _start(record: Mapping[str, Any], reference: Mapping[str, Any]) -> bool:
    """Start a scan; return False if it was started before."""
    repository, commit, full_name = record["eventSourceARN"], reference["commit"], reference["ref"]
    detail = {
        "event": "referenceCreated" if reference.get("created") else "referenceUpdated",
        "repositoryName": repository.rpartition(":")[2],
        "commitId": commit,
        "referenceFullName": full_name,
    }
    if record.get("userIdentityARN"):
        detail["callerUserArn"] = record["userIdentityARN"]
    parts = json.dumps((repository, full_name, commit, record["eventId"]))
    try:
        stepfunctions.start_execution(
            stateMachineArn=STATE_MACHINE_ARN,
            name=hashlib.sha256(parts.encode()).hexdigest()[:64],
            input=json.dumps({"detail": detail}),
        )
    except stepfunctions.exceptions.ExecutionAlreadyExists:
        return False
    return True
