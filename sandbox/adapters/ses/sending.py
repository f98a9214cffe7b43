"""Requests that send, of either version of the API, read into what they have in common, and then into messages."""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from email.utils import getaddresses, parseaddr
from typing import Any
from urllib.parse import parse_qs

from .state import Record, bare, default_set

_V2 = {"/v2/email/outbound-emails": "SendEmail", "/v2/email/outbound-bulk-emails": "SendBulkEmail"}
_V1 = ("SendEmail", "SendRawEmail", "SendTemplatedEmail", "SendBulkTemplatedEmail")
# Headers must stay as they are, also those that are no valid ones.
_AS_IT_IS: Any = policy.compat32.clone(message_factory=EmailMessage)
_ADDRESSES = ("ToAddresses", "CcAddresses", "BccAddresses")


@dataclass(frozen=True)
class Part:
    """One message of a request.

    Attributes:
        destination: Its addresses by kind.
        tags: Its message tags.
        headers: Headers of its own.
        raw: The message itself, if it came so.
        subject: The subject.
        body: The text of its parts.
        template: The template's name; empty for none.
        inline: The template itself, if it came with the request.
        data: The data for the template.
    """

    destination: Mapping[str, list[str]]
    tags: tuple[tuple[str, str], ...] = ()
    headers: tuple[tuple[str, str], ...] = ()
    raw: EmailMessage | None = None
    subject: str = ""
    body: str = ""
    template: str = ""
    inline: Record | None = None
    data: str = ""

    @property
    def recipients(self) -> tuple[str, ...]:
        """The bare addresses that it goes to."""
        given = [bare(one) for kind in _ADDRESSES for one in self.destination.get(kind, [])]
        if not given and self.raw is not None:
            fields = [str(value) for name in ("To", "Cc", "Bcc") for value in self.raw.get_all(name, [])]
            given = [address for _, address in getaddresses(fields)]
        return tuple(dict.fromkeys(filter(None, given)))


@dataclass(frozen=True)
class Sending:
    """A request that sends.

    Attributes:
        version: The version of the API, 1 or 2.
        operation: The operation.
        source: The sender.
        named_set: The configuration set that it names; empty for none.
        source_arn: The identity that it names; empty for none.
        feedback: Where bounces are to go.
        reply_to: The addresses for replies.
        parts: Its messages.
    """

    version: int
    operation: str
    source: str
    named_set: str
    source_arn: str
    feedback: str
    reply_to: tuple[str, ...]
    parts: tuple[Part, ...]

    @property
    def configuration_set(self) -> str:
        """The configuration set that applies: the one that it names, or else its identity's."""
        return self.named_set or default_set(self.source)

    @property
    def is_bulk(self) -> bool:
        """Whether it can have several messages."""
        return "Bulk" in self.operation

    @property
    def is_raw(self) -> bool:
        """Whether its message came as it is."""
        return any(part.raw is not None for part in self.parts)


def read(method: str, path: str, body: bytes, query: Mapping[str, Any]) -> Sending | None:
    """Read a request; None if it does not send.

    Args:
        method: The method.
        path: The path.
        body: The body.
        query: The parameters of the query string.
    """
    name = _V2.get(path.rstrip("/"))
    if name and method == "POST":
        request = _json(body)
        return None if request is None else _from_headers(_v2(name, request))
    if path.startswith("/v2/"):
        return None
    form = {**query, **parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True)}
    action = _first(form.get("Action", ""))
    return _from_headers(_v1(action, nested(form))) if action in _V1 else None


def _json(body: bytes) -> Record | None:
    try:
        found = json.loads(body or b"{}")
    except ValueError:
        return None
    return found if isinstance(found, dict) else None


def _first(value: Any) -> str:
    return str(value[0] if isinstance(value, list) else value)


def nested(form: Mapping[str, Any]) -> Record:
    """A form's parameters as the structures and lists that their names tell of.

    Args:
        form: The parameters, such as ``Destination.ToAddresses.member.1``.
    """
    root: Record = {}
    for name, value in form.items():
        *path, last = name.replace(".member.", ".").split(".")
        place = root
        for step in path:
            found = place.setdefault(step, {})
            if not isinstance(found, dict):
                break
            place = found
        place[last] = _first(value)
    listed = _listed(root)
    return listed if isinstance(listed, dict) else {}


