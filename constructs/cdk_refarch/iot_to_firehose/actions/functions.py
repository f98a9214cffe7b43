"""Lambda functions that a rule calls: their policy, and a place for the events that they fail on."""

from __future__ import annotations

from typing import TYPE_CHECKING

import aws_cdk as cdk
from aws_cdk import aws_cloudwatch as cloudwatch
from aws_cdk import aws_iam as iam
from aws_cdk import aws_iot as iot
from constructs import Construct

from cdk_refarch._parts.keys import USE
from cdk_refarch._parts.policies import statement, use_key
from cdk_refarch._parts.resource_checks import managed_key
from cdk_refarch.iot_to_firehose.rule_action import IOT

from .targets import is_abroad
from .values import LambdaAction

if TYPE_CHECKING:
    from aws_cdk import aws_lambda as lambda_
    from aws_cdk import aws_sqs as sqs

    from cdk_refarch._parts.alarms import Watched

RETRIES = "https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html"
POLICY = "https://docs.aws.amazon.com/iot/latest/developerguide/lambda-rule-action.html"


def call(part: Construct, action: LambdaAction, error_queue: sqs.IQueue) -> iot.CfnTopicRule.ActionProperty:
    """Return what the rule is told, and see that no event is lost that the function fails on.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        error_queue: Where messages go that could not be delivered.
    """
    function = action.function
    owner = getattr(function, "lambda_", function)
    made = owner.node.default_child
    own = getattr(made, "cfn_resource_type", "") == "AWS::Lambda::Function" and owner.role is not None
    if not own or is_abroad(part, owner):
        _warn(part, "is not of this app. Events that it fails on are lost, unless it has")
    elif getattr(made, "dead_letter_config", None) is None:
        configured = _configured(part, function, owner)
        if configured is None:
            _keep_failures(part, function, owner, error_queue)
        elif not _has_destination(part, configured):
            _warn(part, f"has a configuration at {configured.node.path} that loses events. It needs")
    lambda_action = iot.CfnTopicRule.LambdaActionProperty(function_arn=function.function_arn)
    return iot.CfnTopicRule.ActionProperty(lambda_=lambda_action)


def admit(part: Construct, action: LambdaAction, rule: iot.CfnTopicRule) -> None:
    """Let the rule, and no other one, call the function, version or alias.

    Args:
        part: The construct of the action.
        action: The action; checked before.
        rule: The rule.
    """
    from aws_cdk import aws_lambda as lambda_

    stack = cdk.Stack.of(part)
    if is_abroad(part, action.function):
        cdk.Annotations.of(part).add_warning_v2(
            "cdk-refarch:function-policy",
            "The policy of the given function belongs to another account and cannot be changed by this app. It must "
            f"allow lambda:InvokeFunction to {IOT} for rules of the account {stack.account}, or messages go to the "
            f"error queue: {POLICY}",
        )
        return
    lambda_.CfnPermission(
        part,
        "Permission",
        action="lambda:InvokeFunction",
        function_name=action.function.function_arn,
        principal=IOT,
        source_account=stack.account,
        source_arn=rule.attr_arn,
    )


def watched(scope: Construct, action: LambdaAction) -> list[Watched]:
    """Return what tells of events that the function failed on and that could not be put aside either.

    Args:
        scope: The architecture's construct.
        action: The action.
    """
    if is_abroad(scope, action.function):
        return []
    lost: dict[str, cloudwatch.IMetric] = {
        "queue": action.function.metric("DeadLetterErrors", statistic="Sum"),
        "destination": action.function.metric("DestinationDeliveryFailures", statistic="Sum"),
    }
    return [
        (
            "FailuresLost",
            cloudwatch.MathExpression(
                expression=" + ".join(f"FILL({name}, 0)" for name in lost),
                using_metrics=lost,
                label="FailuresLost",
            ),
            "The function of the rule failed on messages that could not be put aside either, and are lost. Mend its "
            "role's access to the queue and its key at once.",
        )
    ]


def _configured(
    part: Construct, function: lambda_.IFunction, owner: lambda_.IFunction
) -> lambda_.CfnEventInvokeConfig | None:
    """Return the asynchronous configuration that the app has made for a function: Lambda takes no second one."""
    from aws_cdk import aws_lambda as lambda_

    stack, made = cdk.Stack.of(part), owner.node.default_child
    names = [owner.function_name, owner.function_arn, getattr(made, "ref", None), getattr(made, "attr_arn", None)]
    qualifier = stack.resolve(_qualifier(function, owner))
    for one in part.node.root.node.find_all():
        if not isinstance(one, lambda_.CfnEventInvokeConfig) or one.function_name not in names:
            continue
        if stack.resolve(one.qualifier) == qualifier:
            return one
    return None


def _has_destination(part: Construct, configured: lambda_.CfnEventInvokeConfig) -> bool:
    given = cdk.Stack.of(part).resolve(configured.destination_config) or {}
    return bool(given.get("onFailure"))


def _keep_failures(
    part: Construct, function: lambda_.IFunction, owner: lambda_.IFunction, error_queue: sqs.IQueue
) -> None:
    """Send events that a function fails on to the error queue of the rule.

    Everything is made beside the rule: made with the function it would refer to the queue, and in another stack the two
    stacks would wait for each other.
    """
    from aws_cdk import aws_lambda as lambda_

    statements = [statement(["sqs:SendMessage"], error_queue.queue_arn)]
    key = None if managed_key(error_queue) else error_queue.encryption_master_key
    if key is not None:
        statements.append(use_key(part, key, "sqs", USE))
    policy = iam.Policy(part, "FailuresPolicy", statements=statements)
    if owner.role is not None:
        policy.attach_to_role(owner.role)
    l1 = lambda_.CfnEventInvokeConfig
    config = l1(
        part,
        "Failures",
        function_name=owner.function_name,
        qualifier=_qualifier(function, owner),
        destination_config=l1.DestinationConfigProperty(
            on_failure=l1.OnFailureProperty(destination=error_queue.queue_arn)
        ),
    )
    # Lambda refuses a destination that the function has no access to.
    config.node.add_dependency(policy)


def _qualifier(function: lambda_.IFunction, owner: lambda_.IFunction) -> str:
    if function is owner:
        return "$LATEST"
    # Taken from the ARN, so that the alias or version is there first.
    return cdk.Fn.select(7, cdk.Fn.split(":", function.function_arn))


def _warn(part: Construct, what: str) -> None:
    cdk.Annotations.of(part).add_warning_v2(
        "cdk-refarch:function-failures",
        "AWS IoT calls functions asynchronously and does not hear of their failures. The given function "
        f"{what} an on-failure destination or a dead-letter queue, with an alarm: {RETRIES}",
    )
