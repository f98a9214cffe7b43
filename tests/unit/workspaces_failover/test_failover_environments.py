"""A failover works wherever and with whatever it is synthesized: regions, flags, partitions, other stacks and names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_kms as kms
from aws_cdk import aws_route53 as route53
from aws_cdk import aws_sns as sns

from cdk_refarch import AlarmTopic, LocalReplica, RoutingControl, StandbyDesktop, WorkspacesFailover
from tests.conftest import FLAGS
from tests.unit.environments import NO_FLAGS, Later, checked_app, open_findings, refers
from tests.unit.templates import Template, flat
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_built import built
from tests.unit.workspaces_failover.failover_refusals import connector


@pytest.mark.parametrize("flags", [FLAGS, NO_FLAGS], ids=["all", "none"])
def test_whatever_the_flags_of_the_app_the_packs_find_nothing(flags: dict[str, Any], tmp_path: Path) -> None:
    app = checked_app(flags, tmp_path)
    pair = known.pair_in(app)
    made = pair.failed_over(
        trigger_alarms=[pair.primary.alarms["MostlyUnhealthy"]],
        routing_control=known.CONTROL,
        alarm_topic=AlarmTopic(pair.here, "Alarms"),
    )
    app.synth()
    assert open_findings(app, tmp_path) == []
    template = Template(pair.here)
    kinds = [one["Type"] for one in template.json["Resources"].values()]
    assert (kinds.count("AWS::IAM::Role"), kinds.count("AWS::IAM::Policy")) == (6, 1)
    assert kinds.count("AWS::Lambda::Function") == 5
    assert template.of(made.state_machine)["StateMachineType"] == "STANDARD"


def test_nothing_is_exported_from_one_region_and_read_in_another() -> None:
    scenes = built()
    assembly = cdk.Stack.of(scenes.full.made).node.root
    assert isinstance(assembly, cdk.App)
    templates = {one.stack_name: one.template for one in assembly.synth().stacks}
    assert len(templates) == 7
    for name, template in templates.items():
        text = json.dumps(template)
        for forbidden in ("Fn::ImportValue", "Fn::GetStackOutput", "CrossRegion", "ExportWriter", "ExportReader"):
            assert forbidden not in text, name
        # Outputs that others import have that; of parameters there is only the version of the bootstrap stack.
        assert not [one for one in template.get("Outputs", {}).values() if "Export" in one]
        assert set(template.get("Parameters", {})) <= {"BootstrapVersion"}


def dependencies(stack: cdk.Stack) -> list[str]:
    return sorted(one.stack_name for one in stack.dependencies)


def test_the_sites_are_deployed_first_and_in_any_order_where_neither_needs_the_other() -> None:
    made = built().plain.made
    here = cdk.Stack.of(made)
    assert dependencies(here) == ["PlainPrimary", "PlainStandby"]
    assert [dependencies(one) for one in here.dependencies] == [[], []]


@pytest.mark.parametrize("need", ["directory", "standby"])
def test_the_failover_site_waits_for_a_primary_one_that_it_needs(need: str) -> None:
    app = known.quiet_app()
    standby = known.stack_in(app, "Standby", known.FAILOVER)
    directory = (
        connector(LocalReplica(primary_region=known.PRIMARY))(standby) if need == "directory" else "d-2222222222"
    )
    desktops = [StandbyDesktop(user_name="ann", primary_region=known.PRIMARY)] if need == "standby" else []
    failover = known.site_in(standby, directory, desktops=desktops)
    primary = known.site_in(known.stack_in(app, "Primary", known.PRIMARY))
    pair = known.Pair(primary, failover, known.stack_in(app, "Redirection", known.FAILOVER))
    pair.failed_over()
    assert dependencies(standby) == ["Primary"]
    assert dependencies(pair.here) == ["Primary", "Standby"]


def test_it_may_be_in_the_stack_of_the_failover_site() -> None:
    app = known.quiet_app()
    pair = known.pair_in(app)
    standby = cdk.Stack.of(pair.failover)
    known.Pair(pair.primary, pair.failover, standby).failed_over()
    assert dependencies(standby) == ["Primary"]
    kinds = [one["Type"] for one in Template(standby).json["Resources"].values()]
    assert kinds.count("AWS::Route53::RecordSet") == 2
    assert kinds.count("AWS::WorkSpaces::ConnectionAlias") == 1


def test_two_failovers_of_different_names_fit_in_one_app() -> None:
    app = known.quiet_app()
    first = known.pair_in(app, "One")
    second = known.pair_in(app, "Two", fqdn="two.example.com")
    made = [first.failed_over(), second.failed_over()]
    both = WorkspacesFailover(
        first.here,
        "Other",
        primary=second.primary,
        failover=second.failover,
        zone=known.zone_in(first.here, id="OtherZone"),
    )
    names = []
    for one in (*made, both):
        resolve = Template(cdk.Stack.of(one)).of
        alarm = resolve(one.alarms["PrimaryDisabled"])
        assert alarm["Dimensions"] == [{"Name": "Fqdn", "Value": one.fqdn}]
        names += [alarm["AlarmName"], resolve(one.alarms["Drift"])["MetricName"]]
    assert len(set(names)) == 6


def test_names_and_values_may_be_known_at_deployment_only() -> None:
    app = known.quiet_app()
    pair = known.pair_in(app)
    later = Later(pair.here)
    pair.failed_over(
        zone=route53.HostedZone.from_hosted_zone_attributes(
            pair.here, "Zone", hosted_zone_id=later.name, zone_name=later.name
        ),
        routing_control=RoutingControl(arn=later.name, endpoints={"us-east-1": later.name}),
        ttl=cdk.Duration.seconds(later.number),
        encryption_key=kms.Key.from_key_arn(pair.here, "Given", later.name),
        alarm_topic=sns.Topic.from_topic_arn(pair.here, "Told", later.name),
    )
    template = Template(pair.here)
    # The name of a zone is nobody's business but that of its records' names.
    assert Later.unused(template) == ["Parameter2"]


def test_everything_given_may_be_of_other_stacks_of_the_region() -> None:
    app = known.quiet_app()
    pair = known.pair_in(app)
    base = known.stack_in(app, "Base", known.FAILOVER)
    pair.failed_over(
        zone=route53.PublicHostedZone(base, "Zone", zone_name="example.com"),
        trigger_alarms=[known.trigger(base)],
        encryption_key=kms.Key(base, "Key"),
        alarm_topic=AlarmTopic(base, "Alarms"),
    )
    assert refers(pair.here)
    assert not refers(base)
    assert "Base" in dependencies(pair.here)


def test_arns_are_those_of_the_partition() -> None:
    written = json.dumps(
        [flat(one["Properties"]) for one in built().plain.template.all("AWS::StepFunctions::StateMachine")]
    )
    assert "arn:aws:states:::lambda:invoke" in written
    raw = json.dumps(built().plain.template.all("AWS::StepFunctions::StateMachine"))
    assert "arn:aws:states" not in raw


def test_a_lookup_in_the_stack_of_a_site_waits_for_its_association() -> None:
    pair = known.pair_in(cdk.App())
    stack = cdk.Stack.of(pair.failover)
    made = WorkspacesFailover(
        stack, "Failover", primary=pair.primary, failover=pair.failover, zone=known.zone_in(stack)
    )
    template = Template(stack)
    found = {id: one for id, one in template.json["Resources"].items() if one["Type"] == "Custom::ConnectionIdentifier"}
    association = stack.get_logical_id(
        cast("cdk.CfnElement", pair.failover.connection_alias.node.find_child("Association").node.default_child)
    )
    assert {id for id, one in found.items() if association in one["DependsOn"]} == {
        stack.get_logical_id(cast("cdk.CfnElement", made.node.find_child("FailoverIdentifier").node.default_child))
    }


def test_sites_of_another_stage_and_nested_stacks_are_refused_before_anything_exists() -> None:
    app = cdk.App()
    pair = known.pair_in(cdk.Stage(app, "Sites"))
    here = cdk.Stack(app, "Here", env=cdk.Environment(region=pair.failover.region))
    for scope, rule in ((here, "that of the construct"), (cdk.NestedStack(here, "Inner"), "no nested one")):
        with pytest.raises(ValueError, match=rule):
            WorkspacesFailover(
                scope, "Failover", primary=pair.primary, failover=pair.failover, zone=known.zone_in(here, id=rule)
            )
        assert scope.node.try_find_child("Failover") is None
