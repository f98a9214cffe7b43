"""What is done to an image: its components, and the recipe that names them in their order."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import aws_cdk as cdk
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_kms as kms
from constructs import Construct

from .documents import read
from .image_values import ImageComponent, ManagedComponent, Platform, RootVolume

LONGEST_DATA = 16_000
"""How many characters of a document stand in a template:
https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-imagebuilder-component.html"""

ROOT_DEVICES: Mapping[Platform, str] = {"LINUX": "/dev/xvda", "WINDOWS": "/dev/sda1"}

Component = ImageComponent | ManagedComponent


def managed_arn(scope: Construct, kind: str, name: str, version: str = "x.x.x") -> str:
    """Return the ARN of something that Amazon manages.

    Args:
        scope: Any construct of the stack.
        kind: ``component`` or ``image``.
        name: Its name.
        version: Its version.
    """
    stack = cdk.Stack.of(scope)
    return f"arn:{stack.partition}:imagebuilder:{stack.region}:aws:{kind}/{name}/{version}"


def named_parent(scope: Construct, given: str) -> str:
    """Return a parent image as Image Builder names it.

    Args:
        scope: Any construct of the stack.
        given: The argument ``parent_image``.
    """
    if cdk.Token.is_unresolved(given) or not re.fullmatch(r"[a-z0-9-]+", given) or given.startswith("ami-"):
        return given
    return managed_arn(scope, "image", given)


def component_arns(scope: Construct, prefix: str, components: Sequence[Component]) -> list[str]:
    """Return the components as permissions name them, in all their builds.

    Args:
        scope: Any construct of the stack.
        prefix: What the names of one's own components begin with.
        components: The components of the recipe.
    """
    stack = cdk.Stack.of(scope)
    own = f"arn:{stack.partition}:imagebuilder:{stack.region}:{stack.account}:component/{prefix}-*"
    found = {own} if any(isinstance(one, ImageComponent) for one in components) else set()
    for one in components:
        if isinstance(one, ManagedComponent):
            arn = _arn(scope, one)
            found.add(arn if cdk.Token.is_unresolved(one.name) else f"{'/'.join(arn.split('/')[:2])}/*")
    # The component that Image Builder tests every image with stands in no recipe.
    found.add(f"arn:{stack.partition}:imagebuilder:{stack.region}:aws:component/*")
    return sorted(found)


def make_components(
    scope: Construct, *, prefix: str, components: Sequence[Component], platform: Platform
) -> dict[str, imagebuilder.CfnComponent]:
    """Create one's own components.

    Args:
        scope: The construct that they belong to.
        prefix: What their names begin with.
        components: The components of the recipe.
        platform: What the image runs.

    Returns:
        The components by id.
    """
    return {one.id: _component(scope, prefix, one, platform) for one in components if isinstance(one, ImageComponent)}


def _component(scope: Construct, prefix: str, one: ImageComponent, platform: Platform) -> imagebuilder.CfnComponent:
    text, _ = read(one)
    within = len(text) <= LONGEST_DATA
    made = imagebuilder.CfnComponent(
        scope,
        one.id,
        name=f"{prefix}-{one.id.lower()}",
        version=one.version,
        platform=platform.capitalize(),
        data=text if within else None,
        uri=None if within else _asset(scope, one),
    )
    # Old recipes go on naming it, and Image Builder deletes none that is named.
    made.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return made


def _asset(scope: Construct, one: ImageComponent) -> str:
    from aws_cdk import aws_s3_assets as assets

    return assets.Asset(scope, f"{one.id}Document", path=str(one.path)).s3_object_url


def make_recipe(
    scope: Construct,
    *,
    prefix: str,
    parent: str,
    version: str,
    components: Sequence[Component],
    made: Mapping[str, imagebuilder.CfnComponent],
    volume: RootVolume,
    platform: Platform,
    key: kms.IKey,
    working_directory: str | None,
) -> imagebuilder.CfnImageRecipe:
    """Create the recipe.

    Args:
        scope: The construct it belongs to.
        prefix: Its name.
        parent: The parent image, as Image Builder names it.
        version: Its version.
        components: Its components, in order.
        made: One's own components by id.
        volume: The root volume.
        platform: What the image runs.
        key: Encrypts the volume, and so the image.
        working_directory: Where components run; None for the default.
    """
    l1 = imagebuilder.CfnImageRecipe
    recipe = l1(
        scope,
        "Recipe",
        name=prefix,
        version=version,
        parent_image=parent,
        components=[_use(scope, one, made) for one in components] or None,
        working_directory=working_directory,
        block_device_mappings=[
            l1.InstanceBlockDeviceMappingProperty(
                device_name=volume.device_name or ROOT_DEVICES[platform],
                ebs=l1.EbsInstanceBlockDeviceSpecificationProperty(
                    encrypted=True,
                    kms_key_id=key.key_arn,
                    volume_type="gp3",
                    volume_size=volume.size_gib,
                    delete_on_termination=True,
                ),
            )
        ],
    )
    # Old images go on naming it, and Image Builder deletes none that is named.
    recipe.apply_removal_policy(cdk.RemovalPolicy.RETAIN)
    return recipe


def _use(
    scope: Construct, one: Component, made: Mapping[str, imagebuilder.CfnComponent]
) -> imagebuilder.CfnImageRecipe.ComponentConfigurationProperty:
    l1 = imagebuilder.CfnImageRecipe
    arn = made[one.id].attr_arn if isinstance(one, ImageComponent) else _arn(scope, one)
    return l1.ComponentConfigurationProperty(
        component_arn=arn,
        parameters=[
            l1.ComponentParameterProperty(name=name, value=[value] if isinstance(value, str) else list(value))
            for name, value in one.parameters.items()
        ]
        or None,
    )


def _arn(scope: Construct, one: ManagedComponent) -> str:
    if one.name.startswith("arn:") or cdk.Token.is_unresolved(one.name):
        return one.name
    return managed_arn(scope, "component", one.name, one.version)
