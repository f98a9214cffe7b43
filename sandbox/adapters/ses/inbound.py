"""Mail that arrives: the rules of the active set, in their order, and what their actions do.

A scenario lets it arrive, with the verdicts that it wants; a body with the EICAR test string has a virus. SES takes it
only for recipients of verified identities. TLS is not looked at. The action ``KmsKeyArn`` of S3, which encrypts before
the object is stored, asks for the key and stores the message as it is; WorkMail, Connect and bounce actions do nothing.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import getaddresses
from uuid import uuid4

from ministack.services import ses

from sandbox.adapters import access

from . import mails, outcomes, receipt_actions
from .sending import as_message
from .state import Record, bare

VERDICTS = ("spam", "virus", "spf", "dkim", "dmarc")
_SCANS = ("spam", "virus")
_log = logging.getLogger("sandbox.ses")


@dataclass
class Arrival:
    """A message that arrives.

    Attributes:
        id: The id that SES gives it.
        source: Where it comes from.
        recipients: The addresses that it is for.
        raw: The message; actions may add to it.
        verdicts: What SES found out about it, ``PASS`` or ``FAIL``, by what it looked for.
        timestamp: When it arrived.
        done: The actions that were done, for the scenario.
    """

    id: str
    source: str
    recipients: list[str]
    raw: bytes
    verdicts: Mapping[str, str]
    timestamp: str = field(default_factory=mails.now)
    done: list[str] = field(default_factory=list)

    def mail(self) -> Record:
        """The message as functions and topics are told of it."""
        message = as_message(self.raw)
        headers, is_cut = mails.cut([{"name": name, "value": str(value)} for name, value in message.items()])
        return {
            "timestamp": self.timestamp,
            "source": self.source,
            "messageId": self.id,
            "destination": self.recipients,
            "headersTruncated": is_cut,
            "headers": headers,
            "commonHeaders": _common(message, self.source),
        }

    def receipt(self, recipients: list[str], action: Record, *, scanned: bool) -> Record:
        """What SES found out, and what it does.

        Args:
            recipients: The recipients that the rule fits.
            action: The action.
            scanned: Whether the rule asks for a scan.
        """
        found: Record = {
            f"{name}Verdict": {"status": self.verdicts[name] if scanned or name not in _SCANS else "DISABLED"}
            for name in VERDICTS
        }
        if self.verdicts["dmarc"] == "FAIL":
            found["dmarcPolicy"] = "reject"
        head = {"timestamp": self.timestamp, "processingTimeMillis": 1, "recipients": recipients}
        return {**head, **found, "action": action}


def _common(message: EmailMessage, source: str) -> Record:
    def listed(name: str) -> list[str]:
        return [str(value) for value in message.get_all(name, [])]

    common: Record = {"returnPath": source, "from": listed("From"), "to": listed("To")}
    for key, name in (("cc", "Cc"), ("date", "Date"), ("messageId", "Message-ID"), ("subject", "Subject")):
        values = listed(name)
        if values:
            common[key] = values if key == "cc" else values[0]
    return common


def receive(request: Record) -> Record:
    """Let a message arrive, and return when all its actions are done.

    Args:
        request: ``content``, the message; ``recipients``, by default those of its headers; ``source``, by default the
            sender in its headers; ``verdicts``, such as ``{"spam": "FAIL"}``.

    Raises:
        LookupError: If SES would not take it: there is no active rule set, or no verified identity of a recipient.
    """
    raw = str(request.get("content", "")).encode()
    message = as_message(raw)
    named = [address for _, address in getaddresses([str(one) for one in message.get_all("To", [])])]
    recipients = [bare(one) for one in request.get("recipients") or named]
    active = ses._active_receipt_rule_set.get("name")
    rule_set = ses._receipt_rule_sets.get(active) if active else None
    if rule_set is None:
        raise LookupError("550 5.1.1 there is no active receipt rule set")
    unknown = [one for one in recipients if not ses._identity_verified(one)]
    if unknown or not recipients:
        raise LookupError(f"550 5.1.1 Requested action not taken: mailbox unavailable: {', '.join(unknown)}")
    verdicts = dict.fromkeys(VERDICTS, "PASS")
    if outcomes.EICAR in raw.decode("utf-8", "replace"):
        verdicts["virus"] = "FAIL"
    verdicts |= request.get("verdicts") or {}
    source = request.get("source") or bare(str(message.get("From", "")))
    arrival = Arrival(uuid4().hex + uuid4().hex[:8], source, recipients, raw, verdicts)
    _run(arrival, active, rule_set)
    return {"messageId": arrival.id, "actions": arrival.done}


def _run(arrival: Arrival, set_name: str, rule_set: Mapping[str, list[Record]]) -> None:
    for rule in list(rule_set["Rules"]):
        fitting = list(_fitting(rule, arrival.recipients))
        if not rule["Enabled"] or not fitting:
            continue
        for action in rule["Actions"]:
            ((kind, about),) = action.items()
            try:
                verdict = receipt_actions.run(kind, about, arrival, fitting, set_name, rule)
            except (access.Refused, LookupError) as error:
                _log.warning("rule %s could not do %s: %s", rule["Name"], kind, error.args[0] if error.args else error)
                arrival.done.append(f"{rule['Name']}:{kind}:failed")
                continue
            arrival.done.append(f"{rule['Name']}:{kind}")
            if verdict == "STOP_RULE_SET":
                return
            if verdict == "STOP_RULE":
                break


def _fitting(rule: Record, recipients: list[str]) -> Iterator[str]:
    """The recipients that a rule is for: all, an address, a domain, or with a dot before it, its subdomains."""
    wanted = rule.get("Recipients") or []
    for recipient in recipients:
        address, domain = recipient.lower(), recipient.lower().rpartition("@")[2]
        plain = re.sub(r"\+[^@]*@", "@", address)
        parents = {f".{'.'.join(domain.split('.')[index:])}" for index in range(1, domain.count(".") + 1)}
        if not wanted or {address, plain, domain, *parents} & set(wanted):
            yield recipient
