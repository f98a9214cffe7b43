"""WorkSpaces that are there before their users need them."""

from __future__ import annotations

from collections.abc import Sequence

import aws_cdk as cdk
from aws_cdk import aws_workspaces as workspaces
from constructs import Construct, IDependable

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider

from .removal import kept
from .site_values import Desktop, StandbyDesktop
from .statements import ANY_WORKSPACES, MARK, encrypt_volumes, of_this_stack, tag, workspaces_arn

LASTS = cdk.Duration.minutes(50)
"""A WorkSpace with an encrypted root volume may take an hour."""


def desktop(scope: Construct, given: Desktop, directory_id: str, operation: Operation) -> workspaces.CfnWorkspace:
    """Create the WorkSpace of a user, with encrypted volumes.

    Args:
        scope: The site.
        given: What the user gets.
        directory_id: The directory, which is registered.
        operation: What the parts of the site share.
    """
    l1 = workspaces.CfnWorkspace
    made = l1(
        scope,
        f"Desktop-{given.user_name}",
        bundle_id=given.bundle_id,
        directory_id=directory_id,
        user_name=given.user_name,
        root_volume_encryption_enabled=True,
        user_volume_encryption_enabled=True,
        volume_encryption_key=operation.encryption_key.key_arn,
        tags=[cdk.CfnTag(key=key, value=value) for key, value in given.tags.items()] or None,
        workspace_properties=l1.WorkspacePropertiesProperty(
            compute_type_name=given.compute_type,
            root_volume_size_gib=given.root_volume_gib,
            user_volume_size_gib=given.user_volume_gib,
            running_mode=given.running_mode,
            running_mode_auto_stop_timeout_in_minutes=_auto_stop(given),
        ),
    )
    kept(made, operation.removal_policy)
    return made


def _auto_stop(given: Desktop) -> float | None:
    if given.running_mode != "AUTO_STOP":
        return None
    return 60 if given.auto_stop_after is None else given.auto_stop_after.to_minutes()


def standbys(
    scope: Construct,
    given: Sequence[StandbyDesktop],
    *,
    fqdn: str,
    directory_id: str,
    after: IDependable,
    operation: Operation,
) -> dict[str, cdk.CustomResource]:
    """Create standbys of WorkSpaces in the primary region.

    Args:
        scope: The site.
        given: Whose.
        fqdn: The name by which the primary directory is found.
        directory_id: The directory here, which is registered.
        after: What must be there first: AWS makes standbys for directories that redirect.
        operation: What the parts of the site share.

    Returns:
        The standbys by the names of their users.
    """
    if not given:
        return {}
    primaries = sorted({one.primary_region for one in given})
    there = [workspaces_arn(scope, "workspace", "*", region=region) for region in primaries]
    here = workspaces_arn(scope, "workspace", "*")
    provider = Provider(
        scope,
        "StandbyProvider",
        module="standby_workspaces",
        description=f"Creates standby WorkSpaces of {scope.node.path}",
        statements=[
            statement(
                ["workspaces:DescribeConnectionAliases", "workspaces:DescribeTags", "workspaces:DescribeWorkspaces"],
                "*",
            ),
            statement(
                ["workspaces:CreateStandbyWorkspaces"], workspaces_arn(scope, "directory", directory_id), here, *there
            ),
            tag(MARK, "cdk-refarch:request", "cdk-refarch:made-of"),
            of_this_stack(scope, ["workspaces:ModifyWorkspaceProperties", "workspaces:TerminateWorkspaces"], here),
            *encrypt_volumes(scope, operation.encryption_key),
        ],
        operation=operation,
        any_resource=ANY_WORKSPACES,
        lasts=LASTS,
    )
    for arn in (here, *there):
        acknowledge_wildcard(
            provider.role,
            arn,
            "WorkSpaces get their ids when they are created. Only those with the mark of the stack are ended.",
        )
    made = {}
    for one in given:
        asked = {
            "Fqdn": fqdn,
            "PrimaryRegion": one.primary_region,
            "UserName": one.user_name,
            "DirectoryId": directory_id,
            "DataReplication": "PRIMARY_AS_SOURCE" if one.replicate_data else "NO_REPLICATION",
            "VolumeEncryptionKey": operation.encryption_key.key_arn,
        }
        standby = provider.resource(scope, f"Desktop-{one.user_name}", "StandbyWorkspace", asked)
        standby.node.add_dependency(after)
        kept(standby, operation.removal_policy)
        made[one.user_name] = standby
    return made
