"""The registration of a directory with WorkSpaces, and all that is set on it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_workspaces as workspaces
from constructs import Construct

from cdk_refarch._parts.checks import is_token
from cdk_refarch._parts.findings import acknowledge, acknowledge_wildcard
from cdk_refarch._parts.names import address
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider

from .directories import SiteDirectory
from .removal import kept
from .site_values import ClientAccess, DesktopDefaults, IpGroup, SelfService
from .statements import (
    ANY_DIRECTORY,
    ANY_NETWORK,
    ANY_WORKSPACES,
    MARK,
    directory_arn,
    of_this_stack,
    on_its_behalf,
    tag,
    workspaces_arn,
)

DEFAULT_ROLE = "workspaces_DefaultRole"
"""https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-access-control.html"""

POLICIES = ("AmazonWorkSpacesServiceAccess", "AmazonWorkSpacesSelfServiceAccess")

LASTS = cdk.Duration.minutes(30)
"""Registration and its end are given ten minutes each, and a directory may have to be registered anew."""

MEMBERS = [
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DeleteSecurityGroup",
    "ec2:DescribeAvailabilityZones",
    "ec2:DescribeSecurityGroups",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
]
"""What WorkSpaces asks for in the name of its caller, for the security group of the directory's WorkSpaces."""

GROUPS_KNOWN_TO_THE_CDK = ("eu-central-1", "us-east-1", "us-west-2")
"""Where the list of types that comes with aws-cdk-lib 2.275 has ``AWS::WorkSpaces::WorkspaceIpGroup``."""

DEVICES = {
    "windows": "DeviceTypeWindows",
    "macos": "DeviceTypeOsx",
    "linux": "DeviceTypeLinux",
    "ios": "DeviceTypeIos",
    "android": "DeviceTypeAndroid",
    "chrome_os": "DeviceTypeChromeOs",
    "web": "DeviceTypeWeb",
    "zero_client": "DeviceTypeZeroClient",
    "thin_client": "DeviceTypeWorkSpacesThinClient",
}
SELF_SERVICE = {
    "restart": "RestartWorkspace",
    "increase_volume": "IncreaseVolumeSize",
    "change_compute_type": "ChangeComputeType",
    "switch_running_mode": "SwitchRunningMode",
    "rebuild": "RebuildWorkspace",
}


def ip_groups(
    scope: Construct, groups: Sequence[IpGroup], operation: Operation
) -> dict[str, workspaces.CfnWorkspaceIpGroup]:
    """Create the groups of addresses that users may come from.

    Args:
        scope: The site.
        groups: The argument, checked.
        operation: What the parts of the site share.

    Returns:
        The groups by id.
    """
    l1 = workspaces.CfnWorkspaceIpGroup
    made = {
        group.id: l1(
            scope,
            f"IpGroup{group.id}",
            group_name=_group_name(scope, group),
            group_desc=group.description or None,
            user_rules=[
                l1.IpRuleItemProperty(ip_rule=rule.cidr, rule_desc=rule.description or None) for rule in group.rules
            ],
        )
        for group in groups
    }
    region = cdk.Stack.of(scope).region
    for one in made.values():
        kept(one, operation.removal_policy)
        if region not in GROUPS_KNOWN_TO_THE_CDK and not is_token(region):
            acknowledge(
                one,
                "CloudFormation-Validate::F3006",
                "The CDK's list of types is older than CloudFormation's: by the registry, which cfn-lint has a copy "
                "of, the type is in every region that has connection aliases.",
            )
    return made


def _group_name(scope: Construct, group: IpGroup) -> str:
    # A group with another description is another group, which is made before the former one goes.
    digest = hashlib.sha256(group.description.encode()).hexdigest()[:8]
    return f"{group.id}-{address(scope)}-{digest}"


def default_role(scope: Construct, operation: Operation) -> cdk.CustomResource:
    """Create the role that WorkSpaces acts with, unless the account has it.

    Args:
        scope: The site.
        operation: What the parts of the site share.
    """
    stack = cdk.Stack.of(scope)
    role = f"arn:{stack.partition}:iam::{stack.account}:role/{DEFAULT_ROLE}"
    attach = statement(["iam:AttachRolePolicy"], role)
    policies = [f"arn:{stack.partition}:iam::aws:policy/{name}" for name in POLICIES]
    attach.add_conditions({"ArnEquals": {"iam:PolicyARN": policies}})
    provider = Provider(
        scope,
        "DefaultRoleProvider",
        module="workspaces_role",
        description=f"Creates the role {DEFAULT_ROLE} unless the account has it",
        statements=[statement(["iam:CreateRole", "iam:GetRole", "iam:TagRole"], role), attach],
        operation=operation,
    )
    return provider.resource(scope, "DefaultRole", "WorkspacesDefaultRole", {"Partition": stack.partition})


