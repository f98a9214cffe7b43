"""A repository of CodeCommit, the table of the record, and the state machine that calls for slices."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import SimpleNamespace
from typing import Any

import boto3
import pytest
from botocore import xform_name
from moto import mock_aws

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.account import Crash, load_guard
from tests.handlers.loading import Context

READING = {"codecommit:GetCommit", "codecommit:GetDifferences", "codecommit:GetBlob"}
WRITING = {"dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem"}
LATE = 80
"""Seconds that are too few to begin anything with."""

SECRET = "/".join(("hV3kQz8", "Tn2LwYb5+RxPc7JdMa1FgEs9UoXi4CqB"))

Tree = dict[str, bytes]


def key_id(number: int = 0) -> str:
    """Return the id of a key that no account has."""
    digits = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
    raw = hashlib.sha256(f"key {number}".encode()).digest()
    return "AKIAY" + "".join(digits[byte % 32] for byte in raw[:15])


@contextmanager
def record_table() -> Iterator[Any]:
    """Yield a client of DynamoDB as moto has it, with the table."""
    with mock_aws():
        dynamodb = boto3.client("dynamodb", region_name="eu-central-1")
        names = ("pk", "sk")
        dynamodb.create_table(
            TableName="Record",
            KeySchema=[{"AttributeName": n, "KeyType": t} for n, t in zip(names, ("HASH", "RANGE"), strict=True)],
            AttributeDefinitions=[{"AttributeName": name, "AttributeType": "S"} for name in names],
            BillingMode="PAY_PER_REQUEST",
        )
        yield dynamodb


def emptied(dynamodb: Any) -> Any:
    """Return a client after taking everything out of its table."""
    for item in dynamodb.scan(TableName="Record")["Items"]:
        dynamodb.delete_item(TableName="Record", Key={name: item[name] for name in ("pk", "sk")})
    return dynamodb


Item = dict[str, dict[str, Any]]


def _number(item: Item, name: str) -> int:
    return int(item[name]["N"])


CONDITIONS: dict[str | None, Callable[[Item, Item], bool]] = {
    None: lambda item, given: True,
    "#run = :run": lambda item, given: item.get("run") == given["run"],
    "attribute_not_exists(pk) OR #slice <= :slice": lambda item, given: (
        not item or _number(item, "slice") <= _number(given, "slice")
    ),
    "NOT (#walk = :walk AND #slice < :slice)": lambda item, given: (
        item.get("walk") != given["walk"] or _number(item, "slice") >= _number(given, "slice")
    ),
}


class Table:
    """A client of DynamoDB for the expressions that the scan uses and no others, many times faster than moto's.

    The tests of the modules that write to the table run with both.
    """

    exceptions = SimpleNamespace(ConditionalCheckFailedException=FakeError)

    def __init__(self) -> None:
        self._items: dict[tuple[str, str], Item] = {}

    def get_item(self, **given: Any) -> dict[str, Any]:
        item = self._items.get(self._key(given["Key"]))
        return {} if item is None else {"Item": dict(item)}

    def put_item(self, **given: Any) -> dict[str, Any]:
        self._items[self._key(given["Item"])] = given["Item"]
        return {}

    def scan(self, **_: Any) -> dict[str, Any]:
        return {"Items": list(self._items.values())}

    def update_item(self, **given: Any) -> dict[str, Any]:
        key, names = self._key(given["Key"]), given["ExpressionAttributeNames"]
        old = self._items.get(key, {})
        values = {names[f"#{name[1:]}"]: value for name, value in given["ExpressionAttributeValues"].items()}
        if not CONDITIONS[given.get("ConditionExpression")](old, values):
            raise FakeError("ConditionalCheckFailedException")
        item = {**given["Key"], **old}
        sets, _, adds = given["UpdateExpression"].partition("ADD ")
        for name, first in re.findall(r"#(\w+) = (if_not_exists)?", sets):
            if not (first and name in old):
                item[name] = values[name]
        for name in re.findall(r"#(\w+)", adds):
            item[name] = {"N": str(_number({name: {"N": "0"}, **old}, name) + _number(values, name))}
        self._items[key] = item
        return {"Attributes": dict(old)} if old and given["ReturnValues"] == "ALL_OLD" else {}

    def _key(self, item: Item) -> tuple[str, str]:
        return item["pk"]["S"], item["sk"]["S"]


class Pushes:
    """A repository, and the scans of what is pushed to it.

    Attributes:
        blobs: What files hold, by id.
        commits: The commits, by id, as GetCommit has them.
        trees: The files of commits: paths with the ids of what they hold, and their modes.
        branches: The newest commits of branches.
        tags: The commits that annotated tags lead to, by reference.
        faults: What goes wrong at an operation, by its name.
        crash: The number of the call at which the function is ended.
        page: How many differences are on a page.
        limits: Constants of the handler that are others.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch, dynamodb: Any = None) -> None:
        monkeypatch.setenv("TABLE_NAME", "Record")
        self.aws, self._dynamodb = aws, dynamodb
        self.blobs: dict[str, bytes] = {}
        self.commits: dict[str, dict[str, Any]] = {}
        self.trees: dict[str, dict[str, tuple[str, str]]] = {}
        self.branches: dict[str, str] = {}
        self.tags: dict[str, str] = {}
        self.faults: dict[str, list[FakeError | None]] = {}
        self.crash, self.page = -1, 2
        self.limits: dict[str, int] = {}
        self._function: Any = None
        answers = {
            "GetCommit": self._commit,
            "GetDifferences": self._differences,
            "GetBlob": self._blob,
            "GetFolder": self._folder,
            "ListBranches": self._list,
            "GetBranch": self._branch,
        }
        for operation, answer in answers.items():
            aws.reply("codecommit", operation, self._answering(operation, answer), repeat=True)
        for operation in ("GetItem", "PutItem", "UpdateItem") if dynamodb else ():
            aws.reply("dynamodb", operation, self._answering(operation, self._kept(operation)), repeat=True)

    def commit(
        self,
        files: Tree,
        *parents: str,
        message: str = "change",
        modes: dict[str, str] | None = None,
        author: str = "Bob",
        date: int | None = None,
    ) -> str:
        """Make a commit and return its id."""
        number = len(self.commits)
        name = hashlib.sha1(f"commit {number}".encode(), usedforsecurity=False).hexdigest()
        tree = {}
        for path, data in files.items():
            blob = hashlib.sha1(data, usedforsecurity=False).hexdigest()
            self.blobs[blob] = data
            tree[path] = (blob, (modes or {}).get(path, "100644"))
        self.trees[name] = tree
        written = {"name": author, "email": "bob@example.com", "date": f"{date or 1_700_000_000 + number} -0800"}
        self.commits[name] = {
            "commitId": name,
            "treeId": name,
            "parents": list(parents),
            "message": message,
            "author": written,
            "committer": written,
        }
        return name

    def event(self, commit: str, old: str | None = None, **more: str) -> dict[str, Any]:
        detail = {
            "event": "referenceUpdated" if old else "referenceCreated",
            "repositoryName": "shop",
            "commitId": commit,
            "referenceFullName": "refs/heads/main",
            "callerUserArn": "arn:aws:iam::111122223333:user/bob",
            **({"oldCommitId": old} if old else {}),
            **more,
        }
        return {"source": "aws.codecommit", "detail": detail}

    def slice(self, request: Any, number: int = 0, walk: str = "w1", seconds: float = 900, look: float = 0) -> Any:
        """Run the function once; Lambda keeps what it has loaded, unless it has crashed."""
        event = {"walk": walk, "request": request, "slice": number}
        scan = self._function or load_guard("scan")
        for name, value in self.limits.items():
            setattr(scan, name, value)
        self._function = None
        result = scan.handler(event, Context(seconds, look))
        self._function = scan
        return result

    def run(self, request: Any, walk: str = "w1", **time: float) -> list[Any]:
        """Run slices until all is done, as the state machine does."""
        results: list[Any] = []
        while not results or not results[-1]["done"]:
            results.append(self.slice(request, len(results), walk, **time))
            assert results[-1]["slice"] == len(results)
            assert len(results) < 100
        return results

    def finding(self, finding: str) -> dict[str, Any]:
        return self.item(f"finding#{finding}", "finding")

    def item(self, pk: str, sk: str) -> dict[str, Any]:
        item = self._dynamodb.get_item(TableName="Record", Key={"pk": {"S": pk}, "sk": {"S": sk}}).get("Item", {})
        return {name: next(iter(value.values())) for name, value in item.items()}

    def table(self) -> list[Any]:
        found: list[Any] = self._dynamodb.scan(TableName="Record")["Items"]
        return found

    def asked(self, operation: str) -> list[dict[str, Any]]:
        return [call.parameters for call in self.aws.calls if call.operation == operation]

    def _answering(self, operation: str, answer: Any) -> Any:
        def reply(given: dict[str, Any]) -> Any:
            if 0 <= self.crash < len(self.aws.calls):
                self.crash = -1
                raise Crash
            if self.faults.get(operation) and (fault := self.faults[operation].pop(0)):
                raise fault
            return answer(given)

        return reply

    def _kept(self, operation: str) -> Any:
        call = getattr(self._dynamodb, xform_name(operation))

        def reply(given: dict[str, Any]) -> Any:
            try:
                answer = call(**given)
            except self._dynamodb.exceptions.ConditionalCheckFailedException as error:
                raise FakeError("ConditionalCheckFailedException") from error
            answer.pop("ResponseMetadata", None)
            return answer

        return reply

    def _commit(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["repositoryName"] == "shop"
        if given["commitId"] not in self.commits:
            raise FakeError("CommitIdDoesNotExistException")
        return {"commit": self.commits[given["commitId"]]}

    def _differences(self, given: dict[str, Any]) -> dict[str, Any]:
        after = self.trees[given["afterCommitSpecifier"]]
        if given.get("beforeCommitSpecifier", given["afterCommitSpecifier"]) not in self.trees:
            raise FakeError("CommitDoesNotExistException")
        before = self.trees[given["beforeCommitSpecifier"]] if "beforeCommitSpecifier" in given else {}
        found = []
        for path in sorted({*before, *after}):
            if before.get(path) != after.get(path):
                sides = {"beforeBlob": before.get(path), "afterBlob": after.get(path)}
                blobs = {name: {"path": path, "blobId": s[0], "mode": s[1]} for name, s in sides.items() if s}
                kind = "M" if len(blobs) == len(sides) else "A" if "afterBlob" in blobs else "D"
                found.append({"changeType": kind, **blobs})
        begin = int(given.get("NextToken", 0))
        more = {"NextToken": str(begin + self.page)} if begin + self.page < len(found) else {}
        return {"differences": found[begin : begin + self.page], **more}

    def _blob(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["blobId"] not in self.blobs:
            raise FakeError("BlobIdDoesNotExistException")
        data = self.blobs[given["blobId"]]
        if len(data) > 6 * 1024**2:
            raise FakeError("FileTooLargeException")
        return {"content": data}

    def _folder(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["folderPath"] == "/"
        if given["commitSpecifier"] not in self.tags:
            raise FakeError("CommitDoesNotExistException")
        return {"commitId": self.tags[given["commitSpecifier"]], "folderPath": ""}

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        names = sorted(self.branches)
        begin = int(given.get("nextToken", 0))
        more = {"nextToken": str(begin + self.page)} if begin + self.page < len(names) else {}
        return {"branches": names[begin : begin + self.page], **more}

    def _branch(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["branchName"] not in self.branches:
            raise FakeError("BranchDoesNotExistException")
        return {"branch": {"branchName": given["branchName"], "commitId": self.branches[given["branchName"]]}}
