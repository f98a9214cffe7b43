"""A directory's registration with WorkSpaces and how its WorkSpaces are made and reached.

A directory that is registered already is adopted: its settings are made, and it stays registered when the resource is
deleted. What the resource has registered itself carries its mark.
"""

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import (
    BUSY,
    MARK,
    NOT_YET,
    REQUEST,
    NotReadyError,
    ProviderError,
    RefusedError,
    asked,
    client,
    code,
    mark,
    may_ask,
    may_end,
    patiently,
    seen,
    serve,
    tags_for,
)

ROLE_MISSING = "WorkspacesDefaultRoleNotFoundException"

PASSING = NOT_YET | {"InvalidResourceStateException", ROLE_MISSING}
"""What passes: a directory becomes active, and a role is known everywhere after minutes."""

LEAVING = BUSY | {"InvalidResourceStateException", "ResourceNotFoundException"}
"""What passes while it is deregistered; what is not found any more is looked for again."""

FLAGS = frozenset({"EnableInternetAccess", "EnableMaintenanceMode", "UserEnabledAsLocalAdministrator"})

NAMED_AT_MOST = 5

workspaces = client("workspaces")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _register(event: dict[str, Any], context: Any) -> tuple[str, dict[str, str]]:
    """Register a directory, unless it is, and make its settings."""
    try:
        found = patiently(context, _ensure, PASSING, event=event)
    except ClientError as error:
        if code(error) != ROLE_MISSING:
            raise
        raise ProviderError(
            "WorkSpaces must have the role workspaces_DefaultRole with its two managed policies in this account, and "
            "has found none that it can use; leave default_role on, or create it by hand"
        ) from error
    before, directory_id = event.get("OldResourceProperties", {}), found["DirectoryId"]
    if before.get("DirectoryId") not in (None, directory_id, event.get("PhysicalResourceId")):
        # An update to this directory has failed, and CloudFormation does not know of it.
        patiently(context, _removed, LEAVING, event=event, properties=before)
    return directory_id, {
        "DirectoryId": directory_id,
        "RegistrationCode": found.get("RegistrationCode", ""),
        "SecurityGroupId": found.get("WorkspaceSecurityGroupId", ""),
    }


def _ensure(event: dict[str, Any]) -> dict[str, Any]:
    """Return the registration with its settings made; register the directory first if it is not."""
    wanted, before = event["ResourceProperties"], event.get("OldResourceProperties", {})
    found = _registered(event)
    there = set(found.get("SubnetIds", []))
    if "SubnetIds" in wanted and there and set(wanted["SubnetIds"]) != there:
        # What a create has registered itself has them.
        raise RefusedError(
            f"subnets of {found['DirectoryId']} must be {', '.join(sorted(there))}, with which it is registered, got "
            f"{', '.join(wanted['SubnetIds'])}; they can only change when it is deregistered in between"
        )
    directory_id, groups = found["DirectoryId"], set(found.get("ipGroupIds", []))
    # A directory without groups is open to all addresses, so that they come first and go last.
    if missing := [group for group in wanted["IpGroupIds"] if group not in groups]:
        workspaces.associate_ip_groups(DirectoryId=directory_id, GroupIds=missing)
    for name, modify in (
        ("SelfservicePermissions", workspaces.modify_selfservice_permissions),
        ("WorkspaceAccessProperties", workspaces.modify_workspace_access_properties),
        ("WorkspaceCreationProperties", workspaces.modify_workspace_creation_properties),
    ):
        if given := wanted.get(name.removeprefix("Workspace")):
            # CloudFormation makes text of truth values.
            values = {key: value == "true" if key in FLAGS else value for key, value in given.items()}
            modify(**{"ResourceId": directory_id, name: values})
    if dropped := sorted(groups & set(before.get("IpGroupIds", [])) - set(wanted["IpGroupIds"])):
        workspaces.disassociate_ip_groups(DirectoryId=directory_id, GroupIds=dropped)
    return found


def _registered(event: dict[str, Any]) -> dict[str, Any]:
    """Return the registration of the directory, which is waited for, and asked for if there is none."""
    wanted = event["ResourceProperties"]
    directory_id = wanted["DirectoryId"]
    found = _found(directory_id)
    if found is None:
        may_ask(event, f"the registration of directory {directory_id}")
        _ask(event, wanted)
        raise NotReadyError(f"directory {directory_id} is being registered")
    if found["State"] in ("REGISTERED", "REGISTERING"):
        seen(event)
    if found["State"] == "REGISTERED":
        return found
    if found["State"] == "ERROR":
        tags = _tags(directory_id)
        # Only a create may start again: what an update finds was in use.
        ours = event["RequestType"] == "Create" and tags.get(MARK) == mark(event)
        if not ours or tags.get(REQUEST) == event["RequestId"]:
            reason = found.get("ErrorMessage", "it does not say why")
            refusal = ProviderError if ours else RefusedError
            raise refusal(f"WorkSpaces could not register directory {directory_id}: {reason}")
        _deregister(directory_id)
        # It is not what this request has asked for, even if it was seen.
        event.pop("Asked", None)
        event.pop("Seen", None)
    raise NotReadyError(f"directory {directory_id} is not registered yet, but {found['State']}")


