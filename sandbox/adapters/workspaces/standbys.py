"""WorkSpaces: standby WorkSpaces of Multi-Region Resilience, made from those of another region.

AWS asks for cross-Region redirection first: here the directories must be associated with aliases of the same string.
"""

from __future__ import annotations

from ministack.core.responses import get_region

from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import aliases, desktops
from .desktops import RefusedError
from .state import Desktop, home, living

_ASSOCIATED = "ASSOCIATED_WITH_OWNER_ACCOUNT"
_KEPT = ("UserVolumeEncryptionEnabled", "RootVolumeEncryptionEnabled")


def _create(request: Record) -> Record:
    region = request["PrimaryRegion"]
    if region == get_region():
        raise Fault("InvalidParameterValuesException", "PrimaryRegion must be another Region than this one.")
    failed, pending = [], []
    for one in request["StandbyWorkspaces"]:
        try:
            made = _make(region, one)
        except RefusedError as error:
            about = {"ErrorCode": error.code, "ErrorMessage": str(error)}
            failed.append({"StandbyWorkspaceRequest": one, **about})
        else:
            names = ("UserName", "DirectoryId", "WorkspaceId")
            pending.append({name: made.record[name] for name in names} | {"State": "PENDING"})
    return {"FailedStandbyRequests": failed, "PendingStandbyRequests": pending}


def _make(region: str, request: Record) -> Desktop:
    id, directory = request["PrimaryWorkspaceId"], request["DirectoryId"]
    primary = next((one for one in living(home(region).desktops) if one.record["WorkspaceId"] == id), None)
    if primary is None:
        raise RefusedError("ResourceNotFound.WorkSpace", f"The primary WorkSpace {id} could not be found in {region}.")
    if primary.course.state not in ("AVAILABLE", "STOPPED"):
        text = f"The primary WorkSpace is in the state {primary.course.state}."
        raise RefusedError("InvalidResourceState", text)
    if primary.primary or any(other in home(place).desktops for place, other in primary.standbys):
        raise RefusedError("ResourceExists.StandbyWorkSpace", "The WorkSpace is or has a standby WorkSpace.")
    desktops.refuse_user(directory, primary.record["UserName"])
    _refuse_without_redirection(region, primary.record["DirectoryId"], directory)
    desktops.refuse_key(request.get("VolumeEncryptionKey"))
    own: Record = {name: request[name] for name in ("DirectoryId", "VolumeEncryptionKey", "Tags") if name in request}
    own |= {name: primary.record[name] for name in ("UserName", "BundleId", *_KEPT) if name in primary.record}
    made = desktops.make("CreateStandbyWorkspaces", own, primary.record["WorkspaceProperties"])
    made.primary = (region, id)
    replication = request.get("DataReplication", "NO_REPLICATION")
    made.record["DataReplicationSettings"] = {"DataReplication": replication}
    primary.standbys = [(get_region(), made.record["WorkspaceId"])]
    return made


def _refuse_without_redirection(region: str, primary: str, standby: str) -> None:
    ours, theirs = aliases.of_directory(standby), aliases.of_directory(primary, region)
    associated = [one for one in (ours, theirs) if one and one.association.state == _ASSOCIATED]
    if len(associated) != 2 or len({one.text.lower() for one in associated}) != 1:
        text = "Cross-Region redirection must be set up for the directories of both WorkSpaces."
        raise RefusedError("OperationNotSupported", text)


OPERATIONS: dict[str, Operation] = {"CreateStandbyWorkspaces": _create}
