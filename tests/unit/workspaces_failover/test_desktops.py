"""WorkSpaces that are there before their users need them."""

from __future__ import annotations

from typing import Any

import pytest

from tests.unit.workspaces_failover.built import BUNDLE, Built, built


@pytest.fixture(scope="module")
def made() -> Built:
    """The sites of ``built``."""
    return built()


def test_both_volumes_of_all_workspaces_are_encrypted_with_the_key(made: Built) -> None:
    for name in ("Full", "Local"):
        scene = made[name]
        found = scene.all("AWS::WorkSpaces::Workspace")
        assert found
        for one in found:
            properties = one["Properties"]
            encrypted = [properties[f"{volume}VolumeEncryptionEnabled"] for volume in ("Root", "User")]
            assert encrypted == [True, True]
            assert properties["VolumeEncryptionKey"] == scene.template.resolve(scene.site.encryption_key.key_arn)


@pytest.mark.parametrize(
    ("user", "settings"),
    [
        ("ana", {"RunningMode": "AUTO_STOP", "RunningModeAutoStopTimeoutInMinutes": 60}),
        (
            "b.en",
            {
                "ComputeTypeName": "POWER",
                "RootVolumeSizeGib": 175,
                "RunningMode": "AUTO_STOP",
                "RunningModeAutoStopTimeoutInMinutes": 120,
                "UserVolumeSizeGib": 100,
            },
        ),
        # WorkSpaces refuses a time for these.
        ("chloe", {"RunningMode": "ALWAYS_ON"}),
        ("dan", {"RunningMode": "MANUAL"}),
    ],
)
def test_a_user_gets_what_was_asked_for(made: Built, user: str, settings: dict[str, Any]) -> None:
    scene = made["Full"]
    found = scene.of(scene.site.desktops[user])
    assert found.pop("WorkspaceProperties") == settings
    assert found.pop("Tags", None) == ([{"Key": "team", "Value": "sales"}] if user == "b.en" else None)
    assert found == {
        "BundleId": BUNDLE,
        "DirectoryId": "<SiteRegistration.DirectoryId>",
        "RootVolumeEncryptionEnabled": True,
        "UserName": user,
        "UserVolumeEncryptionEnabled": True,
        "VolumeEncryptionKey": "<Own.Arn>",
    }


def test_standbys_follow_the_workspaces_of_their_users_in_their_regions(made: Built) -> None:
    scene = made["Local"]
    for user, region, replication in (
        ("ana", "us-east-1", "PRIMARY_AS_SOURCE"),
        ("ben", "eu-central-1", "NO_REPLICATION"),
    ):
        assert scene.resource(scene.site.desktops[user])["Type"] == "Custom::StandbyWorkspace"
        assert scene.asked(f"Desktop-{user}") == {
            "DataReplication": replication,
            "DirectoryId": "<SiteRegistration.DirectoryId>",
            "Fqdn": "desktop.example.com",
            "PrimaryRegion": region,
            "UserName": user,
            "VolumeEncryptionKey": "<SiteKey.Arn>",
        }


def test_desktops_are_known_by_their_users(made: Built) -> None:
    assert list(made["Full"].site.desktops) == ["ana", "b.en", "chloe", "dan"]
    assert set(made["Local"].site.desktops) == {"ana", "ben", "chloe"}
    assert made["Plain"].site.desktops == {}


def test_there_is_no_function_for_standbys_that_nobody_has(made: Built) -> None:
    assert made["Full"].site.node.try_find_child("StandbyProvider") is None
    assert made["Full"].all("Custom::StandbyWorkspace") == []
