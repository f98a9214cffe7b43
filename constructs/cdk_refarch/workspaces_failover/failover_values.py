"""What redirects users besides the switch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class RoutingControl:
    """A routing control of Amazon Application Recovery Controller (ARC), whose data plane is in five regions.

    While it is off, users are redirected. The runbook turns it with the switch.

    Args:
        arn: Its ARN.
        endpoints: The endpoints of its cluster by region, 1 to 5, as ``aws route53-recovery-control-config
            describe-cluster`` lists them.
    """

    arn: str
    endpoints: Mapping[str, str]
