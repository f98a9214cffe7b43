"""Least privilege: each role of the delivery may do what it needs, on its own stack, and nothing else."""

from __future__ import annotations

import json
from fnmatch import fnmatchcase
from typing import Any

import pytest

from tests.unit.image_builder_cicd import delivery_built as known
from tests.unit.image_builder_cicd.delivered_stacks import delivered, handlers, kinds, role_statements
from tests.unit.image_builder_cicd.delivery_built import Built, Scene, allowing, built, may, permissions
from tests.unit.templates import listed

HERE = f"{known.REGION}:{known.ACCOUNT}"
THERE = f"{known.OTHER_REGION}:{known.OTHER_ACCOUNT}"
IMAGE_ROLE = "Deployments/Image/DeployRole"
FLEET_ROLE = "Deployments/Fleets/Fleet/DeployRole"
BOUNDED = {"StringEquals": {"iam:PermissionsBoundary": "<CicdBoundaryPolicy>"}}
VIA_S3 = {"StringEquals": {"kms:ViaService": f"s3.{known.REGION}.amazonaws.com"}}
MOST_OF_ROLE, MOST_OF_POLICY = 10240, 6144
"""https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html"""

FOR_PROPERTIES = {
    "AWS::IAM::Role": {"iam:AttachRolePolicy", "iam:DetachRolePolicy"},
    "AWS::EC2::SecurityGroup": set(),
    "AWS::ImageBuilder::ImagePipeline": {
        "ecr:BatchGetRepositoryScanningConfiguration", "imagebuilder:GetContainerRecipe",
    },
    "AWS::ImageBuilder::Image": {"ecr:BatchGetRepositoryScanningConfiguration", "imagebuilder:GetContainerRecipe"},
    "AWS::ImageBuilder::InfrastructureConfiguration": {"sns:Publish"},
    "AWS::ImageBuilder::Component": {
        "kms:Decrypt", "kms:Encrypt", "kms:GenerateDataKey", "kms:GenerateDataKeyPair",
        "kms:GenerateDataKeyPairWithoutPlaintext", "kms:GenerateDataKeyWithoutPlaintext",
    },
    "AWS::Lambda::Function": {
        "ec2:DescribeNetworkInterfaces", "ec2:DescribeSubnets", "ec2:DescribeVpcs",
        "elasticfilesystem:DescribeMountTargets", "kms:CreateGrant", "kms:Decrypt", "kms:Encrypt",
        "kms:GenerateDataKey", "lambda:AssociateRuntimeAlias", "lambda:DeleteFunctionCodeSigningConfig",
        "lambda:DeleteFunctionConcurrency", "lambda:GetCodeSigningConfig", "lambda:GetLayerVersion",
        "lambda:PassCapacityProvider", "lambda:PublishVersion", "lambda:PutFunctionCodeSigningConfig",
        "lambda:PutFunctionConcurrency", "lambda:PutFunctionRecursionConfig", "lambda:PutFunctionScalingConfig",
        "lambda:PutRuntimeManagementConfig", "s3:GetObjectVersion", "s3files:ListMountTargets",
    },
    "AWS::Logs::LogGroup": {
        "firehose:TagDeliveryStream", "logs:CreateLogDelivery", "logs:DeleteDataProtectionPolicy",
        "logs:DeleteIndexPolicy", "logs:DeleteResourcePolicy", "logs:DescribeResourcePolicies",
        "logs:PutBearerTokenAuthentication", "logs:PutDataProtectionPolicy", "logs:PutIndexPolicy",
        "logs:PutLogGroupDeletionProtection", "logs:PutResourcePolicy", "s3:REST.PUT.OBJECT",
    },
    "AWS::AutoScaling::AutoScalingGroup": {
        "autoscaling:AttachLoadBalancers", "autoscaling:DetachLoadBalancers", "ec2:Get*",
        "managed-fleets:CreateAutoScalingGroup", "managed-fleets:DeleteAutoScalingGroup",
        "managed-fleets:DeregisterAutoScalingGroup", "managed-fleets:Get*", "managed-fleets:RegisterAutoScalingGroup",
        "managed-fleets:UpdateAutoScalingGroup", "vpc-lattice:DeregisterTargets", "vpc-lattice:GetTargetGroup",
        "vpc-lattice:ListTargets", "vpc-lattice:RegisterTargets",
    },
}  # fmt: skip
"""What handlers call for properties that no construct of the library sets."""

