"""AWS Directory Service: the regions of a Managed Microsoft AD, and its domain controllers there."""

from __future__ import annotations

from hashlib import sha256

from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import directories, service
from .directories import Directory, Site
from .state import GONE, Course, home, page

_UNSUPPORTED = "UnsupportedOperationException"
_LATE = (
    "af-south-1 ap-east-1 ap-east-2 ap-south-2 ap-southeast-3 ap-southeast-4 ap-southeast-5 ap-southeast-6 "
    "ap-southeast-7 ca-west-1 eu-central-2 eu-south-1 eu-south-2 il-central-1 me-central-1 me-south-1 mx-central-1"
)
_OPT_IN = frozenset(_LATE.split())
_BUSY = ("Requested", "Creating", "Deleting")


def _managed(request: Record) -> Directory:
    found = directories.find(request["DirectoryId"], "DirectoryDoesNotExistException")
    if found.type != "MicrosoftAD":
        raise Fault(_UNSUPPORTED, f"This operation is not supported for directories of type {found.type}.")
    return found


def _add(request: Record) -> Record:
    found, region = _managed(request), request["RegionName"]
    if found.region != get_region():
        raise Fault(_UNSUPPORTED, f"Regions can only be added in the primary Region {found.region}.")
    if found.about.get("Edition") != "Enterprise":
        raise Fault(_UNSUPPORTED, "Multi-Region replication is only supported for the Enterprise edition.")
    if region in _OPT_IN:
        raise Fault(_UNSUPPORTED, f"Multi-Region replication is not supported for the Region {region}.")
    if region in found.sites:
        raise Fault("DirectoryAlreadyInRegionException", f"The directory is already in the Region {region}.")
    if found.here.course.state != "Active":
        raise Fault("DirectoryUnavailableException", f"The directory is {found.here.course.state}.")
    if any(one.course.state in _BUSY for one in found.sites.values()):
        raise Fault("RegionLimitExceededException", "Another Region is being added or removed.")
    failure = service.spoilt("AddRegion")
    stages = ("Requested", "Creating", "Active" if failure is None else "Failed")
    settings = request["VPCSettings"]
    with request_scope(get_account_id(), region):
        made = directories.site(found.id, settings["VpcId"], settings["SubnetIds"], *stages)
    made.reason = failure or ""
    found.sites[region] = made
    return {}


def _remove(request: Record) -> Record:
    found = _managed(request)
    if found.region == get_region():
        raise Fault(_UNSUPPORTED, "The primary Region cannot be removed.")
    if found.here.course.state in ("Requested", "Creating"):
        raise Fault("DirectoryUnavailableException", f"The directory is {found.here.course.state} in this Region.")
    if found.id in home().registrations:
        raise Fault("ClientException", "The Region cannot be removed because it still has authorized applications.")
    if found.here.course.state != "Deleting":
        found.here.course = Course("Deleting", GONE)
    return {}


def _regions(request: Record) -> Record:
    found, wanted = _managed(request), request.get("RegionName")
    sites = [one for one in found.sites.values() if wanted in (None, one.region)]
    some, more = page(sites, request, "InvalidNextTokenException")
    return {"RegionsDescription": [_region(found, one) for one in some], **more}


def _region(of: Directory, site: Site) -> Record:
    return {
        "DirectoryId": of.id,
        "RegionName": site.region,
        "RegionType": "Primary" if site.region == of.region else "Additional",
        "Status": site.course.state,
        "VpcSettings": {"VpcId": site.vpc, "SubnetIds": site.subnets},
        "DesiredNumberOfDomainControllers": len(site.addresses),
        "LaunchTime": site.launched,
        "StatusLastUpdatedDateTime": site.launched,
        "LastUpdatedDateTime": site.launched,
    }


def _controllers(request: Record) -> Record:
    directories.find(request["DirectoryId"])
    found = _managed(request)
    stage = found.here.course.state
    status = {"Requested": "Creating", "Inoperable": "Impaired"}.get(stage, stage)
    controllers = [
        {
            "DirectoryId": found.id,
            "DomainControllerId": f"dc-{sha256(f'{found.id}{address}'.encode()).hexdigest()[:10]}",
            "DnsIpAddr": address,
            "VpcId": found.here.vpc,
            "SubnetId": subnet,
            "AvailabilityZone": zone,
            "Status": status,
            "LaunchTime": found.here.launched,
            "StatusLastUpdatedDateTime": found.here.launched,
        }
        for address, subnet, zone in zip(found.here.addresses, found.here.subnets, found.here.zones, strict=True)
    ]
    wanted = request.get("DomainControllerIds")
    chosen = [one for one in controllers if not wanted or one["DomainControllerId"] in wanted]
    some, more = page(chosen, request, "InvalidNextTokenException")
    return {"DomainControllers": some, **more}


OPERATIONS: dict[str, Operation] = {
    "AddRegion": _add,
    "RemoveRegion": _remove,
    "DescribeRegions": _regions,
    "DescribeDomainControllers": _controllers,
}
