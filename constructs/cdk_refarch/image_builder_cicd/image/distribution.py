"""Where an image goes, as Image Builder is told."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import aws_cdk as cdk
from aws_cdk import aws_imagebuilder as imagebuilder
from aws_cdk import aws_kms as kms
from constructs import Construct

from .image_values import ImageRegion

L1 = imagebuilder.CfnDistributionConfiguration
BUILD_DATE = "{{ imagebuilder:buildDate }}"
"""What makes names of images unique, which Image Builder demands."""

IMAGE = "aws:ec2:image"
"""The type of a parameter that Systems Manager takes ids of images for alone."""


def distribution_configuration(
    scope: Construct, *, prefix: str, regions: Sequence[ImageRegion], parameter_name: str, key: kms.IKey
) -> imagebuilder.CfnDistributionConfiguration:
    """Create the distribution configuration.

    Args:
        scope: The construct it belongs to.
        prefix: Its name, and what the names of the images begin with.
        regions: Where the image goes.
        parameter_name: The parameter that gets its id.
        key: Encrypts it in the stack's region.
    """
    home = cdk.Stack.of(scope).region
    return L1(
        scope,
        "Distribution",
        name=prefix,
        distributions=[_distribution(one, home, prefix, parameter_name, key, scope) for one in regions],
    )


def _distribution(
    one: ImageRegion, home: str, prefix: str, parameter_name: str, key: kms.IKey, scope: Construct
) -> imagebuilder.CfnDistributionConfiguration.DistributionProperty:
    region = one.region or home
    return L1.DistributionProperty(
        region=region,
        ami_distribution_configuration=_of_image(one, prefix, _key_arn(one, region == home, key)),
        ssm_parameter_configurations=list(_parameters(one, parameter_name)) or None,
        launch_template_configurations=[
            L1.LaunchTemplateConfigurationProperty(
                launch_template_id=template.launch_template_id,
                account_id=template.account or cdk.Stack.of(scope).account,
                set_default_version=template.set_default,
            )
            for template in one.launch_templates
        ]
        or None,
    )


def _key_arn(one: ImageRegion, is_home: bool, key: kms.IKey) -> str | None:
    if one.encryption_key is not None:
        return one.encryption_key.key_arn
    # Says what copies for other accounts are encrypted with: the image itself has the key of the recipe.
    return key.key_arn if is_home and one.copy_to_accounts else None


def _of_image(one: ImageRegion, prefix: str, key_arn: str | None) -> dict[str, Any]:
    # Of no type to the CDK, which passes on the names of its members as they are.
    found: dict[str, Any] = {"Name": f"{prefix}-{BUILD_DATE}"}
    if key_arn is not None:
        found["KmsKeyId"] = key_arn
    if one.copy_to_accounts:
        found["TargetAccountIds"] = list(one.copy_to_accounts)
    shared = {
        "UserIds": list(one.share_with_accounts),
        "OrganizationArns": list(one.share_with_organizations),
        "OrganizationalUnitArns": list(one.share_with_organizational_units),
    }
    if any(shared.values()):
        found["LaunchPermissionConfiguration"] = {name: value for name, value in shared.items() if value}
    return found


def _parameters(
    one: ImageRegion, name: str
) -> Iterator[imagebuilder.CfnDistributionConfiguration.SsmParameterConfigurationProperty]:
    if one.parameter:
        yield L1.SsmParameterConfigurationProperty(parameter_name=name, data_type=IMAGE)
        for account in one.copy_to_accounts:
            yield L1.SsmParameterConfigurationProperty(parameter_name=name, data_type=IMAGE, ami_account_id=account)
