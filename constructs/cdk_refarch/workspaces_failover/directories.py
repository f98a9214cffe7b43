"""Directories that are created for a site."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_directoryservice as directoryservice
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.findings import acknowledge_wildcard
from cdk_refarch._parts.operation import Operation
from cdk_refarch._parts.policies import statement
from cdk_refarch._parts.provider import Provider
from cdk_refarch._parts.subnet_checks import selection

from .directory_values import AdConnector, Directory, ExistingDirectory, LocalReplica, ManagedAd, PrimaryControllers
from .removal import kept
from .statements import ANY_DIRECTORY, ANY_NETWORK, directory_arn, of_this_stack, on_its_behalf, read_secret

LONGEST = cdk.Duration.minutes(50)
"""How long one custom resource can wait."""

REPLICA_WAITS = 2
"""Further hours that adding a region is given: it can take three."""

DIRECTORY_MODULES = ("directories", "managed_ad_replicas")
"""What the provider's module imports."""

INTERFACES = [
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateNetworkInterface",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DeleteNetworkInterface",
    "ec2:DeleteSecurityGroup",
    "ec2:DeleteTags",
    "ec2:DescribeNetworkInterfaces",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
]
"""What Directory Service asks for in the name of its caller:
https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsdirectoryservice.html"""


@dataclass(frozen=True)
class SiteDirectory:
    """The directory of a site.

    Attributes:
        id: Its id.
        subnet_ids: The subnets that WorkSpaces are put in; None for those of the directory.
    """

    id: str
    subnet_ids: Sequence[str] | None


def site_directory(scope: Construct, given: Directory, operation: Operation) -> SiteDirectory:
    """Return the directory of a site, and create it unless it is there.

    Args:
        scope: The site.
        given: The argument ``directory``, checked.
        operation: What the parts of the site share.
    """
    if isinstance(given, ExistingDirectory):
        return SiteDirectory(given.directory_id, given.subnet_ids)
    subnets = given.vpc.select_subnets(**selection(given.subnets)).subnet_ids
    if isinstance(given, ManagedAd):
        return SiteDirectory(_managed_ad(scope, given, subnets, operation), subnets)
    return SiteDirectory(_connector(scope, given, subnets, operation), subnets)


def _managed_ad(scope: Construct, given: ManagedAd, subnets: Sequence[str], operation: Operation) -> str:
    l1 = directoryservice.CfnMicrosoftAD
    made = l1(
        scope,
        "ManagedAd",
        name=given.name,
        short_name=given.short_name,
        edition=given.edition,
        # A reference that CloudFormation resolves: the password is not in the template.
        password=given.admin_secret.secret_value_from_json("password").unsafe_unwrap(),
        vpc_settings=l1.VpcSettingsProperty(vpc_id=given.vpc.vpc_id, subnet_ids=list(subnets)),
    )
    kept(made, operation.removal_policy)
    return made.ref


def _connector(scope: Construct, given: AdConnector, subnets: Sequence[str], operation: Operation) -> str:
    controllers = given.controllers
    replica = _replica(scope, given, controllers, subnets, operation) if isinstance(controllers, LocalReplica) else None
    if isinstance(controllers, PrimaryControllers):
        cdk.Annotations.of(scope).add_warning_v2(
            "cdk-refarch:controllers-of-the-primary",
            f"The AD Connector asks domain controllers in {controllers.primary_region}. When that region is gone, "
            "nobody can log in to the WorkSpaces of this one: use LocalReplica with a directory of the Enterprise "
            "edition.",
        )
    statements = [
        statement(["ds:ConnectDirectory", "ds:DescribeDirectories"], "*"),
        statement(["ds:AddTagsToResource", "ds:ListTagsForResource"], directory_arn(scope, "*")),
        of_this_stack(scope, ["ds:DeleteDirectory"], directory_arn(scope, "*")),
        on_its_behalf(INTERFACES),
        *read_secret(scope, given.service_account),
    ]
    provider = Provider(
        scope,
        "ConnectorProvider",
        module="directory_service",
        shared=DIRECTORY_MODULES,
        description=f"Creates the AD Connector of {scope.node.path}",
        statements=statements,
        operation=operation,
        any_resource=f"{ANY_DIRECTORY} {ANY_NETWORK}",
        lasts=LONGEST,
    )
    reason = "The connector gets its id when it is created. The function deletes only the one that carries its mark."
    acknowledge_wildcard(provider.role, directory_arn(scope, "*"), reason)
    made = provider.resource(scope, "Connector", "AdConnector", _asked(given, subnets, replica))
    if replica is not None:
        made.node.add_dependency(replica)
    kept(made, operation.removal_policy)
    return made.get_att_string("DirectoryId")


