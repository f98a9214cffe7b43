"""WorkSpaces that could not be created are refused before anything exists."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import Desktop, StandbyDesktop
from tests.unit import refusals as given
from tests.unit.refusals import Call, Case, names, refused
from tests.unit.workspaces_failover.refusals import BUNDLE, desktop, site, standby

HOURS, MINUTES = cdk.Duration.hours, cdk.Duration.minutes
SAY = "give [Desktop(user_name='ana', bundle_id='wsb-0123456789')], say"
USER = "user_name of desktops[0] must be 1 to 63 characters that names of accounts have"
BUNDLES = "give an id that aws workspaces describe-workspace-bundles shows"
SIZES = "give 80 and 50, say, or 175 and 100"
BOTH = "Desktop-ana: root_volume_gib and user_volume_gib"
ONE_HOUR = "give cdk.Duration.hours(1), say"
WRONG_USERS = ["", "a" * 64, "an a", "[UNDEFINED]", *(f"a{one}" for one in '"/\\[]:;|=,+*?<>@\t')]


def users(*known: str) -> dict[str, Any]:
    return {"desktops": [Desktop(user_name=user, bundle_id=BUNDLE) for user in known]}


def volumes(root: Any, user: Any) -> dict[str, Any]:
    return desktop(root_volume_gib=root, user_volume_gib=user)


def tags(count: int) -> dict[str, Any]:
    return desktop(tags={f"tag{number}": "" for number in range(count)})


PEOPLE: list[Case] = [
    *((site(desktops=wrong), f"desktops must be a list, got {shown}; {SAY}") for wrong, shown in ((None, "NoneType None"), ("ana", "str 'ana'"))),
    (site(desktops=given.LATER_LIST), f"desktops must be a list that is known when the app runs, got a token; {SAY}"),
    (site(desktops=["ana"]), f"desktops[0] must be a Desktop or a StandbyDesktop, got str 'ana'; {SAY}"),
    *((site(**make(user_name=None)), "user_name of desktops[0] must be text, got NoneType None; write it: resources are named by it") for make in (desktop, standby)),
    *((site(**make(user_name=given.LATER)), "user_name of desktops[0] must be known when the app runs, got a token; write it: resources are named by it") for make in (desktop, standby)),
    *((site(**desktop(user_name=wrong)), f"{USER}, got {wrong!r}; give 'ana', say") for wrong in WRONG_USERS),
    (site(**users("ana", "ben", "Ana")), "desktops must be one for each user of the directory, got 'Ana' twice; drop one of them"),
    (site(desktops=[*users("ana")["desktops"], StandbyDesktop(user_name="ana", primary_region="us-east-1")]), "desktops must be one for each user of the directory, got 'ana' twice; drop one of them"),
]  # fmt: skip

DESKTOPS: list[Case] = [
    (site(**desktop(bundle_id=None)), f"Desktop-ana: bundle_id must be text, got NoneType None; {BUNDLES}"),
    *((site(**desktop(bundle_id=wrong)), f"Desktop-ana: bundle_id must be the id of a bundle, wsb-..., got {wrong!r}; {BUNDLES}") for wrong in ("", "wsb-0123456", f"wsb-{'0' * 64}", "wsb-ABCDEFGH", "bundle-01234567")),
    (site(**desktop(running_mode="always on")), "Desktop-ana: running_mode must be one of AUTO_STOP, ALWAYS_ON, MANUAL, got 'always on'; write 'ALWAYS_ON'"),
    (site(**desktop(running_mode=None)), "Desktop-ana: running_mode must be one of AUTO_STOP, ALWAYS_ON, MANUAL, got None; give 'AUTO_STOP'"),
    (site(**desktop(running_mode=given.LATER)), "Desktop-ana: running_mode must be known when the app runs, got a token; give 'AUTO_STOP'"),
    *((site(**desktop(running_mode=mode, auto_stop_after=HOURS(1))), f"Desktop-ana: auto_stop_after and running_mode must be given with AUTO_STOP only, got running_mode {mode}; drop auto_stop_after: only AUTO_STOP stops") for mode in ("ALWAYS_ON", "MANUAL")),
    (site(**desktop(auto_stop_after=60)), f"Desktop-ana: auto_stop_after must be a Duration, got int 60; {ONE_HOUR}"),
    *((site(**desktop(auto_stop_after=HOURS(wrong))), f"Desktop-ana: auto_stop_after must be from 1 hour to 48 hours, got {wrong} hours; {ONE_HOUR}") for wrong in (0, 49)),
    *((site(**desktop(auto_stop_after=wrong)), f"Desktop-ana: auto_stop_after must be a whole number from 1 hour to 48 hours, got {shown} hours; {ONE_HOUR}") for wrong, shown in ((MINUTES(59), "0.983333"), (MINUTES(90), "1.5"), (cdk.Duration.millis(3_600_001), "1"))),
    *((site(**desktop(auto_stop_after=make(given.LATER_NUMBER))), f"Desktop-ana: auto_stop_after must be in minutes when it is a token, got {unit}; give cdk.Duration.minutes(token)") for make, unit in ((HOURS, "hours"), (cdk.Duration.seconds, "seconds"))),
    *((site(**desktop(compute_type=wrong)), f"Desktop-ana: compute_type must be a compute type in capital letters, got {wrong!r}; give 'PERFORMANCE', say") for wrong in ("", "P", "performance", "GRAPHICS.G4DN", "4XLARGE")),
    (site(**desktop(compute_type=1)), "Desktop-ana: compute_type must be text, got int 1; give 'PERFORMANCE', say"),
]  # fmt: skip

VOLUMES: list[Case] = [
    *((site(**volumes(root, user)), f"{BOTH} must be given together, got {root} and {user}; give both, or none for those of the bundle") for root, user in ((80, None), (None, 50))),
    *((site(**volumes(wrong, 50)), f"Desktop-ana: root_volume_gib must be from 80 GiB to 2000 GiB, got {shown}; {SIZES}") for wrong, shown in ((79, "79 GiB"), (2001, "2001 GiB"), ("80", "str '80'"), (True, "bool True"))),
    (site(**volumes(80.5, 50)), f"Desktop-ana: root_volume_gib must be a whole number from 80 GiB to 2000 GiB, got 80.5 GiB; {SIZES}"),
    *((site(**volumes(80, wrong)), f"Desktop-ana: user_volume_gib must be from 10 GiB to 2000 GiB, got {wrong} GiB; {SIZES}") for wrong in (9, 2001)),
    *((site(**volumes(root, user)), f"{BOTH} must be 80 with 10, 50 or 100, or from 175 with from 100, got {root} and {user}; {SIZES}") for root, user in ((80, 11), (80, 101), (81, 50), (174, 100), (175, 99), (100, 100))),
]  # fmt: skip

TAGS: list[Case] = [
    (site(**desktop(tags=["a"])), "Desktop-ana: tags must be a mapping, got list ['a']; give {'team': 'sales'}, say"),
    (site(**tags(51)), "Desktop-ana: tags must be up to 50 tags, got 51; drop some"),
    (site(**desktop(tags={1: "a"})), "Desktop-ana: a key of tags must be text, got int 1; give text"),
    (site(**desktop(tags={"a": None})), "Desktop-ana: a value of tags must be text, got NoneType None; give text"),
    (site(**desktop(tags={"a" * 128: ""})), "Desktop-ana: a key of tags must be up to 127 characters, got 128; shorten it"),
    (site(**desktop(tags={"a": "b" * 256})), "Desktop-ana: a value of tags must be up to 255 characters, got 256; shorten it"),
    *((site(**desktop(tags={wrong: "a"})), f"Desktop-ana: a key of tags must be text that does not begin with aws:, got {wrong!r}; rename it") for wrong in ("", "aws:team", "AWS:team")),
]  # fmt: skip

STANDBYS: list[Case] = [
    (site(**standby(primary_region=None)), "Desktop-ana: primary_region must be text, got NoneType None; write it: functions make calls there"),
    (site(**standby(primary_region=given.LATER)), "Desktop-ana: primary_region must be known when the app runs, got a token; write it: functions make calls there"),
    *((site(**standby(primary_region=wrong)), f"Desktop-ana: primary_region must be a region, got {wrong!r}; give 'us-east-1', say") for wrong in ("", "Ireland", "us-east-1b")),
    (site(**standby(primary_region="eu-west-1")), "Desktop-ana: primary_region must be another region than the stack's, got eu-west-1; name the region of the primary site"),
    (site(**standby(replicate_data="no")), "Desktop-ana: replicate_data must be True or False, got 'no'; give True or False"),
]  # fmt: skip

ALL = [*PEOPLE, *DESKTOPS, *VOLUMES, *TAGS, *STANDBYS]

LEGAL: list[Call] = [
    *(site(**users(user)) for user in ("a", "a" * 63, "Zoë.O'Neil-1_$", "{ana}")),
    site(**users("ana", "ben")),
    *(site(**desktop(bundle_id=id)) for id in ("wsb-01234567", f"wsb-{'z' * 63}", given.LATER)),
    *(site(**desktop(running_mode=mode)) for mode in ("AUTO_STOP", "ALWAYS_ON", "MANUAL")),
    *(site(**desktop(auto_stop_after=after)) for after in (HOURS(1), HOURS(48), MINUTES(120), MINUTES(given.LATER_NUMBER))),
    *(site(**desktop(compute_type=kind)) for kind in ("VALUE", "GENERALPURPOSE_4XLARGE", given.LATER)),
    *(site(**volumes(root, user)) for root, user in ((80, 10), (80, 50), (80, 100), (175, 100), (2000, 2000), (given.LATER_NUMBER, 11), (80, given.LATER_NUMBER))),
    *(site(**tags(count)) for count in (0, 50)),
    *(site(**desktop(tags={key: value})) for key, value in (("a" * 127, "b" * 255), ("awsome", ""), (given.LATER, given.LATER))),
    *(site(**standby(replicate_data=replicate)) for replicate in (True, False)),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()
