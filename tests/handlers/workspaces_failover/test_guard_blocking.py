"""The guard: what of its findings keeps the runbook from doing something."""

from __future__ import annotations

from typing import Any

import pytest

from tests.fakes.aws import FakeError
from tests.handlers.workspaces_failover.redirection import FQDN
from tests.handlers.workspaces_failover.two_sites import (
    EVERYTHING,
    GONE,
    SITES,
    TwoSites,
    broken_everywhere,
    desktop,
    logged,
)


def test_what_keeps_the_runbook_back_is_logged_first_and_told_whole(
    sites: TwoSites, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = broken_everywhere(sites)
    told = sites.refused(action="drill")
    lines = logged(capsys)
    assert lines[-1] == {"findings": len(expected), "checked": [*EVERYTHING, "switch"]}
    assert told == f"drill of {FQDN} must wait for this to be mended, or be forced: " + "; ".join(
        f"{one['finding']} ({one['site']}): {one['detail']}" for one in lines[:-1]
    )


@pytest.mark.parametrize("broken", SITES)
@pytest.mark.parametrize(
    ("action", "target", "needed"),
    [("failover", "failover", {"failover"}), ("failback", "primary", {"primary"}), ("drill", "failover", set(SITES))],
)
def test_what_is_found_at_a_site_blocks_the_actions_that_need_it(
    sites: TwoSites, action: str, target: str, needed: set[str], broken: str
) -> None:
    sites.directories[broken][0]["Stage"] = "Inoperable"
    if broken in needed:
        assert f"directory-not-active ({broken})" in sites.refused(action=action)
    else:
        result = sites.run(action=action, dryRun=False)
        assert (result["target"], result["inTheWay"]) == (target, [])
        assert [(one["finding"], one["site"]) for one in result["findings"]] == [("directory-not-active", broken)]


@pytest.mark.parametrize(
    ("action", "target"), [("failover", "failover"), ("failback", "primary"), ("drill", "failover")]
)
def test_force_goes_on_with_what_was_found(sites: TwoSites, action: str, target: str) -> None:
    expected = broken_everywhere(sites)
    if action == "failover":
        # It does not look at all desktops.
        expected = [one for one in expected if not one[0].startswith("desktop-")]
    result = sites.run(action=action, force=True, dryRun=False)
    assert result["target"] == target
    assert [(one["finding"], one["site"]) for one in result["findings"]] == expected
    assert result["inTheWay"]
    assert all(one in result["findings"] for one in result["inTheWay"])


@pytest.mark.parametrize("force", [False, None, "true", "false", 1])
def test_only_true_is_force(sites: TwoSites, force: Any) -> None:
    sites.aliases["failover"][:] = [[]]
    assert "alias-missing (failover)" in sites.refused(action="failover", force=force)


@pytest.mark.parametrize("given", [{}, *({"dryRun": one} for one in (True, None, "false", 0))])
def test_a_dry_run_tells_what_is_in_the_way_and_does_not_fail(
    sites: TwoSites, capsys: pytest.CaptureFixture[str], given: dict[str, Any]
) -> None:
    sites.directories["failover"][0]["Stage"] = "Inoperable"
    sites.directories["primary"][0]["Stage"] = "Impaired"
    result = sites.run(action="failover", **given)
    assert list(result) == ["target", "findings", "inTheWay"]
    assert [one["site"] for one in result["findings"]] == ["primary", "failover"]
    assert result["inTheWay"] == result["findings"][1:]
    assert logged(capsys)[:-1] == result["findings"]
    assert "directory-not-active (failover)" in sites.refused(action="failover")


@pytest.mark.parametrize("state", ["ADMIN_MAINTENANCE", "ERROR", "missing"])
def test_one_desktop_holds_up_nobody_but_a_drill(sites: TwoSites, state: str) -> None:
    for site in SITES:
        sites.desktops[site][:] = [[desktop("Ann"), desktop("bob", state)]]
    if state == "missing":
        sites.desktops["primary"][:], sites.desktops["failover"][:] = (
            [[desktop("Ann"), desktop("bob")]],
            [[desktop("Ann")]],
        )
    assert sites.run(action="failover", dryRun=False)["findings"] == []
    result = sites.run(action="failback", dryRun=False)
    assert result["inTheWay"] == []
    found = {one["finding"] for one in result["findings"]}
    assert found == {"desktop-missing" if state == "missing" else "desktop-not-ready"}
    assert sites.run(action="drill")["inTheWay"] == result["findings"]
    assert found.pop() in sites.refused(action="drill")


@pytest.mark.parametrize("action", ["failover", "drill"])
def test_nobody_is_sent_to_a_site_without_any_desktop(sites: TwoSites, action: str) -> None:
    sites.desktops["primary"][:] = sites.desktops["failover"][:] = [[]]
    assert "no-desktops (failover)" in sites.refused(action=action)
    assert sites.run(action="failback", dryRun=False)["inTheWay"] == []


def test_a_primary_region_that_is_gone_with_route_53_does_not_block_the_failover(sites: TwoSites) -> None:
    sites.broken[("primary", "*")] = sites.broken[(None, "ListResourceRecordSets")] = GONE
    result = sites.run(action="failover", dryRun=False)
    assert result["inTheWay"] == []
    assert [(one["finding"], one["site"]) for one in result["findings"]] == [
        ("service-unreachable", "primary"),
        ("service-unreachable", None),
    ]
    assert result["findings"][1]["detail"].startswith("Route 53: Connect timeout")


@pytest.mark.parametrize("action", ["failback", "drill"])
def test_records_that_cannot_be_read_block_what_can_wait(sites: TwoSites, action: str) -> None:
    sites.broken[(None, "ListResourceRecordSets")] = FakeError("NoSuchHostedZone", status=404)
    assert "service-unreachable (no site): Route 53: " in sites.refused(action=action)


def test_a_drill_must_begin_at_the_primary_site_because_it_ends_there(sites: TwoSites) -> None:
    sites.switch = "failover"
    told = "not-at-primary (no site): users are sent to failover now, and a drill ends at primary"
    assert sites.refused(action="drill").endswith(told)
    assert sites.run(action="drill", force=True, dryRun=False)["target"] == "failover"
    for action in ("failover", "failback"):
        assert sites.run(action=action, dryRun=False)["findings"] == []
    assert sites.run() == {"findings": []}


def test_a_drill_waits_for_a_switch_that_can_be_read(sites: TwoSites) -> None:
    sites.broken[(None, "GetParameter")] = FakeError("ParameterNotFound")
    assert "service-unreachable (no site): Systems Manager: " in sites.refused(action="drill")


@pytest.mark.parametrize("action", ["", "Failover", "turn", 1])
def test_an_unknown_action_is_refused_before_anything_is_asked(sites: TwoSites, action: Any) -> None:
    with pytest.raises(ValueError, match="action must be failover, failback or drill, got"):
        sites.run(action=action)
    assert sites.asked() == []
