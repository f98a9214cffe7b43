"""Where a configuration set's events go, as far as policies and roles let SES send them there.

What is refused is lost with a warning in the log. A destination that would refuse is refused when it is made: AWS does
so for topics, and for roles that it cannot assume; asking for the role's permission too makes a template that makes the
destination before the policy fail always. A topic is told when it becomes a destination.
"""

from __future__ import annotations

import base64
import logging
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import Any, TypeVar

from ministack.core.responses import get_account_id, get_region
from ministack.services import cloudwatch, eventbridge, firehose, ses_v2, sns

from sandbox.adapters import access

from . import documents, mails
from .documents import Event
from .reputation import NAMESPACE
from .state import WHO, Record, arn, conditions

DETAIL_TYPES = {
    "Bounce": "Email Bounced",
    "Click": "Email Clicked",
    "Complaint": "Email Complaint Received",
    "Delivery": "Email Delivered",
    "DeliveryDelay": "Email Delivery Delayed",
    "Open": "Email Opened",
    "Reject": "Email Rejected",
    "Rendering Failure": "Email Rendering Failed",
    "Send": "Email Sent",
    "Subscription": "Email Subscribed",
}
SUBJECT = "Amazon SES Email Event Notification"
VALIDATED = "Successfully validated SNS topic for Amazon SES event publishing."
T = TypeVar("T")
_log = logging.getLogger("sandbox.ses")
_put_event_destination = ses_v2._put_event_destination


def install() -> None:
    """Ask for permissions when a destination is made, and make reputation metrics off by default, as on AWS."""
    ses_v2._put_event_destination = _put
    ses_v2._CONFIG_SET_DEFAULTS["ReputationOptions"] = {"ReputationMetricsEnabled": False}


def _put(name: str, dest_name: str, definition: Any, *, create: bool) -> Any:
    stored, problem = ses_v2._event_destination(definition if isinstance(definition, dict) else {})
    if problem:
        return problem
    try:
        for kind, admit in _ADMITS.items():
            if kind in stored:
                admit(name, stored[kind])
    except (access.Refused, LookupError) as error:
        said = error.args[0] if error.args else ""
        return ses_v2._json_err("BadRequestException", f"The event destination cannot be used: {said}")
    if refused := _put_event_destination(name, dest_name, definition, create=create):
        return refused
    if "SnsDestination" in stored:
        sns.publish_internal(stored["SnsDestination"]["TopicArn"], VALIDATED, SUBJECT)
    return None


def admit_topic(topic: str, source: str) -> None:
    """Refuse a topic whose policy, or whose key's policy, does not let SES publish for a resource.

    Args:
        topic: The topic's ARN.
        source: The ARN of the configuration set or the receipt rule.

    Raises:
        LookupError: If there is no such topic, or it is one that SES cannot use.
        access.Refused: If it is not allowed.
    """
    found = sns._topics.get(topic)
    if found is None or topic.endswith(".fifo"):
        raise LookupError(f"{topic} is not a standard topic of this account and region")
    if str(found["attributes"].get("KmsMasterKeyId", "")).startswith("alias/aws/"):
        raise access.Refused(f"{topic} is encrypted with a key of AWS, whose policy does not admit {WHO}")
    account, region = get_account_id(), get_region()
    access.require_service(WHO, "sns:Publish", topic, account, region, conditions(source))
    # SES's page on the key has no condition. The account and the context are general; the resource is not documented.
    known = {"aws:SourceAccount": account, "kms:EncryptionContext:aws:sns:topicArn": topic}
    access.require_service_key(WHO, access.own_key(found), account, region, known)


def _admit_topic(name: str, destination: Record) -> None:
    admit_topic(destination.get("TopicArn", ""), arn("configuration-set", name))


def _admit_stream(name: str, destination: Record) -> None:
    stream, role = destination.get("DeliveryStreamArn") or "", destination.get("IamRoleArn") or ""
    if firehose._streams.get(stream.rpartition("/")[2]) is None:
        raise LookupError(f"there is no stream {stream}")
    source = conditions(arn("configuration-set", name))
    session = access.assume(role, WHO, get_account_id(), get_region(), source)
    access.require(session, "firehose:PutRecordBatch", stream)


