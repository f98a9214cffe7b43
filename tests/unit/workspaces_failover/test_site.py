"""Sites: who may connect from where, how the directory is registered, what watches it, and what goes before what."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from typing import Any

import aws_cdk as cdk
import pytest

from cdk_refarch import IpGroup, SelfService, WorkspacesSite
from cdk_refarch.workspaces_failover.registration import DEVICES, SELF_SERVICE
from cdk_refarch.workspaces_failover.site_values import ClientAccess
from tests.handlers.loading import SHARED
from tests.unit.workspaces_failover.built import ENV, OFFICE, ROLE, SMALLEST, SUBNETS, Built, Scene, built

REGISTERED = "<SiteRegistration.DirectoryId>"
KEPT = {"DeletionPolicy": "Retain", "UpdateReplacePolicy": "Retain"}
KEPT_ONCE_MADE = {"DeletionPolicy": "RetainExceptOnCreate", "UpdateReplacePolicy": "Retain"}
GONE = {"DeletionPolicy": "Delete", "UpdateReplacePolicy": "Delete"}


@pytest.fixture(scope="module")
def made() -> Built:
    """The sites of ``built``."""
    return built()


def policies(scene: Scene, construct: Any) -> dict[str, Any]:
    resource = scene.resource(construct)
    return {name: resource[name] for name in KEPT if name in resource}


def hashed(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def test_the_directory_is_registered_with_the_desktop_clients_alone_and_little_that_users_may_do(made: Built) -> None:
    assert made["Plain"].asked("Registration") == {
        "DirectoryId": "d-0123456789",
        "IpGroupIds": ["<SiteIpGroupOffice.GroupId>"],
        "CreationProperties": {
            "EnableInternetAccess": False,
            "EnableMaintenanceMode": True,
            "UserEnabledAsLocalAdministrator": False,
        },
        "AccessProperties": {
            "DeviceTypeWindows": "ALLOW",
            "DeviceTypeOsx": "ALLOW",
            "DeviceTypeLinux": "ALLOW",
            "DeviceTypeIos": "DENY",
            "DeviceTypeAndroid": "DENY",
            "DeviceTypeChromeOs": "DENY",
            "DeviceTypeWeb": "DENY",
            "DeviceTypeZeroClient": "DENY",
            "DeviceTypeWorkSpacesThinClient": "DENY",
        },
        "SelfservicePermissions": {
            "RestartWorkspace": "ENABLED",
            "IncreaseVolumeSize": "DISABLED",
            "ChangeComputeType": "DISABLED",
            "SwitchRunningMode": "DISABLED",
            "RebuildWorkspace": "DISABLED",
        },
    }


def test_all_that_is_given_reaches_the_registration(made: Built) -> None:
    asked = made["Full"].asked("Registration")
    assert asked["SubnetIds"] == SUBNETS
    assert asked["IpGroupIds"] == ["<SiteIpGroupOffices.GroupId>", "<SiteIpGroupOffice.GroupId>"]
    assert asked["CreationProperties"] == {
        "EnableInternetAccess": True,
        "EnableMaintenanceMode": False,
        "UserEnabledAsLocalAdministrator": True,
        "DefaultOu": "OU=Desktops,DC=corp,DC=example,DC=com",
        "CustomSecurityGroupId": "sg-00000000000000001",
        "InstanceIamRoleArn": ROLE,
    }
    # Each is the opposite of the default, so that none can stand for another one.
    plain = made["Plain"].asked("Registration")
    for name, one, other in (
        ("AccessProperties", "ALLOW", "DENY"),
        ("SelfservicePermissions", "ENABLED", "DISABLED"),
    ):
        opposite = {one: other, other: one}
        assert asked[name] == {key: opposite[value] for key, value in plain[name].items()}


def test_each_kind_of_device_and_each_permission_has_a_name_in_the_api() -> None:
    # All of one default could be mixed up; names tell.
    plain = {one.lower().removeprefix("devicetype").removeprefix("workspaces"): name for name, one in DEVICES.items()}
    assert plain.pop("osx") == "macos"
    assert {one: name.replace("_", "") for one, name in plain.items()} == {one: one for one in plain}
    assert set(DEVICES) == {field.name for field in dataclasses.fields(ClientAccess)}
    assert set(SELF_SERVICE) == {field.name for field in dataclasses.fields(SelfService)}
    for name, one in SELF_SERVICE.items():
        assert one.lower().startswith(name.split("_")[0])
        assert name.split("_")[-1] in one.lower()


def test_groups_of_addresses_have_their_rules_and_names_of_their_own(made: Built) -> None:
    address = hashed("Full/Full/Site")[:32]
    assert made["Full"].of(made["Full"].site.ip_groups["Offices"]) == {
        "GroupDesc": "All of them",
        "GroupName": f"Offices-{address}-{hashed('All of them')[:8]}",
        "UserRules": [{"IpRule": "192.0.2.0/24", "RuleDesc": "Dublin"}, {"IpRule": "198.51.100.7"}],
    }
    assert made["Plain"].of(made["Plain"].site.ip_groups["Office"]) == {
        "GroupName": f"Office-{hashed('Plain/Plain/Site')[:32]}-{hashed('')[:8]}",
        "UserRules": [{"IpRule": "192.0.2.0/24"}],
    }
    assert list(made["Full"].site.ip_groups) == ["Offices", "Office"]


def test_the_default_role_is_there_before_the_registration_unless_it_is_somebody_elses(made: Built) -> None:
    plain = made["Plain"]
    assert plain.asked("DefaultRole") == {"Partition": "aws"}
    assert plain.id("DefaultRole") in plain.waits_for("Registration")
    assert made["Full"].all("Custom::WorkspacesDefaultRole") == []


def test_the_alias_is_of_the_registered_directory(made: Built) -> None:
    for name, scene in made.scenes.items():
        if name != "Alone":
            assert scene.asked("Alias/Association")["DirectoryId"] == REGISTERED
            assert scene.shown(scene.site.connection_alias.directory_id) == REGISTERED


def test_the_site_tells_what_others_need(made: Built) -> None:
    scene = made["Local"]
    site = scene.site
    shown = (site.fqdn, site.region, scene.shown(site.directory_id), scene.shown(site.registration_code))
    assert shown == ("desktop.example.com", "eu-west-1", REGISTERED, "<SiteRegistration.RegistrationCode>")
    assert site.standby_of == {"us-east-1", "eu-central-1"}
    assert made["Plain"].site.standby_of == set()
    assert scene.shown(site.encryption_key.key_arn) == "<SiteKey.Arn>"
    assert made["Full"].site.encryption_key is made.key


def test_whatever_uses_the_directory_goes_before_it_is_deregistered(made: Built) -> None:
    full, local, managed = made["Full"], made["Local"], made["Managed"]
    for user in ("ana", "b.en", "chloe", "dan"):
        assert full.id("Registration") in full.waits_for(f"Desktop-{user}")
    for scene in (full, local, managed):
        before = scene.waits_for("Alias/Association")
        assert {scene.id("Registration"), scene.id("Alias/Alias")} <= before
        assert {scene.id(f"IpGroup{id}") for id in scene.site.ip_groups} <= scene.waits_for("Registration")
    # AWS makes standbys of directories that redirect.
    assert local.id("Alias/Association") in local.waits_for("Desktop-ana")
    assert local.id("Registration") in local.waits_for("Desktop-chloe")
    assert local.id("Connector") in local.waits_for("Registration")
    assert managed.id("ManagedAd") in managed.waits_for("Registration")


def test_a_function_that_goes_on_may_do_so_as_long_as_its_resources_are_there(made: Built) -> None:
    scene = made["Local"]
    for resource, provider in (
        ("Registration", "RegistrationProvider"),
        ("Alias/Association", "Alias/Provider"),
        ("Desktop-ana", "StandbyProvider"),
        ("Desktop-ben", "StandbyProvider"),
        ("Connector", "ConnectorProvider"),
        ("Replica", "ReplicaProvider"),
        ("ReplicaReady1", "ReplicaProvider"),
        ("ReplicaReady2", "ReplicaProvider"),
    ):
        assert scene.id(f"{provider}/GoingOn") in scene.resource(resource)["DependsOn"]
        assert scene.of(resource)["ServiceTimeout"] == "3600"
        assert scene.of(resource)["ServiceToken"] == f"<Site{provider.replace('/', '')}Function.Arn>"


@pytest.mark.parametrize(
    ("provider", "module", "seconds"),
    [
        ("RegistrationProvider", "workspaces_registration", 1800),
        ("Alias/Provider", "connection_aliases", 900),
        ("StandbyProvider", "standby_workspaces", 3000),
        ("ConnectorProvider", "directory_service", 3000),
        ("ReplicaProvider", "directory_service", 3000),
        ("DefaultRoleProvider", "workspaces_role", None),
    ],
)
def test_functions_run_their_module_and_go_on_for_as_long_as_aws_takes(
    made: Built, provider: str, module: str, seconds: int | None
) -> None:
    scene = made["Local"]
    function = scene.of(f"{provider}/Function")
    assert function["Handler"] == f"{module}.handler"
    expected = None if seconds is None else {"Variables": {"LASTS_SECONDS": str(seconds)}}
    assert function.get("Environment") == expected
    code = scene.assembly / f"asset.{function['Code']['S3Key'].removesuffix('.zip')}"
    assert {path.stem for path in code.iterdir()} == {"cloudformation", module, *SHARED.get(module, ())}


def test_what_holds_data_stays_by_default_and_all_of_it_goes_if_that_was_asked_for(made: Built) -> None:
    kept, gone = made["Local"], made["Known"]
    for one in ("IpGroupOffice", "Registration", "Connector", "Replica", "Desktop-ana", "Desktop-chloe"):
        # A deployment that is rolled back leaves nothing that the next one would find there.
        assert policies(kept, one) == KEPT_ONCE_MADE
    assert policies(made["Managed"], "ManagedAd") == KEPT_ONCE_MADE
    assert policies(kept, "Key") == KEPT
    for one in ("Key", "IpGroupOffice", "Registration", "Connector", "Replica"):
        assert policies(gone, one) == GONE
    assert policies(made["Standard"], "ManagedAd") == GONE
    assert policies(made["Full"], "Desktop-ana") == GONE
    for scene, expected in ((kept, KEPT), (gone, GONE)):
        logs = scene.all("AWS::Logs::LogGroup")
        assert [{name: one[name] for name in KEPT} for one in logs] == [expected] * len(logs)
        # The name must be free for another site, and waiting leaves nothing.
        for one in ("Alias/Alias", "Alias/Association", "DefaultRole", "ReplicaReady1", "ReplicaReady2"):
            assert policies(scene, one) in ({}, GONE)


def test_logs_are_encrypted_and_kept_for_as_long_as_asked(made: Built) -> None:
    for name, key, days in (("Local", "<SiteKey.Arn>", 365), ("Full", "<Own.Arn>", 7)):
        scene = made[name]
        groups = [scene.of(one) for one in scene.site.node.find_all() if one.node.id == "Log"]
        assert [(one["KmsKeyId"], one["RetentionInDays"]) for one in groups] == [(key, days)] * len(groups)
        assert len(groups) == len(scene.all("AWS::Lambda::Function"))


ALARMS = {
    "Unhealthy": ("Unhealthy", "Maximum", 0, "notBreaching", "restart or rebuild"),
    "MostlyUnhealthy": ("Unhealthy", "Average", 0.5, "missing", "fail over by the runbook"),
    "ConnectionFailures": ("ConnectionFailure", "Sum", 10, "notBreaching", "no session"),
}


@pytest.mark.parametrize("name", ALARMS)
def test_alarms_ring_for_unhealthy_workspaces_and_failing_connections(made: Built, name: str) -> None:
    metric, statistic, threshold, missing, says = ALARMS[name]
    for scene, actions in ((made["Plain"], None), (made["Full"], ["<Topic>"])):
        assert list(scene.site.alarms) == list(ALARMS)
        alarm = scene.of(scene.site.alarms[name])
        assert says in alarm.pop("AlarmDescription")
        assert alarm.pop("AlarmName").startswith(f"{name}-")
        assert alarm.pop("AlarmActions", None) == actions
        assert alarm == {
            "ComparisonOperator": "GreaterThanThreshold",
            "Dimensions": [{"Name": "DirectoryId", "Value": REGISTERED}],
            "EvaluationPeriods": 3,
            "MetricName": metric,
            "Namespace": "AWS/WorkSpaces",
            "Period": 300,
            "Statistic": statistic,
            "Threshold": threshold,
            "TreatMissingData": missing,
        }


def test_names_of_alarms_tell_where_they_are_and_what_they_watch(made: Built) -> None:
    names = {name: made[name].of("Unhealthy")["AlarmName"].split("-") for name in ("Plain", "Full")}
    assert [one[1] for one in names.values()] == [hashed(f"{name}/{name}/Site/Unhealthy")[:32] for name in names]
    # They watch the same, so that health checks need no update from the one to the other.
    assert names["Plain"][2] == names["Full"][2]
    scene = made["Plain"]
    watched = scene.of("Unhealthy")
    dimensions = [
        {"name": "DirectoryId", "value": scene.template.of(scene.named("Unhealthy"))["Dimensions"][0]["Value"]}
    ]
    settings = [
        *("GreaterThanThreshold", 3, "Unhealthy", "AWS/WorkSpaces", 300, "Maximum", 0, "notBreaching"),
        dimensions,
    ]
    assert watched["AlarmName"].endswith(f"-{hashed(json.dumps(settings))[:8]}")


def test_other_metrics_of_the_directory_are_at_hand(made: Built) -> None:
    scene = made["Plain"]
    metric = scene.site.metric("UserConnected")
    assert (metric.namespace, metric.metric_name, metric.statistic) == ("AWS/WorkSpaces", "UserConnected", "Sum")
    assert metric.period.to_minutes() == 5
    assert scene.shown(metric.dimensions) == {"DirectoryId": REGISTERED}
    other = scene.site.metric("InSessionLatency", statistic="p90", period=cdk.Duration.hours(1))
    assert (other.statistic, other.period.to_hours()) == ("p90", 1)


def test_a_group_with_another_description_is_another_one() -> None:
    app = cdk.App(builtin_cloud_formation_validation=False)
    found: list[str] = []
    for text in ("", "Dublin", "Dublin"):
        stack = cdk.Stack(cdk.Stage(app, f"Stage{len(found)}"), "Stack", env=ENV, stack_name="Stack")
        groups = [IpGroup(id="Office", rules=OFFICE.rules, description=text)]
        site = WorkspacesSite(stack, "Site", **{**SMALLEST, "ip_groups": groups})
        found.append(site.ip_groups["Office"].group_name.split("-")[-1])
    assert found[0] != found[1] == found[2]
