"""Refusal of what an image cannot be built from, or on."""

from __future__ import annotations

import re
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_flag, elements
from cdk_refarch._parts.resource_checks import check_resource, check_same_account

from .component_checks import FROM_X_ON, MANAGED, VERSION
from .image_values import BuildInstance, Platform, RootVolume

MAX_VOLUME = 16_000
"""In GiB: https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_EbsInstanceBlockDeviceSpecification.html"""

MAX_GROUPS = 16
"""Of a network interface: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html#vpc-limits-security-groups"""

AMI = "ami-(?:[0-9a-f]{8}|[0-9a-f]{17})"
IMAGE_ARN = (
    r"arn:aws[^:]*:imagebuilder:[^:]+:(?:[0-9]{12}|aws(?:-[a-z-]+)?|aws-marketplace):image/[a-z0-9-_]+/"
    rf"(?:{FROM_X_ON}|{VERSION}/[0-9]+)"
)
PARAMETER = r"ssm:[a-zA-Z0-9_.\-/]+"
PARENT_RULE = "the name of an image of Amazon, the ARN of an image, the id of an AMI, or ssm: with a parameter's name"
"""https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateImageRecipe.html"""

FLOATING = rf"(?!ami-|prod-)(?:{MANAGED}|{PARAMETER}|arn:.*x)"
"""Parent images of which newer ones are noticed."""

INSTANCE_TYPE = r"[a-z][a-z0-9-]*\.[a-z0-9-]+"
GRAVITON = r"(?:a1|[a-z]+[0-9]+g[a-z]*)\..*"
"""https://docs.aws.amazon.com/ec2/latest/instancetypes/instance-type-names.html"""

OTHER_TYPES = {"arm64": "m7g.large", "x86": "m7i.large"}

DIRECTORIES: Mapping[Platform, tuple[str, str]] = {
    "LINUX": ("/.*", "a path from / on"),
    "WINDOWS": (r"[A-Za-z]:[/\\].*", "a path from a drive on, such as D:/build"),
}
DEVICES: Mapping[Platform, tuple[str, str]] = {
    "LINUX": (r"/dev/[a-z0-9]+", "/dev/xvda"),
    "WINDOWS": (r"/dev/[a-z0-9]+|xvd[a-z]", "/dev/sda1"),
}


def check_parent(checks: Checks, scope: Construct, parent: object, platform: Platform) -> str | None:
    """Return the parent image, or None for one that is only known at deployment.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        parent: The argument.
        platform: What the image runs; checked before.

    Raises:
        ValueError: If it is in none of the forms, of another region, or runs something else.
    """
    remedy = "give amazon-linux-2023-x86, say"
    name = checks.text("parent_image", parent, remedy=remedy)
    if name is None:
        return None
    if name.startswith("prod-"):
        remedy = "give the id of the product's AMI, or ssm: with the parameter that AWS Marketplace has for it"
        checks.refuse("parent_image", PARENT_RULE, f"the product {name!r}", remedy)
    pattern = AMI if name.startswith("ami-") else f"{MANAGED}|{IMAGE_ARN}|{PARAMETER}"
    checks.matches("parent_image", name, pattern, rule=PARENT_RULE, remedy=remedy)
    if name.startswith("arn:"):
        here, there = cdk.Stack.of(scope).region, name.split(":")[3]
        if here != there and not is_token(here):
            rule = f"in the region of the stack, {here}"
            checks.refuse("parent_image", rule, there, "use one of the same region")
        if not name.split(":")[4].startswith("aws"):
            return name
    managed = name.split("/")[1] if name.startswith("arn:") else name
    if re.fullmatch(MANAGED, managed) and not managed.startswith("ami-"):
        runs = "WINDOWS" if managed.startswith("windows-") else "macOS" if managed.startswith("macos-") else "LINUX"
        if runs != platform:
            remedy = "give another image" if runs == "macOS" else f"give platform={runs!r}, or another image"
            checks.refuse("parent_image and platform", "of one kind", f"{managed!r} and {platform!r}", remedy)
    return name


def check_volume(checks: Checks, volume: object, platform: Platform) -> None:
    """Check the root volume.

    Args:
        checks: The checks of the construct.
        volume: The argument.
        platform: What the image runs; checked before.

    Raises:
        ValueError: If there is no such volume.
    """
    if not isinstance(volume, RootVolume):
        checks.refuse("volume", "a RootVolume", f"{type(volume).__name__} {volume!r}", "give RootVolume(size_gib=16)")
    remedy = "leave it out for the size of the parent image"
    checks.number("volume.size_gib", volume.size_gib, 1, MAX_VOLUME, unit="GiB", remedy=remedy)
    if volume.device_name is not None:
        pattern, example = DEVICES[platform]
        rule = f"the name of a device such as {example}"
        remedy = "leave it out for the usual one"
        checks.matches("volume.device_name", volume.device_name, pattern, rule=rule, remedy=remedy)


