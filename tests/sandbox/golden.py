"""A small stack with a golden image, for tests of Image Builder in the sandbox."""

from __future__ import annotations

import copy
import json
from typing import Any

import boto3

from sandbox.run import Run

ACCOUNT, REGION = "123456789012", "us-east-1"
PARENT = f"arn:aws:imagebuilder:{REGION}:aws:image/amazon-linux-2023-x86/x.x.x"
Template = dict[str, Any]
MARK = "EC2 Image Builder"
NAME = "golden-base"
PARAMETER = "/golden/base"
OTHER, FRIEND = "eu-west-1", "210987654321"
LISTS = [
    "inspector2:List*",
    "ec2:Describe*",
    "ssm:Describe*",
    "ssm:Get*",
    "ssm:List*",
    "ssm:CreateAssociation",
    "ssm:DeleteAssociation",
    "ssm:AddTagsToResource",
]


def document(build: str = "echo 1 > /etc/golden", test: str = "test -s /etc/golden") -> Template:
    """A component that writes a file, and looks whether the image has it."""

    def phase(name: str, command: str) -> Template:
        step = {"name": "Do", "action": "ExecuteBash", "inputs": {"commands": ["set -e", command]}}
        return {"name": name, "steps": [step]}

    return {"schemaVersion": 1.0, "phases": [phase("build", build), phase("test", test)]}


def role(service: str, *statements: Template) -> Template:
    trust = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    policy = {"PolicyName": "Own", "PolicyDocument": {"Version": "2012-10-17", "Statement": list(statements)}}
    return {
        "Type": "AWS::IAM::Role",
        "Properties": {"AssumeRolePolicyDocument": {"Statement": [trust]}, "Policies": [policy]},
    }


def allow(*actions: str, on: Any = "*", **condition: Any) -> Template:
    given = {"Condition": condition} if condition else {}
    return {"Effect": "Allow", "Action": list(actions), "Resource": on, **given}


def execution_role() -> Template:
    """What Image Builder needs for one image in two regions, by tags where AWS has them."""
    tagging, tagged = {"aws:RequestTag/CreatedBy": MARK}, {"aws:ResourceTag/CreatedBy": MARK}
    ec2 = "arn:aws:ec2:*"
    return role(
        "imagebuilder.amazonaws.com",
        allow(*LISTS),
        allow("ec2:RunInstances", on=[f"{ec2}:{one}/*" for one in (":image", "*:subnet", "*:security-group")]),
        allow("ec2:RunInstances", on=f"{ec2}:*:network-interface/*"),
        allow("ec2:RunInstances", "ec2:CreateTags", StringEquals=tagging),
        allow("iam:PassRole", StringEquals={"iam:PassedToService": "ec2.amazonaws.com"}),
        allow("ec2:StopInstances", "ec2:TerminateInstances", "ec2:CreateImage", "ssm:SendCommand", StringEquals=tagged),
        allow("ec2:CreateImage", StringEquals=tagging),
        allow("ssm:SendCommand", on="arn:aws:ssm:*::document/AWS-RunShellScript"),
        allow("ec2:CreateTags", on=f"{ec2}::image/*"),
        allow("ec2:CopyImage", "ec2:ModifyImageAttribute", "ec2:ModifySnapshotAttribute"),
        allow("ssm:PutParameter", on=[f"arn:aws:ssm:*:{ACCOUNT}:parameter{PARAMETER}"]),
        allow("logs:CreateLogStream", "logs:PutLogEvents", on=f"arn:aws:logs:*:*:log-group:{NAME}*"),
    )


def instance_role() -> Template:
    return role(
        "ec2.amazonaws.com",
        allow("ssm:UpdateInstanceInformation", "ssmmessages:*"),
        allow("imagebuilder:GetComponent", on="arn:aws:imagebuilder:*:*:component/*"),
    )


def policy(*details: Template) -> Template:
    """A lifecycle policy for all images of the recipe, with its role, which may touch what Image Builder made."""
    tagged = {"aws:ResourceTag/CreatedBy": MARK}
    actions = ("ec2:EnableImageDeprecation", "ec2:DisableImage", "ec2:DeregisterImage", "ec2:DeleteSnapshot")
    return {
        "PolicyRole": role(
            "imagebuilder.amazonaws.com",
            allow(*actions, "ec2:CreateTags", StringEquals=tagged),
            allow("ec2:DescribeImages", "tag:GetResources", "imagebuilder:DeleteImage"),
        ),
        "Policy": resource(
            "LifecyclePolicy",
            Name=NAME,
            ExecutionRole={"Fn::GetAtt": ["PolicyRole", "Arn"]},
            ResourceType="AMI_IMAGE",
            ResourceSelection={"Recipes": [{"Name": NAME, "SemanticVersion": "x.x.x"}]},
            PolicyDetails=list(details),
        ),
    }


