"""Images that could not be built, or would not be kept up to date, are refused in words that tell what to do."""

from __future__ import annotations

import dataclasses
import re
from typing import Any

import aws_cdk as cdk
import pytest
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam

from cdk_refarch.image_builder_cicd.image import build_checks, component_checks, image_checks
from cdk_refarch.image_builder_cicd.image.golden_image import GoldenImage
from cdk_refarch.image_builder_cicd.image.image_values import (
    BuildInstance,
    BuildSchedule,
    ImageRegion,
    ManagedComponent,
    RootVolume,
)
from tests.unit import refusals as given
from tests.unit.image_builder_cicd.refusals import (
    BARE_VPC,
    EVERYTHING,
    FAR,
    FAR_VPC,
    IMAGE_ARN,
    OTHERS,
    OTHERS_VPC,
    OWN,
    UPDATE,
    image,
    network,
    stack,
)
from tests.unit.refusals import Call, Case, checks, names, refused

HERE_ARN, THERE_ARN = (
    f"arn:aws:imagebuilder:{where}:aws:component/update-linux/x.x.x" for where in ("eu-west-1", "us-east-1")
)
PARENTS = "the name of an image of Amazon, the ARN of an image, the id of an AMI, or ssm: with a parameter's name"
GROUP = ec2.SecurityGroup.from_security_group_id(stack, "Group", "sg-1")
FAR_GROUP = ec2.SecurityGroup.from_security_group_id(FAR, "Group", "sg-1")


def components(*wanted: Any, platform: Any = "LINUX") -> Call:
    return lambda: component_checks.check_components(checks, stack, list(wanted), platform)


def own(**arguments: Any) -> Call:
    return components(dataclasses.replace(OWN, **arguments))


def managed(name: Any = "update-linux", **arguments: Any) -> Call:
    return components(ManagedComponent(name=name, **arguments))


def build(**arguments: Any) -> Call:
    return image(build=BuildInstance(**arguments))


def types(*wanted: Any, parent: str = "amazon-linux-2023-x86") -> Call:
    return image(build=BuildInstance(instance_types=wanted), parent_image=parent)


COMPONENTS: list[Case] = [
    (image(components="update-linux"), "components must be a list, got str 'update-linux'; give [ImageComponent(...), ManagedComponent(...)]"),
    (components("update-linux"), "components[0] must be an ImageComponent or a ManagedComponent, got str 'update-linux'; give [ImageComponent(...), ManagedComponent(...)]"),
    (components(*(ManagedComponent(name=f"a{index}") for index in range(21))), "components must be a list of 0 to 20 components, got a list of 21; give [ImageComponent(...), ManagedComponent(...)]"),
    *((own(id=wrong), f"components[0].id must be a PascalCase word of 1 to 50 letters and digits, got {wrong!r}; call it WebServer, say") for wrong in ("web", "Web-Server", "", "A" * 51)),
    (own(id=given.LATER), "components[0].id must be known when the app runs, got a token; call it WebServer, say"),
    (own(id="Default"), "components[0].id must be one without a meaning of its own in the CDK, got 'Default'; call it WebServer, say"),
    (components(OWN, dataclasses.replace(OWN, id="OWN")), "components[1] must be a component that the image does not have yet, got 'id own'; drop one of them: ids and names that differ in case are the same"),
    (components(UPDATE, ManagedComponent(name=HERE_ARN)), "components[1] must be a component that the image does not have yet, got 'name update-linux'; drop one of them: ids and names that differ in case are the same"),
    (own(path="a.yaml"), "components[0].document and components[0].path must be given one at a time, got both; give one of them"),
    (own(document=None), "components[0].document and components[0].path must be given one at a time, got neither; give one of them"),
    *((own(version=wrong), f"components[0].version must be three numbers with dots between, got {wrong!r}; give 1.0.0, say: x is for recipes, and for components that exist") for wrong in ("1.0.x", "1.0", "v1.0.0", "1.0.01", "1.0.1234567890")),
    (own(parameters={}), "components[0].parameters must be a mapping with Version, which the document gives no default, got one without; give a value, or a default in the document"),
    (own(parameters={"Version": "1", "Port": "80"}), "components[0].parameters must be values of parameters that the document declares, Version, Source, got 'Port'; declare it in the document, or leave it out"),
    (own(parameters={"Version": ["1"]}), "components[0].parameters['Version'] must be text, got ['1']; give one text"),
    (own(parameters={"Version": 1}), "components[0].parameters['Version'] must be text, got int 1; give {'Name': 'value'}"),
    (own(parameters={"Version": "\0"}), "components[0].parameters['Version'] must be text without the character 0, got '\\x00'; leave it out"),
    (own(parameters={given.LATER: "1"}), "components[0].parameters must be known when the app runs, got a token; give {'Name': 'value'}"),
    (own(parameters=["Version"]), "components[0].parameters must be a mapping of names to values, got list ['Version']; give {'Name': 'value'}"),
    (managed("Update-Linux"), "components[0].name must be a name of lower-case letters, digits and -, or an ARN, got 'Update-Linux'; give update-linux, say"),
    (managed(""), "components[0].name must be text that is not empty, got ''; give update-linux, say, or an ARN"),
    *((managed(version=wrong), f"components[0].version must be three numbers with dots between, or x for them from one on to the end, got {wrong!r}; give x.x.x for the latest") for wrong in ("1.x.0", "x.0.0", "x.x", "latest")),
    (managed("arn:aws:imagebuilder:eu-west-1:aws:component/update-linux"), "components[0].name must be the ARN of a component with its version, got 'arn:aws:imagebuilder:eu-west-1:aws:component/update-linux'; end it with /x.x.x, say"),
    (managed(HERE_ARN, version="1.0.0"), "components[0].version must be left out with an ARN, got the ARN's and '1.0.0'; put it at the end of the ARN"),
    (managed(THERE_ARN), f"components[0].name {given.ELSEWHERE}"),
    (components(ManagedComponent(name="update-windows")), "components[0].name must be for LINUX when platform is LINUX, got 'update-windows'; write 'update-linux', if there is one"),
    (components(ManagedComponent(name=HERE_ARN), platform="WINDOWS"), "components[0].name must be for WINDOWS when platform is WINDOWS, got 'update-linux'; write 'update-windows', if there is one"),
]  # fmt: skip

