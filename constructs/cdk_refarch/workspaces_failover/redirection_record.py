"""The TXT records that tell clients which region to connect to."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_route53 as route53
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.claims import check_claims, claim
from cdk_refarch._parts.domain_checks import check_domain, check_zone

if TYPE_CHECKING:
    from collections.abc import Mapping

IDENTIFIER = "[a-zA-Z0-9]{1,20}"
"""https://docs.aws.amazon.com/workspaces/latest/api/API_AssociateConnectionAlias.html"""

MAX_TTL = 60
"""Seconds, as AWS recommends for health-checked records:
https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/resource-record-sets-values-failover.html"""

HEALTH_CHECK_ID = "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"


class RedirectionRecord(Construct):
    """Two TXT records of failover type: the primary site while its health check is healthy, else the failover site.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        zone: The hosted zone that the name is in. A private one serves clients that ask from its networks only.
        fqdn: The name that clients are registered with.
        primary_identifier: The connection identifier of the primary site's association.
        failover_identifier: That of the failover site's.
        health_check_id: The health check of the primary site.
        ttl: How long resolvers keep an answer, from 1 to 60 seconds.

    Attributes:
        records: The records, by ``Primary`` and ``Failover``.

    Raises:
        ValueError: If an argument is one that clients or Route 53 could not use.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        zone: route53.IHostedZone,
        fqdn: str,
        primary_identifier: str,
        failover_identifier: str,
        health_check_id: str,
        ttl: cdk.Duration = cdk.Duration.seconds(60),
    ) -> None:
        checks = Checks.of(scope, id)
        check_domain(checks, "fqdn", fqdn)
        check_zone(checks, "zone", zone, fqdn, private=True)
        for argument, value in (("primary", primary_identifier), ("failover", failover_identifier)):
            rule, remedy = "a connection identifier of 1 to 20 letters and digits", "give what the association answers"
            if isinstance(value, str) and value.startswith("wsca-"):
                remedy = "give the identifier of the association: this is the id of an alias"
            checks.matches(f"{argument}_identifier", value, IDENTIFIER, rule=rule, remedy=remedy)
        if primary_identifier == failover_identifier and not is_token(primary_identifier):
            remedy = "give that of each site: users would be sent to the same one"
            checks.refuse("primary_identifier and failover_identifier", "different", repr(primary_identifier), remedy)
        remedy = "give the id of an AWS::Route53::HealthCheck"
        rule = "the id of a health check"
        checks.matches("health_check_id", health_check_id, HEALTH_CHECK_ID, rule=rule, remedy=remedy)
        check_ttl(checks, ttl)
        wanted = {f"TXT records of {fqdn} in {zone.hosted_zone_id}": "fqdn"}
        check_claims(checks, scope, wanted, {"fqdn": "use the records that are there"})
        super().__init__(scope, id)
        claim(self, wanted)
        self.records: Mapping[str, route53.CfnRecordSet] = {
            "Primary": self._record(zone, fqdn, ttl, "PRIMARY", primary_identifier, health_check_id),
            "Failover": self._record(zone, fqdn, ttl, "SECONDARY", failover_identifier, None),
        }

    def _record(
        self,
        zone: route53.IHostedZone,
        fqdn: str,
        ttl: cdk.Duration,
        failover: str,
        identifier: str,
        health_check_id: str | None,
    ) -> route53.CfnRecordSet:
        return route53.CfnRecordSet(
            self,
            "Primary" if failover == "PRIMARY" else "Failover",
            hosted_zone_id=zone.hosted_zone_id,
            name=f"{fqdn}.",
            type="TXT",
            ttl=cdk.Tokenization.stringify_number(ttl.to_seconds()),
            resource_records=[f'"{identifier}"'],
            set_identifier=failover.lower(),
            failover=failover,
            health_check_id=health_check_id,
        )


def check_ttl(checks: Checks, ttl: object) -> None:
    """Refuse a time that clients would wait for too long.

    Args:
        checks: The checks of the construct.
        ttl: The argument.

    Raises:
        ValueError: If it is no duration from 1 to 60 seconds.
    """
    checks.instance("ttl", ttl, cdk.Duration, remedy="give cdk.Duration.seconds(60)")
    seconds = checks.seconds("ttl", ttl if isinstance(ttl, cdk.Duration) else None)
    remedy = "give cdk.Duration.seconds(60), or less"
    checks.number("ttl", seconds, 1, MAX_TTL, unit="seconds", remedy=remedy)
