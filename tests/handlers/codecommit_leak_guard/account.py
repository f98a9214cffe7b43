"""An account with users, keys and roles whose leaks the response answers, while calls fail and functions end."""

from __future__ import annotations

import importlib
import json
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import pytest
from botocore.exceptions import ReadTimeoutError

from tests.fakes.aws import FakeAws, FakeError
from tests.handlers.codecommit_leak_guard.record_table import RecordTable
from tests.handlers.loading import PACKAGE, Context

FOLDER = PACKAGE / "codecommit_leak_guard" / "handlers" / "guard"
MODULES = [path.stem for path in FOLDER.glob("*.py")]

OWN, OTHER = "111122223333", "444455556666"
# Joined here, so that no scanner takes this file for a leak.
KEY, SESSION = "AKIA" + "RZPUZDIKGB2VALC4", "ASIA" + "RZPUZDIKGB2VALC4"
TOPIC = f"arn:aws:sns:eu-central-1:{OWN}:leaks"
PRODUCT = f"arn:aws:securityhub:eu-central-1:{OWN}:product/{OWN}/default"
POLICY = "arn:aws:iam::aws:policy/AWSCompromisedKeyQuarantineV4"
ROLE = f"arn:aws:iam::{OWN}:role/apps/shop"
START = 1_795_000_000.0

SETTINGS = {
    "TABLE_NAME": "Record",
    "TOPIC_ARN": TOPIC,
    "DRY_RUN": "false",
    "EXEMPT_USERS": "[]",
    "BREAK_GLASS_TAG": "break-glass",
    "REVOKE_ROLES": "[]",
}
OPTIONAL = ("QUARANTINE_POLICY_ARN", "PRODUCT_ARN")

ALWAYS = {"dynamodb:UpdateItem", "sns:Publish", "sts:GetAccessKeyInfo"}
"""The actions of every answer to a key's leak."""

READING = {"iam:GetAccessKeyLastUsed", "iam:ListUserTags", "iam:ListAccessKeys"}


class Crash(BaseException):
    """The end of a function, which does nothing more."""


def load_guard(name: str) -> Any:
    """Return a module of the guard, run anew with those it imports; patch ``boto3`` and the environment before."""
    with pytest.MonkeyPatch.context() as patch:
        # The folder is the root of the code; nothing of it stays for other tests.
        patch.setattr(sys, "path", [str(FOLDER), *sys.path])
        for module in MODULES:
            patch.delitem(sys.modules, module, raising=False)
        try:
            return importlib.import_module(name)
        finally:
            for module in MODULES:
                sys.modules.pop(module, None)


