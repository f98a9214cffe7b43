"""What scenarios let happen to directories and WorkSpaces, and ask: paths under ``/_sandbox/workspaces/``."""

from __future__ import annotations

import json
from collections.abc import Callable

from ministack.core.responses import request_scope
from ministack.services import cloudwatch

from sandbox.adapters.json_rpc import Fault, Record

from . import access_paths, directories, network, registrations, service
from .state import LOCK, Course, find, home

Hook = Callable[[bytes, str, str], tuple[int, Record]]


def _hook(operation: Callable[[Record], Record]) -> Hook:
    def answered(body: bytes, account: str, region: str) -> tuple[int, Record]:
        try:
            request = json.loads(body or b"{}")
            with request_scope(account, request.get("region") or region), LOCK:
                return 200, operation(request)
        except (Fault, KeyError, ValueError) as error:
            return 400, {"message": f"{error.args[0]} must be given" if isinstance(error, KeyError) else str(error)}

    return answered


def _fail(request: Record) -> Record:
    error = request["error"]
    text = request.get("message") or (
        "Rate exceeded" if error.startswith("Thrott") else f"The sandbox was told: {error}"
    )
    times, after = int(request.get("times", 1)), bool(request.get("after", False))
    service.tell(service.ToldFault(home().region, request["operation"], error, text, times, after))
    return {}


def _directory(request: Record) -> Record:
    """Set the stage of a directory, the state of its registration, or both."""
    id, stage, state = request["directoryId"], request.get("stage"), request.get("state")
    reason = request.get("reason") or "The sandbox was told."
    if not stage and not state:
        raise ValueError(f"stage or state must be given, got {request}")
    if stage:
        found = directories.find(id)
        found.here.course, found.here.reason = Course(stage), "" if stage == "Active" else reason
    if state == "DEREGISTERED":
        registrations.end(find(home().registrations, id, "directory"))
    elif state:
        registration = find(home().registrations, id, "directory")
        registration.course, registration.error = Course(state), reason
    return {}


def _region(request: Record) -> Record:
    home().is_up = bool(request["up"])
    return {}


def _pace(request: Record) -> Record:
    Course.seconds = max(float(request["seconds"]), 0.01)
    return {}


def _existing(request: Record) -> Record:
    """Make a directory that is active at once, by default in the region's default VPC."""
    type = request["type"]
    if type not in ("ADConnector", "MicrosoftAD"):
        raise ValueError(f"type must be ADConnector or MicrosoftAD, got {type}")
    vpc, subnets = request.get("vpcId"), request.get("subnetIds")
    if not vpc or not subnets:
        vpc, subnets = network.default()
    dns = request.get("dnsIps") or (["10.99.0.2", "10.99.0.3"] if type == "ADConnector" else [])
    made = directories.make(type, request["name"], vpc, subnets, dns=dns)
    if type == "ADConnector":
        made.user, made.about["Size"] = "connector", "Small"
    else:
        made.about["Edition"] = request.get("edition", "Enterprise")
    where = {"directoryId": made.id, "vpcId": vpc, "subnetIds": subnets}
    return {**where, "dnsIps": dns or made.here.addresses}


def _calls(request: Record) -> Record:
    region, since = request.get("region"), int(request.get("since", 0))
    return {"calls": [one for one in service.calls[since:] if region in (None, one["region"])]}


def _metric(request: Record) -> Record:
    dimensions = {"DirectoryId": request["directoryId"]}
    cloudwatch.record_metric("AWS/WorkSpaces", request["metric"], float(request["value"]), "Count", dimensions)
    return {}


HOOKS: dict[str, Hook] = {
    "/_sandbox/workspaces/fail": _hook(_fail),
    "/_sandbox/workspaces/directory": _hook(_directory),
    "/_sandbox/workspaces/region": _hook(_region),
    "/_sandbox/workspaces/pace": _hook(_pace),
    "/_sandbox/workspaces/existing": _hook(_existing),
    "/_sandbox/workspaces/calls": _hook(_calls),
    "/_sandbox/workspaces/metric": _hook(_metric),
    "/_sandbox/workspaces/connect": _hook(access_paths.connect),
}
"""What each path does, with a body in an account and region."""
