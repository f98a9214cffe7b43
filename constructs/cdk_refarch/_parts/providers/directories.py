"""Directories of AWS Directory Service, as custom resources look for them."""

import time
from collections.abc import Iterator
from functools import cache
from typing import Any

from botocore.exceptions import ClientError

from cloudformation import Event, NotReadyError, ProviderError, client, code

MAKING, GOING, GONE = ("Requested", "Creating", "Created"), ("Deleting", "Deleted"), "Deleted"
"""Stages of a directory, and of one of its regions."""

REFUSED = "ClientException"
"""What the service also says while permissions spread, and until applications have left a directory."""

SPREADING_SECONDS = 240
"""How long what is not there may just have been made."""

Directory = dict[str, Any]


@cache
def service(region: str | None = None) -> Any:
    """Return the client of a region.

    Args:
        region: The region; None for the function's.
    """
    return client("ds", region)


def directories(region: str | None = None) -> Iterator[Directory]:
    """Yield all directories of the account in a region.

    Args:
        region: The region; None for the function's.
    """
    for page in service(region).get_paginator("describe_directories").paginate():
        yield from page["DirectoryDescriptions"]


def managed_ads(region: str, name: str, directory_id: str | None) -> list[Directory]:
    """Return the Managed ADs with an id, or else with a name, in a region.

    Args:
        region: The region.
        name: The name, as in ``corp.example.com``.
        directory_id: The id, if it is known.
    """
    return [
        one
        for one in directories(region)
        if one["Type"] == "MicrosoftAD"
        and one["Stage"] not in GOING
        and (one["DirectoryId"] == directory_id if directory_id else is_same_name(one["Name"], name))
    ]


def managed_ad(event: Event, region: str, directory_id: str | None) -> Directory:
    """Return the Managed AD with an id, or else with the name of a resource, in a region.

    Args:
        event: The request of the resource.
        region: The region.
        directory_id: The id, if it is known.
    """
    name = event["ResourceProperties"]["Name"]
    found = managed_ads(region, name, directory_id)
    if len(found) > 1:
        ids = ", ".join(one["DirectoryId"] for one in found)
        raise ProviderError(f"one Managed AD in {region} must have the name {name}, got {ids}; give its directory_id")
    if not found:
        raise missing(event, f"{region} must have a Managed AD {directory_id or name}, got none; deploy it first")
    return found[0]


def addresses_of(managed: Directory, region: str) -> list[str]:
    """Return the addresses of the domain controllers of a Managed AD.

    Args:
        managed: What the region says of it.
        region: The region.
    """
    addresses = sorted(managed.get("DnsIpAddrs", []))
    if not addresses:
        raise NotReadyError(f"{managed['DirectoryId']} has no domain controllers in {region} yet")
    return addresses


def is_same_name(one: str, other: str) -> bool:
    """Tell whether two names in DNS are the same.

    Args:
        one: A name.
        other: Another one.
    """
    return one.rstrip(".").lower() == other.rstrip(".").lower()


def tags_of(directory_id: str, region: str | None = None) -> dict[str, str]:
    """Return the tags of a directory; none if it is gone.

    Args:
        directory_id: The directory.
        region: Its region; None for the function's.
    """
    tags: dict[str, str] = {}
    try:
        for page in service(region).get_paginator("list_tags_for_resource").paginate(ResourceId=directory_id):
            tags |= {tag["Key"]: tag["Value"] for tag in page["Tags"]}
    except ClientError as error:
        if code(error) != "EntityDoesNotExistException":
            raise
    return tags


def missing(event: Event, text: str) -> ProviderError:
    """Return the error for what is not there, which for some minutes may still come.

    Args:
        event: The request of the resource.
        text: What must be there.
    """
    return ProviderError(text) if is_late(event) else NotReadyError(text)


def is_late(event: Event) -> bool:
    """Tell whether what is found is no more what was there before the request.

    Args:
        event: The request.
    """
    passed: float = time.time() - event["Began"]
    return passed > SPREADING_SECONDS
