"""Keeps, for each address and stream, the last event of each kind that Amazon SES tells of mail that did not arrive.

Messages of the queue are the events as SES publishes them, and may come twice and in any order: an event replaces only
an older one. Of two that happened in the same millisecond, the one with the greater feedback id stays, or with the
greater message id where there are no feedback ids; so the same one stays whichever came first.
"""

import json
import os
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

TABLE_NAME = os.environ["TABLE_NAME"]
STREAMS: dict[str, str] = json.loads(os.environ["STREAMS"])
"""The streams' names, by configuration set."""

KEEP_TRANSIENT_SECONDS = int(os.environ["KEEP_TRANSIENT_DAYS"]) * 24 * 60 * 60

VALIDATION = "Successfully validated SNS topic"
"""How the text begins that SES sends, in place of an event, when it is told of the topic."""

FEEDBACK: dict[str, tuple[str, str | None]] = {
    "Bounce": ("bounce", "bouncedRecipients"),
    "Complaint": ("complaint", "complainedRecipients"),
    "DeliveryDelay": ("deliveryDelay", "delayedRecipients"),
    "Reject": ("reject", None),
    "Rendering Failure": ("failure", None),
}
"""The events that are kept: what tells of it, and who it is about; None for all that the mail was for.
https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html"""

BOUNCES = {"Permanent": "PERMANENT_BOUNCE", "Transient": "TRANSIENT_BOUNCE"}
KEPT_FOR_GOOD = ("PERMANENT_BOUNCE", "COMPLAINT")

MAX_DIAGNOSTIC = 1000

RESERVE_SECONDS = 15
"""What must be left of the function's time for one more call, which is tried twice."""

dynamodb = boto3.client(
    "dynamodb",
    config=Config(connect_timeout=1, read_timeout=2, retries={"total_max_attempts": 2, "mode": "standard"}),
)


class OutOfTimeError(Exception):
    """There is no time left for another call."""


UNREADABLE = (AttributeError, IndexError, KeyError, OverflowError, RecursionError, TypeError, ValueError)
"""What reading a document raises that is none of SES."""


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Keep what a batch tells, and return which of its messages must come again.

    Args:
        event: The batch of the queue.
        context: Lambda's context.
    """
    failed = [record["messageId"] for record in event["Records"] if not _take(record, context)]
    return {"batchItemFailures": [{"itemIdentifier": one} for one in failed]}


def _take(record: Mapping[str, Any], context: Any) -> bool:
    """Keep what a message tells; return False if it must come again."""
    line: dict[str, Any] = {"message": record["messageId"]}
    try:
        _keep(record["body"], line, context)
    except (BotoCoreError, ClientError, OutOfTimeError, *UNREADABLE) as error:
        # Without its text, which may have an address in it.
        line["failed"] = error.response["Error"]["Code"] if isinstance(error, ClientError) else type(error).__name__
        return False
    finally:
        print(json.dumps(line))
    return True


def _keep(body: str, line: dict[str, Any], context: Any) -> None:
    """Keep what an event tells of each recipient, and write down for the log what was done."""
    if body.startswith(VALIDATION):
        line["dropped"] = "validation"
        return
    event = json.loads(body)
    line["type"] = event["eventType"]
    if event["eventType"] not in FEEDBACK:
        # The message id leads to what else is known.
        line |= {"dropped": "type", "email": event.get("mail", {}).get("messageId")}
        return
    line |= {"email": event["mail"]["messageId"], "kept": 0, "known": 0}
    for item in _items(event):
        line |= {"stream": item["stream"]["S"], "kind": item["kind"]["S"]}
        if context.get_remaining_time_in_millis() / 1000 < RESERVE_SECONDS:
            raise OutOfTimeError
        line["kept" if _put(item) else "known"] += 1


def _put(item: dict[str, Any]) -> bool:
    """Put an item in the table; return False if it, or a newer one, is there."""
    identity = "feedback_id" if "feedback_id" in item else "message_id"
    try:
        dynamodb.put_item(
            TableName=TABLE_NAME,
            Item=item,
            ConditionExpression=f"attribute_not_exists(event_at) OR event_at < :at "
            f"OR (event_at = :at AND {identity} < :identity)",
            ExpressionAttributeValues={":at": item["event_at"], ":identity": item[identity]},
        )
    except dynamodb.exceptions.ConditionalCheckFailedException:
        return False
    return True


def _items(event: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield the item of each recipient."""
    name, recipients = FEEDBACK[event["eventType"]]
    mail, detail = event["mail"], event[name]
    configuration_set = mail["tags"]["ses:configuration-set"][0]
    stream = STREAMS.get(configuration_set, configuration_set)
    kind, sub_type = _kind(event["eventType"], detail)
    if recipients is None:
        # SES took the mail and did not send it: there is no other time, and nobody in particular.
        at, listed = _time(mail["timestamp"]), [{"emailAddress": address} for address in mail["destination"]]
    else:
        at, listed = _time(detail["timestamp"]), detail[recipients]
    for recipient in listed:
        texts = {
            "address": _address(recipient["emailAddress"]),
            "event": f"{stream}#{kind}",
            "stream": stream,
            "kind": kind,
            "event_at": at.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
            "message_id": mail["messageId"],
            "feedback_id": detail.get("feedbackId"),
            "sub_type": sub_type,
            "status": recipient.get("status"),
            "diagnostic": (recipient.get("diagnosticCode") or detail.get("errorMessage") or "")[:MAX_DIAGNOSTIC],
        }
        item = {key: {"S": text} for key, text in texts.items() if text}
        if kind not in KEPT_FOR_GOOD:
            item["expires_at"] = {"N": str(int(at.timestamp()) + KEEP_TRANSIENT_SECONDS)}
        yield item


def _kind(event_type: str, detail: Mapping[str, Any]) -> tuple[str, str | None]:
    """Return the kind of an event and what SES says of it more closely."""
    if event_type == "Bounce":
        # AWS may name further types, of which nobody knows whether they are for good.
        return BOUNCES.get(detail["bounceType"], "UNDETERMINED_BOUNCE"), detail.get("bounceSubType")
    if event_type == "Complaint":
        reported = detail.get("complaintFeedbackType")
        kind = "NOT_SPAM" if reported == "not-spam" else "COMPLAINT"
        return kind, detail.get("complaintSubType") or reported
    if event_type == "DeliveryDelay":
        return "DELIVERY_DELAY", detail.get("delayType")
    if event_type == "Reject":
        return "REJECT", detail.get("reason")
    return "RENDERING_FAILURE", detail.get("templateName")


def _time(text: str) -> datetime:
    """Return a time as UTC, in which texts are in the order of times."""
    return datetime.fromisoformat(text).astimezone(UTC)


def _address(text: str) -> str:
    """Return the bare address in lower case; a display name may stand before it."""
    text = text.strip()
    address = text[text.rfind("<") + 1 : -1] if text.endswith(">") else text
    return address.strip().lower()