RECIPE: list[Case] = [
    (image(platform="linux"), "platform must be one of LINUX, WINDOWS, got 'linux'; write 'LINUX'"),
    (image(platform="MACOS"), "platform must be one of LINUX, WINDOWS, got 'MACOS'; there is no other"),
    (image(platform=given.LATER), "platform must be known when the app runs, got a token; give LINUX or WINDOWS"),
    *((image(parent_image=wrong), f"parent_image must be {PARENTS}, got {wrong!r}; give amazon-linux-2023-x86, say") for wrong in ("Amazon Linux", "ami-123", "ami-0123456789abcdefg", "ssm:", f"{IMAGE_ARN}x.0.0", "https://a")),
    (image(parent_image="prod-abcdefghijklm"), f"parent_image must be {PARENTS}, got the product 'prod-abcdefghijklm'; give the id of the product's AMI, or ssm: with the parameter that AWS Marketplace has for it"),
    (image(parent_image=None), "parent_image must be text, got NoneType None; give amazon-linux-2023-x86, say"),
    (image(parent_image=f"{IMAGE_ARN.replace('eu-west-1', 'us-east-1')}x.x.x"), f"parent_image {given.ELSEWHERE}"),
    (image(parent_image="windows-server-2025-english-full-base-x86"), "parent_image and platform must be of one kind, got 'windows-server-2025-english-full-base-x86' and 'LINUX'; give platform='WINDOWS', or another image"),
    (image(parent_image="arn:aws:imagebuilder:eu-west-1:aws:image/macos-sonoma-arm64/x.x.x"), "parent_image and platform must be of one kind, got 'macos-sonoma-arm64' and 'LINUX'; give another image"),
    *((image(recipe_version=wrong), f"recipe_version must be three numbers with dots between, or x for them from one on to the end, got {wrong!r}; give 1.0.x to have Image Builder count") for wrong in ("1.x.0", "x.1.x", "1.0", "1.0.0.0", "1.0.X")),
    (image(volume=20), "volume must be a RootVolume, got int 20; give RootVolume(size_gib=16)"),
    *((image(volume=RootVolume(size_gib=wrong)), f"volume.size_gib must be from 1 GiB to 16000 GiB, got {wrong} GiB; leave it out for the size of the parent image") for wrong in (0, 16_001)),
    (image(volume=RootVolume(device_name="xvda")), "volume.device_name must be the name of a device such as /dev/xvda, got 'xvda'; leave it out for the usual one"),
    (image(tests="yes"), "tests must be True or False, got 'yes'; give False to test nothing"),
    (image(scan=None), "scan must be True or False, got None; give True to have Amazon Inspector scan the image"),
    (image(scan=True, tests=False), "scan and tests must be switched on together, got scan alone; what is scanned is the instance that tests run on"),
    (image(build_on_deploy=1), "build_on_deploy must be True or False, got 1; give False to build by the schedule alone"),
    (image(encryption_key=given.ALIAS), f"encryption_key {given.AN_ALIAS}"),
    (image(encryption_key=given.RSA_KEY), "encryption_key must be a symmetric key for encryption, got RSA_2048; volumes, images and logs take no other"),
    (image(log_retention=30), "log_retention must be a RetentionDays, got int 30; give logs.RetentionDays.ONE_YEAR, say"),
]  # fmt: skip

