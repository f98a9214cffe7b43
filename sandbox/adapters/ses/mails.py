"""The messages of a request that sends: templates rendered, headers and tags as events show them."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import ses, ses_v2

from .sending import Part, Sending
from .state import Mail, Record, bare

_HEADERS_BYTES = 10 * 1024
_EACH = re.compile(r"\{\{#each\b.*?\{\{/each\}\}", re.DOTALL)
_FIELD = re.compile(r"\{\{\{?\s*([A-Za-z_][\w.-]*)\s*\}?\}\}")


def now() -> str:
    """The time as SES's events have it."""
    return datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def of(sending: Sending, part: Part, id: str) -> Mail:
    """A message.

    Args:
        sending: The request that sent it.
        part: What the request has of it.
        id: The id that SES gave it.
    """
    subject, body, failure = _rendered(part)
    headers = _headers(sending, part, subject)
    return Mail(
        id=id,
        account=get_account_id(),
        region=get_region(),
        source=sending.source,
        recipients=part.recipients,
        headers=headers,
        common=_common(headers, id, sending),
        tags=_tags(sending, part),
        configuration_set=sending.configuration_set,
        body=body,
        template=part.template,
        failure=failure,
        timestamp=now(),
    )


def _rendered(part: Part) -> tuple[str, str, str]:
    """Subject, text, and why the template could not be rendered."""
    stored = ses_v2._template_parts(part.inline) if part.inline else ses._templates.get(part.template)
    if stored is None or not (part.template or part.inline):
        return part.subject, part.body, ""
    try:
        data = json.loads(part.data or "{}")
    except ValueError as error:
        return "", "", f"The rendering data is not JSON: {error}"
    text = "\n".join(str(stored.get(name, "")) for name in ("SubjectPart", "TextPart", "HtmlPart"))
    for name in _FIELD.findall(_EACH.sub("", text)):
        if name not in ("this", "else") and name.partition(".")[0] not in data:
            return "", "", f"Attribute '{name}' is not present in the rendering data."
    made = ses._render_template(stored, part.data)
    return str(made["Subject"]), f"{made['Text']}\n{made['Html']}", ""


def _headers(sending: Sending, part: Part, subject: str) -> list[Record]:
    if part.raw is not None:
        named = [(name, str(value)) for name, value in part.raw.items()]
    else:
        addresses = {name: ", ".join(part.destination.get(f"{name}Addresses", ())) for name in ("To", "Cc")}
        named = [("From", sending.source), ("Reply-To", ", ".join(sending.reply_to)), *addresses.items()]
        named += [("Subject", subject), ("MIME-Version", "1.0"), ("Content-Type", "text/plain; charset=UTF-8")]
        named += part.headers
    return [{"name": name, "value": value} for name, value in named if value]


def cut(headers: list[Record]) -> tuple[list[Record], bool]:
    """As many headers as events have, and whether some are left out.

    Args:
        headers: All of them.
    """
    size = 0
    for index, one in enumerate(headers):
        size += len(one["name"]) + len(one["value"])
        if size > _HEADERS_BYTES:
            return headers[:index], True
    return headers, False


def _common(headers: list[Record], id: str, sending: Sending) -> Record:
    known = {one["name"].lower(): one["value"] for one in reversed(headers)}
    common: Record = {"from": [known.get("from", sending.source)]}
    for key, name in (("to", "to"), ("cc", "cc"), ("replyTo", "reply-to")):
        if name in known:
            common[key] = [one.strip() for one in known[name].split(",")]
    if "date" in known:
        common["date"] = known["date"]
    return {**common, "messageId": id, "subject": known.get("subject", "")}


def _tags(sending: Sending, part: Part) -> dict[str, list[str]]:
    added = {
        "ses:operation": sending.operation,
        "ses:configuration-set": sending.configuration_set,
        "ses:source-ip": "127.0.0.1",
        "ses:source-tls-version": "TLSv1.3",
        "ses:from-domain": bare(sending.source).rpartition("@")[2],
        "ses:caller-identity": _caller(),
    }
    return {name: [value] for name, value in (*added.items(), *part.tags)}


def _caller() -> str:
    """The user's or the role's name."""
    kind, *names = iam_evaluator.caller_arn().rpartition(":")[2].split("/")
    if not names:
        return str(kind)
    return str(names[0] if kind == "assumed-role" else names[-1])
