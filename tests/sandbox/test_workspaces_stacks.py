"""Stacks with WorkSpaces in the sandbox, in any region: what is waited for, what fails, what is left."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox import leftovers, listings
from sandbox.run import Run
from sandbox.scenarios import Broken

from .conftest import deployed
from .sites import BUNDLE, PASSWORD, THERE, Site, default_role

REF = {"Ref": "Directory"}
STACK = "Desks"
LONG_ENOUGH = 0.3
"""What a state lasts so that a stack that does not wait is seen."""


@pytest.fixture
def there(run: Run) -> Iterator[Site]:
    with default_role(run):
        site = Site(Run(run.sandbox, regions={STACK: THERE}), THERE)
        site.tell("pace", seconds=LONG_ENOUGH)
        yield site


def typed(name: str, **properties: Any) -> dict[str, Any]:
    return {"Type": f"AWS::{name}", "Properties": properties}


def network() -> dict[str, Any]:
    subnets = {
        f"Subnet{zone}": typed(
            "EC2::Subnet",
            VpcId={"Ref": "Network"},
            CidrBlock=f"10.8.{number}.0/24",
            AvailabilityZone={"Fn::Sub": f"${{AWS::Region}}{zone}"},
        )
        for number, zone in enumerate("ab")
    }
    return {"Network": typed("EC2::VPC", CidrBlock="10.8.0.0/16"), **subnets}


def site(**more: Any) -> dict[str, Any]:
    vpc = {"VpcId": {"Ref": "Network"}, "SubnetIds": [{"Ref": "Subneta"}, {"Ref": "Subnetb"}]}
    secret = typed("SecretsManager::Secret", SecretString=json.dumps({"password": PASSWORD}))
    password = {"Fn::Sub": "{{resolve:secretsmanager:${Secret}:SecretString:password}}"}
    return {
        "Resources": {
            **network(),
            "Secret": secret,
            "Directory": typed(
                "DirectoryService::MicrosoftAD", Name="corp.example.com", Password=password, VpcSettings=vpc
            ),
            "Group": typed("WorkSpaces::WorkspaceIpGroup", GroupName="office", UserRules=[{"IpRule": "192.0.2.0/24"}]),
            "Alias": typed("WorkSpaces::ConnectionAlias", ConnectionString="desks.example.com"),
            **more,
        },
        "Outputs": {
            "Addresses": {"Value": {"Fn::Join": [",", {"Fn::GetAtt": ["Directory", "DnsIpAddresses"]}]}},
            "Group": {"Value": {"Fn::GetAtt": ["Group", "GroupId"]}},
        },
    }


def desktop(**more: Any) -> dict[str, Any]:
    properties = {"DirectoryId": REF, "UserName": "anna", "BundleId": BUNDLE, **more}
    return typed("WorkSpaces::Workspace", **properties, UserVolumeEncryptionEnabled=True)


def test_a_stack_of_any_region_waits_for_its_directory_and_its_alias(
    there: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, names = there.run, ("AWS::WorkSpaces", "AWS::DirectoryService")
    lists = {type: how for type, how in listings.LISTS.items() if type.startswith(names)}
    monkeypatch.setattr(leftovers, "LISTS", lists)
    with deployed(run, STACK, site()):
        id, alias, group = (
            run.resource(STACK, f"AWS::{name}")
            for name in (
                *("DirectoryService::MicrosoftAD", "WorkSpaces::ConnectionAlias"),
                "WorkSpaces::WorkspaceIpGroup",
            )
        )
        found = there.described(id)
        assert (found["Stage"], found["Edition"]) == ("Active", "Enterprise")
        outputs = run.outputs(STACK)
        assert outputs["Addresses"].split(",") == found["DnsIpAddrs"]
        assert group.endswith(f":workspaceipgroup/{outputs['Group']}")
        assert there.aliased(alias)["State"] == "CREATED"
        (rules,) = (one["userRules"] for one in there.ws.describe_ip_groups(GroupIds=[outputs["Group"]])["Result"])
        assert rules[0]["ipRule"] == "192.0.2.0/24"
        listed = leftovers.inventory(run)
        for type, made in (("ConnectionAlias", alias), ("WorkspaceIpGroup", group)):
            assert (THERE, made) in listed[f"AWS::WorkSpaces::{type}"]
        assert (THERE, id) in listed["AWS::DirectoryService::MicrosoftAD"]
        there.register(id)
        made = there.create(id)["WorkspaceId"]
        there.ready(made)
        there.terminate(made)
        there.deregister(id)
    assert (there.stage(id), there.aliased(alias)) == ("gone", {})


def test_a_workspace_is_waited_for_and_changed_in_place(run: Run, there: Site) -> None:
    id = there.register(there.directory())
    running = {"RunningMode": "AUTO_STOP", "RunningModeAutoStopTimeoutInMinutes": 60}
    template = {"Resources": {"Desk": desktop(DirectoryId=id, WorkspaceProperties=running)}}
    with deployed(there.run, STACK, template):
        made = there.run.resource(STACK, "AWS::WorkSpaces::Workspace")
        assert there.desktop(made)["State"] == "AVAILABLE"
        template["Resources"]["Desk"]["Properties"]["WorkspaceProperties"] = {"RunningMode": "ALWAYS_ON"}
        cloudformation = there.run.client("cloudformation", THERE)
        cloudformation.update_stack(StackName=STACK, TemplateBody=json.dumps(template))

        def changed() -> bool:
            return bool(there.desktop(made)["WorkspaceProperties"]["RunningMode"] == "ALWAYS_ON")

        there.run.wait("the change", changed)
        state = cloudformation.describe_stacks
        there.run.wait("the stack", lambda: state(StackName=STACK)["Stacks"][0]["StackStatus"] == "UPDATE_COMPLETE")
    assert there.desktop(made) == {}
    there.deregister(id)


def test_a_stack_fails_with_the_words_of_the_service(there: Site) -> None:
    with (
        pytest.raises(Broken, match=r"could not be found .* Error Code: ResourceNotFound.Directory"),
        deployed(there.run, STACK, {"Resources": {"Desk": desktop(DirectoryId="d-9000000000")}}),
    ):
        pass
    id = there.register(there.directory())
    there.tell("fail", operation="CreateWorkspaces", error="ERROR-state", message="no capacity")
    with (
        pytest.raises(Broken, match=r"state ERROR: no capacity.*NotStabilized"),
        deployed(there.run, STACK, {"Resources": {"Desk": desktop(DirectoryId=id)}}),
    ):
        pass
    there.run.wait("the end of it", lambda: not there.ws.describe_workspaces(DirectoryId=id)["Workspaces"])
    twin = typed("WorkSpaces::ConnectionAlias", ConnectionString="twin.example.com")
    second = {**twin, "DependsOn": "First"}
    with (
        pytest.raises(Broken, match=r"already exists.*HandlerErrorCode: AlreadyExists"),
        deployed(there.run, STACK, {"Resources": {"First": twin, "Second": second}}),
    ):
        pass
    there.deregister(id)
