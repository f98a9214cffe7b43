"""Least privilege: who may do what is what a reviewer saw, all of it can be used, and nothing that is needed lacks."""

from __future__ import annotations

import copy
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.conftest import ROOT, Apps, Synthesized

from .arns import can_match, concrete, only_star
from .contracts import CONTRACTS, unmet
from .grants import Row, rows, table

TABLES = ROOT / "tests" / "gate" / "permissions"

MACIE = (
    "IAM knows no resource for sessions, settings and findings of Macie: "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonmacie.html"
)
XRAY = (
    "IAM knows no resource for traces: "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_awsx-ray.html"
)
LOG_DELIVERY = (
    "A state machine that writes a log manages log deliveries, for which IAM knows no resource: "
    "https://docs.aws.amazon.com/step-functions/latest/dg/cw-logs.html"
)
DIRECTORY_NETWORK = (
    "Directory Service and WorkSpaces ask Amazon EC2 in the name of their caller, for what they name themselves: "
    "https://docs.aws.amazon.com/directoryservice/latest/admin-guide/UsingWithDS_IAM_ResourcePermissions.html"
)
OWN_STATEMENTS = (
    "IAM knows no resource for what is asked about a statement; a condition admits one's own alone: "
    "https://docs.aws.amazon.com/redshift/latest/mgmt/data-api-iam.html"
)

LAMBDA_NETWORK = (
    "Lambda needs it on every resource for functions in a VPC, whose code is denied it: "
    "https://docs.aws.amazon.com/lambda/latest/dg/configuration-vpc.html#configuration-vpc-permissions"
)

STAR_REASONS: dict[str, str] = {
    **{
        f"ec2:{one}": DIRECTORY_NETWORK
        for one in (
            *("AuthorizeSecurityGroupEgress", "AuthorizeSecurityGroupIngress", "CreateNetworkInterface"),
            *("CreateSecurityGroup", "CreateTags", "DeleteNetworkInterface", "DeleteSecurityGroup"),
            "DeleteTags",
            *("RevokeSecurityGroupEgress", "RevokeSecurityGroupIngress"),
        )
    },
    **{f"ec2:{one}": LAMBDA_NETWORK for one in ("AssignPrivateIpAddresses", "UnassignPrivateIpAddresses")},
    "ec2:DescribeVpcAttribute": (
        "Firehose asks for what a network is like, and EC2 knows no resource for that: "
        "https://docs.aws.amazon.com/firehose/latest/dev/controlling-access.html#using-iam-es-vpc"
    ),
    "logs:CreateLogDelivery": LOG_DELIVERY,
    "logs:DeleteLogDelivery": LOG_DELIVERY,
    "logs:DescribeIndexPolicies": (
        "CloudFormation asks for the index policies of a log group without naming it: "
        "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazoncloudwatchlogs.html"
    ),
    "logs:DescribeLogGroups": LOG_DELIVERY,
    "logs:DescribeResourcePolicies": LOG_DELIVERY,
    "logs:GetLogDelivery": LOG_DELIVERY,
    "logs:ListLogDeliveries": LOG_DELIVERY,
    "logs:PutResourcePolicy": LOG_DELIVERY,
    "logs:UpdateLogDelivery": LOG_DELIVERY,
    **{f"redshift-data:{one}": OWN_STATEMENTS for one in ("DescribeStatement", "GetStatementResult")},
}
"""Actions that a role has on every resource, to the reason that AWS gives for it, with the link."""

SES = (
    "IAM knows no resource for settings of an account and for the active receipt rule set: "
    "https://docs.aws.amazon.com/service-authorization/latest/reference/list_amazonsimpleemailservicev2.html"
)


def _unknown(what: str, page: str) -> str:
    authorization = "https://docs.aws.amazon.com/service-authorization/latest/reference"
    return f"IAM knows no resource for {what}: {authorization}/list_{page}.html"


