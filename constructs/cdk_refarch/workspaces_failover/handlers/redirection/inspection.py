"""The checks of the guard: everything that must be right on the day when users are sent to the other site."""

import os
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from sites import FQDN, SITES, client

REGIONS = {"primary": os.environ["PRIMARY_REGION"], "failover": os.environ["FAILOVER_REGION"]}
ZONE_ID = os.environ["ZONE_ID"]
PARAMETER_NAME = os.environ["PARAMETER_NAME"]
HEALTH_CHECK_ID = os.environ["HEALTH_CHECK_ID"]

NAME = FQDN.rstrip(".").lower()
"""The name as it can be compared."""

ASSOCIATED = "ASSOCIATED_WITH_OWNER_ACCOUNT"
CREATED = "CREATED"
READY = ("AVAILABLE", "STOPPED", "STARTING", "STOPPING")
BROKEN = ("ERROR", "UNHEALTHY", "IMPAIRED", "SUSPENDED", "ADMIN_MAINTENANCE")
"""The states of WorkSpaces that do not pass by themselves. The others are a part of their life."""
GONE = ("TERMINATING", "TERMINATED")
ROLES = {"primary": "PRIMARY", "failover": "SECONDARY"}
LONGEST_TTL = 60
DESKTOPS_OF_PAGE = 25
LISTING_TRIES = 5
"""A service that has answered already, and has more pages than it likes to be asked for, is given time."""
MOST_NAMED = 10
"""A finding must fit into a line of the log, and all of them into what the runbook is told."""

Finding = dict[str, str | None]
"""``finding``, its code; ``site``, None if it belongs to neither; ``detail``, in words."""

workspaces = {site: client("workspaces", region) for site, region in REGIONS.items()}
listing = {site: client("workspaces", region, tries=LISTING_TRIES) for site, region in REGIONS.items()}
directories = {site: client("ds", region) for site, region in REGIONS.items()}
route53 = client("route53")
ssm = client("ssm")


