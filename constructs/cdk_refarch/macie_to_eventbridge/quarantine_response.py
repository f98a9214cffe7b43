"""The function that answers findings of sensitive data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import use_key
from cdk_refarch._parts.private_bucket import private_bucket
from cdk_refarch._parts.queues import failure_queue

from .functions import HANDLERS
from .routing import Quarantine

TIMEOUT = cdk.Duration.minutes(15)
"""The longest that a function may run; objects of many gigabytes are copied in parts."""

MEMORY_MIB = 1024
"""Parts are copied by Amazon S3, not through the function: the memory only buys network and speed."""


class QuarantineResponse(Construct):
    """A function that tags an object, copies it to a locked bucket, and blocks public access to the bucket it is in.

    Creates the function, the queue of findings that it failed on, two alarms and, unless it is a dry run that copies
    nothing, the quarantine bucket with one for its access logs.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        quarantine: What is asked for; checked before.
        operation: What it shares with the other parts.

    Attributes:
        function: The function.
        bucket: The quarantine bucket; None when nothing is copied.
        access_log_bucket: Where its access logs go; None when nothing is copied.
        failed_findings: Findings that the function failed on three times, as events.
        alarms: The alarms by name.
    """

    def __init__(self, scope: Construct, id: str, *, quarantine: Quarantine, operation: Operation) -> None:
        super().__init__(scope, id)
        key, policy = operation.encryption_key, operation.removal_policy
        self.failed_findings: sqs.Queue = failure_queue(
            self, "FailedFindings", key=key, removal_policy=policy, recognized=True
        )
        self.bucket: s3.Bucket | None = None
        self.access_log_bucket: s3.IBucket | None = None
        if quarantine.copy and not quarantine.dry_run:
            self.bucket, self.access_log_bucket = private_bucket(
                self,
                key=key,
                access_log_bucket=None,
                removal_policy=policy,
                lock=s3.ObjectLockRetention.governance(cdk.Duration.days(quarantine.lock_days)),
            )
        statements = [] if quarantine.dry_run else self._statements(quarantine, key)
        self.function = python_function(
            self,
            code=HANDLERS / "quarantine",
            description=f"Answers Macie findings{' in a dry run: it only logs what it would do' * quarantine.dry_run}",
            timeout=TIMEOUT,
            memory_mib=MEMORY_MIB,
            statements=statements,
            environment={
                "DRY_RUN": _flag(quarantine.dry_run),
                "TAG": _flag(quarantine.tag),
                "COPY": _flag(quarantine.copy),
                "BLOCK_PUBLIC_ACCESS": _flag(quarantine.block_public_access),
                **({} if self.bucket is None else {"QUARANTINE_BUCKET": self.bucket.bucket_name}),
                **({} if self.bucket is None else {"KEY_ARN": key.key_arn}),
            },
            operation=operation,
            failed_events=self.failed_findings,
        )
        if not quarantine.dry_run:
            self._acknowledge(quarantine.buckets)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(operation.alarm_topic)

    def _statements(self, quarantine: Quarantine, key: kms.IKey) -> list[iam.PolicyStatement]:
        buckets = [self._arn(name) for name in quarantine.buckets]
        objects = [f"{arn}/*" for arn in buckets]
        statements = []
        if quarantine.tag or quarantine.copy:
            statements.append(iam.PolicyStatement(actions=["s3:ListBucket"], resources=buckets))
        if quarantine.tag:
            tagging = ["s3:GetObjectTagging", "s3:GetObjectVersionTagging"]
            tagging += ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
            statements.append(iam.PolicyStatement(actions=tagging, resources=objects))
        if self.bucket is not None:
            reading = ["s3:GetObject", "s3:GetObjectVersion"]
            statements.append(iam.PolicyStatement(actions=reading, resources=objects))
            statements += self._copying(self.bucket, key)
            statements += [use_key(self, one, "s3", ["kms:Decrypt"]) for one in quarantine.decrypt_keys]
        if quarantine.block_public_access:
            blocking = ["s3:GetBucketPublicAccessBlock", "s3:PutBucketPublicAccessBlock"]
            statements.append(iam.PolicyStatement(actions=blocking, resources=buckets))
        return statements

    def _copying(self, bucket: s3.Bucket, key: kms.IKey) -> list[iam.PolicyStatement]:
        writing = ["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]
        writing += ["s3:PutObjectTagging", "s3:PutObjectVersionTagging"]
        return [
            iam.PolicyStatement(actions=["s3:ListBucket"], resources=[bucket.bucket_arn]),
            iam.PolicyStatement(actions=writing, resources=[bucket.arn_for_objects("*")]),
            use_key(self, key, "s3", USE),
        ]

    def _arn(self, name: str) -> str:
        return f"arn:{cdk.Stack.of(self).partition}:s3:::{name}"

    def _acknowledge(self, buckets: Sequence[str]) -> None:
        role = self.node.find_child("FunctionRole")
        why = "Which objects Macie will report cannot be known. The buckets are those that the consumer named."
        for name in buckets:
            acknowledge_wildcard(role, f"{self._arn(name)}/*", why)
            if "*" in name:
                acknowledge_wildcard(role, self._arn(name), why)
        if self.bucket is not None:
            own = "The quarantine bucket is written by this function alone, under keys that the findings decide."
            acknowledge_wildcard(role, self.bucket.arn_for_objects("*"), own)

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Errors",
                self.function.metric_errors(),
                "The quarantine function failed, and is called again twice. Read its log.",
            ),
            (
                "FailedFindings",
                self.failed_findings.metric_approximate_number_of_messages_visible(statistic="Maximum"),
                "The quarantine function failed on findings three times, and their objects are where they were. They "
                "wait in its queue for 14 days: mend the cause and replay them.",
            ),
        ]
        return alarms(self, watched, topic, suffix="Alarm")


def _flag(value: bool) -> str:
    return "true" if value else "false"
