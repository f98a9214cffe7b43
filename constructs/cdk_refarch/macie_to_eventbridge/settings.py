"""Settings of the account that belong to a session of Macie."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from .values import MacieSession

SETTING_ACTIONS = {
    "AutomatedDiscovery": [
        "macie2:GetAutomatedDiscoveryConfiguration",
        "macie2:UpdateAutomatedDiscoveryConfiguration",
    ],
    "ExcludedBuckets": [
        "macie2:GetClassificationScope",
        "macie2:ListClassificationScopes",
        "macie2:UpdateClassificationScope",
    ],
    "Inspection": [
        "macie2:GetSensitivityInspectionTemplate",
        "macie2:ListSensitivityInspectionTemplates",
        "macie2:UpdateSensitivityInspectionTemplate",
    ],
    "PublishClassificationFindings": [
        "macie2:GetFindingsPublicationConfiguration",
        "macie2:PutFindingsPublicationConfiguration",
    ],
    "AutoEnableMembers": ["macie2:UpdateOrganizationConfiguration"],
}
"""Property of the settings to what setting it takes."""


def setting_actions(wanted: Mapping[str, Any]) -> list[str]:
    """Return the actions that the custom resource needs, to set what is wanted and to take back what is not any more.

    Args:
        wanted: The properties of the custom resource.
    """
    # The update that drops the last excluded bucket, or identifier, has to take it from Macie's lists.
    names = {*wanted, "ExcludedBuckets", "Inspection"}
    return sorted(action for name in names for action in SETTING_ACTIONS.get(name, []))


def settings(
    session: MacieSession, custom_data_identifiers: Sequence[str], allow_lists: Sequence[str]
) -> dict[str, Any]:
    """Return the properties of the custom resource for what belongs to a session; empty for nothing to set.

    Args:
        session: What is asked for; checked before.
        custom_data_identifiers: The ids of the created identifiers, for automated discovery.
        allow_lists: The ids of the created allow lists, for automated discovery.
    """
    inspection = {"CustomDataIdentifierIds": list(custom_data_identifiers), "AllowListIds": list(allow_lists)}
    inspection = {name: ids for name, ids in inspection.items() if ids}
    members = session.organization
    wanted = {
        "AutomatedDiscovery": switch(session.automated_discovery, "ENABLED", "DISABLED"),
        "DiscoveryMembers": None if members is None else members.discovery_members,
        "ExcludedBuckets": list(session.excluded_buckets) or None,
        "Inspection": inspection if session.automated_discovery and inspection else None,
        "PublishClassificationFindings": switch(session.security_hub, "true", "false"),
        "AutoEnableMembers": None if members is None else switch(members.auto_enable_members, "true", "false"),
    }
    return {name: value for name, value in wanted.items() if value is not None}


def switch(given: bool | None, on: str, off: str) -> str | None:
    """Return one of two texts, or None for None.

    Args:
        given: Which.
        on: The text for True.
        off: The text for False.
    """
    if given is None:
        return None
    return on if given else off
