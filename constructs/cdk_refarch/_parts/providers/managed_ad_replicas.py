"""Managed ADs in further regions, as custom resources: added, waited for, and removed only if a resource added them."""

from collections.abc import Callable
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import (
    BUSY,
    NOT_YET,
    Event,
    Made,
    NotReadyError,
    ProviderError,
    asked,
    code,
    goes_on,
    mark,
    may_ask,
    may_end,
    patiently,
    seen,
)
from directories import GONE, REFUSED, addresses_of, is_late, managed_ad, managed_ads, missing, service, tags_of

REPLICA = "cdk-refarch:replica"
"""The tag, followed by a region, of the Managed AD that says which resource has added the region."""

UNKNOWN = ("DirectoryDoesNotExistException", "DirectoryUnavailableException")
"""What a region says that does not know the directory yet. It is removed with a client of its own."""

ADOPTED = "/adopted"
"""The end of the physical id of a replica that was there."""


def replicate(event: Event, context: Any) -> Made:
    """Add a region to a Managed AD, unless it has it; then it stays when the resource is deleted.

    Args:
        event: The request.
        context: Lambda's context.
    """
    directory_id, ours = patiently(context, _replica, NOT_YET | {REFUSED}, event=event)
    replica = f"{directory_id}/{event['ResourceProperties']['Region']}"
    physical_id = replica if ours else f"{replica}{ADOPTED}"
    if event.get("PhysicalResourceId", "").removesuffix(ADOPTED) == replica:
        # An update may have failed that is rolled back. CloudFormation never knew the id of what it had added.
        before = {**event, "ResourceProperties": event["OldResourceProperties"]}
        patiently(context, _remove, BUSY | {REFUSED}, event=before, kept=replica)
    return _with_controllers(event, context, directory_id, physical_id, is_last=False)


def wait_for_replica(event: Event, context: Any) -> Made:
    """Wait until the controllers in a region are there; with ``More``, another resource waits on after this one.

    Args:
        event: The request.
        context: Lambda's context.
    """
    wanted = event["ResourceProperties"]
    given = {"event": event, "region": wanted["PrimaryRegion"], "directory_id": wanted.get("DirectoryId")}
    directory_id = patiently(context, managed_ad, NOT_YET, **given)["DirectoryId"]
    physical_id, is_last = f"{directory_id}/{wanted['Region']}", wanted.get("More") != "true"
    return _with_controllers(event, context, directory_id, physical_id, is_last=is_last)


def _with_controllers(event: Event, context: Any, directory_id: str, physical_id: str, *, is_last: bool) -> Made:
    """Return the id and the attributes of a replica once its controllers are there; only the last one must see them."""
    # What has been there before need not work just now.
    known = physical_id == event.get("PhysicalResourceId")
    addresses: list[str] = []
    try:
        addresses = patiently(context, _replica_ips, NOT_YET, event=event, directory_id=directory_id, known=known)
    except NotReadyError:
        # It may take longer than the hour that CloudFormation waits for one resource.
        if is_last or goes_on(event):
            raise
    return physical_id, {"DirectoryId": directory_id, "DnsIps": ",".join(addresses)}


def _replica(event: Event) -> tuple[str, bool]:
    """Return the id of the Managed AD, and whether it is ours that it has the region, which is added if it has not."""
    wanted = event["ResourceProperties"]
    region, primary = wanted["Region"], wanted["PrimaryRegion"]
    managed = managed_ad(event, primary, wanted.get("DirectoryId"))
    directory_id: str = managed["DirectoryId"]
    if managed.get("Edition") != "Enterprise":
        raise ProviderError(
            f"{directory_id} must be of the edition Enterprise to be replicated, got {managed.get('Edition')}; "
            f"use an AdConnector to its controllers in {region}"
        )
    settings = {"VpcId": wanted["VpcId"], "SubnetIds": wanted["SubnetIds"]}
    ours = _is_ours(event, directory_id)
    there = _region(directory_id, region, primary)
    if there is None:
        may_ask(event, f"{directory_id} in {region}")
        _add(event, directory_id, ours, settings)
        asked(event)
        return directory_id, True
    if there["Status"] == "Deleting":
        raise NotReadyError(f"{directory_id} is being removed from {region}")
    if ours and there["Status"] == "Failed" and not (event.get("Asked") or is_late(event)):
        # The request before has failed to add it, and nobody has removed it.
        _unless(UNKNOWN, service(region).remove_region, DirectoryId=directory_id)
        raise NotReadyError(f"{directory_id} could not be added to {region} before, and is removed now")
    seen(event)
    if ours and _placed(there.get("VpcSettings", settings)) != _placed(settings):
        raise ProviderError(f"{directory_id} in {region} cannot change its VPC and subnets; remove it there first")
    return directory_id, ours


