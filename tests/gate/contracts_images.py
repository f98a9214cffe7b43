"""What AWS's guides say EC2 Image Builder, pipelines and fleets need: see ``contracts.py``."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .intrinsics import PSEUDO, flat
from .needs import Need, Resources, name_of, used_by

ACCOUNT = PSEUDO["AWS::AccountId"]
HERE = f"{PSEUDO['AWS::Region']}:{ACCOUNT}"
CHANNELS = ("CreateControlChannel", "CreateDataChannel", "OpenControlChannel", "OpenDataChannel")


def image_pipeline(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderExecutionPolicy.html"""
    for name, pipeline in used_by(resources, "AWS::ImageBuilder::ImagePipeline"):
        role = name_of(pipeline.get("ExecutionRole", ""))
        infrastructure = _named(resources, pipeline["InfrastructureConfigurationArn"])
        profile = _named(resources, infrastructure.get("InstanceProfileName", ""))
        for instance_role in profile.get("Roles", ()):
            arn = f"<{name_of(instance_role)}.Arn>"
            yield Need(role, "iam:PassRole", arn, f"{name} starts instances with it")
        for group in infrastructure.get("SecurityGroupIds", ()):
            arn = f"arn:aws:ec2:{HERE}:security-group/{group}"
            yield Need(role, "ec2:RunInstances", arn, f"{name} starts instances in it")
        for call in ("ec2:CreateImage", "ec2:StopInstances", "ec2:TerminateInstances", "ssm:SendCommand"):
            yield Need(role, call, f"arn:aws:ec2:{HERE}:instance/*", f"{name} builds on it")
        for call in ("ec2:DescribeImages", "ec2:DescribeInstances", "ssm:ListCommandInvocations"):
            yield Need(role, call, "*", f"{name} follows what it does")
        for key in ("ImageLogGroupName", "PipelineLogGroupName"):
            group = name_of(pipeline.get("LoggingConfiguration", {}).get(key, ""))
            yield Need(role, "logs:PutLogEvents", f"<{group}.Arn>", f"{name} logs there")
        yield from _recipe(resources, name, role, _named(resources, pipeline["ImageRecipeArn"]))
        distribution = _named(resources, pipeline.get("DistributionConfigurationArn", ""))
        for one in distribution.get("Distributions", ()):
            yield from _distribution(name, role, one)


def _recipe(resources: Resources, name: str, role: str, recipe: dict[str, Any]) -> Iterator[Need]:
    for device in recipe.get("BlockDeviceMappings", ()):
        key = device["Ebs"].get("KmsKeyId")
        for call in ("kms:CreateGrant", "kms:Decrypt", "kms:GenerateDataKeyWithoutPlaintext") if key else ():
            yield Need(role, call, key, f"{name} encrypts volumes with it")


def _distribution(name: str, role: str, one: dict[str, Any]) -> Iterator[Need]:
    region, image = one["Region"], one.get("AmiDistributionConfiguration", {})
    for parameter in one.get("SsmParameterConfigurations", ()):
        if "AmiAccountId" not in parameter:
            arn = f"arn:aws:ssm:{region}:{ACCOUNT}:parameter{parameter['ParameterName']}"
            yield Need(role, "ssm:PutParameter", arn, f"{name} writes the id of the image to it")
    for account in image.get("TargetAccountIds", ()):
        arn = f"arn:aws:iam::{account}:role/EC2ImageBuilderDistributionCrossAccountRole"
        yield Need(role, "sts:AssumeRole", arn, f"{name} copies images to that account")
    if image.get("LaunchPermissionConfiguration"):
        yield Need(role, "ec2:ModifyImageAttribute", "arn:aws:ec2:*::image/*", f"{name} shares images")
    if image.get("KmsKeyId"):
        yield Need(role, "kms:CreateGrant", image["KmsKeyId"], f"{name} encrypts copies in {region} with it")


