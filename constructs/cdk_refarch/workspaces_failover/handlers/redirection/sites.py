"""What the functions share: the two sites, and clients that do not wait long for a region that is gone."""

import os
from typing import Any

import boto3
from botocore.config import Config

FQDN = os.environ["FQDN"]
"""The name that users have as their registration code."""

SITES = ("primary", "failover")


def client(service: str, region: str | None = None, endpoint: str | None = None, tries: int = 2) -> Any:
    """Return a client whose calls end within seconds, answered or not.

    Args:
        service: The service, as boto3 calls it.
        region: The region; None for the function's own.
        endpoint: The address, for services that have no single one.
        tries: How often a call is made before it fails.
    """
    config = Config(connect_timeout=2, read_timeout=4, retries={"total_max_attempts": tries, "mode": "standard"})
    return boto3.client(service, region_name=region, endpoint_url=endpoint, config=config)


def known(site: object) -> str:
    """Return the site if it is one.

    Args:
        site: What came from outside.

    Raises:
        ValueError: If it is none.
    """
    if site not in SITES:
        raise ValueError(f"site must be primary or failover, got {site!r}")
    return str(site)
