"""A connection alias has one directory, ours, and DNS learns what identifies it."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.workspaces_failover.lifecycle import FAULTS, MADE_UP, Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import FAR, HOME, WorkSpaces

KIND, IDENTIFIER = "Custom::ConnectionAliasAssociation", "Custom::ConnectionIdentifier"
FQDN, OTHER = "desktops.example.com", "other.example.com"
ALIAS, SECOND = "wsca-aaaaaaaa", "wsca-bbbbbbbb"
ONE, TWO, THEIRS = "d-1111110001", "d-1111110002", "d-1111110003"
ASKED, PARTED = "AssociateConnectionAlias", "DisassociateConnectionAlias"


def properties(directory: str = ONE, alias: str = ALIAS) -> dict[str, Any]:
    return {"AliasId": alias, "DirectoryId": directory, "Fqdn": FQDN}


@pytest.fixture
def cloudformation(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    return Lifecycle(aws, monkeypatch, "connection_aliases", KIND)


@pytest.fixture
def service(cloudformation: Lifecycle) -> WorkSpaces:
    return cloudformation.service


def test_an_alias_is_associated_and_its_identifier_is_told(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.alias(ALIAS, FQDN)
    answer = cloudformation.create(properties())
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ALIAS)
    assert answer["Data"] == {"ConnectionIdentifier": "wsci1"}
    assert cloudformation.given(ASKED) == [{"AliasId": ALIAS, "ResourceId": ONE}]
    cloudformation.update(properties())
    assert service.modified() == [ASKED]
    cloudformation.end()
    assert cloudformation.given(PARTED) == [{"AliasId": ALIAS}]
    assert service.aliases[HOME, ALIAS]["directory"] is None
    assert aws.actions() == {
        "workspaces:AssociateConnectionAlias",
        "workspaces:DescribeConnectionAliases",
        "workspaces:DisassociateConnectionAlias",
    }


def test_an_alias_that_is_not_created_yet_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    answer = cloudformation.ask("Create", properties())
    assert answer["Reason"] == f"connection alias {FQDN} ({ALIAS}) is not created yet"
    service.alias(ALIAS, FQDN)["State"] = "CREATING"
    answer = cloudformation.ask("Create", properties())
    assert answer["Reason"] == f"connection alias {FQDN} ({ALIAS}) is not created yet"
    assert service.modified() == []


def test_an_alias_of_another_directory_is_refused_and_left(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN, THEIRS)
    answer = cloudformation.create(properties())
    assert answer["Reason"] == (
        f"connection alias {FQDN} ({ALIAS}) must be associated with no other directory than {ONE}, got {THEIRS}; "
        "disassociate it there first"
    )
    assert service.modified() == []


def test_an_alias_that_is_shared_is_refused_with_the_account_and_left(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.alias(ALIAS, FQDN, ONE)["status"] = "ASSOCIATED_WITH_SHARED_ACCOUNT"
    answer = cloudformation.create(properties())
    assert f"than {ONE}, got {ONE} of account 111122223333; disassociate" in answer["Reason"]
    assert service.modified() == []


def test_a_directory_that_has_another_alias_is_refused(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN)
    service.alias(SECOND, OTHER, ONE)
    answer = cloudformation.create(properties())
    assert answer["Reason"] == (
        f"directory {ONE} must have no other connection alias than {FQDN}, got {OTHER} ({SECOND}); disassociate that "
        "one first"
    )
    assert service.aliases[HOME, SECOND]["directory"] == ONE


def test_an_association_that_is_not_seen_at_first_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN)
    service.hidden = 2
    assert cloudformation.create(properties())["Status"] == "SUCCESS"


def test_another_directory_gets_the_alias_when_the_one_before_has_lost_it(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.alias(ALIAS, FQDN)
    cloudformation.create(properties())
    answer = cloudformation.update(properties(TWO))
    assert (answer["PhysicalResourceId"], answer["Data"]) == (ALIAS, {"ConnectionIdentifier": "wsci2"})
    assert service.modified() == [ASKED, PARTED, ASKED]


def test_another_alias_gets_the_directory_when_the_one_before_has_lost_it(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.alias(ALIAS, FQDN)
    service.alias(SECOND, OTHER)
    cloudformation.create(properties())
    assert cloudformation.update(properties(ONE, SECOND))["PhysicalResourceId"] == SECOND
    assert service.modified() == [ASKED, PARTED, ASKED]
    cloudformation.end()
    assert {one["status"] for one in service.aliases.values()} == {"NOT_ASSOCIATED"}


@pytest.mark.parametrize("directory", [THEIRS, None])
def test_an_alias_that_is_not_ours_any_more_is_left_when_the_stack_goes(
    cloudformation: Lifecycle, service: WorkSpaces, directory: str | None
) -> None:
    service.alias(ALIAS, FQDN, directory)
    cloudformation.delete(ALIAS, properties())
    assert service.modified() == []


def test_an_alias_that_is_gone_is_as_good_as_disassociated(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.delete("failed-create", properties())
    assert service.modified() == []


@pytest.mark.parametrize("name", ["InvalidResourceStateException", "ResourceNotFoundException", "AccessDenied"])
def test_what_passes_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces, name: str) -> None:
    service.alias(ALIAS, FQDN)
    service.refused[ASKED] = [FakeError(name)]
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    assert service.modified() == [ASKED, ASKED]


def test_what_stays_refused_fails_in_words_of_the_service(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN)
    service.refused[ASKED] = [FakeError("OperationNotSupportedException", "not in this Region")]
    assert "not in this Region" in cloudformation.create(properties())["Reason"]


def test_a_delete_that_is_not_permitted_fails_at_once(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN, ONE)
    service.refused[PARTED] = [FakeError("AccessDeniedException", "not authorized")]
    answer = cloudformation.ask("Delete", properties(), PhysicalResourceId=ALIAS)
    assert (answer["Status"], cloudformation.passed) == ("FAILED", 0)


@pytest.mark.parametrize("fqdn", [FQDN, "Desktops.Example.Com"])
def test_dns_learns_the_identifier_of_a_region_from_all_pages(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces, fqdn: str
) -> None:
    service.page = 1
    service.alias("wsca-11111111", OTHER, TWO, FAR)
    service.alias(ALIAS, FQDN, ONE, FAR)
    service.alias(ALIAS, FQDN, THEIRS, HOME)
    cloudformation.kind = IDENTIFIER
    answer = cloudformation.create({"Region": FAR, "Fqdn": fqdn, "Directory": "salt"})
    assert answer["PhysicalResourceId"] == f"{FAR}/{fqdn}"
    assert answer["Data"] == {"ConnectionIdentifier": "wsci1", "DirectoryId": ONE}
    assert {call.region for call in aws.calls} == {FAR}
    assert aws.actions() == {"workspaces:DescribeConnectionAliases"}
    calls = len(aws.calls)
    cloudformation.end()
    assert len(aws.calls) == calls


def test_dns_waits_for_an_association_and_says_where_it_is_missing(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.kind = IDENTIFIER
    service.alias(ALIAS, FQDN, ONE, FAR)["status"] = "PENDING_ASSOCIATION"
    assert cloudformation.create({"Region": FAR, "Fqdn": FQDN})["Status"] == "SUCCESS"
    service.alias(SECOND, OTHER, None, FAR)
    answer = cloudformation.ask("Create", {"Region": FAR, "Fqdn": OTHER})
    assert answer["Reason"] == (
        f"connection alias {OTHER} must be associated with a directory in {FAR} before DNS can name it; deploy the "
        "site there"
    )
    assert 3000 <= cloudformation.passed < 3600


@pytest.mark.parametrize(
    ("polling", "end"),
    [
        (True, "was asked for and is not shown yet"),
        (False, "must be there, and was removed meanwhile, by a rollback or by hand"),
    ],
)
def test_a_create_that_is_cancelled_leaves_no_association_and_makes_no_second_one(
    cloudformation: Lifecycle, service: WorkSpaces, polling: bool, end: str
) -> None:
    service.alias(ALIAS, FQDN)
    service.slow = 4 if polling else 40
    answer = cloudformation.cancel(properties(), polling)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == f"the association of connection alias {FQDN} ({ALIAS}) with directory {ONE} {end}"
    assert service.modified() == [ASKED, PARTED]
    assert service.aliases[HOME, ALIAS]["directory"] is None


def test_an_association_that_is_not_shown_yet_when_it_is_to_go_goes(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.alias(ALIAS, FQDN)
    service.hidden = 99
    cloudformation.ask("Create", properties())
    service.aliases[HOME, ALIAS]["hidden"] = 4
    cloudformation.delete(MADE_UP, properties())
    assert service.aliases[HOME, ALIAS]["directory"] is None


def test_what_others_have_associated_is_not_looked_at_again(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.alias(ALIAS, FQDN, THEIRS)
    assert cloudformation.create(properties())["PhysicalResourceId"] == "refused-create"
    assert cloudformation.passed == 0


WANTED = st.builds(properties, st.sampled_from((ONE, TWO)), st.sampled_from((ALIAS, SECOND)))


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    wanted=st.lists(WANTED, min_size=1, max_size=4),
    theirs=st.sampled_from((None, ONE, TWO, THEIRS)),
    faults=FAULTS,
    slow=st.sampled_from((0, 1, 30)),
)
def test_whatever_goes_wrong_no_association_is_left_and_those_of_others_stay(
    cloudformation: Lifecycle,
    service: WorkSpaces,
    wanted: list[dict[str, Any]],
    theirs: str | None,
    faults: dict[int, str],
    slow: int,
) -> None:
    service.reset(faults, slow)
    cloudformation.start()
    service.alias(ALIAS, FQDN)
    service.alias(SECOND, OTHER)
    service.alias("wsca-cccccccc", "theirs.example.com", theirs)
    before = service.state()
    cloudformation.create(wanted[0])
    for then in wanted[1:]:
        if cloudformation.made:
            cloudformation.update(then)
    if cloudformation.made:
        now = cloudformation.made[1]
        ours = {key: one["directory"] for (_, key), one in service.aliases.items() if key != "wsca-cccccccc"}
        assert ours == {ALIAS: None, SECOND: None} | {now["AliasId"]: now["DirectoryId"]}
    cloudformation.end()
    assert service.state() == before
