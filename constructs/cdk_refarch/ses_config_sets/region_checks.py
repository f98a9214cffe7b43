"""Refusal of regions without Amazon SES, or without its email receiving."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token

RECEIVING = (
    *("af-south-1", "ap-northeast-1", "ap-northeast-2", "ap-northeast-3", "ap-south-1", "ap-southeast-1"),
    *("ap-southeast-2", "ap-southeast-3", "ca-central-1", "eu-central-1", "eu-north-1", "eu-south-1", "eu-west-1"),
    *("eu-west-2", "eu-west-3", "il-central-1", "me-south-1", "sa-east-1", "us-east-1", "us-east-2", "us-west-1"),
    "us-west-2",
)
"""https://docs.aws.amazon.com/general/latest/gr/ses.html#ses_inbound_endpoints"""

WITHOUT_SES = (
    *("ap-east-1", "ap-east-2", "ap-southeast-4", "ap-southeast-6", "ap-southeast-7", "cn-north-1", "cn-northwest-1"),
    *("eu-south-2", "mx-central-1"),
)
"""Where CloudFormation has no ``AWS::SES::ConfigurationSet``. A region that is not listed is new, and may have it."""

MAX_NEAR = 3
"""How many regions are named that would do."""


def check_sending_region(checks: Checks, scope: Construct) -> None:
    """Refuse a region that is known to be without Amazon SES.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.

    Raises:
        ValueError: If SES is not there.
    """
    region = cdk.Stack.of(scope).region
    if region in WITHOUT_SES:
        near = _near(region)
        remedy = f"deploy the stack to {near}" if near else "leave it out of this partition"
        checks.refuse("region of the stack", "one that has Amazon SES", region, remedy)


def check_receiving_region(checks: Checks, scope: Construct) -> None:
    """Refuse a region where Amazon SES receives no email.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.

    Raises:
        ValueError: If the region is known and SES does not receive there.
    """
    region = cdk.Stack.of(scope).region
    if region not in RECEIVING and not is_token(region):
        near = _near(region)
        remedy = f"deploy the stack to {near}, or leave inbound out" if near else "leave inbound out"
        checks.refuse("region of the stack", "one where Amazon SES receives email when inbound is set", region, remedy)


def _near(region: str) -> str:
    """Return regions that would do, the next ones first; none for a partition that is a world of its own."""
    area = region.partition("-")[0]
    if area in ("cn", "eusc") or any(part in region for part in ("-gov-", "-iso")):
        return ""
    near = [one for one in RECEIVING if one.partition("-")[0] == area][:MAX_NEAR] or ["eu-west-1", "us-east-1"]
    return " or ".join(filter(None, (", ".join(near[:-1]), near[-1])))
