"""Bad arguments of the records are refused before anything exists, in words that tell what to do."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import RedirectionRecord
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, fresh, names, refused
from tests.unit.workspaces_failover import failover_built as known

stack = fresh()
ZONE = known.zone_in(stack)
SECONDS = cdk.Duration.seconds
ANSWERS = "give what the association answers"
HEALTH = "health_check_id must be the id of a health check, got"
GIVE_ID = "give the id of an AWS::Route53::HealthCheck"
TTL = "ttl must be from 1 second to 60 seconds, got"
LEGAL: dict[str, Any] = {
    "zone": ZONE,
    "fqdn": known.FQDN,
    "primary_identifier": "abc123",
    "failover_identifier": "xyz789",
    "health_check_id": known.HEALTH_CHECK,
}


def record(id: str = "Tested", **arguments: Any) -> Call:
    return lambda: RedirectionRecord(stack, id, **{**LEGAL, **arguments})


REFUSED: list[Case] = [
    (
        record(fqdn="Desktop.example.com"),
        "fqdn must be a domain of lower-case letters, digits and - such as example.com, got 'Desktop.example.com'; "
        "write 'desktop.example.com'",
    ),
    (record(fqdn=None), "fqdn must be text, got NoneType None; give 'example.com', say"),
    (
        record(zone=None),
        "zone must be an IHostedZone, got NoneType None; give a construct that implements IHostedZone",
    ),
    (
        record(zone=known.zone_in(stack, "ample.com", "Ample")),
        "zone must be one that desktop.example.com is in, got the zone of ample.com; give the zone of the domain or of "
        "one above it",
    ),
    *(
        (
            record(**{f"{site}_identifier": value}),
            f"{site}_identifier must be a connection identifier of 1 to 20 letters and digits, got {value!r}; {remedy}",
        )
        for site in ("primary", "failover")
        for value, remedy in (
            ("", ANSWERS),
            ("a" * 21, ANSWERS),
            ("a-1", ANSWERS),
            ("wsca-0123456789", "give the identifier of the association: this is the id of an alias"),
        )
    ),
    (
        record(failover_identifier="abc123"),
        "primary_identifier and failover_identifier must be different, got 'abc123'; give that of each site: users "
        "would be sent to the same one",
    ),
    (record(primary_identifier=1), f"primary_identifier must be text, got int 1; {ANSWERS}"),
    (record(health_check_id="0123-abcd"), f"{HEALTH} '0123-abcd'; {GIVE_ID}"),
    (record(health_check_id=known.HEALTH_CHECK.upper()), f"{HEALTH} '{known.HEALTH_CHECK.upper()}'; {GIVE_ID}"),
    (record(health_check_id=None), f"health_check_id must be text, got NoneType None; {GIVE_ID}"),
    (record(ttl=60), "ttl must be a Duration, got int 60; give cdk.Duration.seconds(60)"),
    (record(ttl=SECONDS(0)), f"{TTL} 0 seconds; give cdk.Duration.seconds(60), or less"),
    (record(ttl=SECONDS(61)), f"{TTL} 61 seconds; give cdk.Duration.seconds(60), or less"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED, ids=names(REFUSED))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


def test_a_refusal_leaves_nothing_behind() -> None:
    assert stack.node.try_find_child("Tested") is None


def test_the_records_of_a_name_are_made_once_in_a_stack() -> None:
    here = fresh()
    RedirectionRecord(here, "First", **LEGAL)
    refused(
        lambda: RedirectionRecord(here, "Tested", **LEGAL),
        "fqdn must be made once in a stack, got another by Stack/First; use the records that are there",
    )


@pytest.mark.parametrize(
    "changes",
    [
        {"ttl": SECONDS(1)},
        {"ttl": SECONDS(60)},
        {"primary_identifier": "a", "failover_identifier": "Z" * 20},
        {"primary_identifier": given.LATER, "failover_identifier": given.LATER, "health_check_id": given.LATER},
        {"fqdn": "example.com"},
        {"fqdn": given.LATER},
    ],
    ids=str,
)
def test_what_is_within_its_bounds_is_taken(changes: dict[str, Any]) -> None:
    # A name has its records once in a stack.
    made = RedirectionRecord(fresh(), "Taken", **{**LEGAL, **changes})
    assert isinstance(made, RedirectionRecord)
    assert set(made.records) == {"Primary", "Failover"}
