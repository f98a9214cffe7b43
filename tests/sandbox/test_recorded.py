"""Resource types that the emulator does not know: recorded, and real where moto has their service."""

from __future__ import annotations

import json
import re
from typing import Any

import boto3
import botocore.session
import pytest
from botocore.exceptions import ClientError
from ministack.core import iam_actions

from sandbox.adapters import arns, keywords, moto_services, schemas
from sandbox.adapters.recorded import api, members, patterns, values
from sandbox.run import Run
from sandbox.scenarios import Broken
from tests.sandbox.conftest import deployed

PLACE = values.Place("123456789012", "us-east-1", "Fleet-Thing-0A1B2C3D4E5F6", "2026-11-23T09:00:00Z")
ACCOUNT = "us-east-1:123456789012"


def completed(resource_type: str, **properties: Any) -> tuple[str, dict[str, Any]]:
    schema = schemas.load(resource_type)
    assert schema is not None
    model = values.completed(schema, properties, PLACE)
    return values.identifier(schema, model), values.attributes(schema, model)


@pytest.mark.parametrize(
    ("resource_type", "properties", "identifier", "attributes"),
    [
        (
            "AWS::CodePipeline::Pipeline",
            {},
            "Fleet-Thing-0A1B2C3D4E5F6",
            {"Arn": f"arn:aws:codepipeline:{ACCOUNT}:Fleet-Thing-0A1B2C3D4E5F6", "Version": "1"},
        ),
        (
            "AWS::ImageBuilder::Component",
            {"Name": "My agent", "Version": "1.0.2", "Platform": "Linux"},
            f"arn:aws:imagebuilder:{ACCOUNT}:component/my-agent/1.0.2/1",
            {"Name": "My agent", "Encrypted": False, "Type": "BUILD"},
        ),
        ("AWS::Macie::Session", {}, "123456789012", {"AutomatedDiscoveryStatus": "ENABLED"}),
        ("AWS::WorkSpaces::ConnectionAlias", {}, "^wsca-[0-9a-z]{8,63}$", {"ConnectionAliasState": "CREATED"}),
        ("AWS::DirectoryService::MicrosoftAD", {}, "^d-[0-9a-f]{10}$", {}),
        ("AWS::Redshift::Cluster", {"ClusterIdentifier": "dw"}, "dw", {"Endpoint.Port": "443"}),
        ("AWS::Route53Resolver::ResolverRuleAssociation", {"VPCId": "vpc-1"}, ".+", {"VPCId": "vpc-1"}),
    ],
)
def test_makes_up_identifiers_and_attributes_as_the_service_would(
    resource_type: str, properties: dict[str, Any], identifier: str, attributes: dict[str, Any]
) -> None:
    found, more = completed(resource_type, **properties)
    assert found == identifier or re.search(identifier, found)
    assert more.items() >= attributes.items()


def test_what_it_makes_up_satisfies_the_schema_for_nearly_every_type() -> None:
    total = wrong = 0
    for resource_type in schemas.types()[::6]:
        schema = schemas.load(resource_type)
        assert schema is not None
        model = values.completed(schema, {}, PLACE)
        for path in {*schema.read_only, *schema.primary}:
            subschema = schema.at(path)
            if "*" not in path and subschema is not None:
                total += 1
                wrong += any(schema.validator.problems(subschema, schemas.dig(model, path.split("."))))
    assert total > 1000
    assert wrong < total / 100


def test_the_same_resource_gets_the_same_values_and_another_gets_others() -> None:
    other = values.Place(PLACE.account, PLACE.region, "Fleet-Other-1A1B2C3D4E5F6", PLACE.created)
    schema = schemas.load("AWS::WorkSpaces::ConnectionAlias")
    assert schema is not None
    one, two, three = (values.completed(schema, {}, place)["AliasId"] for place in (PLACE, PLACE, other))
    assert one == two != three


def test_passwords_cannot_be_read() -> None:
    schema = schemas.load("AWS::DirectoryService::MicrosoftAD")
    assert schema is not None
    assert values.readable(schema, {"Name": "corp.example.com", "Password": "secret"}) == {"Name": "corp.example.com"}


@pytest.mark.parametrize(
    "pattern", [r"^ws-[0-9a-z]{8,63}$", r"^(a|b)-\1x?[^\d\s]+$", r"^d-[0-9a-f]{10}$", r"^(?!aws)[a-z]\w*\.(com|org)$"]
)
def test_finds_a_text_for_a_pattern(pattern: str) -> None:
    found = patterns.example(pattern, "seed")
    assert found is not None
    assert keywords.matches(pattern, found)


