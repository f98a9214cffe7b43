"""Arguments of RedirectionRecord, good and bad, for the properties that the gate checks."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from constructs import Construct
from hypothesis import strategies as st

from cdk_refarch import RedirectionRecord
from tests.unit.drawn import Choices, Drawn


def CONSTRUCT(scope: Construct, id: str, **arguments: Any) -> RedirectionRecord:  # noqa: N802
    """Make the records, of a name of their own: there is one pair of each."""
    if arguments["fqdn"] in LEGAL:
        arguments["fqdn"] = f"{id.lower()}.{arguments['fqdn']}"
    return RedirectionRecord(scope, id, **arguments)


LEGAL = ["desktop.example.com", "example.com"]

# What is brought along belongs to no app, so that any app can use it.
_elsewhere = cdk.Stack(None, "RecordsElsewhere")


def _zone(id: str, name: str) -> route53.IHostedZone:
    return route53.HostedZone.from_hosted_zone_attributes(
        _elsewhere, id, hosted_zone_id=f"Z0123456789{id.upper()}", zone_name=name
    )


_CHECK = "0123abcd-0123-0123-0123-0123456789ab"

# Each argument with values that are legal, at least alone, and with values that never are.
NAME: Choices = {
    "fqdn": (LEGAL, ["Desktop.example.com", "desktop", "", None]),
    "zone": (
        [_zone("Own", "example.com"), route53.HostedZone.from_hosted_zone_id(_elsewhere, "Id", "Z0123456789ID")],
        [_zone("Other", "example.org"), "example.com", None],
    ),
}
SITES: Choices = {
    "primary_identifier": (["a", "Z" * 20], ["", "a" * 21, "wsca-0123456789", None]),
    "failover_identifier": (["abc123"], ["", "a-1", 1]),
    "health_check_id": ([_CHECK], ["", _CHECK.upper(), "check", None]),
}
OTHER: Choices = {
    "ttl": (
        [cdk.Duration.seconds(1), cdk.Duration.minutes(1)],
        [cdk.Duration.seconds(0), cdk.Duration.seconds(61), cdk.Duration.millis(1500), 60],
    ),
}
PARTS = ("name", "sites", "other")


@st.composite
def arguments(draw: st.DrawFn) -> dict[str, Any]:
    """Draw arguments: legal ones that may not go together or, more often, also some that are never legal."""
    drawn = Drawn(draw, PARTS, tame=5)
    return {
        **{name: drawn.one("name", values) for name, values in NAME.items()},
        **{name: drawn.one("sites", values) for name, values in SITES.items()},
        **drawn.some("other", OTHER),
    }


EXAMPLES = 12
"""Fewer than of the others: there is less to draw."""

ARGUMENTS = arguments()
