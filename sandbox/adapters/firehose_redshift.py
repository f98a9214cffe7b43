"""Firehose streams to Redshift: they collect, write to S3, and have Redshift copy the file with a user and a password.

COPY reads with the stream's role, whose credentials Firehose adds. What it cannot do is tried again for the time of
``RetryOptions``, by the clock of ``firehose.CLOCK``, and then skipped: a manifest under ``errors/manifests/`` names the
file, which stays. A workgroup that is not publicly accessible is not reached; security groups are not looked at.
A backup of the source records is missing.
"""

from __future__ import annotations

import base64
import json
import logging
import re
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from ministack.core.responses import request_scope
from ministack.services import firehose as service
from ministack.services import secretsmanager

from . import access, firehose
from .firehose_processing import Record, StoredObject, count, process
from .firehose_s3 import Destination
from .warehouse import data_api
from .warehouse.state import Workgroup, home

KIND, REQUEST = "Redshift", "RedshiftDestinationConfiguration"
_URL = re.compile(r"^jdbc:(?:redshift|postgresql)://(?P<host>[^:/?]+):(?P<port>\d+)/(?P<database>[\w$-]+)$")
_TICK_SECONDS = 0.05
_RETRY_SECONDS = 0.3
_MIB = 1024 * 1024
_MANIFESTS = "errors/manifests/"
_COMPRESSIONS = ("GZIP", "UNCOMPRESSED")
_log = logging.getLogger("sandbox.firehose")


class CopyError(Exception):
    """A file was not copied."""


class RedshiftDestination(Destination):
    """The bucket of a stream to Redshift, and the table behind it.

    Args:
        config: The destination's configuration, as the API describes it.
        account: The stream's account.
        region: The stream's region.
    """

    def __init__(self, config: Mapping[str, Any], account: str, region: str) -> None:
        self.whole = config
        shared = ("ProcessingConfiguration", "CloudWatchLoggingOptions")
        given = config.get("S3Configuration") or config.get("S3Update") or {}
        super().__init__({**given, **{name: config.get(name) for name in shared}}, account, region)

    @property
    def secret(self) -> Mapping[str, Any]:
        """The configuration of the secret; empty for none."""
        found: Mapping[str, Any] = self.whole.get("SecretsManagerConfiguration") or {}
        return found if found.get("Enabled") else {}

    @property
    def retry_seconds(self) -> float:
        """For how long COPY is tried again, by AWS's clock."""
        return float((self.whole.get("RetryOptions") or {}).get("DurationInSeconds", 3600))

    def check(self) -> None:
        """Refuse what Firehose refuses, and a role that lacks something.

        Raises:
            access.Refused: If something is wrong.
        """
        if not _URL.match(self.whole["ClusterJDBCURL"]):
            raise access.Refused(f"ClusterJDBCURL {self.whole['ClusterJDBCURL']} does not match the pattern")
        if self.config.get("CompressionFormat", "UNCOMPRESSED") not in _COMPRESSIONS:
            raise access.Refused("the compression of a stream to Redshift must be GZIP or UNCOMPRESSED")
        if self.whole.get("S3BackupMode") == "Enabled":
            raise access.Refused("the sandbox has no backup of streams to Redshift; add it to firehose_redshift.py")
        if not self.secret and not ("Username" in self.whole and "Password" in self.whole):
            raise access.Refused("a stream to Redshift needs a user name and a password, or a secret")
        super().check()
        self.login()

    def login(self) -> tuple[str, str]:
        """The user and the password.

        Raises:
            access.Refused: If the role may not read the secret, or it has not both.
        """
        if not self.secret:
            return str(self.whole["Username"]), str(self.whole["Password"])
        session = self.assume(self.secret.get("RoleARN") or self.whole["RoleARN"])
        _, found = secretsmanager._resolve(self.secret.get("SecretARN"))
        if found is None:
            raise access.Refused(f"there is no secret {self.secret.get('SecretARN')}")
        access.require(session, "secretsmanager:GetSecretValue", found["ARN"])
        key = found.get("KmsKeyId") or ""
        if key and not key.startswith("alias/aws/"):
            arn = access.key_arn(key, self.account, self.region)
            via = {"kms:ViaService": f"secretsmanager.{self.region}.amazonaws.com", "kms:CallerAccount": self.account}
            access.require(session, "kms:Decrypt", arn, via)
            access.refuse_disabled_key(arn)
        try:
            read = json.loads(secretsmanager.resolve_secret_string(found["ARN"]) or "")
            return str(read["username"]), str(read["password"])
        except (ValueError, KeyError, TypeError):
            raise access.Refused("the secret must be JSON with username and password") from None

    def copy(self, key: str) -> None:
        """Have Redshift copy a file.

        Args:
            key: Its key in the bucket.

        Raises:
            CopyError: If it is not copied.
            access.Refused: If the stream's role lacks something.
        """
        from .warehouse import copying, database, sessions
        from .warehouse.errors import SqlError

        found = _URL.match(self.whole["ClusterJDBCURL"])
        host, place = (found["host"], found["database"]) if found else ("", "")
        group = _workgroup(host)
        if group is None or not group.record["publiclyAccessible"]:
            raise CopyError(f"Redshift.ConnectionFailed: no connection to {host}")
        user, problem = data_api.log_in(group.namespace, *self.login())
        if user is None:
            raise CopyError(f"Redshift.AuthenticationFailed: {problem}")
        asked = self.whole["CopyCommand"]
        columns = f" ({asked['DataTableColumns']})" if asked.get("DataTableColumns") else ""
        source = f"s3://{self.bucket_arn.rpartition(':')[2]}/{key}".replace("'", "''")
        text = f"COPY {asked['DataTableName']}{columns} FROM '{source}' {asked.get('CopyOptions', '')}"
        try:
            session = sessions.Session(database.of_workgroup(group.namespace, place), user)
            try:
                load = copying.Load(session.database, user, copying.parse(text), self.assume())
                with session.database.lock:
                    copying.run(session.cursor, load, [key])
            finally:
                session.close()
        except SqlError as error:
            raise CopyError(f"Redshift.CopyFailed: {error}") from error


