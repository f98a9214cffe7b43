"""AWS Directory Service with a state that each look takes further, and whose calls may go wrong in every way."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

import pytest
from botocore.exceptions import ConnectTimeoutError, ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.clock import sleep_by

HOME, PRIMARY, THIRD = "eu-central-1", "eu-west-1", "us-east-1"
NAME, PASSWORD = "corp.example.com", "hunter2-Secret!"
ACCOUNT = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:account-AbCdEf"
ENDPOINT = "https://ds.eu-central-1.amazonaws.com"
FAULTS = ("throttled", "unreached", "died before", "lost", "died", "slow")
NOW = 1_700_000_000
INVOCATION_SECONDS = 300
MANAGED = "d-0123456789"

Parameters = dict[str, Any]


class DiedError(BaseException):
    """The function is ended by Lambda, wherever it is."""


@dataclass
class Thing:
    """A directory, or the region of one.

    Args:
        stages: What it will be with each look; the last one lasts, and nothing means that it is gone.
        about: What else the service says of it.
        tags: Its tags.
        ours: Whether the function has made it.
    """

    stages: list[str]
    about: dict[str, Any]
    tags: dict[str, str] = field(default_factory=dict)
    ours: bool = False

    @property
    def live(self) -> bool:
        return bool(self.stages) and self.stages[0] not in ("Deleting", "Deleted")

    def look(self) -> str:
        return self.stages.pop(0) if len(self.stages) > 1 else self.stages[0]


class World:
    """The directories of an account, a secret, and the time.

    Args:
        aws: The fake AWS.
        monkeypatch: Puts its clock in the place of the real one.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        self._aws = aws
        self.secret: str | bytes = f'{{"username": "joiner", "password": "{PASSWORD}"}}'
        self.clear()
        monkeypatch.setattr(time, "time", lambda: self.now)
        sleep_by(monkeypatch, self._sleep)
        operations = {
            "ConnectDirectory": self._connect,
            "DescribeDirectories": self._describe,
            "ListTagsForResource": self._list_tags,
            "AddTagsToResource": self._add_tags,
            "RemoveTagsFromResource": self._remove_tags,
            "DeleteDirectory": self._delete,
            "AddRegion": self._add_region,
            "RemoveRegion": self._remove_region,
            "DescribeRegions": self._describe_regions,
        }
        for name, make in operations.items():
            aws.reply("ds", name, self._answer(make), repeat=True)
        aws.reply("secretsmanager", "GetSecretValue", self._answer(self._get_secret), repeat=True)
        aws.reply("lambda", "Invoke", {"StatusCode": 202}, repeat=True)

    def clear(self) -> None:
        """Begin anew, with nothing but the directories of others."""
        self._aws.calls.clear()
        self.now: float = NOW
        self.faults: list[str | None] = []
        self.removal = ["Deleting", "Deleting", "Deleted"]
        self.refusal: FakeError | None = None
        self.stages = ["Requested", "Creating", "Active"]
        self.directories: dict[tuple[str, str], Thing] = {}
        self.regions: dict[tuple[str, str], Thing] = {}
        self._count = 0
        self._hidden: list[tuple[dict[tuple[str, str], Thing], tuple[str, str], Thing, float]] = []
        for tags in ({}, {"cdk-refarch:resource": "Other/9z/Connector/0000"}):
            self.add("ADConnector", HOME, ["Active"], tags)

    def add(self, kind: str, region: str, stages: list[str], tags: dict[str, str], **about: Any) -> Thing:
        """Let there be a directory."""
        self._count += 1
        directory_id = about.pop("DirectoryId", f"d-{self._count:010x}")
        made = datetime.fromtimestamp(self.now, UTC)
        known = {"DirectoryId": directory_id, "Name": NAME, "Type": kind, "LaunchTime": made}
        thing = self.directories[region, directory_id] = Thing(list(stages), {**known, **about}, dict(tags))
        return thing

    def add_managed(self, edition: str = "Enterprise", directory_id: str = MANAGED) -> Thing:
        """Let there be a Managed AD in the primary region."""
        about = {"DirectoryId": directory_id, "Edition": edition, "DnsIpAddrs": ["10.1.0.2", "10.1.0.1"]}
        return self.add("MicrosoftAD", PRIMARY, ["Active"], {}, **about)

    def live(self, kind: str = "ADConnector", ours: bool = True) -> list[str]:
        """Return the ids of directories that are there."""
        found = [one for one in self.directories.values() if one.live and one.ours == ours]
        return [one.about["DirectoryId"] for one in found if one.about["Type"] == kind]

    def invoked(self) -> float:
        """Begin an invocation of the function and return when Lambda ends it."""
        self.end = self.now + INVOCATION_SECONDS
        return self.end

    def _sleep(self, seconds: float) -> None:
        self.now += seconds
        for hidden in [one for one in self._hidden if self.now > one[-1]]:
            self._hidden.remove(hidden)
            found, key, thing, _ = hidden
            found[key] = thing

    def hide(self, first: str, second: str, seconds: float) -> None:
        """Let a directory, by its region and id, or a region, by its directory and name, not be shown for a while."""
        key = (first, second)
        found = self.directories if key in self.directories else self.regions
        self._hidden.append((found, key, found.pop(key), self.now + seconds))

    def _answer(self, make: Callable[[Parameters], Any]) -> Callable[[Parameters], Any]:
        def answer(parameters: Parameters) -> Any:
            fault = self.faults.pop(0) if self.faults else None
            self.now += 0.25
            if fault == "throttled":
                raise FakeError("ThrottlingException", "Rate exceeded")
            if fault == "unreached":
                raise ConnectTimeoutError(endpoint_url=ENDPOINT)
            if fault == "died before":
                raise DiedError
            made = make(parameters)
            self.now += 290 if fault == "slow" else 0
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url=ENDPOINT)
            if fault == "died" or self.now > self.end:
                raise DiedError
            return made

        return answer

    @property
    def _region(self) -> str:
        return self._aws.calls[-1].region

    def _get(self, directory_id: str, unknown: str = "EntityDoesNotExistException") -> Thing:
        found = self.directories.get((self._region, directory_id))
        if found is None:
            raise FakeError(unknown, f"Directory {directory_id} does not exist")
        return found

    def _get_secret(self, parameters: Parameters) -> Any:
        assert parameters == {"SecretId": ACCOUNT}
        return {"SecretBinary" if isinstance(self.secret, bytes) else "SecretString": self.secret}

    def _connect(self, parameters: Parameters) -> Any:
        if self.refusal:
            raise self.refusal
        tags = {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
        mark = tags["cdk-refarch:resource"]
        same = [one for one in self.directories.values() if one.live and one.tags.get("cdk-refarch:resource") == mark]
        assert not same, "a second connector of the same properties"
        made = self.add("ADConnector", self._region, self.stages, tags)
        made.ours = True
        return {"DirectoryId": made.about["DirectoryId"]}

    def _describe(self, parameters: Parameters) -> Any:
        ids = parameters.get("DirectoryIds") or [one for at, one in self.directories if at == self._region]
        return {"DirectoryDescriptions": list(self._described([self._get(one) for one in ids]))}

    def _described(self, things: list[Thing]) -> Iterator[dict[str, Any]]:
        for thing in things:
            stage = thing.look()
            reason = {"StageReason": "Bad service account"} if stage in ("Failed", "Inoperable") else {}
            yield {**thing.about, "Stage": stage, **reason}
            if stage == "Deleted":
                del self.directories[self._region, thing.about["DirectoryId"]]

    def _list_tags(self, parameters: Parameters) -> Any:
        tags = self._get(parameters["ResourceId"]).tags
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()]}

    def _add_tags(self, parameters: Parameters) -> Any:
        self._get(parameters["ResourceId"]).tags |= {tag["Key"]: tag["Value"] for tag in parameters["Tags"]}
        return {}

    def _remove_tags(self, parameters: Parameters) -> Any:
        for key in parameters["TagKeys"]:
            self._get(parameters["ResourceId"]).tags.pop(key, None)
        return {}

    def _delete(self, parameters: Parameters) -> Any:
        thing = self._get(parameters["DirectoryId"])
        assert thing.ours, "a connector of somebody else"
        if thing.stages[0] not in ("Active", "Failed", "Inoperable"):
            raise FakeError("ClientException", f"Cannot delete a directory that is {thing.stages[0]}")
        thing.stages = list(self.removal)
        return parameters

    def _add_region(self, parameters: Parameters) -> Any:
        if self.refusal:
            raise self.refusal
        directory_id, region = parameters["DirectoryId"], parameters["RegionName"]
        assert (directory_id, region) not in self.regions, "a region that is there"
        self._get(directory_id)
        self.add_region(directory_id, region, self.stages, parameters["VPCSettings"]).ours = True
        return {}

    def add_region(self, directory_id: str, region: str, stages: list[str], settings: Any = None) -> Thing:
        """Let a Managed AD be in another region."""
        placed = {"VpcSettings": settings} if settings else {}
        about = {"DirectoryId": directory_id, "RegionName": region, **placed}
        self.regions[directory_id, region] = Thing(list(stages), about)
        controllers = {"DirectoryId": directory_id, "DnsIpAddrs": ["10.2.0.2", "10.2.0.1"]}
        self.add("MicrosoftAD", region, ["Active"], {}, **controllers)
        return self.regions[directory_id, region]

    def drop_region(self, directory_id: str, region: str) -> None:
        """Let a region be removed, at once."""
        del self.regions[directory_id, region], self.directories[region, directory_id]

    def _remove_region(self, parameters: Parameters) -> Any:
        directory_id, region = parameters["DirectoryId"], self._region
        thing = self.regions.get((directory_id, region))
        if thing is None:
            raise FakeError("DirectoryDoesNotExistException", "no such directory")
        assert thing.ours, "a region that somebody else has added"
        if thing.stages[0] not in ("Active", "Failed"):
            raise FakeError("DirectoryUnavailableException", f"the region is {thing.stages[0]}")
        thing.stages = list(self.removal)
        return {}

    def _describe_regions(self, parameters: Parameters) -> Any:
        directory_id, region = parameters["DirectoryId"], parameters["RegionName"]
        self._get(directory_id, "DirectoryDoesNotExistException")
        thing = self.regions.get((directory_id, region))
        if thing is None:
            return {"RegionsDescription": []}
        status = thing.look()
        if status == "Deleted":
            self.drop_region(directory_id, region)
        return {"RegionsDescription": [{**thing.about, "Status": status}]}
