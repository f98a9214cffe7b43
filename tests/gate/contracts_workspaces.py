"""What AWS's guides say WorkSpaces in two regions, their directories and state machines need: see ``contracts.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .intrinsics import PSEUDO, flat
from .needs import Need, Resources, name_of, tasks, used_by

ACCOUNT = PSEUDO["AWS::AccountId"]
DEFAULT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/workspaces_DefaultRole"
DEFAULT_POLICIES = ("AmazonWorkSpacesServiceAccess", "AmazonWorkSpacesSelfServiceAccess")
LOG_DELIVERY = (
    *("CreateLogDelivery", "GetLogDelivery", "UpdateLogDelivery", "DeleteLogDelivery", "ListLogDeliveries"),
    *("PutResourcePolicy", "DescribeResourcePolicies", "DescribeLogGroups"),
)
NETWORK = (
    *("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateNetworkInterface"),
    *("CreateSecurityGroup", "CreateTags", "DescribeNetworkInterfaces", "DescribeSubnets", "DescribeVpcs"),
)


def state_machine_to_lambda(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/connect-lambda.html"""
    for name, machine in used_by(resources, "AWS::StepFunctions::StateMachine"):
        for state, task in tasks(machine):
            if str(task["Resource"]).endswith(":states:::lambda:invoke"):
                function = task["Parameters"]["FunctionName"]
                why = f"{name} calls it in {state}"
                yield Need(name_of(machine["RoleArn"]), "lambda:InvokeFunction", function, why)