def _workgroup(host: str) -> Workgroup | None:
    found = home().workgroups.values()
    return next((one for one in found if one.record["endpoint"]["address"] == host), None)


@dataclass
class _Written:
    """A file in the bucket that is not copied yet.

    Attributes:
        key: Its key.
        arrived: When its oldest record came in.
        records: How many records it holds.
        size: Its size.
        first: When COPY was tried first; 0 for not yet.
        retry_at: When it is tried next.
    """

    key: str
    arrived: float
    records: int
    size: int
    first: float = 0
    retry_at: float = 0


@dataclass
class _Stream:
    """What a stream has in hand."""

    account: str
    region: str
    name: str
    records: list[Record] = field(default_factory=list)
    objects: list[StoredObject] = field(default_factory=list)
    files: list[_Written] = field(default_factory=list)
    retry_at: float = 0


_streams: dict[tuple[str, str, str], _Stream] = {}


def install() -> None:
    """Check the roles of such streams, and start the deliveries; must run after those of other streams."""
    firehose._DESTINATIONS[REQUEST] = RedshiftDestination
    threading.Thread(target=_run, name="firehose-redshift", daemon=True).start()


def _run() -> None:
    access.over_tls()
    while True:
        time.sleep(_TICK_SECONDS)
        there = {key: one for key, one in service._streams.all_items() if one["destinations"][0]["type"] == KIND}
        for key in _streams.keys() - there.keys():
            del _streams[key]
        for key, described in there.items():
            stream = _streams.setdefault(key, _Stream(*key))
            with request_scope(stream.account, stream.region):
                _advance(stream, described)


