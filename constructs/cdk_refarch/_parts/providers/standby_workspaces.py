"""Standby WorkSpaces: a user's WorkSpace in another Region that follows the one in the primary Region.

A user has at most one WorkSpace in a directory, by which it is found; the one that the resource has made carries its
mark.
"""

import hashlib
import json
from collections.abc import Callable, Iterator
from typing import Any

from cloudformation import (
    BUSY,
    MARK,
    NOT_YET,
    NotReadyError,
    ProviderError,
    RefusedError,
    asked,
    client,
    mark,
    may_ask,
    may_end,
    patiently,
    seen,
    serve,
    tags_for,
    was_there,
)

PASSING = NOT_YET | {"InvalidResourceStateException", "OperationInProgressException"}
"""What passes: a WorkSpace is not ready."""

LEAVING = BUSY | {"InvalidResourceStateException", "ResourceNotFoundException"}
"""What passes while it is terminated; what is not found any more is looked for again."""

MADE_OF = "cdk-refarch:made-of"
"""The tag with a digest of what of a standby can never change."""

READY = ("AVAILABLE", "STOPPED")

workspaces = client("workspaces")


def handler(event: dict[str, Any], context: Any) -> None:
    """Do what CloudFormation asks for, and answer in any case.

    Args:
        event: The request of a custom resource.
        context: Lambda's context.
    """
    serve(event, context, KINDS, _delete)


def _ensure(event: dict[str, Any], context: Any) -> tuple[str, dict[str, str]]:
    """Make a standby unless there is one, also in place of one of another user or directory."""
    made = patiently(context, _standby, PASSING, event=event)
    if "OldResourceProperties" in event:
        # What an update that has failed has made, and CloudFormation does not know of.
        kept = (made, event["PhysicalResourceId"])
        before = event["OldResourceProperties"]
        patiently(context, _terminated, LEAVING, event=event, properties=before, ends=lambda one: one not in kept)
    return made, {"WorkspaceId": made}


def _standby(event: dict[str, Any]) -> str:
    """Return the id of the standby, which is waited for, and asked for if there is none."""
    wanted = event["ResourceProperties"]
    found = _found(workspaces, wanted["DirectoryId"], wanted["UserName"])
    if found is None:
        may_ask(event, f"a standby WorkSpace of {wanted['UserName']}")
        _ask(event, wanted)
        raise NotReadyError(f"a standby WorkSpace of {wanted['UserName']} is being created")
    workspace_id: str = found["WorkspaceId"]
    state = found["State"]
    if state != "TERMINATING":
        seen(event)
    if state in ("PENDING", "TERMINATING"):
        raise NotReadyError(f"WorkSpace {workspace_id} of {wanted['UserName']} is {state}")
    _check(event, found)
    changes = _changes(event, found)
    if state not in READY and (changes or event.get("PhysicalResourceId") != workspace_id):
        raise NotReadyError(f"WorkSpace {workspace_id} of {wanted['UserName']} is {state}")
    if changes:
        workspaces.modify_workspace_properties(WorkspaceId=workspace_id, DataReplication=wanted["DataReplication"])
    return workspace_id


def _check(event: dict[str, Any], found: dict[str, Any]) -> None:
    """Refuse a WorkSpace that is in the way, or could not be made."""
    wanted, workspace_id = event["ResourceProperties"], found["WorkspaceId"]
    who = f"WorkSpace {workspace_id} of {wanted['UserName']} in directory {wanted['DirectoryId']}"
    tags = _tags(workspace_id)
    if tags.get(MARK) != mark(event):
        raise RefusedError(
            f"{who} must not be there, for a user can have only one in a directory; terminate it, or leave "
            f"{wanted['UserName']} out"
        )
    if was_there(event, tags):
        raise RefusedError(
            f"{who} must not be there, as it was kept when {wanted['UserName']} was left out; terminate {workspace_id} "
            f"by hand first, or leave {wanted['UserName']} out"
        )
    if found["State"] == "ERROR":
        raise ProviderError(f"{who} could not be made: {found.get('ErrorMessage')} ({found.get('ErrorCode')})")
    if tags.get(MADE_OF) != _made_of(wanted):
        raise ProviderError(
            f"{who} must keep its primary Region and key, for there can be no other beside it; leave "
            f"{wanted['UserName']} out in one deployment and put it back in the next"
        )


def _changes(event: dict[str, Any], found: dict[str, Any]) -> bool:
    """Tell whether data of a standby is to be replicated from now on, or is not any more."""
    wanted = event["ResourceProperties"]["DataReplication"]
    if event.get("PhysicalResourceId") != found["WorkspaceId"]:
        # It has been made so.
        return False
    before = event["OldResourceProperties"]["DataReplication"]
    now = found.get("DataReplicationSettings", {}).get("DataReplication", before)
    return wanted not in (before, now)