def _add(event: Event, directory_id: str, ours: bool, settings: dict[str, Any]) -> None:
    """Add the region to a Managed AD."""
    wanted = event["ResourceProperties"]
    directories_there = service(wanted["PrimaryRegion"])
    if not ours:
        # A region has no tags. So that another invocation knows it is ours, this comes first.
        tag = {"Key": _key(event), "Value": mark(event)}
        directories_there.add_tags_to_resource(ResourceId=directory_id, Tags=[tag])
    given = {"DirectoryId": directory_id, "RegionName": wanted["Region"], "VPCSettings": settings}
    _unless(("RegionLimitExceededException", "DirectoryUnavailableException"), directories_there.add_region, **given)


def _key(event: Event) -> str:
    """Return the key of the tag of a Managed AD that says whose the region is."""
    return f"{REPLICA}:{event['ResourceProperties']['Region']}"


def _is_ours(event: Event, directory_id: str) -> bool:
    """Tell whether a Managed AD says that the resource has added the region, or is about to."""
    primary: str = event["ResourceProperties"]["PrimaryRegion"]
    return tags_of(directory_id, primary).get(_key(event)) == mark(event)


def _placed(settings: dict[str, Any]) -> tuple[str, list[str]]:
    return settings["VpcId"], sorted(settings["SubnetIds"])


def _replica_ips(event: Event, directory_id: str, known: bool) -> list[str]:
    """Return the addresses of the controllers in a region once they serve; of what was there, in any case."""
    wanted = event["ResourceProperties"]
    region: str = wanted["Region"]
    there = _region(directory_id, region, wanted["PrimaryRegion"])
    if there is None:
        raise missing(event, f"{directory_id} must have been added to {region}, got no such region")
    seen(event)
    if there["Status"] == "Failed" and not known:
        raise ProviderError(f"{directory_id} could not be added to {region}, as Directory Service's console explains")
    if there["Status"] != "Active" and not known:
        raise NotReadyError(f"{directory_id} in {region} is {there['Status']}")
    return addresses_of(managed_ad(event, region, directory_id), region)


def remove_replica(event: Event, context: Any) -> None:
    """Remove a region that the resource has added to a Managed AD, and wait until it is gone.

    Args:
        event: The request.
        context: Lambda's context.
    """
    if not event["PhysicalResourceId"].endswith(ADOPTED):
        patiently(context, _ended, BUSY | {REFUSED}, event=event)


def _ended(event: Event) -> None:
    """Make sure that the region, which may not be shown yet, is not there."""
    _remove(event)
    may_end(event, _is_known(event))


def _is_known(event: Event) -> bool:
    """Tell whether the physical id is that of a replica."""
    return "/" in event["PhysicalResourceId"]


def _remove(event: Event, kept: str = "") -> None:
    """Remove the region from the Managed AD that says it is ours; with one to be kept, it need not be gone at once."""
    wanted = event["ResourceProperties"]
    region, primary = wanted["Region"], wanted["PrimaryRegion"]
    for managed in managed_ads(primary, wanted["Name"], wanted.get("DirectoryId")):
        directory_id = managed["DirectoryId"]
        if f"{directory_id}/{region}" == kept or not _is_ours(event, directory_id):
            continue
        there = _region(directory_id, region, primary)
        if there is None:
            # While it may still be shown, it must be ours.
            may_end(event, _is_known(event))
            service(primary).remove_tags_from_resource(ResourceId=directory_id, TagKeys=[_key(event)])
        elif there["Status"] != "Deleting":
            _unless(UNKNOWN, service(region).remove_region, DirectoryId=directory_id)
            raise NotReadyError(f"{directory_id} is being removed from {region}")
        elif not kept:
            raise NotReadyError(f"{directory_id} is still being removed from {region}")


def _region(directory_id: str, region: str, primary: str) -> dict[str, Any] | None:
    """Return what a Managed AD says of a region; None if it is not there."""
    found = service(primary).describe_regions(DirectoryId=directory_id, RegionName=region)["RegionsDescription"]
    return next((one for one in found if one["RegionName"] == region and one["Status"] != GONE), None)


def _unless(busy: tuple[str, ...], call: Callable[..., Any], **given: Any) -> None:
    """Make a call; with such errors of the service, it is not ready."""
    try:
        call(**given)
    except ClientError as error:
        if code(error) in busy:
            raise NotReadyError(str(error)) from error
        raise
