"""WorkSpaces: whether a user would get to a WorkSpace, by the rules of its directory."""

from __future__ import annotations

import ipaddress

from sandbox.adapters.json_rpc import Record

from .desktops import of_user
from .registrations import registered
from .state import home, living

_ASSOCIATED = "ASSOCIATED_WITH_OWNER_ACCOUNT"
_STARTED = ("AVAILABLE", "STOPPED", "STARTING", "STOPPING")


def connect(request: Record) -> Record:
    """Try what a client does that was given a connection identifier by DNS, or a directory.

    Args:
        request: ``identifier`` or ``directoryId``; ``userName``; ``ip``, where the user comes from; ``device``, such as
            ``Windows``, by default that.

    Returns:
        ``workspaceId``, or in ``refused`` why there is none.

    Raises:
        Fault: If the directory is not registered.
    """
    directory, wanted = request.get("directoryId"), request.get("identifier")
    for alias in living(home().aliases) if wanted else ():
        if alias.identifier == wanted and alias.association.state == _ASSOCIATED:
            directory = alias.directory_id
    if not directory:
        return {"refused": f"no directory has the connection identifier {wanted} in this region"}
    registration = registered(directory)
    device = request.get("device", "Windows")
    if registration.record["WorkspaceAccessProperties"].get(f"DeviceType{device}") != "ALLOW":
        return {"refused": f"clients of the type {device} are not allowed"}
    address = ipaddress.ip_address(request["ip"])
    rules = [rule["ipRule"] for id in registration.group_ids for rule in home().groups[id]["userRules"]]
    if registration.group_ids and not any(address in ipaddress.ip_network(rule) for rule in rules):
        return {"refused": f"no rule of an IP group lets {address} in"}
    desktop = next(of_user(directory, request["userName"]), None)
    if desktop is None or desktop.course.state not in _STARTED:
        return {"refused": f"the user {request['userName']} has no WorkSpace that is ready in the directory"}
    return {"workspaceId": desktop.record["WorkspaceId"]}
