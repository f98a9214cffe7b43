"""The pipeline: what its stages do, in which order, with what, and what starts it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.unit.image_builder_cicd import delivery_built as known
from tests.unit.image_builder_cicd.delivery_built import Built, Scene, built


@pytest.fixture(scope="module")
def made() -> Built:
    return built()


def types(actions: list[Any]) -> list[tuple[int, str, str]]:
    """Order, name and provider of each action."""
    return [(one["RunOrder"], one["Name"], one["ActionTypeId"]["Provider"]) for one in actions]


def deploys(order: int, name: str) -> tuple[int, str, str]:
    return order, name, "CloudFormation"


def test_one_fleet_is_deployed_after_the_image_once_somebody_has_approved_its_change_set(made: Built) -> None:
    pipeline = made.plain.of(made.plain.made.pipeline)
    assert [stage["Name"] for stage in pipeline["Stages"]] == ["Source", "Build", "Image", "Fleet"]
    assert types(made.plain.stage("Source")) == [(1, "Source", "CodeCommit")]
    assert types(made.plain.stage("Build")) == [(1, "Build", "CodeBuild")]
    assert types(made.plain.stage("Image")) == [deploys(1, "Prepare"), deploys(2, "Execute")]
    asked = [deploys(1, "Prepare"), (2, "Approve", "Manual"), deploys(3, "Execute")]
    assert types(made.plain.stage("Fleet")) == asked


def test_of_several_fleets_the_first_is_rolled_over_alone_and_the_others_get_what_it_got(made: Built) -> None:
    pipeline = made.full.of(made.full.made.pipeline)
    assert [stage["Name"] for stage in pipeline["Stages"]] == ["Source", "Build", "Image", "Fleet"]
    others = ("Far", "Away", "Near")
    assert types(made.full.stage("Fleet")) == [
        deploys(1, "Prepare"),
        *(deploys(1, f"Prepare{name}") for name in others),
        (2, "Approve", "Manual"),
        deploys(3, "Execute"),
        *(deploys(4, f"Execute{name}") for name in others),
    ]


def test_type_and_execution_mode_do_not_depend_on_the_flags_of_the_app(made: Built) -> None:
    for scene in made.pipelines:
        pipeline = scene.of(scene.made.pipeline)
        assert (pipeline["PipelineType"], pipeline["ExecutionMode"]) == ("V2", "SUPERSEDED")
        assert "Name" not in pipeline


def test_a_change_set_is_made_by_the_roles_of_its_stack_and_executed_as_it_was_seen(made: Built) -> None:
    prepare = made.full.action("Fleet", "Prepare")
    assert prepare["Configuration"] == {
        "ActionMode": "CHANGE_SET_REPLACE",
        "StackName": "Staging",
        "ChangeSetName": "Pipeline",
        "TemplatePath": "Templates::Staging.template.json",
        "ParameterOverrides": '{"MinSize":"1"}',
        "Capabilities": "CAPABILITY_IAM",
        "RoleArn": "<CicdDeploymentsFleetsStagingDeployRole.Arn>",
    }
    assert prepare["InputArtifacts"] == [{"Name": "Templates"}]
    execute = made.full.action("Fleet", "Execute")
    assert execute["Configuration"] == {
        "ActionMode": "CHANGE_SET_EXECUTE",
        "StackName": "Staging",
        "ChangeSetName": "Pipeline",
    }
    for action in (prepare, execute):
        assert action["RoleArn"] == "<CicdDeploymentsFleetsStagingActionRole.Arn>"
        assert "Region" not in action


def test_templates_are_named_after_their_stacks_unless_said_otherwise(made: Built) -> None:
    paths = {
        (stage, name): made.full.action(stage, name)["Configuration"]["TemplatePath"]
        for stage, name in (("Image", "Prepare"), ("Fleet", "PrepareFar"), ("Fleet", "PrepareAway"))
    }
    assert list(paths.values()) == ["Templates::image.json", "Templates::out/web.json", "Templates::Shop.template.json"]
    plain = made.plain.action("Image", "Prepare")["Configuration"]
    assert plain["TemplatePath"] == "Templates::GoldenImage.template.json"
    assert "ParameterOverrides" not in plain


def test_a_fleet_of_another_account_is_deployed_by_the_roles_that_it_has_there(made: Built) -> None:
    for name, region in (("Away", known.OTHER_REGION), ("Near", None)):
        prepare, execute = (made.full.action("Fleet", f"{verb}{name}") for verb in ("Prepare", "Execute"))
        assert prepare["Configuration"]["RoleArn"] == known.DEPLOY_ROLE
        role = known.ACTION_ROLE if name == "Away" else known.NEAR_ACTION_ROLE
        assert prepare["RoleArn"] == execute["RoleArn"] == role
        assert prepare.get("Region") == execute.get("Region") == region
    assert sorted(made.full.made.fleet_roles) == ["Far", "Staging"]
    assert made.full.action("Fleet", "PrepareFar")["Region"] == known.OTHER_REGION


def test_roles_that_are_given_are_used_and_not_made(made: Built) -> None:
    image, fleet = (made.given.action(stage, "Prepare")["Configuration"]["RoleArn"] for stage in ("Image", "Fleet"))
    assert image == f"arn:aws:iam::{known.ACCOUNT}:role/image-deploy"
    assert fleet == f"arn:aws:iam::{known.ACCOUNT}:role/fleet-deploy"
    assert made.given.made.fleet_roles == {}
    assert made.given.shown(made.given.made.image_role.role_arn) == image
    assert "DeployRole" not in json.dumps(made.given.template.json)


def test_nobody_is_asked_without_an_approval_and_no_order_is_left_out() -> None:
    from cdk_refarch.image_builder_cicd.delivery.stages import Deployment, fleet_stage

    one = Deployment(stack_name="A", template="a", parameters={}, region=None, action_role_arn="r", deploy_role_arn="r")
    stage = fleet_stage([one], None)
    assert [action.run_order for action in stage.actions] == [1, 2]  # type: ignore[union-attr]


def test_artifacts_are_in_one_bucket_or_in_one_of_each_region(made: Built) -> None:
    key = {"Type": "KMS", "Id": "<CicdKey.Arn>"}
    home = {"Type": "S3", "Location": "<CicdArtifactsBucket>", "EncryptionKey": key}
    plain = made.plain.of(made.plain.made.pipeline)
    assert plain["ArtifactStore"] == home
    assert "ArtifactStores" not in plain
    full = made.full.of(made.full.made.pipeline)
    assert "ArtifactStore" not in full
    far = {"Type": "S3", "Location": "far-artifacts", "EncryptionKey": {"Type": "KMS", "Id": known.FAR_KEY}}
    assert full["ArtifactStores"] == [
        {"Region": known.REGION, "ArtifactStore": home},
        {"Region": known.OTHER_REGION, "ArtifactStore": far},
    ]


def test_the_bucket_for_artifacts_is_private_encrypted_and_versioned(made: Built) -> None:
    bucket = made.plain.of(made.plain.made.artifact_bucket)
    (rule,) = bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"]
    assert rule["ServerSideEncryptionByDefault"]["KMSMasterKeyID"] == "<CicdKey.Arn>"
    assert bucket["VersioningConfiguration"] == {"Status": "Enabled"}
    assert made.given.of(made.given.made.artifact_bucket)["LoggingConfiguration"]["DestinationBucketName"] == "<Logs>"


def test_a_repository_is_made_with_the_key_and_stays(made: Built) -> None:
    repository = made.plain.template.resource(made.plain.made.repository)
    assert repository["DeletionPolicy"] == "Retain"
    assert made.plain.of(made.plain.made.repository)["KmsKeyId"] == "<CicdKey.Arn>"
    assert made.plain.of(made.plain.made.repository)["RepositoryName"].startswith("golden-image-")
    action = made.plain.action("Source", "Source")
    assert action["Configuration"] == {
        "RepositoryName": "<CicdRepository.Name>",
        "BranchName": "main",
        "PollForSourceChanges": "false",
        "OutputArtifactFormat": "CODE_ZIP",
    }
    assert action["OutputArtifacts"] == made.plain.action("Build", "Build")["InputArtifacts"] == [{"Name": "Source"}]


def test_a_push_to_the_branch_starts_the_pipeline_and_nothing_else_does(made: Built) -> None:
    for scene, repository in ((made.plain, "<CicdRepository.Arn>"), (made.given, "<Repository.Arn>")):
        rule = scene.of(scene.named("SourceEvents/Rule"))
        assert rule["EventPattern"] == {
            "source": ["aws.codecommit"],
            "detail-type": ["CodeCommit Repository State Change"],
            "resources": [repository],
            "detail": {
                "event": ["referenceCreated", "referenceUpdated"],
                "referenceType": ["branch"],
                "referenceName": ["main"],
            },
        }
        (target,) = rule["Targets"]
        assert target["Arn"] == arn(scene)
        assert target["RoleArn"] == "<CicdSourceEventsRole.Arn>"
        assert target["DeadLetterConfig"] == {"Arn": "<CicdSourceEventsFailedEvents.Arn>"}
        assert "Triggers" not in scene.of(scene.made.pipeline)


def arn(scene: Scene) -> str:
    shown = scene.shown(scene.made.pipeline_arn)
    assert shown == f"arn:aws:codepipeline:{known.REGION}:{known.ACCOUNT}:<CicdPipeline>"
    return str(shown)


def test_a_connection_starts_the_pipeline_by_a_trigger_for_the_branch(made: Built) -> None:
    pipeline = made.full.of(made.full.made.pipeline)
    assert pipeline["Triggers"] == [
        {
            "ProviderType": "CodeStarSourceConnection",
            "GitConfiguration": {
                "SourceActionName": "Source",
                "Push": [{"Branches": {"Includes": ["release"]}}],
            },
        }
    ]
    assert made.full.action("Source", "Source")["Configuration"] == {
        "ConnectionArn": known.CONNECTION,
        "FullRepositoryId": "group/part/images",
        "BranchName": "release",
        "DetectChanges": "true",
        "OutputArtifactFormat": "CODE_ZIP",
    }
    assert made.full.made.repository is None
    assert made.full.all("AWS::CodeCommit::Repository") == []
    assert made.full.made.node.try_find_child("SourceEvents") is None


def test_the_build_is_told_the_stacks_the_boundary_and_the_qualifier(made: Built) -> None:
    name = made.plain.variables.pop("PERMISSIONS_BOUNDARY")
    assert name == {"Fn::Select": [1, {"Fn::Split": ["/", "<CicdBoundaryPolicy>"]}]}
    assert name == made.plain.shown(made.plain.made.boundary_name)
    assert made.full.variables == {
        "IMAGE_STACK": "Web-Image",
        "FLEET_STACKS": "Staging,Portal,Shop,Desk",
        "PERMISSIONS_BOUNDARY": made.full.shown(made.full.made.boundary_name),
        "CDK_QUALIFIER": "images",
        "STAGE": "production",
    }


def test_the_build_runs_without_privileges_with_a_log_and_a_key(made: Built) -> None:
    project = made.full.of(made.full.made.project)
    assert project["Environment"]["PrivilegedMode"] is False
    assert project["Environment"]["Image"].startswith("aws/codebuild/")
    assert project["EncryptionKey"] == "<CicdKey.Arn>"
    assert project["TimeoutInMinutes"] == 60
    assert project["Source"] == {"Type": "CODEPIPELINE", "BuildSpec": "ci/build.yml"}
    assert project["LogsConfig"]["CloudWatchLogs"] == {"Status": "ENABLED", "GroupName": "<CicdBuildLog>"}
    assert made.full.of(made.full.named("Build/Log"))["KmsKeyId"] == "<CicdKey.Arn>"
    assert made.full.action("Build", "Build")["Configuration"] == {"ProjectName": "<CicdBuildProject>"}


def test_those_who_are_asked_are_told_by_a_topic_with_the_key(made: Built) -> None:
    approve = made.full.action("Fleet", "Approve")
    assert approve["TimeoutInMinutes"] == 480
    assert approve["Configuration"]["NotificationArn"] == "<CicdApprovalTopic>"
    assert "Staging" in approve["Configuration"]["CustomData"]
    assert made.full.of(made.full.made.approval_topic)["KmsMasterKeyId"] == "<CicdKey.Arn>"
    addresses = {one["Endpoint"] for one in made.full.all("AWS::SNS::Subscription")}
    assert addresses == {"ops@example.com", "dev@example.com"}
    assert made.given.action("Fleet", "Approve")["Configuration"]["NotificationArn"] == "<Asked>"
    assert made.given.made.node.try_find_child("ApprovalTopic") is None


def test_a_new_image_of_the_stack_calls_the_starter(made: Built) -> None:
    starter = made.full.made.starter
    (target,) = made.full.of(starter.rule)["Targets"]
    assert target["Arn"] == made.full.shown(starter.function.function_arn)
    images = f"arn:aws:imagebuilder:{known.REGION}:{known.ACCOUNT}:image/web-image-"
    assert made.full.of(starter.rule)["EventPattern"] == {
        "source": ["aws.imagebuilder"],
        "detail-type": ["EC2 Image Builder Image State Change"],
        "resources": [{"prefix": images}],
        "detail": {"state": {"status": ["AVAILABLE"]}},
    }
    variables = made.full.of(starter.function)["Environment"]["Variables"]
    assert variables == {"PIPELINE_NAME": "<CicdPipeline>", "STAGE_NAME": "Image"}
    assert variables["STAGE_NAME"] in [stage["Name"] for stage in made.full.of(made.full.made.pipeline)["Stages"]]
    assert made.given.made.starter is None


def test_every_way_to_fail_has_an_alarm_that_tells_the_topic(made: Built) -> None:
    starter = {"StarterErrors", "StarterFailedEvents"}
    assert set(made.plain.made.alarms) == {"PipelineFailed", "SourceEventsFailed", *starter}
    assert set(made.full.made.alarms) == {"PipelineFailed", *starter}
    assert set(made.given.made.alarms) == {"PipelineFailed", "SourceEventsFailed"}
    for alarm in made.full.made.alarms.values():
        assert made.full.of(alarm)["AlarmActions"] == ["<Alarms>"]
    rule = made.plain.named("Failure/Rule")
    assert made.plain.of(rule)["EventPattern"]["detail"] == {"pipeline": ["<CicdPipeline>"], "state": ["FAILED"]}
    failed = made.plain.of(made.plain.made.alarms["PipelineFailed"])
    assert failed["Dimensions"] == [{"Name": "RuleName", "Value": made.plain.shown(rule.ref)}]
    waiting = made.plain.of(made.plain.made.alarms["SourceEventsFailed"])
    assert waiting["Dimensions"] == [{"Name": "QueueName", "Value": "<CicdSourceEventsFailedEvents.QueueName>"}]


def test_removal_destroys_what_it_is_told_to(made: Built) -> None:
    for scene, policy in ((made.full, "Delete"), (made.plain, "Retain")):
        for construct in (scene.made.artifact_bucket, scene.made.encryption_key, scene.named("Build/Log")):
            assert scene.template.resource(construct)["DeletionPolicy"] == policy


def test_the_roles_of_another_account_have_the_name_of_the_boundary_that_templates_have(made: Built) -> None:
    assert made.away.of(made.away.made.boundary)["ManagedPolicyName"] == "FullDelivery-Boundary-1"
    assert "ManagedPolicyName" not in made.full.of(made.full.made.boundary)
