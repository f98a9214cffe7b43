"""Namespaces of Redshift Serverless: made, changed, and deleted when no workgroup computes for them."""

from __future__ import annotations

import json
import secrets
import uuid
from collections.abc import Mapping
from typing import Any

from ministack.core.responses import get_account_id, get_region
from ministack.services import iam, secretsmanager

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Operation, Record

from .state import LOCK, Namespace, arn_of, home, namespace, now, workgroup_of

DEFAULT_DATABASE = "dev"
_LIKE_THE_REQUEST = ("kmsKeyId", "defaultIamRoleArn", "logExports")


def create(request: Record) -> Record:
    """Make a namespace.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    name = request["namespaceName"]
    with LOCK:
        if name in home().namespaces:
            raise Fault("ConflictException", f"Namespace already exists: {name}")
        _refuse_reserved(name)
        _refuse_roles(request.get("iamRoles") or [], request.get("defaultIamRoleArn"))
        _refuse_two_passwords(request)
        id = str(uuid.uuid4())
        record: Record = {
            "namespaceName": name,
            "namespaceId": id,
            "namespaceArn": arn_of("namespace", id),
            "adminUsername": request.get("adminUsername", "admin"),
            "dbName": request.get("dbName", DEFAULT_DATABASE),
            "iamRoles": list(request.get("iamRoles") or []),
            "kmsKeyId": "AWS_OWNED_KMS_KEY",
            "logExports": [],
            "creationDate": now(),
            "status": "AVAILABLE",
        } | {key: request[key] for key in _LIKE_THE_REQUEST if request.get(key)}
        made = Namespace(get_account_id(), get_region(), record)
        made.add_user(record["adminUsername"], is_super=True, password=request.get("adminUserPassword"))
        if request.get("manageAdminPassword"):
            _manage(made, request.get("adminPasswordSecretKmsKeyId"))
        home().namespaces[name] = made
    return {"namespace": record}


def _refuse_reserved(name: str) -> None:
    from sqlglot.generators.redshift import RedshiftGenerator

    if name in RedshiftGenerator.RESERVED_KEYWORDS:
        raise Fault("ValidationException", f"The namespace name {name} is a reserved word.")


def _refuse_roles(roles: list[str], default: str | None) -> None:
    for arn in roles:
        if iam._roles.get_scoped(get_account_id(), None, arn.rsplit("/", 1)[-1]) is None:
            raise Fault("ValidationException", f"The role {arn} does not exist.")
    if default and default not in roles:
        raise Fault("ValidationException", f"The default IAM role {default} must be among the IAM roles.")


def _refuse_two_passwords(request: Mapping[str, Any]) -> None:
    managed = request.get("manageAdminPassword")
    if managed and request.get("adminUserPassword"):
        raise Fault("ValidationException", "You can't use adminUserPassword if manageAdminPassword is true.")
    if request.get("adminPasswordSecretKmsKeyId") and not managed:
        said = "You can use adminPasswordSecretKmsKeyId only if manageAdminPassword is true."
        raise Fault("ValidationException", said)


def _manage(space: Namespace, key: str | None) -> None:
    """Keep the administrator's password in Secrets Manager."""
    user, record = next(iter(space.users.values())), space.record
    user.password = secrets.token_urlsafe(24)
    text = json.dumps({"username": user.name, "password": user.password})
    if key:
        try:
            access.refuse_disabled_key(access.key_arn(key, space.account, space.region))
        except access.Refused as error:
            raise Fault("ValidationException", str(error)) from error
    name = f"redshift!{space.name}-{user.name}"
    if name in secretsmanager._secrets:
        raise Fault("ConflictException", f"The secret {name} already exists.")
    arn, _ = secretsmanager._store_new_secret(name, text, kms_key_id=key)
    record.update(adminPasswordSecretArn=arn, adminPasswordSecretKmsKeyId=key or "alias/aws/secretsmanager")


def update(request: Record) -> Record:
    """Change a namespace.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    with LOCK:
        space = namespace(request["namespaceName"])
        record = space.record
        if request.get("adminUsername", record["adminUsername"]) != record["adminUsername"]:
            raise Fault("ValidationException", "The sandbox does not change the name of the administrator.")
        _refuse_two_passwords({"manageAdminPassword": "adminPasswordSecretArn" in record, **request})
        roles: list[str] = record["iamRoles"] if request.get("iamRoles") is None else request["iamRoles"]
        _refuse_roles(roles, request.get("defaultIamRoleArn") or record.get("defaultIamRoleArn"))
        record["iamRoles"] = list(roles)
        record.update({key: request[key] for key in _LIKE_THE_REQUEST if key in request})
        if request.get("manageAdminPassword") and "adminPasswordSecretArn" not in record:
            _manage(space, request.get("adminPasswordSecretKmsKeyId"))
        elif request.get("manageAdminPassword") is False:
            _drop_secret(space)
        if request.get("adminUserPassword"):
            next(iter(space.users.values())).password = request["adminUserPassword"]
    return {"namespace": record}


def _drop_secret(space: Namespace) -> None:
    arn = space.record.pop("adminPasswordSecretArn", None)
    space.record.pop("adminPasswordSecretKmsKeyId", None)
    if arn:
        secretsmanager.delete_secret_in_process(arn)


def delete(request: Record) -> Record:
    """Delete a namespace with its data and its secret; a final snapshot is only listed.

    Args:
        request: The members of the request.

    Raises:
        Fault: If it is refused.
    """
    with LOCK:
        space = namespace(request["namespaceName"])
        if workgroup_of(space):
            raise Fault("ConflictException", "There is an operation or a workgroup associated with the namespace.")
        if request.get("finalSnapshotName"):
            _snapshot(space, request)
        _drop_secret(space)
        del home().namespaces[space.name]
        for database in space.databases.values():
            database.close()
    return {"namespace": {**space.record, "status": "DELETING"}}


def _snapshot(space: Namespace, request: Record) -> None:
    name = request["finalSnapshotName"]
    if any(one["snapshotName"] == name for one in home().snapshots):
        raise Fault("ConflictException", f"Snapshot already exists: {name}")
    days = int(request.get("finalSnapshotRetentionPeriod", -1))
    home().snapshots.append(
        {
            "snapshotName": name,
            "namespaceName": space.name,
            "namespaceArn": space.arn,
            "adminUsername": space.record["adminUsername"],
            "snapshotCreateTime": now(),
            "snapshotRetentionPeriod": days,
            "status": "AVAILABLE",
        }
    )


def _get(request: Record) -> Record:
    return {"namespace": namespace(request["namespaceName"]).record}


def _list(request: Record) -> Record:
    return {"namespaces": [one.record for one in home().namespaces.values()]}


def _list_snapshots(request: Record) -> Record:
    wanted = request.get("namespaceName")
    return {"snapshots": [one for one in home().snapshots if wanted in (None, one["namespaceName"])]}


OPERATIONS: dict[str, Operation] = {
    "CreateNamespace": create,
    "GetNamespace": _get,
    "ListNamespaces": _list,
    "UpdateNamespace": update,
    "DeleteNamespace": delete,
    "ListSnapshots": _list_snapshots,
}
"""What each operation does with its members, by its name."""
