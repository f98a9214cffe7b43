"""Refusal of targets that a rule cannot reach."""

from __future__ import annotations

import aws_cdk as cdk
from constructs import Construct

from .checks import Checks, is_token
from .resource_checks import check_same_account, managed_key
from .rule_targets import target_kind


def check_target(checks: Checks, scope: Construct, target: object, *, subject: str, heard: object = None) -> None:
    """Refuse what events of a rule cannot be sent to.

    Args:
        checks: The checks of what it is given to.
        scope: The scope that the route is, or will be, put in.
        target: The argument ``target``.
        subject: What the events are called, in the plural.
        heard: The bus that is listened to; None for the default one.

    Raises:
        ValueError: If it is of another kind, of another region or account, or cannot be reached.
    """
    kind = target_kind(target)
    if kind is None:
        rule = "a topic, a queue, a Lambda function, a state machine, an event bus or a Firehose stream"
        checks.refuse("target", rule, f"{type(target).__name__} {target!r}", "give a construct such as sns.Topic(...)")
    if kind != "events":
        checks.same_region("target", target, scope)
        check_same_account(checks, "target", target, scope, "send to a bus there, and on from it")
    elif which_bus(target, scope) == which_bus(heard, scope):
        remedy = "EventBridge does not send events in a circle; give another bus"
        checks.refuse("target", "another bus than the one that is listened to", "the same", remedy)
    check_receiver(checks, "target", target, subject=subject)
    if kind == "firehose":
        _check_stream(checks, scope, str(getattr(target, "delivery_stream_arn", "")))


def _check_stream(checks: Checks, scope: Construct, arn: str) -> None:
    """Refuse an imported stream of elsewhere, which the CDK takes for one of the stack's account and region."""
    stack = cdk.Stack.of(scope)
    if is_token(arn) or not arn:
        return
    _, _, _, region, account, _ = arn.split(":", 5)
    for there, here, what in ((account, stack.account, "account"), (region, stack.region, "region")):
        if there != here and not is_token(here):
            checks.refuse("target", f"in the {what} of the stack, {here}", there, f"use a stream of the same {what}")


def which_bus(bus: object, scope: Construct) -> tuple[str, str, str]:
    """Return what tells a bus from others: account, region and name.

    Args:
        bus: The bus; None for the default one of the stack.
        scope: Any construct of the stack.
    """
    stack = cdk.Stack.of(scope)
    env = getattr(bus, "env", None)
    account, region = getattr(env, "account", stack.account), getattr(env, "region", stack.region)
    return account, region, str(getattr(bus, "event_bus_name", "default"))


def check_receiver(checks: Checks, argument: str, given: object, *, subject: str) -> None:
    """Refuse a topic or queue that EventBridge has no access to.

    Args:
        checks: The checks of what it is given to.
        argument: The argument as typed.
        given: The topic or queue, or something else that is not looked at.
        subject: What the events are called, in the plural.

    Raises:
        ValueError: If it is a FIFO one, or encrypted with a key of AWS.
    """
    what = "queue" if target_kind(given) == "sqs" else "topic"
    if getattr(given, "fifo", False):
        checks.refuse(argument, f"a standard {what}", "a FIFO one", f"{subject} need no order; use a standard one")
    alias = managed_key(given)
    if alias is not None:
        remedy = "use a key that admits events.amazonaws.com: EventBridge has no access to this one"
        checks.refuse(argument, "encrypted with a key of your own", f"one with {alias}", remedy)
