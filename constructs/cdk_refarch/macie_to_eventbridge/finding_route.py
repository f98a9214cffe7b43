"""A route: rules that select findings, their target, and where findings go that could not be delivered."""

from __future__ import annotations

from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_logs as logs
from aws_cdk import aws_sns as sns
from constructs import Construct

from cdk_refarch._parts.event_route import EventRoute
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.rule_targets import target_kind

from .pattern import FORWARDED, OWN, PATHS, categories, event_pattern, input_template
from .routing import Category, Route

RULES: Mapping[str, str] = {"CLASSIFICATION": "SensitiveDataRule", "POLICY": "PolicyRule"}
"""Category to the id of its rule."""


class FindingRoute(EventRoute):
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

    rules: Mapping[Category, events.CfnRule]  # type: ignore[assignment] # Other routes have other names of rules.

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
        to_bus = target_kind(route.target) == "events"
        # What is sent to another bus again must be known there for what it is.
        sent_on = to_bus and event_bus is None
        self.replay_source = f"{FORWARDED if sent_on else OWN}{address(scope, id)}"
        selected, forwarded = categories(route), event_bus is not None
        super().__init__(
            scope,
            id,
            target=route.target,
            patterns={
                category: event_pattern(
                    route, category, replay_source=self.replay_source, reconciled=reconciled, forwarded=forwarded
                )
                for category in selected
            },
            rule_ids=RULES,
            description="Macie findings to",
            inputs=None if whole_events or to_bus else {category: _input(category) for category in selected},
            event_bus=event_bus,
            dead_letter_queue=route.dead_letter_queue,
            subject="findings",
            after_loss="look the findings up in Macie",
            operation=Operation(
                encryption_key=encryption_key,
                alarm_topic=alarm_topic,
                removal_policy=removal_policy,
                # A route has no logs.
                log_retention=logs.RetentionDays.INFINITE,
            ),
        )


def _input(category: Category) -> events.CfnRule.InputTransformerProperty:
    return events.CfnRule.InputTransformerProperty(
        input_paths_map=PATHS[category], input_template=input_template(category)
    )
