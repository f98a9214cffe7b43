"""WorkSpaces: directories that are registered, with their settings and their IP groups.

The service role ``workspaces_DefaultRole`` must be there and trust WorkSpaces; its policies are not looked at. As AWS
does not say in which order, a directory can here only be deregistered when no connection alias is associated with it.
"""

from __future__ import annotations

from collections.abc import Callable

from ministack.core.responses import get_account_id, get_region

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import directories, network, service
from .directories import Directory
from .state import GONE, Course, Registration, as_map, find, fresh, home, living, page

ROLE = "workspaces_DefaultRole"
SERVICE = "workspaces.amazonaws.com"
_CLIENTS = ("Windows", "Osx", "Web", "Ios", "Android", "ChromeOs", "ZeroClient", "Linux", "WorkSpacesThinClient")
_SELF_SERVICE = ("RestartWorkspace", "IncreaseVolumeSize", "ChangeComputeType", "SwitchRunningMode", "RebuildWorkspace")
_MOST_GROUPS = 25


def _register(request: Record) -> Record:
    id = request.get("DirectoryId")
    if not id or any(name in request for name in ("ActiveDirectoryConfig", "IdcInstanceArn", "MicrosoftEntraConfig")):
        raise Fault("ValidationException", "The following arguments are required - DirectoryId")
    if next((one for one in living(home().registrations) if one.record["DirectoryId"] == id), None):
        raise Fault("ResourceAlreadyExistsException", f"The directory {id} is already registered.")
    directory = directories.find(id, "ResourceNotFoundException")
    if directory.region != get_region():
        text = "A replicated Region of an AWS Managed Microsoft AD cannot be registered with WorkSpaces."
        raise Fault("OperationNotSupportedException", text)
    if directory.here.course.state != "Active":
        text = f"The directory {id} is in the state {directory.here.course.state}; it must be Active."
        raise Fault("InvalidResourceStateException", text)
    _refuse_without_role()
    subnets = _subnets(directory, request.get("SubnetIds") or directory.here.subnets)
    failure = service.spoilt("RegisterWorkspaceDirectory")
    made = Registration(
        _record(directory, subnets, request), Course("REGISTERING", "REGISTERED" if failure is None else "ERROR")
    )
    made.error = failure or ""
    home().registrations[id] = made
    home().tags[id] = as_map(request.get("Tags"))
    return {"DirectoryId": id, "State": "REGISTERING"}


def _refuse_without_role() -> None:
    arn = f"arn:aws:iam::{get_account_id()}:role/{ROLE}"
    try:
        access.assume(arn, SERVICE, get_account_id(), get_region(), {"aws:SourceAccount": get_account_id()})
    except access.Refused as error:
        text = f"The workspaces_DefaultRole could not be found or assumed: {error}"
        raise Fault("WorkspacesDefaultRoleNotFoundException", text) from error


def _subnets(directory: Directory, ids: list[str]) -> list[str]:
    found = network.fitting(directory.here.vpc, ids, "InvalidParameterValuesException")
    network.refuse_unsupported(found)
    return ids


def _record(directory: Directory, subnets: list[str], request: Record) -> Record:
    self_service = "ENABLED" if request.get("EnableSelfService") else "DISABLED"
    connector = directory.type == "ADConnector"
    return {
        "DirectoryId": directory.id,
        "Alias": directory.id,
        "DirectoryName": directory.name,
        "RegistrationCode": f"SLiad+{fresh('', 6).upper()}",
        "SubnetIds": subnets,
        "DnsIpAddresses": directory.dns if connector else directory.here.addresses,
        "CustomerUserName": directory.user if connector else "Administrator",
        "IamRoleId": f"arn:aws:iam::{get_account_id()}:role/{ROLE}",
        "DirectoryType": "AD_CONNECTOR" if connector else "SIMPLE_AD",
        "WorkspaceSecurityGroupId": network.open_group(directory.here.vpc, f"{directory.id}_workspacesMembers"),
        "WorkspaceCreationProperties": {
            "EnableInternetAccess": False,
            "UserEnabledAsLocalAdministrator": True,
            "EnableMaintenanceMode": True,
        },
        "WorkspaceAccessProperties": {f"DeviceType{one}": "ALLOW" for one in _CLIENTS},
        "Tenancy": request.get("Tenancy", "SHARED"),
        "SelfservicePermissions": dict.fromkeys(_SELF_SERVICE, self_service) | {"RestartWorkspace": "ENABLED"},
        "UserIdentityType": "AWS_DIRECTORY_SERVICE",
        "WorkspaceType": "PERSONAL",
    }