class Account:
    """An account with user alice, whose key is active, and the findings of the scanner.

    Attributes:
        owners: The accounts by the ids of their keys.
        named: Who IAM says has used a key last.
        keys: The status of the keys by user.
        tags: The users' tags.
        quarantined: The users with the quarantine policy.
        turned: How often a key that was active was made inactive.
        events: What CloudTrail has, by region.
        policies: The inline policies of roles.
        imported: The findings that Security Hub has taken.
        messages: What was published.
        faults: What goes wrong at a call, by its number.
        fired: What went wrong, with the operation.
        made: How many calls were made.
    """

    def __init__(self, aws: FakeAws, monkeypatch: pytest.MonkeyPatch) -> None:
        self.aws, self._patch = aws, monkeypatch
        for name, value in SETTINGS.items():
            monkeypatch.setenv(name, value)
        for name in OPTIONAL:
            monkeypatch.delenv(name, raising=False)
        answers: dict[tuple[str, str], Callable[[dict[str, Any]], Any]] = {
            ("dynamodb", "UpdateItem"): lambda given: self.table.update(given),
            ("dynamodb", "GetItem"): lambda given: self.table.get(given),
            ("sts", "GetAccessKeyInfo"): self._owner,
            ("iam", "GetAccessKeyLastUsed"): self._last_used,
            ("iam", "ListUserTags"): self._list_tags,
            ("iam", "ListAccessKeys"): self._list_keys,
            ("iam", "UpdateAccessKey"): self._update_key,
            ("iam", "AttachUserPolicy"): self._attach,
            ("iam", "PutRolePolicy"): self._put_policy,
            ("sns", "Publish"): self._publish,
            ("securityhub", "BatchImportFindings"): self._import,
        }
        for (service, operation), answer in answers.items():
            aws.reply(service, operation, self._answering(operation, answer), repeat=True)
        aws.reply("cloudtrail", "LookupEvents", self._answering("LookupEvents", self._lookup), repeat=True)
        self.reset()

    def reset(self) -> None:
        self.table, self.now = RecordTable(), START
        self.owners = {KEY: OWN, SESSION: OWN}
        self.named: dict[str, str | None] = {KEY: "alice"}
        self.keys, self.tags = {"alice": {KEY: "Active"}}, {"alice": dict[str, str]()}
        self.quarantined, self.turned = set[str](), 0
        self.events: dict[str, list[dict[str, Any]]] = {}
        self.policies: dict[tuple[str, str], Any] = {}
        self.imported, self.messages = list[dict[str, Any]](), list[dict[str, Any]]()
        self.failed_imports = 0
        self.faults: dict[int, Any] = {}
        self.fired, self.made = list[tuple[str, str]](), 0
        self.refused: dict[str, FakeError] = {}
        self.hidden = False
        self.aws.calls.clear()

    def load(self, **settings: str) -> Any:
        for name, value in settings.items():
            self._patch.setenv(name, value)
        module = load_guard("respond")
        clock = SimpleNamespace(time=lambda: self.now)
        for part in (module.take, module.write, module.answer_session):
            self._patch.setitem(part.__globals__, "time", clock)
        return module

    def leak(self, kind: str = "access_key", finding: str = "f1", **more: Any) -> None:
        """Put a finding into the record as the scanner does."""
        keyed = {"access_key": {"key_id": KEY}, "temporary_key": {"key_id": SESSION}}.get(kind, {})
        leak = {
            "kind": kind,
            "repository": "shop",
            "reference": "refs/heads/main",
            "commit": "c" * 40,
            "path": "src/settings.py",
            "line": 7,
            "where": "file",
            "encoding": "",
            "places": 1,
            "slice": 0,
            "pusher": f"arn:aws:iam::{OWN}:user/bob",
            "author": "Bob <bob@example.com>",
            "walk": "w0",
            "with_secret": False,
            "fingerprint": "0" * 64,
            "first_seen": "2026-11-18T00:00:00Z",
            **keyed,
            **more,
        }
        typed = {name: _typed(value) for name, value in leak.items()}
        self.table.items[f"finding#{finding}"] = {"pk": {"S": f"finding#{finding}"}, "sk": {"S": "finding"}, **typed}

    def item(self, finding: str = "f1") -> dict[str, Any]:
        return {name: next(iter(value.values())) for name, value in self.table.items[f"finding#{finding}"].items()}

    def answer(self, module: Any, walk: str = "w1", finding: str = "f1") -> Any:
        result = module.handler({"findings": [finding], "walk": walk}, Context(60))
        # Nothing came of it, or one outcome.
        (outcome,) = result["outcomes"] or ["busy"]
        assert result == {"outcomes": [] if outcome == "busy" else [outcome], "busy": outcome == "busy"}
        return outcome

    def told(self) -> list[Any]:
        """The outcomes that were told."""
        return [self.text(number)["outcome"] for number in range(len(self.messages))]

    def text(self, number: int = -1, form: str = "default") -> Any:
        whole = json.loads(self.messages[number]["Message"])[form]
        return json.loads(whole) if form == "default" else whole

    def _answering(self, operation: str, answer: Callable[[dict[str, Any]], Any]) -> Any:
        def reply(given: dict[str, Any]) -> Any:
            fault = self.faults.get(self.made)
            self.made += 1
            if fault:
                note = "notified" in given.get("ExpressionAttributeNames", {}).values()
                self.fired.append((fault if isinstance(fault, str) else "other", "Note" if note else operation))
            if fault == "before":
                raise Crash
            if fault == "throttled":
                raise FakeError("ThrottlingException")
            if operation in self.refused:
                raise self.refused[operation]
            made = answer(given)
            if fault == "lost":
                raise ReadTimeoutError(endpoint_url="https://aws")
            if fault == "crash":
                raise Crash
            if callable(fault):
                fault()
            return made

        return reply

    def _owner(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["AccessKeyId"] not in self.owners:
            raise FakeError("ValidationError")
        return {"Account": self.owners[given["AccessKeyId"]]}

    def _last_used(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["AccessKeyId"] not in self.named:
            raise FakeError("NoSuchEntity", f"The Access Key with id {given['AccessKeyId']} cannot be found", 404)
        user = self.named[given["AccessKeyId"]]
        used = {"ServiceName": "N/A", "Region": "N/A"}
        return {"AccessKeyLastUsed": used, **({"UserName": user} if user is not None else {})}

    def _list_tags(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["UserName"] not in self.tags:
            raise FakeError("NoSuchEntity", status=404)
        tags = self.tags[given["UserName"]]
        return {"Tags": [{"Key": key, "Value": value} for key, value in tags.items()], "IsTruncated": False}

    def _list_keys(self, given: dict[str, Any]) -> dict[str, Any]:
        user = given["UserName"]
        found = [{"UserName": user, "AccessKeyId": key, "Status": status} for key, status in self.keys[user].items()]
        return {"AccessKeyMetadata": [] if self.hidden else found, "IsTruncated": False}

    def _update_key(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"UserName": "alice", "AccessKeyId": KEY, "Status": "Inactive"}
        self.turned += self.keys["alice"][KEY] == "Active"
        self.keys["alice"][KEY] = "Inactive"
        return {}

    def _attach(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"UserName": given["UserName"], "PolicyArn": POLICY}
        self.quarantined.add(given["UserName"])
        return {}

    def _put_policy(self, given: dict[str, Any]) -> dict[str, Any]:
        self.policies[given["RoleName"], given["PolicyName"]] = json.loads(given["PolicyDocument"])
        return {}

    def _lookup(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given == {"LookupAttributes": [{"AttributeKey": "AccessKeyId", "AttributeValue": SESSION}]}
        events = self.events.get(self.aws.calls[-1].region, [])
        return {"Events": [{"EventId": "1", "CloudTrailEvent": json.dumps(event)} for event in events]}

    def _publish(self, given: dict[str, Any]) -> dict[str, Any]:
        self.messages.append(given)
        return {"MessageId": "1"}

    def _import(self, given: dict[str, Any]) -> dict[str, Any]:
        if self.failed_imports:
            self.failed_imports -= 1
            failed = [{"Id": "f1", "ErrorCode": "InternalError", "ErrorMessage": KEY}]
            return {"FailedCount": 1, "SuccessCount": 0, "FailedFindings": failed}
        self.imported += given["Findings"]
        return {"FailedCount": 0, "SuccessCount": 1}


def used_by(identity: str, key: str = SESSION, role: str = ROLE) -> dict[str, Any]:
    """Return an event of CloudTrail that the key has signed."""
    issuer = {"type": "Role", "arn": role, "userName": role.rpartition("/")[2]}
    context = {"sessionContext": {"sessionIssuer": issuer}} if identity == "AssumedRole" else {}
    return {"userIdentity": {"type": identity, "accessKeyId": key, **context}}


def at(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _typed(value: Any) -> dict[str, Any]:
    if value is None:
        return {"NULL": True}
    if isinstance(value, bool):
        return {"BOOL": value}
    return {"N": str(value)} if isinstance(value, int) else {"S": value}
