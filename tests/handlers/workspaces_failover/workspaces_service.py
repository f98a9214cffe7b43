"""Amazon WorkSpaces as custom resources see it: what is asked for takes some looks, and calls may go wrong."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError

HOME, FAR = "eu-central-1", "eu-west-1"

OPERATIONS = (
    "AssociateConnectionAlias",
    "AssociateIpGroups",
    "CreateStandbyWorkspaces",
    "DeregisterWorkspaceDirectory",
    "DescribeConnectionAliases",
    "DescribeTags",
    "DescribeWorkspaceDirectories",
    "DescribeWorkspaces",
    "DisassociateConnectionAlias",
    "DisassociateIpGroups",
    "ModifySelfservicePermissions",
    "ModifyWorkspaceAccessProperties",
    "ModifyWorkspaceCreationProperties",
    "ModifyWorkspaceProperties",
    "RegisterWorkspaceDirectory",
    "TerminateWorkspaces",
)

Thing = dict[str, Any]


class Crash(BaseException):
    """The end of a function, which answers nothing more."""


class WorkSpaces:
    """The service in an account, with as many Regions as are asked.

    Args:
        aws: The fake AWS, which asks this for all replies.

    Attributes:
        directories: Registrations in the home Region by directory: State, Tags, ipGroupIds ...
        aliases: Connection aliases by Region and id; ``status`` and ``directory`` are those of the association.
        desktops: WorkSpaces by Region and id.
        slow: How often what is asked for is looked at before it is done.
        hidden: How often what was just made is not seen.
        failing: Directories that cannot be registered, and users whose standby cannot be made.
        unwanted: Why a standby is refused, by user.
        refused: Errors of the next calls by operation.
        faults: What goes wrong by the number of the call: throttled, crash, lost (the reply) or lost-crash.
        calls: How many were made.
        open: Directories that lost all groups though they stay, or got settings before groups.
        crashed: Whether the function has come to its end in a call.
        leaving: Whether directories may lose all groups.
    """

    def __init__(self, aws: FakeAws) -> None:
        self.aws = aws
        self.reset()
        for operation in OPERATIONS:
            aws.reply("workspaces", operation, self._replying(operation), repeat=True)

    def reset(self, faults: Mapping[int, str] | None = None, slow: int = 1) -> None:
        """Empty the account."""
        self.directories: dict[str, Thing] = {}
        self.aliases: dict[tuple[str, str], Thing] = {}
        self.desktops: dict[tuple[str, str], Thing] = {}
        self.crashed = False
        self.failing: set[str] = set()
        self.unwanted: dict[str, dict[str, str]] = {}
        self.open: set[str] = set()
        self.refused: dict[str, list[FakeError]] = {}
        self.faults = dict(faults or {})
        self.slow, self.hidden, self.page, self.leaving, self._made, self.calls = slow, 0, 25, False, 0, 0
        self.aws.calls.clear()

    def state(self) -> Any:
        """Return what is there, to compare it."""
        aliases = {key: (one["status"], one["directory"]) for key, one in self.aliases.items()}
        groups = {
            key: (one["State"], tuple(one["ipGroupIds"]))
            for key, one in self.directories.items()
            if one["State"] != "DEREGISTERED"
        }
        desktops = {key: one["State"] for key, one in self.desktops.items() if one["State"] != "TERMINATED"}
        return aliases, groups, desktops

    def modified(self) -> list[str]:
        """Return which calls were made that change something, in order."""
        return [call.operation for call in self.aws.calls if not call.operation.startswith(("Describe", "Invoke"))]

    def register(self, directory_id: str, *groups: str, **more: Any) -> None:
        """Register a directory as somebody else."""
        self.directories[directory_id] = {"State": "REGISTERED", "Tags": [], "ipGroupIds": list(groups), **more}

    def alias(self, alias_id: str, fqdn: str, directory: str | None = None, region: str = HOME) -> Thing:
        """Create an alias, which may be associated."""
        status = "ASSOCIATED_WITH_OWNER_ACCOUNT" if directory else "NOT_ASSOCIATED"
        made = {"fqdn": fqdn, "State": "CREATED", "status": status, "directory": directory}
        return self.aliases.setdefault((region, alias_id), made)

    def desktop(self, workspace_id: str, directory: str, user: str, region: str = HOME, state: str = "STOPPED") -> None:
        """Create a WorkSpace as somebody else."""
        of = {"DirectoryId": directory, "UserName": user}
        self.desktops[region, workspace_id] = {"WorkspaceId": workspace_id, **of, "State": state, "Tags": []}

    def _replying(self, operation: str) -> Callable[[Thing], Thing]:
        name = re.sub(r"(?<!^)(?=[A-Z])", "_", operation).lower()

        def reply(parameters: Thing) -> Thing:
            fault = self.faults.get(self.calls)
            self.calls += 1
            if fault == "throttled":
                raise FakeError("ThrottlingException", "Rate exceeded")
            if fault == "crash":
                self._crash()
            if refused := self.refused.get(operation):
                raise refused.pop(0)
            made: Thing = getattr(self, f"_{name}")(parameters, self.aws.calls[-1].region)
            if fault == "lost-crash":
                self._crash()
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://workspaces")
            return made

        return reply

    def _crash(self) -> None:
        self.crashed = True
        raise Crash

    def _unseen(self, thing: Thing) -> bool:
        """Tell whether something is too new to be seen."""
        thing["hidden"] = thing.get("hidden", 0) - 1
        unseen: bool = thing["hidden"] >= 0
        return unseen

    def _passes(self, thing: Thing, then: Callable[[], object]) -> None:
        """Let time pass with a look at something that is on its way."""
        thing["looks"] = thing.get("looks", self.slow) - 1
        if thing["looks"] < 0:
            del thing["looks"]
            then()

    def _describe_workspace_directories(self, given: Thing, _: str) -> Thing:
        (directory_id,) = given["DirectoryIds"]
        found = self.directories.get(directory_id)
        if found is None or self._unseen(found):
            return {"Directories": []}
        shown = {key: value for key, value in found.items() if key not in ("Tags", "looks", "hidden")}
        if found["State"] == "REGISTERING":
            failed = directory_id in self.failing
            end = {"State": "ERROR", "ErrorMessage": "no address is free"} if failed else {"State": "REGISTERED"}
            self._passes(found, lambda: found.update(end))
        elif found["State"] == "DEREGISTERING":
            self._passes(found, partial(found.update, State="DEREGISTERED"))
        elif found["State"] == "DEREGISTERED":
            del self.directories[directory_id]
        return {"Directories": [{"DirectoryId": directory_id, **shown}]}

    def _register_workspace_directory(self, given: Thing, _: str) -> Thing:
        directory_id = given["DirectoryId"]
        if self.directories.get(directory_id, {}).get("State", "DEREGISTERED") != "DEREGISTERED":
            raise FakeError("ResourceAlreadyExistsException")
        more = {"RegistrationCode": "SLiad+ABC", "WorkspaceSecurityGroupId": "sg-12345678"}
        more |= {"SubnetIds": given.get("SubnetIds", ["subnet-11111111", "subnet-22222222"])}
        self.register(directory_id, **{"State": "REGISTERING", "Tags": given["Tags"], "hidden": self.hidden, **more})
        return {"DirectoryId": directory_id, "State": "REGISTERING"}

    def _registered(self, directory_id: str, *states: str) -> Thing:
        if directory_id not in self.directories:
            raise FakeError("ResourceNotFoundException")
        found = self.directories[directory_id]
        if found["State"] not in states:
            raise FakeError("InvalidResourceStateException")
        return found

    def _deregister_workspace_directory(self, given: Thing, _: str) -> Thing:
        found = self._registered(given["DirectoryId"], "REGISTERED", "ERROR")
        if any(one["DirectoryId"] == given["DirectoryId"] for one in self.desktops.values()):
            raise FakeError("OperationNotSupportedException", "The directory has WorkSpaces.")
        found["State"] = "DEREGISTERING"
        return {}

    def _associate_ip_groups(self, given: Thing, _: str) -> Thing:
        groups = self._registered(given["DirectoryId"], "REGISTERED")["ipGroupIds"]
        if set(groups) & set(given["GroupIds"]):
            raise FakeError("InvalidParameterValuesException", "already associated")
        groups += given["GroupIds"]
        return {}

    def _disassociate_ip_groups(self, given: Thing, _: str) -> Thing:
        groups = self._registered(given["DirectoryId"], "REGISTERED")["ipGroupIds"]
        for group in given["GroupIds"]:
            groups.remove(group)
        if not groups and not self.leaving:
            self.open.add(given["DirectoryId"])
        return {}

    def _modify_selfservice_permissions(self, given: Thing, _: str) -> Thing:
        if not self._registered(given["ResourceId"], "REGISTERED")["ipGroupIds"]:
            self.open.add(given["ResourceId"])
        return {}

    _modify_workspace_access_properties = _modify_workspace_creation_properties = _modify_selfservice_permissions

    def _describe_tags(self, given: Thing, region: str) -> Thing:
        found = self.directories.get(given["ResourceId"]) or self.desktops.get((region, given["ResourceId"]))
        if found is None:
            raise FakeError("ResourceNotFoundException")
        return {"TagList": found["Tags"]}

    def _describe_connection_aliases(self, given: Thing, region: str) -> Thing:
        ids = [
            alias_id
            for (where, alias_id), one in self.aliases.items()
            if where == region
            and alias_id in given.get("AliasIds", [alias_id])
            and given.get("ResourceId") in (None, one["directory"])
        ]
        start = int(given.get("NextToken", "0"))
        shown = [self._shown(region, alias_id) for alias_id in ids[start : start + self.page]]
        more = {"NextToken": str(start + self.page)} if len(ids) > start + self.page else {}
        return {"ConnectionAliases": shown, **more}

    def _shown(self, region: str, alias_id: str) -> Thing:
        alias = self.aliases[region, alias_id]
        shown = {"AliasId": alias_id, "ConnectionString": alias["fqdn"], "State": alias["State"]}
        if self._unseen(alias):
            return {**shown, "Associations": [{"AssociationStatus": "NOT_ASSOCIATED"}]}
        association = {"AssociationStatus": alias["status"]}
        if alias["directory"]:
            association["ResourceId"] = alias["directory"]
        if alias["status"].startswith("ASSOCIATED"):
            number = int(alias["directory"][-4:], 16)
            association |= {"ConnectionIdentifier": f"wsci{number}", "AssociatedAccountId": "111122223333"}
        if alias["status"] == "PENDING_ASSOCIATION":
            self._passes(alias, lambda: alias.update(status="ASSOCIATED_WITH_OWNER_ACCOUNT"))
        if alias["status"] == "PENDING_DISASSOCIATION":
            self._passes(alias, lambda: alias.update(status="NOT_ASSOCIATED", directory=None))
        return {**shown, "Associations": [association]}

    def _associate_connection_alias(self, given: Thing, region: str) -> Thing:
        alias = self.aliases[region, given["AliasId"]]
        taken = [
            one
            for (where, _), one in self.aliases.items()
            if (where, one["directory"]) == (region, given["ResourceId"])
        ]
        if alias["directory"] or taken:
            raise FakeError("ResourceAssociatedException", "associated already")
        alias.update(status="PENDING_ASSOCIATION", directory=given["ResourceId"], hidden=self.hidden)
        return {"ConnectionIdentifier": "wsci0"}

    def _disassociate_connection_alias(self, given: Thing, region: str) -> Thing:
        alias = self.aliases[region, given["AliasId"]]
        if alias["status"] != "ASSOCIATED_WITH_OWNER_ACCOUNT":
            raise FakeError("InvalidResourceStateException")
        alias["status"] = "PENDING_DISASSOCIATION"
        return {}

    def _describe_workspaces(self, given: Thing, region: str) -> Thing:
        shown = []
        for (where, workspace_id), one in list(self.desktops.items()):
            if where != region or one["DirectoryId"] != given["DirectoryId"]:
                continue
            if given.get("UserName", one["UserName"]) != one["UserName"]:
                continue
            if self._unseen(one):
                continue
            shown.append({key: value for key, value in one.items() if key not in ("Tags", "looks", "hidden")})
            if one["State"] == "PENDING":
                failed = one["UserName"] in self.failing
                end = {"State": "ERROR", "ErrorCode": "Internal", "ErrorMessage": "no capacity"} if failed else {}
                self._passes(one, partial(one.update, {"State": "STOPPED", **end}))
            elif one["State"] == "TERMINATING":
                self._passes(one, partial(one.update, State="TERMINATED"))
            elif one["State"] == "TERMINATED":
                del self.desktops[where, workspace_id]
        start = int(given.get("NextToken", "0"))
        more = {"NextToken": str(start + self.page)} if len(shown) > start + self.page else {}
        return {"Workspaces": shown[start : start + self.page], **more}

    def _create_standby_workspaces(self, given: Thing, region: str) -> Thing:
        (asked,) = given["StandbyWorkspaces"]
        user = self.desktops[given["PrimaryRegion"], asked["PrimaryWorkspaceId"]]["UserName"]
        key = (asked["DirectoryId"], user)
        there = [one for (where, _), one in self.desktops.items() if where == region and one["State"] != "TERMINATED"]
        if key in [(one["DirectoryId"], one["UserName"]) for one in there]:
            failed = {"ErrorCode": "ResourceExists.WorkSpace", "ErrorMessage": "The user has one already."}
        else:
            failed = self.unwanted.get(user, {})
        if failed:
            return {"FailedStandbyRequests": [{"StandbyWorkspaceRequest": asked, **failed}]}
        self._made += 1
        workspace_id = f"ws-made{self._made:04}"
        self.desktop(workspace_id, *key, region=region, state="PENDING")
        replication = {"DataReplicationSettings": {"DataReplication": asked["DataReplication"]}}
        self.desktops[region, workspace_id] |= {"Tags": asked["Tags"], "hidden": self.hidden, **replication}
        return {"PendingStandbyRequests": [{"UserName": user, "DirectoryId": key[0], "State": "PENDING"}]}

    def _modify_workspace_properties(self, given: Thing, region: str) -> Thing:
        desktop = self.desktops[region, given["WorkspaceId"]]
        if desktop["State"] not in ("AVAILABLE", "STOPPED"):
            raise FakeError("InvalidResourceStateException")
        desktop["DataReplicationSettings"] = {"DataReplication": given["DataReplication"]}
        return {}

    def _terminate_workspaces(self, given: Thing, region: str) -> Thing:
        (asked,) = given["TerminateWorkspaceRequests"]
        desktop = self.desktops[region, asked["WorkspaceId"]]
        if desktop["State"] == "SUSPENDED":
            failed = {"ErrorCode": "OperationNotSupported", "ErrorMessage": "It is suspended."}
            return {"FailedRequests": [{**asked, **failed}]}
        desktop["State"] = "TERMINATING"
        desktop.pop("looks", None)
        return {}
