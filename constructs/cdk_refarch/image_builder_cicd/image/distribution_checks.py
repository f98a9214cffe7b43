"""Refusal of places that an image cannot go to, or could not be used at."""

from __future__ import annotations

import re
from collections.abc import Sequence

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, check_known, elements

from .image_values import ImageRegion, LaunchTemplateUpdate

REGION = "[a-z]{2,4}(?:-[a-z]+)+-[0-9]+"
ACCOUNT = "[0-9]{12}"
MAX_ACCOUNTS = 1536
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_AmiDistributionConfiguration.html"""

ORGANIZATION = r"arn:aws[^:]*:organizations::[0-9]{12}:organization/o-[a-z0-9]{10,32}"
UNIT = r"arn:aws[^:]*:organizations::[0-9]{12}:ou/o-[a-z0-9]{10,32}/ou-[0-9a-z]{4,32}-[0-9a-z]{8,32}"
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_LaunchPermissionConfiguration.html"""

LAUNCH_TEMPLATE = "lt-[a-z0-9]{17}"
MAX_LAUNCH_TEMPLATES = 100
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_Distribution.html"""

PARAMETER = r"(?:/[a-zA-Z0-9_.-]+)+"
LONGEST_PARAMETER = 1011
DEEPEST_PARAMETER = 15
"""https://docs.aws.amazon.com/systems-manager/latest/APIReference/API_PutParameter.html"""

PARTITIONS = ("cn-", "us-gov-", "us-iso-", "us-isob-", "us-isof-", "eu-isoe-", "eusc-")
"""How regions begin that have nothing to do with others."""


def check_distribution(checks: Checks, scope: Construct, distribution: object, parameter_name: object) -> None:
    """Check where the image goes.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        distribution: The argument.
        parameter_name: The argument.

    Raises:
        ValueError: If Image Builder would refuse it, or nobody there could use the image.
    """
    remedy = "give [ImageRegion(), ImageRegion(region='eu-central-1')], say"
    given = elements(checks, "distribution", distribution, unit="regions", remedy=remedy, low=1, known=True)
    home = cdk.Stack.of(scope).region
    seen: set[str] = set()
    for index, one in enumerate(given):
        at = f"distribution[{index}]"
        if not isinstance(one, ImageRegion):
            checks.refuse(at, "an ImageRegion", f"{type(one).__name__} {one!r}", "give ImageRegion(...)")
        region = _check_region(checks, f"{at}.region", one.region, home)
        if region in seen:
            got = f"{'the region of the stack' if region == home else region} twice"
            checks.refuse("distribution", "a list with each region once", got, "make one of the two")
        seen.add(region)
        check_receivers(checks, scope, at, one)
        _check_key(checks, at, one, region, home)
        _check_launch_templates(checks, scope, at, one)
        check_flag(checks, f"{at}.parameter", one.parameter, remedy="give False to write no parameter there")
    if home not in seen:
        rule = "a list with the region of the stack, where the image is built"
        checks.refuse("distribution", rule, ", ".join(sorted(seen)), "add ImageRegion()")
    check_parameter_name(checks, parameter_name, given)


def _check_region(checks: Checks, argument: str, value: str | None, home: str) -> str:
    if value is None:
        return home
    remedy = "give eu-central-1, say, or leave it out for the stack's"
    check_known(checks, argument, value, remedy=remedy)
    checks.matches(argument, value, REGION, rule="the name of a region", remedy=remedy)
    if not is_token(home) and _partition(value) != _partition(home):
        rule = f"in the partition of the stack's region, {home}"
        checks.refuse(argument, rule, value, "make an image of its own there: none gets across")
    return value


def _partition(region: str) -> str:
    return next((one for one in PARTITIONS if region.startswith(one)), "")


def check_receivers(checks: Checks, scope: Construct, at: str, one: ImageRegion) -> None:
    """Check who gets the image in a region.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        at: Where the region stands among the arguments.
        one: The region.

    Raises:
        ValueError: If there are no such accounts, organizations or units.
    """
    here = cdk.Stack.of(scope).account
    for name, high in (("copy_to_accounts", MAX_ACCOUNTS), ("share_with_accounts", None)):
        argument, remedy = f"{at}.{name}", "give ['111122223333'], say"
        accounts = elements(checks, argument, getattr(one, name), unit="accounts", remedy=remedy, high=high, known=True)
        for account in accounts:
            rule = "a list of accounts with 12 digits"
            checks.matches(argument, account, ACCOUNT, rule=rule, remedy="put it in quotes, with its zeros")
            if account == here and not is_token(here):
                checks.refuse(
                    argument, "a list of other accounts", f"{account}, the stack's", "drop it: it has the image"
                )
    for name, pattern, kind in (
        ("share_with_organizations", ORGANIZATION, "organizations"),
        ("share_with_organizational_units", UNIT, "organizational units"),
    ):
        argument, remedy = f"{at}.{name}", "copy it from AWS Organizations"
        for arn in elements(checks, argument, getattr(one, name), unit=kind, remedy=remedy, known=True):
            check_known(checks, argument, arn, remedy=remedy)
            checks.matches(argument, arn, pattern, rule=f"a list of ARNs of {kind}", remedy=remedy)


