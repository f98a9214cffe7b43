"""What is known of each contact: which addresses bounced or complained, when, and in which stream."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_dynamodb as dynamodb
from aws_cdk import aws_iam as iam
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.findings import acknowledge
from cdk_refarch._parts.functions import python_function
from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.log_metrics import count_lines
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import use_key

from .feedback_loop import HANDLER_SECONDS
from .functions import HANDLERS
from .use_checks import check_grantee
from .values import Feedback

BATCH = 10

METRICS = "cdk-refarch/SesConfigSets"

NOT_SENT = '{ ($.type = "Reject") || ($.type = "Rendering Failure") }'
"""The lines of the log about mail that SES took and did not send."""


class ContactRecord(Construct):
    """A table with the last event of each kind for each address and stream, and the function that writes it.

    Events that come twice or late change nothing: an older event never replaces a newer one.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        feedback: What is asked for; checked before.
        queue: Where the events are.
        sets: Name of a configuration set to that of its stream, which the function reads.
        operation: What it shares with the other parts.

    Attributes:
        table: The table. Its partition key ``address`` is the address in lower case; its sort key ``event`` is the
            stream and the kind, such as ``marketing#COMPLAINT``.
        function: The function.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        feedback: Feedback,
        queue: sqs.Queue,
        sets: Mapping[str, str],
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self._key = operation.encryption_key
        text = dynamodb.AttributeType.STRING
        self.table = dynamodb.Table(
            self,
            "Contacts",
            partition_key=dynamodb.Attribute(name="address", type=text),
            sort_key=dynamodb.Attribute(name="event", type=text),
            billing_mode=dynamodb.BillingMode.PAY_PER_REQUEST,
            encryption=dynamodb.TableEncryption.CUSTOMER_MANAGED,
            encryption_key=operation.encryption_key,
            time_to_live_attribute="expires_at",
            point_in_time_recovery_specification=dynamodb.PointInTimeRecoverySpecification(
                point_in_time_recovery_enabled=True
            ),
            removal_policy=operation.removal_policy,
        )
        self.function = python_function(
            self,
            code=HANDLERS / "feedback_recorder",
            description="Records by address which email bounced, was complained of, is late or was not sent",
            timeout=cdk.Duration.seconds(HANDLER_SECONDS),
            statements=self._statements(queue),
            environment={
                "TABLE_NAME": self.table.table_name,
                "STREAMS": cdk.Stack.of(self).to_json_string(dict(sets)),
                "KEEP_TRANSIENT_DAYS": str(feedback.keep_transient_days),
            },
            operation=operation,
        )
        acknowledge(
            self.function,
            "Serverless::Serverless-LambdaDLQ",
            "The function reads a queue: what it fails on stays there and goes to that queue's dead-letter queue.",
        )
        source = lambda_.CfnEventSourceMapping(
            self,
            "Source",
            function_name=self.function.function_arn,
            event_source_arn=queue.queue_arn,
            batch_size=BATCH,
            function_response_types=["ReportBatchItemFailures"],
        )
        acknowledge(
            source,
            "Serverless::Serverless-LambdaEventSourceMappingDestination",
            "Lambda has such destinations for streams only. What fails on the way from a queue goes to the queue's own "
            "dead-letter queue.",
        )
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(self._not_sent(), operation.alarm_topic)

    def grant_read(self, grantee: iam.IGrantable) -> iam.Grant:
        """Let an identity look addresses up, before it sends to them.

        Args:
            grantee: The identity.

        Raises:
            ValueError: If it is no identity of IAM, or one that no policy can be attached to.
        """
        check_grantee(Checks(self.node.path), grantee, self)
        grantee.grant_principal.add_to_principal_policy(use_key(self, self._key, "dynamodb", ["kms:Decrypt"]))
        return iam.Grant.add_to_principal(
            grantee=grantee, actions=["dynamodb:GetItem", "dynamodb:Query"], resource_arns=[self.table.table_arn]
        )

    def _statements(self, queue: sqs.Queue) -> list[iam.PolicyStatement]:
        return [
            iam.PolicyStatement(
                actions=["sqs:DeleteMessage", "sqs:GetQueueAttributes", "sqs:ReceiveMessage"],
                resources=[queue.queue_arn],
            ),
            use_key(self, self._key, "sqs", ["kms:Decrypt"]),
            iam.PolicyStatement(actions=["dynamodb:PutItem"], resources=[self.table.table_arn]),
            use_key(self, self._key, "dynamodb", USE),
        ]

    def _not_sent(self) -> cloudwatch.Metric:
        """Return how much mail SES took and did not send, counted by what the function logs of events."""
        metric = f"NotSent-{address(self)}"
        count_lines(
            self,
            "NotSentFilter",
            log_group_name=self.function.log_group.log_group_name,
            pattern=NOT_SENT,
            namespace=METRICS,
            metric_name=metric,
        )
        return cloudwatch.Metric(namespace=METRICS, metric_name=metric, statistic="Sum")

    def _alarms(self, not_sent: cloudwatch.Metric, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "NotSent",
                not_sent,
                "SES took mail and did not send it: its content was infected, or a template lacked data. The record "
                "has the addresses, with the kinds REJECT and RENDERING_FAILURE. Mend the sender.",
            ),
            (
                "Errors",
                self.function.metric_errors(),
                "The function that records feedback failed for whole batches. They stay in the queue and are tried "
                "again, five times each. Read its log.",
            ),
        ]
        return alarms(self, watched, topic, suffix="Alarm")