def check_build(
    checks: Checks, scope: Construct, vpc: object, build: object, parent: str | None, platform: Platform
) -> None:
    """Check the instances that the image is built and tested on.

    Args:
        checks: The checks of the construct.
        scope: The scope that the construct will be put in.
        vpc: The argument.
        build: The argument.
        parent: The parent image, once checked; None when it is not known.
        platform: What the image runs; checked before.

    Raises:
        ValueError: If no instance could be started, or not where it must be.
    """
    if vpc is None:
        checks.refuse("vpc", "an IVpc", "NoneType None", "give a construct that implements IVpc")
    check_resource(checks, scope, "vpc", vpc, "vpc_id", "IVpc")
    check_same_account(checks, "vpc", vpc, scope, "use one of the same account")
    if not isinstance(build, BuildInstance):
        checks.refuse("build", "a BuildInstance", f"{type(build).__name__} {build!r}", "give BuildInstance(...)")
    _check_types(checks, build.instance_types, parent)
    _check_subnets(checks, vpc, build.subnets)
    _check_groups(checks, scope, build.security_groups)
    remedy = "give a list of iam.PolicyStatement(...)"
    for one in elements(checks, "build.statements", build.statements, unit="statements", remedy=remedy, known=True):
        checks.instance("each of build.statements", one, iam.PolicyStatement, remedy=remedy)
    remedy = "give False to look at an instance after a failure"
    check_flag(checks, "build.terminate_on_failure", build.terminate_on_failure, remedy=remedy)
    if build.working_directory is not None:
        pattern, rule = DIRECTORIES[platform]
        remedy = "leave it out for the usual one"
        checks.matches("build.working_directory", build.working_directory, pattern, rule=rule, remedy=remedy)


def _check_types(checks: Checks, types: object, parent: str | None) -> None:
    argument, remedy = "build.instance_types", "give ['m7i.large', 'm6i.large'], say"
    given = elements(checks, argument, types, unit="types", remedy=remedy, low=1)
    found: dict[str, str] = {}
    for one in given:
        checks.matches(argument, one, INSTANCE_TYPE, rule="a list of types such as m7i.large", remedy=remedy)
        if not is_token(one):
            found["arm64" if re.fullmatch(GRAVITON, one) else "x86"] = one
    if len(found) > 1:
        got = f"{found['x86']} and {found['arm64']}"
        checks.refuse(argument, "a list of types of one architecture", got, "give two images of their own")
    architecture = re.search("-(x86|arm64)(?:/|$)", parent or "")
    if architecture and found and architecture[1] not in found:
        got = f"{parent!r} and {next(iter(found.values()))}"
        remedy = f"give {OTHER_TYPES[architecture[1]]}, say"
        checks.refuse(f"parent_image and {argument}", "of one architecture", got, remedy)


def _check_subnets(checks: Checks, vpc: object, subnets: object) -> None:
    if subnets is not None and not isinstance(subnets, ec2.SubnetSelection):
        got = f"{type(subnets).__name__} {subnets!r}"
        checks.refuse("build.subnets", "an ec2.SubnetSelection", got, "give ec2.SubnetSelection(...)")
    if subnets is None:
        if not vpc.private_subnets:  # type: ignore[attr-defined] # checked before
            remedy = "give subnets that reach Systems Manager, Image Builder, CloudWatch Logs and Amazon S3"
            rule = "one with private subnets when build.subnets is None"
            checks.refuse("vpc", rule, "one without", remedy)
    elif subnets.subnets is not None and not subnets.subnets:
        remedy = "leave build.subnets out for private ones with a way out"
        checks.refuse("build.subnets", "a selection with one subnet or more", "one with none", remedy)


def _check_groups(checks: Checks, scope: Construct, groups: object) -> None:
    if groups is None:
        return
    argument, remedy = "build.security_groups", "leave it out for one that is created"
    given = elements(
        checks, argument, groups, unit="security groups", remedy=remedy, low=1, high=MAX_GROUPS, known=True
    )
    for index, one in enumerate(given):
        at = f"{argument}[{index}]"
        if one is None:
            checks.refuse(at, "an ISecurityGroup", "NoneType None", "leave it out")
        check_resource(checks, scope, at, one, "security_group_id", "ISecurityGroup")
        check_same_account(checks, at, one, scope, "use one of the same account")
