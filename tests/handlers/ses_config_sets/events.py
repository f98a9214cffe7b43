"""Events as Amazon SES publishes them.

https://docs.aws.amazon.com/ses/latest/dg/event-publishing-retrieving-sns-examples.html
"""

from __future__ import annotations

from typing import Any

ADDRESS, SUBJECT, DIAGNOSTIC = "recipient@example.com", "Message sent from Amazon SES", "smtp; 550 5.1.1 user unknown"
MISSING = "Attribute 'attributeName' is not present in the rendering data."
SENDER = "Sender Name <sender@example.com>"
MESSAGE_ID = "EXAMPLE7c191be45-e9aedb9a-02f9-4d12-a87d-dd0099a07f8a-000000"
FEEDBACK_ID = "01000157c44f053b-61b59c11-9236-11e6-8f96-7be8aexample-000000"
AT, AT_SECONDS = "2017-08-05T00:41:02.669Z", 1_501_893_662
MAIL_AT, MAIL_AT_SECONDS = "2017-08-05T00:40:02.012Z", 1_501_893_602
SET = "ConfigSet"

VALIDATION = "Successfully validated SNS topic for Amazon SES event publishing."

Event = dict[str, Any]


def mail(**more: Any) -> Event:
    """What an event says of the mail."""
    return {
        "timestamp": MAIL_AT,
        "source": SENDER,
        "sourceArn": "arn:aws:ses:us-east-1:123456789012:identity/sender@example.com",
        "sendingAccountId": "123456789012",
        "messageId": MESSAGE_ID,
        "destination": [ADDRESS],
        "headersTruncated": False,
        "headers": [
            {"name": "From", "value": SENDER},
            {"name": "To", "value": ADDRESS},
            {"name": "Subject", "value": SUBJECT},
            {"name": "MIME-Version", "value": "1.0"},
            {"name": "Content-Type", "value": "text/plain"},
        ],
        "commonHeaders": {"from": [SENDER], "to": [ADDRESS], "messageId": MESSAGE_ID, "subject": SUBJECT},
        "tags": {
            "ses:configuration-set": [SET],
            "ses:source-ip": ["192.0.2.0"],
            "ses:from-domain": ["example.com"],
            "ses:caller-identity": ["ses_user"],
        },
        **more,
    }


def reduced_mail(**more: Any) -> Event:
    """The same of events that come without headers."""
    tags = {"ses:configuration-set": [SET]}
    whole = mail(**{"tags": tags, **more})
    return {name: value for name, value in whole.items() if name not in ("headers", "commonHeaders")}


def send() -> Event:
    return {"eventType": "Send", "mail": mail(), "send": {}}


def reject(**more: Any) -> Event:
    about = more.pop("mail", mail())
    return {"eventType": "Reject", "mail": about, "reject": {"reason": "Bad content"} | more}


def reported(address: str = ADDRESS, **more: Any) -> Event:
    """A recipient of whom another mail server has told why."""
    return {"emailAddress": address, "action": "failed", "status": "5.1.1", "diagnosticCode": DIAGNOSTIC, **more}


def bounce(*recipients: Event, bounce_type: str = "Permanent", **more: Any) -> Event:
    """A bounce that another mail server has reported; ``mail`` is what to say of the mail."""
    about = more.pop("mail", mail())
    detail = {
        "feedbackId": FEEDBACK_ID,
        "bounceType": bounce_type,
        "bounceSubType": "General",
        "bouncedRecipients": list(recipients or [reported()]),
        "timestamp": AT,
        "remoteMtaIp": "203.0.113.1",
        "reportingMTA": "dns; mta.example.com",
    }
    return {"eventType": "Bounce", "bounce": detail | more, "mail": about}


def bounce_without_report(bounce_type: str, *addresses: str, **more: Any) -> Event:
    """A bounce of which SES knows only the recipients, such as an automatic answer."""
    event = bounce(bounce_type=bounce_type, **more)
    event["bounce"]["bouncedRecipients"] = [{"emailAddress": address} for address in addresses]
    del event["bounce"]["reportingMTA"], event["bounce"]["remoteMtaIp"]
    return event