def test_finds_no_text_for_a_pattern_that_nothing_matches() -> None:
    assert patterns.example(r"^a(?<!a)$", "seed") is None
    assert patterns.example(r"^\p{Lu}+$", "seed") is None


@pytest.mark.parametrize(
    ("service", "resource", "form"),
    [
        ("codecommit", "Repository", "arn:${Partition}:codecommit:${Region}:${Account}:${RepositoryName}"),
        ("codepipeline", "Pipeline", "arn:${Partition}:codepipeline:${Region}:${Account}:${PipelineName}"),
        ("nonsense", "Thing", None),
    ],
)
def test_knows_the_form_of_arns(service: str, resource: str, form: str | None) -> None:
    assert arns.of_type(service, resource, []) == form


def request(service: str, operation: str, resource: str, **properties: Any) -> dict[str, Any]:
    shape = botocore.session.get_session().get_service_model(service).operation_model(operation).input_shape
    return members.Members(shape, properties, resource).values


def test_makes_requests_of_properties() -> None:
    stages = [{"Name": "Source", "Actions": [{"Name": "a", "RunOrder": "1", "Configuration": {"Poll": False}}]}]
    tags = [{"Key": "team", "Value": "platform"}]
    pipeline = request("codepipeline", "CreatePipeline", "Pipeline", Name="p", RoleArn="r", Stages=stages, Tags=tags)
    assert pipeline["pipeline"]["stages"][0]["actions"] == [
        {"name": "a", "runOrder": 1, "configuration": {"Poll": "false"}}
    ]
    assert pipeline["tags"] == [{"key": "team", "value": "platform"}]
    repository = request("codecommit", "CreateRepository", "Repository", RepositoryName="code", Tags=tags, Code={})
    assert repository == {"repositoryName": "code", "tags": {"team": "platform"}}
    workspace = request("workspaces", "CreateWorkspaces", "Workspace", DirectoryId="d", UserName="u", BundleId="b")
    assert workspace == {"Workspaces": [{"DirectoryId": "d", "UserName": "u", "BundleId": "b"}]}
    criteria = {"Regex": "[A-Z]+"}
    allow_list = request("macie2", "CreateAllowList", "AllowList", Name="ids", Criteria=criteria)
    assert allow_list == {"name": "ids", "criteria": {"regex": "[A-Z]+"}}
    assert request("workspaces", "DescribeWorkspaces", "Workspace", WorkspaceId="ws-1") == {"WorkspaceIds": ["ws-1"]}


@pytest.mark.parametrize(
    ("resource_type", "calls"),
    [
        ("AWS::CodeCommit::Repository", ("CreateRepository", "GetRepository", "DeleteRepository")),
        ("AWS::DirectoryService::MicrosoftAD", ("CreateMicrosoftAD", "DescribeDirectories", "DeleteDirectory")),
        ("AWS::DirectoryService::SimpleAD", ("CreateDirectory", "DescribeDirectories", "DeleteDirectory")),
        ("AWS::Macie::Session", ("EnableMacie", "GetMacieSession", "DisableMacie")),
        ("AWS::WorkSpaces::Workspace", ("CreateWorkspaces", "DescribeWorkspaces", "TerminateWorkspaces")),
    ],
)
def test_finds_a_types_calls_in_the_permissions_of_its_handlers(resource_type: str, calls: tuple[str, ...]) -> None:
    found = api.api_of(resource_type)
    assert found is not None
    assert (found.create, found.read, found.delete) == calls


def test_types_of_services_that_moto_lacks_have_no_calls() -> None:
    assert api.api_of("AWS::ImageBuilder::Component") is None


@pytest.mark.parametrize(
    ("scope", "method", "path", "body", "arn"),
    [
        ("codecommit", "POST", "/", {"repositoryName": "code"}, f"arn:aws:codecommit:{ACCOUNT}:code"),
        ("guardduty", "GET", "/detector/abc", None, f"arn:aws:guardduty:{ACCOUNT}:detector/abc"),
        ("codecommit", "POST", "/", {}, "*"),
    ],
)
def test_requests_are_authorized_for_the_resource_that_they_name(
    monkeypatch: pytest.MonkeyPatch, scope: str, method: str, path: str, body: dict[str, Any] | None, arn: str
) -> None:
    monkeypatch.setitem(iam_actions.SERVICE_TO_IAM_NAMESPACE, scope, scope)
    monkeypatch.setitem(iam_actions._BOTOCORE_SERVICE_MAP, scope, [scope])
    headers = {"x-amz-target": "CodeCommit_20150413.GetRepository"} if scope == "codecommit" else {}
    text = b"" if body is None else json.dumps(body).encode()
    found = moto_services.resource_arn(scope, method, path, headers, text, {}, "us-east-1", "123456789012")
    assert found == arn


