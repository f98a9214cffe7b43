"""What a caller of WorkSpaces and Directory Service needs: its action on each resource, and other services' actions."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sandbox.operations import denied
from sandbox.run import Run
from sandbox.server import ACCOUNT

from .sites import BUNDLE, HERE, PASSWORD, ROLE, THERE, Site, default_role, refused, trust

CALLER = "HandlerOfWorkspaces"
MAKING = {
    *("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:CreateNetworkInterface"),
    *("ec2:CreateSecurityGroup", "ec2:CreateTags", "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets"),
    "ec2:DescribeVpcs",
}
REMOVING = {
    *("ec2:DeleteNetworkInterface", "ec2:DeleteSecurityGroup", "ec2:DescribeNetworkInterfaces"),
    *("ec2:RevokeSecurityGroupEgress", "ec2:RevokeSecurityGroupIngress"),
}


class Caller:
    """A role, and the region as it sees it."""

    def __init__(self, run: Run) -> None:
        self.run = run
        self.arn = run.client("iam").create_role(
            RoleName=CALLER, AssumeRolePolicyDocument=trust({"AWS": f"arn:aws:iam::{ACCOUNT}:root"})
        )["Role"]["Arn"]

    def may(self, *statements: tuple[list[str], list[str]], when: dict[str, Any] | None = None) -> Site:
        condition = {"Condition": when} if when else {}
        allowed = [
            {"Effect": "Allow", "Action": actions, "Resource": where, **condition} for actions, where in statements
        ]
        document = json.dumps({"Version": "2012-10-17", "Statement": allowed})
        self.run.client("iam").put_role_policy(RoleName=CALLER, PolicyName="It", PolicyDocument=document)
        site = Site(self.run)
        site.ws, site.ds = (self.run.sandbox.client(name, self.arn, HERE) for name in ("workspaces", "ds"))
        return site

    def must_have(self, action: str, call: Callable[[], Any]) -> None:
        with denied(self.run, CALLER, [action]), refused("AccessDeniedException", f"{CALLER}.* {action} on resource"):
            call()


@pytest.fixture
def here(run: Run) -> Iterator[Site]:
    with default_role(run):
        yield Site(run)


@pytest.fixture
def caller(run: Run) -> Iterator[Caller]:
    iam = run.client("iam")
    yield Caller(run)
    for name in iam.list_role_policies(RoleName=CALLER)["PolicyNames"]:
        iam.delete_role_policy(RoleName=CALLER, PolicyName=name)
    iam.delete_role(RoleName=CALLER)


def arn(service: str, resource: str, region: str = HERE) -> str:
    return f"arn:aws:{service}:{region}:{ACCOUNT}:{resource}"


def test_each_action_is_asked_for_on_its_resources(here: Site, caller: Caller) -> None:
    id, other = here.directory(), here.directory()
    alias, group = here.alias("asked.example.com"), here.ws.create_ip_group(GroupName="asked")["GroupId"]
    own = [arn("workspaces", f"directory/{id}")]
    settings = ("WorkspaceCreationProperties", "WorkspaceAccessProperties")
    on_directory = ["RegisterWorkspaceDirectory", "DeregisterWorkspaceDirectory", "ModifySelfservicePermissions"]
    on_directory += [*(f"Modify{one}" for one in settings), "AssociateConnectionAlias", "AssociateIpGroups"]
    on_alias = [f"workspaces:{one}ConnectionAlias" for one in ("Associate", "Disassociate", "Delete")]
    on_group = [f"workspaces:{one}" for one in ("AssociateIpGroups", "DeleteIpGroup", "DescribeIpGroups")]
    as_caller = caller.may(
        ([f"workspaces:{one}" for one in on_directory], own),
        (on_alias, [arn("workspaces", f"connectionalias/{alias}")]),
        (on_group, [arn("workspaces", f"workspaceipgroup/{group}")]),
        (["workspaces:DescribeWorkspaceDirectories", "workspaces:DescribeConnectionAliases"], ["*"]),
        (["ds:AuthorizeApplication", "ds:UnauthorizeApplication"], [arn("ds", f"directory/{id}")]),
        (["ds:DescribeDirectories", "ec2:*"], ["*"]),
        (["iam:GetRole"], [f"arn:aws:iam::{ACCOUNT}:role/{ROLE}"]),
    )
    with refused("AccessDeniedException", "RegisterWorkspaceDirectory"):
        as_caller.register(other)
    with refused("AccessDeniedException", "CreateTags"):
        as_caller.ws.register_workspace_directory(DirectoryId=id, Tags=[{"Key": "a", "Value": "b"}])
    as_caller.register(id)
    as_caller.ws.modify_selfservice_permissions(ResourceId=id, SelfservicePermissions={"RestartWorkspace": "DISABLED"})
    for name in settings:
        modify = getattr(as_caller.ws, f"modify_workspace_{'creation' if 'Creation' in name else 'access'}_properties")
        modify(**{"ResourceId": id, name: {}})
        with refused("AccessDeniedException", f"Modify{name}"):
            modify(**{"ResourceId": other, name: {}})
    as_caller.ws.associate_ip_groups(DirectoryId=id, GroupIds=[group])
    with refused("AccessDeniedException", "wsipg-000000000"):
        as_caller.ws.associate_ip_groups(DirectoryId=id, GroupIds=[group, "wsipg-000000000"])
    with refused("AccessDeniedException", "DisassociateIpGroups"):
        as_caller.ws.disassociate_ip_groups(DirectoryId=id, GroupIds=[group])
    here.ws.disassociate_ip_groups(DirectoryId=id, GroupIds=[group])
    as_caller.associate(alias, id)
    as_caller.withdraw(alias)
    as_caller.deregister(id)
    as_caller.ws.delete_ip_group(GroupId=group)


def test_registering_asks_for_what_it_does_in_other_services(here: Site, caller: Caller) -> None:
    id, as_caller = here.directory(), caller.may((["*"], ["*"]))
    for action in (
        *("ds:AuthorizeApplication", "ds:DescribeDirectories", "iam:GetRole", "ec2:CreateSecurityGroup"),
        *("ec2:AuthorizeSecurityGroupEgress", "ec2:AuthorizeSecurityGroupIngress", "ec2:DescribeSubnets"),
        "ec2:DescribeVpcs",
    ):
        caller.must_have(action, lambda: as_caller.ws.register_workspace_directory(DirectoryId=id))
    as_caller.register(id)
    for action in ("ds:UnauthorizeApplication", "ec2:DeleteSecurityGroup"):
        caller.must_have(action, lambda: as_caller.ws.deregister_workspace_directory(DirectoryId=id))
    as_caller.deregister(id)


def test_directory_service_asks_for_what_it_does_in_ec2(run: Run, here: Site, caller: Caller) -> None:
    as_caller = caller.may((["*"], ["*"]))
    vpc, subnets = here.network("a", "b")
    far_vpc, far_subnets = Site(run, THERE).network("a", "b")
    settings, there = {"VpcId": vpc, "SubnetIds": subnets}, {"VpcId": far_vpc, "SubnetIds": far_subnets}
    connection = {**settings, "CustomerUserName": "connector", "CustomerDnsIps": ["10.99.0.2"]}
    about = {"Name": "ec2.example.com", "Password": PASSWORD}
    id = here.directory(type="MicrosoftAD")
    for action in sorted(MAKING):
        caller.must_have(action, lambda: as_caller.ds.create_microsoft_ad(**about, VpcSettings=settings))
        caller.must_have(
            action, lambda: as_caller.ds.connect_directory(**about, Size="Small", ConnectSettings=connection)
        )
        caller.must_have(action, lambda: as_caller.ds.add_region(DirectoryId=id, RegionName=THERE, VPCSettings=there))
    for action in sorted(REMOVING):
        caller.must_have(action, lambda: as_caller.ds.delete_directory(DirectoryId=id))
    tags = [{"Key": "a", "Value": "b"}]
    caller.must_have("ec2:CreateTags", lambda: as_caller.ds.add_tags_to_resource(ResourceId=id, Tags=tags))
    caller.must_have("ec2:DeleteTags", lambda: as_caller.ds.remove_tags_from_resource(ResourceId=id, TagKeys=["a"]))
    scoped = caller.may(
        (["ds:AddTagsToResource", "ds:ListTagsForResource", "ds:DeleteDirectory"], [arn("ds", f"directory/{id}")]),
        (["ec2:*", "ds:DescribeDirectories"], ["*"]),
    )
    scoped.ds.add_tags_to_resource(ResourceId=id, Tags=tags)
    assert scoped.ds.list_tags_for_resource(ResourceId=id)["Tags"] == tags
    with refused("AccessDeniedException", "RemoveTagsFromResource"):
        scoped.ds.remove_tags_from_resource(ResourceId=id, TagKeys=["a"])
    scoped.ds.delete_directory(DirectoryId=id)


def test_a_key_for_volumes_is_used_with_the_rights_of_the_caller(run: Run, here: Site, caller: Caller) -> None:
    as_caller, id = caller.may((["*"], ["*"])), here.register(here.directory())
    key = run.client("kms", HERE).create_key()["KeyMetadata"]["Arn"]
    for action in ("kms:CreateGrant", "kms:DescribeKey"):
        caller.must_have(action, lambda: as_caller.create(id, VolumeEncryptionKey=key))
    rights = ["workspaces:CreateWorkspaces", "workspaces:DescribeWorkspaces", "workspaces:TerminateWorkspaces"]
    bundle = arn("workspaces", f"workspacebundle/{BUNDLE}")
    on = [arn("workspaces", f"directory/{id}"), bundle, arn("workspaces", "workspace/*"), "*"]
    scoped = caller.may((rights, on), (["kms:CreateGrant", "kms:DescribeKey"], [key]))
    made = scoped.create(id, VolumeEncryptionKey=key, UserVolumeEncryptionEnabled=True)["WorkspaceId"]
    scoped.ready(made)
    scoped.terminate(made)
    here.deregister(id)


def test_the_tags_of_resources_can_be_conditions(here: Site, caller: Caller) -> None:
    marked, other = (here.ws.create_ip_group(GroupName=name)["GroupId"] for name in ("marked", "other"))
    here.ws.create_tags(ResourceId=marked, Tags=[{"Key": "mark", "Value": "ours"}])
    mark = {"StringEquals": {"aws:ResourceTag/mark": "ours"}}
    as_caller = caller.may((["workspaces:DeleteIpGroup", "ds:DeleteDirectory"], ["*"]), when=mark)
    with refused("AccessDeniedException"):
        as_caller.ws.delete_ip_group(GroupId=other)
    as_caller.ws.delete_ip_group(GroupId=marked)
    here.ws.delete_ip_group(GroupId=other)
    id = here.directory()
    with refused("AccessDeniedException", "ds:DeleteDirectory"):
        as_caller.ds.delete_directory(DirectoryId=id)
    here.ds.add_tags_to_resource(ResourceId=id, Tags=[{"Key": "mark", "Value": "ours"}])
    with refused("AccessDeniedException", "ec2:"):
        as_caller.ds.delete_directory(DirectoryId=id)
    here.ds.delete_directory(DirectoryId=id)