def suppressed() -> Event:
    """A bounce of an address on the account's suppression list, which was never sent to."""
    text = "Amazon SES did not send the message to this address because it is on the suppression list for your account."
    recipient = reported(diagnosticCode=text)
    return bounce(recipient, bounceSubType="OnAccountSuppressionList", reportingMTA="dns; amazonses.com")


def complaint(*addresses: str, **more: Any) -> Event:
    about = more.pop("mail", mail())
    detail = {
        "feedbackId": FEEDBACK_ID,
        "complaintSubType": None,
        "complainedRecipients": [{"emailAddress": address} for address in addresses or [ADDRESS]],
        "timestamp": AT,
        "userAgent": "Amazon SES Mailbox Simulator",
        "complaintFeedbackType": "abuse",
        "arrivalDate": AT,
    }
    return {"eventType": "Complaint", "complaint": detail | more, "mail": about}


def suppressed_complaint() -> Event:
    """A complaint of an address on the account's suppression list, which tells no kind of feedback."""
    event = complaint(complaintSubType="OnAccountSuppressionList")
    for name in ("userAgent", "complaintFeedbackType", "arrivalDate"):
        del event["complaint"][name]
    return event


def delivery() -> Event:
    detail = {
        "timestamp": "2016-10-19T23:21:04.133Z",
        "processingTimeMillis": 11893,
        "recipients": [ADDRESS],
        "smtpResponse": "250 2.6.0 Message received",
        "remoteMtaIp": "203.0.113.1",
        "reportingMTA": "mta.example.com",
    }
    return {"eventType": "Delivery", "mail": mail(), "delivery": detail}


def opened() -> Event:
    detail = {"ipAddress": "192.0.2.1", "timestamp": "2017-08-09T22:00:19.652Z", "userAgent": "Mozilla/5.0"}
    return {"eventType": "Open", "mail": mail(), "open": detail}


def click() -> Event:
    detail = {
        "ipAddress": "192.0.2.1",
        "link": "http://docs.aws.amazon.com/",
        "linkTags": {"samplekey0": ["samplevalue0"]},
        "timestamp": "2017-08-09T23:51:25.570Z",
        "userAgent": "Mozilla/5.0",
    }
    return {"eventType": "Click", "click": detail, "mail": mail()}


def rendering_failure(**more: Any) -> Event:
    about = more.pop("mail", reduced_mail())
    detail = {"errorMessage": MISSING, "templateName": "MyTemplate"}
    return {"eventType": "Rendering Failure", "mail": about, "failure": detail | more}


def delivery_delay(*recipients: Event, **more: Any) -> Event:
    about = more.pop("mail", reduced_mail())
    text = "smtp; 421 4.4.1 Unable to connect to remote host"
    detail = {
        "timestamp": AT,
        "delayType": "TransientCommunicationFailure",
        "expirationTime": "2017-08-05T14:40:02.914Z",
        "delayedRecipients": list(recipients or [{"emailAddress": ADDRESS, "status": "4.4.1", "diagnosticCode": text}]),
    }
    return {"eventType": "DeliveryDelay", "mail": about, "deliveryDelay": detail | more}


def subscription() -> Event:
    topics = [{"topicName": "ExampleTopicName", "subscriptionStatus": "OptOut"}]
    detail = {
        "contactList": "ContactListName",
        "timestamp": "2022-01-12T01:00:17.910Z",
        "source": "UnsubscribeHeader",
        "newTopicPreferences": {"unsubscribeAll": True, "topicSubscriptionStatus": topics},
        "oldTopicPreferences": {"unsubscribeAll": False, "topicSubscriptionStatus": topics},
    }
    tags = {"ses:operation": ["SendEmail"], "ses:configuration-set": [SET]}
    return {"eventType": "Subscription", "mail": mail(tags=tags), "subscription": detail}
