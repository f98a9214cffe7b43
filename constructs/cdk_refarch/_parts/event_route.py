"""A route: rules that select events, their target, and where events go that could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from .alarm_topic import AlarmTopic, admit_alarms
from .alarms import Watched, alarms
from .descriptions import described
from .operation import Operation
from .queues import failure_queue
from .rule_targets import Reached, admit, admit_to_queue, reach

if TYPE_CHECKING:
    from .rule_targets import Target

RETRIES = 185
MAX_AGE_HOURS = 24
"""How often and for how long EventBridge tries, which is as much as it can:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""

Input = events.CfnRule.InputTransformerProperty


class EventRoute(Construct):
    """Events that match a pattern reach a target, or wait in a dead-letter queue.

    Creates an EventBridge rule for each pattern, a role or a policy by which the rules reach the target, a dead-letter
    queue unless one is given, and two alarms.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        target: Where the events go; checked before.
        patterns: Name of a rule, of letters, digits and _, to the pattern of the events that it selects.
        rule_ids: Name of a rule to its construct id; None where the names are the ids.
        description: What the rules do, which the path of the route follows, as in ``Macie findings to``.
        inputs: Name of a rule to what the target gets of an event; None for whole events.
        event_bus: The bus to listen to; None for the account's default one.
        dead_letter_queue: A queue for events that could not be delivered; None to create one.
        subject: What the events are called in texts, in the plural, as in ``findings``.
        after_loss: How to find out about events that are lost, as in ``look the findings up in Macie``.
        operation: What it shares with the other parts. A route has no logs.

    Attributes:
        rules: The rules by name.
        dead_letter_queue: Events that could not be delivered, given or created.
        role: The role by which the rules reach a state machine, bus or stream; None for other targets.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        target: Target,
        patterns: Mapping[str, Mapping[str, Any]],
        rule_ids: Mapping[str, str] | None = None,
        description: str,
        inputs: Mapping[str, Input] | None = None,
        event_bus: events.IEventBus | None = None,
        dead_letter_queue: sqs.IQueue | None = None,
        subject: str,
        after_loss: str,
        operation: Operation,
    ) -> None:
        super().__init__(scope, id)
        self.dead_letter_queue = self._queue(dead_letter_queue, operation)
        reached = reach(self, target, subject=subject)
        self.role: iam.Role | None = reached.role
        ids = {name: name for name in patterns} if rule_ids is None else rule_ids
        bus_name = None if event_bus is None else event_bus.event_bus_name
        self.rules: Mapping[str, events.CfnRule] = {
            name: events.CfnRule(
                self,
                ids[name],
                description=described(description, self),
                event_bus_name=bus_name,
                event_pattern=pattern,
                state="ENABLED",
                targets=[self._target(reached, None if inputs is None else inputs[name])],
            )
            for name, pattern in patterns.items()
        }
        by_id = {ids[name]: rule for name, rule in self.rules.items()}
        admit(self, reached.kind, target, by_id, subject=subject)
        _keep_telling(operation.alarm_topic, target)
        admit_to_queue(self, self.dead_letter_queue, by_id, argument="dead_letter_queue", subject=subject)
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(subject, after_loss, operation.alarm_topic)

    def metric_waiting(self, *, statistic: str = "Maximum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many events wait in the dead-letter queue.

        Args:
            statistic: How the values of a period are put together.
            period: Length of a period; None for 5 minutes.
        """
        return self.dead_letter_queue.metric_approximate_number_of_messages_visible(statistic=statistic, period=period)

    def metric_failed(self, *, period: cdk.Duration | None = None) -> cloudwatch.MathExpression:
        """Return how many deliveries failed for good: those that the dead-letter queue could not take are lost.

        Args:
            period: Length of a period; None for 5 minutes.
        """
        metrics: dict[str, cloudwatch.IMetric] = {
            f"{what}{name.lower()}": cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name=metric,
                dimensions_map=self._dimensions(rule),
                statistic="Sum",
                period=period,
            )
            for name, rule in self.rules.items()
            for what, metric in (("failed", "FailedInvocations"), ("lost", "InvocationsFailedToBeSentToDlq"))
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
            using_metrics=metrics,
            label="Failed",
            period=period,
        )

    def _queue(self, given: sqs.IQueue | None, operation: Operation) -> sqs.IQueue:
        if given is not None:
            return given
        key, policy = operation.encryption_key, operation.removal_policy
        return failure_queue(self, "DeadLetterQueue", key=key, removal_policy=policy)

    def _dimensions(self, rule: events.CfnRule) -> dict[str, str]:
        # A rule on a bus of one's own has its bus in its reference, as in bus|rule, and counts under both names.
        if rule.event_bus_name is None:
            return {"RuleName": rule.ref}
        name = cdk.Fn.select(1, cdk.Fn.split("|", rule.ref))
        return {"EventBusName": rule.event_bus_name, "RuleName": name}

    def _target(self, reached: Reached, input: Input | None) -> events.CfnRule.TargetProperty:
        l1 = events.CfnRule
        return l1.TargetProperty(
            id="Target",
            arn=reached.arn,
            role_arn=None if reached.role is None else reached.role.role_arn,
            dead_letter_config=l1.DeadLetterConfigProperty(arn=self.dead_letter_queue.queue_arn),
            retry_policy=l1.RetryPolicyProperty(
                maximum_retry_attempts=RETRIES, maximum_event_age_in_seconds=MAX_AGE_HOURS * 3600
            ),
            input_transformer=input,
        )

    def _alarms(self, subject: str, after_loss: str, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Undelivered",
                self.metric_waiting(),
                f"{subject[:1].upper()}{subject[1:]} could not be delivered and wait in the dead-letter queue, each "
                "with the reason. Mend the cause, and replay them before the queue drops them: after 14 days, unless "
                "the queue was given.",
            ),
            (
                "Failed",
                self.metric_failed(),
                f"EventBridge could not deliver {subject}. What is not in the dead-letter queue is lost: mend the "
                f"policies of the target, of the queue and of their keys, and {after_loss}.",
            ),
        ]
        return alarms(self, watched, topic)


def _keep_telling(alarm_topic: sns.ITopic | None, target: object) -> None:
    # The rules gave the topic a policy, under which alarms are let in only if it says so.
    if alarm_topic is None or isinstance(alarm_topic, AlarmTopic):
        return
    if alarm_topic.topic_arn == getattr(target, "topic_arn", None):
        admit_alarms(alarm_topic)