NO_MATTER = {"kms:ViaService"}
"""Conditions of the boundary that the statements of roles need not repeat: all of them use keys through services."""

WITHHELD = {"iam:DeleteRolePermissionsBoundary"}
"""What would undo the boundary."""

BESIDES = {
    "ssm:GetParameters": "https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-supplied-parameter-types.html",
    "s3:ListBucket": "s3:HeadBucket of the schema, as IAM calls it",
    "autoscaling:TerminateInstanceInAutoScalingGroup": "CloudFormation's own part of a rolling update",
}
"""What CloudFormation needs that no handler names."""


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


@pytest.mark.parametrize(("stack", "path"), [("GoldenImage", IMAGE_ROLE), ("Fleet", FLEET_ROLE)])
def test_cloudformation_may_do_what_the_handlers_of_the_resources_call_and_nothing_else(
    made: Built, stack: str, path: str
) -> None:
    given = {action for one in made.plain.statements(path) for action in listed(one["Action"])}
    found = kinds(delivered()[stack])
    for kind in found:
        for needed in handlers(kind) - FOR_PROPERTIES.get(kind, set()) - WITHHELD - {"s3:HeadBucket"}:
            assert any(fnmatchcase(action, needed) for action in given), f"{kind} needs {needed}"
    called = {needed for kind in found for needed in handlers(kind)}
    extra = {one for one in given if not any(fnmatchcase(one, needed) for needed in called)} - set(BESIDES)
    assert not extra
    assert not given & WITHHELD


@pytest.mark.parametrize("kind", sorted(FOR_PROPERTIES))
def test_every_exception_is_one_of_a_handler(kind: str) -> None:
    assert FOR_PROPERTIES[kind] <= handlers(kind)


@pytest.mark.parametrize("path", [IMAGE_ROLE, FLEET_ROLE])
def test_roles_are_made_and_changed_only_with_the_boundary_and_by_the_name_of_the_stack(made: Built, path: str) -> None:
    name = "GoldenImage" if path == IMAGE_ROLE else "Fleet"
    statements = made.plain.statements(path)
    # AWS's guide to boundaries knows the condition for the first four; it may be missing from requests of the others.
    if_said = {"StringEqualsIfExists": BOUNDED["StringEquals"]}
    writing = dict.fromkeys(("CreateRole", "PutRolePolicy", "DeleteRolePolicy", "PutRolePermissionsBoundary"), BOUNDED)
    changing = ("DeleteRole", "UpdateAssumeRolePolicy", "UpdateRole", "UpdateRoleDescription")
    for action, condition in {**writing, **dict.fromkeys(changing, if_said)}.items():
        (only,) = allowing(statements, f"iam:{action}")
        assert only["Condition"] == condition
        assert only["Resource"] == f"arn:aws:iam::{known.ACCOUNT}:role/{name}-*"
    for action in ("AttachRolePolicy", "CreatePolicy", "CreatePolicyVersion", "CreateUser", "SetDefaultPolicyVersion"):
        assert not allowing(statements, f"iam:{action}")
    for one in statements:
        for action in listed(one["Action"]):
            if action.startswith("iam:") and not action.startswith(("iam:Get", "iam:List")):
                for resource in listed(one["Resource"]):
                    assert name in resource or "AWSServiceName" in str(one["Condition"]), f"{action} on {resource}"


def test_no_role_can_touch_the_roles_and_the_policy_of_the_pipeline(made: Built) -> None:
    for path in (IMAGE_ROLE, FLEET_ROLE):
        statements = made.plain.statements(path)
        for resource in ("role/PlainDelivery-CicdPipelineRole-1", "role/Admin", "policy/PlainDelivery-CicdBoundary-1"):
            arn = f"arn:aws:iam::{known.ACCOUNT}:{resource}"
            touching = [one for one in statements if any(fnmatchcase(arn, str(r)) for r in listed(one["Resource"]))]
            allowed = {action for one in touching for action in listed(one["Action"])}
            assert not {action for action in allowed if action.startswith("iam:")}, resource