def detail(kind: str, days: int, **more: Any) -> Template:
    included = {"Amis": True, "Snapshots": True} if kind == "DELETE" else {"Amis": True}
    found = {"Type": "AGE", "Value": days, "Unit": "DAYS", **more}
    return {"Action": {"Type": kind, "IncludeResources": included}, "Filter": found}


def region(name: str, **more: Any) -> Template:
    parameter = {"ParameterName": PARAMETER, "DataType": "aws:ec2:image"}
    ami = {"Name": f"{NAME}-{{{{ imagebuilder:buildDate }}}}", "AmiTags": {"Team": "Images"}}
    return {"Region": name, "AmiDistributionConfiguration": ami, "SsmParameterConfigurations": [parameter], **more}


def resource(kind: str, **properties: Any) -> Template:
    return {"Type": f"AWS::ImageBuilder::{kind}", "Properties": properties}


def golden(content: Template | None = None, *regions: Template, image: bool = True) -> Template:
    """The template; without an image nothing is built at deployment."""
    data = json.dumps(content or document())
    resources: Template = {
        "InstanceRole": instance_role(),
        "ExecutionRole": execution_role(),
        "Profile": {"Type": "AWS::IAM::InstanceProfile", "Properties": {"Roles": [{"Ref": "InstanceRole"}]}},
        "Group": {"Type": "AWS::Logs::LogGroup", "Properties": {"LogGroupName": NAME}},
        "Component": resource("Component", Name=NAME, Platform="Linux", Version="1.0.0", Data=data),
        "Recipe": resource(
            "ImageRecipe",
            Name=NAME,
            Version="1.0.x",
            ParentImage=PARENT,
            Components=[{"ComponentArn": {"Ref": "Component"}}],
        ),
        "Infrastructure": resource("InfrastructureConfiguration", Name=NAME, InstanceProfileName={"Ref": "Profile"}),
        "Distribution": resource(
            "DistributionConfiguration", Name=NAME, Distributions=list(regions) or [region(REGION)]
        ),
        "Pipeline": resource(
            "ImagePipeline",
            Name=NAME,
            ImageRecipeArn={"Ref": "Recipe"},
            InfrastructureConfigurationArn={"Ref": "Infrastructure"},
            DistributionConfigurationArn={"Ref": "Distribution"},
            ExecutionRole={"Fn::GetAtt": ["ExecutionRole", "Arn"]},
            LoggingConfiguration={"ImageLogGroupName": {"Ref": "Group"}},
            ImageScanningConfiguration={"ImageScanningEnabled": True},
            Schedule={"ScheduleExpression": "cron(0 3 ? * sun *)", "AutoDisablePolicy": {"FailureCount": 2}},
        ),
    }
    template: Template = {"Resources": resources}
    if image:
        settings = {"DeploymentId": {"Fn::GetAtt": ["Pipeline", "DeploymentId"]}, "OnUpdate": True}
        resources["Image"] = resource("Image", ImagePipelineExecutionSettings=settings)
        template["Outputs"] = {"Ami": {"Value": {"Fn::GetAtt": ["Image", "ImageId"]}}}
    return copy.deepcopy(template)


def built(run: Run, image: str) -> Template:
    """An image when it has been built, or not."""
    client = run.client("imagebuilder")

    def ended() -> Template | None:
        found: Template = client.get_image(imageBuildVersionArn=image)["image"]
        return found if found["state"]["status"] in ("AVAILABLE", "FAILED", "CANCELLED") else None

    return run.wait(image, ended, 20)


def elsewhere(run: Run, service: str, region: str = REGION, account: str = ACCOUNT) -> Any:
    """A client of another region, or of another account's root user."""
    key = "test" if account == ACCOUNT else account
    return boto3.client(
        service,
        region_name=region,
        endpoint_url=run.sandbox.endpoint,
        verify=str(run.sandbox.ca),
        aws_access_key_id=key,
        aws_secret_access_key="test",  # noqa: S106 - what the emulator takes for the root user's key
    )


def parameter(run: Run, where: str = REGION, account: str = ACCOUNT) -> str | None:
    """The value of the parameter, None if there is none."""
    ssm = elsewhere(run, "ssm", where, account)
    found = ssm.get_parameters(Names=[PARAMETER])["Parameters"]
    return str(found[0]["Value"]) if found else None