def _asked(given: AdConnector, subnets: Sequence[str], replica: cdk.CustomResource | None) -> dict[str, Any]:
    controllers = given.controllers
    addresses: dict[str, Any]
    if replica is not None:
        addresses = {"DnsIps": cdk.Fn.split(",", replica.get_att_string("DnsIps"))}
    elif isinstance(controllers, LocalReplica | PrimaryControllers):
        found = {"Region": controllers.primary_region}
        if controllers.directory_id is not None:
            found["DirectoryId"] = controllers.directory_id
        addresses = {"Controllers": found}
    else:
        addresses = {"DnsIps": list(controllers)}
    return {
        "Name": given.name,
        "ShortName": given.short_name,
        "Size": given.size,
        "VpcId": given.vpc.vpc_id,
        "SubnetIds": list(subnets),
        "SecretArn": given.service_account.secret_arn,
        **addresses,
    }


def _replica(
    scope: Construct, given: AdConnector, controllers: LocalReplica, subnets: Sequence[str], operation: Operation
) -> cdk.CustomResource:
    """Add the region to the directory, and return what tells the addresses of its domain controllers here."""
    here, there = cdk.Stack.of(scope).region, controllers.primary_region
    added = directory_arn(scope, controllers.directory_id or "*", region=there)
    any_there, any_here = directory_arn(scope, "*", region=there), directory_arn(scope, "*")
    statements: list[iam.PolicyStatement] = [
        statement(["ds:DescribeDirectories"], "*"),
        statement(["ds:AddRegion", "ds:AddTagsToResource"], added),
        statement(["ds:DescribeRegions", "ds:ListTagsForResource", "ds:RemoveTagsFromResource"], any_there),
        statement(["ds:RemoveRegion"], any_here),
        on_its_behalf(INTERFACES),
    ]
    provider = Provider(
        scope,
        "ReplicaProvider",
        module="directory_service",
        shared=DIRECTORY_MODULES,
        description=f"Replicates the directory of {scope.node.path} into its region",
        statements=statements,
        operation=operation,
        any_resource=f"{ANY_DIRECTORY} {ANY_NETWORK}",
        lasts=LONGEST,
    )
    for arn in (any_there, any_here):
        acknowledge_wildcard(
            provider.role,
            arn,
            "The directory is found by its name, at the deployment, and one that was in the template before loses the "
            "region, if the function has marked it as added.",
        )
    asked = {
        "Name": given.name,
        "DirectoryId": controllers.directory_id,
        "PrimaryRegion": there,
        "Region": here,
        "VpcId": given.vpc.vpc_id,
        "SubnetIds": list(subnets),
    }
    made = provider.resource(scope, "Replica", "ManagedAdReplica", asked)
    kept(made, operation.removal_policy)
    for hour in range(1, REPLICA_WAITS + 1):
        # Only the last one fails when its time is over.
        more = {"More": "true"} if hour < REPLICA_WAITS else {}
        waits = provider.resource(scope, f"ReplicaReady{hour}", "ManagedAdReplicaReady", {**asked, **more})
        waits.node.add_dependency(made)
        made = waits
    return made
