"""Integrations of a bucket and a namespace, which tell COPY jobs of new objects.

One is refused unless the bucket's policy lets Redshift put its notification there, and the namespace's policy has the
bucket as a source and lets the account make it. Whoever puts another configuration of notifications on the bucket takes
Redshift's away, which the sandbox takes for certain although AWS says it of no tool; jobs hear nothing from then on.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

from ministack.core import iam_evaluator
from ministack.core.responses import get_account_id, get_region
from ministack.services import s3

from sandbox.adapters import access
from sandbox.adapters.json_rpc import Fault, Record

from .state import LOCK, Integration, Namespace, home, homes

_SERVICE = "redshift.amazonaws.com"
_ON_BUCKET = ("s3:GetBucketNotification", "s3:PutBucketNotification", "s3:GetBucketLocation")
_LONGEST = 63
_put_notification = s3._put_bucket_notification


def install() -> None:
    """Notice who puts notifications on a bucket."""
    s3._put_bucket_notification = _put


def _put(name: str, body: bytes, headers: Any = None) -> Any:
    before = s3._bucket_notifications.get(name)
    answer = _put_notification(name, body, headers)
    if answer[0] == 200 and s3._bucket_notifications.get(name) != before:
        for one in [one for place in homes().values() for one in place.integrations.values()]:
            if one.bucket == name:
                one.is_told = False
    return answer


def create(properties: Record) -> Integration:
    """Make an integration.

    Args:
        properties: The properties of the CloudFormation type.

    Raises:
        Fault: If it is refused.
    """
    bucket, target = properties["SourceArn"].rpartition(":")[2], properties["TargetArn"]
    name = properties.get("IntegrationName") or f"integration-{uuid.uuid4()}"
    if ":s3:" not in properties["SourceArn"]:
        raise Fault("InvalidParameterValue", "the sandbox has integrations of buckets only")
    if len(name) > _LONGEST:
        raise Fault("InvalidParameterValue", f"The integration name {name} must have at most {_LONGEST} characters.")
    with LOCK:
        space = next((one for one in home().namespaces.values() if one.arn == target), None)
        if space is None:
            raise Fault("IntegrationTargetNotFound", f"The target {target} does not exist.")
        record = s3._buckets.get(bucket)
        if record is None or (record.get("region") or get_region()) != get_region():
            raise Fault("IntegrationSourceNotFound", f"The bucket {bucket} does not exist in {get_region()}.")
        if "." in bucket:
            raise Fault("InvalidParameterValue", f"The name of the bucket {bucket} must not have a dot.")
        if any((one.bucket, one.target) == (bucket, target) for one in home().integrations.values()):
            raise Fault("IntegrationAlreadyExistsFault", "An integration of this source and target already exists.")
        id = str(uuid.uuid4())
        arn = f"arn:aws:redshift:{get_region()}:{get_account_id()}:integration:{id}"
        for problem in _problems(arn, space, bucket, properties.get("KMSKeyId", "")):
            raise Fault("IntegrationConflictOperationFault", problem)
        made = Integration(arn, name, bucket, target, properties)
        home().integrations[arn] = made
    return made


def _problems(arn: str, space: Namespace, bucket: str, key: str) -> Iterator[str]:
    bucket_arn, account, region = f"arn:aws:s3:::{bucket}", space.account, space.region
    source = {"aws:SourceArn": arn, "aws:SourceAccount": account}
    try:
        for action in _ON_BUCKET:
            access.require_service(_SERVICE, action, bucket_arn, account, region, source)
        if key:
            grant = {**source, "kms:GrantIsForAWSResource": "true"}
            where = access.key_arn(key, account, region)
            access.require_service(_SERVICE, "kms:CreateGrant", where, account, region, grant)
            access.refuse_disabled_key(where)
    except access.Refused as error:
        yield str(error)
    yield from _unauthorized(space, bucket_arn)
    if "s3:ObjectCreated" in str(s3._bucket_notifications.get(bucket, "")):
        yield f"The bucket {bucket} must have no event notifications for s3:ObjectCreated before the integration."


def _unauthorized(space: Namespace, bucket_arn: str) -> Iterator[str]:
    """What the namespace's resource policy does not allow; a statement without a resource is about the namespace."""
    statements = space.policy.get("Statement") or []
    listed = [statements] if isinstance(statements, dict) else statements
    whole = json.dumps({"Statement": [{"Resource": space.arn, **one} for one in listed]})
    conditions = {"aws:sourcearn": bucket_arn, "aws:sourceaccount": space.account}
    asked = (
        (_SERVICE, "Service", "redshift:AuthorizeInboundIntegration", _SERVICE),
        (iam_evaluator.caller_arn(), "AssumedRole", "redshift:CreateInboundIntegration", None),
    )
    for principal, kind, action, service in asked:
        context = iam_evaluator.EvalContext(
            principal_arn=principal,
            principal_type=kind,
            principal_account=space.account,
            action=action,
            resource_arn=space.arn,
            region=space.region,
            secure_transport=True,
            service_context=conditions,
        )
        if iam_evaluator.evaluate_resource_policy(whole, context, service=service).decision != "Allow":
            said = f"The resource policy of {space.arn} does not allow {action} for {principal}"
            yield f"{said} with the source {bucket_arn}."


def delete(arn: str) -> None:
    """Delete an integration; harmless when it is gone.

    Args:
        arn: Its ARN.
    """
    with LOCK:
        home().integrations.pop(arn, None)


def state_of(space: Namespace, bucket: str) -> str:
    """What the channel from a bucket to a namespace is like: ``Pending``, ``Established`` or ``Inactive``.

    Args:
        space: The namespace.
        bucket: The bucket.
    """
    found = home(space.account, space.region).integrations.values()
    one = next((one for one in found if (one.bucket, one.target) == (bucket, space.arn)), None)
    if one is None:
        return "Pending"
    return "Established" if one.is_told and bucket in s3._buckets else "Inactive"
