"""A connection alias alone: its association, and what others may refer to."""

from __future__ import annotations

import pytest

from cdk_refarch import ConnectionAlias
from tests.unit.workspaces_failover.built import DIRECTORY, FQDN, Built, Scene, built


@pytest.fixture(scope="module")
def alone() -> Scene:
    """An alias without a site."""
    made: Built = built()
    return made["Alone"]


def test_the_alias_is_of_the_name_and_associated_with_the_directory(alone: Scene) -> None:
    assert alone.of("Alias") == {"ConnectionString": FQDN}
    assert alone.asked("Association") == {"AliasId": "<Alias.AliasId>", "DirectoryId": DIRECTORY, "Fqdn": FQDN}
    assert alone.resource("Association")["Type"] == "Custom::ConnectionAliasAssociation"


def test_the_alias_is_taken_off_before_it_is_deleted(alone: Scene) -> None:
    assert alone.id("Alias") in alone.waits_for("Association")
    for one in ("Alias", "Association"):
        assert alone.resource(one).get("DeletionPolicy", "Delete") == "Delete"


def test_the_alias_tells_what_others_need(alone: Scene) -> None:
    alias = alone.made
    assert isinstance(alias, ConnectionAlias)
    assert (alias.fqdn, alias.directory_id) == (FQDN, DIRECTORY)
    assert alone.shown(alias.alias_id) == "<Alias.AliasId>"
    # The only attribute that the function answers with.
    assert alone.shown(alias.connection_identifier) == "<AliasAssociation.ConnectionIdentifier>"


def test_the_log_is_encrypted_with_a_key_that_is_kept(alone: Scene) -> None:
    (group,) = alone.all("AWS::Logs::LogGroup")
    assert group["Properties"]["KmsKeyId"] == alone.template.resolve(alone.named("Key").key_arn)
    assert [one["DeletionPolicy"] for one in (group, alone.resource("Key"))] == ["Retain", "Retain"]
    assert "logs of Alone/Alias" in alone.of("Key")["Description"]
    assert alone.of("Key")["EnableKeyRotation"] is True
