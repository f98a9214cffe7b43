"""A small stack with a golden image, for tests of Image Builder in the sandbox."""

from __future__ import annotations

import copy
import json
from typing import Any

from sandbox.run import Run

ACCOUNT, REGION = "123456789012", "us-east-1"
PARENT = f"arn:aws:imagebuilder:{REGION}:aws:image/amazon-linux-2023-x86/x.x.x"
Template = dict[str, Any]
MARK = "EC2 Image Builder"
NAME = "golden-base"
PARAMETER = "/golden/base"
LISTS = [
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
        allow("ec2:CopyImage"),
        allow("ssm:PutParameter", on=[f"arn:aws:ssm:*:{ACCOUNT}:parameter{PARAMETER}"]),
        allow("logs:CreateLogStream", "logs:PutLogEvents", on=f"arn:aws:logs:*:*:log-group:{NAME}*"),
    )


def instance_role() -> Template:
    return role(
        "ec2.amazonaws.com",
        allow("ssm:UpdateInstanceInformation", "ssmmessages:*"),
        allow("imagebuilder:GetComponent", on="arn:aws:imagebuilder:*:*:component/*"),
    )


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
        "Infrastructure": resource(
            "InfrastructureConfiguration", Name=NAME, InstanceProfileName={"Ref": "Profile"}
        ),
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
        ),
    }
    template: Template = {"Resources": resources}
    if image:
        settings = {"DeploymentId": {"Fn::GetAtt": ["Pipeline", "DeploymentId"]}, "OnUpdate": True}
        resources["Image"] = resource("Image", ImagePipelineExecutionSettings=settings)
        template["Outputs"] = {"Ami": {"Value": {"Fn::GetAtt": ["Image", "ImageId"]}}}
    return copy.deepcopy(template)


def without(template: Template, logical_id: str, action: str) -> Template:
    """The template without an action in the policies of a role."""
    for policy in template["Resources"][logical_id]["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            statement["Action"] = [one for one in statement["Action"] if one != action] or ["none:None"]
    return template


def built(run: Run, image: str) -> Template:
    """An image when it has been built, or not."""
    client = run.client("imagebuilder")

    def ended() -> Template | None:
        found: Template = client.get_image(imageBuildVersionArn=image)["image"]
        return found if found["state"]["status"] in ("AVAILABLE", "FAILED", "CANCELLED") else None

    return run.wait(image, ended, 20)


def parameter(run: Run) -> str | None:
    """The value of the parameter, None if there is none."""
    ssm = run.client("ssm")
    found = ssm.get_parameters(Names=[PARAMETER])["Parameters"]
    return str(found[0]["Value"]) if found else None