@pytest.mark.parametrize(
    ("path", "services", "linked"),
    [
        (
            IMAGE_ROLE,
            ["ec2.amazonaws.com", "ec2.amazonaws.com.cn", "imagebuilder.amazonaws.com", "lambda.amazonaws.com"],
            "imagebuilder.amazonaws.com",
        ),
        (FLEET_ROLE, ["ec2.amazonaws.com", "ec2.amazonaws.com.cn"], "autoscaling.amazonaws.com"),
    ],
)
def test_roles_are_handed_to_the_services_of_the_stack_only(
    made: Built, path: str, services: list[str], linked: str
) -> None:
    statements = made.plain.statements(path)
    (passing,) = allowing(statements, "iam:PassRole")
    assert passing["Condition"] == {"StringEquals": {"iam:PassedToService": services}}
    (linking,) = allowing(statements, "iam:CreateServiceLinkedRole")
    assert linking["Condition"] == {"StringEquals": {"iam:AWSServiceName": linked}}
    assert linking["Resource"].endswith(f":role/aws-service-role/{linked}/*")


def test_what_has_a_name_at_random_must_have_the_tag_of_its_stack(made: Built) -> None:
    mine, marked = (
        {"StringEquals": {f"aws:{kind}Tag/cdk-refarch:stack": "GoldenImage"}} for kind in ("Resource", "Request")
    )
    image = made.plain.statements(IMAGE_ROLE)
    for action, condition in (
        ("CreateKey", marked),
        ("TagResource", marked),
        ("PutKeyPolicy", mine),
        ("ScheduleKeyDeletion", mine),
    ):
        (only,) = allowing(image, f"kms:{action}")
        assert only["Condition"] == condition, action
    fleet = made.plain.statements(FLEET_ROLE)
    (creating,) = allowing(fleet, "ec2:CreateLaunchTemplate")
    assert creating["Condition"] == {"StringEquals": {"aws:RequestTag/cdk-refarch:stack": "Fleet"}}
    for action in ("CreateLaunchTemplateVersion", "DeleteLaunchTemplate"):
        (only,) = allowing(fleet, f"ec2:{action}")
        assert only["Condition"] == {"StringEquals": {"aws:ResourceTag/cdk-refarch:stack": "Fleet"}}
    for statements, name in ((image, "GoldenImage"), (fleet, "Fleet")):
        for action in ("AuthorizeSecurityGroupIngress", "DeleteSecurityGroup"):
            (only,) = allowing(statements, f"ec2:{action}")
            assert only["Condition"] == {"StringEquals": {"aws:ResourceTag/aws:cloudformation:stack-name": name}}


def test_a_launch_template_of_another_stack_starts_nothing(made: Built) -> None:
    template, others = allowing(made.plain.statements(FLEET_ROLE), "ec2:RunInstances")
    assert template["Resource"] == f"arn:aws:ec2:{HERE}:launch-template/*"
    assert template["Condition"] == {"StringEquals": {"aws:ResourceTag/cdk-refarch:stack": "Fleet"}}
    assert others["Condition"] == {"ArnLike": {"ec2:LaunchTemplate": f"arn:aws:ec2:{HERE}:launch-template/*"}}


@pytest.mark.parametrize("stack", ["GoldenImage", "Fleet"])
def test_the_boundary_allows_what_the_roles_of_the_constructs_may_do(made: Built, stack: str) -> None:
    statements = made.plain.of(made.plain.made.boundary)["PolicyDocument"]["Statement"]
    for role, one in role_statements(delivered()[stack]):
        for action in listed(one["Action"]):
            for resource in listed(one["Resource"]):
                if ":launch-template/" in resource:
                    # Which must have the tag that the boundary asks for: see LaunchTemplateUpdate.
                    assert may(statements, action, resource)
                    continue
                assert covers(statements, action, resource, one.get("Condition", {})), f"{role}: {action} {resource}"


def covers(statements: list[dict[str, Any]], action: str, resource: str, condition: dict[str, Any]) -> bool:
    """Whether a statement allows an action on a resource under no more conditions than the role has itself."""
    # What is made in the stack has its name or its key.
    named = resource.startswith("<") or resource == "*"
    return any(
        (named or any(fnmatchcase(resource, pattern) for pattern in listed(limit["Resource"])))
        and all(
            named or key in NO_MATTER or met(condition.get(operator, {}).get(key), value)
            for operator, keys in limit.get("Condition", {}).items()
            for key, value in keys.items()
        )
        for limit in allowing(statements, action)
    )


def met(value: Any, allowed: Any) -> bool:
    """Whether a condition of a role lets nothing through but what one of the boundary does."""
    return value is not None and set(listed(value)) <= set(listed(allowed))


