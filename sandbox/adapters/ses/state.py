"""What SES remembers beyond MiniStack's stores: the suppression list, mail that was sent, and reputations.

Identities and configuration sets are MiniStack's, which keeps those of either version of the API apart. Here an
identity of either version counts, and a configuration set is known to both.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field
from email.utils import parseaddr
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import ses, ses_v2

Record = dict[str, Any]
"""A resource or a document, with the names and values of the API."""
REASONS = ("BOUNCE", "COMPLAINT")
MOST_MAILS = 20_000
WHO = "ses.amazonaws.com"


@dataclass(frozen=True)
class Mail:
    """A message as SES took it.

    Attributes:
        id: Its id.
        account: The account that sent it.
        region: The region that it was sent in.
        source: The sender, maybe with a name.
        recipients: The addresses that it goes to.
        headers: Its headers, each with name and value.
        common: The headers that most messages have, as events have them.
        tags: The message tags, with those that SES adds.
        configuration_set: The name of the configuration set; empty for none.
        body: The text of its parts.
        template: The name of its template; empty for none.
        failure: Why the template could not be rendered; empty if it could.
        timestamp: When it was sent.
    """

    id: str
    account: str
    region: str
    source: str
    recipients: tuple[str, ...]
    headers: list[Record]
    common: Record
    tags: Mapping[str, list[str]]
    configuration_set: str
    body: str
    template: str
    failure: str
    timestamp: str


@dataclass
class Account:
    """What an account has in a region.

    Attributes:
        reasons: For which reasons addresses are suppressed; both, as in accounts that are new since November 2019.
        suppressed: The suppression list, by address.
        mails: The latest messages by id.
        outcomes: For each configuration set, and for the whole account under the empty name, what became of the
            latest messages at their recipients.
        fresh_starts: For each configuration set, the fresh start of its reputation that has been seen.
    """

    reasons: list[str] = field(default_factory=lambda: list(REASONS))
    suppressed: dict[str, Record] = field(default_factory=dict)
    mails: OrderedDict[str, Mail] = field(default_factory=OrderedDict)
    outcomes: dict[str, dict[tuple[str, str], str]] = field(default_factory=dict)
    fresh_starts: dict[str, Any] = field(default_factory=dict)


_accounts: dict[tuple[str, str], Account] = {}


def account() -> Account:
    """The account of the request, in its region."""
    return _accounts.setdefault((get_account_id(), get_region()), Account())


def keep(mail: Mail) -> None:
    """Remember a message, so that events about it can be told later.

    Args:
        mail: The message.
    """
    mails = account().mails
    mails[mail.id] = mail
    while len(mails) > MOST_MAILS:
        mails.popitem(last=False)


def bare(address: str) -> str:
    """An address without a name.

    Args:
        address: The address, maybe with a name.
    """
    return parseaddr(address)[1]


def identity_of(address: str) -> str:
    """The name of the identity that mail from an address is sent with.

    That is the address, if it is an identity, else the nearest domain that is one; if none is, the address.

    Args:
        address: The address, maybe with a name.
    """
    found = bare(address)
    if found in ses._identities or found in ses_v2._identities:
        return found
    domains: dict[str, str] = {name.lower(): name for name in [*ses._identities, *ses_v2._identities]}
    for domain in ses._domain_and_parents(found.rpartition("@")[2].lower()):
        if domain in domains:
            return domains[domain]
    return found


def default_set(address: str) -> str:
    """The configuration set of an address's identity; empty for none.

    Args:
        address: The sender.
    """
    record = ses_v2._identities.get(identity_of(address)) or {}
    return str(record.get("ConfigurationSetName") or "")


def configuration_set(name: str) -> Record | None:
    """A configuration set.

    Args:
        name: Its name.
    """
    found: Record | None = ses_v2._config_sets.get(name)
    return found


def reasons_of(name: str) -> list[str]:
    """For which reasons a configuration set suppresses: its own, or else the account's.

    Args:
        name: The set's name; empty for none.
    """
    options = (configuration_set(name) or {}).get("SuppressionOptions") or {}
    found: list[str] = options.get("SuppressedReasons", account().reasons)
    return found


def arn(kind: str, name: str) -> str:
    """The ARN of a resource.

    Args:
        kind: Its kind, such as ``configuration-set``.
        name: Its name.
    """
    return f"arn:aws:ses:{get_region()}:{get_account_id()}:{kind}/{name}"


def conditions(source: str) -> dict[str, str]:
    """What SES says of itself when it works for a resource.

    Args:
        source: The resource's ARN.
    """
    return {"aws:SourceAccount": get_account_id(), "aws:SourceArn": source}


def share_set(name: str) -> None:
    """Let both versions of the API know a configuration set that one of them made, or that is gone.

    Args:
        name: Its name.
    """
    if name in ses_v2._config_sets:
        ses._configuration_sets.setdefault(name, {"Name": name, "CreatedTimestamp": ses._iso_now()})
    else:
        ses._configuration_sets.pop(name, None)
