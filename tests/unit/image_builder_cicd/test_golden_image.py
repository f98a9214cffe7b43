"""What a golden image creates: components, recipe, instances, distribution, pipeline, image, and what becomes of it."""

from __future__ import annotations

import json
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2

from cdk_refarch import GoldenImage
from tests.unit.image_builder_cicd.built import (
    ACCOUNT,
    AMAZON,
    FAR_KEY,
    GROUP,
    ORGANIZATION,
    PARENT,
    PRIVATE_SUBNET,
    PUBLIC_SUBNET,
    REGION,
    TEMPLATE_IDS,
    UNIT,
    VENDOR,
    VPC,
    WEB,
    YAML,
    Built,
    Scene,
    built,
)
from tests.unit.templates import Template


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def pipeline(scene: Scene) -> Any:
    return scene.of(scene.image.pipeline)


def test_everything_has_a_name_of_the_stack_and_the_place_in_it(made: Built) -> None:
    for scene in made.scenes.values():
        for kind in ("ImageRecipe", "InfrastructureConfiguration", "DistributionConfiguration", "ImagePipeline"):
            assert [one["Name"] for one in scene.all(f"ImageBuilder::{kind}")] == [scene.prefix]
        assert {one["Name"] for one in scene.all("ImageBuilder::LifecyclePolicy")} <= {scene.prefix}
        named = {one["Name"] for one in scene.all("ImageBuilder::Component")}
        assert named == {f"{scene.prefix}-{id.lower()}" for id in scene.image.components}
    assert set(made.full.image.components) == {"Web", "Harden", "Long"}


def test_a_mapping_becomes_json_and_a_file_stays_as_it_is(made: Built) -> None:
    web, harden = (made.full.of(made.full.image.components[id]) for id in ("Web", "Harden"))
    assert json.loads(web["Data"]) == WEB
    assert "# é" in web["Data"]
    assert list(json.loads(web["Data"])) == list(WEB)
    assert (web["Version"], web["Platform"], "Uri" in web) == ("2.1.0", "Linux", False)
    assert (harden["Data"], harden["Version"]) == (YAML, "1.0.0")


def test_a_document_of_more_than_16000_characters_becomes_an_asset(made: Built) -> None:
    long = made.full.of(made.full.image.components["Long"])
    assert "Data" not in long
    bucket = f"s3://cdk-hnb659fds-assets-{ACCOUNT}-{REGION}/"
    assert long["Uri"].startswith(bucket)
    # The key is the hash of the content, so that another content is another component.
    assert len(long["Uri"].removeprefix(bucket)) == 64 + len(".yaml")


def test_the_recipe_names_components_in_the_given_order(made: Built) -> None:
    assert made.full.of(made.full.image.recipe)["Components"] == [
        {"ComponentArn": f"{AMAZON}:component/update-linux/x.x.x"},
        {"ComponentArn": "<ImageComponentsWeb.Arn>", "Parameters": [{"Name": "Port", "Value": ["8080"]}]},
        {"ComponentArn": "<ImageComponentsHarden.Arn>"},
        {"ComponentArn": VENDOR, "Parameters": [{"Name": "Modes", "Value": ["a", "b"]}]},
        {"ComponentArn": "<ImageComponentsLong.Arn>"},
    ]
    assert "Components" not in made.plain.of(made.plain.image.recipe)


@pytest.mark.parametrize(
    ("scene", "parent", "version", "device", "size", "folder"),
    [
        ("plain", f"{AMAZON}:image/amazon-linux-2023-x86/x.x.x", "1.0.x", "/dev/xvda", None, None),
        ("full", PARENT, "2.x.x", "/dev/sda1", 40, "/var/build"),
        ("bare", f"{AMAZON}:image/windows-server-2022-english-core-base-x86/x.x.x", "1.0.x", "/dev/sda1", None, None),
    ],
)
def test_the_recipe_has_its_parent_its_version_and_an_encrypted_volume(
    made: Built, scene: str, parent: str, version: str, device: str, size: int | None, folder: str | None
) -> None:
    where: Scene = getattr(made, scene)
    found = where.of(where.image.recipe)
    assert (found["ParentImage"], found["Version"], found.get("WorkingDirectory")) == (parent, version, folder)
    (volume,) = found["BlockDeviceMappings"]
    assert volume["DeviceName"] == device
    expected = {"Encrypted": True, "KmsKeyId": where.key_arn(), "VolumeType": "gp3", "DeleteOnTermination": True}
    assert volume["Ebs"] == ({**expected, "VolumeSize": size} if size else expected)


def test_components_recipes_and_images_stay_when_others_take_their_place(made: Built) -> None:
    for kind, count in (("Component", 3), ("ImageRecipe", 1), ("Image", 1)):
        found = made.full.template.all(f"AWS::ImageBuilder::{kind}")
        assert len(found) == count
        for one in found:
            assert (one["UpdateReplacePolicy"], one["DeletionPolicy"][:6]) == ("Retain", "Retain")


