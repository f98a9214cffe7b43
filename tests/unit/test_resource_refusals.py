"""What every architecture may be given is refused where it is of no use, before anything exists."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_logs as logs

from cdk_refarch import DomainIdentity, IotToFirehose, MacieToEventBridge, SendingStream, SesConfigSets
from cdk_refarch._parts.resource_checks import check_resources
from tests.unit import refusals as given
from tests.unit.refusals import PATH, Call, Case, checks, names, refused, stack


def resources(**arguments: Any) -> Call:
    wanted = {
        "encryption_key": None,
        "alarm_topic": None,
        "removal_policy": cdk.RemovalPolicy.RETAIN,
        "log_retention": logs.RetentionDays.SIX_MONTHS,
        **arguments,
    }
    return lambda: check_resources(checks, stack, **wanted, users="queues and logs")


CASES: list[Case] = [
    (
        resources(encryption_key="alias/own"),
        "encryption_key must be an IKey, got str 'alias/own'; give a construct that implements IKey",
    ),
    (resources(encryption_key=given.ALIAS), f"encryption_key {given.AN_ALIAS}"),
    (resources(encryption_key=given.FAR_KEY), f"encryption_key {given.ELSEWHERE}"),
    (
        resources(encryption_key=given.RSA_KEY),
        "encryption_key must be a symmetric key for encryption, got RSA_2048; queues and logs take no other",
    ),
    (
        resources(alarm_topic="alarms"),
        "alarm_topic must be an ITopic, got str 'alarms'; give a construct that implements ITopic",
    ),
    (resources(alarm_topic=given.FAR_TOPIC), f"alarm_topic {given.ELSEWHERE}"),
    (
        resources(alarm_topic=given.FIFO_TOPIC),
        "alarm_topic must be a standard topic, got a FIFO one; CloudWatch alarms cannot send to FIFO ones",
    ),
    (
        resources(alarm_topic=given.MANAGED_TOPIC),
        "alarm_topic must be encrypted with a key of your own, got one with alias/aws/sns; use AlarmTopic, or a key that "
        "admits cloudwatch.amazonaws.com",
    ),
    (
        resources(removal_policy="retain"),
        "removal_policy must be a RemovalPolicy, got str 'retain'; give cdk.RemovalPolicy.RETAIN or "
        "cdk.RemovalPolicy.DESTROY",
    ),
    (
        resources(removal_policy=cdk.RemovalPolicy.SNAPSHOT),
        "removal_policy must be a policy that buckets and queues have, got SNAPSHOT; give cdk.RemovalPolicy.RETAIN or "
        "cdk.RemovalPolicy.DESTROY",
    ),
    (
        resources(log_retention=180),
        "log_retention must be a RetentionDays, got int 180; give logs.RetentionDays.ONE_YEAR, say",
    ),
]


@pytest.mark.parametrize(("call", "message"), CASES, ids=names(CASES))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


LEGAL: list[Call] = [
    resources(),
    resources(encryption_key=given.KEY, alarm_topic=given.TOPIC),
    resources(encryption_key=given.SYMMETRIC_KEY),
    resources(encryption_key=given.PLAIN_KEY),
    resources(alarm_topic=given.OWN_TOPIC, removal_policy=cdk.RemovalPolicy.DESTROY),
    resources(log_retention=logs.RetentionDays.INFINITE),
]


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def iot_to_firehose(**arguments: Any) -> object:
    return IotToFirehose(stack, "Tested", topic_filter="a", **arguments)


def macie_to_eventbridge(**arguments: Any) -> object:
    return MacieToEventBridge(stack, "Tested", **arguments)


def ses_config_sets(**arguments: Any) -> object:
    identity = DomainIdentity(domain="example.com")
    return SesConfigSets(stack, "Tested", identity=identity, streams={"news": SendingStream()}, **arguments)


ARCHITECTURES: list[tuple[Callable[..., object], str]] = [
    (iot_to_firehose, "Firehose, queues and logs"),
    (macie_to_eventbridge, "Macie, queues and logs"),
    (ses_config_sets, "topics, queues, buckets and logs"),
]


@pytest.mark.parametrize(("make", "users"), ARCHITECTURES)
def test_every_architecture_refuses_a_key_that_is_not_symmetric(make: Callable[..., object], users: str) -> None:
    refused(
        lambda: make(encryption_key=given.RSA_KEY),
        f"encryption_key must be a symmetric key for encryption, got RSA_2048; {users} take no other",
    )
    assert stack.node.try_find_child("Tested") is None


@pytest.mark.parametrize("make", [make for make, _ in ARCHITECTURES])
@pytest.mark.parametrize("argument", ["encryption_key", "alarm_topic", "removal_policy", "log_retention"])
def test_every_architecture_refuses_what_is_of_another_kind(make: Callable[..., object], argument: str) -> None:
    with pytest.raises(ValueError, match=f"^{PATH}: {argument} must be an? "):
        make(**{argument: "other"})
