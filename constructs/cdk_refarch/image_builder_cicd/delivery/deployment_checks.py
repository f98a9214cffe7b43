"""Refusal of fleets that a pipeline cannot deploy, or by roles that are not there."""

from __future__ import annotations

import json
from collections.abc import Mapping

import aws_cdk as cdk
from aws_cdk import aws_s3 as s3
from constructs import Construct

from cdk_refarch._parts.checks import Checks, is_token
from cdk_refarch._parts.list_checks import check_known, elements
from cdk_refarch._parts.resource_checks import check_resource

from .delivery_checks import check_template
from .delivery_values import FleetDeployment
from .stack_checks import check_role_arn, check_stack_name, check_statements, check_text_mapping

REGION = r"[a-z]{2,4}(-[a-z]+)+-[0-9]"
ACCOUNT = r"[0-9]{12}"

MOST_FLEETS = 26
"""One alone, and in the stage of the others 50 actions, two for each:
https://docs.aws.amazon.com/codepipeline/latest/userguide/limits.html"""

MOST_PARAMETERS = 1000
"""As JSON, in characters:
https://docs.aws.amazon.com/codepipeline/latest/userguide/action-reference-CloudFormation.html"""

CDK_IDS = ("Default", "Resource")
"""The CDK leaves these out of the ids that it makes, so that two things may get the same."""


def check_fleets(checks: Checks, scope: Construct, fleets: object, buckets: object) -> None:
    """Check the fleets, and the buckets for artifacts of their regions.

    Args:
        checks: The checks of the construct.
        scope: The scope that it will be put in.
        fleets: The argument.
        buckets: The argument ``artifact_buckets``.

    Raises:
        ValueError: If AWS would refuse one, or it could not be reached.
    """
    _check_buckets(checks, scope, buckets)
    if isinstance(fleets, FleetDeployment):
        checks.refuse("fleets", "a list", "one FleetDeployment", "put brackets around it")
    remedy = "give [FleetDeployment(...)]"
    seen: set[str] = set()
    for fleet in elements(checks, "fleets", fleets, unit="fleets", remedy=remedy, low=1, high=MOST_FLEETS, known=True):
        checks.instance("each of fleets", fleet, FleetDeployment, remedy="give FleetDeployment(...)")
        _check_id(checks, fleet.id)
        if fleet.id in seen:
            checks.refuse("fleets", "a list with distinct ids", f"{fleet.id!r} twice", "give one of them another id")
        seen.add(fleet.id)
        _check_fleet(checks.within(fleet.id), scope, fleet, buckets)  # type: ignore[arg-type]


def _check_id(checks: Checks, id: object) -> None:
    remedy = "call it Canary, say"
    check_known(checks, "id of each of fleets", id, remedy=remedy)
    rule = "a PascalCase word of 1 to 64 letters and digits"
    checks.matches("id of each of fleets", str(id), r"[A-Z][A-Za-z0-9]{0,63}", rule=rule, remedy=remedy)
    if id in CDK_IDS:
        checks.refuse("id of each of fleets", "one without a meaning of its own in the CDK", repr(id), remedy)


def _check_fleet(checks: Checks, scope: Construct, fleet: FleetDeployment, buckets: Mapping[str, s3.IBucket]) -> None:
    check_stack_name(checks, "stack_name", fleet.stack_name)
    check_template(checks, "template", fleet.template)
    remedy = "give {'MinSize': '2'}, say"
    parameters = check_text_mapping(checks, "parameters", fleet.parameters, remedy=remedy)
    for name in parameters:
        rule = "letters and digits alone"
        checks.matches("each name in parameters", name, "[A-Za-z0-9]{1,255}", rule=rule, remedy="rename it")
    size = len(json.dumps(dict(parameters), separators=(",", ":")))
    if size > MOST_PARAMETERS:
        remedy = "give what is long a default in the template"
        checks.refuse("parameters", f"at most {MOST_PARAMETERS} characters as JSON", f"{size}", remedy)
    check_statements(checks, "statements", fleet.statements)
    _check_account(checks, scope, fleet)
    _check_region(checks, scope, fleet, buckets)


def is_away(scope: Construct, fleet: FleetDeployment) -> bool:
    """Tell whether a fleet is in another account than the pipeline.

    Args:
        scope: The pipeline's construct, or its scope.
        fleet: The fleet.
    """
    return fleet.account is not None and fleet.account != cdk.Stack.of(scope).account