class Inspection:
    """All checks once; none hides what another finds.

    Attributes:
        findings: What is wrong.
        checked: The checks that could be made.
    """

    def __init__(self) -> None:
        self.findings: list[Finding] = []
        self.checked: list[str] = []
        self._identifiers: dict[str, str] = {}
        self._directories: dict[str, str] = {}
        self._users: dict[str, dict[str, str]] = {}
        self._unreachable: set[tuple[str, str | None]] = set()

    def run(self, action: str | None) -> None:
        """Make the checks.

        Args:
            action: What the runbook is to do: ``failover`` has no time to look at all desktops, ``drill`` is particular
                about them. None for nothing.
        """
        for site in SITES:
            self._check("alias", "WorkSpaces", site, partial(self._alias, site))
            if (directory := self._directories.get(site)) is not None:
                self._check("registration", "WorkSpaces", site, partial(self._registration, site, directory))
                self._check("directory", "Directory Service", site, partial(self._directory, site, directory))
                if ("WorkSpaces", site) not in self._unreachable:
                    self._look_at_desktops(site, directory, action)
        if len(self._users) == len(SITES):
            self._missing()
        self._check("records", "Route 53", None, self._records)
        if action == "drill":
            self._check("switch", "Systems Manager", None, self._switch)

    def _check(self, name: str, service: str, site: str | None, check: Callable[[], None]) -> None:
        # What did not answer once is not waited for again.
        if (service, site) in self._unreachable:
            return
        try:
            check()
        except (BotoCoreError, ClientError) as error:
            self._unreachable.add((service, site))
            self._find("service-unreachable", site, f"{service}{f' in {REGIONS[site]}' if site else ''}: {error}")
        else:
            self.checked.append(f"{site}-{name}" if site else name)

    def _find(self, code: str, site: str | None, detail: str) -> None:
        self.findings.append({"finding": code, "site": site, "detail": detail})

    def _alias(self, site: str) -> None:
        region = REGIONS[site]
        aliases = _all("ConnectionAliases", workspaces[site].describe_connection_aliases)
        # A name may have several, of which one is used.
        named = [one for one in aliases if one["ConnectionString"].lower() == NAME]
        if not named:
            self._find("alias-missing", site, f"{region} has no connection alias for {FQDN}")
            return
        for alias in named:
            for one in alias.get("Associations", []):
                if (alias["State"], one["AssociationStatus"]) == (CREATED, ASSOCIATED):
                    self._directories[site], self._identifiers[site] = one["ResourceId"], one["ConnectionIdentifier"]
                    return
        told = ", ".join(f"{one['AliasId']} in {region} is {_states(one)}" for one in named)
        self._find("alias-not-associated", site, told)

    def _registration(self, site: str, id: str) -> None:
        call = partial(workspaces[site].describe_workspace_directories, DirectoryIds=[id])
        for one in _all("Directories", call):
            if one["State"] != "REGISTERED":
                told = _because(one.get("ErrorMessage"))
                self._find("directory-not-registered", site, f"{id} is {one['State']} with WorkSpaces{told}")
            return
        self._find("directory-not-registered", site, f"{id} is unknown to WorkSpaces in {REGIONS[site]}")

    def _directory(self, site: str, id: str) -> None:
        client = directories[site]
        try:
            found = client.describe_directories(DirectoryIds=[id]).get("DirectoryDescriptions")
        except client.exceptions.EntityDoesNotExistException:
            found = None
        if not found:
            self._find("directory-not-active", site, f"{id} does not exist in {REGIONS[site]}")
        elif (one := found[0])["Stage"] != "Active":
            self._find("directory-not-active", site, f"{id} is {one['Stage']}{_because(one.get('StageReason'))}")

    def _look_at_desktops(self, site: str, id: str, action: str | None) -> None:
        if action == "failover" and site == "primary":
            return
        try:
            if action == "failover":
                self._any_desktop(site, id)
            else:
                self._desktops(site, id, for_drill=action == "drill")
        except (BotoCoreError, ClientError) as error:
            # The service has answered other questions: it is there, and whoever is in a hurry does without this.
            self._find("desktops-unknown", site, f"WorkSpaces of {id} in {REGIONS[site]} cannot be listed: {error}")
        else:
            self.checked.append(f"{site}-desktops")

    def _any_desktop(self, site: str, id: str) -> None:
        page = listing[site].describe_workspaces(DirectoryId=id, Limit=DESKTOPS_OF_PAGE)
        # Those on further pages may be there, which is enough.
        if not _there(page.get("Workspaces", [])) and not page.get("NextToken"):
            self._no_desktops(site, id)

    def _desktops(self, site: str, id: str, *, for_drill: bool) -> None:
        there = _there(_all("Workspaces", partial(listing[site].describe_workspaces, DirectoryId=id)))
        if site == "failover" and not there:
            self._no_desktops(site, id)
        waiting = [one for one in there if one["State"] in BROKEN or (for_drill and one["State"] not in READY)]
        if waiting:
            told = _some([f"{one['WorkspaceId']} of {one['UserName']} is {one['State']}" for one in waiting])
            self._find("desktop-not-ready", site, told)
        # Names of users are the same in any case.
        self._users[site] = {one["UserName"].lower(): one["UserName"] for one in there}

    def _no_desktops(self, site: str, id: str) -> None:
        self._find("no-desktops", site, f"{id} has no WorkSpace, and after 30 days AWS deregisters it")

    def _missing(self) -> None:
        missing = [user for name, user in self._users["primary"].items() if name not in self._users["failover"]]
        if missing:
            told = f"{self._directories['failover']} has no WorkSpace for {_some(sorted(missing, key=str.lower))}"
            self._find("desktop-missing", "failover", told)
        self.checked.append("users")

    def _records(self) -> None:
        records = {one.get("Failover"): one for one in _texts_of_name()}
        for site, role in ROLES.items():
            record = records.pop(role, None)
            if record is None:
                self._find("txt-missing", site, f"{ZONE_ID} has no TXT record {FQDN} for failover as {role}")
                continue
            self._record(site, role, record)
        for other in records.values():
            named = other.get("SetIdentifier", "one without a policy")
            self._find("txt-differs", None, f"{FQDN} must have no TXT record but those two, got {named}")

    def _record(self, site: str, role: str, record: dict[str, Any]) -> None:
        values = [one["Value"] for one in record.get("ResourceRecords", [])]
        # Unknown if the alias could not be read, which is a finding of its own.
        expected = self._identifiers.get(site)
        if expected is not None and values != [f'"{expected}"']:
            self._find("txt-differs", site, f'{role} record must be "{expected}", got {" ".join(values) or "none"}')
        if (ttl := record.get("TTL")) is None:
            self._find("txt-differs", site, f"{role} record must have a TTL, got none")
        elif ttl > LONGEST_TTL:
            self._find("txt-ttl", site, f"{role} record must live {LONGEST_TTL} s at most, got {ttl}")
        check, needed = record.get("HealthCheckId"), HEALTH_CHECK_ID if site == "primary" else None
        if check != needed:
            told = f"must have the health check {needed}" if needed else "must have no health check"
            self._find("txt-differs", site, f"{role} record {told}, got {check or 'none'}")

    def _switch(self) -> None:
        value = ssm.get_parameter(Name=PARAMETER_NAME)["Parameter"]["Value"]
        if value != "primary":
            self._find("not-at-primary", None, f"users are sent to {value} now, and a drill ends at primary")


def _all(key: str, call: Callable[..., dict[str, Any]]) -> Iterator[dict[str, Any]]:
    # WorkSpaces has no paginator for all of these.
    page = call()
    yield from page.get(key, [])
    while token := page.get("NextToken"):
        page = call(NextToken=token)
        yield from page.get(key, [])


def _states(alias: dict[str, Any]) -> str:
    associations = ", ".join(one["AssociationStatus"] for one in alias.get("Associations", []))
    state = "" if alias["State"] == CREATED else f"{alias['State']}, "
    return f"{state}{associations or 'without any association'}"


def _there(found: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    return [one for one in found if one["State"] not in GONE]


def _texts_of_name() -> Iterator[dict[str, Any]]:
    pages = route53.get_paginator("list_resource_record_sets").paginate(
        HostedZoneId=ZONE_ID, StartRecordName=FQDN, StartRecordType="TXT"
    )
    for page in pages:
        for one in page["ResourceRecordSets"]:
            # In the order of names and types, so that what comes after is of no interest.
            if (one["Name"].rstrip(".").lower(), one["Type"]) != (NAME, "TXT"):
                return
            yield one


def _some(told: list[str]) -> str:
    more = len(told) - MOST_NAMED
    return ", ".join(told[:MOST_NAMED]) + (f" and {more} more" if more > 0 else "")


def _because(reason: str | None) -> str:
    return f": {reason}" if reason else ""
