"""How a fleet is rolled over, what its instances say meanwhile, and what rings."""

from __future__ import annotations

import http.server
import re
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any, cast

import aws_cdk as cdk
import pytest
from aws_cdk import aws_autoscaling as autoscaling
from aws_cdk import aws_ec2 as ec2

from cdk_refarch import FleetCapacity, RollingFleet, RollingUpdate
from tests.unit.image_builder_cicd.fleet_built import ENV, LINUX, TYPE, Built, Scene, built, network_of
from tests.unit.templates import Template, flat

REFRESH = "AutoScalingInstanceRefresh"
ROLLING = "AutoScalingRollingUpdate"


@pytest.fixture(scope="module")
def made() -> Built:
    """The fleets of ``fleet_built``."""
    return built()


def test_new_instances_are_in_service_before_old_ones_go_and_alarms_are_waited_for(made: Built) -> None:
    for scene in (made.plain, made.windows):
        assert scene.update[REFRESH] == {
            "Strategy": "Rolling",
            "Preferences": {
                "BakeTime": 600,
                "MaxHealthyPercentage": 150,
                "MinHealthyPercentage": 100,
                "SkipMatching": True,
            },
        }
        assert ROLLING not in scene.update


def test_a_refresh_has_what_was_asked_for_and_watches_the_target_groups(made: Built) -> None:
    alarms = ["<FleetUnhealthyHosts1>", "<FleetUnhealthyHosts2>", "<Errors>"]
    assert made.full.update[REFRESH]["Preferences"] == {
        "AlarmSpecification": {"Alarms": alarms},
        "BakeTime": 3600,
        "CheckpointDelay": 1800,
        "CheckpointPercentages": [20, 100],
        "InstanceWarmup": 120,
        "MaxHealthyPercentage": 120,
        "MinHealthyPercentage": 90,
        "SkipMatching": True,
    }


def test_a_refresh_waits_for_no_signals(made: Built) -> None:
    for scene in (made.plain, made.full, made.windows):
        assert "CreationPolicy" not in scene.resource(scene.fleet.group)
        assert "cfn-signal" not in scene.script


def test_a_rolling_update_waits_for_signals_and_keeps_auto_scaling_from_interfering(made: Built) -> None:
    assert made.rolling.update[ROLLING] == {
        "MaxBatchSize": 2,
        "MinInstancesInService": 2,
        "MinSuccessfulInstancesPercent": 50,
        "PauseTime": "PT20M",
        "SuspendProcesses": [
            "HealthCheck",
            "ReplaceUnhealthy",
            "AZRebalance",
            "AlarmNotification",
            "ScheduledActions",
            "InstanceRefresh",
        ],
        "WaitOnResourceSignals": True,
    }
    assert REFRESH not in made.rolling.update


def test_the_first_instances_of_a_rolling_fleet_signal_too(made: Built) -> None:
    assert made.rolling.resource(made.rolling.fleet.group)["CreationPolicy"] == {
        "AutoScalingCreationPolicy": {"MinSuccessfulInstancesPercent": 50},
        "ResourceSignal": {"Count": 3, "Timeout": "PT20M"},
    }


def rolling(capacity: FleetCapacity, update: RollingUpdate) -> Scene:
    stack = cdk.Stack(cdk.App(), "Stack", env=ENV)
    fleet = RollingFleet(
        stack,
        "Fleet",
        vpc=network_of(stack),
        image=LINUX,
        instance_type=TYPE,
        capacity=capacity,
        update=update,
    )
    return Scene(fleet, Template(stack))


@pytest.mark.parametrize(
    ("capacity", "asked", "kept", "first"),
    [
        (FleetCapacity(minimum=1, maximum=4), None, 1, 1),
        (FleetCapacity(minimum=4, maximum=4, desired=4), None, 3, 4),
        (FleetCapacity(minimum=1, maximum=4, desired=3), 3, 3, 3),
        (FleetCapacity(minimum=0, maximum=1), 0, 0, None),
        (FleetCapacity(minimum=0, maximum=2, desired=1), None, 0, 1),
    ],
)
def test_as_many_stay_in_service_as_there_is_room_for(
    capacity: FleetCapacity, asked: int | None, kept: int, first: int | None
) -> None:
    scene = rolling(capacity, RollingUpdate(min_in_service=asked))
    assert scene.update[ROLLING]["MinInstancesInService"] == kept
    policy = scene.resource(scene.fleet.group).get("CreationPolicy")
    assert (None if policy is None else policy["ResourceSignal"]["Count"]) == first


