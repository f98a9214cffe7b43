"""WorkSpaces and Directory Service in the sandbox: states that pass on, refusals, and what scenarios tell."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from sandbox.operations import told
from sandbox.run import Run
from sandbox.scenarios import Broken

from .sites import HERE, PASSWORD, ROLE, THERE, Site, default_role, refused

SIZES = {"RootVolumeSizeGib": 80, "UserVolumeSizeGib": 50}


@pytest.fixture
def here(run: Run) -> Iterator[Site]:
    with default_role(run):
        yield Site(run)


def test_a_directory_can_only_be_registered_with_the_service_role_and_in_fitting_subnets(run: Run) -> None:
    site = Site(run, "us-east-1")
    vpc, (good, other, unsupported) = site.network("a", "b", "d")
    id = site.directory(vpcId=vpc, subnetIds=[good, other])
    with refused("WorkspacesDefaultRoleNotFoundException", ROLE):
        site.ws.register_workspace_directory(DirectoryId=id)
    with default_role(run):
        _, foreign = Site(run, "us-east-1").network("a", "b")
        with refused("InvalidParameterValuesException", "two subnets of"):
            site.ws.register_workspace_directory(DirectoryId=id, SubnetIds=foreign)
        with refused("OperationNotSupportedException", "use1-az1, which WorkSpaces does not support"):
            site.ws.register_workspace_directory(DirectoryId=id, SubnetIds=[good, unsupported])
        with refused("ResourceNotFoundException"):
            site.ws.register_workspace_directory(DirectoryId="d-9000000000")
        site.tell("directory", directoryId=id, stage="Inoperable")
        with refused("InvalidResourceStateException", "must be Active"):
            site.ws.register_workspace_directory(DirectoryId=id)
    site.ds.delete_directory(DirectoryId=id)
    run.wait("the end of the directory", lambda: site.stage(id) == "gone")


def test_a_registration_has_settings_and_groups_and_ends_when_nothing_needs_it(run: Run, here: Site) -> None:
    id = here.directory()
    with here.slowly():
        here.ws.register_workspace_directory(DirectoryId=id, Tags=[{"Key": "mark", "Value": "m"}])
        assert (here.registration(id) or {})["State"] == "REGISTERING"
        with refused("ResourceAlreadyExistsException"):
            here.ws.register_workspace_directory(DirectoryId=id)
        with refused("OperationNotSupportedException"):
            here.ws.modify_selfservice_permissions(ResourceId=id, SelfservicePermissions={})
    run.wait("the registration", lambda: (here.registration(id) or {})["State"] == "REGISTERED")
    properties = {"EnableInternetAccess": True, "DefaultOu": "OU=Desks,DC=corp,DC=example,DC=com"}
    here.ws.modify_workspace_creation_properties(ResourceId=id, WorkspaceCreationProperties=properties)
    here.ws.modify_workspace_access_properties(ResourceId=id, WorkspaceAccessProperties={"DeviceTypeWeb": "DENY"})
    with refused("InvalidParameterValuesException", "security group"):
        here.ws.modify_workspace_creation_properties(
            ResourceId=id, WorkspaceCreationProperties={"CustomSecurityGroupId": "sg-0123456789abcdef0"}
        )
    group = here.ws.create_ip_group(GroupName="office", UserRules=[{"ipRule": "192.0.2.0/24"}])["GroupId"]
    here.ws.associate_ip_groups(DirectoryId=id, GroupIds=[group])
    found = here.registration(id) or {}
    assert found["WorkspaceCreationProperties"].items() >= (properties | {"EnableMaintenanceMode": True}).items()
    assert (found["WorkspaceAccessProperties"]["DeviceTypeWeb"], found["ipGroupIds"]) == ("DENY", [group])
    assert here.ec2.describe_security_groups(GroupIds=[found["WorkspaceSecurityGroupId"]])["SecurityGroups"]
    with refused("ResourceAssociatedException"):
        here.ws.delete_ip_group(GroupId=group)
    with refused("ClientException", "authorized applications"):
        here.ds.delete_directory(DirectoryId=id)
    desktop = here.create(id)["WorkspaceId"]
    with refused("OperationNotSupportedException", "has WorkSpaces"):
        here.ws.deregister_workspace_directory(DirectoryId=id)
    here.ready(desktop)
    here.terminate(desktop)
    assert here.ws.describe_tags(ResourceId=id)["TagList"] == [{"Key": "mark", "Value": "m"}]
    here.ws.disassociate_ip_groups(DirectoryId=id, GroupIds=[group])
    here.ws.delete_ip_group(GroupId=group)
    here.deregister(id)


def test_ip_groups_have_names_of_their_own_and_at_most_ten_valid_rules(run: Run, here: Site) -> None:
    group = here.ws.create_ip_group(GroupName="empty")["GroupId"]
    with refused("ResourceAlreadyExistsException"):
        here.ws.create_ip_group(GroupName="empty")
    with refused("InvalidParameterValuesException", "not valid"):
        here.ws.update_rules_of_ip_group(GroupId=group, UserRules=[{"ipRule": "192.0.2.1/24"}])
    with refused("ResourceLimitExceededException"):
        here.ws.update_rules_of_ip_group(GroupId=group, UserRules=[{"ipRule": f"192.0.2.{n}/32"} for n in range(11)])
    here.ws.create_tags(ResourceId=group, Tags=[{"Key": "a", "Value": "b"}, {"Key": "c", "Value": "d"}])
    here.ws.delete_tags(ResourceId=group, TagKeys=["a"])
    assert here.ws.describe_tags(ResourceId=group)["TagList"] == [{"Key": "c", "Value": "d"}]
    assert [one["groupId"] for one in here.ws.describe_ip_groups(GroupIds=[group])["Result"]] == [group]
    here.ws.delete_ip_group(GroupId=group)


def test_a_connection_alias_is_of_one_directory_and_stays_until_it_is_disassociated(run: Run, here: Site) -> None:
    text, id = "alias.example.com", here.register(here.directory())
    with here.slowly():
        alias = here.ws.create_connection_alias(ConnectionString=text)["AliasId"]
        with refused("InvalidResourceStateException", "must be CREATED"):
            here.ws.associate_connection_alias(AliasId=alias, ResourceId=id)
    with refused("ResourceAlreadyExistsException"):
        here.ws.create_connection_alias(ConnectionString=text.upper())
    far = Site(run, THERE)
    twin, second = far.alias(text), here.alias("second.example.com")
    with refused("ResourceNotFoundException"):
        far.ws.associate_connection_alias(AliasId=twin, ResourceId=id)
    with here.slowly():
        identifier = here.ws.associate_connection_alias(AliasId=alias, ResourceId=id)["ConnectionIdentifier"]
        assert here.association(alias) == "PENDING_ASSOCIATION"
    run.wait("the association", lambda: here.association(alias) == "ASSOCIATED_WITH_OWNER_ACCOUNT")
    found = here.ws.describe_connection_aliases(ResourceId=id)["ConnectionAliases"]
    assert [(one["AliasId"], one["Associations"][0]["ConnectionIdentifier"]) for one in found] == [(alias, identifier)]
    with refused("ResourceAssociatedException"):
        here.ws.associate_connection_alias(AliasId=second, ResourceId=id)
    with refused("ResourceAssociatedException"):
        here.ws.delete_connection_alias(AliasId=alias)
    with refused("InvalidResourceStateException", "connection alias"):
        here.ws.deregister_workspace_directory(DirectoryId=id)
    here.withdraw(alias)
    here.withdraw(second)
    far.withdraw(twin)
    here.deregister(id)


def test_a_user_has_one_workspace_in_a_directory(run: Run, here: Site) -> None:
    id = here.directory()
    assert here.create(id)["ErrorCode"] == "ResourceNotFound.Directory"
    here.register(id)
    minutes = {"RunningMode": "ALWAYS_ON", "RunningModeAutoStopTimeoutInMinutes": 60}
    refusal = here.create(id, WorkspaceProperties=minutes)["ErrorCode"]
    assert refusal == "AutoStopTimeoutIsNotApplicableForAnAlwaysOnWorkspace"
    far = run.client("kms", THERE).create_key()["KeyMetadata"]["Arn"]
    own = run.client("kms", HERE).create_key()["KeyMetadata"]["Arn"]
    assert "key is not available" in here.create(id, VolumeEncryptionKey=far)["ErrorMessage"]
    with here.slowly():
        made = here.create(id, VolumeEncryptionKey=own, UserVolumeEncryptionEnabled=True)
        assert (made["State"], here.desktop(made["WorkspaceId"])) == ("PENDING", {})
        assert here.create(id, "ANNA")["ErrorCode"] == "ResourceExists.WorkSpace"
        with refused("InvalidResourceStateException"):
            here.ws.modify_workspace_properties(WorkspaceId=made["WorkspaceId"], WorkspaceProperties=SIZES)
    here.ready(made["WorkspaceId"])
    found = here.ws.describe_workspaces(DirectoryId=id, UserName="anna")["Workspaces"]
    assert [one["VolumeEncryptionKey"] for one in found] == [own]
    here.terminate(made["WorkspaceId"])
    failed = here.ws.terminate_workspaces(TerminateWorkspaceRequests=[{"WorkspaceId": made["WorkspaceId"]}])
    assert failed["FailedRequests"][0]["ErrorCode"] == "ResourceNotFound.WorkSpace"
    here.deregister(id)


def test_a_standby_needs_the_primary_workspace_and_one_name_of_both_directories(run: Run, here: Site) -> None:
    far, text = Site(run, THERE), "standby.example.com"
    first, second = here.register(here.directory()), far.register(far.directory())
    aliases = [(here, here.alias(text), first), (far, far.alias(text), second)]
    primary = here.create(first)["WorkspaceId"]
    here.ready(primary)

    def standby(**more: Any) -> dict[str, Any]:
        request = {"PrimaryWorkspaceId": primary, "DirectoryId": second, **more}
        answer = far.ws.create_standby_workspaces(PrimaryRegion=HERE, StandbyWorkspaces=[request])
        found: dict[str, Any] = (answer["FailedStandbyRequests"] + answer["PendingStandbyRequests"])[0]
        return found

    assert standby(PrimaryWorkspaceId="ws-000000000")["ErrorCode"] == "ResourceNotFound.WorkSpace"
    assert standby()["ErrorCode"] == "OperationNotSupported"
    for site, alias, directory in aliases:
        site.associate(alias, directory)
    made = standby(DataReplication="PRIMARY_AS_SOURCE", Tags=[{"Key": "mark", "Value": "m"}])
    assert made["UserName"] == "anna"
    far.ready(made["WorkspaceId"])
    found = far.desktop(made["WorkspaceId"])
    assert found["DataReplicationSettings"] == {"DataReplication": "PRIMARY_AS_SOURCE"}
    assert [(one["WorkspaceId"], one["Type"]) for one in found["RelatedWorkspaces"]] == [(primary, "PRIMARY")]
    assert here.desktop(primary)["RelatedWorkspaces"][0]["Region"] == THERE
    far.ws.modify_workspace_properties(WorkspaceId=made["WorkspaceId"], DataReplication="NO_REPLICATION")
    assert standby()["ErrorCode"] == "ResourceExists.StandbyWorkSpace"
    far.terminate(made["WorkspaceId"])
    here.terminate(primary)
    for site, alias, directory in aliases:
        site.withdraw(alias)
        site.deregister(directory)


def test_a_managed_directory_is_replicated_and_a_connector_asks_its_controllers(run: Run, here: Site) -> None:
    site, far = Site(run, "us-east-1"), Site(run, THERE)
    (vpc, subnets), (far_vpc, far_subnets) = site.network("a", "b"), far.network("a", "b")
    settings, there = {"VpcId": vpc, "SubnetIds": subnets}, {"VpcId": far_vpc, "SubnetIds": far_subnets}
    with refused("InvalidParameterException", "two subnets|Two subnets"):
        site.ds.create_microsoft_ad(Name="a.example.com", Password=PASSWORD, VpcSettings={**settings, "SubnetIds": []})
    with refused("InvalidParameterException", "Value at 'Password' failed to satisfy .* regular expression"):
        site.ds.create_microsoft_ad(Name="a.example.com", Password="a" * 8, VpcSettings=settings)
    standard = site.tell("existing", type="MicrosoftAD", name="s.example.com", edition="Standard")["directoryId"]
    with refused("UnsupportedOperationException", "Enterprise"):
        site.ds.add_region(DirectoryId=standard, RegionName=THERE, VPCSettings=there)
    with site.slowly():
        id = site.ds.create_microsoft_ad(Name="a.example.com", Password=PASSWORD, VpcSettings=settings)["DirectoryId"]
        with refused("DirectoryUnavailableException"):
            site.ds.add_region(DirectoryId=id, RegionName=THERE, VPCSettings=there)
    run.wait("the directory", lambda: site.stage(id) == "Active")
    with refused("UnsupportedOperationException", "af-south-1"):
        site.ds.add_region(DirectoryId=id, RegionName="af-south-1", VPCSettings=there)
    connection = {**there, "CustomerUserName": "connector"}

    def connect(name: str = "a.example.com") -> str:
        made = far.ds.connect_directory(Name=name, Password=PASSWORD, Size="Small", ConnectSettings=connection)
        return str(made["DirectoryId"])

    def ended(connector: str) -> str | None:
        return run.wait("the connector", lambda: {"Active", "Failed"} & {far.stage(connector)}).pop()

    with site.slowly():
        site.ds.add_region(DirectoryId=id, RegionName=THERE, VPCSettings=there)
        with refused("DirectoryAlreadyInRegionException"):
            site.ds.add_region(DirectoryId=id, RegionName=THERE, VPCSettings=there)
        found = far.ds.describe_domain_controllers(DirectoryId=id)["DomainControllers"]
        connection["CustomerDnsIps"] = controllers = [one["DnsIpAddr"] for one in found]
        early = connect()
    assert ended(early) == "Failed"
    assert far.described(early)["StageReason"].startswith("Connectivity issues detected")
    regions = site.ds.describe_regions(DirectoryId=id)["RegionsDescription"]
    assert [(one["RegionType"], one["Status"]) for one in regions] == [("Primary", "Active"), ("Additional", "Active")]
    assert far.described(id)["DnsIpAddrs"] == controllers
    assert ended(connect("b.example.com")) == "Failed"
    assert ended(connect()) == "Active"
    with refused("OperationNotSupportedException", "replicated Region"):
        far.ws.register_workspace_directory(DirectoryId=id)
    with refused("ClientException", "additional Regions"):
        site.ds.delete_directory(DirectoryId=id)
    with refused("UnsupportedOperationException", "primary"):
        site.ds.remove_region(DirectoryId=id)
    far.ds.remove_region(DirectoryId=id)
    run.wait("the end of the region", lambda: far.stage(id) == "gone")
    site.ds.delete_directory(DirectoryId=id)
    run.wait("the end of the directory", lambda: site.stage(id) == "gone")
    calls = site.tell("calls")["calls"]
    assert PASSWORD not in json.dumps(calls)


def test_scenarios_tell_what_fails_and_see_what_was_called(run: Run, here: Site) -> None:
    id = here.directory()
    begun = len(told(run, "/_sandbox/workspaces/calls", {})["calls"])
    here.tell("fail", operation="RegisterWorkspaceDirectory", error="ThrottlingException", times=2)
    with refused("ThrottlingException", "Rate exceeded"):
        here.ws.register_workspace_directory(DirectoryId=id)
    here.tell("fail", operation="RegisterWorkspaceDirectory", error="ERROR-state", message="no addresses left")
    here.register(id)
    assert ((here.registration(id) or {})["State"], (here.registration(id) or {})["ErrorMessage"]) == (
        "ERROR",
        "no addresses left",
    )
    here.deregister(id)
    here.tell("fail", operation="RegisterWorkspaceDirectory", error="InternalServerError", after=True)
    with refused("InternalServerError"):
        here.ws.register_workspace_directory(DirectoryId=id)
    run.wait("the registration", lambda: (here.registration(id) or {}).get("State") == "REGISTERED")
    calls = told(run, "/_sandbox/workspaces/calls", {"since": begun})["calls"]
    errors = ["ThrottlingException", "ThrottlingException", "", "", "InternalServerError"]
    assert [one["error"] for one in calls] == errors
    here.tell("region", up=False)
    with refused("ServiceUnavailable"):
        here.ws.describe_workspace_directories()
    here.tell("region", up=True)
    here.tell("metric", directoryId=id, metric="Unhealthy", value=1)
    found = run.client("cloudwatch", HERE).list_metrics(Namespace="AWS/WorkSpaces")["Metrics"]
    assert {"Name": "DirectoryId", "Value": id} in [one["Dimensions"][0] for one in found]
    here.tell("directory", directoryId=id, state="DEREGISTERED")
    run.wait("the end of the registration", lambda: here.registration(id) is None)
    with pytest.raises(Broken, match="directoryId must be given"):
        here.tell("directory", stage="Inoperable")


def test_a_user_gets_in_from_where_the_groups_say_with_the_clients_that_are_allowed(run: Run, here: Site) -> None:
    id = here.register(here.directory())
    alias = here.alias("in.example.com")
    at = {"identifier": here.associate(alias, id), "userName": "Anna", "ip": "192.0.2.7"}
    desktop = here.create(id)["WorkspaceId"]
    here.ready(desktop)
    assert here.tell("connect", **at) == {"workspaceId": desktop}
    assert "has no WorkSpace" in here.tell("connect", **{**at, "userName": "ben"})["refused"]
    group = here.ws.create_ip_group(GroupName="nobody")["GroupId"]
    here.ws.associate_ip_groups(DirectoryId=id, GroupIds=[group])
    assert "no rule of an IP group" in here.tell("connect", **at)["refused"]
    here.ws.update_rules_of_ip_group(GroupId=group, UserRules=[{"ipRule": "192.0.2.0/24"}])
    assert here.tell("connect", **at) == {"workspaceId": desktop}
    here.ws.modify_workspace_access_properties(ResourceId=id, WorkspaceAccessProperties={"DeviceTypeWeb": "DENY"})
    assert "not allowed" in here.tell("connect", **at, device="Web")["refused"]
    here.terminate(desktop)
    here.withdraw(alias)
    here.deregister(id)
    here.ws.delete_ip_group(GroupId=group)