WORKFLOW = {
    "Type": "AWS::ImageBuilder::Workflow",
    "Properties": {"Name": "agent", "Version": "1.0.0", "Type": "BUILD", "Data": "schemaVersion: 1.0"},
}
TEMPLATE: dict[str, Any] = {
    "Resources": {
        "Detector": {"Type": "AWS::GuardDuty::Detector", "Properties": {"Enable": True}},
        "Workflow": WORKFLOW,
        "Reader": {
            "Type": "AWS::IAM::Role",
            "Properties": {
                "RoleName": "reader",
                "AssumeRolePolicyDocument": {
                    "Version": "2012-10-17",
                    "Statement": [{"Effect": "Allow", "Principal": {"AWS": "*"}, "Action": "sts:AssumeRole"}],
                },
                "Policies": [
                    {
                        "PolicyName": "read",
                        "PolicyDocument": {
                            "Version": "2012-10-17",
                            "Statement": [
                                {
                                    "Effect": "Allow",
                                    "Action": "guardduty:GetDetector",
                                    "Resource": {"Fn::Sub": "arn:aws:guardduty:*:*:detector/${Detector}"},
                                }
                            ],
                        },
                    }
                ],
            },
        },
    },
    "Outputs": {
        "Detector": {"Value": {"Fn::GetAtt": ["Detector", "Id"]}},
        "Workflow": {"Value": {"Ref": "Workflow"}},
    },
}


def listed(run: Run, resource_type: str) -> list[str]:
    found = run.client("cloudcontrol").list_resources(TypeName=resource_type)["ResourceDescriptions"]
    return [one["Identifier"] for one in found]


def as_role(run: Run, name: str, service: str) -> Any:
    arn = f"arn:aws:iam::123456789012:role/{name}"
    given = run.client("sts").assume_role(RoleArn=arn, RoleSessionName="test")["Credentials"]
    return boto3.client(
        service,
        region_name="us-east-1",
        endpoint_url=run.sandbox.endpoint,
        verify=str(run.sandbox.ca),
        aws_access_key_id=given["AccessKeyId"],
        aws_secret_access_key=given["SecretAccessKey"],
        aws_session_token=given["SessionToken"],
    )


def updated(run: Run, stack: str, version: str) -> str:
    changed = json.loads(json.dumps(TEMPLATE))
    changed["Resources"]["Workflow"]["Properties"]["Version"] = version
    cloudformation = run.client("cloudformation")
    cloudformation.update_stack(
        StackName=stack, TemplateBody=json.dumps(changed), Capabilities=["CAPABILITY_NAMED_IAM"]
    )

    def ended() -> str | None:
        state: str = cloudformation.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"]
        return None if state.endswith("IN_PROGRESS") else state

    return run.wait(stack, ended)


def test_a_stack_of_recorded_resources_lives_as_on_aws(run: Run) -> None:
    workflow = f"arn:aws:imagebuilder:{ACCOUNT}:workflow/build/agent"
    guardduty = run.client("guardduty")
    with deployed(run, "recorded", TEMPLATE):
        outputs = run.outputs("recorded")
        assert outputs["Workflow"] == f"{workflow}/1.0.0/1"
        (detector,) = guardduty.list_detectors()["DetectorIds"]
        assert outputs["Detector"] == detector
        assert run.resource("recorded", "AWS::GuardDuty::Detector") == detector

        reader = as_role(run, "reader", "guardduty")
        assert reader.get_detector(DetectorId=detector)["Status"] == "ENABLED"
        with pytest.raises(ClientError, match="not authorized to perform: guardduty:GetDetector"):
            reader.get_detector(DetectorId="other")
        with pytest.raises(ClientError, match="not authorized to perform: guardduty:DeleteDetector"):
            reader.delete_detector(DetectorId=detector)

        assert updated(run, "recorded", "1.0.1") == "UPDATE_COMPLETE"
        assert listed(run, "AWS::ImageBuilder::Workflow") == [f"{workflow}/1.0.1/1"]
    assert listed(run, "AWS::ImageBuilder::Workflow") == []
    assert guardduty.list_detectors()["DetectorIds"] == []