def registration(
    scope: Construct,
    directory: SiteDirectory,
    groups: Mapping[str, workspaces.CfnWorkspaceIpGroup],
    *,
    defaults: DesktopDefaults,
    client_access: ClientAccess,
    self_service: SelfService,
    operation: Operation,
) -> cdk.CustomResource:
    """Register a directory with WorkSpaces, and set what its WorkSpaces and their users may do.

    Args:
        scope: The site.
        directory: The directory.
        groups: Where users may come from.
        defaults: The argument.
        client_access: The argument.
        self_service: The argument.
        operation: What the parts of the site share.
    """
    provider = _provider(scope, directory, defaults.instance_role_arn, operation)
    made = provider.resource(
        scope,
        "Registration",
        "WorkspacesRegistration",
        {
            "DirectoryId": directory.id,
            "SubnetIds": None if directory.subnet_ids is None else list(directory.subnet_ids),
            "IpGroupIds": [group.attr_group_id for group in groups.values()],
            "CreationProperties": _creation(defaults),
            "AccessProperties": {
                name: "ALLOW" if getattr(client_access, argument) else "DENY" for argument, name in DEVICES.items()
            },
            "SelfservicePermissions": {
                name: "ENABLED" if getattr(self_service, argument) else "DISABLED"
                for argument, name in SELF_SERVICE.items()
            },
        },
    )
    kept(made, operation.removal_policy)
    return made


def _creation(defaults: DesktopDefaults) -> dict[str, object]:
    group = defaults.security_group
    asked: dict[str, object] = {
        "EnableInternetAccess": defaults.internet_access,
        "EnableMaintenanceMode": defaults.maintenance_mode,
        "UserEnabledAsLocalAdministrator": defaults.local_administrator,
        "DefaultOu": defaults.organizational_unit,
        "CustomSecurityGroupId": None if group is None else group.security_group_id,
        "InstanceIamRoleArn": defaults.instance_role_arn,
    }
    return {name: value for name, value in asked.items() if value is not None}


def _provider(
    scope: Construct,
    directory: SiteDirectory,
    instance_role_arn: str | None,
    operation: Operation,
) -> Provider:
    stack = cdk.Stack.of(scope)
    here = workspaces_arn(scope, "directory", directory.id)
    role = f"arn:{stack.partition}:iam::{stack.account}:role/{DEFAULT_ROLE}"
    passing = statement(["iam:PassRole"], *(one for one in (role, instance_role_arn) if one is not None))
    passing.add_conditions({"StringEquals": {"iam:PassedToService": "workspaces.amazonaws.com"}})
    any_directory, any_authorized = workspaces_arn(scope, "directory", "*"), directory_arn(scope, "*")
    any_group = workspaces_arn(scope, "workspaceipgroup", "*")
    made = Provider(
        scope,
        "RegistrationProvider",
        module="workspaces_registration",
        description=f"Registers the directory of {scope.node.path} with WorkSpaces",
        statements=[
            statement(
                ["workspaces:DescribeTags", "workspaces:DescribeWorkspaceDirectories", "workspaces:DescribeWorkspaces"],
                "*",
            ),
            tag(MARK, "cdk-refarch:request"),
            statement(
                [
                    "workspaces:ModifySelfservicePermissions",
                    "workspaces:ModifyWorkspaceAccessProperties",
                    "workspaces:ModifyWorkspaceCreationProperties",
                    "workspaces:RegisterWorkspaceDirectory",
                ],
                here,
            ),
            of_this_stack(scope, ["workspaces:DeregisterWorkspaceDirectory"], any_directory),
            statement(["workspaces:AssociateIpGroups"], here, any_group),
            statement(["workspaces:DisassociateIpGroups"], any_directory, any_group),
            statement(["ds:DescribeDirectories"], "*"),
            statement(["ds:AuthorizeApplication"], directory_arn(scope, directory.id)),
            statement(["ds:UnauthorizeApplication"], any_authorized),
            statement(["iam:GetRole"], role),
            passing,
            on_its_behalf(MEMBERS),
        ],
        operation=operation,
        any_resource=f"{ANY_WORKSPACES} {ANY_DIRECTORY} {ANY_NETWORK}",
        lasts=LASTS,
    )
    for arn in (any_directory, any_authorized, any_group):
        acknowledge_wildcard(
            made.role,
            arn,
            "A directory and groups that were in the template before are released when others take their place, and "
            "nobody knows their ids by then. Directories must carry the mark of the stack to be deregistered.",
        )
    return made
