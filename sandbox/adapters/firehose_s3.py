"""A stream's destination in S3: what its role must be allowed to do there, objects, and the error log."""

from __future__ import annotations

import asyncio
import json
import logging
import re
import time
from collections.abc import Mapping
from typing import Any

from ministack.services import cloudwatch, cloudwatch_logs, s3
from ministack.services.cloudformation import provisioners

from . import access
from .firehose_processing import StoredObject

_BUCKET_ACTIONS = ("s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads")
_OBJECT_ACTIONS = ("s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject")
"""https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-s3"""
_GLUE_ACTIONS = ("glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions")
"""https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-glue"""
_COMPRESSIONS = ("GZIP", "UNCOMPRESSED")
_LOG_EVERY_SECONDS = 1.0
_log = logging.getLogger("sandbox.firehose")
_last_report: dict[tuple[str, str], float] = {}
_metrics: dict[str, list[tuple[str, str]]] = {}


class Destination:
    """Where a stream writes, and as whom.

    Args:
        config: The destination's configuration, as the API describes it.
        account: The stream's account.
        region: The stream's region.
    """

    def __init__(self, config: Mapping[str, Any], account: str, region: str) -> None:
        self.config, self.account, self.region = config, account, region

    @property
    def bucket_arn(self) -> str:
        """The bucket."""
        return str(self.config["BucketARN"])

    @property
    def key(self) -> str:
        """The key that the stream encrypts objects with; empty for none."""
        own = (self.config.get("EncryptionConfiguration") or {}).get("KMSEncryptionConfig") or {}
        return str(own.get("AWSKMSKeyARN", ""))

    @property
    def conversion(self) -> Mapping[str, Any]:
        """How records are converted; empty for not at all."""
        found: Mapping[str, Any] = self.config.get("DataFormatConversionConfiguration") or {}
        return found if found.get("Enabled", True) else {}

    def assume(self, role: str | None = None) -> access.Session:
        """Assume a role as Firehose.

        Args:
            role: Which; None for the stream's.

        Raises:
            access.Refused: If it does not trust Firehose.
        """
        conditions = {"sts:ExternalId": self.account}
        return access.assume(
            role or self.config["RoleARN"], "firehose.amazonaws.com", self.account, self.region, conditions
        )

    def check(self) -> None:
        """Refuse a role that lacks what Firehose's guide lists for the prefixes, the key, the function and the table.

        Raises:
            access.Refused: If something is lacking.
        """
        compression = self.config.get("CompressionFormat", "UNCOMPRESSED")
        if compression not in _COMPRESSIONS:
            raise access.Refused(f"the sandbox has no compression {compression}; add it to firehose_processing.py")
        session = self.assume()
        for prefix in (self.config.get("Prefix"), self.config.get("ErrorOutputPrefix")):
            self._admit(session, _sample(prefix))
        if self.function:
            access.require(session, "lambda:InvokeFunction", self.function)
        self.admit_table()

    def admit_table(self) -> None:
        """Refuse a role that may not read the table that records are converted with.

        Raises:
            access.Refused: If it may not.
        """
        if not self.conversion:
            return
        schema = self.conversion["SchemaConfiguration"]
        session = self.assume(schema.get("RoleARN"))
        base = f"arn:aws:glue:{schema.get('Region', self.region)}:{self.account}"
        database, table = schema["DatabaseName"], schema["TableName"]
        for action in _GLUE_ACTIONS:
            for resource in ("catalog", f"database/{database}", f"table/{database}/{table}"):
                access.require(session, action, f"{base}:{resource}")

    @property
    def function(self) -> str:
        """The function that transforms records; empty for none."""
        for processor in (self.config.get("ProcessingConfiguration") or {}).get("Processors") or []:
            if processor["Type"] == "Lambda":
                return str(parameters(processor)["LambdaArn"])
        return ""

    def put(self, one: StoredObject) -> None:
        """Write an object with the role.

        Args:
            one: The object.

        Raises:
            access.Refused: If the role, the bucket or the key does not admit it.
        """
        self._admit(self.assume(), one.key)
        bucket = self.bucket_arn.rsplit(":", 1)[-1]
        headers = {
            "content-type": "application/octet-stream",
            "content-length": str(len(one.body)),
            "host": "s3.localhost",
        }
        if self.key:
            headers |= {
                "x-amz-server-side-encryption": "aws:kms",
                "x-amz-server-side-encryption-aws-kms-key-id": self.key,
            }
        write = s3.handle_request("PUT", f"/{bucket}/{one.key}", headers, one.body, {}, internal=True)
        status, _, body = asyncio.run(write)
        if status != 200:
            raise access.Refused(f"S3 answered {status} for {bucket}/{one.key}: {body!r}")
        _count_put(bucket, one.key)

    def report(self, code: str, message: str) -> None:
        """Write to the stream's error log, once a second at most, as far as the role may.

        Args:
            code: The kind of error.
            message: What happened.
        """
        options = self.config.get("CloudWatchLoggingOptions") or {}
        group, stream = options.get("LogGroupName", ""), options.get("LogStreamName", "")
        if not options.get("Enabled") or time.time() - _last_report.get((group, stream), 0) < _LOG_EVERY_SECONDS:
            return
        _last_report[group, stream] = time.time()
        arn = f"arn:aws:logs:{self.region}:{self.account}:log-group:{group}:log-stream:{stream}"
        try:
            access.require(self.assume(), "logs:PutLogEvents", arn)
        except access.Refused as error:
            _log.warning("the error log could not be written: %s", error)
            return
        text = json.dumps({"destination": self.bucket_arn, "errorCode": code, "errorMessage": message})
        event = {"timestamp": int(time.time() * 1000), "message": text}
        cloudwatch_logs._put_log_events({"logGroupName": group, "logStreamName": stream, "logEvents": [event]})

    def _admit(self, session: access.Session, key: str) -> None:
        for action in _BUCKET_ACTIONS:
            access.require(session, action, self.bucket_arn)
        for action in _OBJECT_ACTIONS:
            access.require(session, action, f"{self.bucket_arn}/{key}")
        access.require_key(session, self.key, "s3")


def parameters(processor: Mapping[str, Any]) -> dict[str, str]:
    """The parameters of a processor, by name.

    Args:
        processor: The processor as the API describes it.
    """
    return {one["ParameterName"]: one["ParameterValue"] for one in processor.get("Parameters") or []}


def remember_metrics() -> None:
    """Keep the request metrics that templates ask of buckets, which MiniStack drops."""
    handler = provisioners._RESOURCE_HANDLERS["AWS::S3::Bucket"]
    create = handler["create"]

    def remember(logical_id: str, properties: dict[str, Any], stack: str) -> Any:
        bucket, attributes = create(logical_id, properties, stack)
        configured = properties.get("MetricsConfigurations") or []
        _metrics[bucket] = [(one["Id"], one.get("Prefix", "")) for one in configured]
        return bucket, attributes

    handler["create"] = remember


def _count_put(bucket: str, key: str) -> None:
    for id, prefix in _metrics.get(bucket, []):
        if key.startswith(prefix):
            dimensions = {"BucketName": bucket, "FilterId": id}
            cloudwatch.record_metric("AWS/S3", "PutRequests", 1, "Count", dimensions)


def _sample(prefix: str | None) -> str:
    """A key such as the prefix yields."""
    return re.sub(r"!\{[^}]*\}", "x", prefix or "") + "object"
