"""Where results go: access is verified when it is set, and asked again for each object that is written.

Policies take a while to arrive everywhere on AWS. Here the first verification of a bucket with a key after the sandbox
has started is always refused, as if they had not, so that a caller that does not try again fails every time.
"""

from __future__ import annotations

import asyncio
import gzip
import json
import logging
from collections.abc import Callable
from typing import Any
from uuid import uuid4

from ministack.services import kms, s3

from sandbox.adapters import access

from .state import Fault, Record, Session, session

WHO = "macie.amazonaws.com"
_KEY_ACTIONS = ("kms:GenerateDataKey", "kms:Encrypt")
_verified: set[tuple[str, str, str, str]] = set()
_log = logging.getLogger("sandbox.macie")


def _put(request: Record) -> Record:
    macie = session()
    destination: Record = request["configuration"].get("s3Destination") or {}
    if destination:
        _verify(macie, destination)
    macie.export = destination
    return {"configuration": {"s3Destination": destination} if destination else {}}


def _get(_: Record) -> Record:
    export = session().export
    return {"configuration": {"s3Destination": export} if export else {}}


def _verify(macie: Session, destination: Record) -> None:
    """Refuse a bucket that is not there or is elsewhere, and one that Macie cannot write to with the key."""
    bucket, key = destination["bucketName"], destination["kmsKeyArn"]
    record = s3._buckets.get(bucket)
    if record is None or destination.get("expectedBucketOwner", macie.account) != macie.account:
        raise _refusal(f"the S3 bucket {bucket} doesn't exist or isn't owned by the expected account")
    region = record.get("region") or macie.region
    if region != macie.region:
        raise _refusal(f"the S3 bucket {bucket} is in the Region {region}")
    pair = (macie.account, macie.region, bucket, key)
    if pair not in _verified:
        _verified.add(pair)
        raise _refusal(f"Macie isn't allowed to write to the S3 bucket {bucket} with the KMS key {key} (yet)")
    source = f"arn:aws:macie2:{macie.region}:{macie.account}:export-configuration:{uuid4()}"
    try:
        _admit(macie, destination, _key(macie, destination, "export-configuration", "test"), source)
    except access.Refused as error:
        _log.warning("the export of results is refused: %s", error)
        raise _refusal(str(error)) from error


def _refusal(why: str) -> Fault:
    message = "The request failed because Macie can't access the S3 bucket or the KMS key. Verify their policies"
    return Fault("ValidationException", f"{message}: {why}.")


def _admit(macie: Session, destination: Record, key: str, source: str) -> None:
    """Refuse what the policies of the bucket and of the key do not let Macie do."""
    bucket, master = (
        f"arn:aws:s3:::{destination['bucketName']}",
        access.key_arn(destination["kmsKeyArn"], macie.account, macie.region),
    )
    conditions = {"aws:SourceAccount": macie.account, "aws:SourceArn": source}
    encrypted = {
        "s3:x-amz-server-side-encryption": "aws:kms",
        "s3:x-amz-server-side-encryption-aws-kms-key-id": master,
    }

    def require(action: str, resource: str, given: dict[str, str]) -> None:
        access.require_service(WHO, action, resource, macie.account, macie.region, given)

    require("s3:GetBucketLocation", bucket, conditions)
    require("s3:PutObject", f"{bucket}/{key}", {**conditions, **encrypted})
    for action in _KEY_ACTIONS:
        require(action, master, conditions)
    if master.split(":")[3] != macie.region:
        raise access.Refused(f"{master} is in another Region")
    access.refuse_disabled_key(master)
    found = kms._keys.get(master.rsplit("/", 1)[-1]) or {}
    if found.get("KeySpec", "SYMMETRIC_DEFAULT") != "SYMMETRIC_DEFAULT":
        raise access.Refused(f"{master} is no symmetric key")


def _key(macie: Session, destination: Record, folder: str, name: str) -> str:
    prefix = destination.get("keyPrefix") or ""
    return f"{prefix}AWSLogs/{macie.account}/Macie/{macie.region}/{folder}/{name}.jsonl.gz"


def location(macie: Session, folder: str) -> str | None:
    """Where the next result will be; None if results go nowhere.

    Args:
        macie: Macie.
        folder: The job's id.
    """
    if not macie.export:
        return None
    return f"s3://{macie.export['bucketName']}/{_key(macie, macie.export, folder, str(uuid4()))}"


def write(macie: Session, place: str, source: str, result: Record) -> None:
    """Write the result of an object, as far as the policies allow; what they do not is only logged.

    Must not run in the event loop.

    Args:
        macie: Macie.
        place: Where, from ``location``.
        source: The ARN of the job.
        result: The result.
    """
    bucket, key = place.removeprefix("s3://").split("/", 1)
    try:
        _admit(macie, macie.export, key, source)
        status, answer = _store(
            bucket, key, gzip.compress(f"{json.dumps(result)}\n".encode()), macie.export["kmsKeyArn"]
        )
        if status != 200:
            raise access.Refused(f"S3 answered {status} for {place}: {answer!r}")
    except access.Refused as error:
        _log.warning("a result could not be exported: %s", error)


def _store(bucket: str, key: str, body: bytes, master: str) -> tuple[int, Any]:
    headers = {
        "content-type": "application/gzip",
        "content-length": str(len(body)),
        "host": "s3.localhost",
        "x-amz-server-side-encryption": "aws:kms",
        "x-amz-server-side-encryption-aws-kms-key-id": master,
    }
    status, _, answer = asyncio.run(s3.handle_request("PUT", f"/{bucket}/{key}", headers, body, {}, internal=True))
    return status, answer


OPERATIONS: dict[str, Callable[[Record], Record]] = {
    "GetClassificationExportConfiguration": _get,
    "PutClassificationExportConfiguration": _put,
}
