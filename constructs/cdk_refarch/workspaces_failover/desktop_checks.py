"""Refusal of WorkSpaces that could not be created."""

from __future__ import annotations

from collections.abc import Mapping
from typing import get_args

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.choice_checks import check_choice
from cdk_refarch._parts.list_checks import check_flag, check_known, elements

from .regions import check_other_region
from .site_values import Desktop, RunningMode, StandbyDesktop

BUNDLE_ID = "wsb-[0-9a-z]{8,63}"
"""https://docs.aws.amazon.com/workspaces/latest/api/API_WorkspaceRequest.html"""

USER_NAME = r'(?!\[UNDEFINED\])[^\s"/\\\[\]:;|=,+*?<>@\x00-\x1f]{1,63}'
"""63 characters by the same page; the others are not in names of accounts of Active Directory."""

MAX_AUTO_STOP_HOURS = 48
SYSTEM_GIB, USER_GIB = 80, (10, 50, 100)
LARGE_SYSTEM_GIB, LARGE_USER_GIB, MAX_GIB = 175, 100, 2000
"""https://docs.aws.amazon.com/workspaces/latest/adminguide/modify-workspaces.html"""

COMPUTE_TYPE = "[A-Z][A-Z0-9_]+"
MAX_TAGS, MAX_TAG_KEY, MAX_TAG_VALUE = 50, 127, 255
"""https://docs.aws.amazon.com/workspaces/latest/api/API_Tag.html"""


def check_desktops(checks: Checks, scope: Construct, desktops: object) -> None:
    """Check the WorkSpaces of users.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        desktops: The argument.

    Raises:
        ValueError: If one is of another kind, WorkSpaces would refuse one, or a user has two.
    """
    remedy = "give [Desktop(user_name='ana', bundle_id='wsb-0123456789')], say"
    users: set[str] = set()
    for position, one in enumerate(elements(checks, "desktops", desktops, unit="desktops", remedy=remedy, known=True)):
        name = f"desktops[{position}]"
        if not isinstance(one, Desktop | StandbyDesktop):
            got = f"{type(one).__name__} {one!r}"
            checks.refuse(name, "a Desktop or a StandbyDesktop", got, remedy)
        check_known(checks, f"user_name of {name}", one.user_name, remedy="write it: resources are named by it")
        rule = "1 to 63 characters that names of accounts have"
        checks.matches(f"user_name of {name}", one.user_name, USER_NAME, rule=rule, remedy="give 'ana', say")
        if one.user_name.lower() in users:
            got = f"{one.user_name!r} twice"
            checks.refuse("desktops", "one for each user of the directory", got, "drop one of them")
        users.add(one.user_name.lower())
        inside = checks.within(f"Desktop-{one.user_name}")
        if isinstance(one, StandbyDesktop):
            check_other_region(inside, "primary_region", one.primary_region, cdk.Stack.of(scope).region)
            check_flag(inside, "replicate_data", one.replicate_data, remedy="give True or False")
        else:
            _check_desktop(inside, one)


def _check_desktop(checks: Checks, desktop: Desktop) -> None:
    remedy = "give an id that aws workspaces describe-workspace-bundles shows"
    checks.matches("bundle_id", desktop.bundle_id, BUNDLE_ID, rule="the id of a bundle, wsb-...", remedy=remedy)
    check_choice(checks, "running_mode", desktop.running_mode, get_args(RunningMode), remedy="give 'AUTO_STOP'")
    _check_auto_stop(checks, desktop)
    if desktop.compute_type is not None:
        rule, remedy = "a compute type in capital letters", "give 'PERFORMANCE', say"
        checks.matches("compute_type", desktop.compute_type, COMPUTE_TYPE, rule=rule, remedy=remedy)
    _check_volumes(checks, desktop.root_volume_gib, desktop.user_volume_gib)
    _check_tags(checks, desktop.tags)


def _check_auto_stop(checks: Checks, desktop: Desktop) -> None:
    given, remedy = desktop.auto_stop_after, "give cdk.Duration.hours(1), say"
    if given is None:
        return
    checks.instance("auto_stop_after", given, cdk.Duration, remedy=remedy)
    if desktop.running_mode != "AUTO_STOP":
        got, drop = f"running_mode {desktop.running_mode}", "drop auto_stop_after: only AUTO_STOP stops"
        checks.refuse("auto_stop_after and running_mode", "given with AUTO_STOP only", got, drop)
    if not given.is_unresolved():
        hours = given.to_seconds(integral=False) / 3600
        checks.number("auto_stop_after", hours, 1, MAX_AUTO_STOP_HOURS, unit="hours", remedy=remedy)
    elif given.unit_label() != "minutes":
        remedy = "give cdk.Duration.minutes(token)"
        checks.refuse("auto_stop_after", "in minutes when it is a token", given.unit_label(), remedy)


def _check_volumes(checks: Checks, root: int | None, user: int | None) -> None:
    both = "root_volume_gib and user_volume_gib"
    if (root is None) != (user is None):
        checks.refuse(both, "given together", f"{root} and {user}", "give both, or none for those of the bundle")
    remedy = "give 80 and 50, say, or 175 and 100"
    checks.number("root_volume_gib", root, SYSTEM_GIB, MAX_GIB, unit="GiB", remedy=remedy)
    checks.number("user_volume_gib", user, min(USER_GIB), MAX_GIB, unit="GiB", remedy=remedy)
    if root is None or user is None or is_token(root) or is_token(user):
        return
    small = root == SYSTEM_GIB and user in USER_GIB
    if not small and (root < LARGE_SYSTEM_GIB or user < LARGE_USER_GIB):
        rule = "80 with 10, 50 or 100, or from 175 with from 100"
        checks.refuse(both, rule, f"{root} and {user}", remedy)


def _check_tags(checks: Checks, tags: object) -> None:
    if not isinstance(tags, Mapping):
        checks.refuse("tags", "a mapping", f"{type(tags).__name__} {tags!r}", "give {'team': 'sales'}, say")
    if len(tags) > MAX_TAGS:
        checks.refuse("tags", f"up to {MAX_TAGS} tags", f"{len(tags)}", "drop some")
    for key, value in tags.items():
        for what, text, longest in (("key", key, MAX_TAG_KEY), ("value", value, MAX_TAG_VALUE)):
            checks.any_text(f"a {what} of tags", text, remedy="give text")
            if not is_token(text) and len(text) > longest:
                checks.refuse(f"a {what} of tags", f"up to {longest} characters", f"{len(text)}", "shorten it")
        if not key or key.lower().startswith("aws:"):
            checks.refuse("a key of tags", "text that does not begin with aws:", repr(key), "rename it")