def _ask(event: dict[str, Any], wanted: dict[str, Any]) -> None:
    """Ask WorkSpaces to create the standby of the user's WorkSpace in the primary Region."""
    user, region = wanted["UserName"], wanted["PrimaryRegion"]
    primary = client("workspaces", region)
    directory_id = _directory(primary, wanted["Fqdn"], region)
    source = _found(primary, directory_id, user)
    if source is None:
        raise ProviderError(
            f"{user} must have a WorkSpace in directory {directory_id} in {region} for a standby; create it first"
        )
    if source["State"] == "PENDING":
        raise NotReadyError(f"WorkSpace {source['WorkspaceId']} of {user} in {region} is PENDING")
    tags = {**tags_for(event), MADE_OF: _made_of(wanted)}
    standby: dict[str, Any] = {
        name: wanted[name] for name in ("DirectoryId", "DataReplication", "VolumeEncryptionKey") if name in wanted
    }
    standby["PrimaryWorkspaceId"] = source["WorkspaceId"]
    standby["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
    answer = workspaces.create_standby_workspaces(PrimaryRegion=region, StandbyWorkspaces=[standby])
    for failed in answer.get("FailedStandbyRequests", []):
        text = f"{failed.get('ErrorMessage')} ({failed.get('ErrorCode')})"
        if failed.get("ErrorCode", "").startswith("ResourceExists"):
            # It was asked for, and is not seen yet.
            raise NotReadyError(f"WorkSpace of {user} is there, but not seen: {text}")
        raise ProviderError(f"WorkSpaces could not create a standby of {source['WorkspaceId']} of {user}: {text}")
    asked(event)


def _directory(primary: Any, fqdn: str, region: str) -> str:
    """Return the directory that has the alias of a domain name."""
    for alias in _aliases(primary):
        if alias["ConnectionString"].lower() != fqdn.lower():
            continue
        for association in alias.get("Associations", []):
            if association["AssociationStatus"] == "ASSOCIATED_WITH_OWNER_ACCOUNT":
                directory_id: str = association["ResourceId"]
                return directory_id
            if association["AssociationStatus"] == "PENDING_ASSOCIATION":
                raise NotReadyError(f"connection alias {fqdn} is being associated in {region}")
    raise ProviderError(
        f"connection alias {fqdn} must be associated with a directory in {region}, the primary Region; deploy the "
        "site there first"
    )


def _aliases(primary: Any) -> Iterator[dict[str, Any]]:
    """Yield connection aliases, of all pages."""
    given: dict[str, str] = {}
    while True:
        page = primary.describe_connection_aliases(**given)
        yield from page.get("ConnectionAliases", [])
        if not page.get("NextToken"):
            return
        given = {"NextToken": page["NextToken"]}


def _made_of(properties: dict[str, Any]) -> str:
    """Return a digest of what can never change."""
    fixed = [properties["PrimaryRegion"], properties.get("VolumeEncryptionKey")]
    return hashlib.sha256(json.dumps(fixed).encode()).hexdigest()


def _found(regional: Any, directory_id: str, user: str) -> dict[str, Any] | None:
    """Return the WorkSpace of a user in a directory; None if there is none."""
    for found in regional.describe_workspaces(DirectoryId=directory_id, UserName=user).get("Workspaces", []):
        # That it was is said only for a while.
        if found["State"] != "TERMINATED":
            workspace: dict[str, Any] = found
            return workspace
    return None


def _tags(workspace_id: str) -> dict[str, str]:
    """Return the tags of a WorkSpace."""
    return {tag["Key"]: tag.get("Value", "") for tag in workspaces.describe_tags(ResourceId=workspace_id)["TagList"]}


def _delete(event: dict[str, Any], context: Any) -> None:
    """Terminate the standby; by its user if its id was never known."""
    patiently(context, _ended, LEAVING, event=event)


def _ended(event: dict[str, Any]) -> None:
    """Make sure that the standby is not there, which may not be shown yet."""
    known: str = event["PhysicalResourceId"]
    is_known = known.startswith("ws-")
    _terminated(event, event["ResourceProperties"], lambda one: not is_known or one == known)
    may_end(event, is_known)


def _terminated(event: dict[str, Any], properties: dict[str, Any], ends: Callable[[str], bool]) -> None:
    """Make sure that there is no WorkSpace of the user that the resource has made and that is to end."""
    found = _found(workspaces, properties["DirectoryId"], properties["UserName"])
    if found is None or not ends(found["WorkspaceId"]):
        return
    workspace_id = found["WorkspaceId"]
    if found["State"] != "TERMINATING":
        if _tags(workspace_id).get(MARK) != mark(event):
            return
        answer = workspaces.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": workspace_id}])
        for failed in answer.get("FailedRequests", []):
            text = f"{failed.get('ErrorMessage')} ({failed.get('ErrorCode')})"
            raise ProviderError(f"WorkSpaces could not terminate {workspace_id} of {properties['UserName']}: {text}")
    raise NotReadyError(f"WorkSpace {workspace_id} of {properties['UserName']} is being terminated")


KINDS: dict[str, Callable[[dict[str, Any], Any], tuple[str, dict[str, str]]]] = {
    "Custom::StandbyWorkspace": _ensure,
}
