"""Events as SES publishes them.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-contents.html
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any
from uuid import uuid4

from . import mails
from .state import Mail, Record, identity_of

MEMBERS = {
    "Bounce": "bounce",
    "Click": "click",
    "Complaint": "complaint",
    "Delivery": "delivery",
    "DeliveryDelay": "deliveryDelay",
    "Open": "open",
    "Reject": "reject",
    "Rendering Failure": "failure",
    "Send": "send",
    "Subscription": "subscription",
}
"""The type of an event, and the member that tells of it."""
_WITHOUT_HEADERS = ("Rendering Failure", "DeliveryDelay")
_MTA = "a8-45.smtp-out.amazonses.com"
_SMTP_IP = "192.0.2.8"


@dataclass(frozen=True)
class Event:
    """Something that happened to a message.

    Attributes:
        kind: The event's type.
        mail: The message.
        about: What happened.
        recipient: Where; empty for the message as a whole.
    """

    kind: str
    mail: Mail
    about: Record
    recipient: str = ""

    @property
    def api_kind(self) -> str:
        """The type as destinations name it."""
        return {"DeliveryDelay": "DELIVERY_DELAY"}.get(self.kind, self.kind.upper().replace(" ", "_"))

    @property
    def is_hard_bounce(self) -> bool:
        """Whether it is a bounce that says that there is no such address."""
        subtypes = ("OnAccountSuppressionList", "OnTenantSuppressionList")
        permanent = self.about.get("bounceType") == "Permanent"
        return self.kind == "Bounce" and permanent and self.about.get("bounceSubType") not in subtypes

    @property
    def is_complaint(self) -> bool:
        """Whether somebody said that it is spam."""
        known = self.about.get("complaintSubType") or self.about.get("complaintFeedbackType") == "not-spam"
        return self.kind == "Complaint" and not known


def text(event: Event) -> str:
    """An event as JSON in one line, which ends with a newline.

    Args:
        event: The event.
    """
    document = {"eventType": event.kind, "mail": _mail(event), MEMBERS[event.kind]: event.about}
    return json.dumps(document) + "\n"


def _mail(event: Event) -> Record:
    mail = event.mail
    headers, is_cut = mails.cut(mail.headers)
    found: Record = {
        "timestamp": mail.timestamp,
        "source": mail.source,
        "sourceArn": f"arn:aws:ses:{mail.region}:{mail.account}:identity/{identity_of(mail.source)}",
        "sendingAccountId": mail.account,
        "messageId": mail.id,
        "destination": list(mail.recipients),
        "headersTruncated": is_cut,
    }
    if event.kind in _WITHOUT_HEADERS:
        return {**found, "tags": {"ses:configuration-set": [mail.configuration_set]}}
    leaving = {"ses:outgoing-ip": [_SMTP_IP], "ses:outgoing-tls-version": ["TLSv1.3"]}
    tags = {**mail.tags, **(leaving if event.kind == "Delivery" else {})}
    return {**found, "headers": headers, "commonHeaders": mail.common, "tags": tags}


def _feedback() -> Record:
    return {"feedbackId": f"{uuid4()}-000000", "timestamp": mails.now()}


def delivery(recipient: str) -> Record:
    """The message was taken by the recipient's server.

    Args:
        recipient: The recipient.
    """
    return {
        "timestamp": mails.now(),
        "processingTimeMillis": 1,
        "recipients": [recipient],
        "smtpResponse": "250 Ok",
        "remoteMtaIp": "203.0.113.1",
        "reportingMTA": _MTA,
    }


def bounce(
    recipient: str, kind: str = "Permanent", subtype: str = "General", status: str = "5.1.1", diagnostic: str = ""
) -> Record:
    """The message came back.

    Args:
        recipient: The recipient.
        kind: The type of the bounce.
        subtype: Its subtype.
        status: What the server answered, as a code; empty if there is no report of it.
        diagnostic: What the server answered.
    """
    about: Record = {"emailAddress": recipient}
    if status:
        about |= {"action": "failed", "status": status, "diagnosticCode": diagnostic or "smtp; 550 5.1.1 user unknown"}
    said = {"bounceType": kind, "bounceSubType": subtype, "bouncedRecipients": [about], **_feedback()}
    ours = subtype == "OnAccountSuppressionList"
    return said | ({"reportingMTA": "dns; amazonses.com" if ours else f"dns; {_MTA}"} if status else {})


def complaint(recipient: str, feedback: str = "abuse", subtype: str | None = None) -> Record:
    """The recipient said that the message is spam.

    Args:
        recipient: The recipient.
        feedback: What the report is of; empty for no report.
        subtype: Why SES says it itself.
    """
    said = {"complaintSubType": subtype, "complainedRecipients": [{"emailAddress": recipient}], **_feedback()}
    if feedback:
        agent = "Amazon SES Mailbox Simulator"
        said |= {"userAgent": agent, "complaintFeedbackType": feedback, "arrivalDate": said["timestamp"]}
    return said


def told(kind: str, recipient: str, given: Mapping[str, Any]) -> Record:
    """What a scenario says that happened, made complete.

    Args:
        kind: The event's type.
        recipient: Where.
        given: What the scenario says of it.
    """
    seen = {"ipAddress": "192.0.2.1", "timestamp": mails.now(), "userAgent": "Mozilla/5.0"}
    soft = given.get("bounceType", "Permanent") != "Permanent"
    delayed = {"emailAddress": recipient, "status": "4.4.1", "diagnosticCode": "smtp; 421 4.4.1 Unable to connect"}
    unsubscribed = {"unsubscribeAll": True, "topicSubscriptionStatus": []}
    subscribed = {"unsubscribeAll": False, "topicSubscriptionStatus": []}
    made: dict[str, Callable[[], Record]] = {
        "Bounce": lambda: bounce(recipient, status="4.4.7" if soft else "5.1.1"),
        "Click": lambda: {**seen, "link": "https://example.com/", "linkTags": None},
        "Complaint": lambda: complaint(recipient),
        "Delivery": lambda: delivery(recipient),
        "DeliveryDelay": lambda: {
            "timestamp": mails.now(),
            "delayType": "TransientCommunicationFailure",
            "expirationTime": mails.now(),
            "delayedRecipients": [delayed],
        },
        "Open": lambda: seen,
        "Subscription": lambda: {
            "contactList": "Contacts",
            "timestamp": mails.now(),
            "source": "UnsubscribeHeader",
            "newTopicPreferences": unsubscribed,
            "oldTopicPreferences": subscribed,
        },
    }
    return {**made[kind](), **given}