def test_the_boundary_allows_no_more_changes_of_permissions_than_handing_on_a_role_of_the_image(made: Built) -> None:
    statements = made.plain.of(made.plain.made.boundary)["PolicyDocument"]["Statement"]
    actions = {action for one in statements for action in listed(one["Action"])}
    assert {one for one in actions if one.startswith(("iam:", "sts:", "kms:Put"))} == {
        "iam:CreateServiceLinkedRole",
        "iam:PassRole",
        "sts:AssumeRole",
    }
    (passing,) = allowing(statements, "iam:PassRole")
    assert passing["Resource"] == f"arn:aws:iam::{known.ACCOUNT}:role/GoldenImage-*"
    (assuming,) = allowing(statements, "sts:AssumeRole")
    assert assuming["Resource"] == "arn:aws:iam::*:role/EC2ImageBuilderDistributionCrossAccountRole"


def test_nothing_that_is_there_can_be_marked_as_image_builders_but_images_and_snapshots(made: Built) -> None:
    statements = made.plain.of(made.plain.made.boundary)["PolicyDocument"]["Statement"]
    for kind in ("instance", "volume", "launch-template", "security-group"):
        arn = f"arn:aws:ec2:{known.REGION}:{known.ACCOUNT}:{kind}/x-1"
        for one in allowing(statements, "ec2:CreateTags"):
            if any(fnmatchcase(arn, str(resource)) for resource in listed(one["Resource"])):
                condition = one["Condition"]["StringEquals"]
                assert "ec2:CreateAction" in condition or "aws:ResourceTag/CreatedBy" in condition, arn


def test_the_boundary_of_fleets_alone_allows_signals_and_what_was_asked_for(made: Built) -> None:
    statements = made.away.of(made.away.made.boundary)["PolicyDocument"]["Statement"]
    assert permissions(statements) == {
        ("cloudformation:SignalResource", f"arn:aws:cloudformation:*:{known.OTHER_ACCOUNT}:stack/*", ""),
        ("s3:GetObject", "arn:aws:s3:::packages/*", ""),
    }


def test_the_pipeline_itself_fetches_builds_asks_and_assumes(made: Built) -> None:
    objects, key = "<CicdArtifactsBucket.Arn>/*", "<CicdKey.Arn>"
    bucket = "<CicdArtifactsBucket.Arn>"
    via = {
        service: str({"StringEquals": {"kms:ViaService": f"{service}.{known.REGION}.amazonaws.com"}})
        for service in ("codecommit", "s3", "sns")
    }
    encrypting = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
    fetching = ("CancelUploadArchive", "GetBranch", "GetCommit", "GetUploadArchiveStatus", "UploadArchive")
    assert permissions(made.plain.statements("PipelineRole")) == {
        *((f"codecommit:{one}", "<CicdRepository.Arn>", "") for one in fetching),
        *((f"kms:{one}", key, via["codecommit"]) for one in (*encrypting, "GenerateDataKeyWithoutPlaintext")),
        ("sns:Publish", "<CicdApprovalTopic>", ""),
        *((f"kms:{one}", key, via["sns"]) for one in ("Decrypt", "GenerateDataKey")),
        *((f"codebuild:{one}", "<CicdBuildProject.Arn>", "") for one in ("BatchGetBuilds", "StartBuild", "StopBuild")),
        *((f"s3:GetBucket{one}", bucket, "") for one in ("Acl", "Location", "Versioning")),
        *((f"s3:{one}", objects, "") for one in ("GetObject", "GetObjectVersion", "PutObject", "PutObjectAcl")),
        *((f"kms:{one}", key, via["s3"]) for one in encrypting),
    }
    assume = made.plain.of(made.plain.named("AssumeActionRoles"))
    assert assume["Roles"] == ["<CicdPipelineRole>"]
    assert permissions(assume["PolicyDocument"]["Statement"]) == {
        ("sts:AssumeRole", "<CicdDeploymentsImageActionRole.Arn>", ""),
        ("sts:AssumeRole", "<CicdDeploymentsFleetsFleetActionRole.Arn>", ""),
    }