def _advance(stream: _Stream, described: Mapping[str, Any]) -> None:
    """Take what has come, and do what is due."""
    _take(stream, described)
    if not (stream.records or stream.objects or stream.files):
        return
    destination = RedshiftDestination(described["destinations"][0]["config"], stream.account, stream.region)
    try:
        if stream.retry_at <= time.time():
            if _is_due(stream, destination):
                destination.assume()
                stream.objects += process(stream.records, described, destination)
                stream.records = []
            _write(stream, destination)
    except access.Refused as error:
        stream.retry_at = time.time() + _RETRY_SECONDS
        _log.warning("%s waits: %s", stream.name, error)
        destination.report("S3.AccessDenied", str(error))
    for one in [one for one in stream.files if one.retry_at <= time.time()]:
        _copy(stream, destination, one)
    _measure(stream)


def _take(stream: _Stream, described: Mapping[str, Any]) -> None:
    with service._lock:
        waiting = described["destinations"][0]["records"]
        taken = [Record(one["id"], base64.b64decode(one["data"]), time.time()) for one in waiting]
        waiting.clear()
    if taken:
        count(stream.name, "IncomingRecords", len(taken))
        stream.records += taken


def _is_due(stream: _Stream, destination: Destination) -> bool:
    if not stream.records:
        return False
    hints = destination.config.get("BufferingHints") or {}
    age = time.time() - stream.records[0].arrived
    size = sum(len(record.data) for record in stream.records)
    after = hints.get("IntervalInSeconds", 300) / firehose.CLOCK
    return bool(age >= after or size >= hints.get("SizeInMBs", 5) * _MIB)


def _write(stream: _Stream, destination: Destination) -> None:
    errors = (destination.config.get("ErrorOutputPrefix") or "processing-failed/").partition("!")[0]
    while stream.objects:
        one = stream.objects[0]
        destination.put(one)
        stream.objects.pop(0)
        count(stream.name, "DeliveryToS3.Records", one.records)
        count(stream.name, "DeliveryToS3.Bytes", len(one.body))
        count(stream.name, "DeliveryToS3.Success", 1)
        if not one.key.startswith((errors, _MANIFESTS)):
            stream.files.append(_Written(one.key, one.arrived, one.records, len(one.body)))


def _copy(stream: _Stream, destination: RedshiftDestination, one: _Written) -> None:
    """Try to have a file copied; what fails waits, or is skipped."""
    one.first = one.first or time.time()
    try:
        destination.copy(one.key)
    except (CopyError, access.Refused) as error:
        code, _, message = str(error).partition(": ") if isinstance(error, CopyError) else ("S3.AccessDenied", "", "")
        _log.warning("%s: %s", stream.name, error)
        destination.report(code, message or str(error))
        count(stream.name, "DeliveryToRedshift.Success", 0)
        one.retry_at = time.time() + _RETRY_SECONDS
        if time.time() - one.first < destination.retry_seconds / firehose.CLOCK:
            return
        bucket = destination.bucket_arn.rpartition(":")[2]
        entries = [{"url": f"s3://{bucket}/{one.key}", "mandatory": True}]
        body = json.dumps({"entries": entries}).encode()
        name = f"{_MANIFESTS}{time.strftime('%Y/%m/%d/%H/', time.gmtime())}{stream.name}-{uuid4()}"
        stream.objects.append(StoredObject(name, body, one.arrived, 0))
    else:
        count(stream.name, "DeliveryToRedshift.Success", 1)
        count(stream.name, "DeliveryToRedshift.Records", one.records)
        count(stream.name, "DeliveryToRedshift.Bytes", one.size)
    stream.files.remove(one)


def _measure(stream: _Stream) -> None:
    """Publish the age of the oldest record that is not in Redshift, by the clock of the sandbox."""
    waiting = [one.arrived for one in stream.records[:1]] + [one.arrived for one in stream.objects[:1]]
    waiting += [one.arrived for one in stream.files[:1]]
    if waiting:
        count(stream.name, "DeliveryToRedshift.DataFreshness", (time.time() - min(waiting)) * firehose.CLOCK)
