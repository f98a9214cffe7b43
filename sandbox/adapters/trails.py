"""CloudTrail's event history, once a scenario switches it on: who made a call, with the role behind a session.

MiniStack takes every caller for a user with the name of its key. Management events only, as on AWS; calls that are
denied are missing, and events are there at once, which on AWS takes minutes.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from fnmatch import fnmatchcase
from typing import Any

from ministack import app
from ministack.core.responses import get_account_id
from ministack.services import cloudtrail, iam, sts

Record = dict[str, Any]
_DATA = {
    "dynamodb": ("*Item", "BatchExecuteStatement", "ExecuteStatement", "ExecuteTransaction", "Query", "Scan", "*Items"),
    "events": ("PutEvents",),
    "firehose": ("PutRecord*",),
    "kinesis": ("GetRecords", "PutRecord*"),
    "lambda": ("Invoke*",),
    "logs": ("PutLogEvents",),
    "monitoring": ("PutMetricData",),
    "s3": ("*Object", "*Objects", "*MultipartUpload", "*.s3"),
    "sns": ("Publish*",),
    "sqs": ("ChangeMessageVisibility*", "DeleteMessage*", "ReceiveMessage", "SendMessage*"),
}
"""The calls that are data events, by service; the history has none of them."""
_record = cloudtrail.record_event
_lookup = cloudtrail._DISPATCH["LookupEvents"]


def install() -> None:
    """Put the adapter in MiniStack's place."""
    cloudtrail.record_event = _recorded
    cloudtrail._DISPATCH["LookupEvents"] = _looked_up


def _recorded(**event: Any) -> None:
    event["event_name"] = event["request_params"].get("Action", event["event_name"])
    if any(fnmatchcase(event["event_name"], name) for name in _DATA.get(event["service"], ())):
        return
    _record(**event)
    last = cloudtrail._get_event_queue()[-1]
    identity, last["Username"] = _identity(event["access_key_id"])
    last["CloudTrailEvent"] = json.dumps({**json.loads(last["CloudTrailEvent"]), "userIdentity": identity})


def _identity(key: str) -> tuple[Record, str]:
    """The ``userIdentity`` of a call, and the name by which it is looked up."""
    account, session = get_account_id(), sts._sessions.get(key)
    known = {"accountId": account, "accessKeyId": key}
    if session is None:
        user = iam._users.get(iam._access_keys.get(key, {}).get("UserName", ""))
        if user is None:
            return {"type": "Root", "principalId": account, "arn": f"arn:aws:iam::{account}:root", **known}, "root"
        return {**_person(user), **known}, user["UserName"]
    arn: str = session["Arn"]
    created = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(session.get("IssuedAt", time.time())))
    context: Record = {"attributes": {"creationDate": created, "mfaAuthenticated": "false"}}
    known |= {"principalId": session["UserId"], "arn": arn, "sessionContext": context}
    name = arn.rpartition("/")[2]
    if ":assumed-role/" in arn:
        role = iam._roles.get(arn.split("/")[1]) or {}
        issuer = {"principalId": role.get("RoleId"), "arn": role.get("Arn"), "userName": role.get("RoleName")}
        context["sessionIssuer"] = {"type": "Role", "accountId": account, **issuer}
        return {"type": "AssumedRole", **known}, name
    if ":federated-user/" in arn:
        return {"type": "FederatedUser", **known}, name
    return {"type": "Root" if arn.endswith(":root") else "IAMUser", "userName": name, **known}, name


def _person(user: Record) -> Record:
    said = {"principalId": user["UserId"], "arn": user["Arn"], "userName": user["UserName"]}
    return {"type": "IAMUser", **said}


def _looked_up(request: Record) -> Any:
    attributes = request.get("LookupAttributes") or []
    if len(attributes) > 1:
        said = "You can only use one lookup attribute at a time."
        return cloudtrail._err("InvalidLookupAttributesException", said)
    return _lookup(request)


def switch(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Begin or end to record calls.

    Args:
        body: ``on``, true or false.
        account: The account.
        region: The region.
    """
    app._get_module("cloudtrail")  # MiniStack records only once it has loaded it itself
    cloudtrail._recording_enabled = bool(json.loads(body)["on"])
    return 200, {}


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {"/_sandbox/cloudtrail": switch}
"""What each path does, with a body, or the members of the query, in an account and region."""