def test_the_pipeline_waits_until_it_may_assume_the_roles_of_its_actions(made: Built) -> None:
    for scene in made.pipelines:
        policy = scene.named("AssumeActionRoles")
        assert scene.template.resolve(policy.logical_id) in scene.template.resource(scene.made.pipeline)["DependsOn"]
        assume = scene.of(policy)["PolicyDocument"]["Statement"]
        roles = {
            action["RoleArn"]
            for stage in scene.of(scene.made.pipeline)["Stages"]
            for action in stage["Actions"]
            if "RoleArn" in action
        }
        assert {resource for _, resource, _ in permissions(assume)} == roles


@pytest.mark.parametrize("connection", [known.CONNECTION, known.OLD_CONNECTION])
def test_a_connection_is_used_for_its_repository_only(made: Built, connection: str) -> None:
    service = connection.split(":")[2]
    scene = made.full if connection == known.CONNECTION else other_connection()
    using = [one for one in scene.statements("PipelineRole") if "UseConnection" in str(one["Action"])]
    condition = {"StringEqualsIfExists": {f"{service}:FullRepositoryId": "group/part/images"}}
    assert permissions(using) == {(f"{service}:UseConnection", connection, str(condition))}


def other_connection() -> Scene:
    import aws_cdk as cdk

    from cdk_refarch import ConnectionSource, ImageBuilderCicd
    from tests.unit.templates import Template

    stack = cdk.Stack(cdk.App(), "Delivery", env=known.ENV)
    source = ConnectionSource(connection_arn=known.OLD_CONNECTION, repository="group/part/images")
    return Scene(ImageBuilderCicd(stack, "Cicd", source=source), Template(stack))


def test_actions_make_change_sets_of_their_stack_with_its_role_only(made: Built) -> None:
    stack, role = f"arn:aws:cloudformation:{HERE}:stack/Fleet/*", "<CicdDeploymentsFleetsFleetDeployRole.Arn>"
    others = ("DeleteChangeSet", "DescribeChangeSet", "DescribeStackEvents", "DescribeStacks", "ExecuteChangeSet")
    assert permissions(made.plain.statements("Deployments/Fleets/Fleet/ActionRole")) == {
        ("cloudformation:CreateChangeSet", stack, str({"StringEquals": {"cloudformation:RoleArn": role}})),
        *((f"cloudformation:{one}", stack, "") for one in others),
        ("iam:PassRole", role, str({"StringEquals": {"iam:PassedToService": "cloudformation.amazonaws.com"}})),
        ("ssm:GetParameters", f"arn:aws:ssm:{HERE}:parameter/imagebuilder/goldenimage-*", ""),
        ("ssm:GetParameters", f"arn:aws:ssm:{HERE}:parameter/cdk-bootstrap/hnb659fds/version", ""),
        *((f"s3:{one}", "<CicdArtifactsBucket.Arn>/*", "") for one in ("GetObject", "GetObjectVersion")),
        *((f"kms:{one}", "<CicdKey.Arn>", str(VIA_S3)) for one in ("Decrypt", "DescribeKey")),
    }


def test_a_fleet_of_another_region_has_roles_for_that_region(made: Built) -> None:
    far = f"{known.OTHER_REGION}:{known.ACCOUNT}"
    action = made.full.statements("Deployments/Fleets/Far/ActionRole")
    assert may(action, "cloudformation:CreateChangeSet", f"arn:aws:cloudformation:{far}:stack/Portal/1")
    assert may(action, "s3:GetObject", "arn:aws:s3:::far-artifacts/key")
    (key,) = allowing(action, "kms:Decrypt")
    assert key["Resource"] == known.FAR_KEY
    assert key["Condition"] == {"StringEquals": {"kms:ViaService": f"s3.{known.OTHER_REGION}.amazonaws.com"}}
    deploy = made.full.statements("Deployments/Fleets/Far/DeployRole")
    assert may(
        deploy,
        "autoscaling:CreateAutoScalingGroup",
        f"arn:aws:autoscaling:{far}:autoScalingGroup:1:autoScalingGroupName/Portal-A-1",
    )
    assert not may(
        deploy,
        "autoscaling:CreateAutoScalingGroup",
        f"arn:aws:autoscaling:{HERE}:autoScalingGroup:1:autoScalingGroupName/Portal-A-1",
    )
    assert not made.full.made.node.find_child("Deployments").node.find_child("Fleets").node.try_find_child("Away")


