"""What a rule may do with a message besides handing it to Firehose: what every kind of action can be asked."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING

import aws_cdk as cdk
from constructs import Construct

from cdk_refarch._parts.checks import Checks

if TYPE_CHECKING:
    from aws_cdk import aws_iot as iot
    from aws_cdk import aws_sqs as sqs

    from cdk_refarch._parts.alarms import Watched

    from .topics import Heard

IOT = "iot.amazonaws.com"


def own_rule(scope: Construct, rule_name: str | None) -> dict[str, dict[str, str]]:
    """Return the conditions by which only the architecture's rule, or another one of the account, is meant.

    Args:
        scope: Any construct of the stack.
        rule_name: The rule's name; None for one that CloudFormation names, which cannot be named here, because the
            rule needs its roles first.
    """
    stack = cdk.Stack.of(scope)
    arn = f"arn:{stack.partition}:iot:{stack.region}:{stack.account}:rule/{rule_name or '*'}"
    return {"StringEquals": {"aws:SourceAccount": stack.account}, "ArnLike": {"aws:SourceArn": arn}}


class RuleAction(ABC):
    """Something that the rule does with each message, as a small frozen value.

    A message for which it fails goes to the error queue of the rule.
    """

    id: str

    @abstractmethod
    def check(self, checks: Checks, scope: Construct, heard: Heard) -> None:
        """Check everything that the action says about itself.

        Args:
            checks: The checks of the action.
            scope: The scope that the architecture will be put in.
            heard: What the rule listens to and makes of it.

        Raises:
            ValueError: If AWS would refuse it, or it makes no sense.
        """

    @abstractmethod
    def act(
        self, scope: Construct, trust: dict[str, dict[str, str]], error_queue: sqs.IQueue
    ) -> iot.CfnTopicRule.ActionProperty:
        """Create the role that the action needs, and return what the rule is told.

        Args:
            scope: The architecture's construct.
            trust: What keeps AWS IoT from assuming the role for another rule than this one.
            error_queue: Where messages go that could not be delivered.
        """

    def watched(self, scope: Construct) -> list[Watched]:
        """Return what must ring beside the rule's own alarms, by names that stand behind the action's id.

        Args:
            scope: The architecture's construct.
        """
        return []

    def admit(self, scope: Construct, rule: iot.CfnTopicRule) -> None:  # noqa: B027 - most targets have no policy
        """Let the rule reach the target, where that is a matter of the target's own policy.

        Args:
            scope: The architecture's construct.
            rule: The rule.
        """
