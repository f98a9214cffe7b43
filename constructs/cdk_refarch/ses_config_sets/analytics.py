"""All events of the streams in Amazon S3, as a table with ready queries."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_athena as athena
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_ses as ses
from constructs import Construct

from cdk_refarch._parts.keys import SES, USE, admit
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import service_role
from cdk_refarch._parts.s3_delivery.s3_delivery import S3Delivery

from .email_stream import EmailStream, stream_names
from .event_table import event_sink
from .queries import queries
from .values import Analytics, SendingStream


class EventAnalytics(Construct):
    """Every event as a row of a table that Athena reads, with saved queries about bounces, opens and complaints.

    Creates a Firehose stream with its bucket and its Glue table, a role for each stream of email, an Athena work group
    that encrypts results and keeps them for a day, and the queries.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        analytics: What is asked for; checked before.
        streams: The streams by name, with what was asked for.
        operation: What it shares with the other parts.

    Attributes:
        delivery: The Firehose stream with its ``bucket`` and ``table``.
        work_group: The Athena work group.
        queries: The saved queries by name.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        analytics: Analytics,
        streams: Mapping[str, tuple[EmailStream, SendingStream]],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.delivery = S3Delivery(
            self,
            "Delivery",
            sink=event_sink(analytics),
            encryption_key=operation.encryption_key,
            alarm_topic=operation.alarm_topic,
            removal_policy=operation.removal_policy,
            log_retention=operation.log_retention,
        )
        self._send_events(streams)
        self.work_group = self._work_group(operation)
        self.queries = self._queries(analytics, streams)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self.delivery.alarms

    def _send_events(self, streams: Mapping[str, tuple[EmailStream, SendingStream]]) -> None:
        l1 = ses.CfnConfigurationSetEventDestination
        for stream, wanted in streams.values():
            if not wanted.analytics_events:
                continue
            # https://docs.aws.amazon.com/ses/latest/dg/event-publishing-add-event-destination-firehose.html
            role = service_role(
                stream,
                "AnalyticsRole",
                service=SES,
                conditions={
                    "StringEquals": {
                        "aws:SourceAccount": cdk.Stack.of(self).account,
                        "aws:SourceArn": stream.configuration_set_arn,
                    }
                },
                description="Lets one configuration set of Amazon SES hand its events to Firehose",
                statements=[
                    iam.PolicyStatement(actions=["firehose:PutRecordBatch"], resources=[self.delivery.stream.attr_arn])
                ],
            )
            stream.send_events(
                "AnalyticsDestination",
                wanted.analytics_events,
                kinesis_firehose_destination=l1.KinesisFirehoseDestinationProperty(
                    delivery_stream_arn=self.delivery.stream.attr_arn, iam_role_arn=role.role_arn
                ),
            )

    def _work_group(self, operation: Operation) -> athena.CfnWorkGroup:
        l1 = athena.CfnWorkGroup
        # Athena makes no name up.
        name = f"email-events-{address(self)}"
        self._admit_athena(operation.encryption_key, name)
        return l1(
            self,
            "WorkGroup",
            name=name,
            description="Queries about email events, with encrypted results that Athena keeps for a day",
            recursive_delete_option=True,
            work_group_configuration=l1.WorkGroupConfigurationProperty(
                enforce_work_group_configuration=True,
                publish_cloud_watch_metrics_enabled=True,
                managed_query_results_configuration=l1.ManagedQueryResultsConfigurationProperty(
                    enabled=True,
                    encryption_configuration=l1.ManagedStorageEncryptionConfigurationProperty(
                        kms_key=operation.encryption_key.key_arn
                    ),
                ),
            ),
        )

    def _admit_athena(self, key: kms.IKey, name: str) -> None:
        stack = cdk.Stack.of(self)
        work_group = f"arn:{stack.partition}:athena:{stack.region}:{stack.account}:workgroup/{name}"
        statement = iam.PolicyStatement(
            principals=[iam.ServicePrincipal("encryption.athena.amazonaws.com")],
            actions=[*USE, "kms:DescribeKey"],
            resources=["*"],
            conditions={
                "StringEquals": {"aws:SourceAccount": stack.account},
                "ArnLike": {"aws:SourceArn": work_group, "kms:EncryptionContext:aws:athena:arn": work_group},
            },
        )
        admit(
            self,
            key,
            statement,
            needed="encryption.athena.amazonaws.com decrypt and generate data keys, or the queries have no results",
            source="https://docs.aws.amazon.com/athena/latest/ug/managed-results.html",
        )

    def _queries(
        self, analytics: Analytics, streams: Mapping[str, tuple[EmailStream, SendingStream]]
    ) -> dict[str, athena.CfnNamedQuery]:
        table = self.delivery.table
        if table is None:
            return {}
        database = table.database_name
        made = {}
        for name, query in queries(database, table.ref, stream_names(streams), analytics.campaign_tag).items():
            made[name] = athena.CfnNamedQuery(
                self,
                "".join(part.capitalize() for part in name.split("_")),
                name=name,
                description=query.description,
                database=database,
                query_string=query.sql,
                work_group=self.work_group.ref,
            )
        return made