def test_instances_answer_signed_questions_alone_and_have_no_key_pair(made: Built) -> None:
    for scene in made.scenes.values():
        found = scene.of(scene.image.build.configuration)
        # Containers on the instance are one hop farther away.
        assert found["InstanceMetadataOptions"] == {"HttpTokens": "required", "HttpPutResponseHopLimit": 2}
        assert "KeyPair" not in found
        assert scene.all("IAM::InstanceProfile") == [{"Roles": ["<ImageBuildInstanceRole>"]}]
        assert found["InstanceProfileName"] == "<ImageBuildInstanceProfile>"


def test_instances_are_of_the_given_types_in_the_first_of_the_subnets(made: Built) -> None:
    plain, full = (scene.of(scene.image.build.configuration) for scene in (made.plain, made.full))
    assert plain["InstanceTypes"] == ["m7i-flex.large", "m7i.large", "m6i.large"]
    assert full["InstanceTypes"] == ["m7i.large"]
    assert (plain["SubnetId"], full["SubnetId"]) == (PRIVATE_SUBNET, PUBLIC_SUBNET)
    assert (plain["TerminateInstanceOnFailure"], full["TerminateInstanceOnFailure"]) == (True, False)


def test_nobody_reaches_an_instance_and_it_reaches_https_alone(made: Built) -> None:
    for scene in (made.plain, made.full):
        (group,) = scene.all("EC2::SecurityGroup")
        assert "SecurityGroupIngress" not in group
        assert scene.template.all("AWS::EC2::SecurityGroupIngress") == []
        (rule,) = group["SecurityGroupEgress"]
        del rule["Description"]
        assert rule == {"CidrIp": "0.0.0.0/0", "IpProtocol": "tcp", "FromPort": 443, "ToPort": 443}
        assert group["VpcId"] == VPC
        assert scene.image.build.security_group is not None
        found = scene.of(scene.image.build.configuration)
        assert found["SecurityGroupIds"] == ["<ImageBuildSecurityGroup.GroupId>"]


def test_given_security_groups_are_used_and_none_is_made(made: Built) -> None:
    assert made.bare.of(made.bare.image.build.configuration)["SecurityGroupIds"] == [GROUP]
    assert made.bare.all("EC2::SecurityGroup") == []
    assert made.bare.image.build.security_group is None


def test_the_first_instance_waits_for_the_way_out_of_its_network() -> None:
    stack = cdk.Stack(cdk.App(), "Stack")
    image = GoldenImage(stack, "Image", vpc=ec2.Vpc(stack, "Vpc", nat_gateways=1))
    template = Template(stack)
    waited_for = {
        template.json["Resources"][one]["Type"] for one in template.resource(image.build.configuration)["DependsOn"]
    }
    assert "AWS::EC2::Route" in waited_for


def test_the_pipeline_is_enabled_and_has_all_its_parts(made: Built) -> None:
    for scene in made.scenes.values():
        found = pipeline(scene)
        assert {name: found[name] for name in found if name.endswith("Arn")} == {
            "ImageRecipeArn": "<ImageRecipe.Arn>",
            "InfrastructureConfigurationArn": "<ImageBuildInfrastructure.Arn>",
            "DistributionConfigurationArn": "<ImageDistribution.Arn>",
        }
        assert (found["Status"], found["ExecutionRole"]) == ("ENABLED", "<ImageExecutionRole.Arn>")
        assert found["EnhancedImageMetadataEnabled"] is True
        assert found["LoggingConfiguration"] == {
            "ImageLogGroupName": "<ImageBuildImageLog>",
            "PipelineLogGroupName": "<ImageBuildPipelineLog>",
        }


def test_images_are_tested_and_scanned_as_asked_for(made: Built) -> None:
    assert [pipeline(one)["ImageTestsConfiguration"] for one in (made.plain, made.full, made.bare)] == [
        {"ImageTestsEnabled": on} for on in (True, True, False)
    ]
    assert pipeline(made.full)["ImageScanningConfiguration"] == {"ImageScanningEnabled": True}
    assert "ImageScanningConfiguration" not in pipeline(made.plain)


def test_the_schedule_says_when_in_which_zone_and_how_often_it_may_fail(made: Built) -> None:
    assert pipeline(made.plain)["Schedule"] == {
        "ScheduleExpression": "cron(0 3 ? * sun *)",
        "Timezone": "Etc/UTC",
        "PipelineExecutionStartCondition": "EXPRESSION_MATCH_AND_DEPENDENCY_UPDATES_AVAILABLE",
        "AutoDisablePolicy": {"FailureCount": 3},
    }
    assert pipeline(made.full)["Schedule"] == {
        "ScheduleExpression": "rate(7 days)",
        "Timezone": "Europe/Berlin",
        "PipelineExecutionStartCondition": "EXPRESSION_MATCH_ONLY",
        "AutoDisablePolicy": {"FailureCount": 10},
    }
    assert "Schedule" not in pipeline(made.bare)


