"""A guard works wherever and with whatever it is synthesized: regions, flags, partitions, other stacks, late names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_codecommit as codecommit
from aws_cdk import aws_iam as iam
from aws_cdk import aws_kms as kms
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import AlarmTopic, CodeCommitLeakGuard, LeakNotification, LeakResponse
from tests.conftest import FLAGS
from tests.unit.codecommit_leak_guard import built as known
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.grants import USE
from tests.unit.templates import Template, flat, listed


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_whatever_the_flags_of_the_app_the_packs_find_nothing(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    shared, stack = cdk.Stack(app, "Shared"), cdk.Stack(app, "Source")
    key, topic = kms.Key(shared, "Key", enable_key_rotation=True), AlarmTopic(shared, "Alarms")
    repository = codecommit.Repository(shared, "Shop", repository_name="shop", kms_key=key)
    CodeCommitLeakGuard(stack, "All", alarm_topic=topic)
    CodeCommitLeakGuard(
        stack,
        "Some",
        repositories=[repository],
        decrypt_keys=[key],
        delivery="trigger",
        response=known.actions(stack, user_paths=["/people/"]),
        notification=LeakNotification(emails=["a@example.com"], security_hub=True),
        alarm_topic=topic,
    )
    app.synth()
    assert open_findings(app, tmp_path) == []
    # Neither flags nor the L2 give a role more than what stands in it, and in the policy that knows the machine's name.
    policies = [one["Properties"]["PolicyName"] for one in Template(stack).all("AWS::IAM::Policy")]
    assert [name.partition("GoingOn")[0] for name in policies] == ["AllMachine", "SomeMachine"]


def test_names_and_arns_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Source")
    later = Later(stack)
    CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[
            codecommit.Repository.from_repository_arn(stack, "Shop", later.name),
            known.known_as(stack, later.name, "Lab"),
        ],
        decrypt_keys=[kms.Key.from_key_arn(stack, "Code", later.name)],
        delivery="trigger",
        response=LeakResponse(
            quarantine_policy=iam.ManagedPolicy.from_managed_policy_arn(stack, "Quarantine", later.name),
            revoke_roles=[iam.Role.from_role_arn(stack, "Deploy", later.name)],
        ),
        notification=LeakNotification(topic=sns.Topic.from_topic_arn(stack, "Told", later.name)),
        encryption_key=kms.Key.from_key_arn(stack, "Given", later.name),
        alarm_topic=sns.Topic.from_topic_arn(stack, "Woken", later.name),
    )
    assert Later.unused(Template(stack)) == []


def test_an_address_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(cdk.App(), "Source")
    later = Later(stack)
    CodeCommitLeakGuard(stack, "Guard", notification=LeakNotification(emails=[later.name]))
    assert Later.unused(Template(stack)) == []


def test_a_stack_without_region_is_free_of_any() -> None:
    stack = cdk.Stack(cdk.App(), "Source")
    CodeCommitLeakGuard(stack, "Guard", notification=LeakNotification(security_hub=True))
    text = json.dumps(Template(stack).json)
    assert '"AWS::Region"' in text
    assert not [one for one in ("us-east-1", "eu-west-1", "arn:aws:") if one in text]


@pytest.mark.parametrize(
    ("region", "partition", "hosts"),
    [
        ("cn-north-1", "aws-cn", ["amazonaws.com", "amazonaws.com.cn"]),
        ("us-gov-west-1", "aws-us-gov", ["amazonaws.com"]),
    ],
)
def test_a_region_of_another_partition_gets_its_arns_and_endpoints(
    region: str, partition: str, hosts: list[str]
) -> None:
    stack = known.stack_in(cdk.App(), "Source", region)
    policy = iam.ManagedPolicy.from_aws_managed_policy_name("AWSCompromisedKeyQuarantineV3")
    guard = CodeCommitLeakGuard(
        stack,
        "Guard",
        repositories=[known.known_as(stack, "shop")],
        delivery="trigger",
        response=LeakResponse(quarantine_policy=policy),
        notification=LeakNotification(security_hub=True),
    )
    template = Template(stack)
    text = json.dumps(template.json).replace('{"Ref": "AWS::Partition"}', partition)
    assert "arn:aws:" not in text
    response = flat(template.of(guard.response_function))["Environment"]["Variables"]
    assert response["PRODUCT_ARN"].endswith(f":securityhub:{region}:{known.ACCOUNT}:product/{known.ACCOUNT}/default")
    role = template.of(guard.node.find_child("Scan").node.find_child("FunctionRole"))
    (using,) = (one for one in role["Policies"][0]["PolicyDocument"]["Statement"] if one["Action"] == list(USE))
    condition = json.loads(json.dumps(using["Condition"]).replace('{"Ref": "AWS::URLSuffix"}', f'"{hosts[-1]}"'))
    services = listed(flat(condition)["StringEquals"]["kms:ViaService"])
    assert services == [f"dynamodb.{region}.{host}" for host in hosts]


def test_two_guards_of_one_stack_share_nothing_that_has_a_name() -> None:
    stack = known.stack_in(cdk.App(), "Source")
    repository = known.known_as(stack, "shop")
    guards = [
        CodeCommitLeakGuard(stack, id, repositories=[repository], delivery="trigger") for id in ("Shop", "Company")
    ]
    template = Template(stack)
    metrics = [
        one["Properties"]["MetricTransformations"][0]["MetricName"] for one in template.all("AWS::Logs::MetricFilter")
    ]
    triggers = [one["Properties"]["Name"] for one in template.all("Custom::CodeCommitTrigger")]
    assert (len(metrics), len(triggers)) == (6, 2)
    assert len({*metrics, *triggers}) == 8
    machines = [flat(template.resolve(one.state_machine.state_machine_arn)) for one in guards]
    assert len(set(machines)) == 2


def test_another_construct_for_the_same_repository_does_not_lose_its_trigger() -> None:
    names = set()
    for id in ("Shop", "Renamed"):
        stack = known.stack_in(cdk.App(), "Source")
        CodeCommitLeakGuard(stack, "Guard", repositories=[known.known_as(stack, "shop", id)], delivery="trigger")
        (trigger,) = Template(stack).all("Custom::CodeCommitTrigger")
        names.add(trigger["Properties"]["Name"])
    # The new trigger is made first, and then the old one is removed by its name.
    assert len(names) == 2


def test_a_repository_that_goes_leaves_the_others_as_they_were() -> None:
    made = []
    for wanted in (["shop", "lab"], ["lab"]):
        stack = known.stack_in(cdk.App(), "Source")
        given = [known.known_as(stack, name) for name in wanted]
        CodeCommitLeakGuard(stack, "Guard", repositories=given, delivery="trigger")
        resources = Template(stack).json["Resources"]
        made.append(
            {id: one for id, one in resources.items() if "Trigger" in one["Type"] or "Permission" in one["Type"]}
        )
    before, after = made
    assert (len(before), len(after)) == (4, 2)
    assert after.items() <= before.items()


@pytest.mark.parametrize("delivery", ["eventbridge", "trigger"])
def test_what_is_given_may_live_in_another_stack(delivery: Any) -> None:
    app = cdk.App()
    shared, own = known.stack_in(app, "Shared"), known.stack_in(app, "Source")
    key = kms.Key(shared, "Key")
    CodeCommitLeakGuard(
        own,
        "Guard",
        repositories=[codecommit.Repository(shared, "Shop", repository_name="shop", kms_key=key)],
        decrypt_keys=[key],
        delivery=delivery,
        response=LeakResponse(
            quarantine_policy=iam.ManagedPolicy(shared, "Quarantine", statements=[_denial()]),
            revoke_roles=[iam.Role(shared, "Deploy", assumed_by=iam.AccountRootPrincipal())],
        ),
        notification=LeakNotification(topic=sns.Topic(shared, "Told", master_key=key)),
        encryption_key=key,
        alarm_topic=AlarmTopic(shared, "Alarms"),
    )
    assert refers(own)
    assert not refers(shared)


def _denial() -> iam.PolicyStatement:
    return iam.PolicyStatement(effect=iam.Effect.DENY, actions=["iam:*"], resources=["*"])


def test_who_may_scan_whole_histories_may_be_of_another_stack() -> None:
    app = cdk.App()
    own, others = known.stack_in(app, "Source"), known.stack_in(app, "Auditing")
    guard = CodeCommitLeakGuard(own, "Guard")
    auditor = iam.Role(others, "Auditor", assumed_by=iam.AccountRootPrincipal())
    guard.grant_full_scan(auditor).assert_success()
    assert len(Template(others).all("AWS::IAM::Policy")) == 1
    assert refers(others)
    assert not refers(own)


@pytest.mark.parametrize(("delivery", "services"), [("eventbridge", 2), ("trigger", 1)])
def test_it_says_whom_a_key_must_admit_that_the_app_does_not_own(delivery: Any, services: int) -> None:
    stack = known.stack_in(cdk.App(), "Source")
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{known.HERE}:key/own")
    given = {} if delivery == "eventbridge" else {"repositories": [known.known_as(stack, "shop")]}
    CodeCommitLeakGuard(stack, "Guard", encryption_key=key, delivery=delivery, **given)  # type: ignore[arg-type]
    found = Annotations.from_stack(stack).find_warning("*", Match.string_like_regexp("given encryption_key cannot"))
    texts = [str(one.entry.data) for one in found]
    assert len(texts) == services
    wanted = ["It must let CloudWatch Logs encrypt with it", "It must let events.amazonaws.com decrypt"]
    assert all(any(one in text for text in texts) for one in wanted[:services])


def test_a_guard_that_owns_all_it_uses_warns_of_nothing() -> None:
    stack = known.stack_in(cdk.App(), "Source")
    CodeCommitLeakGuard(stack, "Guard", alarm_topic=AlarmTopic(stack, "Alarms"))
    assert Annotations.from_stack(stack).find_warning("*", Match.any_value()) == []
