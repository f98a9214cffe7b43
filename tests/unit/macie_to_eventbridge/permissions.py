"""Stacks with a construct for each thing that asks for permissions, and how to read what they allow."""

from __future__ import annotations

import functools
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_events as events
from aws_cdk import aws_kinesisfirehose as firehose
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_sns as sns
from aws_cdk import aws_stepfunctions as sfn

from cdk_refarch import (
    ClassificationJob,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Organization,
    Quarantine,
    ResultsExport,
    Route,
    TicketQueue,
)
from tests.unit import grants as shared
from tests.unit.macie_to_eventbridge.findings import ACCOUNT, REGION, SMALLEST
from tests.unit.templates import Row, Template, plain

ENV = cdk.Environment(account=ACCOUNT, region=REGION)
HERE = f"{REGION}:{ACCOUNT}"


def via(service: str) -> str:
    return shared.via(service, REGION)


def sending(queue: str, key: str) -> set[Row]:
    return shared.sending(queue, f"<{key}.Arn>", REGION)


SESSIONS = {
    "Discovers": MacieSession(automated_discovery=True),
    "Excludes": MacieSession(existing=True, excluded_buckets=["scratch"]),
    "Publishes": MacieSession(existing=True, security_hub=False),
    "Leads": MacieSession(existing=True, organization=Organization(auto_enable_members=True)),
    "Everything": MacieSession(
        automated_discovery=True,
        excluded_buckets=["scratch"],
        security_hub=True,
        organization=Organization(auto_enable_members=True, discovery_members="ALL"),
    ),
}
LAKE = {"dry_run": False, "buckets": ["lake", "team-*"]}
QUARANTINES = {
    "Dry": Quarantine(buckets=["lake"]),
    "Live": Quarantine(**LAKE),  # type: ignore[arg-type]
    "Tags": Quarantine(**LAKE, copy=False, block_public_access=False),  # type: ignore[arg-type]
    "Blocks": Quarantine(**LAKE, copy=False, tag=False),  # type: ignore[arg-type]
}


@functools.cache
def resources() -> dict[str, dict[str, Any]]:
    """Return the resources of all constructs by their logical id without its hash."""
    app = cdk.App()
    stack = _stack(app)
    # What belongs to an account once is made once in a stack.
    stacks = [stack, *(_sessions(app, name, session) for name, session in SESSIONS.items())]
    return {plain(name): one for each in stacks for name, one in Template(each).json["Resources"].items()}


def _sessions(app: cdk.App, name: str, session: MacieSession) -> cdk.Stack:
    stack = cdk.Stack(app, f"Security{name}", env=ENV)
    MacieToEventBridge(stack, name, session=session, results_export=ResultsExport(enabled=False))
    return stack


def _stack(app: cdk.App) -> cdk.Stack:
    stack = cdk.Stack(app, "Security", env=ENV)
    MacieToEventBridge(
        stack, "Export", session=MacieSession(existing=True), results_export=ResultsExport(prefix="macie/")
    )
    MacieToEventBridge(stack, "Jobs", **SMALLEST, jobs=[ClassificationJob(id="Once", buckets=["lake"])])
    for name, quarantine in QUARANTINES.items():
        MacieToEventBridge(stack, name, **SMALLEST, quarantine=quarantine)
    keyed = Quarantine(
        dry_run=False,
        buckets=["lake"],
        block_public_access=False,
        tag=False,
        decrypt_keys=[kms.Key.from_key_arn(stack, "LakeKey", f"arn:aws:kms:{HERE}:key/lake")],
    )
    MacieToEventBridge(stack, "Keyed", **SMALLEST, quarantine=keyed)
    MacieToEventBridge(stack, "After", **SMALLEST, reconcile=True)
    bus = events.EventBus.from_event_bus_arn(stack, "Bus", f"arn:aws:events:{HERE}:event-bus/b")
    machine = sfn.StateMachine.from_state_machine_arn(stack, "Fsm", f"arn:aws:states:{HERE}:stateMachine:m")
    stream = firehose.CfnDeliveryStream(stack, "Stream")
    called = lambda_.Function.from_function_arn(stack, "Fn", f"arn:aws:lambda:{HERE}:function:f")
    targets = {"Machine": machine, "Bus": bus, "Stream": stream, "Called": called}
    MacieToEventBridge(
        stack,
        "Ways",
        **SMALLEST,
        routes=[
            *(Route(id=id, target=target) for id, target in targets.items()),  # type: ignore[arg-type]
            Route(id="Theirs", target=sns.Topic(stack, "Theirs", master_key=kms.Key(stack, "TheirKey"))),
        ],
        notification=Notification(),
        ticket_queue=TicketQueue(),
    )
    return stack
