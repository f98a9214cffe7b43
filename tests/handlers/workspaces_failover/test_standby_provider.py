"""A user gets one standby WorkSpace, found again whatever happens, and only ours is terminated."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.workspaces_failover.lifecycle import FAULTS, MADE_UP, MARK, Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import FAR, HOME, WorkSpaces

KIND = "Custom::StandbyWorkspace"
FQDN = "desktops.example.com"
PRIMARY, ONE, TWO = "d-1111110009", "d-1111110001", "d-1111110002"
KEY = "arn:aws:kms:eu-central-1:111122223333:key/one"
CREATE, MODIFY, TERMINATE = "CreateStandbyWorkspaces", "ModifyWorkspaceProperties", "TerminateWorkspaces"


def properties(user: str = "jane", directory: str = ONE, **more: Any) -> dict[str, Any]:
    replicated = {"DataReplication": "PRIMARY_AS_SOURCE", "VolumeEncryptionKey": KEY}
    return {"Fqdn": FQDN, "PrimaryRegion": FAR, "UserName": user, "DirectoryId": directory, **replicated, **more}


@pytest.fixture
def cloudformation(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    return Lifecycle(aws, monkeypatch, "standby_workspaces", KIND)


@pytest.fixture
def service(cloudformation: Lifecycle) -> WorkSpaces:
    prepare(cloudformation.service)
    return cloudformation.service


def prepare(service: WorkSpaces) -> None:
    """Have a primary site with two users."""
    service.alias("wsca-00000000", "other.example.com", "d-1111110008", FAR)
    service.alias("wsca-99999999", "Desktops.example.com", PRIMARY, FAR)
    service.page = 1
    for user in ("jane", "bob"):
        service.desktop(f"ws-{user}00000", PRIMARY, user, FAR)


def ours(service: WorkSpaces) -> dict[str, str]:
    """Return the users of standby WorkSpaces by id."""
    seen = {key: one for (region, key), one in service.desktops.items() if region == HOME}
    return {key: one["UserName"] for key, one in seen.items() if one["State"] != "TERMINATED"}


def test_a_standby_follows_the_primary_workspace_of_its_user(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    answer = cloudformation.create(properties())
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", "ws-made0001")
    assert answer["Data"] == {"WorkspaceId": "ws-made0001"}
    (asked,) = cloudformation.given(CREATE)
    (standby,) = asked["StandbyWorkspaces"]
    mark, request, made_of = standby.pop("Tags")
    assert request == {"Key": "cdk-refarch:request", "Value": "request-1"}
    assert mark == {"Key": "cdk-refarch:resource", "Value": MARK}
    assert (made_of["Key"], len(made_of["Value"])) == ("cdk-refarch:made-of", 64)
    assert (asked["PrimaryRegion"], standby) == (
        FAR,
        {
            "PrimaryWorkspaceId": "ws-jane00000",
            "DirectoryId": ONE,
            "VolumeEncryptionKey": KEY,
            "DataReplication": "PRIMARY_AS_SOURCE",
        },
    )
    assert {call.operation for call in aws.calls if call.region == FAR} == {
        "DescribeConnectionAliases",
        "DescribeWorkspaces",
    }
    cloudformation.update(properties())
    assert service.modified() == [CREATE]
    cloudformation.end()
    assert ours(service) == {}
    assert cloudformation.given(TERMINATE) == [{"TerminateWorkspaceRequests": [{"WorkspaceId": "ws-made0001"}]}]
    assert aws.actions() == {
        "workspaces:CreateStandbyWorkspaces",
        "workspaces:DescribeConnectionAliases",
        "workspaces:DescribeTags",
        "workspaces:DescribeWorkspaces",
        "workspaces:TerminateWorkspaces",
    }


def test_data_is_replicated_from_now_on_or_is_not_any_more(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    without = properties(DataReplication="NO_REPLICATION")
    assert cloudformation.update(without)["PhysicalResourceId"] == "ws-made0001"
    assert cloudformation.given(MODIFY) == [{"WorkspaceId": "ws-made0001", "DataReplication": "NO_REPLICATION"}]


def test_what_is_not_ready_is_left_alone_unless_something_is_to_change(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.create(properties())
    service.desktops[HOME, "ws-made0001"]["State"] = "MAINTENANCE"
    assert cloudformation.update(properties())["Status"] == "SUCCESS"
    known = {"PhysicalResourceId": "ws-made0001", "OldResourceProperties": properties()}
    answer = cloudformation.ask("Update", properties(DataReplication="NO_REPLICATION"), **known)
    assert answer["Reason"] == "WorkSpace ws-made0001 of jane is MAINTENANCE"
    assert service.modified() == [CREATE]


def test_a_change_that_is_in_the_way_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.refused[MODIFY] = [FakeError("OperationInProgressException"), FakeError("InvalidResourceStateException")]
    assert cloudformation.update(properties(DataReplication="NO_REPLICATION"))["Status"] == "SUCCESS"
    assert service.modified() == [CREATE, MODIFY, MODIFY, MODIFY]


def test_a_change_whose_reply_is_lost_is_seen_and_not_made_again(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.create(properties())
    # After a look at the WorkSpace and one at its tags.
    service.faults[service.calls + 2] = "lost"
    assert cloudformation.update(properties(DataReplication="NO_REPLICATION"))["Status"] == "SUCCESS"
    assert service.modified() == [CREATE, MODIFY]


def test_a_standby_that_is_not_seen_at_first_is_not_made_twice(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.hidden = 2
    assert cloudformation.create(properties())["PhysicalResourceId"] == "ws-made0001"
    assert ours(service) == {"ws-made0001": "jane"}


def test_a_standby_that_takes_half_an_hour_is_made_once(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.slow = 120
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    assert cloudformation.passed > 1500
    assert service.modified() == [CREATE]


def test_a_workspace_of_others_is_refused_and_left(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.desktop("ws-theirs00", ONE, "jane")
    answer = cloudformation.create(properties())
    assert answer["Reason"] == (
        f"WorkSpace ws-theirs00 of jane in directory {ONE} must not be there, for a user can have only one in a "
        "directory; terminate it, or leave jane out"
    )
    assert ours(service) == {"ws-theirs00": "jane"}
    assert service.modified() == []


def test_a_workspace_that_is_being_terminated_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.desktop("ws-theirs00", ONE, "jane", state="TERMINATING")
    assert cloudformation.create(properties())["PhysicalResourceId"] == "ws-made0001"


def test_a_standby_that_is_refused_fails_with_code_and_message(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.unwanted["jane"] = {"ErrorCode": "ResourceNotFound.User", "ErrorMessage": "jane is unknown here."}
    answer = cloudformation.create(properties())
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    assert answer["Reason"] == (
        "WorkSpaces could not create a standby of ws-jane00000 of jane: jane is unknown here. (ResourceNotFound.User)"
    )


def test_a_standby_that_cannot_be_made_says_why_and_goes(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.failing = {"jane"}
    answer = cloudformation.create(properties())
    assert answer["Reason"] == (
        f"WorkSpace ws-made0001 of jane in directory {ONE} could not be made: no capacity (Internal)"
    )
    assert ours(service) == {}


def test_a_user_without_a_primary_workspace_is_named_at_once(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    answer = cloudformation.ask("Create", properties("carl"))
    assert answer["Reason"] == (
        f"carl must have a WorkSpace in directory {PRIMARY} in {FAR} for a standby; create it first"
    )
    assert cloudformation.passed == 0


def test_a_primary_workspace_that_is_not_ready_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.desktops[FAR, "ws-jane00000"]["State"] = "PENDING"
    assert cloudformation.create(properties())["Status"] == "SUCCESS"


def test_a_primary_site_that_is_missing_is_named_at_once(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.aliases[FAR, "wsca-99999999"] |= {"status": "NOT_ASSOCIATED", "directory": None}
    answer = cloudformation.create(properties())
    assert answer["Reason"] == (
        f"connection alias {FQDN} must be associated with a directory in {FAR}, the primary Region; deploy the site "
        "there first"
    )
    service.aliases[FAR, "wsca-99999999"] |= {"status": "PENDING_ASSOCIATION", "directory": PRIMARY}
    assert cloudformation.create(properties())["Status"] == "SUCCESS"


@pytest.mark.parametrize("changed", [{"VolumeEncryptionKey": "other"}, {"PrimaryRegion": "eu-west-2"}])
def test_another_key_or_region_beside_the_old_is_refused_and_rolled_back(
    cloudformation: Lifecycle, service: WorkSpaces, changed: dict[str, str]
) -> None:
    cloudformation.create(properties())
    answer = cloudformation.update(properties(**changed))
    assert answer["Reason"] == (
        f"WorkSpace ws-made0001 of jane in directory {ONE} must keep its primary Region and key, for there can be no "
        "other beside it; leave jane out in one deployment and put it back in the next"
    )
    assert service.modified() == [CREATE]


@pytest.mark.parametrize("changed", [properties("bob"), properties(directory=TWO)])
def test_another_user_or_directory_gets_another_standby(
    cloudformation: Lifecycle, service: WorkSpaces, changed: dict[str, Any]
) -> None:
    cloudformation.create(properties())
    known = {"PhysicalResourceId": "ws-made0001", "OldResourceProperties": properties()}
    assert cloudformation.ask("Update", changed, **known)["PhysicalResourceId"] == "ws-made0002"
    # CloudFormation deletes it, when all else is updated.
    assert ours(service) == {"ws-made0001": "jane", "ws-made0002": changed["UserName"]}
    assert cloudformation.update(changed)["PhysicalResourceId"] == "ws-made0002"
    assert ours(service) == {"ws-made0002": changed["UserName"]}


def test_a_standby_that_cannot_replace_another_goes(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.failing = {"bob"}
    assert cloudformation.update(properties("bob"))["Status"] == "FAILED"
    assert ours(service) == {"ws-made0001": "jane"}


def test_a_delete_of_one_that_another_has_followed_leaves_that(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    cloudformation.delete("ws-before00", properties())
    assert ours(service) == {"ws-made0001": "jane"}


def test_a_suspended_standby_fails_the_delete_in_words_of_the_service(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.create(properties())
    service.desktops[HOME, "ws-made0001"]["State"] = "SUSPENDED"
    answer = cloudformation.ask("Delete", properties(), PhysicalResourceId="ws-made0001")
    assert answer["Reason"] == (
        "WorkSpaces could not terminate ws-made0001 of jane: It is suspended. (OperationNotSupported)"
    )


@pytest.mark.parametrize(
    ("polling", "reason"),
    [
        (True, "a standby WorkSpace of jane was asked for and is not shown yet"),
        (False, "a standby WorkSpace of jane must be there, and was removed meanwhile, by a rollback or by hand"),
    ],
)
def test_a_create_that_is_cancelled_leaves_no_standby_and_makes_no_second_one(
    cloudformation: Lifecycle, service: WorkSpaces, polling: bool, reason: str
) -> None:
    service.slow = 4 if polling else 40
    before = service.state()
    answer = cloudformation.cancel(properties(), polling)
    assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)
    assert service.modified() == [CREATE, TERMINATE]
    assert service.state() == before


@pytest.mark.parametrize("physical_id", [MADE_UP, "failed-create"])
def test_a_standby_that_is_not_shown_yet_when_it_is_to_go_goes(
    cloudformation: Lifecycle, service: WorkSpaces, physical_id: str
) -> None:
    service.hidden = 99
    cloudformation.ask("Create", properties())
    service.desktops[HOME, "ws-made0001"]["hidden"] = 4
    cloudformation.delete(physical_id, properties())
    assert ours(service) == {}


@pytest.mark.parametrize("changed", [{}, {"VolumeEncryptionKey": "other"}, {"DataReplication": "NO_REPLICATION"}])
def test_a_standby_that_was_retained_is_refused_and_stays(
    cloudformation: Lifecycle, service: WorkSpaces, changed: dict[str, str]
) -> None:
    cloudformation.create(properties())
    answer = cloudformation.create(properties(**changed))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "refused-create")
    assert answer["Reason"] == (
        f"WorkSpace ws-made0001 of jane in directory {ONE} must not be there, as it was kept when jane was left out; "
        "terminate ws-made0001 by hand first, or leave jane out"
    )
    assert service.modified() == [CREATE]


WANTED = st.builds(
    lambda user, directory, replication: properties(user, directory, DataReplication=replication),
    st.sampled_from(("jane", "bob")),
    st.sampled_from((ONE, TWO)),
    st.sampled_from(("PRIMARY_AS_SOURCE", "NO_REPLICATION")),
)


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    wanted=st.lists(WANTED, min_size=1, max_size=4),
    theirs=st.booleans(),
    failing=st.sets(st.just("bob")),
    faults=FAULTS,
    slow=st.sampled_from((0, 1, 30)),
)
def test_whatever_goes_wrong_no_standby_is_left_and_those_of_others_stay(
    cloudformation: Lifecycle,
    service: WorkSpaces,
    wanted: list[dict[str, Any]],
    theirs: bool,
    failing: set[str],
    faults: dict[int, str],
    slow: int,
) -> None:
    service.reset(faults, slow)
    cloudformation.start()
    prepare(service)
    if theirs:
        service.desktop("ws-theirs00", TWO, "jane")
    service.failing = failing
    before = service.state()
    cloudformation.create(wanted[0])
    for then in wanted[1:]:
        if cloudformation.made:
            cloudformation.update(then)
    if cloudformation.made:
        workspace_id, now = cloudformation.made
        made = service.desktops[HOME, workspace_id]
        assert (made["UserName"], made["DirectoryId"]) == (now["UserName"], now["DirectoryId"])
        assert made["DataReplicationSettings"]["DataReplication"] == now["DataReplication"]
        assert {*ours(service)} == {workspace_id} | ({"ws-theirs00"} if theirs else set())
    cloudformation.end()
    assert service.state() == before