def _ask(event: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Ask WorkSpaces to register the directory."""
    given = {"SubnetIds": wanted["SubnetIds"]} if "SubnetIds" in wanted else {}
    try:
        workspaces.register_workspace_directory(
            DirectoryId=wanted["DirectoryId"],
            EnableSelfService=False,
            Tags=[{"Key": key, "Value": value} for key, value in tags_for(event).items()],
            **given,
        )
        asked(event)
    except ClientError as error:
        # It was, and is not seen yet.
        if code(error) != "ResourceAlreadyExistsException":
            raise


def _found(directory_id: str) -> dict[str, Any] | None:
    """Return what WorkSpaces knows of a directory; None if it is not registered."""
    for found in workspaces.describe_workspace_directories(DirectoryIds=[directory_id]).get("Directories", []):
        # That it was is said only for a while.
        if found["State"] != "DEREGISTERED":
            directory: dict[str, Any] = found
            return directory
    return None


def _tags(directory_id: str) -> dict[str, str]:
    """Return the tags of a registered directory."""
    return {tag["Key"]: tag.get("Value", "") for tag in workspaces.describe_tags(ResourceId=directory_id)["TagList"]}


def _delete(event: dict[str, Any], context: Any) -> None:
    """Deregister the directory if the resource has registered it; else only take our groups from it."""
    patiently(context, _ended, LEAVING, event=event)


def _ended(event: dict[str, Any]) -> None:
    """Make sure that the registration, which may not be shown yet, is not there."""
    _removed(event, event["ResourceProperties"])
    may_end(event, event["PhysicalResourceId"] == event["ResourceProperties"]["DirectoryId"])


def _removed(event: dict[str, Any], properties: dict[str, Any]) -> None:
    """Make sure that the directory is not registered, or was by others and has none of our groups."""
    directory_id = properties["DirectoryId"]
    found = _found(directory_id)
    if found is None:
        return
    if found["State"] == "DEREGISTERING":
        raise NotReadyError(f"directory {directory_id} is being deregistered")
    if _tags(directory_id).get(MARK) != mark(event):
        if ours := sorted(set(found.get("ipGroupIds", [])) & set(properties["IpGroupIds"])):
            workspaces.disassociate_ip_groups(DirectoryId=directory_id, GroupIds=ours)
        return
    if event["RequestType"] == "Delete":
        seen(event)
    if found["State"] == "REGISTERING":
        raise NotReadyError(f"directory {directory_id} is still being registered")
    # Its groups stay until it is gone: should it have to stay, it is not open to all addresses.
    _deregister(directory_id)
    raise NotReadyError(f"directory {directory_id} is being deregistered")


def _deregister(directory_id: str) -> None:
    """Ask WorkSpaces to deregister a directory; it refuses while there are WorkSpaces."""
    try:
        workspaces.deregister_workspace_directory(DirectoryId=directory_id)
    except ClientError as error:
        if code(error) != "OperationNotSupportedException":
            raise
        left = list(islice(_workspaces_in(directory_id), NAMED_AT_MOST + 1))
        if not left:
            # The last are on their way.
            raise NotReadyError(str(error)) from error
        more = ", ..." if len(left) > NAMED_AT_MOST else ""
        raise ProviderError(
            f"directory {directory_id} must have no WorkSpaces when it is deregistered, got "
            f"{', '.join(left[:NAMED_AT_MOST])}{more}; terminate them, or keep the registration with removal_policy "
            "RETAIN"
        ) from error


def _workspaces_in(directory_id: str) -> Iterator[str]:
    """Yield the ids of WorkSpaces in a directory, of all pages, which are not about to go."""
    for page in workspaces.get_paginator("describe_workspaces").paginate(DirectoryId=directory_id):
        for found in page["Workspaces"]:
            if found["State"] not in ("TERMINATED", "TERMINATING"):
                yield found["WorkspaceId"]


KINDS: dict[str, Callable[[dict[str, Any], Any], tuple[str, dict[str, str]]]] = {
    "Custom::WorkspacesRegistration": _register,
}