def image_builder_instance(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2InstanceProfileForImageBuilder.html

    For its agent also https://docs.aws.amazon.com/aws-managed-policy/latest/reference/AmazonSSMManagedInstanceCore.html
    """
    for name, pipeline in used_by(resources, "AWS::ImageBuilder::ImagePipeline"):
        recipe = _named(resources, pipeline["ImageRecipeArn"])
        infrastructure = _named(resources, pipeline["InfrastructureConfigurationArn"])
        for given in _named(resources, infrastructure.get("InstanceProfileName", "")).get("Roles", ()):
            role = name_of(given)
            instance = f"arn:aws:ec2:{HERE}:instance/*"
            yield Need(role, "ssm:UpdateInstanceInformation", instance, f"{name} starts it")
            for channel in CHANNELS:
                yield Need(role, f"ssmmessages:{channel}", "*", f"{name} sends it commands")
            for component in recipe.get("Components", ()):
                arn = component["ComponentArn"]
                own = _named(resources, arn).get("Name")
                wanted = f"arn:aws:imagebuilder:{HERE}:component/{own}/*" if own else arn
                yield Need(role, "imagebuilder:GetComponent", wanted, f"{name} runs components")


def image_lifecycle(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/aws-managed-policy/latest/reference/EC2ImageBuilderLifecycleExecutionPolicy.html"""
    for name, policy in used_by(resources, "AWS::ImageBuilder::LifecyclePolicy"):
        role = name_of(policy["ExecutionRole"])
        for detail in policy["PolicyDetails"]:
            deletes = detail["Action"]["Type"] == "DELETE"
            call = "ec2:DeregisterImage" if deletes else "ec2:EnableImageDeprecation"
            yield Need(role, call, "arn:aws:ec2:*::image/*", f"{name} does so with old images")
            if deletes and detail["Action"]["IncludeResources"].get("Snapshots"):
                yield Need(role, "ec2:DeleteSnapshot", "arn:aws:ec2:*::snapshot/*", f"{name} deletes them too")
        for recipe in policy["ResourceSelection"].get("Recipes", ()):
            arn = f"arn:aws:imagebuilder:{HERE}:image/{recipe['Name']}/*"
            yield Need(role, "imagebuilder:DeleteImage", arn, f"{name} deletes them")


def pipeline_actions(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/codepipeline/latest/userguide/how-to-custom-role.html"""
    for name, pipeline in used_by(resources, "AWS::CodePipeline::Pipeline"):
        own = name_of(pipeline["RoleArn"])
        for stage in pipeline["Stages"]:
            for action in stage["Actions"]:
                where = f"{name} does {stage['Name']}/{action['Name']}"
                if "RoleArn" in action:
                    yield Need(own, "sts:AssumeRole", action["RoleArn"], where)
                role = name_of(action.get("RoleArn", pipeline["RoleArn"]))
                yield from _action(role, action["ActionTypeId"]["Provider"], action["Configuration"], where)
        for store in _stores(pipeline):
            for call in ("s3:GetObject", "s3:PutObject"):
                yield Need(own, call, _objects(store), f"{name} keeps artifacts there")


def _action(role: str, provider: str, given: dict[str, Any], why: str) -> Iterator[Need]:
    if provider == "CodeCommit":
        repository = given["RepositoryName"]
        known = repository.startswith("<")
        arn = f"<{name_of(repository)}.Arn>" if known else f"arn:aws:codecommit:{HERE}:{repository}"
        for call in ("GetBranch", "GetCommit", "GetUploadArchiveStatus", "UploadArchive"):
            yield Need(role, f"codecommit:{call}", arn, why)
    elif provider == "CodeStarSourceConnection":
        service = given["ConnectionArn"].split(":")[2]
        yield Need(role, f"{service}:UseConnection", given["ConnectionArn"], why)
    elif provider == "CodeBuild":
        for call in ("codebuild:BatchGetBuilds", "codebuild:StartBuild"):
            yield Need(role, call, f"<{name_of(given['ProjectName'])}.Arn>", why)
    elif provider == "Manual" and "NotificationArn" in given:
        yield Need(role, "sns:Publish", given["NotificationArn"], why)
    elif provider == "CloudFormation":
        prepares = given["ActionMode"] == "CHANGE_SET_REPLACE"
        calls = ("CreateChangeSet", "DeleteChangeSet", "DescribeChangeSet") if prepares else ("ExecuteChangeSet",)
        for call in (*calls, "DescribeStacks"):
            yield Need(role, f"cloudformation:{call}", f"*:stack/{given['StackName']}/*", why)
        if "RoleArn" in given:
            yield Need(role, "iam:PassRole", given["RoleArn"], why)


def _stores(pipeline: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        *([pipeline["ArtifactStore"]] if "ArtifactStore" in pipeline else []),
        *(one["ArtifactStore"] for one in pipeline.get("ArtifactStores", ())),
    ]


def _objects(store: dict[str, Any]) -> str:
    """Return the objects of a bucket, of the template or known by its name."""
    bucket = store["Location"]
    return f"<{name_of(bucket)}.Arn>/*" if bucket.startswith("<") else f"arn:aws:s3:::{bucket}/*"


def build_project(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/codebuild/latest/userguide/setting-up-service-role.html"""
    for name, project in used_by(resources, "AWS::CodeBuild::Project"):
        role = name_of(project["ServiceRole"])
        group = name_of(project.get("LogsConfig", {}).get("CloudWatchLogs", {}).get("GroupName", ""))
        for call in ("logs:CreateLogStream", "logs:PutLogEvents") if group else ():
            yield Need(role, call, f"<{group}.Arn>", f"{name} logs there")
        for _, pipeline in used_by(resources, "AWS::CodePipeline::Pipeline"):
            for store in _stores(pipeline)[:1]:
                for call in ("s3:GetObject", "s3:PutObject"):
                    yield Need(role, call, _objects(store), f"{name} reads the source and writes templates")


def events_rule_to_pipeline(resources: Resources) -> Iterator[Need]:
    """https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-use-identity-based.html"""
    for name, rule in used_by(resources, "AWS::Events::Rule"):
        for target in rule.get("Targets") or ():
            if ":codepipeline:" in target["Arn"]:
                role = name_of(target["RoleArn"])
                yield Need(role, "codepipeline:StartPipelineExecution", target["Arn"], f"{name} starts it")


def _named(resources: Resources, reference: str) -> dict[str, Any]:
    """Return the properties of a resource of the template; nothing for one of elsewhere."""
    found: dict[str, Any] = flat(resources.get(name_of(str(reference)), {}).get("Properties", {}))
    return found


IMAGE_CONTRACTS = (
    image_pipeline,
    image_builder_instance,
    image_lifecycle,
    pipeline_actions,
    build_project,
    events_rule_to_pipeline,
)