def test_statements_of_the_consumer_are_those_of_one_role(made: Built) -> None:
    for path, has in (("Image", True), ("Fleets/Staging", True), ("Fleets/Far", False)):
        statements = made.full.statements(f"Deployments/{path}/DeployRole")
        assert ("s3:GetObject", "arn:aws:s3:::packages/*", "") in permissions(statements) or not has
        assert may(statements, "s3:GetObject", "arn:aws:s3:::packages/a") is has
    boundary = made.full.of(made.full.made.boundary)["PolicyDocument"]["Statement"]
    assert may(boundary, "s3:GetObject", "arn:aws:s3:::packages/a")
    plain = made.plain.of(made.plain.made.boundary)["PolicyDocument"]["Statement"]
    assert not may(plain, "s3:GetObject", "arn:aws:s3:::packages/a")


def test_the_build_reads_the_source_writes_templates_and_publishes_assets_where_stacks_are(made: Built) -> None:
    encrypting = ("Decrypt", "DescribeKey", "Encrypt", "GenerateDataKey", "ReEncryptFrom", "ReEncryptTo")
    places = (
        (known.ACCOUNT, known.REGION),
        (known.ACCOUNT, known.OTHER_REGION),
        (known.OTHER_ACCOUNT, known.OTHER_REGION),
        (known.OTHER_ACCOUNT, known.REGION),
    )
    assert permissions(made.full.statements("Build/Role")) == {
        ("logs:CreateLogStream", "<CicdBuildLog.Arn>", ""),
        ("logs:PutLogEvents", "<CicdBuildLog.Arn>", ""),
        *((f"s3:{one}", "<CicdArtifactsBucket.Arn>/*", "") for one in ("GetObject", "GetObjectVersion", "PutObject")),
        *((f"kms:{one}", "<CicdKey.Arn>", str(VIA_S3)) for one in encrypting),
        *(
            ("sts:AssumeRole", f"arn:aws:iam::{account}:role/cdk-images-file-publishing-role-{account}-{region}", "")
            for account, region in places
        ),
        ("ssm:GetParameter", f"arn:aws:ssm:{HERE}:parameter/cdk-bootstrap/images/version", ""),
    }


def test_only_the_service_assumes_a_role_and_only_for_what_it_is_for(made: Built) -> None:
    def service(name: str, condition: dict[str, Any]) -> dict[str, Any]:
        return {"Principal": {"Service": f"{name}.amazonaws.com"}, "Condition": condition}

    account = {"aws:SourceAccount": known.ACCOUNT}
    pipelines, stack = f"arn:aws:codepipeline:{HERE}:*", f"arn:aws:cloudformation:{HERE}:stack/GoldenImage/*"
    if_said = {"StringEqualsIfExists": account}
    assert made.plain.trust("PipelineRole") == service(
        "codepipeline", {**if_said, "ArnLikeIfExists": {"aws:SourceArn": pipelines}}
    )
    assert made.plain.trust(IMAGE_ROLE) == service(
        "cloudformation", {**if_said, "ArnLikeIfExists": {"aws:SourceArn": stack}}
    )
    projects = {"aws:SourceArn": f"arn:aws:codebuild:{HERE}:project/*"}
    assert made.plain.trust("Build/Role") == service("codebuild", {"StringEquals": account, "ArnLike": projects})
    rules = {"aws:SourceArn": f"arn:aws:events:{HERE}:rule/*"}
    assert made.plain.trust("SourceEvents/Role") == service("events", {"StringEquals": account, "ArnLike": rules})
    for path in ("Deployments/Image/ActionRole", "Deployments/Fleets/Fleet/ActionRole"):
        assert made.plain.trust(path) == {"Principal": {"AWS": "<CicdPipelineRole.Arn>"}}


def test_in_another_account_the_pipeline_alone_is_trusted(made: Built) -> None:
    assert made.away.trust("ActionRole") == {
        "Principal": {"AWS": f"arn:aws:iam::{known.ACCOUNT}:root"},
        "Condition": {"ArnLike": {"aws:PrincipalArn": known.PIPELINE_ROLE}},
    }
    stack = f"arn:aws:cloudformation:{THERE}:stack/Shop/*"
    action = made.away.statements("ActionRole")
    (creating,) = allowing(action, "cloudformation:CreateChangeSet")
    assert creating["Resource"] == stack
    assert may(action, "s3:GetObject", "arn:aws:s3:::far-artifacts/key")
    (key,) = allowing(action, "kms:Decrypt")
    assert key["Resource"] == known.FAR_KEY
    (parameters,) = allowing(action, "ssm:GetParameters")
    assert set(parameters["Resource"]) == {
        f"arn:aws:ssm:{THERE}:parameter/imagebuilder/web-image-*",
        f"arn:aws:ssm:{THERE}:parameter/cdk-bootstrap/images/version",
    }
    deploy = made.away.statements("DeployRole")
    (creating,) = allowing(deploy, "iam:CreateRole")
    assert creating["Condition"] == {"StringEquals": {"iam:PermissionsBoundary": "<RolesBoundaryPolicy>"}}
    assert may(deploy, "s3:GetObject", "arn:aws:s3:::packages/a")


