"""What becomes of a message at each recipient, and what SES learns from it.

The mailbox simulator answers as AWS's does, with labels. Every other address takes its mail, unless it is suppressed;
what happens to it later is told by a scenario. A message with the EICAR test string is rejected, and one whose template
could not be rendered fails; neither counts as sent.
"""

from __future__ import annotations

from collections.abc import Iterator

from . import documents, mails
from .documents import Event
from .state import Mail, account, reasons_of

EICAR = "X5O!P%@AP[4\\PZX54(P^)7CC)7}$EICAR-STANDARD-ANTIVIRUS-TEST-FILE!$H+H*"
SIMULATOR = "simulator.amazonses.com"
_LISTED = (
    "Amazon SES did not send the message to this address because it is on the suppression list for your account. "
    "For more information about removing addresses from the suppression list, see the Amazon SES Developer Guide"
)


def of(mail: Mail) -> Iterator[Event]:
    """Yield what happens to a message, in the order in which it does.

    Args:
        mail: The message.
    """
    if mail.failure:
        template = mail.template or "inline"
        yield Event("Rendering Failure", mail, {"errorMessage": mail.failure, "templateName": template})
        return
    if EICAR in mail.body:
        yield Event("Reject", mail, {"reason": "Bad content"})
        return
    yield Event("Send", mail, {})
    reasons = reasons_of(mail.configuration_set)
    for recipient in mail.recipients:
        entry = account().suppressed.get(recipient.lower())
        if entry and entry["Reason"] in reasons:
            yield _suppressed(mail, recipient, entry["Reason"])
        else:
            yield from _at(mail, recipient)


def _suppressed(mail: Mail, recipient: str, reason: str) -> Event:
    subtype = "OnAccountSuppressionList"
    if reason == "COMPLAINT":
        return Event("Complaint", mail, documents.complaint(recipient, "", subtype), recipient)
    about = documents.bounce(recipient, subtype=subtype, diagnostic=_LISTED)
    return Event("Bounce", mail, about, recipient)


def _at(mail: Mail, recipient: str) -> Iterator[Event]:
    local, _, domain = recipient.lower().rpartition("@")
    answers = local.partition("+")[0] if domain == SIMULATOR else "success"
    if answers == "bounce":
        yield Event("Bounce", mail, documents.bounce(recipient), recipient)
    elif answers == "suppressionlist":
        said = f"smtp; 550 5.1.1 As requested: user unknown (suppressed address: {recipient})"
        yield Event("Bounce", mail, documents.bounce(recipient, diagnostic=said), recipient)
    else:
        yield Event("Delivery", mail, documents.delivery(recipient), recipient)
        if answers == "ooto":
            yield Event("Bounce", mail, documents.bounce(recipient, "Transient", "General", ""), recipient)
        elif answers == "complaint":
            yield Event("Complaint", mail, documents.complaint(recipient), recipient)


def learn(event: Event) -> None:
    """Put an address that bounced hard or complained on the suppression list, unless it is of the simulator.

    Args:
        event: What happened.
    """
    reason = "BOUNCE" if event.is_hard_bounce else "COMPLAINT" if event.is_complaint else ""
    address = event.recipient.lower()
    if not reason or address.endswith(f"@{SIMULATOR}") or reason not in reasons_of(event.mail.configuration_set):
        return
    attributes = {"MessageId": event.mail.id, "FeedbackId": event.about.get("feedbackId", "")}
    suppress(address, reason, attributes)


def suppress(address: str, reason: str, attributes: dict[str, str] | None = None) -> None:
    """Put an address on the account's suppression list.

    Args:
        address: The address.
        reason: ``BOUNCE`` or ``COMPLAINT``.
        attributes: The message and the report that it is there for.
    """
    entry = {"EmailAddress": address, "Reason": reason, "LastUpdateTime": mails.now()}
    account().suppressed[address.lower()] = entry | ({"Attributes": attributes} if attributes else {})
