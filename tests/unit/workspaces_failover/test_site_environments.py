"""A site works wherever and with whatever a stack is synthesized: tokens, flags, other stacks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_kms as kms
from aws_cdk import aws_secretsmanager as secretsmanager
from aws_cdk import aws_sns as sns
from aws_cdk.assertions import Annotations, Match

from cdk_refarch import (
    AdConnector,
    Desktop,
    DesktopDefaults,
    ExistingDirectory,
    IpGroup,
    IpRule,
    LocalReplica,
    ManagedAd,
    StandbyDesktop,
    WorkspacesSite,
)
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.templates import Template, flat
from tests.unit.workspaces_failover.built import ACCOUNT, BUNDLE, ENV, HERE, OFFICE, SMALLEST, joiner, network

STANDBY = StandbyDesktop(user_name="ana", primary_region="us-east-1")


def unchecked(flags: dict[str, Any] | None = None) -> cdk.App:
    return cdk.App(builtin_cloud_formation_validation=False, post_cli_context=flags)


def site(stack: cdk.Stack, id: str = "Site", **given: Any) -> WorkspacesSite:
    """Make a site; its name is of its id, so that a stack may have several."""
    return WorkspacesSite(stack, id, **{**SMALLEST, "fqdn": f"{id.lower()}.example.com", **given})


def test_whatever_resources_are_not_named_by_may_be_known_at_deployment_only() -> None:
    stack = cdk.Stack(unchecked(), "Stack")
    later, vpc = Later(stack), network(stack)
    rule = IpRule(cidr=later.name, description=later.name)
    site(
        stack,
        "There",
        directory=ExistingDirectory(directory_id=later.name, subnet_ids=later.names),
        ip_groups=[IpGroup(id="Office", description=later.name, rules=[rule, rule])],
        desktops=[
            Desktop(
                user_name="ana",
                bundle_id=later.name,
                auto_stop_after=cdk.Duration.minutes(later.number),
                compute_type=later.name,
                root_volume_gib=later.number,
                user_volume_gib=later.number,
                tags={later.name: later.name},
            ),
            Desktop(user_name="ben", bundle_id=later.name, root_volume_gib=80, user_volume_gib=later.number),
        ],
        defaults=DesktopDefaults(
            organizational_unit=later.name,
            security_group=ec2.SecurityGroup.from_security_group_id(stack, "Group", later.name),
            instance_role_arn=later.name,
        ),
    )
    managed = ManagedAd(name=later.name, short_name=later.name, vpc=vpc, admin_secret=joiner(stack))
    site(stack, "Managed", directory=managed)
    account = secretsmanager.Secret.from_secret_complete_arn(stack, "Account", f"{later.name}")
    for id, controllers in (("Two", [later.name, later.name]), ("Listed", later.names)):
        directory = AdConnector(name=later.name, vpc=vpc, service_account=account, controllers=controllers)
        site(stack, id, directory=directory)
    local = LocalReplica(primary_region="us-east-1", directory_id=later.name)
    directory = AdConnector(name="corp.example.com", vpc=vpc, service_account=account, controllers=local)
    site(stack, "Local", directory=directory, desktops=[STANDBY])
    template = Template(stack)
    assert Later.unused(template) == []
    text = json.dumps(template.json)
    # Neither region nor account nor partition is known. The network's and the secret's names are what was given.
    assert "arn:aws:" not in text
    assert "111122223333" not in text
    assert "eu-west-1" not in text
    auto_stop, sized = (one["Properties"]["WorkspaceProperties"] for one in template.all("AWS::WorkSpaces::Workspace"))
    assert set(auto_stop["RunningModeAutoStopTimeoutInMinutes"]) == {"Ref"}
    assert sized["RootVolumeSizeGib"] == 80
    names = [flat(one["Properties"]["ConnectionString"]) for one in template.all("AWS::WorkSpaces::ConnectionAlias")]
    assert names == [f"{id}.example.com" for id in ("there", "managed", "two", "listed", "local")]


def test_two_sites_of_one_stack_share_nothing() -> None:
    stack = cdk.Stack(unchecked(), "Stack", env=ENV)
    first = site(stack, "First")
    second = site(stack, "Second", directory=ExistingDirectory(directory_id="d-abcdef0123"))
    template = Template(stack)
    groups = [template.of(one.ip_groups["Office"])["GroupName"] for one in (first, second)]
    assert len(set(groups)) == 2
    alarms = [template.of(one.alarms[name])["AlarmName"] for one in (first, second) for name in one.alarms]
    assert len(set(alarms)) == 6
    assert len(template.all("AWS::Lambda::Function")) == 6


def test_security_does_not_depend_on_the_feature_flags_of_the_consumer(tmp_path: Path) -> None:
    # With those that are recommended, the gate looks at the stack and the example.
    app = checked_app(NO_FLAGS, tmp_path)
    stack = cdk.Stack(app, "Stack", env=ENV)
    elsewhere = cdk.Stack(cdk.App(), "Elsewhere", env=ENV)
    topic = sns.Topic.from_topic_arn(stack, "Topic", f"arn:aws:sns:{HERE}:alarms")
    local = LocalReplica(primary_region="us-east-1")
    directory = AdConnector(
        name="corp.example.com", vpc=network(elsewhere), service_account=joiner(stack), controllers=local
    )
    desktops = [STANDBY, Desktop(user_name="ben", bundle_id=BUNDLE)]
    site(stack, directory=directory, desktops=desktops, alarm_topic=topic)
    template = Template(stack)
    assert open_findings(app, tmp_path) == []
    assert all("ManagedPolicyArns" not in one["Properties"] for one in template.all("AWS::IAM::Role"))
    itself = [one["Properties"]["PolicyDocument"]["Statement"] for one in template.all("AWS::IAM::Policy")]
    assert [[one["Action"] for one in statements] for statements in itself] == [["lambda:InvokeFunction"]] * 5
    (made,) = template.all("AWS::WorkSpaces::Workspace")
    assert made["Properties"]["RootVolumeEncryptionEnabled"] is True
    assert all(one["Properties"]["EnableKeyRotation"] for one in template.all("AWS::KMS::Key"))


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["recommended", "none"])
def test_what_is_given_may_live_in_another_stack(flags: dict[str, Any]) -> None:
    app = unchecked(flags)
    shared, own = cdk.Stack(app, "Shared", env=ENV), cdk.Stack(app, "Own", env=ENV)
    vpc, key = ec2.Vpc(shared, "Vpc", max_azs=2), kms.Key(shared, "Key")
    secret = secretsmanager.Secret(shared, "Secret", encryption_key=key)
    connector = AdConnector(name="corp.example.com", vpc=vpc, service_account=secret, controllers=["10.0.0.10"])
    site(own, "Managed", directory=ManagedAd(name="corp.example.com", vpc=vpc, admin_secret=secret))
    site(
        own,
        "Connected",
        directory=connector,
        desktops=[STANDBY],
        defaults=DesktopDefaults(security_group=ec2.SecurityGroup(shared, "Group", vpc=vpc)),
        encryption_key=key,
        alarm_topic=sns.Topic(shared, "Topic"),
    )
    # What was there before does not wait for what uses it, or none of the two stacks could be deployed.
    assert [refers(stack) for stack in (own, shared)] == [True, False]


def test_a_nested_stack_marks_what_it_makes_with_a_name_of_its_own(tmp_path: Path) -> None:
    app = cdk.App(builtin_cloud_formation_validation=False, outdir=str(tmp_path))
    parent = cdk.Stack(app, "Parent", env=ENV)
    nested = cdk.NestedStack(parent, "Nested")
    site(nested, desktops=[STANDBY])
    app.synth()
    template = json.loads((tmp_path / nested.template_file).read_text())
    conditions = {
        json.dumps(flat(statement["Condition"]))
        for role in template["Resources"].values()
        if role["Type"] == "AWS::IAM::Role"
        for statement in role["Properties"]["Policies"][0]["PolicyDocument"]["Statement"]
        if "ResourceTag" in json.dumps(statement)
    }
    # Within it, that is the name of the nested stack, with which its id begins.
    (condition,) = conditions
    assert json.loads(condition) == {"StringLike": {"aws:ResourceTag/cdk-refarch:resource": "<AWS::StackName>/*"}}


def test_a_warning_tells_what_the_policy_of_a_key_of_elsewhere_must_allow() -> None:
    stack = cdk.Stack(unchecked(), "Stack", env=ENV)
    key = kms.Key.from_key_arn(stack, "Key", f"arn:aws:kms:{HERE}:key/theirs")
    site(stack, encryption_key=key)
    text = Match.string_like_regexp(
        "the given encryption_key cannot be changed by this app. It must let CloudWatch Logs"
    )
    assert Annotations.from_stack(stack).find_warning("/Stack/Site", text)


def test_the_types_that_the_cdk_does_not_know_yet_are_acknowledged_where_it_does_not(tmp_path: Path) -> None:
    for region, count in (("eu-west-1", 1), ("us-east-1", 0)):
        stack = cdk.Stack(unchecked(), "Stack", env=cdk.Environment(account=ACCOUNT, region=region))
        groups = site(stack, ip_groups=[OFFICE]).ip_groups
        found = [entry for entry in groups["Office"].node.metadata if "F3006" in json.dumps(str(entry.data))]
        assert len(found) == count
