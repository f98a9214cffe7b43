"""Event documents of SES, as its guide shows them, and such of made-up messages.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-firehose-examples.html
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

Document = dict[str, Any]

_REDUCED_MAIL: Document = {
    "timestamp": "2017-08-05T00:40:02.012Z",
    "source": "Sender Name <sender@example.com>",
    "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
    "sendingAccountId": "123456789012",
    "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
    "destination": ["recipient@example.com"],
    "headersTruncated": False,
    "tags": {"ses:configuration-set": ["ConfigSet"]},
}
_MAIL: Document = {
    **_REDUCED_MAIL,
    "headers": [
        {"name": "From", "value": "Sender Name <sender@example.com>"},
        {"name": "To", "value": "recipient@example.com"},
        {"name": "Subject", "value": "Message sent from Amazon SES"},
    ],
    "commonHeaders": {
        "from": ["Sender Name <sender@example.com>"],
        "to": ["recipient@example.com"],
        "messageId": "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000",
        "subject": "Message sent from Amazon SES",
    },
    "tags": {
        "ses:configuration-set": ["ConfigSet"],
        "ses:source-ip": ["192.0.2.0"],
        "ses:from-domain": ["example.com"],
        "ses:caller-identity": ["ses_user"],
    },
}
_TOPIC = {"topicName": "ExampleTopicName", "subscriptionStatus": "OptOut"}

DOCUMENTS: dict[str, Document] = {
    "Bounce": {
        "eventType": "Bounce",
        "bounce": {
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "bounceType": "Permanent",
            "bounceSubType": "General",
            "bouncedRecipients": [
                {
                    "emailAddress": "recipient@example.com",
                    "action": "failed",
                    "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 user unknown",
                }
            ],
            "timestamp": "2017-08-05T00:41:02.669Z",
            "reportingMTA": "dsn; mta.example.com",
        },
        "mail": _MAIL,
    },
    "Complaint": {
        "eventType": "Complaint",
        "complaint": {
            "feedbackId": "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000",
            "complaintSubType": None,
            "complainedRecipients": [{"emailAddress": "recipient@example.com"}],
            "timestamp": "2017-08-05T00:41:02.669Z",
            "userAgent": "Mozilla/5.0",
            "complaintFeedbackType": "abuse",
            "arrivalDate": "2017-08-05T00:41:02.669Z",
        },
        "mail": _MAIL,
    },
    "Delivery": {
        "eventType": "Delivery",
        "mail": _MAIL,
        "delivery": {
            "timestamp": "2016-10-19T23:21:04.133Z",
            "processingTimeMillis": 11893,
            "recipients": ["recipient@example.com"],
            "smtpResponse": "250 2.6.0 Message received",
            "remoteMtaIp": "203.0.113.1",
            "reportingMTA": "mta.example.com",
        },
    },
    "Send": {"eventType": "Send", "mail": _MAIL, "send": {}},
    "Reject": {"eventType": "Reject", "mail": _MAIL, "reject": {"reason": "Bad content"}},
    "Open": {
        "eventType": "Open",
        "mail": _MAIL,
        "open": {"ipAddress": "192.0.2.1", "timestamp": "2017-08-09T22:00:19.652Z", "userAgent": "Mozilla/5.0"},
    },
    "Click": {
        "eventType": "Click",
        "click": {
            "ipAddress": "192.0.2.1",
            "link": "http://docs.aws.amazon.com/",
            "linkTags": {"samplekey0": ["samplevalue0"], "samplekey1": ["samplevalue1"]},
            "timestamp": "2017-08-09T23:51:25.570Z",
            "userAgent": "Mozilla/5.0",
        },
        "mail": _MAIL,
    },
    "Rendering Failure": {
        "eventType": "Rendering Failure",
        "mail": _REDUCED_MAIL,
        "failure": {
            "errorMessage": "Attribute 'attributeName' is not present in the rendering data.",
            "templateName": "MyTemplate",
        },
    },
    "DeliveryDelay": {
        "eventType": "DeliveryDelay",
        "mail": _REDUCED_MAIL,
        "deliveryDelay": {
            "timestamp": "2020-06-16T00:25:40.095Z",
            "delayType": "TransientCommunicationFailure",
            "expirationTime": "2020-06-16T00:25:40.914Z",
            "delayedRecipients": [
                {
                    "emailAddress": "recipient@example.com",
                    "status": "4.4.1",
                    "diagnosticCode": "smtp; 421 4.4.1 Unable to connect to remote host",
                }
            ],
        },
    },
    "Subscription": {
        "eventType": "Subscription",
        "mail": {**_MAIL, "tags": {"ses:operation": ["SendEmail"], "ses:configuration-set": ["ConfigSet"]}},
        "subscription": {
            "contactList": "ContactListName",
            "timestamp": "2022-01-12T01:00:17.910Z",
            "source": "UnsubscribeHeader",
            "newTopicPreferences": {"unsubscribeAll": True, "topicSubscriptionStatus": [_TOPIC]},
            "oldTopicPreferences": {"unsubscribeAll": False, "topicSubscriptionStatus": [_TOPIC]},
        },
    },
}
"""An example of each type of event."""


@dataclass(frozen=True)
class Message:
    """A message, and some of the events that it can cause."""

    id: str = "m1"
    day: date = date(2026, 11, 23)
    to: tuple[str, ...] = ("ann@example.com",)
    configuration_set: str = "Set-A"
    campaign: str | None = "Spring"
    at: str = "23:59:59.999"

    def event(self, kind: str, key: str | None = None, **detail: Any) -> Document:
        tags = {"ses:configuration-set": [self.configuration_set]}
        if self.campaign:
            tags["Campaign"] = [self.campaign]
        mail = {"timestamp": f"{self.day}T{self.at}Z", "messageId": self.id, "destination": self.to, "tags": tags}
        return {"eventType": kind, "mail": mail, **({key: detail} if key else {})}

    def send(self) -> Document:
        return self.event("Send")

    def delivery(self, *addresses: str) -> Document:
        return self.event("Delivery", "delivery", timestamp=f"{self.day}T10:00:00.000Z", recipients=addresses)

    def bounce(self, *addresses: str, kind: str = "Permanent", sub: str = "General") -> Document:
        recipients = [{"emailAddress": address} for address in addresses]
        return self.event("Bounce", "bounce", bounceType=kind, bounceSubType=sub, bouncedRecipients=recipients)

    def complaint(self, *addresses: str, id: str = "f1", kind: str | None = "abuse", sub: Any = None) -> Document:
        recipients = [{"emailAddress": address} for address in addresses]
        detail = {"complaintSubType": sub, **({"complaintFeedbackType": kind} if kind else {})}
        return self.event("Complaint", "complaint", feedbackId=id, complainedRecipients=recipients, **detail)

    def open(self, at: str = "11:00:00") -> Document:
        return self.event("Open", "open", timestamp=f"{self.day}T{at}.000Z", userAgent="Mozilla/5.0")

    def delay(self, *addresses: str, kind: str = "MailboxFull", at: str = "12:00:00") -> Document:
        recipients = [{"emailAddress": address, "status": "4.2.2"} for address in addresses]
        timestamp = f"{self.day}T{at}.000Z"
        return self.event(
            "DeliveryDelay", "deliveryDelay", timestamp=timestamp, delayType=kind, delayedRecipients=recipients
        )

    def everything(self) -> list[Document]:
        to = self.to
        sent = [self.send(), self.delivery(*to), self.open()]
        return [*sent, self.bounce(*to), self.complaint(*to), self.delay(*to)]