BUILD: list[Case] = [
    (image(vpc=None), "vpc must be an IVpc, got NoneType None; give a construct that implements IVpc"),
    (image(vpc="vpc-1"), "vpc must be an IVpc, got str 'vpc-1'; give a construct that implements IVpc"),
    (image(vpc=FAR_VPC), f"vpc {given.ELSEWHERE}"),
    (image(vpc=OTHERS_VPC), f"vpc {given.OTHER_ACCOUNT}; use one of the same account"),
    (image(vpc=BARE_VPC), "vpc must be one with private subnets when build.subnets is None, got one without; give subnets that reach Systems Manager, Image Builder, CloudWatch Logs and Amazon S3"),
    (image(build=None), "build must be a BuildInstance, got NoneType None; give BuildInstance(...)"),
    (build(subnets="subnet-1"), "build.subnets must be an ec2.SubnetSelection, got str 'subnet-1'; give ec2.SubnetSelection(...)"),
    (build(subnets=ec2.SubnetSelection(subnets=[])), "build.subnets must be a selection with one subnet or more, got one with none; leave build.subnets out for private ones with a way out"),
    (build(security_groups=[]), "build.security_groups must be a list of 1 to 16 security groups, got a list of 0; leave it out for one that is created"),
    (build(security_groups=[GROUP] * 17), "build.security_groups must be a list of 1 to 16 security groups, got a list of 17; leave it out for one that is created"),
    (build(security_groups=["sg-1"]), "build.security_groups[0] must be an ISecurityGroup, got str 'sg-1'; give a construct that implements ISecurityGroup"),
    (build(security_groups=[None]), "build.security_groups[0] must be an ISecurityGroup, got NoneType None; leave it out"),
    (build(security_groups=[GROUP, FAR_GROUP]), f"build.security_groups[1] {given.ELSEWHERE}"),
    (build(security_groups=[ec2.SecurityGroup(OTHERS, "Group", vpc=OTHERS_VPC)]), f"build.security_groups[0] {given.OTHER_ACCOUNT}; use one of the same account"),
    (build(statements=[{}]), "each of build.statements must be a PolicyStatement, got dict {}; give a list of iam.PolicyStatement(...)"),
    (build(terminate_on_failure="no"), "build.terminate_on_failure must be True or False, got 'no'; give False to look at an instance after a failure"),
    (build(working_directory="build"), "build.working_directory must be a path from / on, got 'build'; leave it out for the usual one"),
    (types(), "build.instance_types must be a list of 1 or more types, got a list of 0; give ['m7i.large', 'm6i.large'], say"),
    (types("large"), "build.instance_types must be a list of types such as m7i.large, got 'large'; give ['m7i.large', 'm6i.large'], say"),
    (types("m7i.large", "m7g.large"), "build.instance_types must be a list of types of one architecture, got m7i.large and m7g.large; give two images of their own"),
    (types("c7gn.large"), "parent_image and build.instance_types must be of one architecture, got 'amazon-linux-2023-x86' and c7gn.large; give m7i.large, say"),
    (image(parent_image="amazon-linux-2023-arm64"), "parent_image and build.instance_types must be of one architecture, got 'amazon-linux-2023-arm64' and m6i.large; give m7g.large, say"),
]  # fmt: skip

ALL = [*COMPONENTS, *RECIPE, *BUILD]

