"""What the functions of a site may do, row by row, and nothing else."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

from tests.unit.templates import Row, rows
from tests.unit.workspaces_failover.built import (
    ACCOUNT,
    DIRECTORY,
    HERE,
    OTHER_DIRECTORY,
    REGION,
    ROLE,
    SECRET,
    Built,
    Scene,
    built,
)

SPACES, DIRECTORIES = f"arn:aws:workspaces:{HERE}", f"arn:aws:ds:{HERE}:directory"
PRIMARY = f"arn:aws:ds:us-east-1:{ACCOUNT}:directory"
DEFAULT_ROLE = f"arn:aws:iam::{ACCOUNT}:role/workspaces_DefaultRole"
REGISTERED = f"{SPACES}:directory/<SiteRegistration.DirectoryId>"
PASSED = str({"StringEquals": {"iam:PassedToService": "workspaces.amazonaws.com"}})
ON_BEHALF = str({"Bool": {"aws:ViaAWSService": "true"}})
ATTACHED = str(
    {
        "ArnEquals": {
            "iam:PolicyARN": [
                "arn:aws:iam::aws:policy/AmazonWorkSpacesServiceAccess",
                "arn:aws:iam::aws:policy/AmazonWorkSpacesSelfServiceAccess",
            ]
        }
    }
)
FIREWALL = [
    "ec2:AuthorizeSecurityGroupEgress",
    "ec2:AuthorizeSecurityGroupIngress",
    "ec2:CreateSecurityGroup",
    "ec2:CreateTags",
    "ec2:DeleteSecurityGroup",
    "ec2:DescribeSubnets",
    "ec2:DescribeVpcs",
    "ec2:RevokeSecurityGroupEgress",
    "ec2:RevokeSecurityGroupIngress",
]
MEMBERS = [*FIREWALL, "ec2:DescribeAvailabilityZones", "ec2:DescribeSecurityGroups"]
INTERFACES = [
    *FIREWALL,
    *("ec2:CreateNetworkInterface", "ec2:DeleteNetworkInterface", "ec2:DeleteTags", "ec2:DescribeNetworkInterfaces"),
]


@pytest.fixture(scope="module")
def made() -> Built:
    """The sites of ``built``."""
    return built()


def grants(resources: str | Sequence[str], *actions: str, when: str = "") -> set[Row]:
    each = [resources] if isinstance(resources, str) else resources
    return {(action, resource, when) for action in actions for resource in each}


def may(scene: Scene, provider: str) -> set[Row]:
    """What the role of a function may do, but for its log and traces, which every function has."""
    found = set(rows(scene.template.of(scene.named(f"{provider}/FunctionRole"))))
    part = provider.replace("/", "")
    every = {
        *grants(f"<{scene.made.node.id}{part}Log.Arn>", "logs:CreateLogStream", "logs:PutLogEvents"),
        *grants("*", "xray:PutTelemetryRecords", "xray:PutTraceSegments"),
    }
    assert every <= found
    return found - every


def tagging(*keys: str) -> set[Row]:
    return grants("*", "workspaces:CreateTags", when=str({"ForAllValues:StringEquals": {"aws:TagKeys": list(keys)}}))


def marked(stack: str) -> str:
    return str({"StringLike": {"aws:ResourceTag/cdk-refarch:resource": f"{stack}/*"}})


def via(service: str, **more: Any) -> str:
    return str({"StringEquals": {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}, **more})


@pytest.mark.parametrize(
    ("name", "directory"),
    [
        ("Plain", DIRECTORY),
        ("Full", DIRECTORY),
        ("Managed", "<SiteManagedAd>"),
        ("Local", "<SiteConnector.DirectoryId>"),
    ],
)
def test_the_registration_may_set_its_directory_and_release_one_with_its_mark(
    made: Built, name: str, directory: str
) -> None:
    own = f"{SPACES}:directory/{directory}"
    released, groups = f"{SPACES}:directory/*", f"{SPACES}:workspaceipgroup/*"
    passed = [DEFAULT_ROLE, ROLE] if name == "Full" else [DEFAULT_ROLE]
    assert may(made[name], "RegistrationProvider") == {
        *grants(
            "*",
            *("workspaces:DescribeTags", "workspaces:DescribeWorkspaceDirectories", "workspaces:DescribeWorkspaces"),
            "ds:DescribeDirectories",
        ),
        *grants("*", *MEMBERS, when=ON_BEHALF),
        *tagging("cdk-refarch:resource", "cdk-refarch:request"),
        *grants(
            own,
            *("workspaces:ModifySelfservicePermissions", "workspaces:ModifyWorkspaceAccessProperties"),
            *("workspaces:ModifyWorkspaceCreationProperties", "workspaces:RegisterWorkspaceDirectory"),
        ),
        *grants(released, "workspaces:DeregisterWorkspaceDirectory", when=marked(name)),
        *grants([own, groups], "workspaces:AssociateIpGroups"),
        *grants([released, groups], "workspaces:DisassociateIpGroups"),
        *grants(f"{DIRECTORIES}/{directory}", "ds:AuthorizeApplication"),
        *grants(f"{DIRECTORIES}/*", "ds:UnauthorizeApplication"),
        *grants(DEFAULT_ROLE, "iam:GetRole"),
        *grants(passed, "iam:PassRole", when=PASSED),
    }


def test_the_default_role_is_made_with_the_two_policies_of_aws_only(made: Built) -> None:
    assert may(made["Plain"], "DefaultRoleProvider") == {
        *grants(DEFAULT_ROLE, "iam:CreateRole", "iam:GetRole", "iam:TagRole"),
        *grants(DEFAULT_ROLE, "iam:AttachRolePolicy", when=ATTACHED),
    }


@pytest.mark.parametrize(
    ("name", "provider", "alias", "directory"),
    [
        ("Plain", "Alias/Provider", "<SiteAlias.AliasId>", REGISTERED),
        ("Alone", "Provider", "<Alias.AliasId>", f"{SPACES}:directory/{DIRECTORY}"),
    ],
)
def test_the_association_may_be_made_of_this_alias_and_this_directory(
    made: Built, name: str, provider: str, alias: str, directory: str
) -> None:
    assert may(made[name], provider) == {
        *grants("*", "workspaces:DescribeConnectionAliases"),
        *grants([f"{SPACES}:connectionalias/{alias}", directory], "workspaces:AssociateConnectionAlias"),
        # The alias of a name before this one has another id.
        *grants(f"{SPACES}:connectionalias/*", "workspaces:DisassociateConnectionAlias"),
    }


def test_standbys_are_made_of_the_primaries_regions_and_only_those_with_the_mark_are_ended(made: Built) -> None:
    here = f"{SPACES}:workspace/*"
    there = [f"arn:aws:workspaces:{region}:{ACCOUNT}:workspace/*" for region in ("eu-central-1", "us-east-1")]
    assert may(made["Local"], "StandbyProvider") == {
        *grants(
            "*", "workspaces:DescribeConnectionAliases", "workspaces:DescribeTags", "workspaces:DescribeWorkspaces"
        ),
        *grants([REGISTERED, here, *there], "workspaces:CreateStandbyWorkspaces"),
        *tagging("cdk-refarch:resource", "cdk-refarch:request", "cdk-refarch:made-of"),
        *grants(here, "workspaces:ModifyWorkspaceProperties", "workspaces:TerminateWorkspaces", when=marked("Local")),
        *grants(
            "<SiteKey.Arn>",
            "kms:CreateGrant",
            when=via("workspaces", Bool={"kms:GrantIsForAWSResource": "true"}),
        ),
        *grants("<SiteKey.Arn>", "kms:DescribeKey", when=via("workspaces")),
    }


@pytest.mark.parametrize("name", ["Local", "Known", "Remote", "RemoteKnown", "Addresses"])
def test_a_connector_is_made_with_its_secret_and_nothing_else_is_read(made: Built, name: str) -> None:
    read = grants(f"{SECRET}-??????", "secretsmanager:GetSecretValue")
    if name == "Known":
        read = {
            *grants("<Joiner>", "secretsmanager:GetSecretValue"),
            *grants("<JoinerKey.Arn>", "kms:Decrypt", when=via("secretsmanager")),
        }
    assert may(made[name], "ConnectorProvider") == {
        *grants("*", "ds:ConnectDirectory", "ds:DescribeDirectories"),
        *grants("*", *INTERFACES, when=ON_BEHALF),
        *grants(f"{DIRECTORIES}/*", "ds:AddTagsToResource", "ds:ListTagsForResource"),
        *grants(f"{DIRECTORIES}/*", "ds:DeleteDirectory", when=marked(name)),
        *read,
    }


@pytest.mark.parametrize(("name", "directory"), [("Local", "*"), ("Known", OTHER_DIRECTORY)])
def test_a_region_is_added_to_the_directory_that_is_known(made: Built, name: str, directory: str) -> None:
    assert may(made[name], "ReplicaProvider") == {
        *grants("*", "ds:DescribeDirectories"),
        *grants("*", *INTERFACES, when=ON_BEHALF),
        *grants(f"{PRIMARY}/{directory}", "ds:AddRegion", "ds:AddTagsToResource"),
        *grants(f"{PRIMARY}/*", "ds:DescribeRegions", "ds:ListTagsForResource", "ds:RemoveTagsFromResource"),
        *grants(f"{DIRECTORIES}/*", "ds:RemoveRegion"),
    }


def test_functions_that_go_on_may_call_themselves_and_no_other(made: Built) -> None:
    for scene in made.scenes.values():
        policies = scene.all("AWS::IAM::Policy")
        assert policies
        for policy in policies:
            properties = policy["Properties"]
            (statement,) = properties["PolicyDocument"]["Statement"]
            (role,) = properties["Roles"]
            (function,) = (
                name
                for name, one in scene.template.json["Resources"].items()
                if one["Type"] == "AWS::Lambda::Function"
                and one["Properties"]["Role"] == {"Fn::GetAtt": [role["Ref"], "Arn"]}
            )
            expected = {"Action": "lambda:InvokeFunction", "Effect": "Allow"}
            assert statement == {**expected, "Resource": {"Fn::GetAtt": [function, "Arn"]}}


def test_lambda_alone_may_use_the_roles(made: Built) -> None:
    for scene in made.scenes.values():
        for role in scene.template.all("AWS::IAM::Role"):
            (trust,) = role["Properties"]["AssumeRolePolicyDocument"]["Statement"]
            assert trust["Principal"] == {"Service": "lambda.amazonaws.com"}


def test_the_key_admits_the_logs_of_the_account(made: Built) -> None:
    for scene, key in ((made["Plain"], made["Plain"].named("Key")), (made["Full"], made.key)):
        _, admitted = scene.of(key)["KeyPolicy"]["Statement"]
        assert admitted["Principal"] == {"Service": f"logs.{REGION}.amazonaws.com"}
        condition = {"ArnLike": {"kms:EncryptionContext:aws:logs:arn": f"arn:aws:logs:{HERE}:log-group:*"}}
        assert admitted["Condition"] == condition
