"""Asks DNS where clients are sent, and says whether it is where they should be sent by now."""

import json
import os
from typing import Any

from dns_text import DnsError, Resolver, system_resolver, texts
from sites import FQDN, known

CHECK_DNS = os.environ["CHECK_DNS"] == "true"
IDENTIFIERS: dict[str, str] = json.loads(os.environ["IDENTIFIERS"])


class NotAnsweredError(Exception):
    """DNS does not answer with the site yet; Step Functions asks again because of this name."""


def handler(event: dict[str, Any], context: object) -> dict[str, str | None]:
    """Compare what DNS answers with the connection identifier of a site.

    Args:
        event: ``site``, primary or failover.
        context: Lambda's context.

    Returns:
        What DNS answered; None if nothing was asked because DNS cannot be from here.

    Raises:
        NotAnsweredError: If DNS answers anything else than the site, or not at all.
        ValueError: If there is no such site.
    """
    site = known(event["site"])
    if not CHECK_DNS:
        return {"answered": None}
    expected = IDENTIFIERS[site]
    answers: list[str] = []
    problem = None
    try:
        answers = texts(FQDN, _resolver())
    except DnsError as error:
        problem = str(error)
    answered = answers == [expected]
    print(json.dumps({"site": site, "expected": expected, "answers": answers, "error": problem, "answered": answered}))
    if not answered:
        raise NotAnsweredError(
            f"TXT of {FQDN} must be {expected} of the {site} site, got {problem or ', '.join(answers) or 'none'}"
        )
    return {"answered": expected}


def _resolver() -> Resolver:
    if not (named := os.environ.get("RESOLVER")):
        return system_resolver()
    host, _, port = named.rpartition(":")
    return host, int(port)
