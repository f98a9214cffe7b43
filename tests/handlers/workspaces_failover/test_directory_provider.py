"""Custom resources of directories: AD Connectors and Managed ADs in further regions, call by call."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.workspaces_failover.directory_stack import Stack
from tests.handlers.workspaces_failover.directory_world import (
    ACCOUNT,
    HOME,
    MANAGED,
    NAME,
    NOW,
    PASSWORD,
    PRIMARY,
    THIRD,
    World,
)

CONNECTOR: dict[str, Any] = {
    "Name": NAME,
    "ShortName": "CORP",
    "Size": "Small",
    "VpcId": "vpc-1",
    "SubnetIds": ["subnet-b", "subnet-a"],
    "SecretArn": ACCOUNT,
    "DnsIps": ["10.0.0.2", "10.0.0.1"],
}
LARGE = {**CONNECTOR, "Size": "Large"}
REPLICA: dict[str, Any] = {
    "Name": NAME,
    "PrimaryRegion": PRIMARY,
    "Region": HOME,
    "VpcId": "vpc-1",
    "SubnetIds": ["subnet-b", "subnet-a"],
}
REPLICA_ID, REPLICA_KEY = f"{MANAGED}/{HOME}", f"cdk-refarch:replica:{HOME}"
READY = "Custom::ManagedAdReplicaReady"
FOREVER = ["Requested", *["Creating"] * 1000]


@pytest.fixture
def world(aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> World:
    """Directories of others."""
    return World(aws, monkeypatch)


@pytest.fixture
def connector(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, world: World) -> Stack:
    """A stack for a connector."""
    return Stack(aws, monkeypatch, world, "Custom::AdConnector")


@pytest.fixture
def replica(aws: FakeAws, monkeypatch: pytest.MonkeyPatch, world: World) -> Stack:
    """A stack for a replica, and the Managed AD."""
    made = Stack(aws, monkeypatch, world, "Custom::ManagedAdReplica")
    world.add_managed()
    return made


def given(aws: FakeAws, operation: str) -> list[tuple[str, dict[str, Any]]]:
    """Return where an operation was called, and with what."""
    return [(call.region, call.parameters) for call in aws.calls if call.operation == operation]


def reason(stack: Stack, properties: dict[str, Any]) -> str:
    """Return why a resource cannot be made."""
    answer = stack.request("Create", properties)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "failed-create")
    text: str = answer["Reason"]
    return text


def test_a_connector_is_made_of_its_properties_and_deleted(aws: FakeAws, connector: Stack, world: World) -> None:
    assert connector.create(CONNECTOR)
    answer = connector.answers[-1]
    assert answer["Data"] == {"DirectoryId": answer["PhysicalResourceId"]}
    ((region, made),) = given(aws, "ConnectDirectory")
    tag, request = made.pop("Tags")
    assert region == HOME
    assert made == {
        "Name": NAME,
        "ShortName": "CORP",
        "Password": PASSWORD,
        "Size": "Small",
        "Description": "Of the stack Site",
        "ConnectSettings": {
            "VpcId": "vpc-1",
            "SubnetIds": ["subnet-b", "subnet-a"],
            "CustomerUserName": "joiner",
            "CustomerDnsIps": ["10.0.0.2", "10.0.0.1"],
        },
    }
    assert request == {"Key": "cdk-refarch:request", "Value": "request-1"}
    # What is in accounts must be found by later releases.
    assert tag == {"Key": "cdk-refarch:resource", "Value": "Site/1a2b/Resource/7de1307c6f6254fc"}
    connector.delete()
    assert given(aws, "DeleteDirectory") == [(HOME, {"DirectoryId": answer["PhysicalResourceId"]})]
    assert (HOME, answer["PhysicalResourceId"]) not in world.directories
    assert aws.actions() == {
        "ds:ConnectDirectory",
        "ds:DeleteDirectory",
        "ds:DescribeDirectories",
        "ds:ListTagsForResource",
        "secretsmanager:GetSecretValue",
    }


def test_names_of_the_same_domain_are_the_same(connector: Stack, world: World) -> None:
    assert connector.create({**CONNECTOR, "Name": "CORP.example.com."})
    assert connector.update({**CONNECTOR, "Name": "CORP.example.com.", "ServiceToken": "other"})
    assert world.live() == [connector.physical_id]


@pytest.mark.parametrize("more", [{}, {"DirectoryId": MANAGED}])
def test_a_connector_asks_the_controllers_of_a_managed_ad(
    aws: FakeAws, connector: Stack, world: World, more: dict[str, str]
) -> None:
    world.add_managed()
    properties = {name: value for name, value in CONNECTOR.items() if name not in ("DnsIps", "ShortName")}
    assert connector.create({**properties, "Controllers": {"Region": PRIMARY, **more}})
    ((_, made),) = given(aws, "ConnectDirectory")
    assert made["ConnectSettings"]["CustomerDnsIps"] == ["10.1.0.1", "10.1.0.2"]
    assert "ShortName" not in made
    assert PRIMARY in {region for region, _ in given(aws, "DescribeDirectories")}


def test_controllers_that_come_late_are_waited_for(connector: Stack, world: World) -> None:
    managed = world.add_managed()
    managed.about["DnsIpAddrs"] = []
    text = reason(connector, {**CONNECTOR, "Controllers": {"Region": PRIMARY}})
    assert text == f"{MANAGED} has no domain controllers in {PRIMARY} yet"
    assert world.now > NOW + 3000


def test_a_managed_ad_that_is_not_there_fails_within_minutes(connector: Stack, world: World) -> None:
    text = reason(connector, {**CONNECTOR, "Controllers": {"Region": PRIMARY}})
    assert text == f"{PRIMARY} must have a Managed AD {NAME}, got none; deploy it first"
    assert world.now < NOW + 300


def test_two_managed_ads_of_a_name_are_refused(connector: Stack, world: World) -> None:
    world.add_managed()
    world.add_managed(directory_id="d-9999999999")
    text = reason(connector, {**CONNECTOR, "Controllers": {"Region": PRIMARY}})
    ids = f"{MANAGED}, d-9999999999"
    assert text == f"one Managed AD in {PRIMARY} must have the name {NAME}, got {ids}; give its directory_id"


@pytest.mark.parametrize(
    "secret",
    [
        PASSWORD,
        f'["{PASSWORD}"]',
        f'{{"password": "{PASSWORD}"}}',
        f'{{"username": "", "password": "{PASSWORD}"}}',
        '{"username": "joiner", "password": 4711471147114711}',
        '{"username": "joiner", "password": ""}',
        b"binary",
    ],
)
def test_a_secret_that_is_none_of_an_account_is_refused_without_telling_it(
    connector: Stack, world: World, capsys: pytest.CaptureFixture[str], secret: str | bytes
) -> None:
    world.secret = secret
    text = reason(connector, CONNECTOR)
    assert text.startswith(f'the secret {ACCOUNT} must be JSON such as {{"username": "...", "password": "..."}}')
    told = text + capsys.readouterr().out
    assert PASSWORD not in told
    assert "4711" not in told


def test_a_password_that_the_service_repeats_is_not_told(
    aws: FakeAws, connector: Stack, world: World, capsys: pytest.CaptureFixture[str]
) -> None:
    world.refusal = FakeError("InvalidParameterException", f"Value '{PASSWORD}' at 'password' is too weak")
    assert "Value '***' at 'password' is too weak" in reason(connector, CONNECTOR)
    assert PASSWORD not in capsys.readouterr().out


@pytest.mark.parametrize("error", ["ClientException", "AccessDeniedException"])
def test_a_permission_that_is_missing_is_waited_for_one_invocation(
    aws: FakeAws, connector: Stack, world: World, error: str
) -> None:
    world.refusal = FakeError(error, "not authorized to perform: ec2:CreateSecurityGroup")
    assert "ec2:CreateSecurityGroup" in reason(connector, CONNECTOR)
    assert given(aws, "Invoke") == []
    assert len(given(aws, "ConnectDirectory")) > 5


def test_a_connector_that_fails_says_why_and_leaves_nothing(connector: Stack, world: World) -> None:
    world.stages = ["Requested", "Creating", "Failed"]
    assert not connector.create(CONNECTOR)
    (failed, _) = connector.answers
    assert failed["Reason"].endswith("is Failed: Bad service account")
    assert world.live() == []


def test_a_connector_that_takes_too_long_says_what_it_is_and_goes_in_the_end(
    aws: FakeAws, connector: Stack, world: World
) -> None:
    world.stages = ["Requested", *["Inoperable"] * 1000]
    assert not connector.create(CONNECTOR)
    assert connector.answers[0]["Reason"].endswith("is Inoperable: Bad service account")
    assert len(given(aws, "Invoke")) in range(9, 14)
    assert world.live() == []


def test_another_connector_takes_the_place_of_one_whose_properties_change(connector: Stack, world: World) -> None:
    assert connector.create(CONNECTOR)
    before = connector.physical_id
    assert connector.update(LARGE)
    assert connector.physical_id != before
    assert world.live() == [connector.physical_id]


def test_a_connector_that_does_not_work_just_now_fails_no_update(connector: Stack, world: World) -> None:
    assert connector.create(CONNECTOR)
    assert connector.physical_id is not None
    world.directories[HOME, connector.physical_id].stages = ["Inoperable"]
    assert connector.update({**CONNECTOR, "ServiceToken": "other"})
    assert world.live() == [connector.physical_id]


@pytest.mark.parametrize("stages", [["Requested", "Failed"], ["Requested", *["Creating"] * 230, "Active"]])
def test_what_an_update_has_made_that_fails_is_gone_after_the_rollback(
    connector: Stack, world: World, stages: list[str]
) -> None:
    assert connector.create(CONNECTOR)
    before = connector.physical_id
    world.stages = stages
    assert not connector.update(LARGE)
    assert world.live() == [connector.physical_id] == [before]


def test_a_connector_that_failed_in_an_update_that_was_not_rolled_back_does_not_hinder_the_next(
    connector: Stack, world: World
) -> None:
    assert connector.create(CONNECTOR)
    world.stages = ["Requested", "Failed"]
    more = {"PhysicalResourceId": connector.physical_id, "OldResourceProperties": CONNECTOR}
    assert connector.request("Update", LARGE, **more)["Status"] == "FAILED"
    world.stages = ["Requested", "Active"]
    assert connector.request("Update", LARGE, **more)["Status"] == "SUCCESS"


def test_a_delete_waits_for_a_connector_that_is_being_made(aws: FakeAws, connector: Stack, world: World) -> None:
    assert connector.create(CONNECTOR)
    assert connector.physical_id is not None
    world.directories[HOME, connector.physical_id].stages = [*["Creating"] * 40, "Active"]
    answer = connector.request("Delete", CONNECTOR, PhysicalResourceId="made-up")
    assert answer["Status"] == "SUCCESS"
    assert len(given(aws, "DeleteDirectory")) == 1
    assert world.live() == []


def test_a_create_that_is_cancelled_leaves_no_connector_and_makes_no_second_one(
    aws: FakeAws, connector: Stack, world: World
) -> None:
    world.stages = [*["Creating"] * 60, "Active"]
    connector.meanwhile = lambda: connector.request("Delete", CONNECTOR, PhysicalResourceId="made-up")
    answer = connector.request("Create", CONNECTOR)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        f"an AD Connector of {NAME} must be there, and was removed meanwhile, by a rollback or by hand"
    )
    assert len(given(aws, "ConnectDirectory")) == len(given(aws, "DeleteDirectory")) == 1
    first = json.loads(given(aws, "Invoke")[0][1]["Payload"])
    assert (first["Asked"], first["Seen"]) == (True, True)
    assert world.live() == []


@pytest.mark.parametrize("physical_id", ["made-up", "failed-create"])
def test_a_connector_that_is_not_shown_yet_when_it_is_to_go_goes(
    connector: Stack, world: World, physical_id: str
) -> None:
    assert connector.create(CONNECTOR)
    assert connector.physical_id is not None
    world.hide(HOME, connector.physical_id, 60)
    assert connector.request("Delete", CONNECTOR, PhysicalResourceId=physical_id)["Status"] == "SUCCESS"
    assert world.now > NOW + 60
    assert world.live() == []


def test_a_region_that_is_not_shown_yet_when_it_is_to_go_goes(replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    world.hide(MANAGED, HOME, 60)
    assert replica.request("Delete", REPLICA, PhysicalResourceId="made-up")["Status"] == "SUCCESS"
    assert world.regions == {}
    assert world.directories[PRIMARY, MANAGED].tags == {}


def test_a_connector_that_was_retained_is_refused_and_stays(connector: Stack, world: World) -> None:
    assert connector.create(CONNECTOR)
    kept = connector.physical_id
    answer = connector.request("Create", CONNECTOR)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("FAILED", "refused-create")
    assert answer["Reason"] == (
        f"AD Connector {kept} of {NAME} must not be there, as it was kept when it was left out; give it as "
        "ExistingDirectory, or delete it by hand first"
    )
    assert connector.request("Delete", CONNECTOR, PhysicalResourceId="refused-create")["Status"] == "SUCCESS"
    assert world.live() == [kept]


def test_a_create_that_is_cancelled_leaves_no_region_and_adds_no_second_one(
    aws: FakeAws, replica: Stack, world: World
) -> None:
    world.stages = [*["Creating"] * 60, "Active"]
    replica.meanwhile = lambda: replica.request("Delete", REPLICA, PhysicalResourceId="made-up")
    answer = replica.request("Create", REPLICA)
    assert answer["Status"] == "FAILED"
    assert answer["Reason"] == (
        f"{MANAGED} in {HOME} must be there, and was removed meanwhile, by a rollback or by hand"
    )
    assert len(given(aws, "AddRegion")) == 1
    first = json.loads(given(aws, "Invoke")[0][1]["Payload"])
    assert (first["Asked"], first["Seen"]) == (True, True)
    assert world.regions == {}
    assert world.directories[PRIMARY, MANAGED].tags == {}


def test_a_region_is_added_and_removed_with_a_client_in_it(aws: FakeAws, replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    answer = replica.answers[-1]
    assert answer["PhysicalResourceId"] == REPLICA_ID
    assert answer["Data"] == {"DirectoryId": MANAGED, "DnsIps": "10.2.0.1,10.2.0.2"}
    placed = {"VpcId": "vpc-1", "SubnetIds": ["subnet-b", "subnet-a"]}
    added = {"DirectoryId": MANAGED, "RegionName": HOME, "VPCSettings": placed}
    assert given(aws, "AddRegion") == [(PRIMARY, added)]
    tag = {"Key": REPLICA_KEY, "Value": "Site/1a2b/Resource"}
    assert given(aws, "AddTagsToResource") == [(PRIMARY, {"ResourceId": MANAGED, "Tags": [tag]})]
    replica.delete()
    assert given(aws, "RemoveRegion") == [(HOME, {"DirectoryId": MANAGED})]
    assert given(aws, "RemoveTagsFromResource") == [(PRIMARY, {"ResourceId": MANAGED, "TagKeys": [REPLICA_KEY]})]
    assert aws.actions() == {
        "ds:AddRegion",
        "ds:AddTagsToResource",
        "ds:DescribeDirectories",
        "ds:DescribeRegions",
        "ds:ListTagsForResource",
        "ds:RemoveRegion",
        "ds:RemoveTagsFromResource",
    }


def test_the_tag_comes_before_the_region(aws: FakeAws, replica: Stack) -> None:
    replica.create(REPLICA)
    writes = [call.operation for call in aws.calls if call.operation.startswith("Add")]
    assert writes == ["AddTagsToResource", "AddRegion"]


def test_a_region_that_is_there_is_adopted_and_stays(aws: FakeAws, replica: Stack, world: World) -> None:
    world.add_region(MANAGED, HOME, ["Active"])
    assert replica.create(REPLICA)
    assert replica.physical_id == f"{REPLICA_ID}/adopted"
    calls = len(aws.calls)
    replica.delete()
    assert len(aws.calls) == calls
    assert world.regions[MANAGED, HOME].live


def test_a_region_of_another_resource_is_adopted_and_stays_even_after_a_failure(replica: Stack, world: World) -> None:
    world.add_region(MANAGED, HOME, FOREVER)
    world.directories[PRIMARY, MANAGED].tags[REPLICA_KEY] = "Site/9z9z/Resource"
    replica.request("Create", REPLICA)
    replica.request("Delete", REPLICA, PhysicalResourceId="failed-create")
    assert replica.answers[-1]["Status"] == "SUCCESS"
    assert world.regions[MANAGED, HOME].live
    assert world.directories[PRIMARY, MANAGED].tags == {REPLICA_KEY: "Site/9z9z/Resource"}


def test_what_an_update_has_added_that_fails_is_gone_after_the_rollback_even_if_the_old_one_is_added_anew(
    replica: Stack, world: World
) -> None:
    world.add_region(MANAGED, HOME, ["Active"])
    assert replica.create(REPLICA)
    world.drop_region(MANAGED, HOME)
    world.stages = ["Creating", "Failed"]
    assert not replica.update({**REPLICA, "Region": THIRD})
    assert replica.physical_id == REPLICA_ID
    assert [region for (_, region), one in world.regions.items() if one.live] == [HOME]


def test_a_rollback_does_not_wait_until_what_the_update_has_added_is_gone(replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    world.stages, world.removal = ["Creating", "Failed"], ["Deleting"]
    assert not replica.update({**REPLICA, "Region": THIRD})
    assert replica.answers[-1]["Status"] == "SUCCESS"
    assert world.regions[MANAGED, THIRD].stages == ["Deleting"]


def test_a_region_that_does_not_work_just_now_fails_no_update(replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    world.regions[MANAGED, HOME].stages = ["Impaired"]
    assert replica.update({**REPLICA, "ServiceToken": "other"})
    assert replica.answers[-1]["Data"]["DnsIps"] == "10.2.0.1,10.2.0.2"


def test_a_managed_ad_that_is_being_deleted_is_none(replica: Stack, world: World) -> None:
    world.add("MicrosoftAD", PRIMARY, ["Deleting"], {}, Edition="Standard")
    assert replica.create(REPLICA)
    assert replica.physical_id == REPLICA_ID


def test_a_region_that_fails_between_two_invocations_is_not_added_again(
    aws: FakeAws, replica: Stack, world: World
) -> None:
    world.add_region(MANAGED, HOME, ["Failed"])
    world.directories[PRIMARY, MANAGED].tags[REPLICA_KEY] = "Site/1a2b/Resource"
    answer = replica.request("Create", REPLICA, Began=NOW - 1000)
    assert answer["Reason"].startswith(f"{MANAGED} could not be added to {HOME}")
    assert given(aws, "RemoveRegion") == []


def test_only_the_edition_enterprise_is_replicated(replica: Stack, world: World) -> None:
    world.directories[PRIMARY, MANAGED].about["Edition"] = "Standard"
    assert reason(replica, REPLICA) == (
        f"{MANAGED} must be of the edition Enterprise to be replicated, got Standard; "
        f"use an AdConnector to its controllers in {HOME}"
    )


def test_a_region_that_takes_longer_than_an_hour_is_left_to_the_resources_that_wait(
    replica: Stack, world: World
) -> None:
    world.stages = FOREVER
    assert replica.create(REPLICA)
    assert replica.answers[-1]["Data"] == {"DirectoryId": MANAGED, "DnsIps": ""}
    assert 3000 < world.now - NOW < 3600
    replica.kind = READY
    assert replica.create({**REPLICA, "More": "true"})
    assert replica.answers[-1]["Data"] == {"DirectoryId": MANAGED, "DnsIps": ""}
    assert reason(replica, REPLICA) == f"{MANAGED} in {HOME} is Creating"
    world.regions[MANAGED, HOME].stages = ["Active"]
    assert replica.create(REPLICA)
    answer = replica.answers[-1]
    assert answer["PhysicalResourceId"] == REPLICA_ID
    assert answer["Data"] == {"DirectoryId": MANAGED, "DnsIps": "10.2.0.1,10.2.0.2"}
    replica.delete()
    assert world.regions[MANAGED, HOME].live


def test_what_waits_neither_adds_nor_tags(aws: FakeAws, replica: Stack) -> None:
    replica.kind = READY
    assert reason(replica, REPLICA) == f"{MANAGED} must have been added to {HOME}, got no such region"
    assert aws.actions() == {"ds:DescribeDirectories", "ds:DescribeRegions"}


def test_a_region_that_fails_is_removed_and_may_be_added_again(replica: Stack, world: World) -> None:
    world.stages = ["Creating", "Failed"]
    assert not replica.create(REPLICA)
    assert replica.answers[0]["Reason"].startswith(f"{MANAGED} could not be added to {HOME}")
    assert world.regions == {}
    world.stages = ["Creating", "Failed"]
    replica.request("Create", REPLICA)
    world.stages = ["Creating", "Active"]
    # Nobody has cleaned up.
    assert replica.create(REPLICA)


def test_a_region_that_this_request_has_asked_for_and_that_fails_is_not_added_again(
    aws: FakeAws, replica: Stack, world: World
) -> None:
    world.add_region(MANAGED, HOME, ["Failed"])
    world.directories[PRIMARY, MANAGED].tags[REPLICA_KEY] = "Site/1a2b/Resource"
    answer = replica.request("Create", REPLICA, Asked=True)
    assert answer["Reason"].startswith(f"{MANAGED} could not be added to {HOME}")
    assert given(aws, "RemoveRegion") == []


@pytest.mark.parametrize("error", ["RegionLimitExceededException", "DirectoryUnavailableException"])
def test_a_managed_ad_that_is_being_replicated_elsewhere_is_waited_for(
    aws: FakeAws, replica: Stack, world: World, error: str
) -> None:
    world.refusal = FakeError(error, "busy with another region")
    assert "busy with another region" in reason(replica, REPLICA)
    assert world.now > NOW + 3000
    world.refusal = None
    assert replica.create(REPLICA)


def test_a_replica_stays_in_its_vpc(replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    assert not replica.update({**REPLICA, "VpcId": "vpc-2"})
    failed = replica.answers[1]
    assert failed["Reason"] == f"{MANAGED} in {HOME} cannot change its VPC and subnets; remove it there first"
    assert replica.answers[-1]["Status"] == "SUCCESS"
    assert replica.update({**REPLICA, "SubnetIds": ["subnet-a", "subnet-b"]})
    assert world.regions[MANAGED, HOME].live


def test_a_replica_whose_managed_ad_is_gone_is_gone(replica: Stack, world: World) -> None:
    assert replica.create(REPLICA)
    del world.directories[PRIMARY, MANAGED]
    replica.delete()
    assert replica.answers[-1]["Status"] == "SUCCESS"
