"""Finds findings of Amazon Macie that never came as events, which are sent at best effort, and emits them once.

Events write down the ids of their findings; on schedule, Macie's list is held against them. The first run only writes
down when it was: before there was the table, nobody noted what came, so findings from then are never sent after.
"""

import json
import os
import time
import uuid
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError

TABLE_NAME, BUS_NAME, SOURCE = os.environ["TABLE_NAME"], os.environ["BUS_NAME"], os.environ["SOURCE"]
GRACE_SECONDS = int(os.environ["GRACE_SECONDS"])
"""How long an event may take."""

DETAIL_TYPE = "Macie Finding"
WINDOW_SECONDS = 24 * 60 * 60
KEPT_SECONDS = 3 * WINDOW_SECONDS

PAGE = 50
"""https://docs.aws.amazon.com/macie/latest/APIReference/findings-describe.html"""

MAX_ENTRIES = 10
MAX_BYTES = 200_000
"""Less than what a call may carry:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html"""

TRIES = 6

SINCE = "#since"
"""The id of the item that says when the first run was, which is none of a finding."""

macie = boto3.client("macie2")
dynamodb = boto3.client("dynamodb")
# An event whose answer was lost is not sent again.
eventbridge = boto3.client("events", config=Config(retries={"total_max_attempts": 1}))


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Write down a finding that came as an event, or else look for those that did not come.

    Args:
        event: The event of Macie or of the schedule.
        context: Lambda's context.

    Raises:
        RuntimeError: If EventBridge did not take all findings; the next run tries those again.
    """
    result: dict[str, Any] = {"checked": 0, "emitted": []}
    failed: list[str] = []
    try:
        if event.get("detail-type") == DETAIL_TYPE:
            _remember(event["detail"]["id"])
        else:
            _reconcile(str(uuid.uuid4()), result, failed)
    finally:
        print(json.dumps({**result, "failed": failed, "event": event.get("detail-type")}))
    if failed:
        raise RuntimeError(f"EventBridge did not take {len(failed)} findings; the next run tries them again")
    return result


def _reconcile(run: str, result: dict[str, Any], failed: list[str]) -> None:
    """Emit the findings that nobody has seen, and count."""
    now = int(time.time())
    since, until = _since(now), now - GRACE_SECONDS
    if since is None or since > until:
        return
    created = {"gte": max(now - WINDOW_SECONDS, since) * 1000, "lte": until * 1000}
    pages = macie.get_paginator("list_findings").paginate(
        findingCriteria={"criterion": {"createdAt": created}},
        sortCriteria={"attributeName": "createdAt", "orderBy": "ASC"},
        PaginationConfig={"PageSize": PAGE},
    )
    for page in pages:
        ids = page.get("findingIds", [])
        result["checked"] += len(ids)
        seen = _read(ids) if ids else {}
        unseen = [one for one in ids if one not in seen]
        findings = macie.get_findings(findingIds=unseen)["findings"] if unseen else []
        for batch in _batches([one for one in findings if not (one.get("sample") or one.get("archived"))]):
            emitted, refused = _emit(batch, run)
            result["emitted"] += emitted
            failed += refused


def _since(now: int) -> int | None:
    """Return when the first run was, in seconds; None in that run, which writes it down."""
    item = _read([SINCE]).get(SINCE)
    if item:
        return int(item["at"]["N"])
    try:
        # For good: nothing says when it expires.
        dynamodb.put_item(
            TableName=TABLE_NAME,
            Item={"id": {"S": SINCE}, "at": {"N": str(now)}},
            ConditionExpression="attribute_not_exists(id)",
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        print(json.dumps({"first-run": "another"}))
    return None


def _read(ids: list[str]) -> dict[str, dict[str, Any]]:
    """Return what is written down, by id."""
    keys = [{"id": {"S": one}} for one in ids]
    wanted: dict[str, Any] = {TABLE_NAME: {"Keys": keys, "ConsistentRead": True}}
    found: dict[str, dict[str, Any]] = {}
    for attempt in range(TRIES):
        answer = dynamodb.batch_get_item(RequestItems=wanted)
        found |= {item["id"]["S"]: item for item in answer["Responses"].get(TABLE_NAME, [])}
        wanted = answer.get("UnprocessedKeys", {})
        if not wanted:
            return found
        time.sleep(2**attempt / 4)
    raise RuntimeError(f"{TABLE_NAME} was too busy {TRIES} times; the next run tries again")


def _batches(findings: list[dict[str, Any]]) -> Iterator[dict[str, str]]:
    """Yield the findings in groups that one call can take, as text by id."""
    batch: dict[str, str] = {}
    for finding in findings:
        # Rules ask for both, and Macie need not say what is false.
        text = json.dumps({"sample": False, "archived": False, **finding}, default=_timestamp)
        if batch and (len(batch) == MAX_ENTRIES or sum(map(len, batch.values())) + len(text) > MAX_BYTES):
            yield batch
            batch = {}
        batch[finding["id"]] = text
    if batch:
        yield batch


def _timestamp(value: datetime) -> str:
    """Return a time as events have it."""
    precision = "milliseconds" if value.microsecond else "seconds"
    return value.astimezone(UTC).isoformat(timespec=precision).replace("+00:00", "Z")


def _emit(batch: dict[str, str], run: str) -> tuple[list[str], list[str]]:
    """Emit what nobody else has claimed; return the ids that EventBridge took, and those that it did not."""
    ids = [one for one in batch if _claim(one, run)]
    if not ids:
        return [], []
    entry = {"Source": SOURCE, "DetailType": DETAIL_TYPE, "EventBusName": BUS_NAME}
    try:
        answer = eventbridge.put_events(Entries=[{**entry, "Detail": batch[one]} for one in ids])
        failed = [one for one, taken in zip(ids, answer["Entries"], strict=True) if taken.get("ErrorCode")]
    except ClientError as error:
        if error.response["ResponseMetadata"]["HTTPStatusCode"] >= 500:
            # Perhaps they were taken: their claims stay.
            raise
        print(json.dumps({"refused": str(error)}))
        failed = ids
    for one in failed:
        _release(one, run)
    return [one for one in ids if one not in failed], failed


def _remember(finding: str) -> None:
    """Write down that a finding came as an event."""
    dynamodb.put_item(TableName=TABLE_NAME, Item=_item(finding, seen="event"))


def _claim(finding: str, run: str) -> bool:
    """Write down that this run emits a finding; return False if it has come or another run does."""
    try:
        dynamodb.put_item(
            TableName=TABLE_NAME,
            Item=_item(finding, seen="reconciler", run=run),
            # The client may have tried twice, and lost the answer to the first.
            ConditionExpression="attribute_not_exists(id) OR #run = :run",
            ExpressionAttributeNames={"#run": "run"},
            ExpressionAttributeValues={":run": {"S": run}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _release(finding: str, run: str) -> None:
    """Take a claim back, unless the finding has come as an event meanwhile."""
    try:
        dynamodb.delete_item(
            TableName=TABLE_NAME,
            Key={"id": {"S": finding}},
            ConditionExpression="#run = :run",
            ExpressionAttributeNames={"#run": "run"},
            ExpressionAttributeValues={":run": {"S": run}},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        print(json.dumps({"came-meanwhile": finding}))


def _item(finding: str, **texts: str) -> dict[str, Any]:
    """Return an item that the table drops when no run can ask for it any more."""
    item = {key: {"S": value} for key, value in texts.items()}
    return {"id": {"S": finding}, "expires": {"N": str(int(time.time()) + KEPT_SECONDS)}, **item}
