"""The guard: what it finds alone and together, and what of it keeps the runbook from doing something."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import EndpointConnectionError, ReadTimeoutError

from tests.fakes.aws import FakeError
from tests.handlers.workspaces_failover.redirection import (
    FQDN,
    HEALTH_CHECK,
    IDENTIFIERS,
    PARAMETER,
    REGIONS,
    ZONE,
    load_redirection,
)
from tests.handlers.workspaces_failover.two_sites import (
    DIRECTORIES,
    EVERYTHING,
    GONE,
    OF_A_SITE,
    SITES,
    TwoSites,
    alias,
    broken_everywhere,
    desktop,
    logged,
    record,
)


def test_nothing_is_found_where_all_is_right(sites: TwoSites, capsys: pytest.CaptureFixture[str]) -> None:
    assert sites.run() == {"findings": []}
    assert logged(capsys) == [{"findings": 0, "checked": EVERYTHING}]
    of_sites = [
        call
        for site, id in DIRECTORIES.items()
        for call in (
            (site, "DescribeConnectionAliases", {}),
            (site, "DescribeWorkspaceDirectories", {"DirectoryIds": [id]}),
            (site, "DescribeDirectories", {"DirectoryIds": [id]}),
            (site, "DescribeWorkspaces", {"DirectoryId": id}),
        )
    ]
    of_zone = {"HostedZoneId": ZONE, "StartRecordName": FQDN, "StartRecordType": "TXT"}
    assert sites.asked() == [*of_sites, (None, "ListResourceRecordSets", of_zone)]


def test_a_drill_makes_all_calls_that_there_are(sites: TwoSites) -> None:
    assert sites.run(action="drill") == {"target": "failover", "findings": [], "inTheWay": []}
    assert sites.asked()[-1] == (None, "GetParameter", {"Name": PARAMETER})
    assert sites.aws.actions() == {
        "workspaces:DescribeConnectionAliases",
        "workspaces:DescribeWorkspaceDirectories",
        "workspaces:DescribeWorkspaces",
        "ds:DescribeDirectories",
        "route53:ListResourceRecordSets",
        "ssm:GetParameter",
    }


@pytest.mark.parametrize("site", SITES)
def test_an_alias_that_is_missing_is_found(sites: TwoSites, site: str) -> None:
    sites.aliases[site][:] = [[alias("other.example.com", "d-3333333333", "other")]]
    detail = f"{REGIONS[site]} has no connection alias for {FQDN}"
    assert sites.found() == [("alias-missing", site, detail)]
    assert [one[:2] for one in sites.asked()].count((site, "DescribeWorkspaces")) == 0


@pytest.mark.parametrize("site", SITES)
def test_an_alias_that_is_not_associated_is_found(sites: TwoSites, site: str) -> None:
    (one,) = sites.aliases[site][0]
    told = f"wsca-12345678 in {REGIONS[site]} is"
    for status in (
        "NOT_ASSOCIATED",
        "PENDING_ASSOCIATION",
        "PENDING_DISASSOCIATION",
        "ASSOCIATED_WITH_SHARED_ACCOUNT",
    ):
        one["Associations"] = [{"AssociationStatus": status}]
        assert sites.found() == [("alias-not-associated", site, f"{told} {status}")]
    del one["Associations"]
    assert sites.found() == [("alias-not-associated", site, f"{told} without any association")]


@pytest.mark.parametrize("site", SITES)
def test_of_several_aliases_of_the_name_the_one_that_has_a_directory_counts(sites: TwoSites, site: str) -> None:
    shared = alias(FQDN, "d-3333333333", "other", "ASSOCIATED_WITH_SHARED_ACCOUNT")
    going = {**alias(FQDN, "d-4444444444", "gone"), "State": "DELETING"}
    (own,) = sites.aliases[site][0]
    for others in ([shared, going, own], [own, going, shared]):
        sites.aliases[site][:] = [others[:1], others[1:]]
        assert sites.found() == []
    sites.aliases[site][:] = [[shared, going]]
    is_ = f"wsca-12345678 in {REGIONS[site]} is"
    told = f"{is_} ASSOCIATED_WITH_SHARED_ACCOUNT, {is_} DELETING, ASSOCIATED_WITH_OWNER_ACCOUNT"
    assert sites.found() == [("alias-not-associated", site, told)]


@pytest.mark.parametrize("state", ["CREATING", "DELETING"])
def test_an_alias_that_is_not_there_yet_or_no_more_is_found(sites: TwoSites, state: str) -> None:
    sites.aliases["failover"][0][0]["State"] = state
    assert f"is {state}, ASSOCIATED_WITH_OWNER_ACCOUNT" in sites.refused(action="failover")


@pytest.mark.parametrize("site", SITES)
def test_a_directory_that_is_not_registered_is_found(sites: TwoSites, site: str) -> None:
    id = DIRECTORIES[site]
    (one,) = sites.registered[site][0]
    one |= {"State": "ERROR", "ErrorMessage": "no subnet"}
    assert sites.found() == [("directory-not-registered", site, f"{id} is ERROR with WorkSpaces: no subnet")]
    one |= {"State": "DEREGISTERING", "ErrorMessage": ""}
    assert sites.found() == [("directory-not-registered", site, f"{id} is DEREGISTERING with WorkSpaces")]
    sites.registered[site][:] = [[]]
    assert sites.found() == [("directory-not-registered", site, f"{id} is unknown to WorkSpaces in {REGIONS[site]}")]


@pytest.mark.parametrize("site", SITES)
def test_a_directory_that_is_not_active_is_found(sites: TwoSites, site: str) -> None:
    id = DIRECTORIES[site]
    (one,) = sites.directories[site]
    one |= {"Stage": "Inoperable", "StageReason": "wrong password"}
    assert sites.found() == [("directory-not-active", site, f"{id} is Inoperable: wrong password")]
    del one["StageReason"]
    assert sites.found() == [("directory-not-active", site, f"{id} is Inoperable")]
    sites.directories[site].clear()
    assert sites.found() == [("directory-not-active", site, f"{id} does not exist in {REGIONS[site]}")]


def test_an_idle_directory_of_the_failover_site_is_found_before_aws_deregisters_it(sites: TwoSites) -> None:
    for site in SITES:
        sites.desktops[site][:] = [[desktop("carl", "TERMINATING"), desktop("dora", "TERMINATED")]]
    detail = "d-2222222222 has no WorkSpace, and after 30 days AWS deregisters it"
    assert sites.found() == [("no-desktops", "failover", detail)]
    sites.desktops["failover"][0].append(desktop("eva"))
    assert sites.found() == []


@pytest.mark.parametrize("state", ["AVAILABLE", "STOPPED", "STARTING", "STOPPING"])
def test_a_desktop_that_can_be_used_soon_is_ready(sites: TwoSites, state: str) -> None:
    sites.desktops["failover"][:] = [[desktop("ANN", state), desktop("bob", state)]]
    assert sites.found() == []
    assert sites.run(action="drill")["findings"] == []


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("state", ["PENDING", "REBOOTING", "MAINTENANCE", "UPDATING", "REBUILDING", "RESTORING"])
def test_what_passes_in_the_life_of_a_desktop_rings_for_nobody_and_waits_with_the_drill(
    sites: TwoSites, site: str, state: str
) -> None:
    sites.desktops[site][:] = [[desktop("ann"), desktop("bob", state)]]
    assert sites.found() == []
    for action in ("failover", "failback"):
        assert sites.run(action=action, dryRun=False)["findings"] == []
    assert f"desktop-not-ready ({site}): ws-bob000001 of bob is {state}" in sites.refused(action="drill")


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize("state", ["IMPAIRED", "UNHEALTHY", "ADMIN_MAINTENANCE", "SUSPENDED", "ERROR"])
def test_a_desktop_that_cannot_be_used_is_found_and_not_missing(sites: TwoSites, site: str, state: str) -> None:
    sites.desktops[site][:] = [[desktop("ann"), desktop("bob", state)]]
    assert sites.found() == [("desktop-not-ready", site, f"ws-bob000001 of bob is {state}")]


def test_users_who_would_have_no_desktop_at_the_failover_site_are_one_finding(sites: TwoSites) -> None:
    sites.desktops["primary"][:] = [[desktop("Bob"), desktop("bob", number=2)], [desktop("ann"), desktop("carl")]]
    sites.desktops["failover"][:] = [[desktop("CARL"), desktop("ann", "TERMINATED"), desktop("nobody")]]
    assert sites.found() == [("desktop-missing", "failover", "d-2222222222 has no WorkSpace for ann, bob")]
    assert "desktop-missing (failover): " in sites.refused(action="drill")
    assert sites.run(action="drill", force=True, dryRun=False)["target"] == "failover"


@pytest.mark.parametrize(("count", "more"), [(10, ""), (11, " and 1 more"), (700, " and 690 more")])
def test_ten_are_named_and_the_others_counted(sites: TwoSites, count: int, more: str) -> None:
    users = [f"user{number:03}" for number in range(count)]
    sites.desktops["primary"][:] = [[desktop(user, "ERROR") for user in users]]
    shown = ", ".join(f"ws-{user}000001 of {user} is ERROR" for user in users[:10])
    assert sites.found() == [
        ("desktop-not-ready", "primary", f"{shown}{more}"),
        ("desktop-missing", "failover", f"d-2222222222 has no WorkSpace for {', '.join(users[:10])}{more}"),
    ]


@pytest.mark.parametrize("site", SITES)
def test_users_are_compared_only_when_those_of_both_sites_are_known(
    sites: TwoSites, capsys: pytest.CaptureFixture[str], site: str
) -> None:
    sites.desktops["primary"][0].append(desktop("carl"))
    sites.broken[(site, "DescribeWorkspaces")] = GONE
    assert [(code, where) for code, where, _ in sites.found()] == [("desktops-unknown", site)]
    assert logged(capsys)[-1]["checked"] == [one for one in EVERYTHING if one not in (f"{site}-desktops", "users")]


@pytest.mark.parametrize("site", SITES)
def test_desktops_that_cannot_be_listed_hold_up_a_drill_alone(sites: TwoSites, site: str) -> None:
    sites.broken[(site, "DescribeWorkspaces")] = FakeError("ThrottlingException", "Rate exceeded")
    told = f"desktops-unknown ({site}): WorkSpaces of {DIRECTORIES[site]} in {REGIONS[site]} cannot be listed: "
    assert told in sites.refused(action="drill")
    for action in ("failover", "failback"):
        assert sites.run(action=action, dryRun=False)["inTheWay"] == []


def test_a_failover_asks_for_some_desktops_of_the_failover_site_alone(
    sites: TwoSites, capsys: pytest.CaptureFixture[str]
) -> None:
    sites.desktops["failover"][:] = [[desktop("ann", "ERROR")], [desktop("bob")]]
    sites.desktops["primary"][0].append(desktop("carl", "ERROR"))
    assert sites.run(action="failover", dryRun=False)["findings"] == []
    asked = [one for one in sites.asked() if one[1] == "DescribeWorkspaces"]
    assert asked == [("failover", "DescribeWorkspaces", {"DirectoryId": DIRECTORIES["failover"], "Limit": 25})]
    left_out = ("primary-desktops", "users")
    assert logged(capsys)[-1]["checked"] == [one for one in EVERYTHING if one not in left_out]


def test_a_page_of_desktops_that_are_gone_is_no_site_without_any(sites: TwoSites) -> None:
    gone = [desktop("ann", "TERMINATED"), desktop("bob", "TERMINATING")]
    sites.desktops["failover"][:] = [gone, [desktop("carl")]]
    assert sites.run(action="failover", dryRun=False)["findings"] == []
    sites.desktops["failover"][:] = [gone]
    assert "no-desktops (failover)" in sites.refused(action="failover")


RECORD: dict[str, tuple[Any, str, str | None, str]] = {
    "no record": ([None, record("SECONDARY", "xyz789")], "txt-missing", "primary", "no TXT record"),
    "no other record": ([record("PRIMARY", "abc123"), None], "txt-missing", "failover", "failover as SECONDARY"),
    "another identifier": (
        [record("PRIMARY", "abc123"), record("SECONDARY", "abc123")],
        *("txt-differs", "failover", 'SECONDARY record must be "xyz789", got "abc123"'),
    ),
    "no quotes": (
        [record("PRIMARY", "", ResourceRecords=[{"Value": "abc123"}]), record("SECONDARY", "xyz789")],
        *("txt-differs", "primary", 'PRIMARY record must be "abc123", got abc123'),
    ),
    "two values": (
        [
            record("PRIMARY", "", ResourceRecords=[{"Value": '"abc123"'}, {"Value": '"more"'}]),
            record("SECONDARY", "xyz789"),
        ],
        *("txt-differs", "primary", 'PRIMARY record must be "abc123", got "abc123" "more"'),
    ),
    "no health check": (
        [{**record("SECONDARY", "abc123"), "Failover": "PRIMARY"}, record("SECONDARY", "xyz789")],
        *("txt-differs", "primary", f"PRIMARY record must have the health check {HEALTH_CHECK}, got none"),
    ),
    "another health check": (
        [record("PRIMARY", "abc123", HealthCheckId="4567-cdef"), record("SECONDARY", "xyz789")],
        *("txt-differs", "primary", f"PRIMARY record must have the health check {HEALTH_CHECK}, got 4567-cdef"),
    ),
    "a health check of the other": (
        [record("PRIMARY", "abc123"), record("SECONDARY", "xyz789", HealthCheckId=HEALTH_CHECK)],
        *("txt-differs", "failover", f"SECONDARY record must have no health check, got {HEALTH_CHECK}"),
    ),
    "a third record": (
        [
            *(record("PRIMARY", "abc123"), record("SECONDARY", "xyz789")),
            {"Name": FQDN + ".", "Type": "TXT", "SetIdentifier": "evil", "Weight": 1, "TTL": 60},
        ],
        *("txt-differs", None, "must have no TXT record but those two, got evil"),
    ),
}


@pytest.mark.parametrize("case", RECORD)
def test_a_wrong_record_is_found_and_blocks_everything(sites: TwoSites, case: str) -> None:
    records, code, site, detail = RECORD[case]
    sites.records[:] = [[one for one in records if one is not None]]
    ((got, where, told),) = sites.found()
    assert (got, where) == (code, site)
    assert detail in told
    for action in ("failover", "failback", "drill"):
        assert f"{code} ({site or 'no site'}): {told}" in sites.refused(action=action)


def test_an_answer_that_lives_too_long_holds_up_a_drill_alone(sites: TwoSites) -> None:
    sites.records[:] = [[record("PRIMARY", "abc123", TTL=60), record("SECONDARY", "xyz789", TTL=61)]]
    detail = "SECONDARY record must live 60 s at most, got 61"
    assert sites.found() == [("txt-ttl", "failover", detail)]
    for action in ("failover", "failback"):
        assert sites.run(action=action, dryRun=False)["inTheWay"] == []
    assert f"txt-ttl (failover): {detail}" in sites.refused(action="drill")


def test_a_record_that_is_an_alias_or_of_another_policy_is_found(sites: TwoSites) -> None:
    target = {"HostedZoneId": ZONE, "DNSName": "evil.example.com.", "EvaluateTargetHealth": False}
    sites.records[:] = [[{"Name": FQDN + ".", "Type": "TXT", "AliasTarget": target}]]
    assert [(code, site) for code, site, _ in sites.found()] == [
        ("txt-missing", "primary"),
        ("txt-missing", "failover"),
        ("txt-differs", None),
    ]
    pointing = {**record("PRIMARY", ""), "AliasTarget": target}
    del pointing["ResourceRecords"], pointing["TTL"]
    sites.records[:] = [[pointing, record("SECONDARY", "xyz789")]]
    assert [(code, site) for code, site, _ in sites.found()] == [("txt-differs", "primary"), ("txt-differs", "primary")]


def test_a_name_with_capitals_or_a_dot_at_its_end_is_the_same(sites: TwoSites, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FQDN", FQDN.upper() + ".")
    monkeypatch.setattr(sites, "guard", load_redirection("guard"))
    assert sites.found() == []


def test_records_of_other_names_and_types_are_none_of_ours(sites: TwoSites) -> None:
    sites.records[0] += [{"Name": f"z.{FQDN}.", "Type": "TXT", "TTL": 900, "ResourceRecords": [{"Value": '"x"'}]}]
    assert sites.found() == []
    sites.records[:] = [[{**one, "Type": "SPF"} for one in sites.records[0][:2]]]
    assert [code for code, _, _ in sites.found()] == ["txt-missing", "txt-missing"]


def test_a_record_of_a_site_whose_identifier_is_unknown_is_not_compared(sites: TwoSites) -> None:
    sites.broken[("primary", "*")] = GONE
    sites.records[0][0]["ResourceRecords"] = [{"Value": '"other"'}]
    assert [(code, site) for code, site, _ in sites.found()] == [("service-unreachable", "primary")]


def test_all_pages_are_read(sites: TwoSites) -> None:
    for site in SITES:
        sites.aliases[site][:] = [[], [alias("a.example.com", "d-3", "a")], [alias(FQDN.upper(), *_own(site))]]
        sites.registered[site].insert(0, [])
        sites.desktops[site][:] = [[desktop("carl")], [], [desktop("ann"), desktop("carl", number=2)], [desktop("bob")]]
    sites.records[:] = [sites.records[0][:1], sites.records[0][1:]]
    assert sites.found() == []
    tokens = [one.get("NextToken") for site, operation, one in sites.asked() if operation == "DescribeWorkspaces"]
    assert tokens == [None, "1", "2", "3"] * 2
    assert sites.asked()[-1][2]["StartRecordIdentifier"] == "1"


def _own(site: str) -> tuple[str, str]:
    return DIRECTORIES[site], IDENTIFIERS[site]


def test_no_more_records_are_read_than_needed(sites: TwoSites) -> None:
    sites.records.append([])
    sites.records[0].append({"Name": f"z.{FQDN}.", "Type": "A", "TTL": 60, "ResourceRecords": [{"Value": "192.0.2.1"}]})
    assert sites.found() == []
    assert len(sites.asked()) == 9


@pytest.mark.parametrize("site", SITES)
@pytest.mark.parametrize(
    "error",
    [
        GONE,
        ReadTimeoutError(endpoint_url="https://workspaces"),
        EndpointConnectionError(endpoint_url="https://workspaces"),
        FakeError("ServiceUnavailable", status=503),
        FakeError("AccessDeniedException"),
    ],
)
def test_a_region_that_is_gone_is_one_finding_after_one_call(
    sites: TwoSites, capsys: pytest.CaptureFixture[str], site: str, error: Exception
) -> None:
    sites.broken[(site, "*")] = error
    other = "primary" if site == "failover" else "failover"
    ((code, where, detail),) = sites.found()
    assert (code, where) == ("service-unreachable", site)
    assert detail.startswith(f"WorkSpaces in {REGIONS[site]}: ")
    assert [one[1] for one in sites.asked() if one[0] == site] == ["DescribeConnectionAliases"]
    *_, summary = logged(capsys)
    assert summary == {"findings": 1, "checked": [*(f"{other}-{check}" for check in OF_A_SITE), "records"]}


def test_a_service_that_fails_on_the_way_is_not_asked_again_and_hides_no_other(
    sites: TwoSites, capsys: pytest.CaptureFixture[str]
) -> None:
    sites.broken[("failover", "DescribeWorkspaceDirectories")] = GONE
    sites.directories["failover"][0]["Stage"] = "Impaired"
    assert [(code, site) for code, site, _ in sites.found()] == [
        ("service-unreachable", "failover"),
        ("directory-not-active", "failover"),
    ]
    assert [one[1] for one in sites.asked() if one[0] == "failover"] == [
        "DescribeConnectionAliases",
        "DescribeWorkspaceDirectories",
        "DescribeDirectories",
    ]
    assert logged(capsys)[-1]["checked"] == [*EVERYTHING[:5], "failover-directory", "records"]


def test_calls_to_a_region_that_is_gone_end_within_seconds(sites: TwoSites) -> None:
    module = load_redirection("inspection")
    clients = [*module.workspaces.values(), *module.directories.values(), module.route53, module.ssm]
    for config in (one.meta.config for one in clients):
        tries = config.retries["total_max_attempts"]
        assert tries > 1
        # Before the second try there is up to one second.
        assert tries * (config.connect_timeout + config.read_timeout) + 1 <= 15
    # What is listed page by page is asked for more patiently, once the region has answered.
    for config in (one.meta.config for one in module.listing.values()):
        assert (config.retries["total_max_attempts"], config.retries["mode"]) == (5, "standard")
    assert [one.meta.region_name for one in module.listing.values()] == [*REGIONS.values()]
    assert [one.meta.region_name for one in clients[:4]] == [*REGIONS.values()] * 2


def test_everything_at_once_is_found_and_logged_line_by_line(
    sites: TwoSites, capsys: pytest.CaptureFixture[str]
) -> None:
    expected = broken_everywhere(sites)
    findings = sites.run()["findings"]
    assert [(one["finding"], one["site"]) for one in findings] == expected
    assert all(list(one) == ["finding", "site", "detail"] for one in findings)
    assert logged(capsys) == [*findings, {"findings": len(expected), "checked": EVERYTHING}]
