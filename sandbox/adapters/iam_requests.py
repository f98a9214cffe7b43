"""Keys that look like AWS's, and IAM requests as AWS takes them: their ARNs with paths, tags, quotas and refusals.

MiniStack makes ids and secrets of hexadecimal digits, asks for users and roles without their paths, so that policies on
a path never match, attaches policies that do not exist, and has no keys of the root user.

AWS does not say what it asks for a key that no user of the account has. Here, ``GetAccessKeyLastUsed`` asks for the
user ``unknown`` if the account in the id is this one, and otherwise for ``*``: who may ask for users only is denied.
"""

from __future__ import annotations

import importlib
import json
import re
from collections.abc import Callable
from functools import wraps
from typing import Any

from ministack.core import iam_actions, iam_evaluator
from ministack.core.responses import get_account_id
from ministack.services import iam, sts

from sandbox import key_ids

Record = dict[str, Any]
Operation = Callable[[Record], Any]
MOST_KEYS, MOST_POLICIES = 2, 10
QUARANTINE = re.compile(r"arn:aws:iam::aws:policy/(AWSCompromisedKeyQuarantine(?:V2|V3)?)")
_OF_KEYS = ("CreateAccessKey", "DeleteAccessKey", "ListAccessKeys", "UpdateAccessKey")
_of_root: dict[str, str] = {}
"""The root user's keys that scenarios have made, with the user that is said to have them; empty for none."""
_extract = iam_actions.extract_resource_arn
_lookup = iam._lookup_policy


def install() -> None:
    """Put the adapter in MiniStack's place; after the condition keys of other services."""
    iam._gen_access_key_id = lambda: key_ids.key_id(get_account_id())
    iam._gen_session_access_key = sts._gen_session_access_key = lambda: key_ids.key_id(get_account_id(), "ASIA")
    iam._gen_secret = sts._gen_secret = key_ids.secret_key
    iam._gen_session_token = sts._gen_session_token = key_ids.session_token
    iam._lookup_policy = _policy
    iam_actions.extract_resource_arn = _resource_arn
    iam_actions.request_tag_context = _with_tags(iam_actions.request_tag_context)
    operations = iam._IAM_HANDLERS
    operations["CreateAccessKey"] = _creating(operations["CreateAccessKey"])
    for name in _OF_KEYS:
        operations[name] = _of_user(operations[name])
    operations["GetAccessKeyLastUsed"] = _last_used(operations["GetAccessKeyLastUsed"])
    operations["AttachUserPolicy"] = _attaching(operations["AttachUserPolicy"])


@wraps(_extract)
def _resource_arn(service: str, method: str, path: str, headers: Any, body: bytes, *rest: Any) -> Any:
    if service != "iam":
        return _extract(service, method, path, headers, body, *rest)
    params, _, account = rest
    return _entity(params, account) or _extract(service, method, path, headers, body, *rest)


def _entity(params: Record, account: str) -> str:
    """The role or user that a request is about; empty for what MiniStack knows by itself."""
    action, role, user, key = (_of(params, name) for name in ("Action", "RoleName", "UserName", "AccessKeyId"))
    if role or user:
        kind, name, known = ("role", role, iam._roles) if role else ("user", user, iam._users)
        if name in known:
            return str(known[name]["Arn"])
        return f"arn:aws:iam::{account}:{kind}{_of(params, 'Path') or '/'}{name}"
    if action == "GetAccessKeyLastUsed":
        owner = iam._users.get(iam._access_keys.get(key, {}).get("UserName", ""))
        nobody = f"arn:aws:iam::{account}:user/unknown" if key_ids.account_of(key) == account else "*"
        return str(owner["Arn"]) if owner else nobody
    caller = iam_evaluator.caller_arn()
    return caller if action in _OF_KEYS and ":user/" in caller else ""


def _with_tags(known: Callable[..., Record]) -> Callable[..., Record]:
    """The condition keys of a request, with ``iam:ResourceTag``, which IAM has beside ``aws:ResourceTag``."""

    @wraps(known)
    def context(service: str, action: str, body: bytes, params: Record) -> Record:
        found = known(service, action, body, params)
        if service == "iam":
            role, user = _of(params, "RoleName"), _of(params, "UserName")
            entity = iam._roles.get(role) if role else iam._users.get(user)
            found |= {f"iam:ResourceTag/{tag['Key']}": tag["Value"] for tag in (entity or {}).get("Tags") or ()}
        return found

    return context


def _of(params: Record, name: str) -> str:
    value = params.get(name) or ""
    return str(value[0] if isinstance(value, list) else value)


