"""What Route 53 answers for a name: the records of its zone, those of a failover by the health of their checks.

Of a failover the primary record is answered if it is healthy, else the secondary if that one is; else the primary.
Records without a check, or whose check is gone, are healthy. All healthy records of a multivalue answer are given, and
of other routing policies the first healthy one. Aliases have no answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ministack.services import route53

from . import health
from .records import routing
from .state import Record


@dataclass(frozen=True)
class Found:
    """An answer.

    Attributes:
        type: The type of its records, which is CNAME for a name that stands for another.
        values: Their values, as the zone has them.
        ttl: How long they may be kept, in seconds.
        is_there: Whether the name has a record of any type, or one below it.
    """

    type: str
    values: tuple[str, ...]
    ttl: int
    is_there: bool


def zone_of(name: str) -> Record | None:
    """The public zone with the longest name that a name is in.

    Args:
        name: The name.
    """
    wanted = _plain(name)
    fits = [
        zone
        for zone in route53._zones.values()
        if not zone.get("private") and (wanted == _plain(zone["name"]) or wanted.endswith(f".{_plain(zone['name'])}"))
    ]
    return max(fits, key=lambda zone: len(zone["name"]), default=None)


def resolve(zone: Record, name: str, type: str) -> Found:
    """What a zone answers for a name.

    Args:
        zone: The zone.
        name: The name.
        type: The type of record.
    """
    kept = route53._records.get(zone["id"], [])
    wanted = _plain(name)
    of_name = [one for one in kept if _plain(one["Name"]) == wanted]
    is_there = bool(of_name) or any(_plain(one["Name"]).endswith(f".{wanted}") for one in kept)
    if not is_there:
        above = f"*.{wanted.partition('.')[2]}"
        of_name = [one for one in kept if _plain(one["Name"]) == above]
        is_there = bool(of_name)
    for kind in (type, "CNAME"):
        chosen = _choose([one for one in of_name if one["Type"] == kind])
        if chosen:
            values = tuple(value for one in chosen for value in one.get("ResourceRecords", ()))
            return Found(kind, values, int(chosen[0].get("TTL", 60)), is_there)
    return Found(type, (), 0, is_there)


def _choose(records: Sequence[Record]) -> Sequence[Record]:
    if len(records) <= 1 and not (records and routing(records[0]) == "MultiValueAnswer"):
        return records
    healthy = [one for one in records if _is_healthy(one)]
    if routing(records[0]) == "Failover":
        by_role = sorted(healthy or records, key=lambda one: str(one["Failover"]))
        return by_role[:1]
    return (healthy or records)[: None if routing(records[0]) == "MultiValueAnswer" else 1]


def _is_healthy(record: Record) -> bool:
    check = route53._health_checks.get(record.get("HealthCheckId", ""))
    return check is None or health.is_healthy(check)


def _plain(name: str) -> str:
    """A name in small letters without the dot at its end."""
    return name.rstrip(".").lower().replace("\\052", "*")
