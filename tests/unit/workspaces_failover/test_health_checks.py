"""The health check of the primary site: what it looks at, and that it follows every change of its alarms."""

from __future__ import annotations

from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_cloudwatch as cloudwatch

from cdk_refarch.workspaces_failover.alarm_names import name_for_health_checks
from cdk_refarch.workspaces_failover.health import PrimaryHealth
from cdk_refarch.workspaces_failover.redirection import CODE
from tests.unit.scenes import Scene
from tests.unit.templates import plain
from tests.unit.workspaces_failover import failover_built as known
from tests.unit.workspaces_failover.failover_built import Built, built


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def config(scene: Scene, check: Any) -> Any:
    return scene.of(check)["HealthCheckConfig"]


def test_without_anything_else_the_switch_alone_decides(made: Built) -> None:
    health = made.plain.made.health
    assert list(health.checks) == ["Switch"]
    assert len(made.plain.all("AWS::Route53::HealthCheck")) == 1
    (primary,) = (one for one in made.plain.all("AWS::Route53::RecordSet") if one["Failover"] == "PRIMARY")
    assert primary["HealthCheckId"] == "<FailoverHealthSwitch.HealthCheckId>"


def test_the_switch_is_read_from_a_metric_in_the_region_of_the_stack(made: Built) -> None:
    for scene, region in ((made.plain, known.FAILOVER), (made.full, known.THIRD)):
        alarm = scene.of(scene.made.alarms["PrimaryDisabled"])
        assert config(scene, scene.made.health.checks["Switch"]) == {
            "Type": "CLOUDWATCH_METRIC",
            "AlarmIdentifier": {"Name": alarm["AlarmName"], "Region": region},
            "InsufficientDataHealthStatus": "LastKnownStatus",
        }
        assert (alarm["Period"], alarm["Statistic"], alarm["TreatMissingData"]) == (60, "Maximum", "missing")


def test_a_switch_that_says_nothing_any_more_rings_too(made: Built) -> None:
    # A rule that is disabled fails nowhere, and Route 53 stays with what it knew.
    alarms = made.full.made.alarms
    told = {name for name, alarm in alarms.items() if "InsufficientDataActions" in made.full.of(alarm)}
    assert told == {"PrimaryDisabled"}
    alarm = made.full.of(alarms["PrimaryDisabled"])
    assert alarm["InsufficientDataActions"] == alarm["AlarmActions"] == ["<Told>"]
    assert "insufficient data" in alarm["AlarmDescription"]
    assert "InsufficientDataActions" not in made.plain.of(made.plain.made.alarms["PrimaryDisabled"])


def test_the_metric_of_the_alarm_is_the_one_that_the_switch_writes(made: Built) -> None:
    alarm = made.plain.of(made.plain.made.alarms["PrimaryDisabled"])
    assert f'METRIC = "{alarm["MetricName"]}"' in (CODE / "switch.py").read_text()
    assert alarm["Dimensions"] == [{"Name": "Fqdn", "Value": made.plain.variables("Switch")["FQDN"]}]
    assert alarm["Namespace"] == made.plain.variables("Switch")["NAMESPACE"]


def test_alarms_of_any_region_and_a_routing_control_redirect_too(made: Built) -> None:
    checks = made.full.made.health.checks
    assert [name.rpartition("-")[0] for name in checks] == [
        *("", "Trigger-FullPrimary-Site-MostlyUnhealthy", "Trigger-FullRedirection-Canary", ""),
    ]
    switch, unhealthy, own, control = (config(made.full, one) for one in checks.values())
    assert unhealthy["AlarmIdentifier"]["Region"] == known.PRIMARY
    assert unhealthy["AlarmIdentifier"]["Name"].startswith("MostlyUnhealthy-")
    assert own["AlarmIdentifier"] == {"Name": "own-Canary", "Region": known.THIRD}
    assert {one["InsufficientDataHealthStatus"] for one in (switch, unhealthy, own)} == {"LastKnownStatus"}
    assert control == {"Type": "RECOVERY_CONTROL", "RoutingControlArn": known.CONTROL_ARN}


def test_the_primary_site_is_healthy_only_while_all_of_them_are(made: Built) -> None:
    health = made.full.made.health
    children = [f"<{name}.HealthCheckId>" for name in logical_ids(made.full)[:-1]]
    assert config(made.full, health.node.find_child("All")) == {
        "Type": "CALCULATED",
        "ChildHealthChecks": children,
        "HealthThreshold": 4,
    }


def logical_ids(scene: Scene) -> list[str]:
    found = scene.template.json["Resources"].items()
    return [plain(name) for name, one in found if one["Type"] == "AWS::Route53::HealthCheck"]


def test_every_check_has_a_name_in_the_console(made: Built) -> None:
    names = [one["HealthCheckTags"] for one in made.full.all("AWS::Route53::HealthCheck")]
    assert [one["Key"] for (one,) in names] == ["Name"] * 5
    assert names[0][0]["Value"] == "FullRedirection/Failover/Health/Switch"
    assert len({one["Value"] for (one,) in names}) == 5


def test_a_check_waits_for_an_alarm_of_its_stack_and_its_stack_for_one_of_another(made: Built) -> None:
    resources = made.full.template
    checks = list(made.full.made.health.checks.values())
    waits = [resources.resource(one).get("DependsOn", []) for one in checks]
    alarm = resources.resolve(made.full.made.alarms["PrimaryDisabled"].node.default_child.logical_id)
    assert waits[0] == [alarm]
    assert [len(one) for one in waits[1:]] == [0, 1, 0]
    stack = cdk.Stack.of(made.full.made)
    assert "FullPrimary" in [one.stack_name for one in stack.dependencies]


CHANGES: dict[str, dict[str, Any]] = {
    "threshold": {"threshold": 2},
    "periods": {"evaluation_periods": 4},
    "comparison": {"comparison_operator": cloudwatch.ComparisonOperator.LESS_THAN_THRESHOLD},
    "missing": {"treat_missing_data": cloudwatch.TreatMissingData.BREACHING},
    "statistic": {"statistic": "Sum"},
    "period": {"period": cdk.Duration.minutes(5)},
    "metric": {"metric": cloudwatch.Metric(namespace="Own", metric_name="Other")},
    "namespace": {"metric": cloudwatch.Metric(namespace="Other", metric_name="Failed")},
    "dimensions": {"metric": cloudwatch.Metric(namespace="Own", metric_name="Failed", dimensions_map={"A": "b"})},
}


def named(id: str = "Canary", **changes: Any) -> str:
    return name_for_health_checks(known.trigger(cdk.Stack(cdk.App(), "Own"), id, **changes))


def test_an_alarm_with_other_settings_has_another_name_so_that_its_health_check_is_updated() -> None:
    names = [named(), named("Other"), *(named(**changes) for changes in CHANGES.values())]
    assert len(set(names)) == len(names)
    assert named() == names[0]
    assert named(alarm_description="Something else") == names[0]


def test_the_check_follows_the_new_name() -> None:
    found = []
    for count in (1, 2):
        stack = known.stack_in(cdk.App(), "Own", known.THIRD)
        alarm = known.trigger(stack, evaluation_periods=count)
        name = name_for_health_checks(alarm)
        health = PrimaryHealth(
            stack, "Health", fqdn=known.FQDN, trigger_alarms=[alarm], routing_control=None, alarm_topic=None
        )
        (check,) = (one for id, one in health.checks.items() if id.startswith("Trigger"))
        assert stack.resolve(check.health_check_config)["alarmIdentifier"] == {"name": name, "region": known.THIRD}
        found.append(name)
    assert found[0] != found[1]
