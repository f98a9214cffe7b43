"""WorkSpaces: IP access control groups, and the tags of all of its resources."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from sandbox.adapters.json_rpc import Fault, Operation, Record

from .state import as_list, as_map, fresh, home, page

_MOST_GROUPS = 100
_MOST_RULES = 10
_MOST_TAGS = 50


def _create(request: Record) -> Record:
    name = request["GroupName"]
    here = home()
    if any(one["groupName"] == name for one in here.groups.values()):
        raise Fault("ResourceAlreadyExistsException", f"An IP group with the name {name} already exists.")
    if len(here.groups) >= _MOST_GROUPS:
        raise Fault("ResourceLimitExceededException", "Your resource limits have been exceeded.")
    rules = _rules(request.get("UserRules") or [])
    id = fresh("wsipg-")
    here.groups[id] = {"groupId": id, "groupName": name, "groupDesc": request.get("GroupDesc", ""), "userRules": rules}
    here.tags[id] = as_map(request.get("Tags"))
    return {"GroupId": id}


def _rules(given: Sequence[Record]) -> list[Record]:
    if len(given) > _MOST_RULES:
        raise Fault("ResourceLimitExceededException", f"An IP group can have {_MOST_RULES} rules.")
    for one in given:
        try:
            ipaddress.IPv4Network(one.get("ipRule", ""))
        except ValueError as error:
            raise Fault("InvalidParameterValuesException", f"The IP rule is not valid: {error}") from error
    return [dict(one) for one in given]


def _find(id: str) -> Record:
    found = home().groups.get(id)
    if found is None:
        raise Fault("ResourceNotFoundException", f"The specified IP group {id} could not be found in the region.")
    return found


def _describe(request: Record) -> Record:
    wanted = request.get("GroupIds")
    found = [one for id, one in home().groups.items() if not wanted or id in wanted]
    some, more = page(found, request, "InvalidParameterValuesException", "MaxResults")
    return {"Result": some, **more}


def _update(request: Record) -> Record:
    _find(request["GroupId"])["userRules"] = _rules(request["UserRules"])
    return {}


def _delete(request: Record) -> Record:
    id = _find(request["GroupId"])["groupId"]
    if any(id in one.group_ids for one in home().registrations.values()):
        raise Fault("ResourceAssociatedException", f"The IP group {id} is associated with a directory.")
    del home().groups[id]
    home().tags.pop(id, None)
    return {}


def _tags(request: Record) -> dict[str, str]:
    here, id = home(), request["ResourceId"]
    if not any(id in things for things in (here.registrations, here.aliases, here.groups, here.desktops)):
        raise Fault("ResourceNotFoundException", f"The specified resource {id} could not be found in the region.")
    return here.tags.setdefault(id, {})


def _tag(request: Record) -> Record:
    tags = _tags(request)
    if len(tags | as_map(request["Tags"])) > _MOST_TAGS:
        raise Fault("ResourceLimitExceededException", "Your resource limits have been exceeded.")
    tags.update(as_map(request["Tags"]))
    return {}


def _untag(request: Record) -> Record:
    for key in request["TagKeys"]:
        _tags(request).pop(key, None)
    return {}


OPERATIONS: dict[str, Operation] = {
    "CreateIpGroup": _create,
    "DescribeIpGroups": _describe,
    "UpdateRulesOfIpGroup": _update,
    "DeleteIpGroup": _delete,
    "CreateTags": _tag,
    "DeleteTags": _untag,
    "DescribeTags": lambda request: {"TagList": as_list(_tags(request))},
}