def _listed(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    if value and all(key.isdigit() for key in value):
        return [_listed(value[key]) for key in sorted(value, key=int)]
    return {key: _listed(item) for key, item in value.items()}


def _pairs(items: Any) -> tuple[tuple[str, str], ...]:
    return tuple((str(one.get("Name", "")), str(one.get("Value", ""))) for one in items or ())


def _message(encoded: str) -> EmailMessage:
    try:
        data = base64.b64decode(encoded, validate=False)
    except (binascii.Error, ValueError):
        data = encoded.encode()
    return as_message(data)


def as_message(data: bytes) -> EmailMessage:
    """A message that came as it is.

    Args:
        data: The message.
    """
    return message_from_bytes(data, policy=_AS_IT_IS)


def text_of(message: EmailMessage) -> str:
    """The decoded text of a message's parts.

    Args:
        message: The message.
    """
    found = []
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            found.append(payload.decode("utf-8", "replace"))
    return "\n".join(found)


def _content(content: Record) -> Record:
    """What a simple or a templated content, or a message of version 1, gives to a part."""
    if raw := content.get("Raw"):
        message = _message(str(raw.get("Data", "")))
        return {"raw": message, "body": text_of(message), "subject": str(message.get("Subject", ""))}
    if template := content.get("Template"):
        name = template.get("TemplateName") or str(template.get("TemplateArn", "")).rpartition("template/")[2]
        inline = None if name else template.get("TemplateContent")
        data, headers = template.get("TemplateData") or "{}", _pairs(template.get("Headers"))
        return {"template": name, "inline": inline, "data": data, "headers": headers}
    simple = content.get("Simple") or {}
    texts = [str(one.get("Data", "")) for one in (simple.get("Body") or {}).values() if isinstance(one, dict)]
    subject = str((simple.get("Subject") or {}).get("Data", ""))
    attached = [_message(str(one.get("RawContent", ""))).as_string() for one in simple.get("Attachments") or ()]
    return {"subject": subject, "body": "\n".join(texts + attached), "headers": _pairs(simple.get("Headers"))}


def _v2(operation: str, request: Record) -> Sending:
    parts = [Part(request.get("Destination") or {}, _pairs(request.get("EmailTags")))]
    if operation == "SendBulkEmail":
        parts = list(_bulk_v2(request))
    else:
        parts = [replace(parts[0], **_content(request.get("Content") or {}))]
    names = ("FromEmailAddress", "FromEmailAddressIdentityArn", "FeedbackForwardingEmailAddress")
    return _sending(2, operation, request, names, parts)


def _sending(version: int, operation: str, request: Record, names: tuple[str, str, str], parts: list[Part]) -> Sending:
    """A request, whose sender, identity and return path have names of the version's own."""
    sender, identity, return_path = (request.get(name) or "" for name in names)
    named = request.get("ConfigurationSetName") or ""
    reply_to = tuple(request.get("ReplyToAddresses") or ())
    return Sending(version, operation, sender, named, identity, return_path, reply_to, tuple(parts))


def _bulk_v2(request: Record) -> Iterator[Part]:
    content = _content(request.get("DefaultContent") or {})
    defaults = dict(_pairs(request.get("DefaultEmailTags")))
    for entry in request.get("BulkEmailEntries") or ():
        own = (entry.get("ReplacementEmailContent") or {}).get("ReplacementTemplate") or {}
        tags = {**defaults, **dict(_pairs(entry.get("ReplacementTags")))}
        headers = {**dict(content.get("headers", ())), **dict(_pairs(entry.get("ReplacementHeaders")))}
        data = own.get("ReplacementTemplateData") or content.get("data", "{}")
        given = {**content, "headers": tuple(headers.items()), "data": data}
        yield Part(entry.get("Destination") or {}, tuple(tags.items()), **given)


def _v1(operation: str, request: Record) -> Sending:
    tags = _pairs(request.get("Tags"))
    if operation == "SendBulkTemplatedEmail":
        parts = list(_bulk_v1(request))
    elif operation == "SendRawEmail":
        destination = {"ToAddresses": request.get("Destinations") or []}
        parts = [Part(destination, tags, **_content({"Raw": request.get("RawMessage") or {"Data": ""}}))]
    else:
        template = {"TemplateName": request.get("Template"), "TemplateData": request.get("TemplateData")}
        content = {"Template": template} if request.get("Template") else {"Simple": request.get("Message")}
        parts = [Part(request.get("Destination") or {}, tags, **_content(content))]
    return _sending(1, operation, request, ("Source", "SourceArn", "ReturnPath"), parts)


def _bulk_v1(request: Record) -> Iterator[Part]:
    defaults = dict(_pairs(request.get("DefaultTags")))
    for entry in request.get("Destinations") or ():
        tags = {**defaults, **dict(_pairs(entry.get("ReplacementTags")))}
        data = entry.get("ReplacementTemplateData") or request.get("DefaultTemplateData") or "{}"
        template = str(request.get("Template", ""))
        yield Part(entry.get("Destination") or {}, tuple(tags.items()), template=template, data=data)


def _from_headers(sending: Sending) -> Sending:
    """The request with what headers of a raw message say: the sender, the configuration set and tags."""
    if not sending.is_raw:
        return sending
    (part,) = sending.parts
    message = part.raw or EmailMessage()
    found = re.findall(r"([^\s,;=]+)\s*=\s*([^\s,;]*)", str(message.get("X-SES-MESSAGE-TAGS", "")))
    return replace(
        sending,
        source=sending.source or str(message.get("From", "")),
        named_set=sending.named_set or str(message.get("X-SES-CONFIGURATION-SET", "")).strip(),
        source_arn=sending.source_arn or str(message.get("X-SES-SOURCE-ARN", "")).strip(),
        feedback=sending.feedback or bare(str(message.get("Return-Path", ""))),
        parts=(replace(part, tags=tuple({**dict(found), **dict(part.tags)}.items())),),
    )


def display_name(sending: Sending) -> str:
    """The name of the sender.

    Args:
        sending: The request.
    """
    return parseaddr(sending.source)[0]