def test_a_name_that_is_taken_fails_the_stack(run: Run) -> None:
    with (
        deployed(run, "first", {"Resources": {"Workflow": WORKFLOW}}),
        pytest.raises(Broken, match=r"workflow/build/agent/1\.0\.0/1' already exists"),
        deployed(run, "second", {"Resources": {"Workflow": WORKFLOW}}),
    ):
        pass


def test_a_wrong_property_fails_the_stack_whoever_provisions_the_type(run: Run) -> None:
    for resource in (
        {"Type": "AWS::SQS::Queue", "Properties": {"DelaySeconds": "soon"}},
        {"Type": "AWS::XRay::SamplingRule", "Properties": {"SamplingRule": {"Priority": "soon"}}},
    ):
        expected = "Properties validation failed for resource Wrong with message:\n.*expected type: Integer"
        with pytest.raises(Broken) as broken, deployed(run, "wrong", {"Resources": {"Wrong": resource}}):
            pass
        assert re.search(expected, str(broken.value), re.DOTALL)


def test_the_emulators_own_types_answer_as_on_aws(run: Run) -> None:
    template = {
        "Resources": {
            "Network": {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}},
            "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": []}},
        },
        "Outputs": {
            "Range": {"Value": {"Fn::GetAtt": ["Network", "CidrBlock"]}},
            "Name": {"Value": {"Ref": "Profile"}},
        },
    }
    with deployed(run, "native", template):
        outputs = run.outputs("native")
        assert outputs["Range"] == "10.0.0.0/16"
        profile = run.client("iam").get_instance_profile(InstanceProfileName=outputs["Name"])
        assert profile["InstanceProfile"]["Arn"].endswith(f"/{outputs['Name']}")
    names = [one["InstanceProfileName"] for one in run.client("iam").list_instance_profiles()["InstanceProfiles"]]
    assert outputs["Name"] not in names


def test_what_moto_makes_in_the_emulators_subnets_is_found(run: Run) -> None:
    zones = ("us-east-1a", "us-east-1b")
    subnets = {
        f"Subnet{number}": {
            "Type": "AWS::EC2::Subnet",
            "Properties": {"VpcId": {"Ref": "Network"}, "CidrBlock": f"10.0.{number}.0/24", "AvailabilityZone": zone},
        }
        for number, zone in enumerate(zones)
    }
    group = {
        "Type": "AWS::MemoryDB::SubnetGroup",
        "Properties": {"SubnetGroupName": "both", "SubnetIds": [{"Ref": name} for name in subnets]},
    }
    network = {"Type": "AWS::EC2::VPC", "Properties": {"CidrBlock": "10.0.0.0/16"}}
    with deployed(run, "group", {"Resources": {"Network": network, **subnets, "Group": group}}):
        found = run.client("memorydb").describe_subnet_groups()["SubnetGroups"]
        (both,) = (one for one in found if one["Name"] == "both")
        assert [one["Identifier"] for one in both["Subnets"]] == run.resources("group", "AWS::EC2::Subnet")
        assert listed(run, "AWS::MemoryDB::SubnetGroup") == ["both"]


def test_a_property_that_only_the_service_may_know_is_not_shown(run: Run) -> None:
    directory = {
        "Type": "AWS::DirectoryService::SimpleAD",
        "Properties": {
            "Name": "corp.example.com",
            "Password": "Passw0rd!xyz",
            "Size": "Small",
            "VpcSettings": {"VpcId": "vpc-00000001", "SubnetIds": ["subnet-00000001", "subnet-00000002"]},
        },
    }
    with deployed(run, "directory", {"Resources": {"Directory": directory}}):
        (id,) = listed(run, "AWS::DirectoryService::SimpleAD")
        recorded = run.client("cloudcontrol").get_resource(TypeName="AWS::DirectoryService::SimpleAD", Identifier=id)
        assert "Password" not in recorded["ResourceDescription"]["Properties"]


def test_what_moto_lacks_is_said(run: Run) -> None:
    with pytest.raises(ClientError, match="list_deployment_configs action has not been implemented"):
        run.client("codedeploy").list_deployment_configs()
