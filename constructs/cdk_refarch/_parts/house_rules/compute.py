"""Rules about fleets, images and failover, which CloudFormation would refuse or worse."""

from __future__ import annotations

import re
from collections.abc import Iterator

from .rule import rule
from .template import Resource, Template, dig, flag, listing, literal, number

GROUP = "AWS::AutoScaling::AutoScalingGroup"
LONGEST_PAUSE = 3600


@rule(GROUP)
def rolling_update_without_room(resource: Resource, template: Template) -> Iterator[str]:
    """A rolling update that may take no instance out of service and start none beyond the largest size cannot begin.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
    """
    kept = number(dig(resource.body, "UpdatePolicy", "AutoScalingRollingUpdate", "MinInstancesInService"))
    largest = number(resource.get("MaxSize"))
    if kept is not None and largest is not None and kept >= largest:
        yield (
            f"a rolling update cannot keep {kept:g} instances of a group of at most {largest:g}; "
            "lower MinInstancesInService or raise MaxSize"
        )


@rule(GROUP)
def pause_time_invalid(resource: Resource, template: Template) -> Iterator[str]:
    """CloudFormation takes a pause as an ISO 8601 duration of hours, minutes and seconds, up to one hour.

    https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-attribute-updatepolicy.html
    """
    pause = literal(dig(resource.body, "UpdatePolicy", "AutoScalingRollingUpdate", "PauseTime"))
    if pause is None:
        return
    found = re.fullmatch(r"PT(?=\d)(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?", pause)
    if not found:
        yield f"PauseTime must be an ISO 8601 duration, got {pause!r}; write it as PT15M"
        return
    hours, minutes, seconds = (int(part or 0) for part in found.groups())
    if hours * 3600 + minutes * 60 + seconds > LONGEST_PAUSE:
        yield f"PauseTime must be at most PT1H, got {pause}; lower it"


@rule("AWS::ImageBuilder::Component", "AWS::ImageBuilder::Workflow")
def component_version_not_exact(resource: Resource, template: Template) -> Iterator[str]:
    """Image Builder takes a wildcard where a component is used or where a recipe is made, but not for a component.

    https://docs.aws.amazon.com/imagebuilder/latest/APIReference/API_CreateComponent.html
    """
    version = literal(resource.get("Version"))
    if version is not None and not re.fullmatch(r"\d+\.\d+\.\d+", version):
        yield f"Version must be three numbers such as 1.0.0, got {version!r}; write it without wildcards"


@rule("AWS::ImageBuilder::ContainerRecipe", "AWS::ImageBuilder::ImageRecipe")
def recipe_version_out_of_order(resource: Resource, template: Template) -> Iterator[str]:
    """Image Builder counts up the first wildcard of a recipe's version, so that all behind it must be wildcards too.

    https://docs.aws.amazon.com/imagebuilder/latest/userguide/create-image-recipes.html
    """
    version = literal(resource.get("Version"))
    if version is not None and not re.fullmatch(r"\d+\.\d+\.(\d+|x)|(\d+|x)\.x\.x", version):
        yield f"Version must be three numbers, the last of them x or all from an x on, got {version!r}; write 1.0.x"


@rule("AWS::ImageBuilder::InfrastructureConfiguration")
def build_instance_without_imdsv2(resource: Resource, template: Template) -> Iterator[str]:
    """With version 1 of the metadata service, a request forged on the build instance reads the credentials of its role.

    https://docs.aws.amazon.com/imagebuilder/latest/userguide/security-best-practices.html
    """
    tokens = resource.get("InstanceMetadataOptions", "HttpTokens")
    if tokens is None or (literal(tokens) or "required") != "required":
        yield "build instances serve metadata without a token; set InstanceMetadataOptions.HttpTokens to required"


@rule("AWS::Route53::RecordSet", "AWS::Route53::RecordSetGroup")
def failover_record_without_health_check(resource: Resource, template: Template) -> Iterator[str]:
    """Route 53 takes a record without a health check for healthy always, so that a primary one never fails over.

    https://docs.aws.amazon.com/Route53/latest/DeveloperGuide/dns-failover-simple-configs.html
    """
    records = listing(resource.get("RecordSets")) if resource.kind.endswith("Group") else [resource.get()]
    for record in records:
        target = dig(record, "AliasTarget", "EvaluateTargetHealth")
        evaluated = target is not None and flag(target) is not False
        if literal(dig(record, "Failover")) == "PRIMARY" and dig(record, "HealthCheckId") is None and not evaluated:
            yield "the primary record never fails over; set HealthCheckId, or EvaluateTargetHealth of an alias"
