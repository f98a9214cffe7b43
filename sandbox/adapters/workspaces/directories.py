"""AWS Directory Service: Managed Microsoft AD and AD Connector, made, described and deleted.

A directory has a site in each of its regions; an AD Connector has one. Users and passwords are not looked at. A
connector fails if its DNS addresses are those of domain controllers that are not there yet, or of another domain;
addresses that the sandbox does not know count as reached.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from ministack.core.responses import get_account_id, get_region, request_scope

from sandbox.adapters.json_rpc import Fault, Operation, Record

from . import network, service
from .state import GONE, LOCK, Course, as_list, as_map, fresh, home, page

_INVALID = "InvalidParameterException"
_MOST_TAGS = 50
_CREATION = ("Requested", "Creating", "Active")
_FAILURE = ("Requested", "Creating", "Failed")


@dataclass
class Site:
    """A directory in a region.

    Attributes:
        region: The region.
        vpc: Its VPC.
        subnets: Its subnets.
        zones: Their zones.
        addresses: Those of its domain controllers, or of the connector itself.
        group: Its security group.
        course: Its stage.
        reason: Why it has this stage.
        tags: Its tags.
        launched: When it was made.
    """

    region: str
    vpc: str
    subnets: list[str]
    zones: list[str]
    addresses: list[str]
    group: str
    course: Course
    reason: str = ""
    tags: dict[str, str] = field(default_factory=dict)
    launched: float = field(default_factory=lambda: round(time.time(), 3))


@dataclass
class Directory:
    """A directory.

    Attributes:
        id: Its id.
        type: ``MicrosoftAD`` or ``ADConnector``.
        name: The domain.
        account: Its account.
        region: The region that it was created in.
        about: Other members of its description.
        sites: Its sites, by region.
        user: The service account of a connector.
        dns: The DNS addresses that a connector asks.
    """

    id: str
    type: str
    name: str
    account: str
    region: str
    about: Record = field(default_factory=dict)
    sites: dict[str, Site] = field(default_factory=dict)
    user: str = ""
    dns: list[str] = field(default_factory=list)

    @property
    def here(self) -> Site:
        """The site in the region of the request."""
        return self.sites[get_region()]


_directories: dict[str, Directory] = {}


def everywhere() -> list[Directory]:
    """The directories of the account of the request, in all regions, oldest first."""
    with LOCK:
        for directory in list(_directories.values()):
            for site in [one for one in directory.sites.values() if one.course.state == GONE]:
                del directory.sites[site.region]
                with request_scope(directory.account, site.region):
                    network.close_group(site.group)
            if not directory.sites:
                del _directories[directory.id]
        return [one for one in _directories.values() if one.account == get_account_id()]


def here() -> list[Directory]:
    """The directories that are in the region of the request."""
    return [one for one in everywhere() if get_region() in one.sites]


def find(id: str, code: str = "EntityDoesNotExistException") -> Directory:
    """A directory of the region of the request.

    Args:
        id: Its id.
        code: The code of the error.

    Raises:
        Fault: If there is none.
    """
    for one in here():
        if one.id == id:
            return one
    raise Fault(code, f"Directory {id} does not exist.")


def site(directory_id: str, vpc: str, subnet_ids: list[str], *stages: str) -> Site:
    """A site in the region of the request.

    Args:
        directory_id: The directory.
        vpc: Its VPC.
        subnet_ids: Its two subnets.
        stages: The stages that it will have.

    Raises:
        Fault: If the subnets do not fit.
    """
    subnets = network.fitting(vpc, subnet_ids, _INVALID)
    return Site(
        get_region(),
        vpc,
        subnet_ids,
        network.zones(subnets),
        network.addresses(subnets),
        network.open_group(vpc, f"{directory_id}_controllers"),
        Course(*stages),
    )


def make(
    type: str, name: str, vpc: str, subnet_ids: list[str], *stages: str, dns: list[str] | None = None
) -> Directory:
    """Make a directory in the region of the request.

    Args:
        type: ``MicrosoftAD`` or ``ADConnector``.
        name: The domain.
        vpc: Its VPC.
        subnet_ids: Its two subnets.
        stages: The stages that it will have.
        dns: The DNS addresses that a connector asks.

    Raises:
        Fault: If the subnets do not fit.
    """
    made = Directory(fresh("d-90", 8), type, name, get_account_id(), get_region(), dns=dns or [])
    made.sites[made.region] = site(made.id, vpc, subnet_ids, *(stages or ("Active",)))
    made.about = {"ShortName": name.partition(".")[0].upper()}
    _directories[made.id] = made
    return made


def _create(operation: str, made: Directory, request: Record, why: str | None = None) -> Record:
    """Finish a new directory: what the request says of it, and whether it is to fail."""
    reason = service.spoilt(operation) or why
    if reason is not None:
        made.here.course, made.here.reason = Course(*_FAILURE), reason
    made.about |= {name: request[name] for name in ("ShortName", "Description", "Edition", "Size") if request.get(name)}
    made.here.tags = as_map(request.get("Tags"))
    return {"DirectoryId": made.id}


def _create_managed(request: Record) -> Record:
    if request.get("Edition", "Enterprise") not in ("Enterprise", "Standard"):
        raise Fault(_INVALID, f"the sandbox has no edition {request['Edition']}")
    settings = request["VpcSettings"]
    made = make("MicrosoftAD", request["Name"], settings["VpcId"], settings["SubnetIds"], *_CREATION)
    return _create("CreateMicrosoftAD", made, {"Edition": "Enterprise", **request})


def _connect(request: Record) -> Record:
    settings = request["ConnectSettings"]
    dns = settings.get("CustomerDnsIps") or []
    if not dns:
        raise Fault(_INVALID, "At least one DNS IP address must be specified.")
    made = make("ADConnector", request["Name"], settings["VpcId"], settings["SubnetIds"], *_CREATION, dns=dns)
    made.user = settings["CustomerUserName"]
    return _create("ConnectDirectory", made, request, _unreached(made))


def _unreached(connector: Directory) -> str | None:
    for one in everywhere():
        for controllers in one.sites.values() if one.type == "MicrosoftAD" else ():
            for address in set(connector.dns) & set(controllers.addresses):
                if controllers.course.state != "Active":
                    return f"Connectivity issues detected: DNS unavailable (TCP port 53) for IP: {address}."
                if one.name.lower() != connector.name.lower():
                    return f"Configuration issues detected: SRV record for LDAP does not exist for IP: {address}."
    return None


def described(of: Directory) -> Record:
    """A directory as it is described in the region of the request.

    Args:
        of: The directory.
    """
    at = of.here
    own = {"VpcId": at.vpc, "SubnetIds": at.subnets, "SecurityGroupId": at.group, "AvailabilityZones": at.zones}
    record = {
        "DirectoryId": of.id,
        "Name": of.name,
        "Alias": of.id,
        "AccessUrl": f"{of.id}.awsapps.com",
        "Type": of.type,
        "Stage": at.course.state,
        "LaunchTime": at.launched,
        "StageLastUpdatedDateTime": at.launched,
        "SsoEnabled": False,
        "NetworkType": "IPv4",
        **of.about,
    }
    if at.reason:
        record["StageReason"] = at.reason
    if of.type == "ADConnector":
        connection = {**own, "CustomerUserName": of.user, "ConnectIps": at.addresses}
        return {**record, "DnsIpAddrs": of.dns, "ConnectSettings": connection}
    others = [region for region in of.sites if region != of.region]
    regions = {"PrimaryRegion": of.region, "AdditionalRegions": others}
    controllers = {"DnsIpAddrs": at.addresses, "DesiredNumberOfDomainControllers": len(at.addresses)}
    return {**record, "VpcSettings": own, "RegionsInfo": regions, "OsVersion": "SERVER_2019", **controllers}


def _describe(request: Record) -> Record:
    ids = request.get("DirectoryIds")
    if ids == []:
        raise Fault(_INVALID, "DirectoryIds must not be empty.")
    some, more = page([find(id) for id in ids] if ids else here(), request, "InvalidNextTokenException")
    return {"DirectoryDescriptions": [described(one) for one in some], **more}


def _delete(request: Record) -> Record:
    found = find(request["DirectoryId"])
    if found.id in home().registrations:
        still = "it still has authorized applications. Additional details: WorkSpaces"
        raise Fault("ClientException", f"Cannot delete the directory because {still}")
    if found.region != get_region():
        raise Fault("ClientException", "The directory can only be deleted in its primary Region.")
    if len(found.sites) > 1:
        raise Fault("ClientException", "Cannot delete the directory because it has additional Regions.")
    if found.here.course.state != "Deleting":
        found.here.course = Course("Deleting", GONE)
    return {"DirectoryId": found.id}


def _tag(request: Record) -> Record:
    tags = find(request["ResourceId"]).here.tags
    if len(tags | as_map(request["Tags"])) > _MOST_TAGS:
        raise Fault("TagLimitExceededException", "The maximum allowed number of tags was exceeded.")
    tags.update(as_map(request["Tags"]))
    return {}


def _untag(request: Record) -> Record:
    for key in request["TagKeys"]:
        find(request["ResourceId"]).here.tags.pop(key, None)
    return {}


def _tags(request: Record) -> Record:
    tags = as_list(find(request["ResourceId"]).here.tags)
    some, more = page(tags, request, "InvalidNextTokenException")
    return {"Tags": some, **more}


OPERATIONS: dict[str, Operation] = {
    "CreateMicrosoftAD": _create_managed,
    "ConnectDirectory": _connect,
    "DescribeDirectories": _describe,
    "DeleteDirectory": _delete,
    "AddTagsToResource": _tag,
    "RemoveTagsFromResource": _untag,
    "ListTagsForResource": _tags,
}