class Health(http.server.BaseHTTPRequestHandler):
    """Answers with an error twice, and then with success."""

    asked = 0

    def do_GET(self) -> None:
        type(self).asked += 1
        self.send_response(503 if type(self).asked < 3 else 200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@pytest.fixture
def port() -> Iterator[int]:
    """The port of a server that becomes healthy after a while."""
    Health.asked = 0
    server = http.server.HTTPServer(("127.0.0.1", 0), Health)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server.server_port
    server.shutdown()
    thread.join()
    server.server_close()


def start(tmp_path: Path, url: str | None, *commands: str, pause: int = 60) -> tuple[str, str]:
    """Run what an instance runs when it starts; return what it signals, and what it prints."""
    user_data = ec2.UserData.for_linux()
    user_data.add_commands(*commands)
    stack = cdk.Stack(cdk.App(), "Stack", env=ENV)
    update = RollingUpdate(health_check_url=url, pause=cdk.Duration.seconds(pause))
    vpc = network_of(stack)
    fleet = RollingFleet(stack, "Fleet", vpc=vpc, image=LINUX, instance_type=TYPE, update=update, user_data=user_data)
    signal, signalled = tmp_path / "cfn-signal", tmp_path / "signalled"
    signal.write_text(f'#!/bin/bash\necho "$@" > {signalled}\nexit 1\n')
    signal.chmod(0o700)
    script = Scene(fleet, Template(stack)).script.replace("/opt/aws/bin/cfn-signal", str(signal))
    script = re.sub("<AWS::([A-Za-z]+)>", r"\1", script)
    # An instance waits as long between two questions, but nothing in a test.
    done = subprocess.run(
        ["bash", "-c", script.replace("sleep 5", "sleep 0.05")], capture_output=True, text=True, timeout=20, check=False
    )
    return signalled.read_text(), done.stdout


def test_an_instance_signals_when_it_is_healthy(tmp_path: Path, port: int) -> None:
    signalled, printed = start(tmp_path, f"http://127.0.0.1:{port}/", "set -e", "echo started")
    assert "--exit-code 0 " in signalled
    assert Health.asked == 3
    assert printed == "started\nCloudFormation took no signal\n"


def test_an_instance_that_does_not_become_healthy_signals_failure(tmp_path: Path) -> None:
    signalled, _ = start(tmp_path, "http://127.0.0.1:9/", "echo started", pause=1)
    assert "--exit-code 1 " in signalled


def test_an_instance_that_does_not_start_signals_failure_at_once(tmp_path: Path, port: int) -> None:
    signalled, _ = start(tmp_path, f"http://127.0.0.1:{port}/", "set -e", "exit 7", "echo never")
    assert "--exit-code 7 " in signalled
    assert Health.asked == 0


def test_an_instance_without_a_health_check_signals_when_its_commands_are_through(tmp_path: Path) -> None:
    signalled, _ = start(tmp_path, None, "true")
    assert "--exit-code 0 " in signalled


def test_a_signal_names_the_group_and_the_stack_as_it_was_deployed(made: Built) -> None:
    group = made.rolling.fleet.group.node.default_child
    assert isinstance(group, autoscaling.CfnAutoScalingGroup)
    name = made.rolling.template.resolve(group.logical_id)
    assert (
        f"--stack <AWS::StackName> --resource {name} --region eu-west-1 "
        "--url https://cloudformation.eu-west-1.amazonaws.com"
    ) in made.rolling.script.replace("<AWS::Region>", "eu-west-1")


def test_a_url_cannot_run_commands(made: Built) -> None:
    scene = rolling(FleetCapacity(), RollingUpdate(health_check_url="http://localhost/;reboot?a=$(id)&b"))
    assert " 'http://localhost/;reboot?a=$(id)&b'; do" in scene.script


def alarm(scene: Scene, name: str) -> dict[str, Any]:
    made = dict(scene.template.of(scene.fleet.alarms[name]))
    assert made.pop("AlarmDescription")
    # The name of a load balancer is put together of parts of its listener's ARN.
    made["Dimensions"] = [one for one in made["Dimensions"] if one["Name"] != "LoadBalancer"]
    return cast("dict[str, Any]", flat(made))


def test_every_alarm_tells_the_topic(made: Built) -> None:
    assert list(made.full.fleet.alarms) == [
        "InService",
        "UnhealthyHosts1",
        "UnhealthyHosts2",
        "LaunchFailed",
        "UpdateFailed",
    ]
    for name in made.full.fleet.alarms:
        assert alarm(made.full, name)["AlarmActions"] == ["<Topic>"]
    assert all("AlarmActions" not in alarm(made.plain, name) for name in made.plain.fleet.alarms)


def test_an_alarm_rings_when_fewer_instances_are_in_service_than_the_minimum(made: Built) -> None:
    assert alarm(made.plain, "InService") == {
        "ComparisonOperator": "LessThanThreshold",
        "Dimensions": [{"Name": "AutoScalingGroupName", "Value": "<FleetGroupASG>"}],
        "EvaluationPeriods": 6,
        "MetricName": "GroupInServiceInstances",
        "Namespace": "AWS/AutoScaling",
        "Period": 60,
        "Statistic": "Minimum",
        "Threshold": 2,
        "TreatMissingData": "breaching",
    }
    assert (alarm(made.full, "InService")["Threshold"], alarm(made.full, "InService")["EvaluationPeriods"]) == (3, 3)


def test_a_fleet_that_may_be_empty_has_no_alarm_on_its_size(made: Built) -> None:
    assert list(made.windows.fleet.alarms) == ["LaunchFailed", "UpdateFailed"]


def test_an_alarm_rings_when_instances_stay_unhealthy_for_longer_than_they_may_take(made: Built) -> None:
    for name, namespace, group in (
        ("UnhealthyHosts1", "AWS/ApplicationELB", "<Application.TargetGroupFullName>"),
        ("UnhealthyHosts2", "AWS/NetworkELB", "<Network.TargetGroupFullName>"),
    ):
        found = alarm(made.full, name)
        assert (found["Namespace"], found["MetricName"]) == (namespace, "UnHealthyHostCount")
        assert {"Name": "TargetGroup", "Value": group} in found["Dimensions"]
        assert (found["ComparisonOperator"], found["Threshold"]) == ("GreaterThanThreshold", 0)
        assert (found["Statistic"], found["Period"], found["EvaluationPeriods"]) == ("Maximum", 60, 3)
        assert found["TreatMissingData"] == "notBreaching"


def pattern(scene: Scene, name: str) -> object:
    found = alarm(scene, name)
    assert (found["Namespace"], found["MetricName"], found["Statistic"]) == ("AWS/Events", "TriggeredRules", "Sum")
    rule = scene.fleet.node.find_child(f"{name}Rule")
    assert isinstance(rule, cdk.CfnElement)
    assert found["Dimensions"] == [
        {"Name": "RuleName", "Value": scene.shown({"Ref": scene.template.resolve(rule.logical_id)})}
    ]
    made = scene.of(rule)
    assert made["State"] == "ENABLED"
    return made["EventPattern"]


def test_an_alarm_rings_when_an_instance_cannot_be_started(made: Built) -> None:
    for scene in made.scenes:
        assert pattern(scene, "LaunchFailed") == {
            "source": ["aws.autoscaling"],
            "detail-type": ["EC2 Instance Launch Unsuccessful"],
            "detail": {"AutoScalingGroupName": ["<FleetGroupASG>"]},
        }


def test_an_alarm_rings_when_a_refresh_fails_or_is_taken_back(made: Built) -> None:
    kinds = ["Failed", "Cancelled", "Rollback Started", "Rollback Failed"]
    for scene in (made.plain, made.full, made.windows):
        assert pattern(scene, "UpdateFailed") == {
            "source": ["aws.autoscaling"],
            "detail-type": [f"EC2 Auto Scaling Instance Refresh {kind}" for kind in kinds],
            "detail": {"AutoScalingGroupName": ["<FleetGroupASG>"]},
        }


def test_an_alarm_rings_when_a_rolling_update_fails_of_which_auto_scaling_tells_nothing(made: Built) -> None:
    group = made.rolling.fleet.group.node.default_child
    assert isinstance(group, autoscaling.CfnAutoScalingGroup)
    assert pattern(made.rolling, "UpdateFailed") == {
        "source": ["aws.cloudformation"],
        "detail-type": ["CloudFormation Resource Status Change"],
        "detail": {
            "stack-id": ["<AWS::StackId>"],
            "logical-resource-id": [made.rolling.template.resolve(group.logical_id)],
            "status-details": {"status": ["UPDATE_FAILED"]},
        },
    }


def test_how_many_are_in_service_can_be_asked(made: Built) -> None:
    metric = made.plain.fleet.metric_in_service(statistic="Average", period=cdk.Duration.hours(1))
    assert (metric.metric_name, metric.statistic, metric.period.to_seconds()) == (
        "GroupInServiceInstances",
        "Average",
        3600,
    )