LEGAL: list[Call] = [
    image(),
    image(components=()),
    components(*(ManagedComponent(name=f"a{index}") for index in range(20))),
    own(id="A" * 50, version="0.0.999999999", parameters={"Version": given.LATER, "Source": ""}),
    own(version=given.LATER),
    *(managed(version=version) for version in ("1.2.3", "1.2.x", "1.x.x", given.LATER)),
    managed(given.LATER),
    managed(HERE_ARN, parameters={"Any": ["a", given.LATER]}),
    managed("arn:aws:imagebuilder:eu-west-1:444455556666:component/own-windows/1.0.0/3"),
    lambda: component_checks.check_components(checks, given.anywhere, [ManagedComponent(name=THERE_ARN)], "LINUX"),
    image(parent_image=given.LATER, recipe_version=given.LATER),
    image(parent_image="ssm:/aws/service/ami-amazon-linux-latest/al2023-ami-kernel-default-x86_64"),
    *(image(parent_image=f"{IMAGE_ARN}{version}") for version in ("x.x.x", "1.x.x", "1.0.x")),
    image(parent_image="ami-0123456789abcdef0", schedule=BuildSchedule(only_with_updates=False)),
    image(parent_image="ami-01234567", schedule=None),
    image(parent_image="windows-server-2025-english-full-base-x86", platform="WINDOWS", components=[], build=BuildInstance(working_directory="D:/build"), volume=RootVolume(device_name="xvdf")),
    *(image(recipe_version=version) for version in ("1.0.0", "1.x.x", "x.x.x")),
    *(image(volume=RootVolume(size_gib=size, device_name="/dev/sda1")) for size in (1, 16_000, given.LATER_NUMBER)),
    image(tests=False, build_on_deploy=False, lifecycle=None, stale_after=None, schedule=None),
    image(scan=True),
    image(vpc=BARE_VPC, build=BuildInstance(subnets=ec2.SubnetSelection(subnet_type=ec2.SubnetType.PUBLIC))),
    build(security_groups=[GROUP], statements=[iam.PolicyStatement()], terminate_on_failure=False),
    build(working_directory="/opt/build"),
    types("m7i.large", given.LATER),
    types("c7gn.large", "t4g.small", "a1.large", "im4gn.large", parent="amazon-linux-2023-arm64"),
    types("m7g.large", parent="ssm:/own/parent"),
    types("u-6tb1.metal", "g5.xlarge", "p4d.24xlarge", "mac1.metal"),
]  # fmt: skip


@pytest.mark.parametrize(("call", "message"), ALL, ids=names(ALL))
def test_rejects(call: Call, message: str) -> None:
    refused(call, message)


@pytest.mark.parametrize("call", LEGAL)
def test_accepts(call: Call) -> None:
    call()


def test_the_construct_refuses_before_anything_is_created() -> None:
    app = cdk.App()
    home = cdk.Stack(app, "Home", env=cdk.Environment(account="111122223333", region="eu-west-1"))
    vpc = network(home)
    for arguments, message in (
        ({"recipe_version": "1.x.0"}, "recipe_version must be three numbers with dots between"),
        (
            {"components": [dataclasses.replace(OWN, document={"phases": []})]},
            "components[0].document must be a mapping with the key schemaVersion",
        ),
        (
            {"distribution": [ImageRegion(region="us-east-1")]},
            "distribution must be a list with the region of the stack",
        ),
        ({"stale_after": cdk.Duration.days(7)}, "stale_after and schedule.expression must be longer than"),
    ):
        with pytest.raises(ValueError, match="must be") as caught:
            GoldenImage(home, "Image", vpc=vpc, **arguments)
        assert str(caught.value).startswith(f"Home/Image: {message}")
    assert [one.node.id for one in home.node.children] == ["Vpc"]


def test_every_argument_of_the_construct_is_checked() -> None:
    accepted = set(GoldenImage.__init__.__kwdefaults__ or {}) | {"vpc"}
    assert set(image_checks.check_image.__annotations__) - {"checks", "scope", "return"} == accepted == set(EVERYTHING)


def test_graviton_is_told_from_other_processors() -> None:
    arm = ("m6g", "c7gd", "r8g", "t4g", "g5g", "hpc7g", "x2gd", "is4gen", "im4gn", "a1")
    intel = ("m5", "g4dn", "g5", "g6e", "inf2", "p5en", "trn1", "vt1", "gr6", "u7i-6tb", "mac1")
    assert [one for one in (*arm, *intel) if re.fullmatch(build_checks.GRAVITON, f"{one}.large")] == list(arm)
