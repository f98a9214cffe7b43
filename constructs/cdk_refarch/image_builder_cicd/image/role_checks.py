"""Refusal of bad arguments of ``ImageDistributionRole``, before anything is created."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import elements

KEY = r"arn:[^:]+:kms:[a-z0-9-]+:[0-9]{12}:key/[A-Za-z0-9-]+"
PARAMETER = r"(?:/[A-Za-z0-9_.-]+)+"
LAUNCH_TEMPLATE = r"lt-[a-z0-9]{17}"


def check_distribution_role(
    checks: Checks,
    scope: Construct,
    source_account: object,
    encryption_key_arns: object,
    parameter_names: object,
    launch_template_ids: object,
) -> None:
    """Check everything that the role is given.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        source_account: The argument.
        encryption_key_arns: The argument.
        parameter_names: The argument.
        launch_template_ids: The argument.

    Raises:
        ValueError: If one is none that AWS takes.
    """
    remedy = "give the id of the account in which images are built, as in '111122223333'"
    checks.text("source_account", source_account, remedy=remedy)
    checks.matches("source_account", str(source_account), "[0-9]{12}", rule="an account of 12 digits", remedy=remedy)
    here = cdk.Stack.of(scope).account
    if source_account == here and not is_token(here):
        remedy = "drop the role: Image Builder needs none in its own account"
        checks.refuse("source_account", "another account than the stack's", here, remedy)
    for argument, given, pattern, unit, rule, remedy in (
        ("encryption_key_arns", encryption_key_arns, KEY, "ARNs", "a list of ARNs of keys", "an alias is no key"),
        (
            "parameter_names",
            parameter_names,
            PARAMETER,
            "names",
            "a list of names of parameters",
            "write it as the image does, as in '/imagebuilder/web/latest'",
        ),
        (
            "launch_template_ids",
            launch_template_ids,
            LAUNCH_TEMPLATE,
            "ids",
            "a list of ids of launch templates",
            "write it as 'lt-0123456789abcdef0'",
        ),
    ):
        for one in elements(checks, argument, given, unit=unit, remedy=f"give a list; {remedy}", known=True):
            checks.matches(argument, one, pattern, rule=rule, remedy=remedy)