def state_machine_log(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"""
    for name, machine in used_by(resources, "AWS::StepFunctions::StateMachine"):
        for call in LOG_DELIVERY if machine.get("LoggingConfiguration") else ():
            yield Need(name_of(machine["RoleArn"]), f"logs:{call}", "*", f"{name} logs its runs")


def state_machine_traces(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/step-functions/latest/dg/concepts-xray-tracing.html"""
    for name, machine in used_by(resources, "AWS::StepFunctions::StateMachine"):
        traces = ("PutTraceSegments", "PutTelemetryRecords", "GetSamplingRules", "GetSamplingTargets")
        for call in traces if machine.get("TracingConfiguration", {}).get("Enabled") else ():
            yield Need(name_of(machine["RoleArn"]), f"xray:{call}", "*", f"{name} traces its runs")


def events_rule_to_lambda(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-resource-based.html"""
    for name, rule in used_by(resources, "AWS::Events::Rule"):
        for target in rule.get("Targets") or ():
            function = name_of(target["Arn"])
            if resources.get(function, {}).get("Type") == "AWS::Lambda::Function":
                principal = "Service:events.amazonaws.com"
                yield Need(function, "lambda:InvokeFunction", target["Arn"], f"{name} calls it", principal)


def function_going_on(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/lambda/latest/dg/lambda-intro-execution-role.html"""
    for name, function in used_by(resources, "AWS::Lambda::Function"):
        if "LASTS_SECONDS" in function.get("Environment", {}).get("Variables", {}):
            yield Need(name_of(function["Role"]), "lambda:InvokeFunction", f"<{name}.Arn>", f"{name} calls itself")


def default_role(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/workspaces/latest/adminguide/workspaces-access-control.html"""
    for name, role, _ in _custom(resources, "WorkspacesDefaultRole"):
        for call in ("GetRole", "CreateRole", "AttachRolePolicy", "TagRole"):
            yield Need(role, f"iam:{call}", DEFAULT_ROLE, f"{name} creates the role that WorkSpaces acts with")


def directory_registration(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonworkspaces.html"""
    for name, role, given in _custom(resources, "WorkspacesRegistration"):
        directory = f"*:directory/{given['DirectoryId']}"
        for call in (
            *("RegisterWorkspaceDirectory", "AssociateIpGroups", "ModifySelfservicePermissions"),
            *("ModifyWorkspaceAccessProperties", "ModifyWorkspaceCreationProperties"),
        ):
            yield Need(role, f"workspaces:{call}", directory, f"{name} registers and sets it")
        for call in ("DisassociateIpGroups", "DeregisterWorkspaceDirectory"):
            yield Need(role, f"workspaces:{call}", "*:directory/*", f"{name} leaves one for another")
        for call in ("AssociateIpGroups", "DisassociateIpGroups"):
            yield Need(role, f"workspaces:{call}", "*:workspaceipgroup/*", f"{name} puts groups on the directory")
        for call in ("CreateTags", "DescribeTags", "DescribeWorkspaceDirectories", "DescribeWorkspaces"):
            yield Need(role, f"workspaces:{call}", "*", f"{name} finds what it has registered")
        # What registering asks for in the name of its caller.
        yield Need(role, "ds:AuthorizeApplication", directory, f"{name} lets WorkSpaces use it")
        yield Need(role, "ds:UnauthorizeApplication", "*:directory/*", f"{name} takes that back")
        yield Need(role, "ds:DescribeDirectories", "*", f"{name} registers one")
        for call in ("CreateSecurityGroup", "DescribeSecurityGroups", "DescribeSubnets", "DescribeVpcs"):
            yield Need(role, f"ec2:{call}", "*", f"{name} registers a directory in a network")
        for call in ("iam:GetRole", "iam:PassRole"):
            yield Need(role, call, DEFAULT_ROLE, f"{name} registers with the role of WorkSpaces")


def connection_alias(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/workspaces/latest/adminguide/cross-region-redirection.html"""
    for name, role, given in _custom(resources, "ConnectionAliasAssociation"):
        alias = f"*:connectionalias/{given['AliasId']}"
        yield Need(role, "workspaces:AssociateConnectionAlias", alias, f"{name} associates it")
        directory = f"*:directory/{given['DirectoryId']}"
        yield Need(role, "workspaces:AssociateConnectionAlias", directory, f"{name} associates an alias with it")
        yield Need(role, "workspaces:DisassociateConnectionAlias", "*:connectionalias/*", f"{name} takes one off")
        yield Need(role, "workspaces:DescribeConnectionAliases", "*", f"{name} waits for the association")
    for name, role, _ in _custom(resources, "ConnectionIdentifier"):
        yield Need(role, "workspaces:DescribeConnectionAliases", "*", f"{name} finds an alias by its name")


def standby_workspaces(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/workspaces/latest/adminguide/multi-region-resilience.html"""
    for name, role, given in _custom(resources, "StandbyWorkspace"):
        directory, primary = f"*:directory/{given['DirectoryId']}", given["PrimaryRegion"]
        for on in (directory, f"arn:aws:workspaces:{primary}:{ACCOUNT}:workspace/*"):
            yield Need(role, "workspaces:CreateStandbyWorkspaces", on, f"{name} is made in the one of the other")
        for call in ("DescribeConnectionAliases", "DescribeWorkspaces", "DescribeTags", "CreateTags"):
            yield Need(role, f"workspaces:{call}", "*", f"{name} finds the primary one and itself")
        for call in ("ModifyWorkspaceProperties", "TerminateWorkspaces"):
            yield Need(role, f"workspaces:{call}", "*:workspace/*", f"{name} is changed and removed")
        for call in ("kms:CreateGrant", "kms:DescribeKey") if "VolumeEncryptionKey" in given else ():
            yield Need(role, call, given["VolumeEncryptionKey"], f"{name} has its volumes encrypted with it")


def ad_connector(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/directoryservice/latest/admin-guide/UsingWithDS_IAM_ResourcePermissions.html"""
    for name, role, given in _custom(resources, "AdConnector"):
        for call in ("ConnectDirectory", "DescribeDirectories"):
            yield Need(role, f"ds:{call}", "*", f"{name} creates a connector")
        for call in ("AddTagsToResource", "ListTagsForResource", "DeleteDirectory"):
            yield Need(role, f"ds:{call}", "*:directory/*", f"{name} marks and removes it")
        for call in NETWORK:
            yield Need(role, f"ec2:{call}", "*", f"{name} creates a connector in a network")
        yield Need(role, "secretsmanager:GetSecretValue", f"{given['SecretArn']}*", f"{name} logs in with it")


def directory_regions(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/directoryservice/latest/admin-guide/ms_ad_configure_multi_region_replication.html"""
    for name, role, given in _custom(resources, "ManagedAdReplica"):
        id = given.get("DirectoryId", "*")
        there, here = (f"arn:aws:ds:{given[key]}:*:directory/{id}" for key in ("PrimaryRegion", "Region"))
        for call in ("AddRegion", "DescribeRegions", "AddTagsToResource", "ListTagsForResource"):
            yield Need(role, f"ds:{call}", there, f"{name} adds a region to it")
        yield Need(role, "ds:RemoveTagsFromResource", there, f"{name} forgets that it did")
        yield Need(role, "ds:RemoveRegion", here, f"{name} removes the region again")
        yield Need(role, "ds:DescribeDirectories", "*", f"{name} finds the directory")
        for call in NETWORK:
            yield Need(role, f"ec2:{call}", "*", f"{name} adds domain controllers in a network")


def switch_parameter(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/service-authorization/latest/reference/list_awssystemsmanager.html"""
    for name, role, given in _custom(resources, "SwitchParameter"):
        for call in ("PutParameter", "DeleteParameter"):
            yield Need(role, f"ssm:{call}", f"*:parameter/{given['Name']}", f"{name} makes and removes it")


def _custom(resources: Resources, kind: str) -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Yield the custom resources of a kind with the role of their function and their properties."""
    for name, given in used_by(resources, f"Custom::{kind}"):
        function = flat(resources[name_of(given["ServiceToken"])]["Properties"])
        yield name, name_of(function["Role"]), given


WORKSPACES_CONTRACTS = (
    state_machine_to_lambda,
    state_machine_log,
    state_machine_traces,
    events_rule_to_lambda,
    function_going_on,
    default_role,
    directory_registration,
    connection_alias,
    standby_workspaces,
    ad_connector,
    directory_regions,
    switch_parameter,
)
