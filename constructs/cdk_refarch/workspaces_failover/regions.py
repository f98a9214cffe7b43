"""Regions that a redirection can be between."""

from __future__ import annotations

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_known

REGIONS = (
    *("ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2", "ca-central-1", "eu-central-1"),
    *("eu-west-1", "eu-west-2", "sa-east-1", "us-east-1", "us-west-2"),
)
"""Where CloudFormation has ``AWS::WorkSpaces::ConnectionAlias``, in the commercial partition."""

SHAPE = "[a-z]{2,}(-[a-z]+)+-[0-9]"


def check_region(checks: Checks, argument: str, region: str) -> None:
    """Refuse a region that has no connection aliases, if it is known.

    Args:
        checks: The checks of the construct.
        argument: What the region belongs to.
        region: The region.

    Raises:
        ValueError: If it has none.
    """
    if region not in REGIONS and not is_token(region):
        rule = f"one with connection aliases of WorkSpaces: {', '.join(REGIONS)}"
        checks.refuse(argument, rule, region, "choose one of them")


def check_other_region(checks: Checks, argument: str, region: object, here: str) -> None:
    """Refuse what is no region, or the one of the stack.

    Args:
        checks: The checks of the construct.
        argument: The argument as typed.
        region: What was given.
        here: The region of the stack.

    Raises:
        ValueError: If it is no region, is not known, or is that of the stack.
    """
    remedy = "give 'us-east-1', say"
    check_known(checks, argument, region, remedy="write it: functions make calls there")
    checks.matches(argument, str(region), SHAPE, rule="a region", remedy=remedy)
    if region == here:
        checks.refuse(argument, "another region than the stack's", str(region), "name the region of the primary site")
