"""WorkSpaces: those of users, which nothing runs in. Whether a user is in the directory is not looked at."""

from __future__ import annotations

from collections.abc import Iterator

from ministack.core.responses import get_region, request_scope
from ministack.services import kms

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import network, service
from .state import GONE, Course, Desktop, as_map, find, fresh, home, living, page

_READY = ("AVAILABLE", "STOPPED")
_NO_KEY = "The specified key is not available. Please provide a valid key for encryption."
_DEFAULTS = {
    "RunningMode": "ALWAYS_ON",
    "RootVolumeSizeGib": 80,
    "UserVolumeSizeGib": 50,
    "ComputeTypeName": "STANDARD",
    "Protocols": ["WSP"],
    "OperatingSystemName": "WINDOWS_SERVER_2022",
}


class RefusedError(Exception):
    """One of several requests fails.

    Args:
        code: The code of its error.
        message: What the service says.
    """

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code = code


def _create(request: Record) -> Record:
    failed, pending = [], []
    for one in request["Workspaces"]:
        try:
            refuse_user(one["DirectoryId"], one["UserName"])
            _refuse_mode(one.get("WorkspaceProperties") or {})
            refuse_key(one.get("VolumeEncryptionKey"))
        except RefusedError as error:
            failed.append({"WorkspaceRequest": one, "ErrorCode": error.code, "ErrorMessage": str(error)})
        else:
            pending.append(described(make("CreateWorkspaces", one, one.get("WorkspaceProperties") or {})))
    return {"FailedRequests": failed, "PendingRequests": [{**one, "State": "PENDING"} for one in pending]}


def refuse_user(directory: str, user: str) -> None:
    """Refuse another WorkSpace of a user, and one in a directory that is not registered.

    Args:
        directory: The directory.
        user: The user.

    Raises:
        RefusedError: If it cannot be made.
    """
    registration = home().registrations.get(directory)
    if registration is None or registration.course.state != "REGISTERED":
        text = "The specified directory could not be found in the specified region."
        raise RefusedError("ResourceNotFound.Directory", text)
    if next(of_user(directory, user), None):
        raise RefusedError("ResourceExists.WorkSpace", f"The user {user} already has a WorkSpace in {directory}.")


def of_user(directory: str, user: str) -> Iterator[Desktop]:
    """The WorkSpace that a user has in a directory.

    Args:
        directory: The directory.
        user: The user, in any case.
    """
    for one in living(home().desktops):
        if (one.record["DirectoryId"], one.record["UserName"].lower()) == (directory, user.lower()):
            yield one


def _refuse_mode(properties: Record) -> None:
    mode, timeout = properties.get("RunningMode", "ALWAYS_ON"), properties.get("RunningModeAutoStopTimeoutInMinutes")
    if timeout is None:
        return
    if mode == "ALWAYS_ON":
        text = "RunningModeAutoStopTimeoutInMinutes is not applicable for WorkSpace with running mode set to ALWAYS_ON."
        raise RefusedError("AutoStopTimeoutIsNotApplicableForAnAlwaysOnWorkspace", text)
    if mode == "MANUAL":
        text = "RunningModeAutoStopTimeoutInMinutes is not applicable for WorkSpace with running mode set to MANUAL."
        raise RefusedError("AutoStopTimeoutIsNotDefaultForManualWorkspace", text)
    if timeout % 60:
        text = "RunningModeAutoStopTimeoutInMinutes must be in 60-minute intervals."
        raise RefusedError("InvalidParameterValue.RunningModeAutoStopTimeoutInMinutes", text)


def refuse_key(key: str | None) -> None:
    """Refuse a key for volumes that cannot be used; None for AWS's own.

    Args:
        key: The key's ARN.

    Raises:
        RefusedError: If it is of another region, not there or not enabled.
    """
    if not key or key.endswith("alias/aws/workspaces"):
        return
    parts = key.split(":")
    if len(parts) < 6 or parts[3] != get_region():
        raise RefusedError("InvalidParameterValue.VolumeEncryptionKey", _NO_KEY)
    with request_scope(parts[4], parts[3]):
        name = parts[5].partition("/")[2] if parts[5].startswith("alias/") else ""
        target = str(kms._aliases.get(f"alias/{name}", key)) if name else key
        try:
            access.refuse_disabled_key(target)
        except access.Refused as error:
            raise RefusedError("InvalidParameterValue.VolumeEncryptionKey", _NO_KEY) from error


