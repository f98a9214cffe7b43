"""Which record sets Route 53 refuses, of those that a template or a change may ask for.

What is checked: that the name is in the zone, health checks, set identifiers, the two of a failover, records of
different routing beside each other, and how a TXT record is written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from ministack.services import route53

from .state import Fault, Record, check

_ROUTINGS = ("Failover", "Weight", "Region", "GeoLocation", "MultiValueAnswer", "CidrRoutingConfig")
_QUOTED = re.compile(r'"((?:[^"\\]|\\.)*)"')
_STRINGS = re.compile(r'"(?:[^"\\]|\\.)*"(?:\s+"(?:[^"\\]|\\.)*")*')
_LONGEST_STRING = 255


def refuse(zone: str, record: Record, *gone: Record) -> None:
    """Refuse what Route 53 refuses in a record set.

    Args:
        zone: The id of its zone.
        record: The record set, as MiniStack keeps it.
        gone: Record sets that it takes the place of, or that go with the same change.

    Raises:
        Fault: If it is refused.
    """
    found = route53._zones.get(zone)
    if found is None:
        raise Fault("NoSuchHostedZone", f"No hosted zone found with ID: {zone}", 404)
    if record.get("HealthCheckId"):
        check(record["HealthCheckId"])
    replaced = {route53._rs_key(one) for one in (record, *gone)}
    others = [
        one
        for one in route53._records.get(zone, [])
        if (one["Name"], one["Type"]) == (record["Name"], record["Type"]) and route53._rs_key(one) not in replaced
    ]
    for problem in _problems(found["name"], record, others):
        raise Fault("InvalidChangeBatch", f"[{problem}]")


def routing(record: Record) -> str:
    """How a record set is chosen among those of its name and type; empty for one that is alone.

    Args:
        record: The record set.
    """
    return next((name for name in _ROUTINGS if record.get(name) is not None), "")


def _problems(zone: str, record: Record, others: list[Record]) -> Iterator[str]:
    name, kind, identifier = record["Name"], record["Type"], record.get("SetIdentifier", "")
    if name.lower() != zone.lower() and not name.lower().endswith(f".{zone.lower()}"):
        yield f"RRSet with DNS name {name} is not permitted in zone {zone}"
    if bool(identifier) != bool(routing(record)):
        yield f"SetIdentifier and a routing policy must be specified together for {name} {kind}"
    if record.get("Failover", "PRIMARY") not in ("PRIMARY", "SECONDARY"):
        yield f"Invalid Failover {record['Failover']}"
    for other in others:
        if routing(other) != routing(record):
            with_name = f"RRSet with DNS name {name}, type {kind}, SetIdentifier {identifier or '(none)'}"
            yield f"{with_name} cannot be created because one with another routing policy exists"
        elif record.get("Failover") and other["Failover"] == record["Failover"]:
            yield f"A {record['Failover']} failover record of {name}, type {kind} exists: {other['SetIdentifier']}"
    for value in record.get("ResourceRecords", ()) if kind == "TXT" else ():
        if not _STRINGS.fullmatch(value):
            why = "InvalidCharacterString (Value should be enclosed in quotation marks)"
            yield f"Invalid Resource Record: FATAL problem: {why} encountered with '{value}'"
        elif any(len(one) > _LONGEST_STRING for one in _QUOTED.findall(value)):
            why = "CharacterStringTooLong (Value is too long)"
            yield f"Invalid Resource Record: FATAL problem: {why} encountered with '{value}'"