def test_the_key_and_the_bucket_admit_the_roles_of_other_accounts_that_read_there_and_nobody_else(made: Built) -> None:
    only = {"ArnEquals": {"aws:PrincipalArn": known.NEAR_ACTION_ROLE}}
    bucket_policy = next(
        one for one in made.full.all("AWS::S3::BucketPolicy") if one["Bucket"] == "<CicdArtifactsBucket>"
    )
    others = [one for one in bucket_policy["PolicyDocument"]["Statement"] if known.OTHER_ACCOUNT in str(one)]
    (reading,) = others
    assert reading == {
        "Effect": "Allow",
        "Action": ["s3:GetObject", "s3:GetObjectVersion"],
        "Resource": "<CicdArtifactsBucket.Arn>/*",
        "Principal": {"AWS": f"arn:aws:iam::{known.OTHER_ACCOUNT}:root"},
        "Condition": only,
    }
    key = made.full.of(made.full.made.encryption_key)["KeyPolicy"]["Statement"]
    (decrypting,) = [one for one in key if known.OTHER_ACCOUNT in str(one)]
    assert decrypting["Action"] == ["kms:Decrypt", "kms:DescribeKey"]
    assert decrypting["Condition"] == only
    plain = json.dumps([made.plain.of(made.plain.made.encryption_key), made.plain.all("AWS::S3::BucketPolicy")])
    assert "ArnEquals" not in plain


def test_the_starter_and_the_rule_start_this_pipeline_only(made: Built) -> None:
    pipeline = f"arn:aws:codepipeline:{HERE}:<CicdPipeline>"
    starting = permissions(made.plain.statements("SourceEvents/Role"))
    assert starting == {("codepipeline:StartPipelineExecution", pipeline, "")}
    own = {one for one in permissions(made.plain.statements("Starter/FunctionRole")) if "codepipeline" in one[0]}
    assert own == starting | {("codepipeline:GetPipelineState", pipeline, "")}


def test_policies_are_small_enough_for_iam_with_the_longest_names() -> None:
    import aws_cdk as cdk

    from cdk_refarch import FleetDeployment, ImageBuilderCicd, ImageDeployment
    from tests.unit.templates import Template

    env = cdk.Environment(account=known.ACCOUNT, region="ap-southeast-1")
    stack = cdk.Stack(cdk.App(), "Delivery", env=env)
    made = ImageBuilderCicd(
        stack, "Cicd", image=ImageDeployment(stack_name="I" * 60), fleets=[FleetDeployment(stack_name="F" * 60)]
    )
    scene = Scene(made, Template(stack))
    for path in (IMAGE_ROLE, FLEET_ROLE):
        # A tenth is left for what the consumer adds.
        assert size(scene.of(scene.named(path))["Policies"]) < MOST_OF_ROLE * 0.9
    assert size(scene.of(made.boundary)["PolicyDocument"]) < MOST_OF_POLICY * 0.9


def size(document: Any) -> int:
    """How long a policy is as IAM counts, with references as long as ARNs of roles can be."""
    text = json.dumps(document, separators=(",", ":"))
    return len(text.replace(".Arn>", "." * 100))


@pytest.mark.parametrize(
    ("stack_name", "pattern"),
    [
        ("GoldenImage", "GoldenImage-*"),
        ("A" * 24, "A" * 24 + "-*"),
        ("A" * 24 + "b", "A" * 24 + "*"),
        ("A" * 24 + "-image", "A" * 24 + "*"),
    ],
)
def test_the_pattern_of_names_holds_when_cloudformation_shortens_them(stack_name: str, pattern: str) -> None:
    from cdk_refarch.image_builder_cicd.delivery.stack_scope import name_pattern

    assert name_pattern(stack_name) == pattern