def make(operation: str, request: Record, properties: Record) -> Desktop:
    """Make a WorkSpace.

    Args:
        operation: The operation that makes it.
        request: Its directory, user, bundle, encryption and tags.
        properties: Its properties.
    """
    here = home()
    id, subnet = fresh("ws-"), here.registrations[request["DirectoryId"]].record["SubnetIds"][0]
    names = ("VolumeEncryptionKey", "UserVolumeEncryptionEnabled", "RootVolumeEncryptionEnabled", "WorkspaceName")
    record = {
        "WorkspaceId": id,
        **{name: request[name] for name in ("DirectoryId", "UserName", "BundleId")},
        **{name: request[name] for name in names if name in request},
        "SubnetId": subnet,
        "IpAddress": network.address_in(subnet),
        "ComputerName": f"WSAMZN-{id[3:].upper()}",
        "WorkspaceProperties": {**_DEFAULTS, **properties},
    }
    if record["WorkspaceProperties"]["RunningMode"] == "AUTO_STOP":
        record["WorkspaceProperties"].setdefault("RunningModeAutoStopTimeoutInMinutes", 60)
    failure = service.spoilt(operation)
    made = Desktop(record, Course("", "PENDING", "AVAILABLE" if failure is None else "ERROR"), failure or "")
    here.desktops[id] = made
    here.tags[id] = as_map(request.get("Tags"))
    return made


def described(desktop: Desktop) -> Record:
    """A WorkSpace as it is described.

    Args:
        desktop: The WorkSpace.
    """
    record: Record = {**desktop.record, "State": desktop.course.state}
    if desktop.course.state == "ERROR":
        record |= {"ErrorCode": "UnexpectedError", "ErrorMessage": desktop.error}
    related = [(*one, "STANDBY") for one in desktop.standbys]
    related += [(*desktop.primary, "PRIMARY")] if desktop.primary else []
    there = [(region, id, kind) for region, id, kind in related if id in home(region).desktops]
    if there:
        record["RelatedWorkspaces"] = [
            {"WorkspaceId": id, "Region": region, "State": home(region).desktops[id].course.state, "Type": kind}
            for region, id, kind in there
        ]
    return record


def _describe(request: Record) -> Record:
    wanted, user = request.get("WorkspaceIds"), request.get("UserName")
    if user and not request.get("DirectoryId"):
        raise Fault("InvalidParameterValuesException", "UserName can only be given with DirectoryId.")
    if len([name for name in ("WorkspaceIds", "DirectoryId", "BundleId", "WorkspaceName") if request.get(name)]) > 1:
        raise Fault("InvalidParameterValuesException", "These parameters cannot be given together.")
    found = [
        one
        for one in living(home().desktops)
        if one.course.state
        and (not wanted or one.record["WorkspaceId"] in wanted)
        and (not user or one.record["UserName"].lower() == user.lower())
        and all(one.record.get(name) == request.get(name, one.record.get(name)) for name in ("DirectoryId", "BundleId"))
    ]
    some, more = page(found, request, "InvalidParameterValuesException")
    return {"Workspaces": [described(one) for one in some], **more}


def _terminate(request: Record) -> Record:
    failed = []
    for one in request["TerminateWorkspaceRequests"]:
        desktop = home().desktops.get(one["WorkspaceId"])
        if desktop is None or desktop.course.state == GONE:
            text = f"The WorkSpace {one['WorkspaceId']} could not be found."
            failed.append({**one, "ErrorCode": "ResourceNotFound.WorkSpace", "ErrorMessage": text})
        elif desktop.course.state != "TERMINATING":
            desktop.course = Course("TERMINATING", GONE)
    return {"FailedRequests": failed}


def _modify(request: Record) -> Record:
    desktop = find(home().desktops, request["WorkspaceId"], "WorkSpace")
    if desktop.course.state not in _READY:
        text = f"The WorkSpace is in the state {desktop.course.state}; it must be AVAILABLE or STOPPED."
        raise Fault("InvalidResourceStateException", text)
    if "DataReplication" in request:
        if desktop.primary is None:
            raise Fault("InvalidParameterValuesException", "DataReplication is only applicable to standby WorkSpaces.")
        desktop.record["DataReplicationSettings"] = {"DataReplication": request["DataReplication"]}
    properties = {**desktop.record["WorkspaceProperties"], **(request.get("WorkspaceProperties") or {})}
    if properties["RunningMode"] != "AUTO_STOP":
        properties.pop("RunningModeAutoStopTimeoutInMinutes", None)
    desktop.record["WorkspaceProperties"] = properties
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateWorkspaces": _create,
    "DescribeWorkspaces": _describe,
    "TerminateWorkspaces": _terminate,
    "ModifyWorkspaceProperties": _modify,
}
