"""A route: rules that select findings, their target, and where findings go that could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_events as events
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch._parts.alarm_topic import AlarmTopic, admit_alarms
from cdk_refarch._parts.alarms import Watched, alarms
from cdk_refarch._parts.names import address
from cdk_refarch._parts.queues import failure_queue

from .pattern import FORWARDED, OWN, PATHS, categories, described, event_pattern, input_template
from .routing import Category, Route
from .targets import Reached, admit, admit_to_queue, reach

RULES: dict[Category, str] = {"CLASSIFICATION": "SensitiveDataRule", "POLICY": "PolicyRule"}
"""Category to the id of its rule."""

RETRIES = 185
MAX_AGE_HOURS = 24
"""How often and for how long EventBridge tries, which is as much as it can:
https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-rule-retry-policy.html"""


class FindingRoute(Construct):
    """Findings that are selected reach a target, or wait in a dead-letter queue.

    Creates an EventBridge rule for each category of findings, a role or a policy by which the rules reach the target, a
    dead-letter queue unless one is given, and two alarms.

    Args:
        scope: The construct it belongs to.
        id: Its id.
        route: What is selected and where it goes; checked before.
        event_bus: The bus to listen to; None for the account's default one.
        encryption_key: Encrypts the created dead-letter queue.
        alarm_topic: Where alarms go; None for nowhere.
        removal_policy: What happens to the created dead-letter queue when the construct is removed.
        reconciled: The source of findings that the construct's reconciler sends after; None without one.
        whole_events: Whether the target gets events as they are. Buses always do.

    Attributes:
        rules: The rules by category, ``CLASSIFICATION`` and ``POLICY``.
        dead_letter_queue: Findings that could not be delivered, given or created.
        role: The role by which the rules reach a state machine, bus or stream; None for other targets.
        replay_source: The source of events that reach this route alone, for replaying the dead-letter queue.
        alarms: The alarms by name.
    """

    def __init__(
        self,
        scope: Construct,
        id: str,
        *,
        route: Route,
        event_bus: events.IEventBus | None,
        encryption_key: kms.IKey,
        alarm_topic: sns.ITopic | None,
        removal_policy: cdk.RemovalPolicy,
        reconciled: str | None,
        whole_events: bool = False,
    ) -> None:
        super().__init__(scope, id)
        self.dead_letter_queue: sqs.IQueue = (
            failure_queue(self, "DeadLetterQueue", key=encryption_key, removal_policy=removal_policy)
            if route.dead_letter_queue is None
            else route.dead_letter_queue
        )
        reached = reach(self, route.target)
        # What is sent to another bus again must be known there for what it is.
        sent_on = reached.kind == "events" and event_bus is None
        self.replay_source = f"{FORWARDED if sent_on else OWN}{address(self)}"
        self.role: iam.Role | None = reached.role
        bus_name = None if event_bus is None else event_bus.event_bus_name
        whole = whole_events or reached.kind == "events"
        self.rules: Mapping[Category, events.CfnRule] = {
            category: events.CfnRule(
                self,
                RULES[category],
                description=described("Macie findings to", self),
                event_bus_name=bus_name,
                event_pattern=event_pattern(
                    route,
                    category,
                    replay_source=self.replay_source,
                    reconciled=reconciled,
                    forwarded=event_bus is not None,
                ),
                state="ENABLED",
                targets=[self._target(reached, None if whole else category)],
            )
            for category in categories(route)
        }
        by_id = {RULES[category]: rule for category, rule in self.rules.items()}
        admit(self, reached.kind, route.target, by_id)
        told = getattr(alarm_topic, "topic_arn", None)
        if told is not None and told == getattr(route.target, "topic_arn", None):
            _keep_telling(alarm_topic)
        admit_to_queue(self, self.dead_letter_queue, by_id, argument="dead_letter_queue")
        self.alarms: Mapping[str, cloudwatch.Alarm] = self._alarms(alarm_topic)

    def metric_waiting(self, *, statistic: str = "Maximum", period: cdk.Duration | None = None) -> cloudwatch.Metric:
        """Return how many findings wait in the dead-letter queue.

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
            f"{name}{category.lower()}": cloudwatch.Metric(
                namespace="AWS/Events",
                metric_name=metric,
                dimensions_map=self._dimensions(rule),
                statistic="Sum",
                period=period,
            )
            for category, rule in self.rules.items()
            for name, metric in (("failed", "FailedInvocations"), ("lost", "InvocationsFailedToBeSentToDlq"))
        }
        return cloudwatch.MathExpression(
            expression=" + ".join(f"FILL({name}, 0)" for name in metrics),
            using_metrics=metrics,
            label="Failed",
            period=period,
        )

    def _dimensions(self, rule: events.CfnRule) -> dict[str, str]:
        # A rule on a bus of one's own has its bus in its reference, as in bus|rule, and counts under both names.
        if rule.event_bus_name is None:
            return {"RuleName": rule.ref}
        name = cdk.Fn.select(1, cdk.Fn.split("|", rule.ref))
        return {"EventBusName": rule.event_bus_name, "RuleName": name}

    def _target(self, reached: Reached, category: Category | None) -> events.CfnRule.TargetProperty:
        l1 = events.CfnRule
        return l1.TargetProperty(
            id="Target",
            arn=reached.arn,
            role_arn=None if reached.role is None else reached.role.role_arn,
            dead_letter_config=l1.DeadLetterConfigProperty(arn=self.dead_letter_queue.queue_arn),
            retry_policy=l1.RetryPolicyProperty(
                maximum_retry_attempts=RETRIES, maximum_event_age_in_seconds=MAX_AGE_HOURS * 3600
            ),
            input_transformer=None
            if category is None
            else l1.InputTransformerProperty(input_paths_map=PATHS[category], input_template=input_template(category)),
        )

    def _alarms(self, topic: sns.ITopic | None) -> dict[str, cloudwatch.Alarm]:
        watched: list[Watched] = [
            (
                "Undelivered",
                self.metric_waiting(),
                "Findings could not be delivered and wait in the dead-letter queue, each with the reason. Mend the "
                "cause, and replay them before the queue drops them: after 14 days, unless the queue was given.",
            ),
            (
                "Failed",
                self.metric_failed(),
                "EventBridge could not deliver findings. What is not in the dead-letter queue is lost: mend the "
                "policies of the target, of the queue and of their keys, and look the findings up in Macie.",
            ),
        ]
        return alarms(self, watched, topic)


def _keep_telling(alarm_topic: sns.ITopic | None) -> None:
    # Findings gave the topic a policy, under which alarms are let in only if it says so.
    if alarm_topic is not None and not isinstance(alarm_topic, AlarmTopic):
        admit_alarms(alarm_topic)