def test_a_deployment_that_changes_the_pipeline_builds_an_image_and_waits_for_it(made: Built) -> None:
    for scene in (made.plain, made.full):
        assert scene.of(scene.image.image) == {
            "ImagePipelineExecutionSettings": {"DeploymentId": "<ImagePipeline.DeploymentId>", "OnUpdate": True}
        }
    assert made.bare.image.image is None
    assert made.bare.all("ImageBuilder::Image") == []


NAME = "{}-{{{{ imagebuilder:buildDate }}}}"


def test_an_image_goes_to_its_own_region_and_into_its_parameter(made: Built) -> None:
    assert made.plain.of(made.plain.image.distribution)["Distributions"] == [
        {
            "Region": REGION,
            "AmiDistributionConfiguration": {"Name": NAME.format(made.plain.prefix)},
            "SsmParameterConfigurations": [
                {"DataType": "aws:ec2:image", "ParameterName": f"/imagebuilder/{made.plain.prefix}/latest"}
            ],
        }
    ]
    assert made.plain.image.parameter_name == f"/imagebuilder/{made.plain.prefix}/latest"


def test_an_image_goes_to_regions_accounts_organizations_and_launch_templates(made: Built) -> None:
    home, far, quiet = made.full.of(made.full.image.distribution)["Distributions"]
    to = {"DataType": "aws:ec2:image", "ParameterName": "/images/web"}
    name = NAME.format(made.full.prefix)
    assert home == {
        "Region": REGION,
        "AmiDistributionConfiguration": {
            "Name": name,
            # The key of the copies: that of the image itself is the recipe's.
            "KmsKeyId": made.full.key_arn(),
            "TargetAccountIds": ["444455556666"],
            "LaunchPermissionConfiguration": {
                "UserIds": ["777788889999", "555566667777"],
                "OrganizationArns": [ORGANIZATION],
            },
        },
        "SsmParameterConfigurations": [to, {**to, "AmiAccountId": "444455556666"}],
        "LaunchTemplateConfigurations": [
            {"LaunchTemplateId": TEMPLATE_IDS[0], "AccountId": ACCOUNT, "SetDefaultVersion": True},
            {"LaunchTemplateId": "lt-0123456789abcdef2", "AccountId": "444455556666", "SetDefaultVersion": False},
        ],
    }
    assert far == {
        "Region": "us-east-1",
        "AmiDistributionConfiguration": {
            "Name": name,
            "KmsKeyId": FAR_KEY,
            "LaunchPermissionConfiguration": {"OrganizationalUnitArns": [UNIT]},
        },
        "SsmParameterConfigurations": [to],
        "LaunchTemplateConfigurations": [
            {"LaunchTemplateId": TEMPLATE_IDS[1], "AccountId": ACCOUNT, "SetDefaultVersion": True}
        ],
    }
    assert quiet == {"Region": "ap-south-1", "AmiDistributionConfiguration": {"Name": name}}


AGE = {"Type": "AGE", "Unit": "DAYS"}


def excluded(days: int) -> dict[str, Any]:
    return {"Amis": {"LastLaunched": {"Unit": "DAYS", "Value": days}}}


def details(scene: Scene) -> Any:
    (policy,) = scene.all("ImageBuilder::LifecyclePolicy")
    assert (policy["ResourceType"], policy["Status"]) == ("AMI_IMAGE", "ENABLED")
    assert policy["ExecutionRole"] == "<ImageLifecycleRole.Arn>"
    # Of one version alone, the images of others would stay for ever.
    assert policy["ResourceSelection"] == {"Recipes": [{"Name": scene.prefix, "SemanticVersion": "x.x.x"}]}
    return policy["PolicyDetails"]


def test_old_images_are_deprecated_and_then_deleted_unless_they_are_used(made: Built) -> None:
    both = {"Amis": True, "Snapshots": True}
    assert details(made.plain) == [
        {
            "Action": {"Type": "DEPRECATE", "IncludeResources": {"Amis": True}},
            "Filter": {**AGE, "Value": 90},
            "ExclusionRules": excluded(90),
        },
        {
            "Action": {"Type": "DELETE", "IncludeResources": both},
            "Filter": {**AGE, "Value": 365, "RetainAtLeast": 5},
            "ExclusionRules": excluded(90),
        },
    ]
    assert details(made.full) == [
        {
            "Action": {"Type": "DELETE", "IncludeResources": both},
            "Filter": {**AGE, "Value": 120, "RetainAtLeast": 3},
            "ExclusionRules": excluded(30),
        }
    ]
    assert made.bare.image.lifecycle is None
    assert made.bare.all("ImageBuilder::LifecyclePolicy") == []
