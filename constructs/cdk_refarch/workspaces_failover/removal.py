"""What stays of a site when it is removed, and what does not stay of a deployment that fails."""

from __future__ import annotations

import aws_cdk as cdk


def kept(made: cdk.CfnResource | cdk.CustomResource, policy: cdk.RemovalPolicy) -> None:
    """Give its policy to what can be there only once, such as a registration, an IP group or a user's WorkSpace.

    What is to be retained stays when it leaves the template or its stack goes, but not when the deployment that has
    made it is rolled back: the next one would find it there and be refused.
    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-deletionpolicy.html

    Args:
        made: The resource.
        policy: The argument ``removal_policy``.
    """
    retained = policy is cdk.RemovalPolicy.RETAIN
    made.apply_removal_policy(cdk.RemovalPolicy.RETAIN_ON_UPDATE_OR_DELETE if retained else policy)
