"""What happens to mail that SES took is decided at once; its events are published in the background, in order."""

from __future__ import annotations

import logging
import queue
import threading
from collections import Counter
from collections.abc import Iterable, Sequence

from ministack.core.responses import request_scope
from ministack.services import cloudwatch, sns, sqs

from sandbox.adapters import access

from . import destinations, documents, outcomes, reputation
from .documents import Event
from .reputation import NAMESPACE
from .state import Mail, Record, account, configuration_set, keep

_MOST = 1000
_waiting: queue.SimpleQueue[Event] = queue.SimpleQueue()
_log = logging.getLogger("sandbox.ses")


def start() -> None:
    """Begin to publish."""
    threading.Thread(target=_run, name="ses", daemon=True).start()


def accept(mails: Iterable[Mail]) -> None:
    """Take messages that were sent.

    Args:
        mails: The messages, in the order in which they were sent.
    """
    for mail in mails:
        keep(mail)
        for event in outcomes.of(mail):
            _take(event)


def _take(event: Event) -> None:
    outcomes.learn(event)
    _waiting.put(event)


def tell(request: Record) -> Record:
    """Let something happen to a message that was sent, as a scenario says.

    Args:
        request: ``messageId``, ``eventType``, ``recipient`` (the first one by default) and ``details``, members of
            what the event tells, such as ``bounceType`` or ``link``.

    Raises:
        LookupError: If there is no such message or type.
    """
    mail = account().mails.get(request.get("messageId", ""))
    kind = request.get("eventType", "")
    if mail is None or kind not in documents.MEMBERS or kind in ("Send", "Reject", "Rendering Failure"):
        raise LookupError(f"there is no message {request.get('messageId')}, or nobody can tell of {kind}")
    recipient = request.get("recipient") or mail.recipients[0]
    _take(Event(kind, mail, documents.told(kind, recipient, request.get("details") or {}), recipient))
    return {"messageId": mail.id}


def _run() -> None:
    access.over_tls()
    while True:
        batch = [_waiting.get()]
        while len(batch) < _MOST and not _waiting.empty():
            batch.append(_waiting.get())
        for scope in dict.fromkeys(_scope(one) for one in batch):
            with request_scope(*scope):
                try:
                    _publish([one for one in batch if _scope(one) == scope])
                except (ValueError, LookupError, TypeError, RuntimeError, sns.SnsPublishError, sqs._Err):
                    # The thread must live on: what a destination's own code stumbles over is one batch.
                    _log.exception("SES lost events")


def _scope(event: Event) -> tuple[str, str]:
    return event.mail.account, event.mail.region


def _publish(events: Sequence[Event]) -> None:
    reputation.count(events)
    for kind, number in Counter(destinations.metric(event) for event in events).items():
        cloudwatch.record_metric(NAMESPACE, kind, number, "Count")
    for name in dict.fromkeys(event.mail.configuration_set for event in events):
        record = configuration_set(name)
        if record is not None:
            destinations.deliver(name, record, [one for one in events if one.mail.configuration_set == name])