STAR_SERVICES = {
    "autoscaling": _unknown("what describes groups", "amazonec2autoscaling"),
    "cloudtrail": _unknown("its history of events", "awscloudtrail"),
    "cloudwatch": _unknown("data of metrics", "amazoncloudwatch"),
    "ds": _unknown("what lists directories, and for those that are yet to be created", "awsdirectoryservice"),
    "ec2": _unknown("what lists instances and images", "amazonec2"),
    "ec2messages": _unknown("messages of the agent", "amazonmessagedeliveryservice"),
    "elasticloadbalancing": _unknown("what describes target groups", "awselasticloadbalancingv2"),
    "inspector2": _unknown("lists of findings", "amazoninspector2"),
    "kms": _unknown("keys that are yet to be created", "awskeymanagementservice"),
    "macie2": MACIE,
    "ses": SES,
    "ssm": _unknown("what lists, and for inventories", "awssystemsmanager"),
    "ssmmessages": _unknown("sessions", "amazonsessionmanagermessagegatewayservice"),
    "sts": _unknown("the question whose account a key is of", "awssecuritytokenservice"),
    "tag": _unknown("tags of all services", "amazonresourcegrouptaggingapi"),
    "workspaces": _unknown("what describes and what tags", "amazonworkspaces"),
    "xray": XRAY,
}
"""Services of which a role has actions on every resource that IAM knows on * only, to the reason for it."""


def problems(template: dict[str, Any]) -> Iterator[str]:
    """Yield what a reviewer would object to in the permissions of a template."""
    permissions = rows(template)
    for row in permissions:
        yield from objections(row, template)
    yield from unmet(template, permissions)


def objections(row: Row, template: dict[str, Any]) -> Iterator[str]:
    if row.effect != "Allow":
        return
    if row.holder.startswith("policy on "):
        yield from objections_to_resource_policy(row, template)
    elif row.holder.startswith("role"):
        yield from objections_to_role(row, template)


def objections_to_resource_policy(row: Row, template: dict[str, Any]) -> Iterator[str]:
    if row.principal in ("*", "AWS:*") and not row.condition:
        yield f"{row.holder} lets everyone {row.action}; name a principal or add a condition"
    target = row.holder.removeprefix("policy on ")
    is_own = row.resource.startswith((f"<{target}.", f"<{target}>"))
    kind = template["Resources"].get(target, {}).get("Type", "AWS::IoT::Policy")
    if kind != "AWS::IoT::Policy" and "<" in row.resource and not is_own:
        yield f"{row.holder} is about {row.resource}, which is another resource; it never applies"


def objections_to_role(row: Row, template: dict[str, Any]) -> Iterator[str]:
    if row.action == "*" or row.action.endswith(":*"):
        yield f"{row.holder} may do {row.action}; name the actions that it needs"
    elif row.action == "managed policy":
        yield f"{row.holder} has the managed policy {row.resource}; write down the statements that it needs"
    elif row.resource == "*":
        of_service = only_star(row.action) and row.action.partition(":")[0] in STAR_SERVICES
        if row.action not in STAR_REASONS and not of_service:
            yield f"{row.holder} may {row.action} on *; name the resource, or give AWS's reason in STAR_REASONS"
    elif only_star(row.action):
        yield f"{row.holder} may {row.action} on {row.resource}, but IAM knows it on * only; it is never allowed"
    elif not can_match(row.action, concrete(row.resource, template)):
        yield f"{row.holder} may {row.action} on {row.resource}, which is no resource of that action; mend the ARN"


def test_permissions_can_be_used_are_enough_and_no_more(synthesized: Synthesized) -> None:
    found = [f"{name}: {line}" for name, template in synthesized.templates.items() for line in problems(template)]
    assert not found, "\n" + "\n".join(found)


def path_of(synthesized: Synthesized, stack: str) -> Path:
    return TABLES / f"{synthesized.folder.name}.{stack}.txt"


def test_permissions_are_those_that_a_reviewer_last_saw(synthesized: Synthesized, pytestconfig: pytest.Config) -> None:
    for name, template in synthesized.templates.items():
        path, fresh = path_of(synthesized, name), table(template)
        if pytestconfig.getoption("update_snapshots"):
            path.write_text(fresh)
        reviewed = path.read_text() if path.exists() else ""
        changes = difflib.unified_diff(reviewed.splitlines(), fresh.splitlines(), "reviewed", "now", lineterm="", n=1)
        shown = "\n".join(changes)
        assert not shown, f"{name}: permissions changed; make snapshots accepts this:\n{shown}"


def test_no_table_is_left_of_a_stack_that_is_gone(apps: Apps) -> None:
    stacks = {path_of(apps.get(name), stack) for name in apps.names() for stack in apps.get(name).templates}
    assert set(TABLES.glob("*.txt")) == stacks


def test_every_reason_for_a_star_is_used_and_has_a_link(apps: Apps) -> None:
    used = {row.action for name in apps.names() for one in apps.get(name).templates.values() for row in rows(one)}
    assert set(STAR_REASONS) <= used
    assert set(STAR_SERVICES) <= {action.partition(":")[0] for action in used}
    assert all("https://" in reason for reason in [*STAR_REASONS.values(), *STAR_SERVICES.values()])


