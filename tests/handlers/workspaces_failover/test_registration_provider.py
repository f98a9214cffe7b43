"""A directory is registered with WorkSpaces once, never open to all addresses, and only ours is deregistered."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.workspaces_failover.lifecycle import FAULTS, MARK, Lifecycle
from tests.handlers.workspaces_failover.workspaces_service import WorkSpaces

KIND = "Custom::WorkspacesRegistration"
ONE, TWO = "d-1111111111", "d-2222222222"
OURS = {"Key": "cdk-refarch:resource", "Value": MARK}
SUBNETS = ["subnet-11111111", "subnet-22222222"]
SETTINGS = {
    "SelfservicePermissions": {"RestartWorkspace": "ENABLED", "RebuildWorkspace": "DISABLED"},
    "AccessProperties": {"DeviceTypeWindows": "ALLOW", "DeviceTypeWeb": "DENY"},
    "CreationProperties": {
        "EnableInternetAccess": "false",
        "EnableMaintenanceMode": "true",
        "DefaultOu": "OU=Desktops,DC=corp,DC=example,DC=com",
    },
}


def properties(directory: str = ONE, *groups: str, **more: Any) -> dict[str, Any]:
    return {"DirectoryId": directory, "IpGroupIds": list(groups or ("wsipg-a",)), **SETTINGS, **more}


@pytest.fixture
def cloudformation(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> Lifecycle:
    return Lifecycle(aws, monkeypatch, "workspaces_registration", KIND)


@pytest.fixture
def service(cloudformation: Lifecycle) -> WorkSpaces:
    return cloudformation.service


def test_a_directory_is_registered_with_its_groups_before_its_settings(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    answer = cloudformation.create(properties(SubnetIds=SUBNETS))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", ONE)
    assert answer["Data"] == {
        "DirectoryId": ONE,
        "RegistrationCode": "SLiad+ABC",
        "SecurityGroupId": "sg-12345678",
    }
    assert [(call.operation, call.parameters) for call in aws.calls if "Describe" not in call.operation] == [
        (
            "RegisterWorkspaceDirectory",
            {
                "DirectoryId": ONE,
                "SubnetIds": SUBNETS,
                "EnableSelfService": False,
                "Tags": [OURS, {"Key": "cdk-refarch:request", "Value": "request-1"}],
            },
        ),
        ("AssociateIpGroups", {"DirectoryId": ONE, "GroupIds": ["wsipg-a"]}),
        (
            "ModifySelfservicePermissions",
            {"ResourceId": ONE, "SelfservicePermissions": SETTINGS["SelfservicePermissions"]},
        ),
        (
            "ModifyWorkspaceAccessProperties",
            {"ResourceId": ONE, "WorkspaceAccessProperties": SETTINGS["AccessProperties"]},
        ),
        (
            "ModifyWorkspaceCreationProperties",
            {
                "ResourceId": ONE,
                "WorkspaceCreationProperties": {
                    "EnableInternetAccess": False,
                    "EnableMaintenanceMode": True,
                    "DefaultOu": "OU=Desktops,DC=corp,DC=example,DC=com",
                },
            },
        ),
    ]
    cloudformation.end()
    assert service.state() == ({}, {}, {})
    assert service.modified()[5:] == ["DeregisterWorkspaceDirectory"]
    assert aws.actions() == {
        "workspaces:AssociateIpGroups",
        "workspaces:DeregisterWorkspaceDirectory",
        "workspaces:DescribeTags",
        "workspaces:DescribeWorkspaceDirectories",
        "workspaces:ModifySelfservicePermissions",
        "workspaces:ModifyWorkspaceAccessProperties",
        "workspaces:ModifyWorkspaceCreationProperties",
        "workspaces:RegisterWorkspaceDirectory",
    }


def test_a_directory_that_is_registered_is_adopted_and_stays_so(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.register(ONE, "wsipg-theirs")
    cloudformation.create(properties())
    assert service.directories[ONE]["ipGroupIds"] == ["wsipg-theirs", "wsipg-a"]
    cloudformation.end()
    assert service.state() == ({}, {ONE: ("REGISTERED", ("wsipg-theirs",))}, {})
    assert "workspaces:DisassociateIpGroups" in aws.actions()
    assert not {"RegisterWorkspaceDirectory", "DeregisterWorkspaceDirectory"} & set(service.modified())


def test_new_groups_come_before_old_ones_go_and_those_of_others_stay(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.create(properties(ONE, "wsipg-a", "wsipg-b"))
    service.directories[ONE]["ipGroupIds"].append("wsipg-theirs")
    cloudformation.update(properties(ONE, "wsipg-b", "wsipg-c"))
    assert cloudformation.given("AssociateIpGroups")[1:] == [{"DirectoryId": ONE, "GroupIds": ["wsipg-c"]}]
    assert cloudformation.given("DisassociateIpGroups") == [{"DirectoryId": ONE, "GroupIds": ["wsipg-a"]}]
    associated, *settings_made, dropped = service.modified()[5:]
    assert (associated, len(settings_made), dropped) == ("AssociateIpGroups", 3, "DisassociateIpGroups")
    assert service.directories[ONE]["ipGroupIds"] == ["wsipg-b", "wsipg-theirs", "wsipg-c"]


def test_the_same_again_only_makes_the_settings_again(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    cloudformation.update(properties())
    assert service.modified()[5:] == [
        "ModifySelfservicePermissions",
        "ModifyWorkspaceAccessProperties",
        "ModifyWorkspaceCreationProperties",
    ]


def test_settings_that_are_not_given_are_left(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create({"DirectoryId": ONE, "IpGroupIds": ["wsipg-a"]})
    assert service.modified() == ["RegisterWorkspaceDirectory", "AssociateIpGroups"]


def test_a_registration_that_fails_says_why_and_what_is_left_of_it_goes(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.failing = {ONE}
    answer = cloudformation.create(properties())
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    assert answer["Reason"] == f"WorkSpaces could not register directory {ONE}: no address is free"
    assert service.state() == ({}, {}, {})


def test_a_failed_registration_of_a_request_before_is_begun_again(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.register(ONE, State="ERROR", Tags=[OURS, {"Key": "cdk-refarch:request", "Value": "request-0"}])
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    assert service.modified()[:2] == ["DeregisterWorkspaceDirectory", "RegisterWorkspaceDirectory"]


@pytest.mark.parametrize("tags", [[], [{**OURS, "Value": "Site/9z9z/Resource"}]])
def test_a_failed_registration_of_others_is_left(
    cloudformation: Lifecycle, service: WorkSpaces, tags: list[dict[str, str]]
) -> None:
    service.register(ONE, State="ERROR", Tags=tags)
    answer = cloudformation.create(properties())
    assert answer["Reason"] == f"WorkSpaces could not register directory {ONE}: it does not say why"
    assert service.modified() == []


def test_an_update_does_not_begin_again_what_was_in_use(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.directories[ONE] |= {"State": "ERROR", "ErrorMessage": "broken"}
    known = {"PhysicalResourceId": ONE, "OldResourceProperties": properties()}
    answer = cloudformation.ask("Update", properties(ONE, "wsipg-b"), **known)
    assert answer["Reason"] == f"WorkSpaces could not register directory {ONE}: broken"
    assert service.modified()[5:] == []


def test_other_subnets_than_it_is_registered_with_are_refused(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties(SubnetIds=SUBNETS))
    answer = cloudformation.update(properties(SubnetIds=["subnet-33333333", "subnet-11111111"]))
    assert answer["Reason"] == (
        f"subnets of {ONE} must be subnet-11111111, subnet-22222222, with which it is registered, got subnet-33333333, "
        "subnet-11111111; they can only change when it is deregistered in between"
    )
    assert cloudformation.update(properties(SubnetIds=SUBNETS[::-1]))["Status"] == "SUCCESS"


@pytest.mark.parametrize(("count", "named"), [(1, "ws-0"), (5, "ws-0, ws-1, ws-2, ws-3, ws-4")])
def test_workspaces_that_are_left_keep_the_registration_and_its_groups(
    cloudformation: Lifecycle, service: WorkSpaces, count: int, named: str
) -> None:
    cloudformation.create(properties())
    for number in range(count):
        service.desktop(f"ws-{number}", ONE, f"user{number}")
    answer = cloudformation.ask("Delete", properties(), PhysicalResourceId=ONE)
    refusal = (
        f"directory {ONE} must have no WorkSpaces when it is deregistered, got {named}; terminate them, or keep the "
        "registration with removal_policy RETAIN"
    )
    assert (answer["Status"], answer["Reason"]) == ("FAILED", refusal)
    assert service.directories[ONE]["ipGroupIds"] == ["wsipg-a"]
    service.desktop("ws-9", ONE, "last")
    again = cloudformation.ask("Delete", properties(), PhysicalResourceId=ONE)
    assert ("ws-4, ...; terminate" in again["Reason"]) == (count == 5)


def test_workspaces_that_are_being_terminated_are_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.slow = 3
    service.desktop("ws-1", ONE, "jane", state="TERMINATING")
    cloudformation.end()
    assert service.state() == ({}, {}, {})


def test_a_registration_that_is_not_seen_at_first_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.hidden = 2
    assert cloudformation.create(properties())["Status"] == "SUCCESS"


def test_what_takes_longer_than_a_function_may_run_goes_on_and_is_asked_for_once(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.slow = 60
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    assert len(cloudformation.again) in (3, 4, 5)
    assert service.modified().count("RegisterWorkspaceDirectory") == 1


def test_what_never_ends_fails_within_the_hour_and_is_waited_for_when_it_goes(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.slow = 300
    answer = cloudformation.ask("Create", properties())
    assert answer["Reason"] == f"directory {ONE} is not registered yet, but REGISTERING"
    assert 3000 <= cloudformation.passed < 3600
    service.slow = service.directories[ONE]["looks"] = 3
    cloudformation.delete("failed-create", properties())
    assert service.state() == ({}, {}, {})


def test_a_missing_role_is_waited_for_and_named(aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces) -> None:
    service.refused["RegisterWorkspaceDirectory"] = [FakeError("WorkspacesDefaultRoleNotFoundException")] * 2
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    service.reset()
    service.refused["RegisterWorkspaceDirectory"] = [FakeError("WorkspacesDefaultRoleNotFoundException")] * 99
    answer = cloudformation.ask("Create", properties())
    assert answer["Reason"] == (
        "WorkSpaces must have the role workspaces_DefaultRole with its two managed policies in this account, and has "
        "found none that it can use; leave default_role on, or create it by hand"
    )
    assert cloudformation.again == []


@pytest.mark.parametrize("name", ["InvalidResourceStateException", "AccessDeniedException", "ThrottlingException"])
def test_what_passes_is_waited_for(cloudformation: Lifecycle, service: WorkSpaces, name: str) -> None:
    service.refused["RegisterWorkspaceDirectory"] = [FakeError(name)]
    assert cloudformation.create(properties())["Status"] == "SUCCESS"
    assert service.modified().count("RegisterWorkspaceDirectory") == 2


@pytest.mark.parametrize("name", ["ResourceNotFoundException", "OperationNotSupportedException"])
def test_what_stays_refused_fails_at_once_in_words_of_the_service(
    cloudformation: Lifecycle, service: WorkSpaces, name: str
) -> None:
    service.refused["RegisterWorkspaceDirectory"] = [FakeError(name, "subnets are in one zone")]
    answer = cloudformation.ask("Create", properties())
    assert (answer["Status"], "subnets are in one zone" in answer["Reason"]) == ("FAILED", True)
    assert cloudformation.passed == 0


def test_a_delete_that_is_not_permitted_fails_at_once(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.refused["DeregisterWorkspaceDirectory"] = [FakeError("AccessDeniedException", "not authorized")]
    answer = cloudformation.ask("Delete", properties(), PhysicalResourceId=ONE)
    assert (answer["Status"], "not authorized" in answer["Reason"]) == ("FAILED", True)


@pytest.mark.parametrize("physical_id", [ONE, "failed-create", "Site-Resource-MADEUP"])
def test_a_delete_of_what_is_not_there_is_done(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces, physical_id: str
) -> None:
    cloudformation.delete(physical_id, properties())
    assert aws.actions() == {"workspaces:DescribeWorkspaceDirectories"}


def test_a_directory_that_is_said_to_be_deregistered_is_not_asked_to_be_again(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.register(ONE, "wsipg-a", State="DEREGISTERED", Tags=[OURS])
    cloudformation.delete(ONE, properties())
    assert (service.modified(), service.calls) == ([], 1)


def test_another_directory_replaces_the_registration(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    known = {"PhysicalResourceId": ONE, "OldResourceProperties": properties()}
    assert cloudformation.ask("Update", properties(TWO), **known)["PhysicalResourceId"] == TWO
    # CloudFormation deletes it, when all else is updated.
    assert [*service.state()[1]] == [ONE, TWO]
    assert cloudformation.update(properties(TWO))["PhysicalResourceId"] == TWO
    assert [*service.state()[1]] == [TWO]


def test_a_directory_that_cannot_replace_another_leaves_nothing(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties())
    service.failing = {TWO}
    assert cloudformation.update(properties(TWO))["Status"] == "FAILED"
    assert [*service.state()[1]] == [ONE]


@pytest.mark.parametrize(
    ("polling", "reason"),
    [
        (True, f"the registration of directory {ONE} was asked for and is not shown yet"),
        (
            False,
            f"the registration of directory {ONE} must be there, and was removed meanwhile, by a rollback or by hand",
        ),
    ],
)
def test_a_create_that_is_cancelled_leaves_no_registration_and_makes_no_second_one(
    cloudformation: Lifecycle, service: WorkSpaces, polling: bool, reason: str
) -> None:
    service.slow = 4 if polling else 40
    answer = cloudformation.cancel(properties(), polling)
    assert (answer["Status"], answer["Reason"]) == ("FAILED", reason)
    assert service.modified() == ["RegisterWorkspaceDirectory", "DeregisterWorkspaceDirectory"]
    assert service.state() == ({}, {}, {})


def test_a_registration_that_is_not_shown_yet_when_it_is_to_go_goes(
    cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    service.hidden = 99
    cloudformation.ask("Create", properties())
    service.directories[ONE]["hidden"] = 4
    cloudformation.delete("failed-create", properties())
    assert service.state() == ({}, {}, {})


def test_a_registration_with_other_subnets_that_was_there_stays(cloudformation: Lifecycle, service: WorkSpaces) -> None:
    cloudformation.create(properties(SubnetIds=SUBNETS))
    answer = cloudformation.create(properties(SubnetIds=["subnet-33333333", "subnet-11111111"]))
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "refused-create")
    assert service.state()[1] == {ONE: ("REGISTERED", ("wsipg-a",))}


def test_workspaces_of_all_pages_keep_the_registration(
    aws: FakeAws, cloudformation: Lifecycle, service: WorkSpaces
) -> None:
    cloudformation.create(properties())
    for number in range(7):
        service.desktop(f"ws-{number}", ONE, f"user{number}", state="TERMINATING" if number < 4 else "STOPPED")
    service.slow, service.page = 99, 2
    answer = cloudformation.ask("Delete", properties(), PhysicalResourceId=ONE)
    assert f"directory {ONE} must have no WorkSpaces when it is deregistered, got ws-4, ws-5, ws-6;" in answer["Reason"]


GROUPS = st.lists(st.sampled_from(("wsipg-a", "wsipg-b", "wsipg-c")), min_size=1, max_size=3, unique=True)
WANTED = st.builds(lambda directory, groups: properties(directory, *groups), st.sampled_from((ONE, TWO)), GROUPS)


@settings(
    derandomize=True,
    database=None,
    deadline=None,
    max_examples=30,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    wanted=st.lists(WANTED, min_size=1, max_size=4),
    theirs=st.dictionaries(st.sampled_from((ONE, TWO)), st.lists(st.just("wsipg-theirs"), max_size=1), max_size=1),
    failing=st.sets(st.just(TWO)),
    faults=FAULTS,
    slow=st.sampled_from((0, 1, 30)),
)
def test_whatever_goes_wrong_nothing_is_left_and_what_others_have_made_stays(
    cloudformation: Lifecycle,
    service: WorkSpaces,
    wanted: list[dict[str, Any]],
    theirs: dict[str, list[str]],
    failing: set[str],
    faults: dict[int, str],
    slow: int,
) -> None:
    service.reset(faults, slow)
    cloudformation.start()
    for directory, groups in theirs.items():
        service.register(directory, *groups)
    service.failing = failing
    before = service.state()
    cloudformation.create(wanted[0])
    for then in wanted[1:]:
        if cloudformation.made:
            cloudformation.update(then)
    if cloudformation.made:
        directory, now = cloudformation.made
        groups = service.directories[directory]["ipGroupIds"]
        assert sorted(groups) == sorted({*now["IpGroupIds"], *theirs.get(directory, [])})
        assert {*service.state()[1]} == {directory, *theirs}
    cloudformation.end()
    assert service.state() == before
    assert service.open == set()
