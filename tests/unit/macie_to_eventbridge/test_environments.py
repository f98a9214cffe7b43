"""The construct works wherever and with whatever a stack is synthesized: tokens, partitions, flags, other stacks."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_events as events
from aws_cdk import aws_kms as kms
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_s3 as s3
from aws_cdk import aws_sns as sns
from aws_cdk import aws_sqs as sqs
from constructs import Construct

from cdk_refarch import (
    AllowList,
    AuditBus,
    BucketCriteria,
    ClassificationJob,
    CustomDataIdentifier,
    MacieSession,
    MacieToEventBridge,
    Notification,
    Organization,
    Quarantine,
    ResultsExport,
    Route,
    SuppressionRule,
    TicketQueue,
)
from tests.conftest import FLAGS, Synthesized
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.macie_to_eventbridge.findings import SMALLEST
from tests.unit.templates import Template

HERE = "eu-west-1:111122223333"
ONCE = ClassificationJob(id="Once", buckets=["lake"])


def test_every_name_and_number_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    later = Later(stack)
    macie = MacieToEventBridge(
        stack,
        "Macie",
        session=MacieSession(
            publishing_frequency=later.name,
            automated_discovery=True,
            excluded_buckets=later.names,
            organization=Organization(auto_enable_members=True, discovery_members=later.name),
        ),
        results_export=ResultsExport(
            prefix=later.name, infrequent_access_after_days=later.number, expire_after_days=later.number
        ),
        custom_data_identifiers=[
            CustomDataIdentifier(
                id="Badge",
                regex=later.name,
                keywords=[later.name],
                ignore_words=[later.name],
                maximum_match_distance=later.number,
                description=later.name,
            )
        ],
        allow_lists=[
            AllowList(id="Doors", regex=later.name, description=later.name),
            AllowList(id="Words", bucket=s3.Bucket(stack, "Lake"), object_key=later.name),
        ],
        suppression_rules=[SuppressionRule(id="Scratch", criteria={"type": [later.name]}, description=later.name)],
        jobs=[
            ClassificationJob(
                id="Some",
                bucket_criteria=BucketCriteria(
                    accounts=[later.name],
                    access=[later.name],
                    shared=[later.name],
                    tags={"Data": later.name},
                    excluded_buckets=[later.name],
                ),
                schedule=later.number,
                sampling_percentage=later.number,
                object_prefixes=[later.name],
                managed_data_identifiers=later.name,
                description=later.name,
            ),
            ClassificationJob(id="Others", buckets=[later.name], schedule=later.name),
        ],
        routes=[Route(id="One", target=sqs.Queue(stack, "Queue"), buckets=[later.name])],
        notification=Notification(),
        quarantine=Quarantine(dry_run=False, buckets=[later.name]),
        audit_bus=events.EventBus.from_event_bus_arn(stack, "Bus", later.name),
    )
    template = Template(stack)
    assert later.unused(template) == []
    job = template.of(macie.discovery.jobs["Some"])["Job"]
    assert [set(job[name]) for name in ("schedule", "samplingPercentage")] == [{"Ref"}, {"Ref"}]


def test_a_stack_without_region_is_free_of_any() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    MacieToEventBridge(stack, "Macie", jobs=[ONCE], notification=Notification(), quarantine=Quarantine())
    text = json.dumps(Template(stack).json)
    assert '"AWS::Region"' in text
    assert "us-east-1" not in text


@pytest.mark.parametrize("region", ["cn-north-1", "cn-northwest-1", "us-gov-west-1", "us-gov-east-1"])
def test_rejects_partitions_that_have_no_macie(region: str) -> None:
    stack = cdk.Stack(cdk.App(), "Security", env=cdk.Environment(account="111122223333", region=region))
    with pytest.raises(ValueError, match="must be") as caught:
        MacieToEventBridge(stack, "Macie")
    assert str(caught.value) == (
        "Security/Macie: region of the stack must be one that has Amazon Macie, "
        f"got {region}; leave it out of this partition"
    )


@pytest.mark.parametrize("region", ["us-iso-east-1", "eusc-de-east-1"])
def test_a_region_of_another_partition_gets_its_arns_and_endpoints(region: str) -> None:
    stack = cdk.Stack(cdk.App(), "Security", env=cdk.Environment(account="111122223333", region=region))
    quarantine = Quarantine(dry_run=False, buckets=["lake"])
    MacieToEventBridge(stack, "Macie", jobs=[ONCE], ticket_queue=TicketQueue(), quarantine=quarantine, reconcile=True)
    text = json.dumps(Template(stack).json)
    assert "arn:aws:" not in text
    assert f'"s3.{region}.amazonaws.com", {{"Fn::Join": ["", ["s3.{region}.", {{"Ref": "AWS::URLSuffix"}}]]}}' in text


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    stack = cdk.Stack(app, "Security")
    macie = MacieToEventBridge(
        stack,
        "Macie",
        jobs=[ONCE],
        notification=Notification(),
        ticket_queue=TicketQueue(),
        quarantine=Quarantine(dry_run=False, buckets=["team-*"]),
        audit_bus=AuditBus(stack, "Audit", organization_id="o-a1b2c3d4e5").bus,
        reconcile=True,
    )
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    assert "AccessControl" not in str(template.all("AWS::S3::Bucket"))
    # Neither flags nor the L2 give a role more than what stands in it.
    assert template.all("AWS::IAM::Policy") == []
    assert all("ManagedPolicyArns" not in one["Properties"] for one in template.all("AWS::IAM::Role"))
    assert macie.discovery.results is not None
    assert macie.quarantine is not None
    for part in (macie.discovery.results, macie.quarantine):
        for bucket in (part.bucket, part.access_log_bucket):
            assert template.of(bucket)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]


def test_what_is_given_may_live_in_another_stack() -> None:
    app = cdk.App()
    shared = cdk.Stack(app, "Shared")
    key = kms.Key(shared, "Key")
    own = cdk.Stack(app, "Security")
    MacieToEventBridge(
        own,
        "Macie",
        session=MacieSession(existing=True),
        results_export=ResultsExport(bucket=s3.Bucket(shared, "Lake", encryption_key=key)),
        routes=[
            Route(id="Topic", target=sns.Topic(shared, "Topic", master_key=key)),
            Route(id="Function", target=function(shared)),
            Route(id="Bus", target=events.EventBus(shared, "Bus")),
        ],
        quarantine=Quarantine(dry_run=False, buckets=["lake"], decrypt_keys=[key]),
        audit_bus=AuditBus(shared, "Audit", accounts=["111122223333"]).bus,
        encryption_key=key,
        alarm_topic=sns.Topic(shared, "Alarms"),
    )
    listening = cdk.Stack(app, "Listening")
    bus, logs = events.EventBus(shared, "Findings"), s3.Bucket(shared, "Logs")
    export = ResultsExport(access_log_bucket=logs)
    MacieToEventBridge(listening, "Macie", results_export=export, event_bus=bus, ticket_queue=TicketQueue())
    for stack in (own, listening):
        assert refers(stack)
    assert not refers(shared)


def test_an_audit_bus_can_be_given_to_a_stack_of_another_account_and_region() -> None:
    app = cdk.App()
    audit = cdk.Stack(app, "Audit", env=cdk.Environment(account="444455556666", region="us-east-1"))
    own = cdk.Stack(app, "Security", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    bus = AuditBus(audit, "Bus", accounts=["111122223333"]).bus
    macie = MacieToEventBridge(own, "Macie", **SMALLEST, audit_bus=bus)
    MacieToEventBridge(audit, "Macie", **SMALLEST, event_bus=bus, ticket_queue=TicketQueue())
    (made,) = Template(audit).all("AWS::Events::EventBus")
    name = made["Properties"]["Name"]
    assert re.fullmatch(r"[A-Za-z0-9._-]{1,256}", name)
    (target,) = Template(own).of(macie.routes["Audit"].rules["POLICY"])["Targets"]
    assert f":events:us-east-1:444455556666:event-bus/{name}" in str(target["Arn"])


def test_two_audit_buses_have_names_of_their_own_however_deep_they_are() -> None:
    stack = cdk.Stack(cdk.App(), "Audit")
    scope: Construct = stack
    for number in range(9):
        scope = Construct(scope, f"{'Level' * 8}{number}")
    for id in ("One", "Two"):
        AuditBus(scope, id, accounts=["111122223333"])
    names = [one["Properties"]["Name"] for one in Template(stack).all("AWS::Events::EventBus")]
    assert len(set(names)) == 2
    assert max(map(len, names)) <= 256


def function(stack: cdk.Stack) -> lambda_.Function:
    code = lambda_.Code.from_inline("def handler(event, context): pass")
    return lambda_.Function(stack, "Fn", runtime=lambda_.Runtime.PYTHON_3_14, handler="index.handler", code=code)


@pytest.mark.parametrize("argument", ["target", "dead_letter_queue"])
def test_a_queue_may_live_in_another_stack(argument: str) -> None:
    app = cdk.App()
    shared, own = cdk.Stack(app, "Shared"), cdk.Stack(app, "Security")
    queue = sqs.Queue(shared, "Queue", encryption_master_key=kms.Key(shared, "Key"))
    given: dict[str, Any] = {"target": events.EventBus(own, "Bus"), argument: queue}
    MacieToEventBridge(own, "Macie", **SMALLEST, routes=[Route(id="One", **given)])
    assert "Fn::ImportValue" not in json.dumps(Template(shared).json)


def test_a_given_bucket_admits_macie_before_macie_is_told_of_it() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    lake = s3.Bucket(stack, "Lake")
    export = ResultsExport(bucket=lake)
    macie = MacieToEventBridge(stack, "Macie", session=MacieSession(existing=True), results_export=export)
    template = Template(stack)
    (statements,) = (one["Properties"]["PolicyDocument"] for one in template.all("AWS::S3::BucketPolicy"))
    assert [one["Action"] for one in statements["Statement"]] == ["s3:GetBucketLocation", "s3:PutObject"]
    policy: Any = lake.policy
    waits = template.resource(macie.discovery.node.find_child("Export"))["DependsOn"]
    assert template.resolve(policy.node.default_child.logical_id) in waits


def test_rejects_the_default_bus_by_its_name() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    bus = events.EventBus.from_event_bus_name(stack, "Bus", "default")
    # The reference to a rule of the default bus has no bus in it.
    with pytest.raises(ValueError, match="event_bus must be a bus of one's own, got the default bus; leave it out"):
        MacieToEventBridge(stack, "Macie", **SMALLEST, event_bus=bus, ticket_queue=TicketQueue())


def test_rejects_a_lock_that_is_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Security")
    quarantine = Quarantine(dry_run=False, buckets=["lake"], lock_days=Later(stack).number)
    with pytest.raises(ValueError, match="lock_days must be known when the app runs, got a token; "):
        MacieToEventBridge(stack, "Macie", **SMALLEST, quarantine=quarantine)


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_an_accepted_finding_is_accepted_for_what_lives_in_another_stack_too(
    flags: dict[str, Any], tmp_path: Path
) -> None:
    app = checked_app(flags, tmp_path)
    shared = cdk.Stack(app, "Shared")
    lake = s3.Bucket(shared, "Lake")
    wanted = Quarantine(dry_run=False, buckets=[lake.bucket_name], decrypt_keys=[kms.Key(shared, "Key")])
    MacieToEventBridge(cdk.Stack(app, "Security"), "Macie", **SMALLEST, quarantine=wanted)
    app.synth()
    (report,) = (one for one in Synthesized(app, tmp_path).reports if one["pluginName"] == "AwsSolutions")
    assert not [one["ruleName"] for one in report["violations"] if "IAM" in one["ruleName"]]
