"""What the caller of an operation needs: its action on every resource, and what is done in its name.

Which resources an action is on follows the Service Authorization Reference, also what Directory Service needs of EC2.
What registering a directory needs of other services is not in it; what is asked here is in the examples of WorkSpaces'
administration guide. CloudFormation's own types are not asked for, as in the rest of the sandbox.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial, wraps
from typing import Any
from uuid import uuid4

from ministack import app
from ministack.core import iam_actions
from ministack.core.responses import get_account_id, get_region
from ministack.services import tagging

from sandbox.adapters.json_rpc import Answer, Record, Refuse

from . import directories
from .registrations import ROLE
from .state import as_list, home

_DIRECTORY, _ALIAS, _GROUP = ("directory", "DirectoryId"), ("connectionalias", "AliasId"), "workspaceipgroup"
_SETTINGS = ("directory", "ResourceId")
_RESOURCES: dict[str, dict[str, tuple[tuple[str, str], ...]]] = {
    "workspaces": {
        "RegisterWorkspaceDirectory": (_DIRECTORY,),
        "DeregisterWorkspaceDirectory": (_DIRECTORY,),
        "ModifyWorkspaceCreationProperties": (_SETTINGS,),
        "ModifyWorkspaceAccessProperties": (_SETTINGS,),
        "ModifySelfservicePermissions": (_SETTINGS,),
        "AssociateIpGroups": (_DIRECTORY, (_GROUP, "GroupIds")),
        "DisassociateIpGroups": (_DIRECTORY, (_GROUP, "GroupIds")),
        "DescribeIpGroups": ((_GROUP, "GroupIds"),),
        "UpdateRulesOfIpGroup": ((_GROUP, "GroupId"),),
        "DeleteIpGroup": ((_GROUP, "GroupId"),),
        "AssociateConnectionAlias": (_ALIAS, _SETTINGS),
        "DisassociateConnectionAlias": (_ALIAS,),
        "DeleteConnectionAlias": (_ALIAS,),
        "CreateWorkspaces": (("directory", "Workspaces.DirectoryId"), ("workspacebundle", "Workspaces.BundleId")),
        "TerminateWorkspaces": (("workspace", "TerminateWorkspaceRequests.WorkspaceId"),),
        "ModifyWorkspaceProperties": (("workspace", "WorkspaceId"),),
        "CreateStandbyWorkspaces": (("directory", "StandbyWorkspaces.DirectoryId"),),
    },
    "ds": {
        **dict.fromkeys(("DeleteDirectory", "AddRegion", "RemoveRegion", "DescribeRegions"), (_DIRECTORY,)),
        "DescribeDomainControllers": (_DIRECTORY,),
        **dict.fromkeys(("AddTagsToResource", "RemoveTagsFromResource", "ListTagsForResource"), (_SETTINGS,)),
    },
}
"""Operation to the kinds of resources that its action is on, and the members of the request with their ids."""
_MAKING = (
    "AuthorizeSecurityGroupEgress",
    "AuthorizeSecurityGroupIngress",
    "CreateNetworkInterface",
    "CreateSecurityGroup",
    "CreateTags",
    "DescribeNetworkInterfaces",
    "DescribeSubnets",
    "DescribeVpcs",
)
_REMOVING = (
    "DeleteNetworkInterface",
    "DeleteSecurityGroup",
    "DescribeNetworkInterfaces",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
)
_IN_EC2: dict[str, tuple[str, ...]] = {
    "ConnectDirectory": _MAKING,
    "CreateMicrosoftAD": _MAKING,
    "AddRegion": _MAKING,
    "DeleteDirectory": _REMOVING,
    "AddTagsToResource": ("CreateTags",),
    "RemoveTagsFromResource": ("DeleteTags",),
    "RegisterWorkspaceDirectory": tuple(
        name for name in _MAKING if name not in ("CreateNetworkInterface", "CreateTags", "DescribeNetworkInterfaces")
    ),
    "DeregisterWorkspaceDirectory": ("DeleteSecurityGroup",),
}
_KEYS = {"CreateWorkspaces": "Workspaces", "CreateStandbyWorkspaces": "StandbyWorkspaces"}


@dataclass(frozen=True)
class Need:
    """Something that the caller must be allowed.

    Attributes:
        action: The IAM action.
        resource: The ARN.
        conditions: The context of the call.
    """

    action: str
    resource: str
    conditions: Mapping[str, str | list[str]] = field(default_factory=dict)


def install() -> None:
    """Have MiniStack ask for the right resource, and know the tags of resources."""
    extract = iam_actions.extract_resource_arn

    @wraps(extract)
    def extract_resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
        if service not in _RESOURCES:
            return extract(service, method, path, headers, body, *rest)
        return next(_own(service, headers.get("x-amz-target", "").rpartition(".")[2], _read(body))).resource

    iam_actions.extract_resource_arn = extract_resource_arn
    tagging._RESOURCE_TAG_COLLECTORS |= {"workspaces": _tagged, "ds": _tagged_directories}


def _read(body: bytes) -> Record:
    try:
        request = json.loads(body or b"{}")
    except ValueError:
        return {}
    return request if isinstance(request, dict) else {}


def refuser(service: str) -> Refuse:
    """What answers the requests whose callers lack something that MiniStack has not asked for.

    Args:
        service: The service.
    """
    return partial(_refuse, service)


def _refuse(
    service: str, name: str, request: Record, headers: Mapping[str, str], query: Mapping[str, list[str]]
) -> Answer | None:
    for need in [*[*_own(service, name, request)][1:], *_dependent(service, name, request)]:
        denied: Answer | None = app._enforce_data_plane(
            need.action.partition(":")[0],
            need.action,
            headers,
            query,
            str(uuid4()),
            resource_arn=need.resource,
            service_context=dict(need.conditions),
            named_resource=need.resource,
        )
        if denied:
            return 400, {"Content-Type": "application/x-amz-json-1.1"}, _as_json(denied[2])
    return None


def _as_json(body: bytes) -> bytes:
    """A denial in the words of any service, as a service that speaks JSON says it."""
    text = body.decode()
    if not text.startswith("{"):
        text = text.partition("<Message>")[2].partition("</Message>")[0]
    else:
        found = json.loads(text)
        text = found.get("message") or found.get("Message", "")
    return json.dumps({"__type": "AccessDeniedException", "message": text}).encode()


def _own(service: str, name: str, request: Record) -> Iterator[Need]:
    """The action itself, on each of its resources, at least one."""
    action, found = f"{service}:{name}", False
    for kind, member in _RESOURCES[service].get(name, ()):
        for id in _values(request, member.split(".")):
            found = True
            yield Need(action, _arn(service, f"{kind}/{id}"))
    if name == "CreateStandbyWorkspaces":
        for id in _values(request, ["StandbyWorkspaces", "PrimaryWorkspaceId"]):
            yield Need(action, _arn(service, f"workspace/{id}", str(request.get("PrimaryRegion"))))
    if name == "CreateWorkspaces":
        yield Need(action, _arn(service, "workspace/*"))
    elif not found:
        yield Need(action, "*")


def _values(value: Any, path: list[str]) -> Iterator[str]:
    if isinstance(value, list):
        for item in value:
            yield from _values(item, path)
    elif path and isinstance(value, Mapping):
        yield from _values(value.get(path[0]), path[1:])
    elif not path and isinstance(value, str):
        yield value


def _dependent(service: str, name: str, request: Record) -> Iterator[Need]:
    """What is done in the caller's name in other services."""
    if name == "RegisterWorkspaceDirectory":
        yield Need("ds:DescribeDirectories", "*")
        yield Need("ds:AuthorizeApplication", _arn("ds", f"directory/{request.get('DirectoryId')}"))
        yield Need("iam:GetRole", f"arn:aws:iam::{get_account_id()}:role/{ROLE}")
    if name == "DeregisterWorkspaceDirectory":
        yield Need("ds:UnauthorizeApplication", _arn("ds", f"directory/{request['DirectoryId']}"))
    tags = [*_values(request, ["Tags", "Key"]), *_values(request, [_KEYS.get(name, ""), "Tags", "Key"])]
    if service == "workspaces" and tags and name != "CreateTags":
        yield Need("workspaces:CreateTags", "*", {"aws:TagKeys": tags})
    for key in dict.fromkeys(_values(request, [_KEYS.get(name, ""), "VolumeEncryptionKey"])):
        via: dict[str, str | list[str]] = {
            "kms:ViaService": f"workspaces.{get_region()}.amazonaws.com",
            "kms:CallerAccount": get_account_id(),
        }
        yield Need("kms:DescribeKey", key, via)
        yield Need("kms:CreateGrant", key, {**via, "kms:GrantIsForAWSResource": "true"})
    for action in _IN_EC2.get(name, ()):
        kind = "network-interface/eni" if "NetworkInterface" in action else "security-group/sg"
        where = "*" if action.startswith("Describe") else _arn("ec2", f"{kind}-0123456789abcdef0")
        yield Need(f"ec2:{action}", where, {"aws:ViaAWSService": "true"})


def _arn(service: str, resource: str, region: str = "") -> str:
    return f"arn:aws:{service}:{region or get_region()}:{get_account_id()}:{resource}"


def _tagged() -> Iterator[tuple[str, list[Record]]]:
    here = home()
    kinds = {"d": "directory", "wsca": "connectionalias", "wsipg": _GROUP, "ws": "workspace"}
    for id, tags in list(here.tags.items()):
        yield _arn("workspaces", f"{kinds[id.partition('-')[0]]}/{id}"), as_list(tags)


def _tagged_directories() -> Iterator[tuple[str, list[Record]]]:
    for one in directories.here():
        yield _arn("ds", f"directory/{one.id}"), as_list(one.here.tags)
