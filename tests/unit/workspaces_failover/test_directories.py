"""Directories that are created for sites, and those that are there."""

from __future__ import annotations

import itertools
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk.assertions import Annotations, Match

from tests.unit.workspaces_failover.built import OTHER_DIRECTORY, SECRET, SUBNETS, VPC, Built, Scene, built

CONNECTED = {"Name": "corp.example.com", "Size": "Small", "VpcId": VPC, "SubnetIds": SUBNETS, "SecretArn": SECRET}
REPLICATED = {
    "Name": "corp.example.com",
    "PrimaryRegion": "us-east-1",
    "Region": "eu-west-1",
    "VpcId": VPC,
    "SubnetIds": SUBNETS,
}
HOURS = ("Replica", "ReplicaReady1", "ReplicaReady2")
MADE = ("AWS::DirectoryService::MicrosoftAD", "Custom::AdConnector", "Custom::ManagedAdReplica")


@pytest.fixture(scope="module")
def made() -> Built:
    """The sites of ``built``."""
    return built()


def registered(scene: Scene) -> tuple[Any, Any]:
    asked = scene.asked("Registration")
    return asked["DirectoryId"], asked.get("SubnetIds")


def test_nothing_is_created_for_a_directory_that_is_there(made: Built) -> None:
    for name in ("Plain", "Full"):
        assert [made[name].all(kind) for kind in MADE] == [[], [], []]
    assert registered(made["Plain"]) == ("d-0123456789", None)
    assert registered(made["Full"]) == ("d-0123456789", SUBNETS)


def test_a_managed_directory_is_of_the_edition_that_can_be_replicated(made: Built) -> None:
    assert made["Managed"].of("ManagedAd") == {
        "Edition": "Enterprise",
        "Name": "corp.example.com",
        # A reference that CloudFormation resolves: the password is not in the template.
        "Password": "{{resolve:secretsmanager:<Admin>:SecretString:password::}}",
        "VpcSettings": {"SubnetIds": SUBNETS, "VpcId": VPC},
    }
    assert registered(made["Managed"]) == ("<SiteManagedAd>", SUBNETS)


def test_a_managed_directory_is_made_as_asked(made: Built) -> None:
    subnets = ["<OwnPublicSubnet1Subnet>", "<OwnPublicSubnet2Subnet>"]
    assert made["Standard"].of("ManagedAd") == {
        "Edition": "Standard",
        "Name": "corp.example.com",
        "Password": f"{{{{resolve:secretsmanager:{SECRET}:SecretString:password::}}}}",
        "ShortName": "CORP",
        "VpcSettings": {"SubnetIds": subnets, "VpcId": "<Own>"},
    }
    assert registered(made["Standard"]) == ("<SiteManagedAd>", subnets)


@pytest.mark.parametrize(
    ("name", "addresses"),
    [
        ("Local", {"DnsIps": {"Fn::Split": [",", "<SiteReplicaReady2.DnsIps>"]}}),
        ("Remote", {"Controllers": {"Region": "us-east-1"}}),
        ("RemoteKnown", {"Controllers": {"Region": "us-east-1", "DirectoryId": OTHER_DIRECTORY}}),
        ("Addresses", {"DnsIps": ["10.0.0.10", "10.0.1.10"]}),
    ],
)
def test_a_connector_asks_the_domain_controllers_that_it_was_given(
    made: Built, name: str, addresses: dict[str, Any]
) -> None:
    assert made[name].asked("Connector") == {**CONNECTED, **addresses}
    assert registered(made[name]) == ("<SiteConnector.DirectoryId>", SUBNETS)


def test_a_connector_is_made_as_asked(made: Built) -> None:
    more = {"Size": "Large", "ShortName": "CORP", "SecretArn": "<Joiner>"}
    addresses = {"DnsIps": {"Fn::Split": [",", "<SiteReplicaReady2.DnsIps>"]}}
    assert made["Known"].asked("Connector") == {**CONNECTED, **more, **addresses}


def test_a_region_is_added_and_waited_for_up_to_three_hours(made: Built) -> None:
    for name, more in (("Local", {}), ("Known", {"DirectoryId": OTHER_DIRECTORY})):
        scene = made[name]
        asked = {**REPLICATED, **more}
        # Only the last one fails when its time is over.
        assert [scene.asked(one) for one in HOURS] == [asked, {**asked, "More": "true"}, asked]
        kinds = [scene.resource(one)["Type"] for one in HOURS]
        assert kinds == ["Custom::ManagedAdReplica", *["Custom::ManagedAdReplicaReady"] * 2]
        for first, then in (*itertools.pairwise(HOURS), ("ReplicaReady2", "Connector")):
            assert scene.id(first) in scene.resource(then)["DependsOn"]


def test_other_controllers_need_no_replica(made: Built) -> None:
    for name in ("Remote", "RemoteKnown", "Addresses"):
        assert made[name].all("Custom::ManagedAdReplica") == []


def test_a_warning_tells_that_a_connector_depends_on_the_primary_region(made: Built) -> None:
    text = Match.string_like_regexp(
        "The AD Connector asks domain controllers in us-east-1. When that region is gone, nobody can log in .* use "
        "LocalReplica"
    )
    for name, count in (("Remote", 1), ("RemoteKnown", 1), ("Local", 0), ("Addresses", 0)):
        stack = cdk.Stack.of(made[name].site)
        assert len(Annotations.from_stack(stack).find_warning(f"/{name}/Site", text)) == count