def region_of(scope: Construct, fleet: FleetDeployment) -> str | None:
    """Return the region of a fleet if it is another than the pipeline's, else None.

    Args:
        scope: The pipeline's construct, or its scope.
        fleet: The fleet.
    """
    return None if fleet.region == cdk.Stack.of(scope).region else fleet.region


def _check_account(checks: Checks, scope: Construct, fleet: FleetDeployment) -> None:
    if fleet.account is not None:
        remedy = "give '111122223333', say"
        check_known(checks, "account", fleet.account, remedy=remedy)
        checks.matches("account", fleet.account, ACCOUNT, rule="an account id of 12 digits", remedy=remedy)
    away = is_away(scope, fleet)
    account = fleet.account if away else None
    check_role_arn(checks, "action_role_arn", fleet.action_role_arn, account)
    check_role_arn(checks, "deploy_role_arn", fleet.deploy_role_arn, account)
    given = fleet.action_role_arn is not None
    if away and not (given and fleet.deploy_role_arn is not None):
        rule = "given when account is another than the pipeline's"
        got = f"{fleet.account} without " + ("deploy_role_arn" if given else "action_role_arn")
        remedy = "create FleetDeployRoles in that account and give its roles"
        checks.refuse("action_role_arn and deploy_role_arn", rule, got, remedy)
    if not away and given:
        rule = "left out for the pipeline's own account"
        remedy = "give account, or leave it out: the role is created here"
        checks.refuse("action_role_arn", rule, repr(fleet.action_role_arn), remedy)
    if fleet.deploy_role_arn is not None and fleet.statements:
        rule, got = "given alone, for statements are those of a role that is created", "both"
        checks.refuse("deploy_role_arn and statements", rule, got, "give the statements to the role")


def _check_region(checks: Checks, scope: Construct, fleet: FleetDeployment, buckets: Mapping[str, s3.IBucket]) -> None:
    if fleet.region is None:
        return
    remedy = "give 'eu-west-1', say"
    check_known(checks, "region", fleet.region, remedy=remedy)
    checks.matches("region", fleet.region, REGION, rule="the name of a region", remedy=remedy)
    here = cdk.Stack.of(scope).region
    if is_token(here):
        rule, got = "left out when the stack's own is not known", repr(fleet.region)
        checks.refuse("region", rule, got, "give the stack of the pipeline env=cdk.Environment(region=...)")
    if fleet.region == here:
        return
    bucket = buckets.get(fleet.region)
    if bucket is None:
        rule = f"one that artifact_buckets has a bucket for when it is not the pipeline's, {here}"
        checks.refuse("region and artifact_buckets", rule, repr(fleet.region), "give a bucket of that region")
    elif is_away(scope, fleet) and bucket.encryption_key is None:
        rule = "a bucket with a key of your own when the fleet is in another account"
        remedy = "give one by s3.Bucket.from_bucket_attributes with its encryption_key, which that account may use"
        checks.refuse(f"artifact_buckets {fleet.region}", rule, "one without a key", remedy)


def _check_buckets(checks: Checks, scope: Construct, buckets: object) -> None:
    if not isinstance(buckets, Mapping):
        remedy = "give {'us-east-1': bucket}, say"
        got = f"{type(buckets).__name__} {buckets!r}"
        checks.refuse("artifact_buckets", "a mapping of regions to buckets", got, remedy)
    here = cdk.Stack.of(scope).region
    for region, bucket in buckets.items():
        argument = f"artifact_buckets {region}"
        remedy = "write regions as 'eu-west-1'"
        check_known(checks, "each region in artifact_buckets", region, remedy=remedy)
        checks.matches("each region in artifact_buckets", region, REGION, rule="the name of a region", remedy=remedy)
        if region == here:
            rule = "of another region than the pipeline's, whose bucket is created"
            checks.refuse(argument, rule, repr(region), "leave it out")
        if bucket is None:
            checks.refuse(argument, "an IBucket", "NoneType None", "give a construct that implements IBucket")
        check_resource(checks, None, argument, bucket, "bucket_arn", "IBucket")
        checks.key(f"encryption_key of {argument}", bucket.encryption_key)
        there = getattr(getattr(bucket, "env", None), "region", None)
        if there not in (None, here, region) and not is_token(there):
            checks.refuse(argument, "a bucket of that region", there, "give it under its own region")
