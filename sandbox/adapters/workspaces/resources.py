"""CloudFormation's types of WorkSpaces and Directory Service, made by their APIs and waited for."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services.cloudformation import provisioners

from sandbox.adapters import schemas, workers
from sandbox.adapters.json_rpc import Fault, Record

from . import SERVICES
from .state import as_map, home

Provisioned = tuple[str, dict[str, Any]]
_ALIAS = "AWS::WorkSpaces::ConnectionAlias"
_GROUP = "AWS::WorkSpaces::WorkspaceIpGroup"
_DESKTOP = "AWS::WorkSpaces::Workspace"
_DIRECTORY = "AWS::DirectoryService::MicrosoftAD"
_LOOKED_AT = ("BundleId", "VolumeEncryptionKey", "RootVolumeEncryptionEnabled", "UserVolumeEncryptionEnabled")
_NAMES = {"workspaces": "WorkSpaces", "ds": "DirectoryService"}
_CODES = {
    "ResourceAlreadyExistsException": "AlreadyExists",
    "ResourceExists.WorkSpace": "AlreadyExists",
    "ResourceNotFoundException": "NotFound",
    "EntityDoesNotExistException": "NotFound",
    "ResourceAssociatedException": "ResourceConflict",
    "ResourceLimitExceededException": "ServiceLimitExceeded",
    "ServiceUnavailable": "ServiceInternalError",
    "ThrottlingException": "Throttling",
}
_POLL_SECONDS = 0.1


class _FailedError(ValueError):
    """A resource cannot be provisioned; the message is as CloudFormation puts it."""


def install() -> None:
    """Provision the types; must run before the types that MiniStack lacks are recorded."""
    _register(_ALIAS, {"create": _create_alias, "update": _same, "delete": _delete_alias})
    _register(_GROUP, {"create": _create_group, "update": _update_group, "delete": _delete_group})
    _register(_DESKTOP, {"create": _create_desktop, "update": _update_desktop, "delete": _delete_desktop})
    _register(_DIRECTORY, {"create": _create_directory, "update": _same, "delete": _delete_directory})
    provisioners._REPLACING_PROPERTIES[_DESKTOP] += _LOOKED_AT
    workers.install()


def _register(name: str, handler: dict[str, Any]) -> None:
    provisioners._RESOURCE_HANDLERS[name] = handler
    schema = schemas.load(name)
    provisioners._REPLACING_PROPERTIES[name] = tuple(schema.create_only) if schema else ()
    workers.TYPES.add(name)


def _failed(message: str, code: str) -> _FailedError:
    return _FailedError(f'Resource handler returned message: "{message}" (HandlerErrorCode: {code})')


def _done(service: str, operation: str, **request: Any) -> Record:
    given = {name: value for name, value in request.items() if value is not None}
    try:
        return SERVICES[service][operation](given)
    except Fault as fault:
        text = f"{fault} (Service: {_NAMES[service]}, Status Code: {fault.status})"
        raise _failed(text, _CODES.get(fault.code, "InvalidRequest")) from fault


def _until(look: Callable[[], list[Record]], member: str, *ends: str) -> Record:
    """Wait until what is looked at has one of some states, or is gone, and return it."""
    while True:
        found = look()
        if (not found and not ends) or (found and found[0][member] in ends):
            return found[0] if found else {}
        time.sleep(_POLL_SECONDS)


def _same(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    return physical_id, {}


def _aliases(id: str) -> list[Record]:
    found: list[Record] = _done("workspaces", "DescribeConnectionAliases", AliasIds=[id])["ConnectionAliases"]
    return found


def _create_alias(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    text, tags = properties["ConnectionString"], properties.get("Tags")
    id = _done("workspaces", "CreateConnectionAlias", ConnectionString=text, Tags=tags)["AliasId"]
    made = _until(lambda: _aliases(id), "State", "CREATED")
    return id, {"AliasId": id, "ConnectionAliasState": made["State"], "Associations": made.get("Associations", [])}


def _delete_alias(physical_id: str, properties: dict[str, Any]) -> None:
    if _aliases(physical_id):
        _done("workspaces", "DeleteConnectionAlias", AliasId=physical_id)
        _until(lambda: _aliases(physical_id), "State")


def _rules(properties: Mapping[str, Any]) -> list[Record]:
    given = properties.get("UserRules") or []
    return [{"ipRule": one["IpRule"], "ruleDesc": one.get("RuleDesc", "")} for one in given]


def _retag(id: str, properties: Mapping[str, Any]) -> None:
    home().tags[id] = as_map(properties.get("Tags"))


def _create_group(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    given = {name: properties.get(name) for name in ("GroupName", "GroupDesc", "Tags")}
    id = _done("workspaces", "CreateIpGroup", **given, UserRules=_rules(properties))["GroupId"]
    arn = f"arn:aws:workspaces:{get_region()}:{get_account_id()}:workspaceipgroup/{id}"
    return arn, {"Arn": arn, "GroupId": id}


def _update_group(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    id = physical_id.rpartition("/")[2]
    if _rules(old) != _rules(new):
        _done("workspaces", "UpdateRulesOfIpGroup", GroupId=id, UserRules=_rules(new))
    _retag(id, new)
    return physical_id, {"Arn": physical_id, "GroupId": id}


def _delete_group(physical_id: str, properties: dict[str, Any]) -> None:
    id = physical_id.rpartition("/")[2]
    if id in home().groups:
        _done("workspaces", "DeleteIpGroup", GroupId=id)


def _desktops(id: str) -> list[Record]:
    found: list[Record] = _done("workspaces", "DescribeWorkspaces", WorkspaceIds=[id])["Workspaces"]
    return found


def _create_desktop(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    flags = ("RootVolumeEncryptionEnabled", "UserVolumeEncryptionEnabled")
    request = {**properties, **{name: provisioners._cfn_bool(properties.get(name, False)) for name in flags}}
    request["WorkspaceProperties"] = _properties(properties)
    answer = _done("workspaces", "CreateWorkspaces", Workspaces=[request])
    for refused in answer["FailedRequests"]:
        text = f"{refused['ErrorMessage']} (Service: WorkSpaces, Error Code: {refused['ErrorCode']})"
        raise _failed(text, _CODES.get(refused["ErrorCode"], "InvalidRequest"))
    id = answer["PendingRequests"][0]["WorkspaceId"]
    made = _until(lambda: _desktops(id), "State", "AVAILABLE", "ERROR")
    if made["State"] == "ERROR":
        _delete_desktop(id, properties)
        raise _failed(f"WorkSpace {id} is in the state ERROR: {made['ErrorMessage']}", "NotStabilized")
    return id, {"WorkspaceId": id, "Id": id}


def _properties(properties: Mapping[str, Any]) -> Record:
    given = properties.get("WorkspaceProperties") or {}
    return {name: int(value) if name.endswith(("Gib", "Minutes")) else value for name, value in given.items()}


def _update_desktop(physical_id: str, old: dict[str, Any], new: dict[str, Any], stack: str) -> Provisioned:
    if _properties(old) != _properties(new):
        _done("workspaces", "ModifyWorkspaceProperties", WorkspaceId=physical_id, WorkspaceProperties=_properties(new))
    _retag(physical_id, new)
    return physical_id, {"WorkspaceId": physical_id, "Id": physical_id}


def _delete_desktop(physical_id: str, properties: dict[str, Any]) -> None:
    if _desktops(physical_id):
        _done("workspaces", "TerminateWorkspaces", TerminateWorkspaceRequests=[{"WorkspaceId": physical_id}])
        _until(lambda: _desktops(physical_id), "State")


def _directories(id: str) -> list[Record]:
    found: list[Record] = _done("ds", "DescribeDirectories")["DirectoryDescriptions"]
    return [one for one in found if one["DirectoryId"] == id]


def _create_directory(logical_id: str, properties: dict[str, Any], stack: str) -> Provisioned:
    given = {name: properties.get(name) for name in ("Name", "ShortName", "Password", "Edition", "VpcSettings")}
    if given["Password"] is None:
        raise _failed("Password is required (Service: DirectoryService, Status Code: 400)", "InvalidRequest")
    id = _done("ds", "CreateMicrosoftAD", **given)["DirectoryId"]
    made = _until(lambda: _directories(id), "Stage", "Active", "Failed")
    if made["Stage"] == "Failed":
        _delete_directory(id, properties)
        raise _failed(f"Directory {id} is in the stage Failed: {made['StageReason']}", "NotStabilized")
    return id, {"DirectoryId": id, "Alias": made["Alias"], "DnsIpAddresses": made["DnsIpAddrs"]}


def _delete_directory(physical_id: str, properties: dict[str, Any]) -> None:
    if _directories(physical_id):
        _done("ds", "DeleteDirectory", DirectoryId=physical_id)
        _until(lambda: _directories(physical_id), "Stage")