def test_every_contract_names_its_guide() -> None:
    assert all((contract.__doc__ or "").startswith("https://docs.aws.amazon.com/") for contract in CONTRACTS)


@pytest.fixture
def template(apps: Apps) -> dict[str, Any]:
    """The template of the first architecture, to be broken."""
    found: dict[str, Any] = copy.deepcopy(apps.get("app").templates["IotToFirehose"])
    return found


def statement(template: dict[str, Any], action: str) -> dict[str, Any]:
    for resource in template["Resources"].values():
        for policy in resource.get("Properties", {}).get("Policies", []):
            for found in policy["PolicyDocument"]["Statement"]:
                if action in found["Action"]:
                    one: dict[str, Any] = found
                    return one
    raise LookupError(action)


@pytest.mark.parametrize(
    ("action", "change", "message"),
    [
        ("s3:PutObject", {"Action": "s3:*"}, r"may do s3:\*; name the actions"),
        ("s3:PutObject", {"Resource": "*"}, r"may s3:PutObject on \*; name the resource"),
        ("sqs:SendMessage", {"Action": ["sqs:DeleteMessage"]}, r"needs sqs:SendMessage on .*ErrorQueue"),
        ("firehose:PutRecord", {"Action": ["firehose:PutRecordBatch"]}, r"needs firehose:PutRecord on .*Stream"),
        (
            "s3:ListBucket",
            {"Resource": "arn:aws:s3:::b/*"},
            r"may s3:ListBucket on arn:aws:s3:::b/\*, which is no resource",
        ),
        (
            "logs:PutLogEvents",
            {"Resource": "arn:aws:s3:::b"},
            r"may logs:PutLogEvents on arn:aws:s3:::b, which is no resource",
        ),
        ("kms:Decrypt", {"Action": ["s3:ListAllMyBuckets"]}, r"IAM knows it on \* only"),
        ("kms:Decrypt", {"Action": ["kms:Decrypt"]}, r"needs kms:GenerateDataKey on .*Key"),
    ],
)
def test_a_wrong_grant_is_named(template: dict[str, Any], action: str, change: dict[str, Any], message: str) -> None:
    statement(template, action).update(change)
    with pytest.raises(AssertionError, match=message):
        assert not list(problems(template)), "\n".join(problems(template))


def test_a_misspelt_action_is_named(template: dict[str, Any]) -> None:
    statement(template, "sqs:SendMessage")["Action"] = "sqs:SendMesage"
    with pytest.raises(ValueError, match="action sqs:SendMesage must be one of IAM"):
        list(problems(template))


def test_a_resource_policy_open_to_everyone_is_named(template: dict[str, Any]) -> None:
    (policy,) = (one for one in template["Resources"].values() if one["Type"] == "AWS::SQS::QueuePolicy")
    policy["Properties"]["PolicyDocument"]["Statement"][0].update({"Effect": "Allow", "Condition": {}})
    assert any("lets everyone" in line for line in problems(template))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"Action": "sqs:GetQueueUrl"}, r"Consumer\w+ needs sqs:SendMessage for Service:events.amazonaws.com"),
        ({"Principal": {"Service": "sns.amazonaws.com"}}, r"Consumer\w+ needs sqs:SendMessage for Service:events"),
        ({"Resource": {"Ref": "DevicePolicy"}}, r"is about <DevicePolicy>, which is another resource"),
    ],
)
def test_a_resource_policy_that_does_not_let_its_service_in_is_named(
    apps: Apps, change: dict[str, Any], message: str
) -> None:
    fleet: dict[str, Any] = copy.deepcopy(apps.get("iot_to_firehose").templates["Fleet"])
    for name, policy in fleet["Resources"].items():
        if name.startswith("ConsumerPolicy"):
            for one in policy["Properties"]["PolicyDocument"]["Statement"]:
                one.update(change if one["Effect"] == "Allow" else {})
    with pytest.raises(AssertionError, match=message):
        assert not list(problems(fleet)), "\n".join(problems(fleet))


def test_a_condition_that_is_removed_shows_in_the_table(template: dict[str, Any]) -> None:
    before = table(template)
    role = template["Resources"]["IngestErrorRole977FFC08"]["Properties"]
    del role["AssumeRolePolicyDocument"]["Statement"][0]["Condition"]["ArnLike"]
    assert table(template) != before