def _admit_bus(name: str, destination: Record) -> None:
    bus = f"arn:aws:events:{get_region()}:{get_account_id()}:event-bus/default"
    if destination.get("EventBusArn") != bus:
        raise LookupError(f"only the default bus is supported, got {destination.get('EventBusArn')}")


_ADMITS: dict[str, Callable[[str, Record], None]] = {
    "SnsDestination": _admit_topic,
    "KinesisFirehoseDestination": _admit_stream,
    "EventBridgeDestination": _admit_bus,
}


def deliver(name: str, record: Record, events: Sequence[Event]) -> None:
    """Publish events to the destinations of a configuration set, to each in their order.

    Args:
        name: The set's name.
        record: The set.
        events: The events.
    """
    texts = {id(event): documents.text(event) for event in events}
    for dest_name, destination in list((record.get("EventDestinations") or {}).items()):
        matching = [one for one in events if one.api_kind in destination["MatchingEventTypes"]]
        if not matching or not destination["Enabled"]:
            continue
        try:
            for kind, send in _SENDS.items():
                if kind in destination:
                    if kind in _ADMITS:
                        _ADMITS[kind](name, destination[kind])
                    send(name, destination[kind], matching, [texts[id(one)] for one in matching])
        except (access.Refused, LookupError) as error:
            _log.warning("SES lost %d events of %s for %s: %s", len(matching), name, dest_name, error.args[0])


def _to_topic(name: str, destination: Record, events: Sequence[Event], texts: Sequence[str]) -> None:
    for text in texts:
        sns.publish_internal(destination["TopicArn"], text, SUBJECT)


def _to_stream(name: str, destination: Record, events: Sequence[Event], texts: Sequence[str]) -> None:
    stream = destination["DeliveryStreamArn"].rpartition("/")[2]
    for some in _chunks(texts, 500):
        records = [{"Data": base64.b64encode(text.encode()).decode()} for text in some]
        status, _, answer = firehose._put_record_batch({"DeliveryStreamName": stream, "Records": records})
        if status != 200:
            raise LookupError(f"Firehose answered {answer!r}")


def _to_bus(name: str, destination: Record, events: Sequence[Event], texts: Sequence[str]) -> None:
    for some in _chunks(list(zip(events, texts, strict=True)), 10):
        entries = [
            {
                "Source": "aws.ses",
                "DetailType": DETAIL_TYPES[event.kind],
                "Detail": text,
                "Resources": [arn("configuration-set", name)],
            }
            for event, text in some
        ]
        eventbridge._put_events({"Entries": entries}, allow_aws_source=True)


def _to_metrics(name: str, destination: Record, events: Sequence[Event], texts: Sequence[str]) -> None:
    counted: Counter[tuple[str, tuple[tuple[str, str], ...]]] = Counter()
    for event in events:
        values = [(one["DimensionName"], _value(one, event)) for one in destination["DimensionConfigurations"]]
        counted[metric(event), tuple(values)] += 1
    for (kind, dimensions), number in counted.items():
        cloudwatch.record_metric(NAMESPACE, kind, number, "Count", dict(dimensions))


def _chunks(items: Sequence[T], size: int) -> Iterator[Sequence[T]]:
    for start in range(0, len(items), size):
        yield items[start : start + size]


def metric(event: Event) -> str:
    """The name of the metric that counts an event.

    Args:
        event: The event.
    """
    return event.kind.replace(" ", "")


def _value(dimension: Record, event: Event) -> str:
    name, default = dimension["DimensionName"], dimension.get("DefaultDimensionValue", "")
    if dimension["DimensionValueSource"] == "MESSAGE_TAG":
        found = event.mail.tags.get(name)
    elif dimension["DimensionValueSource"] == "EMAIL_HEADER":
        headers, _ = mails.cut(event.mail.headers)
        found = [one["value"] for one in headers if one["name"].lower() == name.lower()]
    else:
        found = (event.about.get("linkTags") or {}).get(name)
    return str(found[0] if found else default)


_SENDS: dict[str, Callable[[str, Record, Sequence[Event], Sequence[str]], None]] = {
    "SnsDestination": _to_topic,
    "KinesisFirehoseDestination": _to_stream,
    "EventBridgeDestination": _to_bus,
    "CloudWatchDestination": _to_metrics,
}
