"""What the tests of WorkSpaces do in a region, and wait for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from botocore.exceptions import ClientError

from sandbox.operations import told
from sandbox.run import Run

HERE, THERE = "us-west-2", "eu-west-1"
ROLE = "workspaces_DefaultRole"
QUICK = 0.05
BUNDLE = "wsb-0123456789"
PASSWORD = "Passw0rd!xyz"  # noqa: S105 - of no account


class Site:
    """WorkSpaces and Directory Service of a region."""

    def __init__(self, run: Run, region: str = HERE) -> None:
        self.run, self.region = run, region
        self.ws, self.ds, self.ec2 = (run.client(name, region) for name in ("workspaces", "ds", "ec2"))

    def tell(self, what: str, **about: Any) -> dict[str, Any]:
        found: dict[str, Any] = told(self.run, f"/_sandbox/workspaces/{what}", {"region": self.region, **about})
        return found

    @contextmanager
    def slowly(self) -> Iterator[None]:
        """Let states last that pass into others, so that they can be seen; afterwards they have passed."""
        self.tell("pace", seconds=5)
        try:
            yield
        finally:
            self.tell("pace", seconds=QUICK)
            time.sleep(4 * QUICK)

    def directory(self, **about: Any) -> str:
        return str(self.tell("existing", **{"type": "ADConnector", "name": "corp.example.com", **about})["directoryId"])

    def registration(self, id: str) -> dict[str, Any] | None:
        return next(iter(self.ws.describe_workspace_directories(DirectoryIds=[id])["Directories"]), None)

    def register(self, id: str, **more: Any) -> str:
        self.ws.register_workspace_directory(DirectoryId=id, **more)
        self.run.wait("the registration", lambda: (self.registration(id) or {}).get("State") in ("REGISTERED", "ERROR"))
        return id

    def deregister(self, id: str) -> None:
        self.ws.deregister_workspace_directory(DirectoryId=id)
        self.run.wait("the end of the registration", lambda: self.registration(id) is None)

    def alias(self, text: str) -> str:
        id = str(self.ws.create_connection_alias(ConnectionString=text)["AliasId"])
        self.run.wait("the alias", lambda: self.aliased(id)["State"] == "CREATED")
        return id

    def aliased(self, id: str) -> dict[str, Any]:
        return next(iter(self.ws.describe_connection_aliases(AliasIds=[id])["ConnectionAliases"]), {})

    def association(self, id: str) -> str:
        return str((self.aliased(id).get("Associations") or [{}])[0].get("AssociationStatus"))

    def associate(self, alias: str, directory: str) -> str:
        made = self.ws.associate_connection_alias(AliasId=alias, ResourceId=directory)["ConnectionIdentifier"]
        self.run.wait("the association", lambda: self.association(alias) == "ASSOCIATED_WITH_OWNER_ACCOUNT")
        return str(made)

    def withdraw(self, alias: str) -> None:
        if self.association(alias) == "ASSOCIATED_WITH_OWNER_ACCOUNT":
            self.ws.disassociate_connection_alias(AliasId=alias)
            self.run.wait("the end of the association", lambda: self.association(alias) == "NOT_ASSOCIATED")
        self.ws.delete_connection_alias(AliasId=alias)
        self.run.wait("the end of the alias", lambda: not self.aliased(alias))

    def desktop(self, id: str) -> dict[str, Any]:
        return next(iter(self.ws.describe_workspaces(WorkspaceIds=[id])["Workspaces"]), {})

    def create(self, directory: str, user: str = "anna", **more: Any) -> dict[str, Any]:
        request = {"DirectoryId": directory, "UserName": user, "BundleId": BUNDLE, **more}
        answer = self.ws.create_workspaces(Workspaces=[request])
        found: dict[str, Any] = (answer["FailedRequests"] + answer["PendingRequests"])[0]
        return found

    def ready(self, id: str) -> None:
        self.run.wait("the WorkSpace", lambda: self.desktop(id).get("State") in ("AVAILABLE", "ERROR"))

    def terminate(self, *ids: str) -> None:
        self.ws.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": id} for id in ids])
        self.run.wait("the end of the WorkSpaces", lambda: not any(self.desktop(id) for id in ids))

    def stage(self, id: str) -> str:
        return str(self.described(id).get("Stage", "gone"))

    def described(self, id: str) -> dict[str, Any]:
        found = self.ds.describe_directories()["DirectoryDescriptions"]
        return next((one for one in found if one["DirectoryId"] == id), {})

    def network(self, *zones: str) -> tuple[str, list[str]]:
        vpc = self.ec2.create_vpc(CidrBlock="10.7.0.0/16")["Vpc"]["VpcId"]
        subnets = [
            self.ec2.create_subnet(VpcId=vpc, CidrBlock=f"10.7.{number}.0/24", AvailabilityZone=f"{self.region}{zone}")
            for number, zone in enumerate(zones)
        ]
        return vpc, [one["Subnet"]["SubnetId"] for one in subnets]


@contextmanager
def refused(code: str, text: str | None = None) -> Iterator[None]:
    with pytest.raises(ClientError, match=text) as caught:
        yield
    assert caught.value.response["Error"]["Code"] == code


def trust(principal: dict[str, str]) -> str:
    statement = {"Effect": "Allow", "Principal": principal, "Action": "sts:AssumeRole"}
    return json.dumps({"Version": "2012-10-17", "Statement": [statement]})


@contextmanager
def default_role(run: Run) -> Iterator[None]:
    """The service role of WorkSpaces, and states that pass quickly."""
    iam = run.client("iam")
    told(run, "/_sandbox/workspaces/pace", {"seconds": QUICK})
    iam.create_role(RoleName=ROLE, AssumeRolePolicyDocument=trust({"Service": "workspaces.amazonaws.com"}))
    try:
        yield
    finally:
        iam.delete_role(RoleName=ROLE)
        told(run, "/_sandbox/workspaces/pace", {"seconds": 0.5})