def _of_user(operation: Operation) -> Operation:
    """An operation on keys: of the user who asks if none is named, and only of users that there are."""

    def done(params: Record) -> Any:
        name = _of(params, "UserName")
        if name and name not in iam._users:
            return iam._error(404, "NoSuchEntity", f"The user with name {name} cannot be found.")
        caller = iam_evaluator.caller_arn()
        if not name and ":assumed-role/" in caller:
            return iam._error(400, "ValidationError", "Must specify userName when calling with non-User credentials")
        own = {"UserName": [caller.rpartition("/")[2]]} if not name and ":user/" in caller else {}
        return operation({**params, **own})

    return done


def _creating(operation: Operation) -> Operation:
    """CreateAccessKey with a secret like AWS's, which MiniStack makes in place, and with its quota."""

    def created(params: Record) -> Any:
        user = _of(params, "UserName")
        if user and sum(key["UserName"] == user for key in iam._access_keys.values()) >= MOST_KEYS:
            return iam._error(409, "LimitExceeded", f"Cannot exceed quota for AccessKeysPerUser: {MOST_KEYS}")
        status, headers, body = operation(params)
        made = re.search(rb"<AccessKeyId>(.+?)</AccessKeyId><SecretAccessKey>(.+?)</SecretAccessKey>", body)
        if made:
            key = iam._access_keys[made[1].decode()]
            key["SecretAccessKey"] = key_ids.secret_key()
            body = body.replace(made[2], key["SecretAccessKey"].encode())
        return status, headers, body

    return created


def _last_used(operation: Operation) -> Operation:
    """GetAccessKeyLastUsed, also of root keys that AWS is to know a user of."""

    def answered(params: Record) -> Any:
        owner = _of_root.get(_of(params, "AccessKeyId"))
        if not owner:
            return operation(params)
        used = "<AccessKeyLastUsed><Region>N/A</Region><ServiceName>N/A</ServiceName></AccessKeyLastUsed>"
        said = f"<UserName>{owner.replace('<', '&lt;').replace('>', '&gt;')}</UserName>{used}"
        inner = f"<GetAccessKeyLastUsedResult>{said}</GetAccessKeyLastUsedResult>"
        return iam._xml(200, "GetAccessKeyLastUsedResponse", inner)

    return answered


def _attaching(operation: Operation) -> Operation:
    """AttachUserPolicy, which refuses policies that there are not, and the eleventh."""

    def attached(params: Record) -> Any:
        arn = _of(params, "PolicyArn")
        has = (iam._users.get(_of(params, "UserName")) or {}).get("AttachedPolicies", [])
        if not iam.policy_known(arn):
            return iam._error(404, "NoSuchEntity", f"Policy {arn} does not exist or is not attachable.")
        if arn not in has and len(has) >= MOST_POLICIES:
            return iam._error(409, "LimitExceeded", f"Cannot exceed quota for PoliciesPerUser: {MOST_POLICIES}")
        return operation(params)

    return attached


def _policy(arn: str) -> Any:
    """A policy, also one of those by which AWS quarantines users; moto has their documents, V4 not."""
    found, name = _lookup(arn), QUARANTINE.fullmatch(arn)
    if found is None and name:
        data = importlib.import_module("moto.iam.aws_managed_policies").aws_managed_policies_data
        said = json.loads(data)[name[1]]
        found = iam._make_aws_managed_record(name[1], json.dumps(said["Document"]))
        version = {**found["Versions"].pop("v1"), "VersionId": said["DefaultVersionId"]}
        found |= {"DefaultVersionId": said["DefaultVersionId"], "Versions": {said["DefaultVersionId"]: version}}
        iam._aws_managed_policies[arn] = found
    return found


def make_root_key(body: bytes, account: str, region: str) -> tuple[int, Record]:
    """Make an access key of the root user, which no user has; its holder cannot do anything with it here.

    Args:
        body: ``userName``, which ``GetAccessKeyLastUsed`` says has the key; by default it knows of no such key.
        account: The account.
        region: The region, which does not matter.
    """
    made = {"accessKeyId": key_ids.key_id(account), "secretAccessKey": key_ids.secret_key()}
    _of_root[made["accessKeyId"]] = json.loads(body or b"{}").get("userName", "")
    return 200, made


HOOKS: dict[str, Callable[[bytes, str, str], tuple[int, Record]]] = {"/_sandbox/iam/root-key": make_root_key}
"""What each path does, with a body, or the members of the query, in an account and region."""
