"""A DNS server on loopback that resolves the names of the account's public zones, for all who are told of it.

It stands for the resolver of a VPC, with two differences: it keeps nothing, so that a change shows at once, and it
knows no other zones; what is in none is refused. A name that stands for another is followed within the zones.
"""

from __future__ import annotations

import logging
import socket
import threading

from ministack.core.responses import request_scope

from . import answers, health, wire

_NAMES = {number: name for name, number in wire.TYPES.items()}
_LONGEST_CHAIN = 8
_LARGEST_QUESTION = 4096
_log = logging.getLogger("sandbox.route53")


def start(listener: socket.socket, account: str) -> None:
    """Answer what comes to a socket.

    Args:
        listener: A UDP socket on loopback.
        account: The account whose zones are resolved.
    """
    threading.Thread(target=_serve, args=(listener, account), name="dns", daemon=True).start()


def _serve(listener: socket.socket, account: str) -> None:
    while True:
        message, who = listener.recvfrom(_LARGEST_QUESTION)
        with request_scope(account, health.REGION):
            answered = answer(message)
        if answered:
            listener.sendto(answered, who)


def answer(message: bytes) -> bytes:
    """The answer to a message, for the account of the caller; nothing if it deserves none.

    Args:
        message: The message.
    """
    try:
        asked = wire.question(message)
    except wire.MalformedError:
        return wire.refusal(message)
    zone = answers.zone_of(asked.name)
    if not asked.is_standard:
        return wire.answer(asked, wire.NOTIMP)
    if zone is None or asked.kind != wire.INTERNET:
        return wire.answer(asked, wire.REFUSED)
    kind, name, found = _NAMES.get(asked.type, str(asked.type)), asked.name, []
    code = wire.NOERROR
    for _ in range(_LONGEST_CHAIN):
        answered = answers.resolve(zone, name, kind)
        code = wire.NOERROR if answered.is_there else wire.NXDOMAIN
        found += _records(name, answered)
        if answered.type == kind or not answered.values:
            break
        name = answered.values[0]
        following = answers.zone_of(name)
        if following is None:
            return wire.answer(asked, wire.NOERROR, found)
        zone = following
    if code == wire.NOERROR and found and answered.values:
        return wire.answer(asked, code, found)
    return wire.answer(asked, code, found, _records(zone["name"], answers.resolve(zone, zone["name"], "SOA")))


def _records(name: str, found: answers.Found) -> list[wire.Resource]:
    try:
        data = [wire.data(found.type, value) for value in found.values]
    except ValueError as error:
        _log.warning("%s %s cannot be answered: %s", name, found.type, error)
        return []
    return [wire.Resource(name, wire.TYPES[found.type], found.ttl, one) for one in data]