def end(registration: Registration) -> None:
    """End a registration, as its owner does or AWS after 30 days without WorkSpaces.

    Args:
        registration: The registration.
    """
    registration.course = Course("DEREGISTERING", GONE)
    network.close_group(registration.record["WorkspaceSecurityGroupId"])


def registered(id: str) -> Registration:
    """A registered directory, ready for use.

    Args:
        id: The directory's id.

    Raises:
        Fault: If it is not registered, or not ready.
    """
    found = find(home().registrations, id, "directory")
    if found.course.state != "REGISTERED":
        state = f"The directory {id} is in the state {found.course.state}; it must be REGISTERED."
        raise Fault("InvalidResourceStateException", state)
    return found


def _deregister(request: Record) -> Record:
    id = request["DirectoryId"]
    found = find(home().registrations, id, "directory")
    if found.course.state in ("REGISTERING", "DEREGISTERING"):
        raise Fault("InvalidResourceStateException", f"The directory {id} is in the state {found.course.state}.")
    if any(one.record["DirectoryId"] == id for one in living(home().desktops)):
        text = f"The directory {id} cannot be deregistered because it has WorkSpaces. Remove them and try again."
        raise Fault("OperationNotSupportedException", text)
    for alias in living(home().aliases):
        if alias.directory_id == id and alias.association.state != "NOT_ASSOCIATED":
            text = f"The directory {id} is associated with the connection alias {alias.id}."
            raise Fault("InvalidResourceStateException", text)
    end(found)
    return {}


def _described(one: Registration) -> Record:
    record = {**one.record, "State": one.course.state, "ipGroupIds": list(one.group_ids)}
    return {**record, "ErrorMessage": one.error} if one.course.state == "ERROR" else record


def _describe(request: Record) -> Record:
    wanted = request.get("DirectoryIds")
    found = [one for one in living(home().registrations) if not wanted or one.record["DirectoryId"] in wanted]
    some, more = page(found, request, "InvalidParameterValuesException")
    return {"Directories": [_described(one) for one in some], **more}


def _modify(name: str) -> Callable[[Record], Record]:
    def modify(request: Record) -> Record:
        found = find(home().registrations, request["ResourceId"], "directory")
        if found.course.state != "REGISTERED":
            text = f"The directory is in the state {found.course.state}; it must be REGISTERED."
            raise Fault("OperationNotSupportedException", text)
        if group := request[name].get("CustomSecurityGroupId"):
            network.refuse_group(group, directories.find(request["ResourceId"]).here.vpc)
        found.record[name] = {**found.record[name], **request[name]}
        return {}

    return modify


def _groups(request: Record) -> Registration:
    for id in request["GroupIds"]:
        if id not in home().groups:
            raise Fault("ResourceNotFoundException", f"The specified IP group {id} could not be found in the region.")
    return registered(request["DirectoryId"])


def _associate(request: Record) -> Record:
    found = _groups(request)
    together = list(dict.fromkeys([*found.group_ids, *request["GroupIds"]]))
    if len(together) > _MOST_GROUPS:
        raise Fault("ResourceLimitExceededException", f"A directory can have {_MOST_GROUPS} IP groups.")
    found.group_ids = together
    return {}


def _disassociate(request: Record) -> Record:
    found = _groups(request)
    found.group_ids = [one for one in found.group_ids if one not in request["GroupIds"]]
    return {}


OPERATIONS: dict[str, Operation] = {
    "RegisterWorkspaceDirectory": _register,
    "DeregisterWorkspaceDirectory": _deregister,
    "DescribeWorkspaceDirectories": _describe,
    "ModifyWorkspaceCreationProperties": _modify("WorkspaceCreationProperties"),
    "ModifyWorkspaceAccessProperties": _modify("WorkspaceAccessProperties"),
    "ModifySelfservicePermissions": _modify("SelfservicePermissions"),
    "AssociateIpGroups": _associate,
    "DisassociateIpGroups": _disassociate,
}
