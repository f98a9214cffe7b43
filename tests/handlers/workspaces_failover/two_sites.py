"""Two sites in a fake AWS, in which everything is right until a test breaks it."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.loading import Context
from tests.handlers.workspaces_failover.redirection import FQDN, HEALTH_CHECK, IDENTIFIERS, PARAMETER, REGIONS, ZONE

DIRECTORIES = {"primary": "d-1111111111", "failover": "d-2222222222"}
SITES = ("primary", "failover")
OF_A_SITE = ("alias", "registration", "directory", "desktops")
EVERYTHING = [*(f"{site}-{check}" for site in SITES for check in OF_A_SITE), "users", "records"]
GONE = ConnectTimeoutError(endpoint_url="https://workspaces")
SITE_OF = {region: site for site, region in REGIONS.items()}

Pages = dict[str, list[list[dict[str, Any]]]]


def desktop(user: str, state: str = "AVAILABLE", number: int = 1) -> dict[str, Any]:
    return {"WorkspaceId": f"ws-{user.lower()}{number:06}", "UserName": user, "State": state}


def alias(fqdn: str, directory: str, identifier: str, status: str = "ASSOCIATED_WITH_OWNER_ACCOUNT") -> dict[str, Any]:
    association = {"AssociationStatus": status, "ResourceId": directory, "ConnectionIdentifier": identifier}
    return {"ConnectionString": fqdn, "AliasId": "wsca-12345678", "State": "CREATED", "Associations": [association]}


def record(role: str, identifier: str, **changes: Any) -> dict[str, Any]:
    return {
        "Name": FQDN + ".",
        "Type": "TXT",
        "SetIdentifier": role.lower(),
        "Failover": role,
        "TTL": 60,
        "ResourceRecords": [{"Value": f'"{identifier}"'}],
        **({"HealthCheckId": HEALTH_CHECK} if role == "PRIMARY" else {}),
        **changes,
    }


class TwoSites:
    """What the services of both regions answer; lists of lists are pages.

    Args:
        aws: The fake AWS; in place already.
        guard: The module of the function.

    Attributes:
        aliases: The pages of connection aliases of a site.
        registered: The pages of directories that WorkSpaces knows in a site.
        directories: The directories of a site.
        desktops: The pages of WorkSpaces of a site.
        records: The pages of record sets of the zone, from the name of the redirection on.
        switch: The parameter.
        broken: What calls answer instead, by site and operation; the site is None if it is the function's own region.
    """

    def __init__(self, aws: FakeAws, guard: Any) -> None:
        self.aws, self.guard = aws, guard
        self.reset()
        for operation, pages, key in (
            ("DescribeConnectionAliases", lambda: self.aliases, "ConnectionAliases"),
            ("DescribeWorkspaceDirectories", lambda: self.registered, "Directories"),
            ("DescribeWorkspaces", lambda: self.desktops, "Workspaces"),
        ):
            aws.reply("workspaces", operation, self._paged(pages, key), repeat=True)
        aws.reply("ds", "DescribeDirectories", self._directories, repeat=True)
        aws.reply("route53", "ListResourceRecordSets", self._records, repeat=True)
        aws.reply("ssm", "GetParameter", self._parameter, repeat=True)

    def reset(self) -> None:
        """Put everything right and forget what was asked, for the next test."""
        ids = DIRECTORIES.items()
        self.aliases: Pages = {site: [[alias(FQDN, id, IDENTIFIERS[site])]] for site, id in ids}
        self.registered: Pages = {site: [[{"DirectoryId": id, "State": "REGISTERED"}]] for site, id in ids}
        self.directories = {site: [{"DirectoryId": id, "Stage": "Active"}] for site, id in ids}
        self.desktops: Pages = {site: [[desktop("Ann"), desktop("bob", "STOPPED")]] for site, _ in ids}
        self.records = [[record("PRIMARY", IDENTIFIERS["primary"]), record("SECONDARY", IDENTIFIERS["failover"])]]
        self.switch = "primary"
        self.broken: dict[tuple[str | None, str], Exception] = {}
        self.aws.calls.clear()

    def run(self, **event: Any) -> Any:
        """Return what the guard says to an event."""
        return self.guard.handler(event, Context())

    def refused(self, **event: Any) -> str:
        """Return why the runbook may not go on; Step Functions knows it by the name of the error."""
        with pytest.raises(self.guard.NotReadyError) as error:
            self.run(**{"dryRun": False, **event})
        assert type(error.value).__name__ == "NotReadyError"
        return str(error.value)

    def found(self) -> list[tuple[Any, Any, Any]]:
        """Return code, site and detail of what the schedule finds."""
        return [(one["finding"], one["site"], one["detail"]) for one in self.run()["findings"]]

    def asked(self) -> list[tuple[str | None, str, dict[str, Any]]]:
        """Return site, operation and parameters of all calls, in order."""
        return [(self._site(call), call.operation, call.parameters) for call in self.aws.calls]

    @staticmethod
    def _site(call: Any) -> str | None:
        return SITE_OF[call.region] if call.service in ("workspaces", "ds") else None

    def _here(self) -> str:
        call = self.aws.calls[-1]
        site = self._site(call)
        if error := self.broken.get((site, call.operation)) or self.broken.get((site, "*")):
            raise error
        return site or ""

    def _paged(self, pages: Callable[[], Pages], key: str) -> Any:
        def answer(given: dict[str, Any]) -> dict[str, Any]:
            here = pages()[self._here()]
            number = int(given.get("NextToken", 0))
            more = {"NextToken": str(number + 1)} if number + 1 < len(here) else {}
            return {key: here[number], **more}

        return answer

    def _directories(self, given: dict[str, Any]) -> dict[str, Any]:
        found = [one for one in self.directories[self._here()] if one["DirectoryId"] in given["DirectoryIds"]]
        if not found:
            raise FakeError("EntityDoesNotExistException", "gone")
        return {"DirectoryDescriptions": found}

    def _records(self, given: dict[str, Any]) -> dict[str, Any]:
        self._here()
        assert given["HostedZoneId"] == ZONE
        number = int(given.get("StartRecordIdentifier", 0))
        page = {"ResourceRecordSets": self.records[number], "MaxItems": "300", "IsTruncated": False}
        if number + 1 < len(self.records):
            # Pages of record sets go on at a name, a type and an identifier.
            page |= {"IsTruncated": True, "NextRecordName": FQDN, "NextRecordType": "TXT"}
            page["NextRecordIdentifier"] = str(number + 1)
        return page

    def _parameter(self, given: dict[str, Any]) -> dict[str, Any]:
        self._here()
        assert given == {"Name": PARAMETER}
        return {"Parameter": {"Name": PARAMETER, "Type": "String", "Value": self.switch}}


def logged(capsys: pytest.CaptureFixture[str]) -> list[Any]:
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def broken_everywhere(sites: TwoSites) -> list[tuple[str, str | None]]:
    """Break all that can be broken together, and return what must be found of it."""
    for site in SITES:
        sites.registered[site][0][0]["State"] = "ERROR"
        sites.directories[site][0]["Stage"] = "Failed"
    sites.desktops["primary"][:], sites.desktops["failover"][:] = [[desktop("ann", "ERROR")]], [[]]
    sites.records[:] = [[record("PRIMARY", "wrong", TTL=300)]]
    lost = ("directory-not-registered", "directory-not-active")
    return [
        *((code, "primary") for code in (*lost, "desktop-not-ready")),
        *((code, "failover") for code in (*lost, "no-desktops", "desktop-missing")),
        *(("txt-differs", "primary"), ("txt-ttl", "primary"), ("txt-missing", "failover")),
    ]
