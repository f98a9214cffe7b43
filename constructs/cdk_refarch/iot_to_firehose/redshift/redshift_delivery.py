"""A Firehose stream whose files Redshift loads, with everything it needs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.s3_delivery.s3_delivery import S3Delivery
from cdk_refarch._parts.s3_delivery.s3_sink import DATA_ROOT
from cdk_refarch._parts.sinks import Delivery

from .auto_copy import AutoCopy, Target
from .load_watch import LoadWatch
from .redshift_sink import DirectCopy, ExistingWorkgroup, RedshiftSink, RedshiftWorkgroup
from .workgroup import Workgroup, read_files, secret_resource


class RedshiftDelivery(Delivery):
    """Records put to a Firehose stream become rows of a table, and files that cannot be loaded messages in a queue.

    Creates the stream with its bucket, the table with the job that loads files into it, what looks after the loads,
    alarms and, unless it is given, the workgroup.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        sink: What to deliver and where; checked before.
        operation: What it shares with the other parts.

    Attributes:
        stream: The Firehose stream.
        role: The role that the stream works with.
        bucket: The bucket of the files.
        access_log_bucket: Where its access logs go, given or created.
        log_group: The stream's error log.
        workgroup_name: The workgroup, created or given; None for a direct COPY.
        namespace_name: The namespace of the created workgroup; None otherwise.
        copy_role: The role with which files are loaded, created or given; None for a direct COPY.
        security_group: What the created workgroup is reached by: let those in who query. None for a given one.
        failed_loads: The queue of files that were not loaded; None for a direct COPY.
        alarms: The alarms by name.
    """

    separator = "\n"

    def __init__(self, scope: Construct, id: str, *, sink: RedshiftSink, operation: Operation) -> None:
        super().__init__(scope, id)
        self.workgroup_name: str | None = None
        self.namespace_name: str | None = None
        self.copy_role: iam.IRole | None = None
        self.security_group: ec2.SecurityGroup | None = None
        self.failed_loads: sqs.Queue | None = None
        if sink.direct is not None:
            self._copy_directly(sink, sink.direct, operation)
            return
        staging = S3Delivery(
            self,
            "Staging",
            sink=sink.staging,
            encryption_key=operation.encryption_key,
            alarm_topic=operation.alarm_topic,
            removal_policy=operation.removal_policy,
            log_retention=operation.log_retention,
        )
        self.stream, self.role, self.log_group = staging.stream, staging.role, staging.log_group
        self.bucket, self.access_log_bucket = staging.bucket, staging.access_log_bucket
        self._object_key = operation.encryption_key
        target, waits = self._target(sink, operation)
        watch = LoadWatch(
            self,
            "Loads",
            bucket=self.bucket,
            workgroup_name=target.workgroup_name,
            workgroup_arn=target.workgroup_arn,
            database=target.database,
            table=f"{sink.schema}.{sink.table}",
            operation=operation,
        )
        copy = AutoCopy(
            self, "Copy", sink=sink, bucket=self.bucket, target=target, watcher=watch.role, operation=operation
        )
        copy.node.add_dependency(*waits)
        watch.begin(copy.job)
        # Files that come before the job are not loaded.
        self.stream.node.add_dependency(copy.table)
        self.workgroup_name, self.namespace_name = target.workgroup_name, target.namespace_name
        self.copy_role, self.failed_loads = target.copy_role, watch.failed_loads
        self.alarms: Mapping[str, cloudwatch.Alarm] = {**staging.alarms, **watch.alarms}

    def _target(self, sink: RedshiftSink, operation: Operation) -> tuple[Target, list[Construct]]:
        if isinstance(sink.workgroup, ExistingWorkgroup):
            given = sink.workgroup
            policy = read_files(self, given.copy_role, self.bucket, [DATA_ROOT])
            self._warn(given)
            return Target(
                workgroup_name=given.workgroup_name,
                workgroup_arn=given.workgroup_arn,
                namespace_name=None,
                namespace_arn=given.namespace_arn,
                database=given.database,
                secret_arn=given.admin_secret.secret_arn,
                secret_resource=secret_resource(given.admin_secret),
                secret_key=given.admin_secret.encryption_key,
                copy_role=given.copy_role,
            ), [policy]
        wanted = cast("RedshiftWorkgroup", sink.workgroup)
        made = Workgroup(
            self,
            "Workgroup",
            wanted=wanted,
            vpc=cast("ec2.IVpc", sink.vpc),
            subnets=sink.subnets,
            bucket=self.bucket,
            operation=operation,
        )
        self.security_group = made.security_group
        policy = read_files(self, made.copy_role, self.bucket, [DATA_ROOT])
        cdk.Annotations.of(self).add_warning_v2(
            "cdk-refarch:bills-while-idle",
            "The Redshift workgroup of this sink bills for storage while it is idle, and for compute for a minute at "
            "least whenever a file arrives. Acknowledge this when the price is known: "
            "https://aws.amazon.com/redshift/pricing/",
        )
        return Target(
            workgroup_name=made.workgroup.ref,
            workgroup_arn=made.workgroup.attr_workgroup_workgroup_arn,
            namespace_name=made.namespace.ref,
            namespace_arn=made.namespace.attr_namespace_namespace_arn,
            database=wanted.database,
            secret_arn=None,
            secret_resource=made.secret_arns,
            secret_key=operation.encryption_key,
            copy_role=made.copy_role,
        ), [policy, made.workgroup]

    def _warn(self, given: ExistingWorkgroup) -> None:
        cdk.Annotations.of(self).add_warning_v2(
            "cdk-refarch:namespace-policy",
            f"The resource policy of the namespace of {given.workgroup_name} cannot be changed by this app. It must "
            "let redshift.amazonaws.com use redshift:AuthorizeInboundIntegration and this account "
            "redshift:CreateInboundIntegration from the bucket of this sink, and the namespace must have copy_role, or "
            "no file is loaded: https://docs.aws.amazon.com/redshift/latest/dg/loading-data-copy-job.html",
        )

    def _copy_directly(self, sink: RedshiftSink, direct: DirectCopy, operation: Operation) -> None:
        # Imported here, because it is the exception.
        from .direct_copy import DirectDelivery

        made = DirectDelivery(self, "Direct", sink=sink, direct=direct, operation=operation)
        self.stream, self.role, self.log_group = made.stream, made.role, made.log_group
        self.bucket, self.access_log_bucket = made.bucket, made.access_log_bucket
        self._object_key = operation.encryption_key
        self.alarms = made.alarms