def _check_key(checks: Checks, at: str, one: ImageRegion, region: str, home: str) -> None:
    argument, key = f"{at}.encryption_key", one.encryption_key
    if key is None:
        names = (
            *("copy_to_accounts", "share_with_accounts", "share_with_organizations"),
            "share_with_organizational_units",
        )
        shared = [name for name in names if getattr(one, name)]
        if shared and region != home:
            remedy = "no other account can use the AWS managed key of Amazon EBS"
            checks.refuse(argument, f"a key when {shared[0]} is given", "None", remedy)
        return
    if not hasattr(key, "key_ref") and not hasattr(key, "alias_name"):
        got = f"{type(key).__name__} {key!r}"
        checks.refuse(argument, "an IKey", got, "give a construct that implements IKey")
    checks.key(argument, key)
    if region == home:
        rule = "left out for the region of the stack"
        checks.refuse(argument, rule, "a key", "give it as encryption_key of the image")
    there = getattr(getattr(key, "env", None), "region", None)
    if there is not None and there != region and not is_token(there):
        checks.refuse(argument, f"in the region that the image goes to, {region}", there, "use one of that region")


def _check_launch_templates(checks: Checks, scope: Construct, at: str, region: ImageRegion) -> None:
    argument, remedy = f"{at}.launch_templates", "give [LaunchTemplateUpdate(launch_template_id='lt-...')]"
    given = region.launch_templates
    templates = elements(
        checks, argument, given, unit="launch templates", remedy=remedy, high=MAX_LAUNCH_TEMPLATES, known=True
    )
    seen: set[str] = set()
    for index, one in enumerate(templates):
        each = f"{argument}[{index}]"
        if not isinstance(one, LaunchTemplateUpdate):
            checks.refuse(each, "a LaunchTemplateUpdate", f"{type(one).__name__} {one!r}", remedy)
        rule = "the id of a launch template, lt- and 17 letters and digits"
        remedy_id = "give its id: Image Builder knows no names"
        checks.matches(
            f"{each}.launch_template_id", one.launch_template_id, LAUNCH_TEMPLATE, rule=rule, remedy=remedy_id
        )
        if one.account is not None:
            remedy_account = "leave it out for the stack's"
            checks.matches(
                f"{each}.account", one.account, ACCOUNT, rule="an account with 12 digits", remedy=remedy_account
            )
            if one.account not in (cdk.Stack.of(scope).account, *region.copy_to_accounts) and not is_token(one.account):
                both = f"{each}.account and {at}.copy_to_accounts"
                rule = "given together, for Image Builder acts there with the role that copies need"
                checks.refuse(both, rule, f"{one.account} in the first alone", "add it to copy_to_accounts")
        check_flag(checks, f"{each}.set_default", one.set_default, remedy="give False to leave the default one")
        if one.launch_template_id in seen:
            checks.refuse(
                argument, "a list without repetition", f"{one.launch_template_id!r} twice", "drop one of them"
            )
        seen.add(one.launch_template_id)


def check_parameter_name(checks: Checks, name: object, regions: Sequence[ImageRegion]) -> None:
    """Check the parameter that gets the id of the image.

    Args:
        checks: The checks of the construct.
        name: The argument.
        regions: Where the image goes; checked before.

    Raises:
        ValueError: If Systems Manager takes no such name, or nobody writes it.
    """
    if name is None:
        return
    remedy = "give /images/web-server, say"
    checks.text("parameter_name", name, remedy=remedy)
    rule = "a path from / on, of letters, digits and _ . - /"
    checks.matches("parameter_name", str(name), PARAMETER, rule=rule, remedy=remedy)
    if not is_token(name):
        _check_path(checks, str(name))
    if not any(one.parameter for one in regions):
        both = "parameter_name and parameter of distribution"
        rule = "given for one region or more"
        checks.refuse(both, rule, f"{name!r} for none", "leave parameter_name out, or give ImageRegion(parameter=True)")


def _check_path(checks: Checks, name: str) -> None:
    if len(name) > LONGEST_PARAMETER:
        rule = f"at most {LONGEST_PARAMETER} characters long"
        checks.refuse("parameter_name", rule, len(name), "give a shorter one")
    if name.count("/") > DEEPEST_PARAMETER:
        rule = f"a path of at most {DEEPEST_PARAMETER} levels"
        checks.refuse("parameter_name", rule, name.count("/"), "give a shorter one")
    if re.match("/(?:aws|ssm)", name, re.IGNORECASE):
        rule = "a path that begins with neither aws nor ssm"
        checks.refuse("parameter_name", rule, repr(name), "these are of AWS's own")
