"""MQTT topic to AWS IoT rule to Amazon Data Firehose to Amazon S3, OpenSearch and Redshift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import overload

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.checks import Checks
from cdk_refarch._parts.keys import key_for
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.queues import failure_queue
from cdk_refarch._parts.resource_checks import check_resources
from cdk_refarch._parts.s3_delivery.s3_sink import S3Sink
from cdk_refarch._parts.sinks import Delivery, Sink

from . import argument_checks, rule_sql, topics
from .rule_action import RuleAction
from .topic_rule import topic_rule


class IotToFirehose(Construct):
    """MQTT messages that a rule selects arrive where they are wanted, and none that fails is lost unseen.

    Creates an AWS IoT rule, a Firehose stream for each sink with its bucket and what else the sink needs, an encrypted
    queue for messages that could not be delivered, alarms for every way to fail, roles with exactly the needed
    permissions, and a key.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        topic_filter: The MQTT topics to listen to, as in ``fleet/+/telemetry``: at most 256 bytes and 7 slashes, and
            no reserved topic. Exactly one of ``topic_filter`` and ``sql``.
        sql: The whole statement, for what ``topic_filter``, ``select`` and ``where`` cannot say, such as reserved
            topics under ``$aws/events``. Functions that call other services need their own permissions.
        select: What to take from a message, in AWS IoT SQL.
        where: Which messages to take, in AWS IoT SQL; None for all.
        batch: Whether the statement yields an array, of at most 500 elements, each to become a record.
        sinks: Where the records go, one Firehose stream each: ``S3Sink``, ``OpenSearchSink`` and ``RedshiftSink``, with
            distinct ids, and at most 10 together with ``actions``.
        actions: What else the rule does with each message, with distinct ids: ``LambdaAction``, ``SqsAction``,
            ``SnsAction``, ``KinesisAction``, ``StepFunctionsAction``, ``DynamoDbAction``, ``RepublishAction`` and
            ``S3Action``.
        rule_name: A name for the rule, of letters, digits and _, at most 128. It is part of the Basic Ingest
            topic that devices know; None to let CloudFormation make one up. A named rule cannot be replaced by another
            of the same name in one deployment.
        error_queue: A standard queue for messages that could not be delivered; None to create one. If it is encrypted
            with a key, that key must admit this account's IAM policies.
        encryption_key: Encrypts records on their way, objects, failed messages and logs; None to create one. A given
            key that the app does not own must admit this account's IAM policies and CloudWatch Logs.
        alarm_topic: Where alarms go; None for nowhere. If the topic is encrypted, its key must admit
            ``cloudwatch.amazonaws.com`` for ``kms:Decrypt`` and ``kms:GenerateDataKey*``, or alarms are lost silently;
            ``AlarmTopic`` has such a key.
        removal_policy: What happens to objects, failed messages, logs and the key when the construct is removed.
        log_retention: How long the error logs of the streams are kept.

    Attributes:
        rule: The AWS IoT rule.
        basic_ingest_topic: The topic that reaches this rule alone and is not billed as messaging. What follows it
            is what ``topic()`` yields in SQL.
        error_queue: The queue of messages that could not be delivered, given or created.
        deliveries: What was made for each sink, by the sink's id: ``stream``, ``role``, ``bucket``, ``log_group`` ...
        encryption_key: The key, given or created.
        alarms: All alarms by name; those of a sink or an action begin with its id.

    Raises:
        ValueError: If an argument is one that AWS would refuse, or that would lose data.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        topic_filter: str | None = None,
        sql: str | None = None,
        select: str = "*",
        where: str | None = None,
        batch: bool = False,
        sinks: Sequence[Sink] = (S3Sink(),),
        actions: Sequence[RuleAction] = (),
        rule_name: str | None = None,
        error_queue: sqs.IQueue | None = None,
        encryption_key: kms.IKey | None = None,
        alarm_topic: sns.ITopic | None = None,
        removal_policy: cdk.RemovalPolicy = cdk.RemovalPolicy.RETAIN,
        log_retention: logs.RetentionDays = logs.RetentionDays.SIX_MONTHS,
    ) -> None:
        self._checks = Checks.of(scope, id)
        heard = argument_checks.check_statement(self._checks, topic_filter, sql, select, where, batch)
        argument_checks.check_rule(self._checks, scope, rule_name, error_queue)
        users = "Firehose, queues and logs"
        check_resources(self._checks, scope, encryption_key, alarm_topic, removal_policy, log_retention, users=users)
        argument_checks.check_sinks(self._checks, sinks, scope)
        argument_checks.check_actions(self._checks, actions, sinks, scope, heard._replace(rule_name=rule_name))
        super().__init__(scope, id)
        data = "records, objects, failed messages and logs"
        self.encryption_key: kms.IKey = key_for(self, encryption_key, data=data, removal_policy=removal_policy)
        operation = Operation(
            encryption_key=self.encryption_key,
            alarm_topic=alarm_topic,
            removal_policy=removal_policy,
            log_retention=log_retention,
        )
        self.deliveries: Mapping[str, Delivery] = {sink.id: sink.deliver(self, operation) for sink in sinks}
        self.error_queue: sqs.IQueue = (
            failure_queue(self, "ErrorQueue", key=self.encryption_key, removal_policy=removal_policy)
            if error_queue is None
            else error_queue
        )
        if sql is None:
            sql = rule_sql.build(str(topic_filter), select, where)
        self._topic_filter = topic_filter or rule_sql.parse(sql).topic_filter
        self.rule = topic_rule(
            self,
            sql=sql,
            batch=batch,
            rule_name=rule_name,
            deliveries=self.deliveries.values(),
            actions=actions,
            error_queue=self.error_queue,
        )
        self.basic_ingest_topic = f"$aws/rules/{self.rule.ref}"
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(actions, alarm_topic)

    @overload
    def grant_publish(
        self, grantee: iam.PolicyDocument, *, topic: str | None = None, basic_ingest: bool = False
    ) -> iam.PolicyDocument: ...

    @overload
    def grant_publish(
        self, grantee: iam.IGrantable, *, topic: str | None = None, basic_ingest: bool = False
    ) -> iam.Grant: ...

    def grant_publish(
        self,
        grantee: iam.PolicyDocument | iam.IGrantable,
        *,
        topic: str | None = None,
        basic_ingest: bool = False,
    ) -> iam.PolicyDocument | iam.Grant:
        """Let devices or an IAM identity publish to the topics of the rule, and to no other.

        Args:
            grantee: The document of an AWS IoT policy, for devices with certificates, or an IAM identity.
            topic: The topic to admit, one that the rule matches; variables of AWS IoT policies and * may stand in
                it. None to derive it from the topic filter: for devices the only + becomes the name of the thing, so
                that each can speak for itself alone; for IAM identities each wildcard becomes *.
            basic_ingest: Whether to admit the Basic Ingest topic instead of the plain one.

        Returns:
            The document, or the grant.

        Raises:
            ValueError: If the rule does not match the topic, or the topic cannot be derived.
        """
        for_things = isinstance(grantee, iam.PolicyDocument)
        if not for_things and not hasattr(grantee, "grant_principal"):
            got = f"{type(grantee).__name__} {grantee!r}"
            self._checks.refuse(
                "grantee", "an IGrantable or a PolicyDocument", got, "give a role, a user or a document"
            )
        self._checks.instance("basic_ingest", basic_ingest, bool, remedy="give True or False")
        topic = topics.to_publish(self._checks, topic, self._topic_filter, for_things=for_things)
        if basic_ingest:
            topic = f"{self.basic_ingest_topic}/{topic}"
        stack = cdk.Stack.of(self)
        resource = f"arn:{stack.partition}:iot:{stack.region}:{stack.account}:topic/{topic}"
        if isinstance(grantee, iam.PolicyDocument):
            grantee.add_statements(iam.PolicyStatement(actions=["iot:Publish"], resources=[resource]))
            return grantee
        return iam.Grant.add_to_principal(grantee=grantee, actions=["iot:Publish"], resource_arns=[resource])

    def metric_topic_match(self, *, statistic: str = "Sum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many messages the rule heard.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return self._metric("TopicMatch", statistic, period)

    def metric_parse_errors(self, *, statistic: str = "Sum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many messages were no JSON where the statement needs JSON; they are lost.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return self._metric("ParseError", statistic, period)

    def metric_throttled(self, *, statistic: str = "Sum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many messages the rules engine dropped because of an account limit.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return self._metric("RuleMessageThrottled", statistic, period)

    def metric_undelivered(
        self, *, statistic: str = "Maximum", period: cdk.Duration | None = None
    ) -> cloudwatch.Metric:
        """Return how many messages wait in the error queue.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return self.error_queue.metric_approximate_number_of_messages_visible(statistic=statistic, period=period)

    def metric_error_action_failures(self, *, period: cdk.Duration | None = None) -> cloudwatch.MathExpression:
        """Return how many messages could neither be delivered nor put into the error queue; they are lost.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        # The metric also has the dimension ActionType, whose values AWS does not document: a query finds it by the
        # rule alone, where a metric with a wrong value would never have data.
        return cloudwatch.MathExpression(
            expression=f"SELECT SUM(ErrorActionFailure) FROM \"AWS/IoT\" WHERE RuleName = '{self.rule.ref}'",  # noqa: S608
            using_metrics={},
            label="ErrorActionFailure",
            period=period,
        )

    def _metric(self, name: str, statistic: str, period: cdk.Duration | None) -> cloudwatch.Metric:
        return cloudwatch.Metric(
            namespace="AWS/IoT",
            metric_name=name,
            dimensions_map={"RuleName": self.rule.ref},
            statistic=statistic,
            period=period,
        )

    def _alarms(self, actions: Sequence[RuleAction], topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        targets = "Firehose or to the target of an action" if actions else "Firehose"
        watched: list[Watched] = [
            (
                "ErrorQueueNotEmpty",
                self.metric_undelivered(),
                f"Messages could not be delivered to {targets} and wait in the error queue for 14 days, each with the "
                "reason. Mend the cause and replay them.",
            ),
            (
                "ErrorActionFailed",
                self.metric_error_action_failures(),
                "Messages could neither be delivered nor put into the error queue, and are lost. Mend access to the "
                "queue and its key at once.",
            ),
            (
                "RuleParseErrors",
                self.metric_parse_errors(),
                "Messages were no JSON where the rule's SQL needs JSON, and are lost. Mend the devices, or select the "
                "raw payload.",
            ),
            (
                "RuleThrottled",
                self.metric_throttled(),
                "The rules engine dropped messages because of an account limit. Ask for a higher quota of rule "
                "evaluations.",
            ),
        ]
        for action in actions:
            watched += [(f"{action.id}{name}", metric, text) for name, metric, text in action.watched(self)]
        made = alarms(self, watched, topic)
        for sink_id, delivery in self.deliveries.items():
            made.update({f"{sink_id}{name}": one for name, one in delivery.alarms.items()})
        return made
